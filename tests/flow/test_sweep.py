"""The minute tick: whatever was lost on the way is found and set going again."""

from contextlib import suppress
from datetime import timedelta

import pytest

from shared.domain.delivery.run import SWEEP_AFTER
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.providers.provider import Limit
from shared.flow.delivery.count import LONGEST_HANDLER
from shared.flow.delivery.plan import BATCH_SWEEP_AFTER
from shared.flow.delivery.queues import PLAN_FANOUT, SEND_BATCH
from shared.flow.delivery.sweep import LONGEST_NAP, MOST_AT_ONCE, SweepCounts
from shared.ports import Task
from tests.builders import NOON, a_device, a_domain, a_provider, a_segment, an_input, ran
from tests.flow.audit import faults
from tests.flow.hazard import Blow, Crash
from tests.flow.parts import Event
from tests.flow.push import accepted, busy
from tests.flow.world import World
from tests.notification_documents import alter, records, remove

NO_STUCK_RECORDS = SweepCounts(runs=0, parts=0, batches=0)
PHONES = [a_device(f"phone-{n}") for n in range(4)]


def lose_first(world: World, function: str) -> None:
    """Lose the first task for ``function``."""
    lost: list[Task] = []

    def is_lost(work: Event | Task) -> bool:
        if isinstance(work, Event) or work.function != function or lost:
            return False
        lost.append(work)
        return True

    world.lost = is_lost


def test_a_lost_event_is_made_up_for() -> None:
    world = World(PHONES)
    world.lost = lambda work: isinstance(work, Event)
    it = world.sent()
    assert (it.status, it.tally.delivered) == (Status.APPROVED, 4)
    assert world.clock.now() - NOON < SWEEP_AFTER + timedelta(minutes=2)


def test_a_lost_plan_is_made_up_for() -> None:
    world = World(PHONES)
    lose_first(world, PLAN_FANOUT)
    it = world.sent()
    assert (it.status, it.tally.delivered) == (Status.APPROVED, 4)


def test_the_lost_plan_of_one_part_is_made_up_for() -> None:
    world = World(PHONES, times=10_000)
    id = world.approved()
    world.plan(id)
    lose_first(world, PLAN_FANOUT)
    world.drain()
    assert (world.status(id), world.get(id).tally.delivered) == (Status.APPROVED, 4)


def test_a_lost_batch_is_made_up_for() -> None:
    world = World(PHONES, page_size=2)
    lose_first(world, SEND_BATCH)
    it = world.sent()
    assert (it.status, it.tally.delivered) == (Status.APPROVED, 4)
    assert world.clock.now() - NOON < BATCH_SWEEP_AFTER + timedelta(minutes=2)


def test_a_lost_follow_up_is_made_up_for() -> None:
    world = World(PHONES)
    world.push.will("token-phone-0", busy(), accepted())
    world.lost = lambda work: isinstance(work, Task) and "attempt" in work.name
    it = world.sent()
    assert (it.status, it.tally.delivered) == (Status.APPROVED, 4)


def test_a_finish_that_died_with_its_last_task_is_made_up_for() -> None:
    world = World(PHONES)
    id = world.approved()
    world.plan(id)
    world.collect()
    world.deliveries.clear()
    (batch,) = world.batches(id)
    world.hazard.strike_at("ledger.open_batches", Blow.BEFORE)
    with pytest.raises(Crash):
        world.send(id, batch.id)
    world.drain()
    assert (world.status(id), world.get(id).tally.delivered) == (Status.APPROVED, 4)


def test_an_admin_send_whose_request_died_is_finished() -> None:
    for blow in Blow:
        for call in range(1, 40):
            world = World([a_device("Admin-1")])
            world.providers.put_domain(a_domain(admin_hwids=("Admin-1",)))
            world.hazard.strike(call, blow)
            try:
                world.create(an_input(target_segment=a_segment(hwid="Admin-1")))
            except Crash:
                world.drain()
            for id in records(world.database):
                assert records(world.database)[id]["status"] == Status.APPROVED


def test_nothing_is_swept_before_its_time() -> None:
    world = World(PHONES)
    id = world.approved()
    world.clock.advance(SWEEP_AFTER - timedelta(seconds=1))
    assert world.tick() == NO_STUCK_RECORDS
    world.clock.advance(1)
    assert world.tick() == SweepCounts(runs=1, parts=0, batches=0)
    assert [task.payload["notificationId"] for task in world.tasks.tasks] == [id]


def test_sweeping_twice_at_once_sets_going_once() -> None:
    world = World(PHONES)
    world.approved()
    world.clock.advance(SWEEP_AFTER)
    world.tick()
    assert world.tick() == NO_STUCK_RECORDS
    assert len(world.tasks.tasks) == 1


def test_two_ticks_at_once_set_a_batch_going_once() -> None:
    world = World([a_device()])
    world.lost = lambda work: isinstance(work, Task) and work.function == SEND_BATCH
    id = world.approved()
    world.pass_time(timedelta(minutes=1))
    world.clock.set(NOON + BATCH_SWEEP_AFTER)
    world.collect()
    seen = len(world.tasks_seen)

    def rival(call: str) -> None:
        if call == "ledger.batch":
            world.hazard.forget_watchers()
            world.tick()

    world.hazard.watch(rival)
    world.tick()
    world.collect()
    assert len(world.tasks_seen[seen:]) == 1
    assert world.batches(id)[0].sweeps == 1


def test_a_part_that_is_looked_at_in_vain_waits_twice_as_long() -> None:
    world = World(PHONES, times=10_000)
    id = world.approved()
    world.plan(id)
    world.lost = lambda _: True
    waits = []
    for _ in range(4):
        wake_at = world.ledger.parts(id)[0].wake_at
        assert wake_at is not None
        waits.append(wake_at - world.clock.now())
        world.clock.set(wake_at)
        world.tick()
    assert waits == [SWEEP_AFTER, SWEEP_AFTER, SWEEP_AFTER * 2, SWEEP_AFTER * 4]


def test_each_fruitless_look_doubles_the_wait_up_to_an_hour() -> None:
    world = World(PHONES)
    world.lost = lambda _: True
    id = world.approved()
    waits = []
    for _ in range(8):
        wake_at = ran(world.get(id)).wake_at
        assert wake_at is not None
        waits.append(wake_at - world.clock.now())
        world.clock.set(wake_at)
        world.tick()
    assert waits == [min(SWEEP_AFTER * 2 ** max(n - 1, 0), LONGEST_NAP) for n in range(8)]


def test_every_sweep_enqueues_under_a_new_name() -> None:
    world = World(PHONES, page_size=1)
    world.lost = lambda work: isinstance(work, Task) and work.function == SEND_BATCH
    world.approved()
    world.pass_time(timedelta(hours=2))
    names = [task.name for task in world.tasks_seen]
    assert len(names) == len(set(names))
    assert len(names) > 2 * len(PHONES)


def test_what_has_ended_is_never_swept() -> None:
    world = World(PHONES)
    world.sent()
    world.clock.advance(timedelta(days=2))
    assert world.tick() == NO_STUCK_RECORDS


# ---- stopped ones ------------------------------------------------------------------------------


def a_stop_that_dies(call: int, blow: Blow, *, midway: bool) -> tuple[World, NotificationId]:
    """Stop before the batches are sent, or in the middle of the first, and die at that call; no
    task is ever delivered again.
    """
    world = World(PHONES, page_size=2)
    id = world.approved()
    world.plan(id)
    world.lost = lambda work: True
    world.hazard.strike(world.hazard.calls + call, blow)

    def stop(name: str) -> None:
        if name == "push.send":
            world.hazard.forget_watchers()
            world.stop(id)

    if midway:
        world.hazard.watch(stop)
    else:
        with suppress(Crash):
            world.stop(id)
    for batch in world.batches(id):
        with suppress(Crash):
            world.send(id, batch.id)
    world.collect()
    world.lost = lambda work: False
    world.drain()
    return world, id


@pytest.mark.parametrize("midway", [False, True], ids=["before", "midway"])
@pytest.mark.parametrize("blow", Blow)
def test_whatever_dies_around_a_stop_the_counters_are_the_ledgers(blow: Blow, midway: bool) -> None:
    stopped = 0
    for call in range(1, 40):
        world, id = a_stop_that_dies(call, blow, midway=midway)
        assert faults(world, id) == []
        stopped += world.status(id) is Status.STOPPED
    assert stopped > 30


def test_a_stop_whose_batches_counted_themselves_is_not_looked_at() -> None:
    world = World(PHONES, page_size=2)
    id = world.approved()
    world.plan(id)
    world.stop(id)
    world.pass_time(timedelta(minutes=4))
    assert (world.get(id).tally.skipped, ran(world.get(id)).wake_at) == (4, None)
    world.clock.advance(timedelta(days=2))
    assert world.tick() == NO_STUCK_RECORDS


def test_a_stop_before_its_plan_rests_when_no_plan_can_be_under_way() -> None:
    world = World(PHONES)
    id = world.approved()
    world.stop(id)
    world.pass_time(LONGEST_HANDLER - timedelta(minutes=1))
    assert ran(world.get(id)).wake_at is not None
    world.drain()
    assert (ran(world.get(id)).wake_at, world.get(id).tally.targeted) == (None, 0)


def test_a_plan_that_outlasts_the_stop_is_counted() -> None:
    """Its parts are opened, and its first batches written, after the sweeper looked."""
    world = World(PHONES)
    id = world.approved()

    def stop(call: str) -> None:
        if call == "ledger.open_parts":
            world.hazard.forget_watchers()
            world.stop(id)
            world.clock.advance(SWEEP_AFTER)
            assert world.tick() == SweepCounts(runs=1, parts=0, batches=0)

    world.hazard.watch(stop)
    world.plan(id)
    world.drain()
    assert faults(world, id) == []
    assert world.ledger.parts(id)[0].done


def test_a_stop_keeps_being_looked_at_while_one_of_its_batches_is_open() -> None:
    world = World(PHONES, page_size=2)
    id = world.approved()
    world.plan(id)
    world.lost = lambda _: True
    world.stop(id)
    for _ in range(3):
        wake_at = ran(world.get(id)).wake_at
        assert wake_at is not None
        world.clock.set(wake_at)
        world.tick()
        world.collect()
    world.lost = lambda _: False
    world.drain()
    assert (world.status(id), world.get(id).tally.skipped) == (Status.STOPPED, 4)


def test_a_tick_that_dies_leaves_everything_to_the_next() -> None:
    for blow in Blow:
        for call in range(1, 12):
            world = World(PHONES)
            world.lost = lambda work: isinstance(work, Event)
            id = world.approved()
            world.hazard.strike(world.hazard.calls + call, blow)
            world.drain()
            assert world.status(id) is Status.APPROVED


@pytest.mark.parametrize("times", [1, 10_000], ids=["batches", "parts"])
def test_what_belongs_to_nothing_any_more_is_swept_once_and_for_all(times: int) -> None:
    """Deleting a document in the console leaves what is below it; it must not fill every tick."""
    world = World(PHONES, page_size=1, times=times)
    world.lost = lambda _: True
    orphan = world.approved()
    world.plan(orphan)
    remove(world.database, orphan)
    world.pass_time(timedelta(minutes=20))
    assert not world.waits_for_a_tick()


def test_one_broken_record_does_not_keep_the_others_waiting() -> None:
    world = World(PHONES)
    world.lost = lambda work: isinstance(work, Event)
    broken = world.approved()
    alter(world.database, broken, status="no such status")
    world.clock.advance(1)
    id = world.approved()
    world.pass_time(timedelta(minutes=10))
    assert world.status(id) is Status.APPROVED


def test_however_many_are_broken_what_gets_stuck_later_is_swept() -> None:
    world = World(PHONES)
    world.providers.put(a_provider(limits=((str(Limit.SUBMISSIONS_PER_DAY), 1_000),)))
    world.lost = lambda work: isinstance(work, Event)
    for _ in range(MOST_AT_ONCE):
        alter(world.database, world.approved(), sweeps="many")
    world.clock.advance(1)
    id = world.approved()
    world.pass_time(timedelta(minutes=10))
    assert world.status(id) is Status.APPROVED
