"""The queries that select an audience, and how a plan cuts it.

``Segment.misses`` is the rule. The queries are derived from the same filters; a property test
holds the two against each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from shared.domain.audience.device import PARTITIONS, Device, Platform, selector
from shared.domain.audience.filters import Condition, Context, Filter, Segment, TargetPlatform

MOST_SELECTORS = 30
"""Firestore evaluates at most 30 values in one ``array-contains-any``; more take more queries."""


@dataclass(frozen=True)
class AudienceQuery:
    """One query of a segment: any of ``selectors``, and every filter besides.

    ``earlier`` holds the selectors of the queries before this one: a device that has any of those
    was selected there already and is passed over here.
    """

    stream: int
    selectors: tuple[str, ...]
    earlier: frozenset[str]
    segment: Segment
    context: Context

    @property
    def hwid(self) -> str | None:
        """The one device to look up, if the segment names it."""
        return self.segment.hwid

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions on single fields that the store decides."""
        asked = (
            each.condition(value, self.context.as_of) for each, value in self.segment.restricting()
        )
        return tuple(condition for condition in asked if condition is not None)

    @cached_property
    def undecided(self) -> tuple[tuple[Filter[Any], Any], ...]:
        """The filters, with their values, that are decided on the page that was read.

        A device that is looked up by its name is read without a query, so there it is all filters.
        """
        by_name = self.hwid is not None
        restricting = self.segment.restricting()
        return tuple((each, value) for each, value in restricting if by_name or not each.narrows)

    @property
    def exact(self) -> bool:
        """True when a count is that of the devices the query targets, and not of all that must be
        read.
        """
        return self.hwid is not None or not self.undecided

    def keeps(self, device: Device) -> bool:
        """Tell whether the filters that the query leaves undecided keep a device."""
        return all(each.holds(value, device, self.context) for each, value in self.undecided)

    def first_to_select(self, device_selectors: Iterable[str]) -> bool:
        """Tell whether no earlier query of the same audience selects a device with these."""
        return not self.earlier or self.earlier.isdisjoint(device_selectors)

    def on(self, platform: Platform) -> "AudienceQuery":
        """Return the same query for one platform."""
        there = {"platform": TargetPlatform(platform.value)}
        return replace(self, segment=self.segment.model_copy(update=there))


def audience_queries(
    segment: Segment, verified: Iterable[str], now: datetime
) -> tuple[AudienceQuery, ...]:
    """Return the queries that together select exactly the audience, each device once; none for
    nobody.
    """
    context = Context(frozenset(verified), now)
    values = [
        selector(domain, region)
        for domain in segment.domains_of(context.domains)
        for region in (segment.codes or ("",))
    ]
    chunks = [values[i : i + MOST_SELECTORS] for i in range(0, len(values), MOST_SELECTORS)]
    return tuple(
        AudienceQuery(
            stream=stream,
            selectors=tuple(chunk),
            earlier=frozenset(values[: stream * MOST_SELECTORS]),
            segment=segment,
            context=context,
        )
        for stream, chunk in enumerate(chunks)
    )


@dataclass(frozen=True, slots=True)
class DeviceCount:
    """A count of the devices a query selects, and the moment of the store it holds for (opaque)."""

    devices: int
    read_at: str


@dataclass(frozen=True, slots=True)
class PartitionRange:
    """Device partitions ``low`` (inclusive) to ``high`` (exclusive), planned by one task."""

    low: int
    high: int


def partition_ranges(
    audience: int, *, devices_each: int, most: int = 64
) -> Sequence[PartitionRange]:
    """Return as many equal ranges, a power of two, as keep each near ``devices_each`` devices."""
    count = 1
    while count < most and audience > devices_each * count:
        count *= 2
    width = PARTITIONS // count
    return [PartitionRange(i * width, (i + 1) * width) for i in range(count)]
