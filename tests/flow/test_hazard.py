"""Where a process can die in tests: at every true call, and with what was done there done."""

import pytest

from shared.domain.errors import TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.ports.database import LostAnswer
from shared.stores.change import TRIES
from tests.builders import a_desktop, a_device
from tests.flow.hazard import Blow, Crash, Fault
from tests.flow.world import World
from tests.notification_documents import records


def pending() -> World:
    world = World([a_device()])
    world.create()
    world.collect()
    world.deliveries.clear()
    return world


def the_only_one(world: World) -> NotificationId:
    (id,) = records(world.database)
    return NotificationId(id)


def test_a_change_is_a_read_and_a_write_and_a_process_can_die_between_them() -> None:
    world = pending()
    before = world.hazard.calls
    world.cancel(the_only_one(world))
    assert world.hazard.verbs[-1] == "notifications.change"
    change = ["notifications.change/get", "notifications.change/commit"]
    assert world.hazard.trace[before:][-2:] == change


@pytest.mark.parametrize(("blow", "events"), [(Blow.BEFORE, 0), (Blow.AFTER, 1)])
def test_what_was_committed_is_an_event_even_if_the_process_died_of_it(
    blow: Blow, events: int
) -> None:
    world = pending()
    id = the_only_one(world)
    world.hazard.strike_at("notifications.change/commit", blow)
    with pytest.raises(Crash):
        world.cancel(id)
    assert len(world.written) == events
    assert (world.status(id) is Status.CANCELLED) is (blow is Blow.AFTER)


def test_of_many_writes_that_are_no_transaction_half_can_be_done() -> None:
    world = World([a_desktop(f"desktop-{n}") for n in range(4)])
    id = world.approved()
    world.plan(id)
    (batch,) = world.batches(id)
    world.hazard.strike_at("slots.show/write_each", Blow.MIDWAY)
    with pytest.raises(Crash):
        world.send(id, batch.id)
    assert len(world.desktops.seen) == 2
    world.drain()
    assert world.get(id).tally.delivered == len(world.desktops.seen) == 4


@pytest.mark.parametrize("blow", [Blow.BEFORE, Blow.AFTER])
def test_an_answer_that_is_lost_once_is_made_up_for_by_the_store(blow: Blow) -> None:
    world = pending()
    id = the_only_one(world)
    world.hazard.strike_at("notifications.change/commit", Fault(blow, raises=LostAnswer))
    assert world.cancel(id).status is Status.CANCELLED
    assert [entry.move for entry in world.history(id)] == ["submit", "cancel"]


@pytest.mark.parametrize("blow", [Blow.BEFORE, Blow.AFTER])
def test_an_outage_that_lasts_ends_with_the_verb_that_gives_up(blow: Blow) -> None:
    world = pending()
    id = the_only_one(world)
    world.hazard.strike_at(
        "notifications.change/commit", Fault(blow, raises=LostAnswer, lasting=True)
    )
    with pytest.raises(TryAgain):
        world.cancel(id)
    done = blow is Blow.AFTER
    assert (world.status(id) is Status.CANCELLED) is done
    if not done:
        assert world.cancel(id).status is Status.CANCELLED


def test_a_store_that_is_refused_tries_again_and_gives_up_in_the_end() -> None:
    world = pending()
    id = the_only_one(world)
    fault = Fault(Blow.BEFORE, raises=TryAgain, lasting=True)
    world.hazard.strike_at("notifications.change/commit", fault)
    with pytest.raises(TryAgain, match="busy"):
        world.cancel(id)
    assert world.hazard.trace.count("notifications.change/commit") == TRIES
