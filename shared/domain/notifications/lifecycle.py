"""The moves between a notification's statuses. This table is the only place that knows them.

A provider may cancel while a moderator is deciding. Both arrive as a ``Move`` inside one
transactional write; the later one no longer finds its pair in the table and is refused. Source: the
lifecycle table of the specification, row by row. ``docs/architecture.md`` draws it, and a test
compares the drawing with this table.
"""

from collections.abc import Mapping
from enum import StrEnum

from shared.domain.errors import WrongState


class Status(StrEnum):
    """Where a notification is in its life."""

    DRAFT = "draft"  # the provider is still writing
    PENDING = "pending"  # waits for a moderator
    SCHEDULED = "scheduled"  # approved, its time is still to come
    ACTIVE = "active"  # approved and standing: recurring, triggered, transactional
    SENDING = "sending"  # approved and being distributed
    APPROVED = "approved"  # approved and distributed
    REJECTED = "rejected"  # a moderator said no, with a comment
    CANCELLED = "cancelled"  # the provider took it back in time
    FAILED = "failed"  # approved, but nobody could be reached
    STOPPED = "stopped"  # halted in the middle; what was sent stays counted


class Move(StrEnum):
    """A change of status that somebody can make."""

    CREATE = "create"
    SUBMIT = "submit"
    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    DUE = "due"
    COMPLETE = "complete"
    FAIL = "fail"
    STOP = "stop"
    END = "end"


TRANSITIONS: Mapping[tuple[Status | None, Move], tuple[Status, ...]] = {
    (None, Move.CREATE): (Status.DRAFT,),
    (None, Move.SUBMIT): (Status.PENDING, Status.SENDING),
    (Status.DRAFT, Move.SUBMIT): (Status.PENDING, Status.SENDING),
    (Status.PENDING, Move.APPROVE): (Status.SENDING, Status.SCHEDULED, Status.ACTIVE),
    (Status.PENDING, Move.REJECT): (Status.REJECTED,),
    (Status.PENDING, Move.CANCEL): (Status.CANCELLED,),
    (Status.SCHEDULED, Move.DUE): (Status.SENDING,),
    (Status.SCHEDULED, Move.CANCEL): (Status.CANCELLED,),
    (Status.SENDING, Move.COMPLETE): (Status.APPROVED,),
    (Status.SENDING, Move.FAIL): (Status.FAILED,),
    (Status.SENDING, Move.STOP): (Status.STOPPED,),
    (Status.ACTIVE, Move.STOP): (Status.STOPPED,),
    (Status.ACTIVE, Move.END): (Status.APPROVED,),
}
"""(from, move) -> the statuses it may lead to; the first is the ordinary one."""

TERMINAL = frozenset(set(Status) - {origin for origin, _ in TRANSITIONS})
EDITABLE = frozenset({Status.DRAFT, Status.PENDING})


def after(status: Status | None, move: Move, to: Status | None = None) -> Status:
    """Return the status that ``move`` leads to from ``status``; ``to`` picks among several.

    Raises ``WrongState``, with the current status in its details, for every pair outside the table.
    """
    targets = TRANSITIONS.get((status, move), ())
    if not targets or (to is not None and to not in targets):
        raise refused(status, move)
    return to or targets[0]


def refused(status: Status | None, move: Move | str) -> WrongState:
    """Make the refusal of ``move`` in ``status``, in words that say what happened meanwhile."""
    details = {"status": str(status) if status else None, "move": str(move)}
    if status is Status.CANCELLED and move in {Move.APPROVE, Move.REJECT}:
        return WrongState("The provider canceled the delivery", code="cancelled", details=details)
    return WrongState(f"cannot {move} a notification that is {status or 'new'}", details=details)
