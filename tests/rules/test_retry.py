"""When to try again, and when to stop."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.retry import RetryPolicy
from tests.builders import NOON

POLICY = RetryPolicy()
attempts = st.integers(1, 1000)
chances = st.floats(0, 1, exclude_max=True)


@given(attempts, chances)
def test_a_wait_lies_between_the_base_and_the_cap(attempt: int, chance: float) -> None:
    assert 10 <= POLICY.wait_seconds(attempt, 0, chance) <= 600


@given(attempts, st.floats(0, 100_000), chances)
def test_a_wait_is_never_shorter_than_the_push_service_asked(
    attempt: int, asked: float, chance: float
) -> None:
    assert POLICY.wait_seconds(attempt, asked, chance) >= asked


@given(chances)
def test_waits_grow_with_every_attempt_up_to_the_cap(chance: float) -> None:
    waits = [POLICY.wait_seconds(attempt, 0, chance) for attempt in range(1, 12)]
    assert waits == sorted(waits)


def test_waits_are_spread_over_the_whole_span() -> None:
    assert POLICY.wait_seconds(3, 0, 0.0) == 10
    assert POLICY.wait_seconds(3, 0, 0.5) == 45
    assert POLICY.wait_seconds(3, 0, 0.999) == pytest.approx(80, abs=0.1)


def test_what_was_asked_is_spread_too_so_that_not_all_return_at_once() -> None:
    assert POLICY.wait_seconds(1, 120, 0.0) == 120
    assert POLICY.wait_seconds(1, 120, 0.5) == 126


@pytest.mark.parametrize(("seconds", "over"), [(-1, False), (0, False), (1, True)])
def test_trying_ends_after_six_hours(seconds: int, over: bool) -> None:
    next_attempt_at = NOON + timedelta(hours=6, seconds=seconds)
    assert POLICY.gives_up(NOON, next_attempt_at) is over
