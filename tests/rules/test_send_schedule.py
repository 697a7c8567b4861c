"""A provider's notifications go one after the other."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.delivery.send_schedule import REMEMBERED, SendSchedule
from tests.builders import NOON

MINUTE = timedelta(minutes=1)
steps = st.lists(
    st.tuples(st.integers(0, 7200), st.integers(1, 3600)).map(
        lambda each: (timedelta(seconds=each[0]), timedelta(seconds=each[1]))
    ),
    max_size=20,
)


def test_the_first_starts_now_and_the_next_behind_it() -> None:
    schedule = (
        SendSchedule().reserved("a", NOON, 10 * MINUTE).reserved("b", NOON + MINUTE, 5 * MINUTE)
    )
    first, second = schedule.of("a"), schedule.of("b")
    assert first
    assert second
    assert (first.starts_at, first.ends_at) == (NOON, NOON + 10 * MINUTE)
    assert (second.starts_at, second.ends_at) == (NOON + 10 * MINUTE, NOON + 15 * MINUTE)


def test_a_free_lane_keeps_nobody_waiting() -> None:
    schedule = SendSchedule().reserved("a", NOON, MINUTE).reserved("b", NOON + 5 * MINUTE, MINUTE)
    stretch = schedule.of("b")
    assert stretch
    assert stretch.starts_at == NOON + 5 * MINUTE


def test_one_that_does_not_wait_starts_now_and_takes_its_share_from_later_ones() -> None:
    schedule = (
        SendSchedule().reserved("a", NOON, 10 * MINUTE).reserved("b", NOON, MINUTE, waits=False)
    )
    stretch, third = schedule.of("b"), schedule.reserved("c", NOON, MINUTE).of("c")
    assert stretch
    assert stretch.starts_at == NOON
    assert third
    assert third.starts_at == NOON + 11 * MINUTE


@given(steps)
def test_stretches_never_overlap(lengths: list[tuple[timedelta, timedelta]]) -> None:
    schedule, now, free_at = SendSchedule(), NOON, NOON
    for number, (pause, length) in enumerate(lengths):
        now += pause
        schedule = schedule.reserved(str(number), now, length)
        stretch = schedule.of(str(number))
        assert stretch
        assert stretch.starts_at >= max(now, free_at)
        free_at = stretch.ends_at


@given(steps, st.integers(0, 19))
def test_reserving_again_changes_nothing(
    lengths: list[tuple[timedelta, timedelta]], again: int
) -> None:
    schedule, now = SendSchedule(), NOON
    for number, (_, length) in enumerate(lengths):
        schedule = schedule.reserved(str(number), now, length)
    if again < len(lengths):
        assert schedule.reserved(str(again), now + MINUTE, 99 * MINUTE) == schedule


def test_what_ended_is_forgotten_in_time() -> None:
    schedule = SendSchedule()
    for number in range(500):
        schedule = schedule.reserved(str(number), NOON + number * MINUTE, MINUTE)
    assert len(schedule.stretches) <= REMEMBERED / MINUTE + 1


def test_one_that_is_taken_out_leaves_its_time_to_others() -> None:
    schedule = SendSchedule().reserved("a", NOON, 10 * MINUTE)
    assert schedule.without({"a"}, NOON + MINUTE) == SendSchedule(NOON + MINUTE, ())
    assert schedule.without({"b"}, NOON + MINUTE) is schedule


def test_those_behind_one_that_is_taken_out_stay_where_they_are() -> None:
    schedule = SendSchedule().reserved("a", NOON, 10 * MINUTE).reserved("b", NOON, 5 * MINUTE)
    rest = schedule.without({"a"}, NOON + MINUTE)
    assert rest.stretches == schedule.stretches[1:]
    assert rest.free_at == NOON + 15 * MINUTE


def test_nobody_waits_for_more_than_a_week() -> None:
    schedule = SendSchedule()
    for number in range(20):
        schedule = schedule.reserved(str(number), NOON, timedelta(days=1))
    last = schedule.of("19")
    assert last
    assert last.starts_at == NOON + timedelta(days=7)
