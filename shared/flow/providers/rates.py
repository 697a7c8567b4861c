"""Rates of a provider's, or a moderator's, calls that cost much and leave nothing behind."""

from collections.abc import Mapping
from math import ceil

from shared.domain.errors import TooMany
from shared.domain.providers.provider import Limit, Provider
from shared.ports import Rates

MODERATOR_SEARCHES_PER_MINUTE = 120
RATES: Mapping[Limit, str] = {
    Limit.ESTIMATES_PER_MINUTE: "estimates",
    Limit.SEARCHES_PER_MINUTE: "searches",
    Limit.DRAFTS_PER_MINUTE: "new drafts",
    Limit.API_KEYS_PER_MINUTE: "new API keys",
}
"""Limits that are rates of calls, each with the name of the things counted."""


def check_rate(provider: Provider, limit: Limit, rates: Rates, *, cost: int = 1) -> None:
    """Raise ``TooMany`` when the provider calls more often than ``limit`` allows; a call counts as
    ``cost``.
    """
    most = provider.limit(limit)
    _check(provider.uid, limit, most, f"{RATES[limit]} in a minute", rates, cost)


def check_searches(moderator_id: str, rates: Rates) -> None:
    """Raise ``TooMany`` when a moderator searches the queue without a pause."""
    most, limit = MODERATOR_SEARCHES_PER_MINUTE, Limit.SEARCHES_PER_MINUTE
    _check(f"moderator:{moderator_id}", limit, most, "searches in a minute", rates, 1)


def _check(who: str, limit: Limit, most: int, what: str, rates: Rates, cost: int) -> None:
    wait = rates.take(who, limit, most, cost=cost)
    if wait > 0:
        raise TooMany(
            f"{most} {what} are the most you may make; wait a moment",
            retry_after_seconds=max(1, ceil(wait)),
            code=f"{limit}Reached",
        )
