"""When each batch of a big audience may go out."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.delivery.ramp import LONGEST_DELAY, Ramp, delay_seconds
from tests.builders import NOON

speeds = st.floats(0.05, 20)


@given(speeds, st.integers(0, 5000))
def test_batches_come_in_their_order(per_second: float, index: int) -> None:
    assert delay_seconds(index, per_second) <= delay_seconds(index + 1, per_second)


@given(speeds, st.integers(0, 5000))
def test_it_is_never_faster_than_full_speed(per_second: float, index: int) -> None:
    """But for one batch at the very start, no window holds more than the speed allows."""
    later = delay_seconds(index + 1, per_second)
    assert later - delay_seconds(index, per_second) >= 0.999 / per_second or index < 1


@given(speeds)
def test_full_speed_is_reached_after_a_minute_and_not_before(per_second: float) -> None:
    climbing = per_second * 30
    halfway = climbing / 4
    assert delay_seconds(0, per_second) == 0
    assert delay_seconds(int(halfway), per_second) <= 30.001
    assert delay_seconds(int(climbing) + 1, per_second) >= 59.999


def test_a_million_at_the_speed_of_a_premium_plan_takes_its_minutes() -> None:
    assert delay_seconds(2000, 2.0) == pytest.approx(30 + 1000)


@given(speeds, st.integers(1, 64), st.integers(0, 200))
def test_the_parts_of_an_audience_take_turns(per_second: float, parts: int, number: int) -> None:
    ramps = [Ramp(NOON, per_second, first, parts) for first in range(parts)]
    moments = [ramp.due(number) for ramp in ramps] + [ramps[0].due(number + 1)]
    assert moments == sorted(moments)


@given(speeds, st.integers(0, 10**6))
def test_the_same_batch_always_has_the_same_moment(per_second: float, number: int) -> None:
    ramp = Ramp(NOON, per_second, 3, 8)
    assert ramp.due(number) == Ramp(NOON, per_second, 3, 8).due(number)
    assert NOON <= ramp.due(number) <= NOON + LONGEST_DELAY


def test_no_batch_waits_for_more_than_a_day() -> None:
    assert Ramp(NOON, 0.0001).due(10**6) == NOON + timedelta(days=1)
