"""The contents of the demo project: the same people, domains and devices at every start."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local import telegram_setup
from local.push_services import PUSH_SERVICES
from shared.domain.audience.device import (
    AddressKind,
    DerivedFields,
    Device,
    Hwid,
    Platform,
    PushAddress,
    derive,
)
from shared.domain.providers.provider import HIGHEST_LIMIT, Domain, Limit, Plan, Provider
from shared.stores.device_codec import registration_fields

PASSWORD = "fanfare-demo"


@dataclass(frozen=True, slots=True)
class Person:
    """Account that can sign in."""

    uid: str
    email: str
    role: str
    claims: tuple[str, ...] = ()


PEOPLE = (
    Person("provider-aurora", "aurora@provider.example", "provider"),
    Person("provider-borealis", "borealis@provider.example", "provider"),
    Person("moderator-mira", "mira@fanfare.example", "moderator", ("moderator",)),
    Person("operator-olga", "olga@fanfare.example", "operator", ("operator",)),
    Person("moderator-nik", "nik@fanfare.example", "moderator", ("moderator",)),
)
AURORA, BOREALIS, MIRA, OLGA, NIK = PEOPLE

IN_THE_CHAT = {MIRA.uid: telegram_setup.MIRA, NIK.uid: telegram_setup.NIK}
"""Moderators who also decide in the moderators' chat, and their user ids there."""

_FREELY = (
    (Limit.PENDING_AT_ONCE, HIGHEST_LIMIT),
    (Limit.SUBMISSIONS_PER_DAY, HIGHEST_LIMIT),
    (Limit.ADMIN_SENDS_PER_HOUR, HIGHEST_LIMIT),
)
"""Raised limits, so that a user who tries things out does not meet those of a plan."""

PROVIDERS = (
    Provider(AURORA.uid, AURORA.email, True, Plan.ENTERPRISE, "Aurora News", _FREELY),
    Provider(BOREALIS.uid, BOREALIS.email, True, Plan.PREMIUM, "Borealis", _FREELY),
)

ADMIN_HWID = "aurora-editor-phone"
AURORA_DOMAIN = "news.aurora.example"

DOMAINS = (
    Domain(AURORA_DOMAIN, AURORA.uid, is_verified=True, admin_hwids=(ADMIN_HWID,)),
    Domain("sport.aurora.example", AURORA.uid, is_verified=True),
    Domain("draft.aurora.example", AURORA.uid, is_verified=False),
    Domain("shop.borealis.example", BOREALIS.uid, is_verified=True),
)

LOCALES = ("en-US", "en-GB", "de-DE", "ru-RU", "be-BY", "fr-FR", "zh-Hant-TW", "pt-BR")
VERSIONS = ("2.5.6", "2.5.60", "2.6.0", "3.0.1")
PLATFORMS = (
    *[Platform.ANDROID] * 9,
    *[Platform.IOS] * 6,
    *[Platform.WINDOWS] * 3,
    Platform.MACOS,
    Platform.LINUX,
)
DEAD_ONE_IN = 97
"""One phone in so many holds an address that its push service no longer knows."""
SANDBOX_ONE_IN = 10
"""One device in so many, of those Apple's own service reaches, has a test build."""


def _in_turn(platform: Platform) -> tuple[AddressKind, ...]:
    shares = ((each.name, each.phones.get(platform, 0)) for each in PUSH_SERVICES)
    return tuple(AddressKind(name) for name, share in sorted(shares) for _ in range(share))


SERVICES: Mapping[Platform, tuple[AddressKind, ...]] = {
    each: services for each in Platform if (services := _in_turn(each))
}
"""Push services of a platform's phones, in turn; devices of other platforms poll."""
DEAD: Mapping[AddressKind, str] = {AddressKind(each.name): each.dead for each in PUSH_SERVICES}
"""Beginning of an address that its push service refuses for good."""


def devices(count: int, now: datetime) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield ``count`` device documents: every platform, several locales, a few dead addresses.

    The same ``count`` gives the same devices; the last one is the admin's phone.
    """
    chance = random.Random(count)  # noqa: S311 - a demo's variety, not a secret
    for number in range(count - 1):
        device = _device(number, now, chance)
        yield device.hwid, registration_fields(device, _derived(device))
    admin = _admin_phone(now)
    yield admin.hwid, registration_fields(admin, _derived(admin))


def _device(number: int, now: datetime, chance: random.Random) -> Device:
    platform = PLATFORMS[number % len(PLATFORMS)]
    bits = f"{chance.getrandbits(96):024x}"
    domains = [d.domain for d in DOMAINS]
    return Device(
        hwid=Hwid(f"{platform}-{number:06d}"),
        platform=platform,
        locale=chance.choice(LOCALES),
        time_zone="Europe/Berlin",
        app_version=chance.choice(VERSIONS),
        domains=tuple(sorted(chance.sample(domains, chance.choice((1, 1, 2))))),
        last_active_at=now - timedelta(days=chance.randrange(60)),
        address=_address(number, platform, bits, now),
    )


def _address(number: int, platform: Platform, bits: str, now: datetime) -> PushAddress | None:
    """Make up a phone's address; ``None`` for desktops."""
    services = SERVICES.get(platform)
    if services is None:
        return None
    kind = services[number % len(services)]
    begins = DEAD[kind] if number % DEAD_ONE_IN == 0 else "token"
    sandbox = kind is AddressKind.APNS and number % SANDBOX_ONE_IN == 0
    environment = "sandbox" if sandbox else "production"
    return PushAddress(kind, f"{begins}-{number:06d}-{bits}", environment, now)


def _admin_phone(now: datetime) -> Device:
    return Device(
        hwid=Hwid(ADMIN_HWID),
        platform=Platform.ANDROID,
        locale="en-US",
        domains=(AURORA_DOMAIN,),
        last_active_at=now,
        address=PushAddress(AddressKind.FCM, "token-of-the-editor", registered_at=now),
    )


def _derived(device: Device) -> DerivedFields:
    return derive(device.hwid, device.locale, device.domains)
