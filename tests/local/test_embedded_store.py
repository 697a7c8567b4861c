"""The embedded store answers as Firestore does, sends events as its emulator does, and refuses the
rest: other questions, other projects, other machines, and to run anywhere but here.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import httpx
import orjson
import pytest
from google.api_core.exceptions import MethodNotImplemented
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client, FieldFilter, GeoPoint
from google.cloud.firestore_v1.types import CommitRequest

from local.emulators.eventarc import Event
from local.firestore import EmbeddedStore
from local.stack_file import ROOT
from shared.adapters.firestore.events import document_after, document_id
from shared.adapters.firestore.rest import BadRequest, FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.firestore.rest_values import Raw, query, where, write
from shared.domain.audience.filters import Segment
from shared.domain.notifications.notification import NotificationId
from shared.ports.database import Create, Delete, Put, Query, Update
from shared.stores.ledger import Ledger
from tests.adapters import test_audience_contract as audience_contract
from tests.adapters import test_ledger_contract as ledger_contract
from tests.adapters.fanout import WITHOUT_WAITING
from tests.adapters.test_audience_contract import Bench, in_firestore
from tests.conftest import eventually

OF_THE_LEDGER: tuple[Callable[[Ledger], None], ...] = (
    ledger_contract.test_a_part_keeps_its_schedule,
    ledger_contract.test_parts_are_opened_once_and_kept_as_they_are,
    ledger_contract.test_there_is_nothing_below_a_notification_that_was_never_planned,
    ledger_contract.test_a_parts_progress_and_its_batches_are_written_together,
    ledger_contract.test_of_two_planners_of_the_same_page_one_wins_and_the_other_writes_nothing,
    ledger_contract.test_a_batch_is_never_planned_over,
    ledger_contract.test_a_batch_comes_back_as_it_was_planned,
    ledger_contract.test_a_batch_that_is_not_there_is_not_found,
    ledger_contract.test_what_is_written_is_read_back,
    ledger_contract.test_chunks_are_written_one_after_the_other,
    ledger_contract.test_of_two_senders_with_the_same_version_one_wins,
    ledger_contract.test_a_sender_that_lost_its_lease_can_record_nothing_more,
    ledger_contract.test_of_many_senders_at_once_exactly_one_wins,
    ledger_contract.test_sums_are_those_of_the_records_of_every_batch,
    ledger_contract.test_all_batches_are_read_in_the_order_of_their_ids,
    ledger_contract.test_the_batch_around_a_key_is_found_in_each_stream,
)
PAGES = audience_contract.test_pages_follow_each_other_in_the_order_of_their_keys
RANGES = audience_contract.test_a_range_begins_with_its_low_partition_and_ends_before_its_high_one
OF_THE_AUDIENCE: tuple[Callable[[Bench], None], ...] = (
    audience_contract.test_a_device_on_more_domains_than_one_query_holds_is_selected_once,
    audience_contract.test_another_providers_device_is_never_reached_even_by_its_hwid,
    audience_contract.test_a_single_device_is_found_before_anything_was_derived_for_it,
    audience_contract.test_a_single_device_must_pass_every_other_filter_as_well,
    partial(PAGES, segment=Segment()),
    partial(PAGES, segment=Segment(active_days=7)),
    partial(RANGES, segment=Segment()),
    partial(RANGES, segment=Segment(active_days=7)),
    audience_contract.test_a_page_may_hold_fewer_devices_than_it_looked_at,
    audience_contract.test_a_target_says_what_its_document_says,
    audience_contract.test_its_version_changes_with_its_document,
)


@pytest.fixture
def rest(embedded_store: EmbeddedStore, project: str) -> Iterator[FirestoreRest]:
    rest = FirestoreRest(project, embedded_store.address, sleep=WITHOUT_WAITING)
    yield rest
    rest.close()


@pytest.fixture
def client(
    embedded_store: EmbeddedStore, project: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", embedded_store.address)
    client = Client(project=project, credentials=AnonymousCredentials())
    yield client
    client.close()


@pytest.fixture
def at(embedded_store: EmbeddedStore) -> Iterator[httpx.Client]:
    url = f"http://{embedded_store.address}"
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        yield client


@pytest.mark.parametrize("holds", OF_THE_LEDGER)
def test_the_contract_of_the_ledger_holds(
    rest: FirestoreRest, holds: Callable[[Ledger], None]
) -> None:
    holds(Ledger(RestDatabase(rest)))


@pytest.mark.parametrize("holds", OF_THE_AUDIENCE)
def test_the_contract_of_the_audience_holds(
    rest: FirestoreRest, holds: Callable[[Bench], None]
) -> None:
    holds(in_firestore(rest))


# -- what is written is given back -----------------------------------------------------------------

ODD: dict[str, Raw] = {
    "null": {"nullValue": None},
    "deep": {"mapValue": {"fields": {"null": {"nullValue": None}, "empty": {"mapValue": {}}}}},
    "list": {"arrayValue": {"values": [{"nullValue": None}, {"integerValue": "1"}]}},
    "bytes": {"bytesValue": "AAEC"},
    "place": {"geoPointValue": {"latitude": 53.9, "longitude": 27.5}},
    "other": {"referenceValue": "projects/elsewhere/databases/(default)/documents/a/b"},
    "no number": {"doubleValue": "NaN"},
    "most": {"doubleValue": "-Infinity"},
    "a.dotted `name`": {"stringValue": "Größe"},
}


def test_values_of_every_kind_are_given_back_as_they_came(rest: FirestoreRest) -> None:
    name = rest.name("things", "odd")
    rest.commit([write(name, ODD)])
    found = rest.get(name)
    assert found is not None
    shown = dict(found["fields"])
    shown["deep"]["mapValue"]["fields"]["empty"] = {"mapValue": {}}  # said without its fields
    assert shown == ODD


def test_a_document_by_itself_is_read_whole_or_by_its_fields(
    rest: FirestoreRest, at: httpx.Client
) -> None:
    name, owner = rest.name("devices", "Hw 1:é"), {"Authorization": "Bearer owner"}
    fields = {"a": {"stringValue": "x"}, "b": {"integerValue": "2"}}
    (version,) = rest.commit([write(name, fields)])
    whole = at.get(f"/v1/{name}", headers=owner).json()
    assert whole == {"name": name, "fields": fields, "updateTime": version}
    put = at.patch(
        f"/v1/{name}?updateMask.fieldPaths=a&updateMask.fieldPaths=c",
        json={"fields": {"c": {"nullValue": None}}},
        headers=owner,
    )
    assert put.json()["fields"] == {"b": {"integerValue": "2"}, "c": {"nullValue": None}}
    bad = {"fields": {"c": {"timestampValue": "yesterday"}}}
    assert at.patch(f"/v1/{name}", json=bad, headers=owner).status_code == 400
    masked = at.get(f"/v1/{name}?mask.fieldPaths=b&mask.fieldPaths=d", headers=owner)
    assert masked.json()["fields"] == {"b": {"integerValue": "2"}}
    refused = at.get(f"/v1/{name}?readTime=2026-01-01T00:00:00Z", headers=owner)
    assert refused.status_code == 400
    assert at.delete(f"/v1/{name}", headers=owner).status_code == 200
    assert at.get(f"/v1/{name}", headers=owner).status_code == 404


def test_collections_are_listed_with_what_only_has_documents_below_it(
    rest: FirestoreRest, at: httpx.Client
) -> None:
    owner = {"Authorization": "Bearer owner"}
    for path in ("a/1", "a/2/b/3", "c/4"):
        rest.commit([write(rest.name(*path.split("/")), {})])

    def listed(path: str) -> list[str]:
        answer = at.get(f"/v1/{rest.root}/{path}", headers=owner).raise_for_status().json()
        return [it["name"].removeprefix(f"{rest.root}/") for it in answer.get("documents", [])]

    def collections(below: str) -> list[str]:
        answer = at.post(f"/v1/{below}:listCollectionIds", json={}, headers=owner)
        return list(answer.raise_for_status().json()["collectionIds"])

    assert (collections(rest.root), collections(rest.name("a", "2"))) == (["a", "c"], ["b"])
    assert listed("a") == ["a/1"]
    assert listed("a?showMissing=true&pageSize=2") == ["a/1", "a/2"]
    assert listed("a/2/b") == ["a/2/b/3"]
    assert listed("none") == []
    for params in ("pageSize=1&showMissing=true", "pageToken=x", "pageSize=x"):
        answer = at.get(f"/v1/{rest.root}/a?{params}", headers=owner)
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_the_same_values_come_by_grpc(client: Client) -> None:
    odd = {"null": None, "list": [None, 1.5], "bytes": b"\x00\x01", "place": GeoPoint(53.9, 27.5)}
    client.document("things/odd").set(odd)
    found = client.document("things/odd").get()
    assert found.to_dict() == odd


def test_a_null_comes_first_in_an_order_and_what_is_missing_in_none(client: Client) -> None:
    for id, fields in (("a", {"n": 1}), ("b", {"n": None}), ("c", {}), ("d", {"n": True})):
        client.document(f"things/{id}").set(fields)
    assert [it.id for it in client.collection("things").order_by("n").get()] == ["b", "d", "a"]
    at_most = client.collection("things").where(filter=FieldFilter("n", "<=", 1))
    assert [it.id for it in at_most.get()] == ["a"]


def test_pages_of_a_moment_hold_what_was_there_then(rest: FirestoreRest) -> None:
    """As a plan reads its audience, while devices come, go and change."""
    database = RestDatabase(rest)
    database.commit([Put(f"things/{n:02}", {"n": n}) for n in range(20)])
    read_at = database.count(Query("things")).read_at
    found: list[int] = []
    after: tuple[object, ...] = ()
    for turn in range(5):
        page = database.query(Query("things", order=("n",), after=after, limit=4), read_at)
        found += [it.fields["n"] for it in page]
        after = (found[-1],)
        new, gone = Put(f"things/new{turn}", {"n": turn * 4 + 5}), Delete(f"things/{19 - turn:02}")
        database.commit([new, gone, Update(f"things/{10 + turn}", {"n": 0})])
    assert found == list(range(20))


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "structured_query",
    [
        query("devices", where("hwid", "NOT_EQUAL", "h2")),
        {**query("devices"), "offset": 3},
        {**query("devices"), "startAt": {"values": [], "before": True}},
        {"from": [{"collectionId": "a"}], "where": {"compositeFilter": {"op": "OR"}}},
        {"from": []},
    ],
)
def test_what_no_adapter_asks_is_refused_and_not_guessed(
    rest: FirestoreRest, structured_query: Raw
) -> None:
    with pytest.raises(BadRequest, match="does not know this"):
        rest.run_query(structured_query)


@pytest.mark.parametrize(
    "write",
    [
        {"transform": {"document": "…"}},
        {"delete": "…", "currentDocument": {"exists": True}},
        {"update": {"name": "…"}, "updateMask": {}, "currentDocument": {"exists": False}},
        {"update": {"name": "projects/demo-other/databases/(default)/documents/a/b"}},
        {"update": {"name": "…", "fields": {"x": {"timestampValue": "yesterday"}}}},
    ],
)
def test_a_write_that_no_adapter_makes_is_refused(rest: FirestoreRest, write: Raw) -> None:
    name = rest.name("things", "a")
    with pytest.raises(BadRequest, match="does not know this"):
        rest.commit([orjson.loads(orjson.dumps(write).replace("…".encode(), name.encode()))])
    assert rest.get(name) is None


def test_a_call_it_does_not_know_is_refused(rest: FirestoreRest, at: httpx.Client) -> None:
    owner = {"Authorization": "Bearer owner"}
    for body in (b"{}", b"[]", b"{"):
        answer = at.post(f"/v1/{rest.root}:beginTransaction", content=body, headers=owner)
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_a_transaction_is_refused_by_grpc_as_well(client: Client) -> None:
    with pytest.raises(MethodNotImplemented):
        client.transaction()._begin()


def test_no_project_but_a_demo_has_documents_here(
    at: httpx.Client, embedded_store: EmbeddedStore
) -> None:
    owner = {"Authorization": "Bearer owner"}
    root = "/v1/projects/fanfare-prod/databases/(default)/documents"
    answer = at.patch(f"{root}/devices/h1", json={"fields": {}}, headers=owner)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert "demo projects only" in answer.json()["error"]["message"]


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Bearer a.b.c", "Bearer e30.W10.", "x"])
def test_without_an_administrators_token_nothing_is_read_or_written(
    rest: FirestoreRest, at: httpx.Client, authorization: str
) -> None:
    rest.commit([write(rest.name("devices", "h1"), {})])
    headers = {"Authorization": authorization} if authorization else {}
    answers = [
        at.get(f"/v1/{rest.name('devices', 'h1')}", headers=headers),
        at.patch(f"/v1/{rest.name('devices', 'h1')}", json={}, headers=headers),
        at.delete(f"/v1/{rest.name('devices', 'h1')}", headers=headers),
        at.post(f"/v1/{rest.root}:commit", json={"writes": []}, headers=headers),
        at.post(f"/v1/{rest.root}:batchGet", json={"documents": []}, headers=headers),
    ]
    assert [it.status_code for it in answers] == [403] * 5


def test_a_token_reads_nothing_by_grpc(
    client: Client, embedded_store: EmbeddedStore, project: str
) -> None:
    with grpc.insecure_channel(embedded_store.address) as channel:
        call = channel.unary_unary("/google.firestore.v1.Firestore/Commit")
        database = f"projects/{project}/databases/(default)"
        request = CommitRequest.serialize(CommitRequest(database=database))
        assert call(request, timeout=60)
        with pytest.raises(grpc.RpcError) as refused:
            call(request, timeout=60, metadata=[("authorization", "Bearer e30.e30.")])
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def not_started(*arguments: str, **environ: str) -> str:
    told = subprocess.run(
        [sys.executable, "-m", "local.emulators.firestore.server", *arguments],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    return told.stderr


def test_it_runs_on_this_machine_only_and_never_on_cloud_run() -> None:
    assert "listens on this machine only, not on 0.0.0.0" in not_started("--host", "0.0.0.0")
    assert "K_SERVICE is set" in not_started(K_SERVICE="provider-api")


def test_a_project_is_forgotten_and_no_other(
    embedded_store: EmbeddedStore, rest: FirestoreRest
) -> None:
    others = FirestoreRest(f"{rest.root.split('/')[1]}-b", embedded_store.address)
    for each in (rest, others):
        Ledger(RestDatabase(each)).open_parts([ledger_contract.a_part()])
    embedded_store.wipe(rest.root.split("/")[1])
    n1 = NotificationId("n1")
    parts = [Ledger(RestDatabase(each)).parts(n1) for each in (rest, others)]
    assert [len(each) for each in parts] == [0, 1]
    others.close()


# -- events ----------------------------------------------------------------------------------------


class Gateway:
    """Functions address that collects a project's events, and answers as told."""

    def __init__(self, store: EmbeddedStore, project: str) -> None:
        self.arrived: list[Event] = []
        self.statuses: list[int] = []
        assert store.functions
        host, _, port = store.functions.rpartition(":")
        gateway = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                path, _, key = self.path.rpartition("/")
                if path == f"/functions/projects/{project}/triggers":
                    gateway.arrived.append(Event.from_emulator(key, dict(self.headers), body))
                self.send_response(gateway.statuses.pop(0) if gateway.statuses else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer((host, int(port)), Door)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def gateway(embedded_store: EmbeddedStore, project: str) -> Iterator[Gateway]:
    gateway = Gateway(embedded_store, project)
    yield gateway
    gateway.close()


def kinds(gateway: Gateway) -> list[str]:
    return [event.headers["ce-type"].rpartition(".")[2] for event in gateway.arrived]


def test_a_write_is_an_event_in_the_form_that_the_functions_read(
    embedded_store: EmbeddedStore, project: str, rest: FirestoreRest, gateway: Gateway
) -> None:
    embedded_store.register_trigger(project, "on-it", "devices/{hwid}")
    database = RestDatabase(rest)
    database.commit([Create("devices/Größe 1", {"locale": "de", "n": 1}), Put("others/x", {})])
    database.commit([Put("devices/Größe 1/below/x", {}), Delete("devices/none")])
    database.commit([Delete("devices/Größe 1")])
    eventually(lambda: len(gateway.arrived) == 2, "two events", seconds=60)
    created, deleted = gateway.arrived
    assert created.function == "on-it"
    root = f"projects/{project}/databases/(default)"
    assert created.headers["ce-source"] == f"//firestore.googleapis.com/{root}"
    assert created.headers["ce-subject"] == "documents/devices/Gr%C3%B6%C3%9Fe%201"
    assert document_after(created.body) == {"locale": "de", "n": 1}
    assert document_id(created.body, "", "devices") == "Größe 1"
    assert document_after(deleted.body) is None
    assert document_id(deleted.body, "", "devices") == "Größe 1"


def test_created_updated_and_deleted_are_told_apart_and_nothing_new_is_no_event(
    embedded_store: EmbeddedStore, project: str, rest: FirestoreRest, gateway: Gateway
) -> None:
    for kind in ("created", "updated", "deleted"):
        embedded_store.register_trigger(project, f"on-{kind}", "a/{b}/c/{d}", event=kind)
    database = RestDatabase(rest)
    first = Put("a/b/c/d", {"n": 1})
    for each in (first, first, Update("a/b/c/d", {"n": 2}), Delete("a/b/c/d")):
        database.commit([each])
    eventually(lambda: len(gateway.arrived) == 3, "three events", seconds=60)
    assert kinds(gateway) == ["created", "updated", "deleted"]


def test_an_event_waits_for_a_gateway_that_is_away_and_is_dropped_by_one_that_refuses(
    embedded_store: EmbeddedStore, project: str, rest: FirestoreRest
) -> None:
    embedded_store.register_trigger(project, "on-it", "devices/{hwid}")
    database = RestDatabase(rest)
    database.commit([Put("devices/a", {})])
    gateway = Gateway(embedded_store, project)
    gateway.statuses = [404]
    try:
        eventually(lambda: len(gateway.arrived) == 1, "the first event", seconds=60)
        database.commit([Put("devices/b", {})])
        eventually(lambda: len(gateway.arrived) == 2, "the second event", seconds=60)
    finally:
        gateway.close()
    documents = [event.headers["ce-document"] for event in gateway.arrived]
    assert documents == ["devices/a", "devices/b"]


def test_a_trigger_that_is_none_is_refused(at: httpx.Client, project: str) -> None:
    path = f"/emulator/v1/projects/{project}/eventarcTrigger?eventarcTriggerId=k"
    for body in ({}, {"eventType": "x", "document": {"value": "a/{b}"}}, {"eventType": 1}):
        assert at.post(path, json=body).status_code == 400
