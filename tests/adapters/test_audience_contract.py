"""Who is selected: the same in memory and in Firestore, and what ``Segment.misses`` says."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.firestore import FirestoreEmulator
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.audience.device import (
    PARTITIONS,
    AddressKind,
    Device,
    Hwid,
    PushAddress,
    Slot,
    partition_of,
)
from shared.domain.audience.filters import Context, Filter, Segment, TargetPlatform
from shared.domain.audience.targeting import AudienceQuery, PartitionRange, audience_queries
from shared.domain.delivery.ledger import Target, sort_key
from shared.ports.database import SnapshotTooOld
from shared.stores.audience import TARGET_FIELDS, Audience, selecting
from shared.stores.device_codec import DEVICES, device_from
from tests.adapters.fanout import Documents, as_document, hwids, put_devices
from tests.builders import NOON, a_desktop, a_device

EVERYWHERE = PartitionRange(0, PARTITIONS)
HALVES = (PartitionRange(0, PARTITIONS // 2), PartitionRange(PARTITIONS // 2, PARTITIONS))
SITE = ("example.com",)


@dataclass(frozen=True, slots=True)
class Bench:
    """An audience, and a way to have devices in its store."""

    audience: Audience
    put: Callable[[Documents], None]

    def has(self, *devices: Device) -> None:
        self.put({device.hwid: as_document(device) for device in devices})


def in_memory() -> Bench:
    database = MemoryDatabase()

    def put(documents: Documents) -> None:
        for hwid, document in documents.items():
            database.hold(f"{DEVICES}/{hwid}", document)

    return Bench(Audience(database), put)


def in_firestore(rest: FirestoreRest) -> Bench:
    return Bench(Audience(RestDatabase(rest)), lambda documents: put_devices(rest, documents))


@pytest.fixture
def rest(firestore_emulator: FirestoreEmulator, project: str) -> Iterator[FirestoreRest]:
    rest = FirestoreRest(project, firestore_emulator.address)
    yield rest
    rest.close()


@pytest.fixture(params=["memory", "firestore"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "memory":
        return in_memory()
    return in_firestore(request.getfixturevalue("rest"))


def the_query(segment: Segment | None = None) -> AudienceQuery:
    (query,) = audience_queries(segment or Segment(), SITE, NOON)
    return query


def everyone(
    audience: Audience, queries: tuple[AudienceQuery, ...], limit: int = 4
) -> list[tuple[str, Target]]:
    """Collect all pages of all queries, range by range, as a plan reads them."""
    found: list[tuple[str, Target]] = []
    for query in queries:
        for partitions in HALVES:
            after: str | None = ""
            while after is not None:
                page = audience.page(query, partitions, after, limit, "")
                found += page.targets
                after = page.last
    return found


# ---- who ---------------------------------------------------------------------------------------

DOMAINS = tuple(f"d{n:02d}.example" for n in range(34))


@st.composite
def a_crowd(draw: st.DrawFn) -> list[Device]:
    """Draw devices that differ in everything a segment may ask for."""
    device = st.builds(
        lambda platform, locale, version, days, domains: a_device(
            "",
            platform=platform,
            locale=locale,
            app_version=version,
            domains=tuple(domains),
            last_active_at=None if days is None else NOON - timedelta(days=days),
        ),
        st.sampled_from(["ios", "android", "windows"]),
        st.sampled_from(["", "ru_RU", "en-US", "by", "zh-Hant-TW", "RU", "en_RU", "zh_CN"]),
        st.sampled_from(["", "2.5.6", "2.5.60"]),
        st.sampled_from([None, 0, 1, 2, 30]),
        st.lists(st.sampled_from([*DOMAINS, "else.example"]), max_size=5)
        | st.just(list(DOMAINS[28:33])),
    )
    crowd = draw(st.lists(device, min_size=6, max_size=14))
    return [replace(device, hwid=Hwid(f"h{n}")) for n, device in enumerate(crowd)]


SEGMENTS = st.builds(
    Segment,
    platform=st.sampled_from([TargetPlatform.ALL, TargetPlatform.ALL, TargetPlatform.ANDROID]),
    region=st.sampled_from([(), (), ("ru",), ("by", "ru"), ("tw",)]),
    languages=st.sampled_from([(), (), ("ru",), ("en", "zh-Hant"), ("en-US",), ("is",)]),
    domain=st.sampled_from([None, None, DOMAINS[0], "else.example"]),
    active_days=st.sampled_from([None, None, 1, 7]),
    app_version=st.sampled_from([None, None, "2.5.6"]),
    hwid=st.sampled_from([None, None, None, "h0", "h3", "nobody"]),
)
VERIFIED = st.sampled_from([DOMAINS, DOMAINS, DOMAINS[:2], DOMAINS[25:]])


def check_that_the_rule_holds(
    bench: Bench, crowd: list[Device], segments: list[tuple[Segment, tuple[str, ...]]]
) -> None:
    bench.has(*crowd)
    for segment, verified in segments:
        queries = audience_queries(segment, verified, NOON)
        expected = sorted(d.hwid for d in crowd if not segment.misses(d, verified, NOON))
        found = everyone(bench.audience, queries)
        assert sorted(hwids(found)) == expected
        if len(queries) == 1:
            counted = bench.audience.count(queries[0]).devices
            assert counted == len(expected) if queries[0].exact else counted >= len(expected)


@given(a_crowd(), st.lists(st.tuples(SEGMENTS, VERIFIED), min_size=4, max_size=8))
@settings(max_examples=150)
def test_memory_selects_exactly_those_the_segment_does_not_miss(
    crowd: list[Device], segments: list[tuple[Segment, tuple[str, ...]]]
) -> None:
    check_that_the_rule_holds(in_memory(), crowd, segments)


def test_firestore_selects_exactly_those_the_segment_does_not_miss(
    firestore_emulator: FirestoreEmulator,
) -> None:
    with httpx.HTTPTransport(trust_env=False) as line:

        @given(a_crowd(), st.lists(st.tuples(SEGMENTS, VERIFIED), min_size=4, max_size=6))
        @settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
        def holds(crowd: list[Device], segments: list[tuple[Segment, tuple[str, ...]]]) -> None:
            project = f"demo-{uuid4().hex[:8]}"
            rest = FirestoreRest(project, firestore_emulator.address, transport=line)
            check_that_the_rule_holds(in_firestore(rest), crowd, segments)

        holds()


def test_a_device_on_more_domains_than_one_query_holds_is_selected_once(bench: Bench) -> None:
    bench.has(*(a_device(f"h{n}", domains=DOMAINS[n : n + 32]) for n in range(3)))
    queries = audience_queries(Segment(), DOMAINS, NOON)
    assert len(queries) == 2
    assert sorted(hwids(everyone(bench.audience, queries))) == ["h0", "h1", "h2"]


def test_another_providers_device_is_never_reached_even_by_its_hwid(bench: Bench) -> None:
    bench.has(a_device("h1", domains=("else.example",)))
    assert everyone(bench.audience, (the_query(Segment(hwid="h1")),)) == []


def test_a_single_device_is_found_before_anything_was_derived_for_it(bench: Bench) -> None:
    bench.put({"h1": {"domains": ["example.com"], "platform": "android", "fcmToken": "t1"}})
    query = the_query(Segment(hwid="h1"))
    assert hwids(everyone(bench.audience, (query,))) == ["h1"]
    assert bench.audience.count(query).devices == 1
    assert everyone(bench.audience, (the_query(),)) == []


def test_a_single_device_must_pass_every_other_filter_as_well(bench: Bench) -> None:
    bench.has(a_device("h1", app_version="2.5.60"))
    assert everyone(bench.audience, (the_query(Segment(hwid="h1", app_version="2.5.6")),)) == []


# ---- decided on the page -----------------------------------------------------------------------


class TimeZoneFilter(Filter[str | None]):
    """A filter that no query decides."""

    name = "time_zone"
    reads = ("timeZone",)

    def holds(self, value: str | None, device: Device, context: Context) -> bool:
        return value == device.time_zone


class LocalSegment(Segment):
    """A segment with a filter more."""

    filters = (*Segment.filters, TimeZoneFilter())

    time_zone: str | None = None


HERE, OTHER_ZONE = "Europe/Minsk", "Asia/Tokyo"


def a_scattered_crowd() -> list[Device]:
    return [a_device(f"h{n}", time_zone=HERE if n % 3 == 0 else OTHER_ZONE) for n in range(9)]


@pytest.mark.parametrize("also", [{}, {"active_days": 7}, {"region": ("us", "by")}])
def test_what_no_query_decides_is_decided_on_the_page_that_was_read(
    bench: Bench, also: dict[str, Any]
) -> None:
    bench.has(*a_scattered_crowd())
    query = the_query(LocalSegment(time_zone=HERE, **also))
    found = everyone(bench.audience, (query,), limit=2)
    assert sorted(hwids(found)) == ["h0", "h3", "h6"]
    assert all(target.locale == "en_US" and target.address for _, target in found)


def test_a_filter_that_misses_every_device_of_a_page_does_not_end_the_pages(bench: Bench) -> None:
    bench.has(*a_scattered_crowd())
    query = the_query(LocalSegment(time_zone="Nowhere/Else"))
    page = bench.audience.page(query, EVERYWHERE, "", 4, "")
    assert page.targets == ()
    assert page.last is not None


def test_a_count_holds_those_that_only_the_page_leaves_out_and_says_so(bench: Bench) -> None:
    bench.has(*a_scattered_crowd())
    query = the_query(LocalSegment(time_zone=HERE))
    assert (bench.audience.count(query).devices, query.exact) == (9, False)
    single = the_query(LocalSegment(time_zone=HERE, hwid="h1"))
    assert (bench.audience.count(single).devices, single.exact) == (0, True)


def test_a_single_device_is_judged_by_what_is_decided_on_pages_too(bench: Bench) -> None:
    bench.has(*a_scattered_crowd())
    for hwid, there in (("h0", ["h0"]), ("h1", [])):
        query = the_query(LocalSegment(time_zone=HERE, hwid=hwid))
        assert hwids(everyone(bench.audience, (query,))) == there


def test_no_field_more_is_read_of_a_device_than_the_segments_filters_need() -> None:
    usual = selecting(the_query(Segment(app_version="2.5.6")), EVERYWHERE).select
    local = selecting(the_query(LocalSegment(time_zone=HERE)), EVERYWHERE).select
    assert [each for each in local if each not in usual] == ["timeZone"]
    assert usual == TARGET_FIELDS


@given(a_crowd(), SEGMENTS, VERIFIED)
def test_a_filter_decides_by_the_fields_that_it_says_it_reads(
    crowd: list[Device], segment: Segment, verified: tuple[str, ...]
) -> None:
    context = Context(frozenset(verified), NOON)
    for device, (each, value) in itertools.product(crowd, segment.restricting()):
        document = as_document(device)
        read = {name: document[name] for name in each.reads if name in document}
        again = device_from(device.hwid, read)
        assert each.holds(value, again, context) == each.holds(value, device, context)


# ---- in pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("segment", [Segment(), Segment(active_days=7)])
def test_pages_follow_each_other_in_the_order_of_their_keys(bench: Bench, segment: Segment) -> None:
    names = [f"h{n}" for n in range(9)]
    bench.has(*(a_device(n, last_active_at=NOON - timedelta(hours=len(n))) for n in names))
    found = everyone(bench.audience, (the_query(segment),), limit=2)
    keys = [key for key, _ in found]
    assert keys == sorted(sort_key(partition_of(name), name) for name in names)


@pytest.mark.parametrize("segment", [Segment(), Segment(active_days=7)])
def test_a_range_begins_with_its_low_partition_and_ends_before_its_high_one(
    bench: Bench, segment: Segment
) -> None:
    border = next(f"h{n}" for n in range(99_999) if partition_of(f"h{n}") == HALVES[0].high)
    bench.has(a_device(border))
    for asked in (segment, Segment(hwid=border)):
        pages = [bench.audience.page(the_query(asked), half, "", 9, "") for half in HALVES]
        assert [hwids(page.targets) for page in pages] == [[], [border]]


def test_a_page_may_hold_fewer_devices_than_it_looked_at(bench: Bench) -> None:
    bench.has(*(a_device(f"h{n}", domains=("d00.example", "d33.example")) for n in range(3)))
    _, second = audience_queries(Segment(), DOMAINS, NOON)
    page = bench.audience.page(second, EVERYWHERE, "", 2, "")
    assert page.targets == ()
    assert page.last is not None
    rest = bench.audience.page(second, EVERYWHERE, page.last, 2, "")
    assert (rest.targets, rest.last) == ((), None)


def test_an_earlier_moment_can_be_read_again(bench: Bench) -> None:
    bench.has(a_device("h1"), a_device("h2"))
    counted = bench.audience.count(the_query())
    bench.has(a_device("h2", domains=("else.example",)), a_device("h3"))
    page = bench.audience.page(the_query(), EVERYWHERE, "", 9, counted.read_at)
    assert counted.devices == 2
    assert sorted(hwids(page.targets)) == ["h1", "h2"]
    assert sorted(hwids(everyone(bench.audience, (the_query(),)))) == ["h1", "h3"]


def test_a_moment_no_longer_kept_says_so(bench: Bench) -> None:
    for query in (the_query(), the_query(Segment(hwid="h1"))):
        with pytest.raises(SnapshotTooOld):
            bench.audience.page(query, EVERYWHERE, "", 9, "2001-01-01T00:00:00Z")


# ---- what is known of them ---------------------------------------------------------------------


def the_target(bench: Bench, **changes: object) -> Target:
    bench.put({"h1": as_document(a_device("h1")) | changes})
    ((_, target),) = everyone(bench.audience, (the_query(),))
    return target


def test_a_target_says_what_its_document_says(bench: Bench) -> None:
    registered = NOON + timedelta(microseconds=123456)
    address = PushAddress(AddressKind.APNS, "f00d", "sandbox", registered)
    slot = Slot("n0", NOON)
    bench.has(a_desktop("h1", locale="ru_RU", address=address, slot=slot))
    ((key, target),) = everyone(bench.audience, (the_query(),))
    assert key == sort_key(partition_of("h1"), "h1")
    expected = Target("h1", "linux", "ru_RU", address, consent=True, slot=slot)
    assert replace(target, read_version="") == expected
    assert target.read_version


def test_its_version_changes_with_its_document(bench: Bench) -> None:
    assert the_target(bench).read_version != the_target(bench, locale="ru_RU").read_version


@pytest.mark.parametrize(
    "document",
    [
        {"fcmToken": "t1"},
        {"fcmToken": "new", "pushAddress": {"kind": "fcm", "value": "old"}},
        {"fcmToken": "t1", "pushAddress": {"kind": "hms", "value": "h"}},
        {"pushAddress": {"kind": "fcm", "value": ""}, "fcmToken": "t1"},
        {"pushAddress": {"kind": "apns", "value": "f00d", "registeredAt": NOON}},
        {"pushAddress": None, "fcmToken": None},
        {"consent": False},
        {"consent": None, "platform": None, "locale": None},
        {"pendingNotificationAt": NOON},
        {"pendingNotificationId": "n0"},
        {"platform": "haiku"},
        {"locale": 5, "lastActiveAt": "yesterday", "appVersion": 2.5},
        {"platform": 7, "locale": {"ru": True}},
        {"fcmToken": 7},
        {"pushAddress": "token", "fcmToken": "t1"},
        {"pushAddress": {"kind": "pigeon", "value": "x"}},
        {"consent": "yes"},
        {"pendingNotificationAt": "2026-01-01T00:00:00Z"},
        {"pendingNotificationAt": 1_772_366_400_000, "pendingNotificationId": ["n"]},
    ],
)
def test_any_other_back_ends_document_is_read_like_the_devices_store_reads_it(
    bench: Bench, document: dict[str, object]
) -> None:
    whole = {**as_document(a_device("h1", address=None)), **document}
    bench.put({"h1": whole})
    ((_, target),) = everyone(bench.audience, (the_query(),))
    device = device_from("h1", whole)
    assert replace(target, read_version="") == Target(
        device.hwid,
        device.platform,
        device.locale,
        device.address,
        device.consent,
        device.slot,
        unreadable=tuple(n for n in device.unreadable if n not in {"lastActiveAt", "appVersion"}),
    )


@pytest.mark.parametrize("segment", [Segment(), Segment(active_days=7), Segment(hwid="h2")])
@pytest.mark.parametrize(
    ("odd", "code"),
    [
        ({"platform": 7}, ""),
        ({"fcmToken": "", "pushAddress": "token"}, "unreadable"),
        ({"fcmToken": "", "pushAddress": {"kind": "pigeon", "value": "x"}}, "unreadable"),
        ({"consent": "yes"}, "unreadable"),
        ({"domains": 7, "domainsUnreadable": True}, "unreadable"),
    ],
)
def test_a_device_with_an_odd_field_is_selected_like_the_others_and_told_so(
    bench: Bench, odd: dict[str, object], code: str, segment: Segment
) -> None:
    names = [f"h{n}" for n in range(5)]
    documents = {name: as_document(a_device(name)) for name in names}
    bench.put(documents | {"h2": documents["h2"] | odd})
    query = the_query(segment)
    found = everyone(bench.audience, (query,), limit=1)
    assert sorted(hwids(found)) == (["h2"] if segment.hwid else names)
    assert bench.audience.count(query).devices == len(found)
    (target,) = (target for _, target in found if target.hwid == "h2")
    nowhere = "" if target.address else target.out_of_reach
    assert (target.held_back or nowhere, bool(target.unreadable)) == (code, True)


@pytest.mark.parametrize("field", ["fcmToken", "locale", "platform", "pendingNotificationId"])
def test_what_is_too_large_for_any_batch_is_as_good_as_unreadable(bench: Bench, field: str) -> None:
    documents = {name: as_document(a_desktop(name)) for name in ("h0", "h1", "h2")}
    huge = {"pendingNotificationAt": NOON, field: "x" * 200_000}
    bench.put(documents | {"h1": documents["h1"] | huge})
    found = everyone(bench.audience, (the_query(),))
    assert sorted(hwids(found)) == ["h0", "h1", "h2"]
    (target,) = (target for _, target in found if target.hwid == "h1")
    assert target.fits
    assert target.unreadable == (field,)


def test_texts_that_no_batch_holds_together_are_left_out_of_it(bench: Bench) -> None:
    texts = {"fcmToken": "\N{PARTY POPPER}" * 1_500, "locale": "\N{PARTY POPPER}" * 999}
    bench.put({"h1": as_document(a_desktop("h1")) | texts})
    ((_, target),) = everyone(bench.audience, (the_query(),))
    assert (target.fits, target.polls, target.address) == (True, True, None)
    assert "pushAddress" in target.unreadable


@pytest.mark.parametrize("odd", [{"partition": 5.5}, {"hwid": 7}])
def test_no_odd_order_of_documents_stops_the_pages(
    rest: FirestoreRest, odd: dict[str, object]
) -> None:
    bench = in_firestore(rest)
    names = [f"h{n}" for n in range(4)]
    documents = {name: as_document(a_device(name)) for name in names}
    bench.put(documents | {"h2": documents["h2"] | odd})
    found = everyone(bench.audience, (the_query(Segment(active_days=7)),), limit=1)
    assert sorted(hwids(found)) == names
