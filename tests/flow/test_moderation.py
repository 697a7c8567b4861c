"""Editing, deciding, taking back: what each may do, and whose notification it is."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from shared.domain.content.content import NotificationInput
from shared.domain.errors import InvalidInput, NotFound, WrongState
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from tests.builders import OPERATOR, PROVIDER, a_device, a_domain, a_segment, an_input, ran
from tests.flow.world import World


@dataclass(frozen=True)
class Action:
    """Action of a provider on one of its notifications."""

    name: str
    do: Callable[[World, NotificationId, str], object]

    def __str__(self) -> str:
        return self.name


DEEDS = [
    Action("submit", lambda world, it, by: world.submit(it, by=by)),
    Action("edit", lambda world, it, by: world.edit(it, by=by)),
    Action("cancel", lambda world, it, by: world.cancel(it, by=by)),
    Action("stop", lambda world, it, by: world.stop(it, by=by)),
    Action("duplicate", lambda world, it, by: world.duplicate(it, by=by)),
    Action("delete", lambda world, it, by: world.delete(it, by=by)),
]


@pytest.mark.parametrize("action", DEEDS, ids=str)
@pytest.mark.parametrize("status", [Status.DRAFT, Status.PENDING, Status.SENDING])
def test_another_providers_notification_does_not_exist(action: Action, status: Status) -> None:
    world = World()
    id = world.in_status(status)
    before = world.get(id)
    with pytest.raises(NotFound) as theirs:
        action.do(world, id, "p2")
    with pytest.raises(NotFound) as nobodys:
        action.do(world, NotificationId("nothing"), "p2")
    assert theirs.value.code == nobodys.value.code
    assert world.get(id) == before


# ---- editing ---------------------------------------------------------------------------------


def test_an_edit_of_a_pending_one_stays_in_the_queue_as_a_new_revision() -> None:
    world = World()
    id = world.create()["id"]
    edited = world.edit(id, NotificationInput(title="Better"))
    assert (edited.status, edited.revision) == (Status.PENDING, 2)
    assert (edited.content.title, edited.content.body) == ("Better", "Everything must go")


def test_an_edit_cannot_reach_a_foreign_domain() -> None:
    world = World()
    id = world.create()["id"]
    with pytest.raises(InvalidInput):
        world.edit(id, an_input(target_segment=a_segment(domain="other.com")))
    assert world.get(id).revision == 1


def test_a_pending_one_cannot_be_edited_towards_an_admin_hwid() -> None:
    world = World([a_device("Admin-1")])
    world.providers.put_domain(a_domain(admin_hwids=("Admin-1",)))
    id = world.create()["id"]
    with pytest.raises(WrongState, match="cancel it and create it anew") as refusal:
        world.edit(id, an_input(target_segment=a_segment(hwid="Admin-1")))
    assert refusal.value.details["status"] == "pending"


def test_what_is_being_sent_cannot_be_edited() -> None:
    world = World()
    with pytest.raises(WrongState) as refusal:
        world.edit(world.in_status(Status.SENDING))
    assert refusal.value.details["status"] == "sending"


# ---- deciding --------------------------------------------------------------------------------


def test_an_approval_of_the_revision_that_was_read_starts_the_sending() -> None:
    world = World()
    id = world.create()["id"]
    assert world.approve(id, revision=1).status is Status.SENDING


def test_an_approval_of_an_older_revision_is_refused_and_nothing_is_sent() -> None:
    world = World([a_device()])
    id = world.create()["id"]
    world.edit(id)
    with pytest.raises(WrongState) as refusal:
        world.approve(id, revision=1)
    assert refusal.value.code == "staleRevision"
    world.drain()
    assert world.push.requests == []
    assert world.approve(id, revision=2).status is Status.SENDING


def test_a_rejection_is_final_and_keeps_its_comment() -> None:
    world = World([a_device()])
    id = world.create()["id"]
    assert world.reject(id, "  too loud ").moderator_comment == "too loud"
    with pytest.raises(WrongState):
        world.approve(id)
    world.drain()
    assert world.push.requests == []


@pytest.mark.parametrize(
    ("comment", "code"), [("", "required"), ("  \n", "required"), ("x" * 1001, "tooLong")]
)
def test_a_rejection_needs_a_comment_of_reasonable_length(comment: str, code: str) -> None:
    world = World()
    id = world.create()["id"]
    with pytest.raises(InvalidInput) as refusal:
        world.reject(id, comment)
    assert [(f.field, f.code) for f in refusal.value.errors] == [("comment", code)]
    assert world.status(id) is Status.PENDING


def test_the_queue_shows_the_oldest_first() -> None:
    world = World()
    first = world.create()["id"]
    world.clock.advance(1)
    second = world.create()["id"]
    assert [it.id for it in world.queue()] == [first, second]


# ---- taking back -----------------------------------------------------------------------------


def test_a_moderator_who_comes_after_a_cancel_is_told_so_and_nothing_is_sent() -> None:
    world = World([a_device()])
    id = world.create()["id"]
    assert world.cancel(id).status is Status.CANCELLED
    with pytest.raises(WrongState) as refusal:
        world.approve(id)
    assert refusal.value.message == "The provider canceled the delivery"
    assert refusal.value.details["status"] == "cancelled"
    world.drain()
    assert world.push.requests == []


def test_a_cancel_that_comes_after_the_approval_is_refused() -> None:
    world = World()
    with pytest.raises(WrongState) as refusal:
        world.cancel(world.in_status(Status.SENDING))
    assert refusal.value.details["status"] == "sending"


@pytest.mark.parametrize("by", [PROVIDER, OPERATOR], ids=str)
def test_what_is_being_sent_can_be_stopped_by_its_provider_and_by_an_operator(by: object) -> None:
    world = World()
    id = world.in_status(Status.SENDING)
    stopped = world.stop(id) if by is PROVIDER else world.stop_as(OPERATOR, id, "abuse")
    assert stopped.status is Status.STOPPED
    assert ran(stopped).ended_at == world.clock.now()
    assert world.history(id)[-1].actor == str(by)


def test_what_is_not_being_sent_cannot_be_stopped() -> None:
    world = World()
    with pytest.raises(WrongState):
        world.stop(world.create()["id"])
