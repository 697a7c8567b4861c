"""Whether addresses are another app's, or we are the wrong app."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.delivery import (
    Accepted,
    AddressGone,
    Answer,
    Later,
    Outcome,
    Record,
    Rejected,
)
from shared.domain.suspicion import Suspicion, alarming

FOREIGN = AddressGone("senderIdMismatch")
WRONG = Rejected("wrongApp")


def judged(answers: Sequence[Answer]) -> list[Answer]:
    return list(Suspicion().after(answers).judged(answers))


@pytest.mark.parametrize(
    ("foreign", "good", "kept"),
    [(19, 0, False), (20, 0, True), (10, 10, False), (11, 10, True), (1, 49, False)],
)
def test_addresses_are_kept_when_more_than_half_of_twenty_are_anothers(
    foreign: int, good: int, kept: bool
) -> None:
    answers: list[Answer] = [*[FOREIGN] * foreign, *[Accepted()] * good]
    assert judged(answers)[:foreign] == [WRONG if kept else FOREIGN] * foreign
    assert judged(answers)[foreign:] == [Accepted()] * good


@pytest.mark.parametrize("code", ["senderIdMismatch", "tokenNotForTopic"])
def test_apple_and_google_say_it_in_different_words(code: str) -> None:
    assert judged([AddressGone(code)] * 20) == [WRONG] * 20


@pytest.mark.parametrize("answer", [AddressGone("unregistered"), AddressGone("invalidToken")])
def test_addresses_that_are_dead_are_no_sign_of_a_wrong_app(answer: Answer) -> None:
    assert judged([answer] * 50) == [answer] * 50


def test_answers_that_do_not_know_the_address_do_not_count() -> None:
    answers: list[Answer] = [*[FOREIGN] * 12, *[Later("unavailable")] * 30]
    assert judged(answers) == answers


def test_suspicion_grows_over_the_chunks_of_a_batch() -> None:
    chunk: list[Answer] = [FOREIGN] * 12
    first = Suspicion().after(chunk)
    assert not first.wrong_app
    assert first.after(chunk).wrong_app
    assert list(first.after(chunk).judged(chunk)) == [WRONG] * 12


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_alarm_needs_more_than_a_hundredth_and_at_least_three(foreign: int, good: int) -> None:
    records = [Record(Outcome.FAILED, "senderIdMismatch")] * foreign
    records += [Record(Outcome.DELIVERED)] * good + [Record(Outcome.SKIPPED, "consent")] * 50
    expected = foreign if foreign >= 3 and foreign * 100 > foreign + good else 0
    assert alarming(records) == expected
