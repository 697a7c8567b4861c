"""The queries derived from a segment select exactly its audience, and each device once."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.audience.device import PARTITIONS, Device, Hwid, derive
from shared.domain.audience.filters import Condition, Segment, Since, TargetPlatform
from shared.domain.audience.targeting import (
    MOST_SELECTORS,
    AudienceQuery,
    audience_queries,
    partition_ranges,
)
from shared.stores.device_codec import registration_fields
from tests.builders import NOON, a_device, a_segment

REGIONS = [f"{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]
LANGUAGES = ["ab", "af", "ba", "be", "bg", "cs", "da", "de", "ee", "fa", "ff", "de-AF", "be-BE"]
DOMAINS = [f"d{n}.example" for n in range(5)]
VERSIONS = ["2.5.6", "2.5.60", ""]

locales = st.one_of(
    st.just(""),
    st.sampled_from(REGIONS),
    st.builds("{}_{}".format, st.sampled_from(REGIONS), st.sampled_from(REGIONS)),
)
devices = st.builds(
    Device,
    hwid=st.sampled_from(["A", "a", "B"]).map(Hwid),
    platform=st.sampled_from(["ios", "android", "linux", "toaster"]),
    locale=locales,
    app_version=st.sampled_from(VERSIONS),
    domains=st.lists(st.sampled_from([*DOMAINS, "foreign.example"]), max_size=4).map(tuple),
    last_active_at=st.one_of(
        st.none(), st.integers(-3, 3).map(lambda h: NOON - timedelta(days=7, hours=h))
    ),
)
segments = st.builds(
    Segment,
    platform=st.sampled_from([TargetPlatform.ALL, TargetPlatform.IOS]),
    region=st.lists(st.sampled_from(REGIONS), max_size=40).map(tuple),
    languages=st.just(()) | st.lists(st.sampled_from(LANGUAGES), max_size=5).map(tuple),
    domain=st.sampled_from([None, None, "d0.example", "foreign.example"]),
    active_days=st.sampled_from([None, 7]),
    app_version=st.sampled_from([None, "2.5.6"]),
    hwid=st.sampled_from([None, None, "A"]),
)


def selects(query: AudienceQuery, device: Device) -> bool:
    """Tell whether a store selects the device for this query, and a reader does not pass it over
    for an earlier one.
    """
    derived = derive(device.hwid, device.locale, device.domains)
    document = registration_fields(device, derived)
    return (
        not set(query.selectors).isdisjoint(derived.selectors)
        and query.first_to_select(derived.selectors)
        and query.hwid in {None, device.hwid}
        and all(meets(document, condition) for condition in query.conditions)
        and query.keeps(device)
    )


def meets(document: Mapping[str, Any], condition: Condition) -> bool:
    """Tell whether a document meets a condition, as a store does."""
    stored = document.get(condition.field)
    if isinstance(condition, Since):
        return stored is not None and stored >= condition.value
    return bool(stored == condition.value)


@settings(max_examples=400)
@given(segments, st.sets(st.sampled_from(DOMAINS)), st.lists(devices, min_size=1, max_size=12))
def test_each_targeted_device_is_selected_once_and_no_other_at_all(
    segment: Segment, verified: set[str], some: list[Device]
) -> None:
    queries = audience_queries(segment, verified, NOON)
    for device in some:
        targeted = not segment.misses(device, verified, NOON)
        assert sum(selects(query, device) for query in queries) == targeted


@settings(max_examples=200)
@given(segments, st.sets(st.sampled_from(DOMAINS)))
def test_no_query_has_more_values_than_firestore_takes(
    segment: Segment, verified: set[str]
) -> None:
    queries = audience_queries(segment, verified, NOON)
    assert all(1 <= len(query.selectors) <= MOST_SELECTORS for query in queries)
    values = Counter(value for query in queries for value in query.selectors)
    assert all(times == 1 for times in values.values())
    assert [query.stream for query in queries] == list(range(len(queries)))


def test_thirty_values_are_one_query_and_thirty_one_are_two() -> None:
    def cut(regions: int) -> list[int]:
        segment = a_segment(region=tuple(REGIONS[:regions]))
        return [len(q.selectors) for q in audience_queries(segment, ["a.com"], NOON)]

    assert cut(30) == [30]
    assert cut(31) == [30, 1]


def test_a_region_named_twice_is_looked_up_once() -> None:
    (query,) = audience_queries(a_segment(region=("by", "BY", "by")), ["a.com"], NOON)
    assert query.selectors == ("a.com|by",)


def test_languages_are_looked_up_by_their_codes_and_regions_come_first() -> None:
    tags = ("pt-BR", "iw", "zh-Hant", "he", "pt")
    (query,) = audience_queries(a_segment(languages=tags), ["a.com"], NOON)
    assert query.selectors == ("a.com|pt", "a.com|he", "a.com|zh")
    (query,) = audience_queries(a_segment(languages=tags, region=("by",)), ["a.com"], NOON)
    assert query.selectors == ("a.com|by",)
    assert not query.exact


def test_nobody_is_asked_for_without_a_verified_domain() -> None:
    assert audience_queries(a_segment(), [], NOON) == ()


def test_the_order_of_domains_does_not_change_the_queries() -> None:
    there = audience_queries(a_segment(), ["a.com", "b.com"], NOON)
    assert there == audience_queries(a_segment(), ["b.com", "a.com", "b.com"], NOON)


def test_a_device_that_two_queries_match_belongs_to_the_earlier() -> None:
    regions = tuple(REGIONS[:31])
    first, second = audience_queries(a_segment(region=regions), ["example.com"], NOON)
    both = a_device(locale=f"{regions[0]}_{regions[30]}")
    assert selects(first, both)
    assert not selects(second, both)


@pytest.mark.parametrize("audience", [0, 1, 20_000, 20_001, 1_000_000, 10_000_000_000])
def test_ranges_cover_every_partition_once(audience: int) -> None:
    ranges = partition_ranges(audience, devices_each=20_000)
    covered = [partition for r in ranges for partition in range(r.low, r.high)]
    assert covered == list(range(PARTITIONS))


@pytest.mark.parametrize(
    ("audience", "ranges"),
    [(0, 1), (20_000, 1), (20_001, 2), (40_001, 4), (1_280_000, 64), (99_000_000, 64)],
)
def test_ranges_double_until_each_is_small_enough(audience: int, ranges: int) -> None:
    assert len(partition_ranges(audience, devices_each=20_000)) == ranges


@pytest.mark.parametrize("parts", [1, 2, 4, 8, 16, 32, 64])
def test_a_number_of_parts_is_cut_again_into_the_same_ranges(parts: int) -> None:
    """The record keeps only how many parts there are; planning again must cut the same."""
    cut: dict[str, Any] = {"devices_each": 1, "most": parts}
    assert len(partition_ranges(parts, **cut)) == parts
