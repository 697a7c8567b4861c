"""A provider's notifications go one after the other."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.delivery.lane import REMEMBERED, Lane
from tests.builders import NOON

MINUTE = timedelta(minutes=1)
steps = st.lists(
    st.tuples(st.integers(0, 7200), st.integers(1, 3600)).map(
        lambda each: (timedelta(seconds=each[0]), timedelta(seconds=each[1]))
    ),
    max_size=20,
)


def test_the_first_starts_now_and_the_next_behind_it() -> None:
    lane = Lane().reserved("a", NOON, 10 * MINUTE).reserved("b", NOON + MINUTE, 5 * MINUTE)
    first, second = lane.of("a"), lane.of("b")
    assert first
    assert second
    assert (first.starts_at, first.ends_at) == (NOON, NOON + 10 * MINUTE)
    assert (second.starts_at, second.ends_at) == (NOON + 10 * MINUTE, NOON + 15 * MINUTE)


def test_a_free_lane_keeps_nobody_waiting() -> None:
    lane = Lane().reserved("a", NOON, MINUTE).reserved("b", NOON + 5 * MINUTE, MINUTE)
    stretch = lane.of("b")
    assert stretch
    assert stretch.starts_at == NOON + 5 * MINUTE


def test_one_that_does_not_wait_starts_now_and_takes_its_share_from_later_ones() -> None:
    lane = Lane().reserved("a", NOON, 10 * MINUTE).reserved("b", NOON, MINUTE, waits=False)
    stretch, third = lane.of("b"), lane.reserved("c", NOON, MINUTE).of("c")
    assert stretch
    assert stretch.starts_at == NOON
    assert third
    assert third.starts_at == NOON + 11 * MINUTE


@given(steps)
def test_stretches_never_overlap(taken: list[tuple[timedelta, timedelta]]) -> None:
    lane, now, free_at = Lane(), NOON, NOON
    for number, (pause, length) in enumerate(taken):
        now += pause
        lane = lane.reserved(str(number), now, length)
        stretch = lane.of(str(number))
        assert stretch
        assert stretch.starts_at >= max(now, free_at)
        free_at = stretch.ends_at


@given(steps, st.integers(0, 19))
def test_reserving_again_changes_nothing(
    taken: list[tuple[timedelta, timedelta]], again: int
) -> None:
    lane, now = Lane(), NOON
    for number, (_, length) in enumerate(taken):
        lane = lane.reserved(str(number), now, length)
    if again < len(taken):
        assert lane.reserved(str(again), now + MINUTE, 99 * MINUTE) == lane


def test_what_ended_is_forgotten_in_time() -> None:
    lane = Lane()
    for number in range(500):
        lane = lane.reserved(str(number), NOON + number * MINUTE, MINUTE)
    assert len(lane.taken) <= REMEMBERED / MINUTE + 1


def test_one_that_is_taken_out_leaves_its_time_to_others() -> None:
    lane = Lane().reserved("a", NOON, 10 * MINUTE)
    assert lane.without({"a"}, NOON + MINUTE) == Lane(NOON + MINUTE, ())
    assert lane.without({"b"}, NOON + MINUTE) is lane


def test_those_behind_one_that_is_taken_out_stay_where_they_are() -> None:
    lane = Lane().reserved("a", NOON, 10 * MINUTE).reserved("b", NOON, 5 * MINUTE)
    rest = lane.without({"a"}, NOON + MINUTE)
    assert rest.taken == lane.taken[1:]
    assert rest.free_at == NOON + 15 * MINUTE


def test_nobody_waits_for_more_than_a_week() -> None:
    lane = Lane()
    for number in range(20):
        lane = lane.reserved(str(number), NOON, timedelta(days=1))
    last = lane.of("19")
    assert last
    assert last.starts_at == NOON + timedelta(days=7)
