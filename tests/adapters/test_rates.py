"""A process remembers who did what lately, and only so many of them."""

from shared.adapters.clock import FixedClock
from shared.adapters.rates import MOST_REMEMBERED, ProcessRates
from tests.builders import NOON


def test_each_caller_and_each_kind_is_counted_apart() -> None:
    rates = ProcessRates(FixedClock(NOON))
    assert rates.take("p1", "searches", 1) == 0
    assert rates.take("p1", "searches", 1) == 60
    assert rates.take("p1", "estimates", 1) == 0
    assert rates.take("p2", "searches", 1) == 0


def test_those_asked_for_longest_ago_are_forgotten_first() -> None:
    rates = ProcessRates(FixedClock(NOON))
    rates.take("first", "searches", 1)
    rates.take("second", "searches", 1)
    for number in range(MOST_REMEMBERED - 2):
        rates.take(f"p{number}", "searches", 1)
    assert rates.take("first", "searches", 1) == 60
    rates.take("one more", "searches", 1)
    assert rates.take("first", "searches", 1) == 60
    assert rates.take("second", "searches", 1) == 0
