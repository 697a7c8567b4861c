"""A device and what can be derived from it for our queries.

Existing back ends write devices with the plain fields only. What Firestore needs to select an
audience without reading everybody else (`selectors`, `partition`) follows from those fields by
the functions below, and from nothing else, so that it can be derived again at any time.
"""

import re
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, NamedTuple, NewType

from pydantic import StringConstraints

from shared.domain.audience.locales import language_and_territory
from shared.domain.links.domain_names import domain_name

Hwid = NewType("Hwid", str)

PARTITIONS = 1024
"""The number of partitions of the devices for parallel planning; a plan takes a range of them."""

HWID_PATTERN = re.compile(r"^(?!\.{1,2}\Z)(?!__.*__\Z)[^/\x00-\x1f\x7f]{1,121}\Z")
"""A Firestore document id that also fits, as ``device:{hwid}``, in a uid of 128 characters."""

HwidText = Annotated[str, StringConstraints(pattern=HWID_PATTERN)]


class Platform(StrEnum):
    """Operating system of a device."""

    IOS = "ios"
    ANDROID = "android"
    LINUX = "linux"
    WINDOWS = "windows"
    MACOS = "macos"


class AddressKind(StrEnum):
    """Push service that an address belongs to."""

    FCM = "fcm"
    APNS = "apns"
    HMS = "hms"


AppId = NewType("AppId", str)

DEFAULT_APP: Final = AppId("default")
"""The client application of whatever does not name one; its credentials are the environment's."""


def of_app(app: AppId, service: str) -> str:
    """Name a push service for the log, and the app unless it is the default one."""
    return service if app == DEFAULT_APP else f"app {app}, {service}"


class AppService(NamedTuple):
    """One app at one push service: what has credentials, a sender and a pace of its own."""

    app: AppId
    kind: AddressKind

    @property
    def log_name(self) -> str:
        """The push service in the log, with the app unless it is the default one."""
        return of_app(self.app, self.kind.upper())


@dataclass(frozen=True, slots=True)
class PushAddress:
    """Address at which a push service reaches the device. ``environment`` matters to APNs only; it
    is empty where the app did not name it. No credentials but those of ``app`` are used for it.
    """

    kind: AddressKind
    value: str
    environment: str = ""
    registered_at: datetime | None = None
    app: AppId = DEFAULT_APP

    @property
    def service(self) -> AppService:
        """The app at the push service that the address belongs to."""
        return AppService(self.app, self.kind)


MOST_AHEAD = timedelta(hours=1)
"""How far the clock of another writer of slots may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The one notification a polling desktop holds: which, and as of when."""

    id: str
    at: datetime

    def is_older_than(self, other: "Slot") -> bool:
        """Compare two slots in the order that all writers agree on."""
        return (self.at, self.id) < (other.at, other.id)

    def yields_to(self, other: "Slot", now: datetime) -> bool:
        """Tell whether ``other`` may take this slot's place: a newer slot may; and any may while
        this slot is of a time to come, where a writer's wrong clock would keep the desktop silent
        until then.
        """
        return self.at > now + MOST_AHEAD or self.is_older_than(other)


SAID_IN_PASSING = ("locale", "time_zone", "app_version")
"""The texts of a ``Device`` that an app may leave out: then what the app said last stands."""


@dataclass(frozen=True, slots=True)
class Device:
    """A phone or desktop, as its document says. ``platform`` may be one we do not know.

    ``unreadable`` names the fields of its document that are here as if they were absent.
    """

    hwid: Hwid
    platform: str
    locale: str = ""
    time_zone: str = ""
    app_version: str = ""
    domains: tuple[str, ...] = ()
    last_active_at: datetime | None = None
    address: PushAddress | None = None
    consent: bool = True
    slot: Slot | None = None
    unreadable: tuple[str, ...] = ()

    @property
    def says_all(self) -> bool:
        """True when the device leaves out nothing that may be left out."""
        return all(getattr(self, name) for name in SAID_IN_PASSING)

    def completed(self, before: "Device") -> "Device":
        """Return the device with what it leaves out as it was before."""
        left_out = {
            name: getattr(before, name) for name in SAID_IN_PASSING if not getattr(self, name)
        }
        return replace(self, **left_out)


@dataclass(frozen=True, slots=True)
class Reach:
    """Consent and address that decide whether a device is pushed to, and where. A part that cannot
    be read is no consent, or no address, and named in ``unreadable``.
    """

    address: PushAddress | None
    consent: bool = True
    unreadable: tuple[str, ...] = ()


def kept_address(address: PushAddress | None, *consents: bool) -> PushAddress | None:
    """Return the address that may be stored: without consent, now or before, there is none."""
    return address if all(consents) else None


NO_CONSENT = "consent"
NO_ADDRESS = "noAddress"
UNREADABLE = "unreadable"
"""Codes of devices that nothing is sent to; the last where its document does not say why not."""


def held_back(consent: bool, unreadable: Collection[str]) -> str:
    """Return why nothing at all may be sent to a device, as a code; empty when something may.

    Where the device's domains cannot be read, the device may have left the one that is sent to.
    """
    if unreadable and not {"consent", "domains"}.isdisjoint(unreadable):
        return UNREADABLE
    return "" if consent else NO_CONSENT


def out_of_reach(unreadable: Iterable[str]) -> str:
    """Return why a device without an address that does not poll is not reached, as a code."""
    told = {"pushAddress", "fcmToken", "platform"}.isdisjoint(unreadable)
    return NO_ADDRESS if told else UNREADABLE


@dataclass(frozen=True, slots=True)
class DerivedFields:
    """Fields that our queries need on a device document beyond its plain fields.

    ``hwid`` is derived as well: Firestore cannot order by a document's name where it also filters
    by a range of another field, and an existing back end may leave the field out. Where ``domains``
    cannot be read, the selectors are those of the domains that could be read last, and
    ``domains_unreadable`` says so: the device stays in their audiences, and is told of there, but
    nothing is sent to it.
    """

    hwid: str
    language: str
    territory: str
    selectors: tuple[str, ...]
    partition: int
    domains_unreadable: bool = False


_ALWAYS_POLL = frozenset({Platform.LINUX, Platform.WINDOWS})


def polls(platform: str, address: PushAddress | None) -> bool:
    """Tell whether a device polls: Linux and Windows always; macOS unless it registered a push
    address.
    """
    if platform in _ALWAYS_POLL:
        return True
    return platform == Platform.MACOS and address is None


def partition_of(hwid: str) -> int:
    """Calculate a device's partition: a stable spread over ``PARTITIONS``, the same in every
    version of Fanfare.
    """
    return zlib.crc32(hwid.encode()) % PARTITIONS


def selector(domain: str, region: str = "") -> str:
    """Form a value to look a device up by: a domain, or a domain and a region on it."""
    return f"{domain}|{region}" if region else domain


def domains_selected(selectors: Iterable[str]) -> tuple[str, ...]:
    """Return the domains that these selectors were derived from."""
    return tuple(dict.fromkeys(each.partition("|")[0] for each in selectors))


def derive(
    hwid: str, locale: str, domains: Iterable[str], *, domains_unreadable: bool = False
) -> DerivedFields:
    """Derive everything that follows from the plain fields."""
    language, territory = language_and_territory(locale)
    regions = ["", *dict.fromkeys(r for r in (language, territory) if r)]
    names = dict.fromkeys(map(domain_name, domains))
    return DerivedFields(
        hwid=hwid,
        language=language,
        territory=territory,
        selectors=tuple(selector(name, region) for name in names for region in regions),
        partition=partition_of(hwid),
        domains_unreadable=domains_unreadable,
    )
