"""The whole journey, with the process dying at every single external call in turn.

A call is a request to the database, or to a queue, a push service or the like. After each death
everything is delivered again and swept until all is quiet, and every promise of the
specification's section 4 must hold. The same goes for calls that fail as the real adapters fail.

``make check`` tries some of the calls of each name, ``make test`` and ``make chaos`` all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

import pytest

from shared.domain.delivery.read_again import STALE_AFTER
from shared.domain.errors import TryAgain, WrongState
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.flow.delivery.queues import SEND_BATCH
from shared.flow.notifications.once import Once
from shared.ports import Task
from shared.ports.database import LostAnswer
from tests.flow.audit import faults, most_sent_again, sent_again
from tests.flow.crowd import a_crowded_world, some_change_their_minds
from tests.flow.hazard import NEVER_RAISE, Blow, Crash, Fault, can_be_halved
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

STORMS = [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 24))]


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


CRASHES = [Fault(blow, again) for again in (False, True) for blow in Blow]
AWAY = Fault(Blow.BEFORE, raises=TryAgain)
OUTAGES = [
    AWAY,
    Fault(Blow.BEFORE, raises=TryAgain, lasting=True),
    Fault(Blow.BEFORE, raises=LostAnswer),
    Fault(Blow.MIDWAY, raises=LostAnswer),
    Fault(Blow.MIDWAY, raises=LostAnswer, lasting=True),
    Fault(Blow.AFTER, raises=LostAnswer),
    Fault(Blow.AFTER, raises=LostAnswer, lasting=True),
]
QUESTIONS = ("/get", "/get_many", "/query", "/count", "/sum", "standings.look_up")


def differs(fault: Fault, name: str) -> bool:
    """Tell whether this fault leaves the world otherwise than all before it, at calls of this name.

    What cannot be halved is done or not. A question changes nothing: to die of it, or to be told
    nothing, is the same before as after. And a push service answers, or the process is gone.
    """
    if fault.raises is not Crash and name in NEVER_RAISE:
        return False
    if fault.blow is Blow.MIDWAY:
        return can_be_halved(name)
    dies_before = fault.raises is Crash and fault.blow is Blow.BEFORE
    return dies_before or fault == AWAY or not name.endswith(QUESTIONS)


class Part(Enum):
    """Those of the calls that are tried: some of each name, the rest, or all."""

    SOME = auto()
    REST = auto()
    ALL = auto()


ONE_IN = 8
"""Of so many calls of one name, one is tried by ``make check``."""
TRIED = [
    pytest.param(ONE_BATCH, Part.SOME, id="one batch, some calls"),
    pytest.param(ONE_BATCH, Part.REST, id="one batch, the rest", marks=pytest.mark.slow),
    pytest.param(MANY_BATCHES, Part.ALL, id="many batches", marks=pytest.mark.slow),
]


def points(trace: Sequence[str], fault: Fault, part: Part = Part.ALL) -> list[int]:
    """Number the calls that can fail so, or a part of them."""
    met = Counter[str]()
    found = []
    for number, name in enumerate(trace, 1):
        if differs(fault, name):
            chosen = Part.REST if met[name] % ONE_IN else Part.SOME
            met[name] += 1
            if part in {chosen, Part.ALL}:
                found.append(number)
    return found


@dataclass(slots=True)
class Struck:
    """Calls at which a fault struck, and what went wrong after which of them."""

    calls: list[int] = field(default_factory=list)
    wrong: dict[int, list[str]] = field(default_factory=dict)

    def note(self, world: World, number: int, wrong: list[str]) -> None:
        """Keep what came of a fault at the call of this number."""
        assert world.hazard.crashes >= 1
        self.calls.append(number)
        if wrong:
            self.wrong[number] = [world.hazard.trace[number - 1], *wrong]


def every_call(shape: Mapping[str, int], fault: Fault, part: Part = Part.ALL) -> Struck:
    """Make the journey once for every call that can fail so."""
    calm = a_crowded_world(**shape)
    assert wrong_after(calm) == []
    assert calm.hazard.crashes == 0
    struck = Struck()
    for number in points(calm.hazard.trace, fault, part):
        world = a_crowded_world(**shape)
        world.hazard.strike(number, fault)
        struck.note(world, number, wrong_after(world))
    return struck


@pytest.mark.parametrize("shape", SHAPES)
def test_without_any_crash_only_what_was_never_confirmed_is_sent_twice(
    shape: Mapping[str, int],
) -> None:
    world = a_crowded_world(**shape)
    twice = {to for to, times in world.push.reached(journey(world)).items() if times > 1}
    assert twice == {f"token-vague-{n}" for n in range(4)}


@pytest.mark.parametrize(("shape", "part"), TRIED)
@pytest.mark.parametrize("fault", CRASHES, ids=str)
def test_a_crash_at_any_call_loses_nothing(
    shape: Mapping[str, int], part: Part, fault: Fault
) -> None:
    assert every_call(shape, fault, part).wrong == {}


@pytest.mark.parametrize(("shape", "part"), TRIED)
@pytest.mark.parametrize("fault", OUTAGES, ids=str)
def test_an_outage_at_any_call_loses_nothing(
    shape: Mapping[str, int], part: Part, fault: Fault
) -> None:
    assert every_call(shape, fault, part).wrong == {}


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


@pytest.mark.parametrize(("shape", "part"), TRIED)
@pytest.mark.parametrize("fault", CRASHES[: len(Blow)], ids=str)
def test_a_crash_at_any_call_of_a_late_send_reaches_nobody_who_left(
    shape: Mapping[str, int], part: Part, fault: Fault
) -> None:
    calm, id, left = a_late_world(shape)
    before = calm.hazard.calls
    assert wrong_when_late(calm, id, left) == []
    struck = Struck()
    for number in points(calm.hazard.trace[before:], fault, part):
        world, id, left = a_late_world(shape)
        world.hazard.strike(before + number, fault)
        struck.note(world, before + number, wrong_when_late(world, id, left))
    assert struck.wrong == {}


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
