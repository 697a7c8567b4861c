"""Number of devices that the queries of a segment select, in all and by platform.

Counted by aggregation: the cost grows with the queries and not with the devices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.domain.audience.device import Platform
from shared.domain.audience.filters import Segment, TargetPlatform
from shared.domain.audience.targeting import AudienceQuery, audience_queries
from shared.domain.notifications.notification import Notification
from shared.domain.providers.provider import verified
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.audience import Audience
    from shared.stores.providers import Providers


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def audience(self) -> Audience: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def providers(self) -> Providers: ...


@dataclass(frozen=True, slots=True)
class Estimate:
    """Devices in all and by platform.

    ``exact`` is false when so many domains and regions are combined that several queries are
    needed, where a device that several of them select is counted by each; and when a filter is not
    decided by the query that is counted, as with ``languages``. The numbers are too high then, and
    never too low.
    """

    devices: int
    by_platform: Mapping[str, int]
    exact: bool


def devices_now(notification: Notification, *, needs: Needs) -> int:
    """Count the devices that a notification would target if it were planned now."""
    domains = verified(needs.providers.domains_of(notification.provider_id))
    segment = notification.segment or Segment()
    return sum_of(audience_queries(segment, domains, needs.clock.now()), needs.audience)


def sum_of(queries: Sequence[AudienceQuery], audience: Audience) -> int:
    """Count the devices of all queries; a device that several select is counted by each."""
    return sum(audience.count(query).devices for query in queries)


@dataclass(frozen=True, slots=True)
class Census:
    """Devices in all, and on each platform the segment wants. ``read_at`` is the store's word for
    when the first devices were counted. A device on a platform we do not know is among all, and on
    none.
    """

    devices: int
    by_platform: Mapping[str, int]
    read_at: str


def census(segment: Segment, queries: Sequence[AudienceQuery], audience: Audience) -> Census:
    """Count the devices of a segment's queries, in all and by platform."""
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
    """Count the selected devices by platform, only while some of those ``selected`` are on no
    platform yet: with hundreds of regions there are dozens of queries, and most of them select
    nobody.
    """
    if query.segment.platform is not TargetPlatform.ALL:
        yield query.segment.platform.value, selected
        return
    for platform in Platform:
        if selected <= 0:
            return
        there = audience.count(query.on(platform)).devices
        selected -= there
        yield platform.value, there
