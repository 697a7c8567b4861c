"""Number of devices that a segment would target, before anything is sent.

The same devices that planning targets: those without an address or consent are among them, and are
skipped when their turn comes. No index knows which devices can be reached, and a count must not
read them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.domain.audience.filters import Segment
from shared.domain.audience.targeting import MOST_SELECTORS, audience_queries
from shared.domain.content.content import Content
from shared.domain.errors import FieldError, InvalidInput
from shared.domain.providers.provider import Limit, verified
from shared.flow.audience.size import Estimate, census
from shared.flow.notifications.content_rules import check_fields
from shared.flow.providers.entitled import entitled
from shared.flow.providers.rates import check_rate
from shared.ports import Clock, Rates

if TYPE_CHECKING:
    from shared.stores.audience import Audience
    from shared.stores.providers import Providers

MOST_QUERIES = 64
"""Queries of one estimate, each counted once in all and up to once per platform."""


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def audience(self) -> Audience: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def rates(self) -> Rates: ...


def estimate(segment: Segment, *, provider_id: str, needs: Needs) -> Estimate:
    """Count a segment's devices by aggregation, at a cost that does not grow with the audience, but
    with the queries: their number is bounded, and each takes its share of the provider's rate.
    """
    provider, domains = entitled(provider_id, needs.providers)
    check_fields(Content(), segment, provider, domains)
    queries = audience_queries(segment, verified(domains), needs.clock.now())
    if len(queries) > MOST_QUERIES:
        raise _too_many("region" if segment.region else "languages")
    check_rate(provider, Limit.ESTIMATES_PER_MINUTE, needs.rates, cost=max(1, len(queries)))
    found = census(segment, queries, needs.audience)
    exact = len(queries) <= 1 and all(query.exact for query in queries)
    return Estimate(found.devices, found.by_platform, exact)


def _too_many(field: str) -> InvalidInput:
    most, those = MOST_QUERIES * MOST_SELECTORS, "languages" if field == "languages" else "regions"
    sentence = (
        f"{those} times domains may be at most {most:,} for an estimate; "
        f"name fewer {those}, or one domain"
    )
    return InvalidInput([FieldError(f"targetSegment.{field}", "tooManyCombinations", sentence)])
