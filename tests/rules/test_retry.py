"""When to try again, and when to stop."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.delivery.retry import (
    RecentAttempts,
    RetryBudget,
    RetryPolicy,
    failed_rounds_after,
    too_late,
    too_many,
)
from tests.builders import NOON

POLICY = RetryPolicy()
attempts = st.integers(0, 1000)
chances = st.floats(0, 1, exclude_max=True)


@given(attempts, chances)
def test_a_wait_lies_between_the_base_and_the_cap(attempt: int, chance: float) -> None:
    assert 10 <= POLICY.wait_seconds(attempt, 0, chance) <= 600


@given(attempts, st.floats(0, 100_000), chances)
def test_a_wait_is_never_shorter_than_the_push_service_asked(
    attempt: int, seconds: float, chance: float
) -> None:
    assert POLICY.wait_seconds(attempt, seconds, chance) >= seconds


@given(chances)
def test_waits_grow_with_every_fruitless_attempt_up_to_the_cap(chance: float) -> None:
    waits = [POLICY.wait_seconds(failed_rounds, 0, chance) for failed_rounds in range(12)]
    assert waits == sorted(waits)


def test_waits_are_spread_over_the_whole_span() -> None:
    assert POLICY.wait_seconds(3, 0, 0.0) == 10
    assert POLICY.wait_seconds(3, 0, 0.5) == 45
    assert POLICY.wait_seconds(3, 0, 0.999) == pytest.approx(80, abs=0.1)


@pytest.mark.parametrize("failed_rounds", [0, 1])
def test_the_first_wait_is_spread_too(failed_rounds: int) -> None:
    assert POLICY.wait_seconds(failed_rounds, 0, 0.5) == 15


@pytest.mark.parametrize(
    ("tried", "in_vain", "then"),
    [
        (1, 1, 4),
        (2, 2, 4),
        (3, 2, 4),
        (500, 251, 4),
        (2, 1, 0),
        (500, 250, 0),
        (3, 1, 0),
        (9, 0, 0),
    ],
)
def test_an_attempt_is_fruitless_when_most_of_what_it_tried_came_to_nothing(
    tried: int, in_vain: int, then: int
) -> None:
    assert failed_rounds_after(3, tried, in_vain) == then


@pytest.mark.parametrize(("before", "then"), [(0, 1), (3, 4), (4, 4), (9, 9)])
def test_an_attempt_that_had_no_turn_counts_too_but_never_for_long(before: int, then: int) -> None:
    assert failed_rounds_after(before, 0, 0) == then
    assert POLICY.wait_seconds(min(then, 4), 0, 0.999) <= 160


@pytest.mark.parametrize(
    ("over", "devices", "waits"),
    [(0, 0, False), (0, 9, False), (1, 1, True), (1, 2, True), (1, 3, False)],
)
def test_a_few_retries_over_the_budget_hold_up_nobody_else(
    over: int, devices: int, waits: bool
) -> None:
    assert too_many(over, devices) is waits


def test_what_was_asked_is_spread_too_so_that_not_all_return_at_once() -> None:
    assert POLICY.wait_seconds(1, 120, 0.0) == 120
    assert POLICY.wait_seconds(1, 120, 0.5) == 126


@pytest.mark.parametrize(("seconds", "over"), [(-1, False), (0, False), (1, True)])
def test_trying_ends_after_six_hours(seconds: int, over: bool) -> None:
    next_attempt_at = NOON + timedelta(hours=6, seconds=seconds)
    assert POLICY.gives_up(NOON, next_attempt_at) is over


@pytest.mark.parametrize(("seconds", "late"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("hours", [1, 7])
def test_trying_ends_when_it_expires_if_that_comes_first(
    seconds: int, late: bool, hours: int
) -> None:
    expires_at = NOON + timedelta(hours=hours)
    at = expires_at + timedelta(seconds=seconds)
    assert too_late(at, expires_at) is late
    assert POLICY.gives_up(NOON, at, expires_at) is (late or hours > 6)


def test_what_never_expires_is_never_too_late() -> None:
    assert not too_late(NOON + timedelta(days=36_500), None)


# ---- the budget of retries -------------------------------------------------------------------

BUDGET = RetryBudget(share=0.1, least=100, window=timedelta(seconds=60), slot_seconds=5)
tries = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 500), st.integers(0, 500)), max_size=60
)


def test_retries_are_a_tenth_of_first_attempts_and_a_minimum() -> None:
    spent = BUDGET.after(RecentAttempts(), NOON, 2_000, 299)
    assert BUDGET.affords(spent, NOON, 500)
    assert not BUDGET.affords(BUDGET.after(spent, NOON, 0, 1), NOON, 1)


def test_first_attempts_are_never_refused() -> None:
    assert BUDGET.affords(BUDGET.after(RecentAttempts(), NOON, 0, 10_000), NOON, 0)


def test_a_process_that_did_nothing_else_still_gets_on() -> None:
    assert BUDGET.affords(RecentAttempts(), NOON, 500)


@given(tries)
def test_what_was_spent_comes_back_when_the_window_has_passed(
    attempts: list[tuple[int, int, int]],
) -> None:
    spent, now = RecentAttempts(), NOON
    for seconds, first, again in attempts:
        now += timedelta(seconds=seconds)
        spent = BUDGET.after(spent, now, first, again)
    assert BUDGET.affords(spent, now + timedelta(seconds=BUDGET.wait_seconds), 500)
    assert BUDGET.recent(spent, now + timedelta(seconds=66)) == RecentAttempts()


@given(tries)
def test_no_window_holds_many_more_retries_than_its_share(
    attempts: list[tuple[int, int, int]],
) -> None:
    """At most one batch more: the one that was begun with the last of the budget."""
    spent, now = RecentAttempts(), NOON
    for seconds, first, again in attempts:
        now += timedelta(seconds=seconds)
        allowed = again if BUDGET.affords(spent, now, again) else 0
        spent = BUDGET.after(spent, now, first, allowed)
        assert len(spent.slots) <= 14
        seen = BUDGET.recent(spent, now)
        assert seen.again <= 2 * (100 + 0.1 * sum(f for _, f, _ in attempts)) + 500


@given(tries)
def test_nothing_is_counted_twice_or_forgotten_within_the_window(
    attempts: list[tuple[int, int, int]],
) -> None:
    spent = RecentAttempts()
    for _, first, again in attempts:
        spent = BUDGET.after(spent, NOON, first, again)
    assert spent.first == sum(first for _, first, _ in attempts)
    assert spent.again == sum(again for _, _, again in attempts)


@given(tries, st.integers(0, 500), st.integers(0, 500))
def test_what_is_given_back_was_never_spent(
    attempts: list[tuple[int, int, int]], first: int, again: int
) -> None:
    spent, granted_at = RecentAttempts(), NOON + timedelta(seconds=30)
    for seconds, *others in attempts:
        spent = BUDGET.after(spent, NOON + timedelta(seconds=seconds), *others)
    granted = BUDGET.after(spent, granted_at, first, again)
    given_back = BUDGET.given_back(granted, granted_at, first, again)
    assert (given_back.first, given_back.again) == (spent.first, spent.again)


def test_what_is_given_back_after_its_window_has_passed_changes_nothing() -> None:
    granted = BUDGET.after(RecentAttempts(), NOON, 100, 10)
    later = NOON + timedelta(seconds=90)
    now = BUDGET.after(granted, later, 3, 2)
    assert BUDGET.given_back(now, NOON, 100, 10) == now
