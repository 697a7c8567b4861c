"""A provider's lane: reservations of many instances at once, each exactly once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.firestore.rest_values import encode, write
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.delivery.lane import Lane
from shared.stores.lanes import Lanes
from tests.adapters.fanout import BadLine
from tests.builders import NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", "rest"])
def lanes(request: pytest.FixtureRequest) -> Lanes:
    if request.param == "memory":
        return Lanes(MemoryDatabase())
    return Lanes(RestDatabase(request.getfixturevalue("rest")))


def reserve(lanes: Lanes, id: str, provider: str = "p1", minutes: int = 1) -> Lane:
    return lanes.change(provider, lambda it: it.reserved(id, NOON, minutes * MINUTE))


def test_a_lane_nobody_used_is_empty(lanes: Lanes) -> None:
    seen: list[Lane] = []

    def look(lane: Lane) -> Lane:
        seen.append(lane)
        return lane

    assert lanes.change("p1", look) == Lane()
    assert seen == [Lane()]


def test_what_was_reserved_is_remembered(lanes: Lanes) -> None:
    first = reserve(lanes, "a")
    second = reserve(lanes, "b", minutes=3)
    assert second == first.reserved("b", NOON, 3 * MINUTE)
    assert second.free_at == NOON + 4 * MINUTE
    assert lanes.change("p1", lambda it: it) == second


def test_reserving_again_is_reserving_once(lanes: Lanes) -> None:
    assert reserve(lanes, "a") == reserve(lanes, "a", minutes=9)


def test_every_provider_has_a_lane_of_its_own(lanes: Lanes) -> None:
    reserve(lanes, "a", minutes=60)
    other = reserve(lanes, "b", provider="p2").of("b")
    assert other is not None
    assert other.starts_at == NOON


def test_of_many_at_once_each_has_a_stretch_of_its_own(lanes: Lanes) -> None:
    ids = [f"n{number}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(reserve, lanes), ids))
    lane = lanes.change("p1", lambda it: it)
    starts = sorted(stretch.starts_at for stretch in lane.taken)
    assert starts == [NOON + number * MINUTE for number in range(4)]
    assert lane.free_at == NOON + 4 * MINUTE


def test_an_answer_that_was_lost_reserves_once(rest: FirestoreRest, line: BadLine) -> None:
    lanes = Lanes(RestDatabase(rest))
    line.next(":commit", "answer lost")
    lane = reserve(lanes, "a")
    assert line.sent(":commit") == 1
    assert [stretch.notification_id for stretch in lane.taken] == ["a"]
    assert lane.free_at == NOON + MINUTE


def test_a_lane_that_somebody_has_spoilt_is_begun_anew(rest: FirestoreRest) -> None:
    odd = {"freeAt": encode("tomorrow"), "taken": encode([7, {"startsAt": "now"}])}
    rest.commit([write(rest.name("lanes", "p1"), odd)])
    assert reserve(Lanes(RestDatabase(rest)), "a") == Lane().reserved("a", NOON, MINUTE)
