"""What the ledger says of a device that was not asked for in an attempt at its batch."""

from datetime import timedelta

import pytest

from shared.domain.delivery import UNTRIED, Outcome, Record
from shared.domain.reactions import NO_TURN
from shared.domain.recording import recorded
from tests.builders import NOON

LATER = NOON + timedelta(minutes=1)


def test_who_was_never_asked_for_had_no_turn() -> None:
    assert recorded(NO_TURN, NOON, UNTRIED) == Record(Outcome.OPEN, "noTurn", at=NOON)


@pytest.mark.parametrize("code", ["unavailable", "answerLost", "contention"])
@pytest.mark.parametrize("ambiguous", [False, True])
def test_who_was_asked_for_before_keeps_that_word(code: str, ambiguous: bool) -> None:
    last = Record(Outcome.OPEN, code, at=NOON, ambiguous=ambiguous)
    word = recorded(NO_TURN, LATER, last)
    assert word == Record(Outcome.OPEN, code, at=LATER, ambiguous=ambiguous)
