"""When the batches of a big audience go out: slowly at first, and within the provider's rate."""

import itertools
from datetime import datetime, timedelta

import pytest

from shared.domain.audience.device import Device
from shared.domain.delivery.send_schedule import SendSchedule
from shared.domain.notifications.notification import NotificationId
from shared.domain.providers.provider import Provider
from shared.flow.delivery.queues import SEND_BATCH, Queue
from shared.ports import Task
from tests.builders import (
    NOON,
    a_device,
    a_domain,
    a_provider,
    a_segment,
    an_enterprise_provider,
    an_input,
    ran,
)
from tests.flow.hazard import Blow, Crash
from tests.flow.world import World

PAGE = 20
TIMES = 50
"""200 phones that are said to be 10,000."""


def phones(number: int = 200) -> list[Device]:
    return [a_device(f"phone-{n}") for n in range(number)]


def a_world(*, times: int = TIMES, provider: Provider | None = None) -> World:
    world = World(phones(), page_size=PAGE, times=times)
    if provider is not None:
        world.providers.put(provider)
    return world


def lane_of(world: World, provider_id: str) -> SendSchedule:
    return world.send_schedules.change(provider_id, lambda schedule: schedule)


def planned(world: World) -> NotificationId:
    """Plan a notification to its end, with nothing sent yet."""
    id = world.approved()
    plan(world, id)
    return id


def plan(world: World, id: NotificationId) -> None:
    world.plan(id)
    for part in world.ledger.parts(id):
        if not part.done:
            world.plan(id, part=part.low)


def sends(world: World, id: NotificationId) -> list[Task]:
    world.collect()
    tasks = {task.name: task for task in world.tasks_seen}
    return [
        task
        for task in tasks.values()
        if task.function == SEND_BATCH and task.payload["notificationId"] == id
    ]


def moments(world: World, id: NotificationId) -> list[datetime]:
    due = [task.not_before for task in sends(world, id)]
    assert None not in due
    return sorted(at for at in due if at is not None)


def test_a_small_audience_is_not_kept_waiting() -> None:
    world = a_world(times=1)
    assert {task.not_before for task in sends(world, planned(world))} == {None}


def test_a_big_one_starts_slowly() -> None:
    world = a_world()
    at = moments(world, planned(world))
    assert len(at) == 10
    assert at[0] == NOON
    gaps = [b - a for a, b in itertools.pairwise(at)]
    assert gaps == sorted(gaps, reverse=True)
    assert at[-1] > NOON + timedelta(seconds=20)


def test_all_parts_together_keep_the_rate_of_the_provider() -> None:
    world = a_world(times=200, provider=a_provider(limits=(("devicesPerMinute", 3_000),)))
    at = moments(world, planned(world))
    later = [moment for moment in at if moment > NOON + timedelta(seconds=61)]
    assert later
    gaps = {b - a for a, b in itertools.pairwise(later)}
    assert min(gaps) >= timedelta(seconds=9.9), "500 devices every ten seconds are 3,000 a minute"


@pytest.mark.parametrize(
    ("provider", "seconds"), [(a_provider(), 70.0), (an_enterprise_provider(), 43.8)]
)
def test_the_rate_depends_on_the_plan(provider: Provider, seconds: float) -> None:
    world = a_world(times=200, provider=provider)
    id = planned(world)
    parts = world.ledger.parts(id)
    assert len({part.ramp.starts_at for part in parts if part.ramp}) == 1
    (stretch,) = lane_of(world, "p1").stretches
    assert (stretch.ends_at - stretch.starts_at).total_seconds() == pytest.approx(seconds, abs=0.1)


def test_planning_again_gives_every_batch_the_same_moment() -> None:
    world = a_world()
    id = planned(world)
    before, schedule = moments(world, id), lane_of(world, "p1")
    world.clock.advance(600)
    world.tasks.names.clear()
    plan(world, id)
    assert moments(world, id) == before
    assert lane_of(world, "p1") == schedule


def test_a_crash_between_the_reservation_and_the_plan_reserves_once() -> None:
    world = a_world()
    id = world.approved()
    world.hazard.strike_at("ledger.open_parts", Blow.BEFORE)
    with pytest.raises(Crash):
        world.plan(id)
    schedule = lane_of(world, "p1")
    world.clock.advance(30)
    plan(world, id)
    assert lane_of(world, "p1") == schedule
    assert moments(world, id)[0] == NOON


def test_a_providers_next_big_one_goes_behind_its_first() -> None:
    world = a_world()
    first = planned(world)
    world.clock.advance(5)
    second = planned(world)
    one, two = lane_of(world, "p1").stretches
    assert two.starts_at == one.ends_at
    assert moments(world, second)[0] >= moments(world, first)[-1]


def test_a_small_one_does_not_wait_behind_a_big_one_but_takes_its_share() -> None:
    world = a_world()
    planned(world)
    free_at = lane_of(world, "p1").free_at
    small = world.approved(an_input(target_segment=a_segment(app_version="none")))
    world.plan(small)
    assert {task.not_before for task in sends(world, small)} <= {None}
    after = lane_of(world, "p1").free_at
    assert after is not None
    assert free_at is not None
    assert after >= free_at


def test_whoever_stops_a_mistake_does_not_wait_for_the_rest_of_it() -> None:
    world = a_world()
    mistake = planned(world)
    world.clock.advance(5)
    world.stop(mistake)
    corrected = planned(world)
    assert moments(world, corrected)[0] == NOON + timedelta(seconds=5)
    (stretch,) = lane_of(world, "p1").stretches
    assert stretch.run_id == corrected


def test_providers_do_not_wait_for_each_other() -> None:
    world = a_world()
    planned(world)
    world.send_schedules.change("p2", lambda it: it.reserved("x", NOON, timedelta(hours=1)))
    assert lane_of(world, "p2").stretches[0].starts_at == NOON
    assert lane_of(world, "p1").free_at != lane_of(world, "p2").free_at


def test_an_admins_own_push_takes_no_place_in_the_lane() -> None:
    world = a_world(times=1)
    world.providers.put_domain(a_domain(admin_hwids=("phone-1",)))
    id = world.create(an_input(target_segment=a_segment(hwid="phone-1")))["id"]
    world.drain()
    assert world.get(id).auto_approved
    assert world.database.collection("lanes") == {}
    assert {task.queue for task in world.tasks_seen} == {Queue.URGENT}


def test_no_batch_is_swept_before_its_moment() -> None:
    slow = a_provider(limits=(("devicesPerMinute", 100),))
    world = a_world(provider=slow)
    id = planned(world)
    last = max(moments(world, id))
    assert last > NOON + timedelta(minutes=15)
    wakes = [batch.wake_at for batch in world.batches(id)]
    assert max(at for at in wakes if at is not None) > last


def test_a_scheduled_audience_gets_everything_in_the_end() -> None:
    world = a_world(times=200)
    id = world.approved()
    world.drain()
    it = world.get(id)
    assert it.tally.delivered == 200
    ended_at = ran(it).ended_at
    assert ended_at is not None
    assert ended_at >= moments(world, id)[-1]


def test_an_audience_of_nobody_takes_no_place_in_the_lane() -> None:
    world = World([])
    world.plan(world.approved())
    assert world.database.collection("lanes") == {}
