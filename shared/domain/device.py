"""A device and what can be derived from it for our queries.

Existing back ends write devices with the plain fields only. What Firestore needs to select an
audience without reading everybody else (`selectors`, `partition`) follows from those fields by
the functions below, and from nothing else, so that it can be derived again at any time.
"""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, NewType

from pydantic import StringConstraints

from shared.domain.locales import language_and_territory

Hwid = NewType("Hwid", str)

PARTITIONS = 1024
"""How finely the devices are spread for parallel planning; a plan takes a range of these."""

HWID_PATTERN = re.compile(r"^(?!\.{1,2}\Z)(?!__.*__\Z)[^/\x00-\x1f\x7f]{1,121}\Z")
"""A Firestore document id that also fits, as ``device:{hwid}``, in a uid of 128 characters."""

HwidText = Annotated[str, StringConstraints(pattern=HWID_PATTERN)]


class Platform(StrEnum):
    """What a device runs."""

    IOS = "ios"
    ANDROID = "android"
    LINUX = "linux"
    WINDOWS = "windows"
    MACOS = "macos"


class AddressKind(StrEnum):
    """Which push service an address belongs to."""

    FCM = "fcm"
    APNS = "apns"
    HMS = "hms"


@dataclass(frozen=True, slots=True)
class PushAddress:
    """Where a push service reaches the device. ``environment`` matters to APNs only; it is empty
    where nobody named it.
    """

    kind: AddressKind
    value: str
    environment: str = ""
    registered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """The one notification a polling desktop holds: which, and as of when."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """A phone or desktop, as its document says. ``platform`` may be one we do not know."""

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


@dataclass(frozen=True, slots=True)
class Reach:
    """What decides whether a device is pushed to, and where. Whatever of it cannot be read is no
    consent, or no address.
    """

    address: PushAddress | None
    consent: bool = True


@dataclass(frozen=True, slots=True)
class Derived:
    """What our queries need on a device document beyond its plain fields.

    ``hwid`` is derived as well: Firestore cannot order by a document's name where it also filters
    by a range of another field, and an existing back end may leave the field out.
    """

    hwid: str
    language: str
    territory: str
    selectors: tuple[str, ...]
    partition: int


def polls(platform: str, address: PushAddress | None) -> bool:
    """Linux and Windows always poll; macOS polls unless it registered a push address."""
    if platform in {Platform.LINUX, Platform.WINDOWS}:
        return True
    return platform == Platform.MACOS and address is None


def partition_of(hwid: str) -> int:
    """A stable spread of devices over ``PARTITIONS``, the same in every version of Fanfare."""
    return zlib.crc32(hwid.encode()) % PARTITIONS


def selector(domain: str, region: str = "") -> str:
    """One value to look a device up by: a domain, or a domain and a region on it."""
    return f"{domain}|{region}" if region else domain


def derive(hwid: str, locale: str, domains: Iterable[str]) -> Derived:
    """Everything that is derived, from the plain fields."""
    language, territory = language_and_territory(locale)
    regions = ["", *dict.fromkeys(r for r in (language, territory) if r)]
    return Derived(
        hwid=hwid,
        language=language,
        territory=territory,
        selectors=tuple(selector(d, r) for d in dict.fromkeys(domains) for r in regions),
        partition=partition_of(hwid),
    )
