"""Models of requests and answers are built at their first use, which several threads may share."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from functions.http.models import Answer
from shared.domain.inputs import Input

THREADS = 8


@pytest.fixture
def often() -> Iterator[None]:
    """Make threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def answering() -> Callable[[int], object]:
    """Build a door with models of its own, which was not used yet."""

    class Question(Input):
        some_text: str = ""

    class Part(Answer):
        some_text: str

    class Whole(Answer):
        parts: list[Part]

    ready = Barrier(THREADS)

    def answer(number: int) -> object:
        ready.wait()
        text = Question.model_validate_json(f'{{"someText": "{number}"}}').some_text
        return Whole(parts=[Part(some_text=text)]).model_dump(by_alias=True, mode="json")

    return answer


@pytest.mark.usefixtures("often")
def test_many_threads_may_be_the_first_to_use_a_model() -> None:
    for _ in range(20):
        with ThreadPoolExecutor(THREADS) as threads:
            answers = list(threads.map(answering(), range(THREADS)))
        assert answers == [{"parts": [{"someText": str(n)}]} for n in range(THREADS)]
