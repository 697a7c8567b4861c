"""Every door answers as it is recorded, and everything that can be called is recorded."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pytest

from tests.recorded.answers import answers_of, file_of, functions
from tests.recorded.asking import ANSWERS, AS
from tests.recorded.entrances.doors import Endpoint, endpoints
from tests.recorded.pages import changes, load

DESCRIBED = {"GET /openapi.json"}
"""Recorded whole, in ``openapi/``."""


@pytest.mark.parametrize("function", functions())
def test_a_door_answers_as_recorded(function: str) -> None:
    different = "\n".join(changes(file_of(function), answers_of(function)))
    assert not different, f"{different}\nIf it is meant: python -m tests.recorded {function}"


@pytest.mark.parametrize("endpoint", list(endpoints()), ids=lambda it: f"{it.function} {it.name}")
def test_an_endpoint_is_recorded_where_it_does_its_work_and_where_it_refuses(
    endpoint: Endpoint,
) -> None:
    if endpoint.name in DESCRIBED:
        return
    answers = list(_answers(endpoint))
    statuses = {answer["status"] for answer in answers}
    assert any(200 <= status < 300 for status in statuses)
    assert 401 in statuses
    if endpoint.takes_fields:
        assert max(len(_faults(answer)) for answer in answers) > 0
    if endpoint.function == "provider-api" and "{id}" in endpoint.template:
        assert 404 in statuses


def test_no_recording_is_of_a_door_that_is_gone() -> None:
    known = {file_of(function) for function in functions()} | {ANSWERS / "world.json"}
    assert set(ANSWERS.iterdir()) == known


@cache
def _recorded(function: str) -> Any:
    return load(file_of(function))["requests"]


def _answers(endpoint: Endpoint) -> Iterator[Any]:
    requests = _recorded(endpoint.function)
    for request in requests.values():
        if request["endpoint"] == endpoint.name:
            answer = request["answer"]
            yield requests[answer[AS]]["answer"] if AS in answer else answer


def _faults(answer: Any) -> Sequence[Any]:
    """Pick what is said of single fields."""
    body = answer.get("body")
    if not isinstance(body, dict) or answer["status"] < 400:
        return ()
    told: Sequence[Any] = body["error"]["details"].get("errors", ()) if "error" in body else ()
    return told or body.get("errors", ())
