"""How many devices a segment would target, before anything is sent.

The same that planning targets: those without an address or consent are among them, and are skipped
when their turn comes. No index knows who can be reached, and a count must not read them all.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.domain.content import Content
from shared.domain.device import Platform
from shared.domain.errors import FieldError, InvalidInput
from shared.domain.notification import Notification
from shared.domain.provider import Limit, verified
from shared.domain.targeting import (
    MOST_SELECTORS,
    AudienceQuery,
    Segment,
    TargetPlatform,
    audience_queries,
)
from shared.flow.entitled import check_fields, entitled
from shared.flow.rates import check_rate
from shared.ports import Audience, Clock, Providers, Rates

MOST_QUERIES = 64
"""Queries of one estimate, each counted once in all and up to once per platform."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Devices in all and by platform.

    ``exact`` is false when so many domains and regions are combined that several queries are
    needed: a device that several of them select is then counted by each.
    """

    devices: int
    by_platform: Mapping[str, int]
    exact: bool


def estimate(
    segment: Segment,
    *,
    provider_id: str,
    providers: Providers,
    audience: Audience,
    rates: Rates,
    clock: Clock,
) -> Estimate:
    """Counted by aggregation, so its cost does not grow with the audience, but with the queries:
    how many there may be is bounded, and each takes its share of the provider's rate.
    """
    provider, domains = entitled(provider_id, providers)
    check_fields(Content(), segment, provider, domains)
    queries = audience_queries(segment, verified(domains), clock.now())
    if len(queries) > MOST_QUERIES:
        raise _too_many()
    check_rate(provider, Limit.ESTIMATES_PER_MINUTE, rates, cost=max(1, len(queries)))
    found = census(segment, queries, audience)
    return Estimate(found.devices, found.by_platform, exact=len(queries) <= 1)


def devices_now(
    notification: Notification, *, providers: Providers, audience: Audience, clock: Clock
) -> int:
    """Count the devices that a notification would target if it were planned now."""
    domains = verified(providers.domains_of(notification.provider_id))
    segment = notification.segment or Segment()
    return sum_of(audience_queries(segment, domains, clock.now()), audience)


def sum_of(queries: Sequence[AudienceQuery], audience: Audience) -> int:
    """Count the devices of all queries; one that several select is counted by each."""
    return sum(audience.count(query).devices for query in queries)


def _too_many() -> InvalidInput:
    most = MOST_QUERIES * MOST_SELECTORS
    sentence = (
        f"regions times domains may be at most {most:,} for an estimate; "
        "name fewer regions, or one domain"
    )
    return InvalidInput([FieldError("targetSegment.region", "tooManyCombinations", sentence)])


@dataclass(frozen=True, slots=True)
class Census:
    """Devices in all, and on each platform the segment wants. ``read_at`` is the store's word for
    when the first were counted. One on a platform we do not know is among all, and on none.
    """

    devices: int
    by_platform: Mapping[str, int]
    read_at: str


def census(segment: Segment, queries: Sequence[AudienceQuery], audience: Audience) -> Census:
    """Counts the devices of a segment's queries."""
    counted = [audience.count(query) for query in queries]
    found = Counter[str]()
    for query, selected in zip(queries, counted, strict=True):
        found.update(dict(_by_platform(query, selected.devices, audience)))
    wanted = [p for p in Platform if segment.platform in {TargetPlatform.ALL, p.value}]
    return Census(
        devices=sum(each.devices for each in counted),
        by_platform={platform.value: found[platform.value] for platform in wanted},
        read_at=counted[0].read_at if counted else "",
    )


def _by_platform(
    query: AudienceQuery, selected: int, audience: Audience
) -> Iterator[tuple[str, int]]:
    """Asked only while some of those ``selected`` are on no platform yet: with hundreds of regions
    there are dozens of queries, and most of them select nobody.
    """
    if query.platform is not None:
        yield query.platform, selected
        return
    for platform in Platform:
        if selected <= 0:
            return
        there = audience.count(replace(query, platform=platform.value)).devices
        selected -= there
        yield platform.value, there
