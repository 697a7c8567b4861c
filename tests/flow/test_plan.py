"""From an approved notification to batches: each device in exactly one, whatever happens."""

from collections import Counter
from contextlib import suppress

import pytest

from shared.domain.audience.device import Device, partition_of
from shared.domain.delivery.ledger import BATCH_SIZE
from shared.domain.errors import TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.flow.delivery.queues import PLAN_FANOUT, SEND_BATCH, Queue
from tests.builders import (
    a_device,
    a_domain,
    a_provider,
    a_segment,
    an_input,
    ran,
)
from tests.flow.hazard import Blow, Crash
from tests.flow.world import World

REGIONS = tuple(f"{a}{b}" for a in "abcdefgh" for b in "abcde")


def phones(number: int) -> list[Device]:
    return [a_device(f"phone-{n}") for n in range(number)]


def planned(world: World, id: NotificationId) -> list[str]:
    return [target.hwid for batch in world.batches(id) for target in batch.targets]


def assert_planned_once(world: World, id: NotificationId) -> None:
    assert Counter(planned(world, id)) == Counter(list(world.targets))


def test_a_small_audience_is_planned_at_once() -> None:
    world = World(phones(3))
    id = world.approved()
    world.plan(id)
    assert_planned_once(world, id)
    assert [part.done for part in world.ledger.parts(id)] == [True]


def test_planning_starts_with_the_event_of_the_approval() -> None:
    world = World(phones(1))
    id = world.approved()
    world.collect()
    while not world.batches(id):
        assert world.step()
    assert_planned_once(world, id)


def test_an_event_of_anything_not_being_sent_starts_nothing() -> None:
    world = World(phones(1))
    world.cancel(world.create()["id"])
    world.drain()
    assert world.tasks_seen == []


def test_events_that_come_again_after_planning_enqueue_nothing() -> None:
    world = World(phones(1))
    id = world.approved()
    world.plan(id)
    world.collect()
    planned_by = len(world.tasks_seen)
    world.announce(id)
    world.collect()
    assert world.status(id) is Status.SENDING
    assert len(world.tasks_seen) == planned_by


def test_an_event_of_what_was_deleted_meanwhile_is_no_error() -> None:
    world = World()
    world.delete(world.create(an_input(draft=True))["id"])
    world.drain()


def test_a_batch_holds_five_hundred_devices_at_most() -> None:
    world = World(phones(BATCH_SIZE + 1))
    id = world.approved()
    world.plan(id)
    assert sorted(len(batch.targets) for batch in world.batches(id)) == [1, BATCH_SIZE]
    assert_planned_once(world, id)


def test_only_the_audience_is_planned() -> None:
    others = [
        a_device("ios-1", platform="ios"),
        a_device("old-1", app_version="1"),
        a_device("foreign-1", domains=("other.com",)),
        a_device("silent-1", last_active_at=None),
    ]
    world = World([*phones(2), *others])
    narrow = a_segment(app_version="2.5.6", active_days=30)
    id = world.approved(an_input(target_segment=narrow))
    world.plan(id)
    assert sorted(planned(world, id)) == ["ios-1", "phone-0", "phone-1"]


def test_a_large_audience_is_planned_in_parts_by_tasks_of_their_own() -> None:
    world = World(phones(40), times=3_000)
    id = world.approved()
    world.plan(id)
    parts = world.ledger.parts(id)
    assert len(parts) == 8
    assert world.batches(id) == []
    world.drain()
    assert_planned_once(world, id)
    for batch in world.batches(id):
        (part,) = (p for p in parts if p.low == batch.partition)
        assert all(part.low <= partition_of(t.hwid) < part.high for t in batch.targets)


def test_a_segment_of_many_regions_plans_each_device_once() -> None:
    there = [
        a_device(f"phone-{n}", locale=f"{REGIONS[n % 40]}_{REGIONS[(n * 7) % 40]}")
        for n in range(80)
    ]
    world = World(there, page_size=7)
    id = world.approved(an_input(target_segment=a_segment(region=REGIONS)))
    world.plan(id)
    assert_planned_once(world, id)
    assert {batch.stream for batch in world.batches(id)} == {0, 1}


def test_sending_waits_in_the_queue_of_its_kind() -> None:
    world = World(phones(2), times=50_000)
    world.sent()
    small = World(phones(2))
    small.sent()
    assert {Queue.BULK, Queue.PLAN} == {task.queue for task in world.tasks_seen}
    assert {Queue.NORMAL, Queue.PLAN} == {task.queue for task in small.tasks_seen}


def test_an_admin_send_never_waits_behind_others() -> None:
    world = World([a_device("Admin-1")])
    world.providers.put_domain(a_domain(admin_hwids=("Admin-1",)))
    world.hazard.strike_at("audience.count", Blow.BEFORE)
    with pytest.raises(Crash):
        world.create(an_input(target_segment=a_segment(hwid="Admin-1")))
    world.drain()
    assert [(task.function, task.queue) for task in world.tasks_seen] == [
        (PLAN_FANOUT, Queue.URGENT),
        (SEND_BATCH, Queue.URGENT),
    ]


# ---- entitlement, again ----------------------------------------------------------------------


def test_a_premium_that_lapsed_before_planning_fails_the_notification() -> None:
    world = World(phones(1))
    id = world.approved()
    world.providers.put(a_provider(is_premium=False))
    world.drain()
    it = world.get(id)
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, "premiumLapsed")
    assert world.push.requests == []


def test_a_verification_that_was_lost_before_planning_fails_the_notification() -> None:
    world = World(phones(1))
    id = world.approved()
    world.providers.put_domain(a_domain(is_verified=False))
    world.drain()
    it = world.get(id)
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, "noVerifiedDomain")
    assert world.push.requests == []


def test_a_domain_that_lost_its_verification_is_not_reached_through_another() -> None:
    world = World(
        [a_device("here", domains=("example.com",)), a_device("lost", domains=("b.com",))]
    )
    world.providers.put_domain(a_domain("b.com"))
    id = world.approved()
    world.providers.put_domain(a_domain("b.com", is_verified=False))
    world.drain()
    assert sorted(world.records(id)) == ["here"]


def test_the_domain_asked_for_is_what_must_still_be_verified() -> None:
    world = World([a_device("lost", domains=("b.com",))])
    world.providers.put_domain(a_domain("b.com"))
    id = world.approved(an_input(target_segment=a_segment(domain="b.com")))
    world.providers.put_domain(a_domain("b.com", is_verified=False))
    world.drain()
    it = world.get(id)
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, "noVerifiedDomain")


def test_nobody_to_send_to_is_a_failure_that_says_so() -> None:
    world = World()
    it = world.sent()
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, "noAudience")


def test_what_was_planned_goes_on_although_premium_lapses() -> None:
    world = World(phones(1))
    id = world.approved()
    world.plan(id)
    world.providers.put(a_provider(is_premium=False))
    world.drain()
    assert world.status(id) is Status.APPROVED


# ---- interruptions ---------------------------------------------------------------------------


def test_when_time_runs_out_planning_goes_on_in_another_task() -> None:
    world = World(phones(30), page_size=10)
    id = world.approved()

    def take_long(call: str) -> None:
        if call == "ledger.advance":
            world.clock.advance(300)

    world.hazard.watch(take_long)
    world.plan(id)
    assert len(world.batches(id)) == 2
    world.drain()
    assert_planned_once(world, id)
    names = [task.name for task in world.tasks_seen]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("blow", Blow)
def test_after_a_crash_the_last_page_is_announced_again(blow: Blow) -> None:
    world = World(phones(30), page_size=10)
    id = world.approved()
    world.hazard.strike_at("tasks.enqueue", blow, nth=2)
    with pytest.raises(Crash):
        world.plan(id)
    (written,) = world.batches(id)
    world.plan(id)
    world.collect()
    assert written.id in {task.payload.get("batchId") for task in world.tasks_seen}
    world.drain()
    assert_planned_once(world, id)


def test_planning_again_plans_nothing_more() -> None:
    world = World(phones(3))
    id = world.approved()
    world.plan(id)
    world.add(a_device("late-1"))
    world.plan(id)
    assert sorted(planned(world, id)) == ["phone-0", "phone-1", "phone-2"]


def test_a_moment_that_the_store_has_forgotten_is_replaced_by_a_newer_one() -> None:
    world = World(phones(30), page_size=10)
    id = world.approved()
    pages: list[str] = []

    def forget(call: str) -> None:
        pages.append(call)
        if call == "audience.page" and pages.count(call) == 2:
            world.database.forget(ran(world.get(id)).read_at)

    world.hazard.watch(forget)
    world.plan(id)
    assert_planned_once(world, id)
    (part,) = world.ledger.parts(id)
    assert part.read_at != ran(world.get(id)).read_at


def test_a_stop_in_the_middle_of_planning_ends_it() -> None:
    world = World(phones(30), page_size=10)
    id = world.approved()

    def stop(call: str) -> None:
        if call == "audience.page" and len(world.batches(id)) == 1:
            world.stop(id)

    world.hazard.watch(stop)
    world.plan(id)
    assert 0 < len(planned(world, id)) < 30
    world.drain()
    it = world.get(id)
    assert it.status is Status.STOPPED
    assert (it.tally.targeted, it.tally.skipped, it.tally.open) == (20, 20, 0)
    assert world.push.requests == []


def test_planning_what_was_stopped_before_does_nothing() -> None:
    world = World(phones(1))
    id = world.approved()
    world.stop(id)
    world.plan(id)
    assert world.ledger.parts(id) == []


@pytest.mark.parametrize("premium", [True, False])
def test_a_stop_just_before_the_audience_is_cut_is_the_last_word(premium: bool) -> None:
    world = World(phones(1))
    id = world.approved()
    world.providers.put(a_provider(is_premium=premium))

    def stop(call: str) -> None:
        if call == "runs.change":
            world.hazard.forget_watchers()
            world.stop(id)

    world.hazard.watch(stop)
    world.plan(id)
    assert world.status(id) is Status.STOPPED
    assert world.ledger.parts(id) == []


@pytest.mark.parametrize("moment", range(1, 41))
def test_of_two_planners_at_once_each_device_gets_into_one_batch(moment: int) -> None:
    """The second one runs from start to end just before some call of the first."""
    world = World(phones(30), page_size=10)
    id = world.approved()
    world.hazard.before(world.hazard.calls + moment, lambda: world.plan(id))
    with suppress(TryAgain):
        world.plan(id)
    world.drain()
    assert_planned_once(world, id)
    assert world.status(id) is Status.APPROVED


def test_a_part_that_is_not_opened_yet_is_tried_again() -> None:
    world = World(phones(1))
    id = world.approved()
    with pytest.raises(TryAgain):
        world.plan(id, part=0)
