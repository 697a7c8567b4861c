"""A provider's schedule: reservations of many instances at once, each exactly once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.firestore.rest_values import encode, write
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.delivery.send_schedule import SendSchedule
from shared.stores.send_schedules import SendSchedules
from tests.adapters.fanout import BadLine
from tests.builders import NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", "rest"])
def send_schedules(request: pytest.FixtureRequest) -> SendSchedules:
    if request.param == "memory":
        return SendSchedules(MemoryDatabase())
    return SendSchedules(RestDatabase(request.getfixturevalue("rest")))


def reserve(
    send_schedules: SendSchedules, id: str, provider: str = "p1", minutes: int = 1
) -> SendSchedule:
    return send_schedules.change(provider, lambda it: it.reserved(id, NOON, minutes * MINUTE))


def test_a_lane_nobody_used_is_empty(send_schedules: SendSchedules) -> None:
    seen: list[SendSchedule] = []

    def look(schedule: SendSchedule) -> SendSchedule:
        seen.append(schedule)
        return schedule

    assert send_schedules.change("p1", look) == SendSchedule()
    assert seen == [SendSchedule()]


def test_what_was_reserved_is_remembered(send_schedules: SendSchedules) -> None:
    first = reserve(send_schedules, "a")
    second = reserve(send_schedules, "b", minutes=3)
    assert second == first.reserved("b", NOON, 3 * MINUTE)
    assert second.free_at == NOON + 4 * MINUTE
    assert send_schedules.change("p1", lambda it: it) == second


def test_reserving_again_is_reserving_once(send_schedules: SendSchedules) -> None:
    assert reserve(send_schedules, "a") == reserve(send_schedules, "a", minutes=9)


def test_every_provider_has_a_lane_of_its_own(send_schedules: SendSchedules) -> None:
    reserve(send_schedules, "a", minutes=60)
    other = reserve(send_schedules, "b", provider="p2").of("b")
    assert other is not None
    assert other.starts_at == NOON


def test_of_many_at_once_each_has_a_stretch_of_its_own(send_schedules: SendSchedules) -> None:
    ids = [f"n{number}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(reserve, send_schedules), ids))
    schedule = send_schedules.change("p1", lambda it: it)
    starts = sorted(stretch.starts_at for stretch in schedule.stretches)
    assert starts == [NOON + number * MINUTE for number in range(4)]
    assert schedule.free_at == NOON + 4 * MINUTE


def test_an_answer_that_was_lost_reserves_once(rest: FirestoreRest, line: BadLine) -> None:
    send_schedules = SendSchedules(RestDatabase(rest))
    line.next(":commit", "answer lost")
    schedule = reserve(send_schedules, "a")
    assert line.sent(":commit") == 1
    assert [stretch.run_id for stretch in schedule.stretches] == ["a"]
    assert schedule.free_at == NOON + MINUTE


def test_a_lane_that_somebody_has_spoilt_is_begun_anew(rest: FirestoreRest) -> None:
    odd = {"freeAt": encode("tomorrow"), "taken": encode([7, {"startsAt": "now"}])}
    rest.commit([write(rest.name("lanes", "p1"), odd)])
    assert reserve(SendSchedules(RestDatabase(rest)), "a") == SendSchedule().reserved(
        "a", NOON, MINUTE
    )
