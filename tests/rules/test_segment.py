"""Who a segment targets: each filter, and how a device's locale is read."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.audience.device import derive, partition_of, polls
from shared.domain.audience.filters import Segment
from shared.domain.audience.locales import language_and_territory
from tests.builders import NOON, a_device, an_fcm_address

VERIFIED = ("example.com", "shop.example.com")


def read(**fields: Any) -> Segment:
    return Segment.model_validate_json(json.dumps(fields))


def misses(segment: Segment, **device: Any) -> tuple[str, ...]:
    return segment.misses(a_device(**device), VERIFIED, NOON)


def test_an_empty_segment_targets_every_device_of_the_verified_domains() -> None:
    assert misses(read()) == ()
    assert misses(read(), platform="windows", locale="", app_version="", last_active_at=None) == ()


@pytest.mark.parametrize("empty", ["", None])
@pytest.mark.parametrize(
    "field", ["platform", "region", "languages", "domain", "activeDays", "appVersion", "hwid"]
)
def test_an_empty_filter_does_not_restrict(field: str, empty: str | None) -> None:
    assert read(**{field: empty}) == Segment()


def test_an_empty_region_list_does_not_restrict() -> None:
    assert misses(read(region=[])) == ()


def test_a_device_of_no_verified_domain_is_never_targeted() -> None:
    assert misses(read(), domains=("other.com",)) == ("domain",)
    assert misses(read(hwid="phone-1"), domains=("other.com",)) == ("domain",)
    assert misses(read(), domains=()) == ("domain",)


def test_a_domain_filter_narrows_to_that_domain() -> None:
    shop = read(domain="Shop.Example.com")
    assert misses(shop, domains=("shop.example.com", "other.com")) == ()
    assert misses(shop, domains=("example.com",)) == ("domain",)


def test_a_domain_filter_cannot_reach_an_unverified_domain() -> None:
    assert misses(read(domain="other.com"), domains=("other.com",)) == ("domain",)
    assert read(domain="other.com").domains_of(VERIFIED) == ()


@pytest.mark.parametrize("platform", ["ios", "android", "linux", "windows", "macos"])
def test_a_platform_filter_takes_that_platform_alone(platform: str) -> None:
    assert misses(read(platform=platform), platform=platform) == ()
    assert misses(read(platform=platform), platform="toaster") == ("platform",)


def test_platform_all_takes_even_one_we_do_not_know() -> None:
    assert misses(read(platform="all"), platform="toaster") == ()


@pytest.mark.parametrize("locale", ["ru", "ru-RU", "ru_KZ", "RU", "be-BY", "en_BY", "by"])
def test_a_region_matches_a_language_or_a_territory(locale: str) -> None:
    assert misses(read(region=["ru", "by"]), locale=locale) == ()


@pytest.mark.parametrize("locale", ["", "en-US", "uk", "rus", "de-AT"])
def test_a_region_leaves_out_everyone_else(locale: str) -> None:
    assert misses(read(region=["ru", "by"]), locale=locale) == ("region",)


def test_a_region_is_compared_without_case() -> None:
    assert misses(read(region=["By"]), locale="be_by") == ()


def test_an_app_version_matches_exactly() -> None:
    assert misses(read(appVersion="2.5.6"), app_version="2.5.6") == ()
    assert misses(read(appVersion="2.5.6"), app_version="2.5.60") == ("appVersion",)
    assert misses(read(appVersion="2.5.6"), app_version="2.5") == ("appVersion",)


@pytest.mark.parametrize(("seconds", "missed"), [(-1, ("activeDays",)), (0, ()), (1, ())])
def test_active_days_count_back_to_the_second(seconds: int, missed: tuple[str, ...]) -> None:
    last = NOON - timedelta(days=30) + timedelta(seconds=seconds)
    assert misses(read(activeDays=30), last_active_at=last) == missed


def test_a_device_never_seen_active_is_not_active() -> None:
    assert misses(read(activeDays=3650), last_active_at=None) == ("activeDays",)


def test_a_hwid_is_compared_character_by_character() -> None:
    assert misses(read(hwid="phone-1")) == ()
    assert misses(read(hwid="PHONE-1")) == ("hwid",)
    assert misses(read(hwid="phone-11")) == ("hwid",)


def test_all_filters_must_hold_and_every_one_that_does_not_is_named() -> None:
    narrow = read(
        platform="ios",
        region=["de"],
        languages=["de"],
        domain="shop.example.com",
        activeDays=1,
        appVersion="3",
        hwid="x",
    )
    day_before = NOON - timedelta(days=2)
    assert misses(narrow, last_active_at=day_before) == (
        "domain",
        "hwid",
        "platform",
        "region",
        "languages",
        "activeDays",
        "appVersion",
    )
    fitting = {"platform": "ios", "locale": "de", "domains": ("shop.example.com",)}
    assert misses(narrow, hwid="x", app_version="3", **fitting) == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"platform": "symbian"},
        {"platform": "IOS"},
        {"region": ["r"]},
        {"region": ["ru BY"]},
        {"region": [""]},
        {"region": "ru"},
        {"activeDays": 0},
        {"activeDays": -1},
        {"activeDays": "7"},
        {"activeDays": 1.5},
        {"hwid": "a/b"},
        {"hwid": ".."},
        {"hwid": "__x__"},
        {"hwid": "x" * 122},
        {"country": "by"},
    ],
)
def test_a_malformed_filter_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        read(**fields)


@pytest.mark.parametrize(
    ("locale", "language", "territory"),
    [
        ("ru", "ru", ""),
        ("by", "by", ""),
        ("ru-RU", "ru", "ru"),
        ("en_US", "en", "us"),
        ("EN-us", "en", "us"),
        (" de-AT ", "de", "at"),
        ("zh-Hant-TW", "zh", "tw"),
        ("zh_Hans", "zh", ""),
        ("es-419", "es", "419"),
        ("ru_RU.UTF-8", "ru", "ru"),
        ("sr_RS@latin", "sr", "rs"),
        ("C.UTF-8", "", ""),
        ("de-1996", "de", ""),
        ("sl-rozaj-biske", "sl", ""),
        ("en-US-u-hc-h12", "en", "us"),
        ("de-u-co-phonebk", "de", ""),
        ("ar-u-nu-latn", "ar", ""),
        ("en-x-us", "en", ""),
        ("", "", ""),
        ("_", "", ""),
    ],
)
def test_a_locale_is_read_in_every_usual_form(locale: str, language: str, territory: str) -> None:
    assert language_and_territory(locale) == (language, territory)


def test_what_is_derived_follows_from_the_plain_fields() -> None:
    derived = derive("phone-1", "be_BY", ["b.com", "a.com", "b.com"])
    assert (derived.language, derived.territory) == ("be", "by")
    assert derived.partition == partition_of("phone-1")
    assert derived.selectors == ("b.com", "b.com|be", "b.com|by", "a.com", "a.com|be", "a.com|by")


def test_a_language_that_is_its_own_territory_is_one_selector() -> None:
    assert derive("x", "ru_RU", ["a.com"]).selectors == ("a.com", "a.com|ru")


def test_the_partition_of_a_device_never_changes() -> None:
    known = {"phone-1": 464, "ABC": 840, "": 0, "устройство": 642}
    assert {hwid: partition_of(hwid) for hwid in known} == known


@pytest.mark.parametrize("platform", ["linux", "windows"])
def test_linux_and_windows_always_poll(platform: str) -> None:
    assert polls(platform, None)
    assert polls(platform, an_fcm_address())


def test_macos_polls_unless_it_has_an_address() -> None:
    assert polls("macos", None)
    assert not polls("macos", an_fcm_address())


@pytest.mark.parametrize("platform", ["ios", "android", "toaster"])
def test_phones_never_poll(platform: str) -> None:
    assert not polls(platform, None)
