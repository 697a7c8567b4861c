"""What the ledger says of a device for which nothing was asked in an attempt at its batch."""

from datetime import timedelta

import pytest

from shared.domain.delivery.ledger import UNTRIED, Outcome, Record
from shared.domain.delivery.recording import combine, recorded
from shared.domain.push.answers import RetryLater
from shared.domain.push.reactions import CREDENTIALS_UNAVAILABLE, NO_TURN, NOT_SENT
from tests.builders import NOON

LATER = NOON + timedelta(minutes=1)


NOTHING_ASKED = (NO_TURN, NOT_SENT, CREDENTIALS_UNAVAILABLE)


@pytest.mark.parametrize("before", [UNTRIED, *(recorded(it, NOON) for it in NOTHING_ASKED)])
@pytest.mark.parametrize("answer", NOTHING_ASKED)
def test_who_was_never_asked_for_has_the_latest_reason(answer: RetryLater, before: Record) -> None:
    assert recorded(answer, LATER, before) == Record(Outcome.OPEN, answer.code, at=LATER)


@pytest.mark.parametrize("code", ["unavailable", "answerLost", "contention"])
@pytest.mark.parametrize("ambiguous", [False, True])
@pytest.mark.parametrize("answer", NOTHING_ASKED)
def test_who_was_asked_for_before_keeps_that_word(
    answer: RetryLater, code: str, ambiguous: bool
) -> None:
    last = Record(Outcome.OPEN, code, at=NOON, ambiguous=ambiguous)
    word = combine(last, (recorded(answer, LATER, last), None), LATER)
    assert word == Record(Outcome.OPEN, code, at=NOON, ambiguous=ambiguous)


def test_of_a_desktop_that_was_shown_it_only_the_push_is_left() -> None:
    shown = Record(Outcome.DELIVERED, at=NOON)
    word = combine(UNTRIED, (recorded(NO_TURN, NOON), shown), NOON)
    assert word == Record(Outcome.OPEN, "noTurn", receipt="shown", at=NOON)
    again = combine(word, (recorded(NO_TURN, LATER, word), None), LATER)
    assert (again.outcome, again.receipt) == (Outcome.OPEN, "shown")
