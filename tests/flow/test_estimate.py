"""How many devices a segment would reach."""

from typing import Any

import pytest

from shared.domain.audience.device import Platform
from shared.domain.audience.filters import Segment, TargetPlatform
from shared.domain.audience.language_tags import LANGUAGES
from shared.domain.audience.targeting import AudienceQuery, DeviceCount, audience_queries
from shared.domain.errors import Forbidden, InvalidInput
from shared.flow.audience.size import Estimate
from shared.flow.notifications.estimate import estimate
from shared.stores.audience import Audience
from tests.builders import a_desktop, a_device, a_domain, a_provider, a_segment, an_input
from tests.flow.parts import Magnified
from tests.flow.world import World
from tests.needs import only
from tests.notification_documents import records

REGIONS = tuple(f"{a}{b}" for a in "abcdef" for b in "abcdef")


def estimated(world: World, segment: Segment, audience: Audience | None = None) -> Estimate:
    p = world.parts
    return estimate(
        segment,
        provider_id="p1",
        needs=only(
            providers=p.providers, audience=audience or p.audience, rates=p.rates, clock=p.clock
        ),
    )


class Counting(Magnified):
    """An audience that remembers how often it was counted."""

    def __init__(self, audience: Audience) -> None:
        super().__init__(audience, page_size=1, times=1)
        self.counts = 0

    def count(self, query: AudienceQuery) -> DeviceCount:
        self.counts += 1
        return super().count(query)


def test_devices_are_counted_in_all_and_by_platform() -> None:
    world = World([a_device("a"), a_device("b", platform="ios"), a_desktop("c"), a_desktop("d")])
    there = estimated(world, a_segment())
    assert (there.devices, there.exact) == (4, True)
    assert there.by_platform == {"ios": 1, "android": 1, "linux": 2, "windows": 0, "macos": 0}


def test_a_platform_filter_leaves_that_platform_alone() -> None:
    world = World([a_device("a"), a_desktop("c")])
    there = estimated(world, a_segment(platform=TargetPlatform.ANDROID))
    assert (there.devices, there.by_platform) == (1, {"android": 1})


def test_every_filter_counts() -> None:
    world = World([a_device("a"), a_device("b", app_version="1"), a_device("c", locale="de")])
    narrow = a_segment(app_version="2.5.6", region=("us",), domain="example.com", active_days=1)
    assert estimated(world, narrow).devices == 1


READERS = {
    "de-1": "de_DE",
    "de-2": "de-AT",
    "de-3": "de",
    "pt-1": "pt-BR",
    "pt-2": "pt_PT",
    "he-1": "iw_IL",
    "he-2": "he",
    "zh-1": "zh-Hant-TW",
    "zh-2": "zh_TW",
    "zh-3": "zh-Hans-CN",
    "en-1": "en_US",
    "unknown": "",
    "posix": "C",
}


def readers(**more: str) -> World:
    return World([a_device(hwid, locale=locale) for hwid, locale in (READERS | more).items()])


@pytest.mark.parametrize(
    ("languages", "reached"),
    [
        (("de",), {"de-1", "de-2", "de-3"}),
        (("pt", "en"), {"pt-1", "pt-2", "en-1"}),
        (("he",), {"he-1", "he-2"}),
        (("iw",), {"he-1", "he-2"}),
        (("zh",), {"zh-1", "zh-2", "zh-3"}),
        (("is",), set()),
        ((), set(READERS)),
    ],
)
def test_an_estimate_by_language_is_what_is_then_targeted(
    languages: tuple[str, ...], reached: set[str]
) -> None:
    world, segment = readers(), a_segment(languages=languages)
    there = estimated(world, segment)
    assert (there.devices, there.by_platform["android"]) == (len(reached), len(reached))
    assert set(world.records(world.sent(an_input(target_segment=segment)).id)) == reached


@pytest.mark.parametrize(
    ("narrow", "counted", "reached"),
    [
        ({"languages": ("pt-BR",)}, 2, {"pt-1"}),
        ({"languages": ("zh-Hant",)}, 3, {"zh-1", "zh-2"}),
        ({"languages": ("de",), "region": ("at", "br")}, 2, {"de-2"}),
        ({"languages": ("ar",)}, 1, set[str]()),
    ],
)
def test_what_only_the_page_tells_of_a_language_is_said_to_be_estimated_and_never_too_low(
    narrow: dict[str, Any], counted: int, reached: set[str]
) -> None:
    world, segment = readers(argentine="es_AR"), a_segment(**narrow)
    there = estimated(world, segment)
    assert (there.devices, there.exact) == (counted, False)
    it = world.sent(an_input(target_segment=segment))
    assert set(world.records(it.id)) == reached
    assert it.tally.targeted == len(reached)


def test_too_many_languages_times_domains_are_named_as_such() -> None:
    world = World()
    for n in range(40):
        world.providers.put_domain(a_domain(f"d{n}.example"))
    tags = tuple(sorted(LANGUAGES))[:50]
    with pytest.raises(InvalidInput) as refused:
        estimated(world, a_segment(languages=tags))
    (fault,) = refused.value.errors
    assert (fault.field, fault.code) == ("targetSegment.languages", "tooManyCombinations")
    assert "languages times domains" in fault.message


def test_only_the_own_domains_count() -> None:
    world = World([a_device("a"), a_device("b", domains=("other.com",))])
    assert estimated(world, a_segment()).devices == 1


def test_many_regions_are_said_to_be_estimated_and_never_too_low() -> None:
    world = World([a_device("a", locale=f"{REGIONS[0]}_{REGIONS[35]}")])
    there = estimated(world, a_segment(region=REGIONS))
    assert (there.devices, there.exact) == (2, False)


@pytest.mark.parametrize("platform", list(TargetPlatform))
def test_regions_where_nobody_is_are_asked_for_once(platform: TargetPlatform) -> None:
    world = World([a_device("a", locale="aa")])
    audience = Counting(world.parts.audience)
    estimated(world, a_segment(region=REGIONS * 5, platform=platform), audience)
    queries = audience_queries(a_segment(region=REGIONS * 5), ["example.com"], world.clock.now())
    assert audience.counts <= len(queries) + len(Platform)


def test_an_estimate_sends_nothing_and_keeps_nothing() -> None:
    world = World([a_device("a")])
    estimated(world, a_segment())
    assert records(world.database) == {}
    assert world.push.requests == []


def test_a_foreign_domain_cannot_be_counted() -> None:
    with pytest.raises(InvalidInput):
        estimated(World(), a_segment(domain="other.com"))


def test_without_premium_nothing_is_counted() -> None:
    world = World()
    world.providers.put(a_provider(is_premium=False))
    with pytest.raises(Forbidden):
        estimated(world, a_segment())
