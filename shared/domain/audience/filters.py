"""The audience of a notification: a segment, and the filters it may set, each in one class.

A filter says what it is called, how its value is checked, which devices it keeps, what of that the
store's query decides, and its words for moderators. The rule, the queries, the stores, the
explanation of a device and the moderators' card loop over ``FILTERS``. What the query does not
decide is decided on the page that was read, at the price of reading the devices that are left out.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Generic, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, field_validator
from pydantic.alias_generators import to_camel

from shared.domain.audience.device import Device, HwidText, Platform
from shared.domain.audience.locales import (
    language_and_territory,
    language_of,
    region_code,
    said_language,
)
from shared.domain.inputs import Input
from shared.domain.links.domain_names import domain_name

V = TypeVar("V")

DomainText = Annotated[str, Field(max_length=253), AfterValidator(domain_name)]
Region = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{2,8}$", to_lower=True)]


def _known_tag(tag: str) -> str:
    from shared.domain.audience.language_tags import known_tag

    return known_tag(tag)


def _none_if_empty(tags: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return tags or None


LanguageTag = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$"),
    AfterValidator(_known_tag),
]


class TargetPlatform(StrEnum):
    """A device platform, or all of them."""

    ALL = "all"
    IOS = Platform.IOS.value
    ANDROID = Platform.ANDROID.value
    LINUX = Platform.LINUX.value
    WINDOWS = Platform.WINDOWS.value
    MACOS = Platform.MACOS.value


@dataclass(frozen=True, slots=True)
class Equals:
    """A text in a device's document that the store's query asks for."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Since:
    """A time in a device's document that the store's query asks for, or any later one."""

    field: str
    value: datetime


Condition: TypeAlias = Equals | Since


@dataclass(frozen=True, slots=True)
class Context:
    """Facts that decide besides the device: the provider's verified domains, and as of when."""

    domains: frozenset[str]
    as_of: datetime


class Filter(ABC, Generic[V]):
    """One condition that a segment may set."""

    name: ClassVar[str]
    """The field of the segment; the API says it in camel case."""
    reads: ClassVar[tuple[str, ...]]
    """The fields of a device's document that decide."""
    label: ClassVar[str] = ""
    """The filter's words on the moderators' card; empty where the card shows the value otherwise.
    """
    narrows: ClassVar[bool] = False
    """True if the store's query applies the filter; otherwise it filters the page that was read."""
    always: ClassVar[bool] = False
    """True if the filter leaves devices out even where the segment does not set it."""

    def is_set(self, value: V) -> bool:
        """Tell a value that restricts from one that does not."""
        return bool(value)

    @abstractmethod
    def holds(self, value: V, device: Device, context: Context) -> bool:
        """Tell whether the device is kept."""

    def condition(self, value: V, as_of: datetime) -> Condition | None:
        """Return the condition for the query, where the filter decides by one field of the
        document.
        """
        del value, as_of
        return None


class DomainFilter(Filter[str | None]):
    """The domains to reach: the domain that is set, else all; never outside the verified domains.

    The query decides by ``selectors``, together with the region.
    """

    Value: TypeAlias = DomainText | None

    name = "domain"
    reads = ("domains", "selectors")
    label = "domain"
    narrows = always = True

    def holds(self, value: str | None, device: Device, context: Context) -> bool:
        """Tell whether the device is on one of the domains to reach."""
        return not set(device.domains).isdisjoint(self.reached(value, context.domains))

    def reached(self, value: str | None, verified: Iterable[str]) -> set[str]:
        """Return the domains to reach."""
        return {domain for domain in verified if value is None or domain == value}


class HwidFilter(Filter[str | None]):
    """One device by its name, which is all that the store looks up then."""

    Value: TypeAlias = HwidText | None

    name = "hwid"
    reads = ()
    label = "device"
    narrows = True

    def holds(self, value: str | None, device: Device, context: Context) -> bool:
        """Compare character by character."""
        del context
        return value == device.hwid


class PlatformFilter(Filter[TargetPlatform]):
    """Devices of one platform."""

    Value: TypeAlias = TargetPlatform

    name = "platform"
    reads = ("platform",)
    label = "platform"
    narrows = True

    def is_set(self, value: TargetPlatform) -> bool:
        """Tell a platform from all of them."""
        return value is not TargetPlatform.ALL

    def holds(self, value: TargetPlatform, device: Device, context: Context) -> bool:
        """Compare the platform."""
        del context
        return value == device.platform

    def condition(self, value: TargetPlatform, as_of: datetime) -> Condition | None:
        """Ask for that platform."""
        del as_of
        return Equals("platform", value.value)


class RegionFilter(Filter[tuple[str, ...]]):
    """Devices whose locale names one of these languages or territories.

    The query decides by ``selectors``, together with the domain. The card counts each region.
    """

    Value: TypeAlias = Annotated[tuple[Region, ...], Field(max_length=250, strict=False)]

    name = "region"
    reads = ("locale",)
    narrows = True

    def holds(self, value: tuple[str, ...], device: Device, context: Context) -> bool:
        """Tell whether the language or the territory is one of these."""
        del context
        return not set(language_and_territory(device.locale)).isdisjoint(self.codes(value))

    def codes(self, value: tuple[str, ...]) -> tuple[str, ...]:
        """Return the languages and territories, each once, in today's codes."""
        return tuple(dict.fromkeys(map(region_code, value)))


class LanguagesFilter(Filter[tuple[str, ...] | None]):
    """Devices whose texts are in one of these languages: ``pt`` is any Portuguese, ``pt-BR`` and
    ``zh-Hant`` are no other.

    Where the segment names no region, the query asks for ``selectors`` of the language's code,
    which are those of a territory, too: who is there and reads another language is left out of the
    page.
    """

    Value: TypeAlias = Annotated[
        Annotated[tuple[LanguageTag, ...], Field(max_length=50, strict=False)] | None,
        AfterValidator(_none_if_empty),
    ]

    name = "languages"
    reads = ("locale",)
    label = "languages"

    def holds(self, value: tuple[str, ...] | None, device: Device, context: Context) -> bool:
        """Tell whether the device's language is one of these, or a kind of one."""
        del context
        there = language_of(device.locale)
        return any(said_language(tag).includes(there) for tag in value or ())

    def codes(self, value: tuple[str, ...] | None) -> tuple[str, ...]:
        """Return the languages without script and territory, each once, in today's codes."""
        return tuple(dict.fromkeys(said_language(tag).code for tag in value or ()))


class ActiveDaysFilter(Filter[int | None]):
    """Devices that were active in the last so many days, to the second."""

    Value: TypeAlias = Annotated[int | None, Field(ge=1, le=3650)]

    name = "active_days"
    reads = ("lastActiveAt",)
    label = "active in the last days"
    narrows = True

    def holds(self, value: int | None, device: Device, context: Context) -> bool:
        """Compare the last activity; unknown activity is none."""
        last = device.last_active_at
        return last is not None and last >= self._since(value, context.as_of)

    def condition(self, value: int | None, as_of: datetime) -> Condition | None:
        """Ask for the last activity since then."""
        return Since("lastActiveAt", self._since(value, as_of))

    def _since(self, value: int | None, as_of: datetime) -> datetime:
        return as_of - timedelta(days=value or 0)


class AppVersionFilter(Filter[str | None]):
    """Devices on which the app has exactly this version."""

    Value: TypeAlias = Annotated[str | None, Field(max_length=64)]

    name = "app_version"
    reads = ("appVersion",)
    label = "app version"
    narrows = True

    def holds(self, value: str | None, device: Device, context: Context) -> bool:
        """Compare the version."""
        del context
        return value == device.app_version

    def condition(self, value: str | None, as_of: datetime) -> Condition | None:
        """Ask for that version."""
        del as_of
        return Equals("appVersion", value or "")


DOMAIN, REGION, LANGUAGES = DomainFilter(), RegionFilter(), LanguagesFilter()
FILTERS: tuple[Filter[Any], ...] = (
    DOMAIN,
    HwidFilter(),
    PlatformFilter(),
    REGION,
    LANGUAGES,
    ActiveDaysFilter(),
    AppVersionFilter(),
)
"""All filters, in the order in which a device that is left out is told of them."""


class Segment(Input):
    """``targetSegment``: all given filters are AND-ed; an absent or empty one does not restrict."""

    filters: ClassVar[tuple[Filter[Any], ...]] = FILTERS

    platform: PlatformFilter.Value = TargetPlatform.ALL
    region: RegionFilter.Value = ()
    languages: LanguagesFilter.Value = None
    domain: DomainFilter.Value = None
    active_days: ActiveDaysFilter.Value = None
    app_version: AppVersionFilter.Value = None
    hwid: HwidFilter.Value = None

    @field_validator("*", mode="wrap")
    @classmethod
    def _empty_does_not_restrict(cls, value, handler, info):  # type: ignore[no-untyped-def]
        if value == "":
            return cls.model_fields[info.field_name].default
        return handler(value)

    @property
    def codes(self) -> tuple[str, ...]:
        """The languages and territories that the store looks devices up by, each once, in today's
        codes: those of ``region``, else of ``languages``; none for all.
        """
        return REGION.codes(self.region) or LANGUAGES.codes(self.languages)

    def domains_of(self, verified: Iterable[str]) -> tuple[str, ...]:
        """Return the domains to reach: the one asked for, else all; never outside ``verified``."""
        return tuple(sorted(DOMAIN.reached(self.domain, verified)))

    def restricting(self) -> Iterator[tuple[Filter[Any], Any]]:
        """Yield the filters that leave devices out, each with its value."""
        for each in self.filters:
            value = getattr(self, each.name)
            if each.always or each.is_set(value):
                yield each, value

    def misses(self, device: Device, verified: Iterable[str], now: datetime) -> tuple[str, ...]:
        """Return the names of the filters that leave ``device`` out; empty means it is targeted."""
        context = Context(frozenset(verified), now)
        return tuple(
            to_camel(each.name)
            for each, value in self.restricting()
            if not each.holds(value, device, context)
        )

    def words(self) -> str:
        """Return the filters in a moderator's words, in the order of the fields."""
        by_name = {each.name: each for each in self.filters}
        given = [(by_name[name], getattr(self, name)) for name in type(self).model_fields]
        return "; ".join(
            f"{each.label}: {_listed(value)}"
            for each, value in given
            if each.label and each.is_set(value)
        )


def _listed(value: object) -> str:
    return " or ".join(value) if isinstance(value, tuple) else str(value)
