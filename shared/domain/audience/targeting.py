"""Who a notification is for.

``Segment.misses`` is the rule. The queries that select an audience are derived from the same
segment by ``audience_queries``; a property test holds the two against each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from shared.domain.audience.device import PARTITIONS, Device, HwidText, Platform, selector
from shared.domain.audience.locales import language_and_territory, region_code
from shared.domain.inputs import Input
from shared.domain.links.domain_names import domain_name

MOST_SELECTORS = 30
"""Firestore evaluates at most 30 values in one ``array-contains-any``; more take more queries."""

DomainText = Annotated[str, Field(max_length=253), AfterValidator(domain_name)]
Region = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{2,8}$", to_lower=True)]


class TargetPlatform(StrEnum):
    """A device platform, or all of them."""

    ALL = "all"
    IOS = Platform.IOS.value
    ANDROID = Platform.ANDROID.value
    LINUX = Platform.LINUX.value
    WINDOWS = Platform.WINDOWS.value
    MACOS = Platform.MACOS.value


class Segment(Input):
    """``targetSegment``: all given filters are AND-ed; an absent or empty one does not restrict."""

    platform: TargetPlatform = TargetPlatform.ALL
    region: tuple[Region, ...] = Field(default=(), max_length=250, strict=False)
    domain: DomainText | None = None
    active_days: int | None = Field(default=None, ge=1, le=3650)
    app_version: str | None = Field(default=None, max_length=64)
    hwid: HwidText | None = None

    @field_validator(
        "platform", "region", "domain", "active_days", "app_version", "hwid", mode="wrap"
    )
    @classmethod
    def _empty_does_not_restrict(cls, value, handler, info):  # type: ignore[no-untyped-def]
        if value == "":
            return cls.model_fields[info.field_name].default
        return handler(value)

    @property
    def regions(self) -> tuple[str, ...]:
        """The languages and territories of ``region``, each once, in today's codes."""
        return tuple(dict.fromkeys(map(region_code, self.region)))

    def active_since(self, now: datetime) -> datetime | None:
        """The earliest last activity that still counts, if the segment asks for any."""
        return None if self.active_days is None else now - timedelta(days=self.active_days)

    def domains_of(self, verified: Iterable[str]) -> tuple[str, ...]:
        """The domains to reach: the one asked for, else all; never outside ``verified``."""
        return tuple(sorted({d for d in verified if self.domain is None or d == self.domain}))

    def misses(self, device: Device, verified: Iterable[str], now: datetime) -> tuple[str, ...]:
        """The names of the filters that leave ``device`` out; empty means it is targeted."""
        language, territory = language_and_territory(device.locale)
        since = self.active_since(now)
        rules = {
            "domain": not set(device.domains).isdisjoint(self.domains_of(verified)),
            "hwid": self.hwid is None or self.hwid == device.hwid,
            "platform": self.platform is TargetPlatform.ALL or self.platform == device.platform,
            "region": not self.region or not {language, territory}.isdisjoint(self.regions),
            "activeDays": since is None
            or (device.last_active_at is not None and device.last_active_at >= since),
            "appVersion": self.app_version is None or self.app_version == device.app_version,
        }
        return tuple(name for name, holds in rules.items() if not holds)


@dataclass(frozen=True, slots=True)
class AudienceQuery:
    """One Firestore query: any of ``selectors`` and every other given filter.

    ``earlier`` holds the selectors of the queries before this one: a device that has one of them
    was selected there already and is passed over here.
    """

    stream: int
    selectors: tuple[str, ...]
    earlier: frozenset[str]
    platform: str | None
    app_version: str | None
    active_since: datetime | None
    hwid: str | None

    def first_to_select(self, device_selectors: Iterable[str]) -> bool:
        """Whether no earlier query of the same audience selects a device with these selectors."""
        return not self.earlier or self.earlier.isdisjoint(device_selectors)


def audience_queries(
    segment: Segment, verified: Iterable[str], now: datetime
) -> tuple[AudienceQuery, ...]:
    """The queries that together select exactly the audience, each device once; none for nobody."""
    values = [
        selector(domain, region)
        for domain in segment.domains_of(verified)
        for region in (segment.regions or ("",))
    ]
    chunks = [values[i : i + MOST_SELECTORS] for i in range(0, len(values), MOST_SELECTORS)]
    return tuple(
        AudienceQuery(
            stream=stream,
            selectors=tuple(chunk),
            earlier=frozenset(values[: stream * MOST_SELECTORS]),
            platform=None if segment.platform is TargetPlatform.ALL else segment.platform.value,
            app_version=segment.app_version,
            active_since=segment.active_since(now),
            hwid=segment.hwid,
        )
        for stream, chunk in enumerate(chunks)
    )


@dataclass(frozen=True, slots=True)
class PartitionRange:
    """Device partitions ``low`` (inclusive) to ``high`` (exclusive), planned by one task."""

    low: int
    high: int


def partition_ranges(
    audience: int, *, devices_each: int, most: int = 64
) -> Sequence[PartitionRange]:
    """As many equal ranges, a power of two, as keep each near ``devices_each`` devices."""
    count = 1
    while count < most and audience > devices_each * count:
        count *= 2
    width = PARTITIONS // count
    return [PartitionRange(i * width, (i + 1) * width) for i in range(count)]
