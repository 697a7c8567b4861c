"""So many times a minute: all at once, then evenly."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.providers.rate import Bucket
from tests.builders import NOON

STEPS = st.lists(st.tuples(st.integers(0, 90_000), st.integers(1, 20)), max_size=60)


def test_a_minute_s_worth_is_there_at_once_and_comes_back_evenly() -> None:
    bucket, wait = Bucket.full(60, NOON).take(60, 60, NOON)
    assert wait == 0
    bucket, wait = bucket.take(1, 60, NOON)
    assert wait == 1
    bucket, wait = bucket.take(1, 60, NOON + timedelta(seconds=1))
    assert wait == 0


def test_what_costs_more_than_a_minute_s_worth_takes_a_full_bucket() -> None:
    bucket, wait = Bucket.full(10, NOON).take(64, 10, NOON)
    assert wait == 0
    assert bucket.take(64, 10, NOON)[1] == 60


def test_a_limit_of_none_lets_nothing_through() -> None:
    assert Bucket.full(0, NOON).take(1, 0, NOON)[1] == 60


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    bucket, _ = Bucket.full(1, NOON).take(1, 1, NOON)
    bucket, wait = bucket.take(1, 1, NOON - timedelta(hours=1))
    assert wait == 60
    assert bucket.take(1, 1, NOON)[1] == 60


@given(STEPS, st.integers(1, 30))
def test_in_no_stretch_of_time_is_more_taken_than_a_minute_s_worth_and_the_refill(
    steps: list[tuple[int, int]], per_minute: int
) -> None:
    now, bucket, taken = NOON, Bucket.full(per_minute, NOON), 0
    for milliseconds, cost in steps:
        now += timedelta(milliseconds=milliseconds)
        bucket, wait = bucket.take(cost, per_minute, now)
        if wait == 0:
            taken += min(cost, per_minute)
        else:
            later = now + timedelta(seconds=wait + 0.001)
            assert bucket.take(cost, per_minute, later)[1] == 0
    minutes = (now - NOON) / timedelta(minutes=1)
    assert taken <= per_minute * (1 + minutes) + 1e-6
