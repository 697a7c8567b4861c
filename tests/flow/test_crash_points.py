"""The whole journey, with the process dying at every single external call in turn.

After each death everything is delivered again and swept until all is quiet, and every promise of
the specification's section 4 must hold.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.delivery.read_again import STALE_AFTER
from shared.domain.errors import WrongState
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.flow.delivery.queues import SEND_BATCH
from shared.flow.notifications.once import Once
from shared.ports import Task
from tests.flow.audit import faults, most_sent_again, sent_again
from tests.flow.crowd import a_crowded_world, some_change_their_minds
from tests.flow.hazard import Blow
from tests.flow.storm import weather
from tests.flow.world import World
from tests.notification_documents import records

ONCE = Once.of("p1", "key-1", "create", "the same body every time")
ONE_BATCH: Mapping[str, int] = {}
MANY_BATCHES = {"page_size": 20, "times": 200}
SHAPES = [
    pytest.param(ONE_BATCH, id="one batch"),
    pytest.param(MANY_BATCHES, id="many batches", marks=pytest.mark.slow),
]

STORMS = [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 24))]


def journey(world: World) -> NotificationId:
    """Create, approve, and everything that follows by itself."""
    id: NotificationId = world.until_answered(lambda: world.create(once=ONCE))["id"]

    def approve() -> None:
        try:
            world.approve(id)
        except WrongState:  # the first try took effect, and only its answer was lost
            assert world.status(id) is Status.SENDING

    world.until_answered(approve)
    world.drain()
    return id


def wrong_after(world: World) -> list[str]:
    return wrong_with(world, journey(world))


def wrong_with(world: World, id: NotificationId) -> list[str]:
    wrong = faults(world, id)
    if (times := sent_again(world, [id])) > most_sent_again(world):
        wrong.append(f"{times} pushes were sent again in {world.hazard.crashes} crashes")
    if len(records(world.database)) != 1:
        wrong.append("there is more than one notification")
    if (it := world.get(id)).status is not Status.APPROVED:
        wrong.append(f"it ended as {it.status}")
    return wrong


def calls_of(shape: Mapping[str, int]) -> int:
    world = a_crowded_world(**shape)
    assert wrong_after(world) == []
    assert world.hazard.crashes == 0
    return world.hazard.calls


def every_call(shape: Mapping[str, int], blow: Blow, **how: Any) -> dict[int, list[str]]:
    """List what went wrong, by the number of the call that was struck."""
    wrong = {}
    for number in range(1, calls_of(shape) + 1):
        world = a_crowded_world(**shape)
        world.hazard.strike(number, blow, **how)
        if found := wrong_after(world):
            wrong[number] = [world.hazard.trace[number - 1], *found]
        assert world.hazard.crashes >= 1
    return wrong


@pytest.mark.parametrize("shape", SHAPES)
def test_without_any_crash_only_what_was_never_confirmed_is_sent_twice(
    shape: Mapping[str, int],
) -> None:
    world = a_crowded_world(**shape)
    twice = {to for to, times in world.push.reached(journey(world)).items() if times > 1}
    assert twice == {f"token-vague-{n}" for n in range(4)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blow", Blow)
def test_a_crash_at_any_call_loses_nothing(shape: Mapping[str, int], blow: Blow) -> None:
    assert every_call(shape, blow) == {}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blow", Blow)
def test_a_crash_at_any_call_and_again_at_the_same_loses_nothing(
    shape: Mapping[str, int], blow: Blow
) -> None:
    assert every_call(shape, blow, again=True) == {}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blow", [Blow.BEFORE, Blow.AFTER])
def test_an_outage_at_any_call_loses_nothing(shape: Mapping[str, int], blow: Blow) -> None:
    assert every_call(shape, blow, outage=True) == {}


def a_late_world(shape: Mapping[str, int]) -> tuple[World, NotificationId, set[str]]:
    """Plan all, lose the tasks to send it, and change devices; return also where nobody is now."""
    world = a_crowded_world(**shape)
    world.lost = lambda work: isinstance(work, Task) and work.function == SEND_BATCH
    id = world.approved()
    world.pass_time(timedelta(minutes=1))
    world.clock.advance((STALE_AFTER + timedelta(minutes=1)).total_seconds())
    world.lost = lambda _: False
    return world, id, some_change_their_minds(world)


def wrong_when_late(world: World, id: NotificationId, tasks: set[str]) -> list[str]:
    world.drain()
    reached = tasks.intersection(world.push.reached(id))
    return wrong_with(world, id) + [f"{to} was pushed to" for to in sorted(reached)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blow", Blow)
def test_a_crash_at_any_call_of_a_late_send_reaches_nobody_who_left(
    shape: Mapping[str, int], blow: Blow
) -> None:
    world, id, left = a_late_world(shape)
    before = world.hazard.calls
    assert wrong_when_late(world, id, left) == []
    wrong = {}
    for number in range(before + 1, world.hazard.calls + 1):
        struck, id, left = a_late_world(shape)
        struck.hazard.strike(number, blow)
        if found := wrong_when_late(struck, id, left):
            wrong[number] = [struck.hazard.trace[number - 1], *found]
        assert struck.hazard.crashes == 1
    assert wrong == {}


@pytest.mark.parametrize("shape", [ONE_BATCH, MANY_BATCHES], ids=["one batch", "many batches"])
@pytest.mark.parametrize("seed", range(24))
def test_repeated_late_and_disordered_events_and_tasks_change_nothing(
    seed: int, shape: Mapping[str, int]
) -> None:
    world = a_crowded_world(seed=seed, **shape)
    assert wrong_after(world) == []
    assert sent_again(world, list(map(NotificationId, records(world.database)))) == 0


@pytest.mark.parametrize("seed", STORMS)
def test_a_storm_of_crashes_losses_and_repeats_breaks_no_promise(seed: int) -> None:
    assert weather(seed).wrong == {}
