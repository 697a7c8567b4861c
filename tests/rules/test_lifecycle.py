"""The lifecycle table, against the specification's own, written out here a second time."""

from itertools import product

import pytest

from shared.domain.errors import WrongState
from shared.domain.notifications.lifecycle import TERMINAL, TRANSITIONS, Move, Status, after

SPECIFIED = """
    -          create    draft
    -          submit    pending sending
    draft      submit    pending sending
    pending    approve   sending scheduled active
    pending    reject    rejected
    pending    cancel    cancelled
    scheduled  due       sending
    scheduled  cancel    cancelled
    sending    complete  approved
    sending    fail      failed
    sending    stop      stopped
    active     stop      stopped
    active     end       approved
"""
ROWS = [line.split() for line in SPECIFIED.strip().splitlines()]
PAIRS = sorted(product([None, *Status], Move), key=str)
OUTSIDE = [pair for pair in PAIRS if pair not in TRANSITIONS]
LEADING_ELSEWHERE = [
    (origin, move, to)
    for (origin, move), targets in TRANSITIONS.items()
    for to in Status
    if to not in targets
]


def test_the_table_is_the_one_of_the_specification() -> None:
    specified = {
        (None if origin == "-" else Status(origin), Move(move)): {Status(s) for s in targets}
        for origin, move, *targets in ROWS
    }
    assert {pair: set(targets) for pair, targets in TRANSITIONS.items()} == specified


def test_no_status_and_no_move_exists_beside_the_table() -> None:
    words = {word for row in ROWS for word in row} - {"-"}
    assert words == {*Status, *Move}


def test_exactly_the_specified_states_are_terminal() -> None:
    assert {
        Status.APPROVED,
        Status.REJECTED,
        Status.CANCELLED,
        Status.FAILED,
        Status.STOPPED,
    } == TERMINAL


@pytest.mark.parametrize(("status", "move"), OUTSIDE)
def test_every_move_outside_the_table_is_refused(status: Status | None, move: Move) -> None:
    with pytest.raises(WrongState) as refusal:
        after(status, move)
    assert refusal.value.details["status"] == status


@pytest.mark.parametrize(("status", "move", "to"), LEADING_ELSEWHERE)
def test_a_move_leads_nowhere_but_where_the_table_says(
    status: Status | None, move: Move, to: Status
) -> None:
    with pytest.raises(WrongState):
        after(status, move, to)


@pytest.mark.parametrize(("status", "move"), TRANSITIONS)
def test_every_move_in_the_table_leads_to_each_of_its_statuses(
    status: Status | None, move: Move
) -> None:
    targets = TRANSITIONS[status, move]
    assert after(status, move) == targets[0]
    assert [after(status, move, to) for to in targets] == list(targets)


@pytest.mark.parametrize("move", [Move.APPROVE, Move.REJECT])
def test_a_moderator_who_comes_after_a_cancel_hears_so(move: Move) -> None:
    with pytest.raises(WrongState) as refusal:
        after(Status.CANCELLED, move)
    assert refusal.value.message == "The provider canceled the delivery"
    assert refusal.value.code == "cancelled"
    assert refusal.value.details["status"] == "cancelled"
