"""Every query has its index, every index its query, and nothing large or hot is indexed."""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from shared.adapters.firestore.google_database import GoogleDatabase
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.firestore.rest_values import encode, query, where
from shared.domain.actors import SYSTEM
from shared.domain.audience.device import PARTITIONS
from shared.domain.audience.filters import FILTERS, Context, Segment, TargetPlatform
from shared.domain.audience.targeting import AudienceQuery, PartitionRange, audience_queries
from shared.domain.delivery.ledger import Outcome, Record
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.notifications.queries import NotificationQuery, QueueQuery
from shared.stores.audience import Audience
from shared.stores.device_codec import DEVICES, SLOT_FIELDS
from shared.stores.devices import Devices
from shared.stores.exports import Exports
from shared.stores.ledger import Ledger
from shared.stores.ledger_codec import BATCHES, EVIDENCE, batch_fields
from shared.stores.moderators import Moderators
from shared.stores.notifications import Notifications
from shared.stores.posts import PROMPTS, UPDATES
from shared.stores.providers import Providers
from shared.stores.replay_codec import REPLAYS
from shared.stores.runs import Runs
from shared.stores.send_schedules import SendSchedules
from shared.stores.usage import USAGE
from tests.adapters.test_others import not_again
from tests.builders import NOON, a_batch, an_fcm_address
from tests.infra.conftest import ROOT
from tests.infra.firestore_queries import (
    Composite,
    GrpcRecorder,
    QueryShape,
    Refused,
    RestRecorder,
    Single,
    fits,
    has_single,
    needs,
    served,
)

FILE = Path(__file__).parents[2] / "firestore.indexes.json"
N1 = NotificationId("n1")
T = TypeVar("T")
FOLDER = ROOT / "shared" / "stores"


def asking_stores() -> Iterator[type]:
    """Yield the classes that are made with a database, of the modules that query one."""
    for path in sorted(FOLDER.glob("*.py")):
        if re.search(r"database\.(query|count|sum)\(", text := path.read_text()):
            module = import_module(f"shared.stores.{path.stem}")
            for each in re.split(r"^(?=class )", text, flags=re.MULTILINE):
                if "def __init__(self, database: Database" in each:
                    yield getattr(module, re.split(r"[ :(]", each)[1])


STORES = tuple(asking_stores())
Calls = Mapping[str, Callable[[], object]]


def declared() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text()))


# ---- what is asked -------------------------------------------------------------------------------

NARROWING: dict[str, Any] = {
    "platform": TargetPlatform.IOS,
    "active_days": 7,
    "app_version": "2.5.6",
}
"""A value for each filter that the store decides by a field: any subset needs its own index."""


def every_audience_query() -> list[AudienceQuery]:
    return [
        AudienceQuery(0, ("a", "b"), earlier, Segment(**dict(given)), Context(frozenset(), NOON))
        for given in subsets(NARROWING.items())
        for earlier in (frozenset(), frozenset({"c"}))
    ]


def subsets(items: Iterable[T]) -> list[tuple[T, ...]]:
    some = list(items)
    sizes = range(len(some) + 1)
    return [chosen for size in sizes for chosen in itertools.combinations(some, size)]


def test_every_filter_that_the_store_decides_is_among_those_asked_for() -> None:
    by_selector_or_name = {"domain", "region", "hwid"}
    assert {each.name for each in FILTERS if each.narrows} == {*NARROWING, *by_selector_or_name}
    (query,) = audience_queries(Segment(**NARROWING), ["example.com"], NOON)
    assert len(query.conditions) == len(NARROWING)


def rest_queries() -> tuple[list[QueryShape], set[str]]:
    """Record the hot path's queries, and the names of the methods called for them."""
    found = {"name": "a/b/batches/x", "fields": {"stream": encode(2)}, "updateTime": "v1"}
    recorder = RestRecorder({("stream",): found})
    rest = FirestoreRest("demo-x", "127.0.0.1:1", transport=recorder)
    audience, ledger = Audience(RestDatabase(rest)), Ledger(RestDatabase(rest))
    exports = Exports(RestDatabase(rest))

    def pages() -> None:
        for asked in every_audience_query():
            for after in ("", "0001|h1"):
                audience.page(asked, PartitionRange(0, PARTITIONS), after, 9, "")

    calls: Calls = {
        "count": lambda: [audience.count(asked) for asked in every_audience_query()],
        "page": pages,
        "parts": lambda: ledger.parts(N1),
        "batches": lambda: list(ledger.batches(N1)),
        "evidence": lambda: list(ledger.evidence(N1)),
        "open_batches": lambda: ledger.open_batches(N1),
        "sums": lambda: ledger.sums(N1),
        "tally": lambda: ledger.tally(N1),
        "batches_around": lambda: ledger.batches_around(N1, "0001|h1"),
        "batches_between": lambda: ledger.batches_between(N1, "0001|h1", "0002|h1", 9),
        "overdue_batches": lambda: ledger.overdue_batches(NOON, 9),
        "overdue_parts": lambda: ledger.overdue_parts(NOON, 9),
        "unlisted": lambda: exports.unlisted(NOON, 9),
    }
    for call in calls.values():
        call()
    return recorder.queries, set(calls)


def client_queries(client: Client) -> set[str]:
    """Let the other adapters ask; the names of the methods that were called for it."""
    database = GoogleDatabase(client, not_again)
    notifications, providers = Notifications(database), Providers(database)
    runs = Runs(database)
    devices = Devices(database)
    first = NotificationQuery("p1", page_size=2)

    def lists() -> None:
        for status in (None, Status.PENDING):
            notifications.of_provider(NotificationQuery("p1", status))

    def queues() -> None:
        for provider_id in ("", "p1"):
            notifications.queue(QueueQuery(provider_id))

    calls: Calls = {
        "of_provider": lists,
        "counts_by_status": lambda: notifications.counts_by_status(first.provider_id),
        "count_auto_approved": lambda: notifications.count_auto_approved("p1"),
        "queue": queues,
        "count_pending": lambda: notifications.count_pending("p1"),
        "count_drafts": lambda: notifications.count_drafts("p1"),
        "decided": lambda: notifications.decided(NOON, 9),
        "by_telegram": lambda: Moderators(database).by_telegram(1),
        "overdue": lambda: runs.overdue(NOON, 9),
        "sending_on": lambda: runs.sending_on("example.com"),
        "completed_of": lambda: runs.completed_of("p1", 2),
        "unexported": lambda: notifications.unexported(NOON, 9),
        "history": lambda: notifications.history(N1),
        "domains_of": lambda: providers.domains_of("p1"),
        "domain": lambda: providers.domain("shop.example"),
        "delete_domain": lambda: providers.delete_domain("shop.example", by=SYSTEM, at=NOON),
        "keys_of": lambda: providers.keys_of("p1"),
        "domain_history": lambda: providers.domain_history("example.com", NOON),
        "admin_hwids_changes": lambda: providers.admin_hwids_changes(NOON, 9),
        "untold_changes": lambda: providers.untold_changes(9),
        "set_address": lambda: devices.set_address("h1", an_fcm_address()),
        "underived": lambda: list(devices.underived()),
    }
    for call in calls.values():
        call()
    return set(calls)


BY_NAME_ONLY = {
    *("create", "get", "get_many", "statuses", "change", "delete", "replay", "keep_answer"),
    *("put", "put_domain", "add_domain", "change_domain", "note_told"),
    *("add_key", "key", "delete_key"),
    *("refresh", "begin", "credential", "set_consent", "drop_address", "pending", "clear_slot"),
    *("reach", "domains", "derive_again", "sending", "with_notification", "review"),
    *("listed", "head", "announce", "announced", "put_off_export", "put_off", "was_removed"),
    *("open_parts", "part", "advance", "batch", "write"),
}
"""Methods that know the names of the documents they read and write."""


@pytest.fixture(scope="module")
def queries() -> list[QueryShape]:
    recorder = GrpcRecorder()
    with served(recorder) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", address)
        client = Client(project="demo-x", credentials=AnonymousCredentials())
        by_client = client_queries(client)
        by_rest = rest_queries()
        client.close()
    public = {name for kind in STORES for name in vars(kind) if not name.startswith("_")}
    assert by_client | by_rest[1] == public - BY_NAME_ONLY, "a method is not accounted for"
    return recorder.queries + by_rest[0]


@pytest.fixture(scope="module")
def composites(queries: list[QueryShape]) -> set[Composite]:
    return {need for query in queries if isinstance(need := needs(query), Composite)}


@pytest.fixture(scope="module")
def singles(queries: list[QueryShape]) -> set[Single]:
    found = [need for query in queries if not isinstance(need := needs(query), Composite)]
    return set().union(*found)


def test_a_store_that_queries_is_listened_to_and_one_that_goes_by_name_need_not_be() -> None:
    assert {Ledger, Notifications, Providers} < set(STORES)
    assert SendSchedules not in STORES


# ---- indexes -------------------------------------------------------------------------------------


def missing_and_unused(
    indexes: list[dict[str, Any]], needed: set[Composite]
) -> tuple[list[Composite], list[dict[str, Any]]]:
    missing = [need for need in needed if not any(fits(index, need) for index in indexes)]
    unused = [index for index in indexes if not any(fits(index, need) for need in needed)]
    return missing, unused


def test_every_query_has_its_composite_index_and_every_index_its_query(
    composites: set[Composite],
) -> None:
    assert missing_and_unused(declared()["indexes"], composites) == ([], [])


def test_taking_any_index_away_would_be_noticed(composites: set[Composite]) -> None:
    indexes = declared()["indexes"]
    assert len(indexes) == len(composites)
    for n in range(len(indexes)):
        missing, _ = missing_and_unused([*indexes[:n], *indexes[n + 1 :]], composites)
        assert len(missing) == 1


def test_an_index_too_many_or_in_another_order_would_be_noticed(composites: set[Composite]) -> None:
    first, *others = declared()["indexes"]
    turned = first | {"fields": first["fields"][::-1]}
    missing, unused = missing_and_unused([turned, *others], composites)
    assert (len(missing), unused) == (1, [turned])


def test_every_query_of_one_field_has_its_index(singles: set[Single]) -> None:
    overrides = declared()["fieldOverrides"]
    assert [need for need in singles if not has_single(overrides, need)] == []


def test_every_override_that_keeps_an_index_is_needed(singles: set[Single]) -> None:
    kept = {
        Single(o["collectionGroup"], i["queryScope"], o["fieldPath"], i["order"])
        for o in declared()["fieldOverrides"]
        for i in o["indexes"]
    }
    assert kept == {need for need in singles if need.scope == "COLLECTION_GROUP"}
    without = [o for o in declared()["fieldOverrides"] if not o["indexes"]]
    assert not any(has_single(without, need) for need in kept)


# ---- what must not be indexed --------------------------------------------------------------------


def exempt(collection: str) -> set[str]:
    return {
        o["fieldPath"]
        for o in declared()["fieldOverrides"]
        if o["collectionGroup"] == collection and not o["indexes"]
    }


def test_every_field_of_a_batch_is_asked_for_or_exempt(
    composites: set[Composite], singles: set[Single]
) -> None:
    by_several = {
        path
        for need in composites
        if need.collection == BATCHES
        for path, _ in (*need.equal, *need.ordered)
    }
    by_one = {need.field for need in singles if need.collection == BATCHES}
    written = a_batch(records=(Record(Outcome.DELIVERED, at=NOON),))
    fields = {path.partition(".")[0] for path in batch_fields(written)} | {EVIDENCE}
    assert fields - by_several - by_one == exempt(BATCHES)


def test_a_million_slots_written_at_the_same_moment_meet_in_no_index() -> None:
    assert set(SLOT_FIELDS) <= exempt(DEVICES)


def test_no_field_is_overridden_twice() -> None:
    places = [(o["collectionGroup"], o["fieldPath"]) for o in declared()["fieldOverrides"]]
    assert len(places) == len(set(places))


def test_what_is_written_with_an_end_expires_and_nothing_else() -> None:
    expiring = {
        (o["collectionGroup"], o["fieldPath"]) for o in declared()["fieldOverrides"] if o.get("ttl")
    }
    assert expiring == {(name, "expireAt") for name in (REPLAYS, USAGE, PROMPTS, UPDATES)}
    writers = [path.name for path in FOLDER.glob("*.py") if '"expireAt": ' in path.read_text()]
    assert sorted(writers) == [
        "posts.py",
        "replay_codec.py",
        "usage.py",
    ], "a new kind of document that ends needs a TTL policy in firestore.indexes.json"


# ---- the derivation itself -----------------------------------------------------------------------


def test_ordering_by_name_before_a_range_is_refused_as_firestore_refuses_it() -> None:
    since = where("lastActiveAt", "GREATER_THAN", NOON - timedelta(days=1))
    with pytest.raises(Refused):
        needs(QueryShape(query("devices", since, order=["partition", "__name__"])))
    with pytest.raises(Refused):
        needs(QueryShape(query("devices", order=["__name__", "partition"])))


@pytest.mark.parametrize(
    ("shape", "needed"),
    [
        (QueryShape(query("c", order=["__name__"])), set()),
        (QueryShape(query("c", order=["-a"])), {Single("c", "COLLECTION", "a", "DESCENDING")}),
        (
            QueryShape(query("c", where("a", "EQUAL", 1), where("b", "EQUAL", 1))),
            {Single("c", "COLLECTION", f, "ASCENDING") for f in "ab"},
        ),
        (
            QueryShape(query("c", where("a", "LESS_THAN", 1), everywhere=True)),
            {Single("c", "COLLECTION_GROUP", "a", "ASCENDING")},
        ),
        (
            QueryShape(query("c", where("a", "EQUAL", 1), order=["-b", "-__name__"])),
            Composite("c", "COLLECTION", frozenset({("a", "ASCENDING")}), (("b", "DESCENDING"),)),
        ),
        (
            QueryShape(query("c", where("z", "LESS_THAN", 1), where("y", "LESS_THAN", 1))),
            Composite("c", "COLLECTION", frozenset(), (("y", "ASCENDING"), ("z", "ASCENDING"))),
        ),
        (
            QueryShape(query("c"), ("b", "a")),
            Composite("c", "COLLECTION", frozenset(), (("a", "ASCENDING"), ("b", "ASCENDING"))),
        ),
    ],
)
def test_a_query_needs_what_firestores_rules_say(
    shape: QueryShape, needed: Composite | set[Single]
) -> None:
    assert needs(shape) == needed
