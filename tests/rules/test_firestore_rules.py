"""Who may read which document by itself, asked of the real emulator and of the embedded store; and
that nobody may write.
"""

import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from local.firestore import EmbeddedStore, FirestoreEmulator
from shared.adapters.clock import FixedClock
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.flow.audience import devices
from shared.stores.devices import Devices
from tests.adapters.test_others import not_again
from tests.builders import a_desktop
from tests.flow.parts import FakeAccounts
from tests.needs import only

pytestmark = pytest.mark.xdist_group("rules")
"""One worker asks everything, so that one emulator is started for it."""

RULES = Path(__file__).parents[2] / "firestore.rules"
HWID = "Hw 1:é"
OWNED = {"providerId": "p1"}
DOCUMENTS: dict[str, Mapping[str, str]] = {
    "providers/p1": {},
    "domains/example.com": OWNED,
    "pendingNotifications/n1": OWNED,
    "pendingNotifications/n1/history/000001": {},
    "pendingNotifications/n1/batches/0001-00-00000": OWNED,
    "pendingNotifications/n1/parts/0000": OWNED,
    "pendingNotifications/theirs": {"providerId": "p2"},
    f"devices/{HWID}": {"hwid": HWID},
    f"deviceSecrets/{HWID}": {"hwid": HWID},
    "apiKeys/d1": OWNED,
    "idempotencyKeys/k1": OWNED,
    "platform/stop": {},
    "platform/archive": {},
    "exports/n1": OWNED,
    "manifests/00000001-ab": {},
    "platform/moderation": {},
    "moderators/m1": {},
    "usage/p1.submissionsPerDay.2026-01-01": OWNED,
    "usage/p1.looks": OWNED,
    "domainHistory/h1": OWNED,
}
NOBODY = ""
NO_CLAIMS: Mapping[str, object] = {}
DEVICE = f"device:{HWID}"
EVERYBODY = [NOBODY, "p1", "p2", DEVICE, "device:other", HWID, "moderator", "operator"]
READERS = {
    f"devices/{HWID}": {DEVICE},
}
MISSING = ["pendingNotifications/none", "pendingNotifications/none/history/000001", "unknown/x"]


@dataclass(frozen=True)
class Query:
    """A list of ``collection`` below ``parent``, perhaps where ``where`` holds."""

    collection: str
    parent: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    group: bool = False

    def body(self) -> dict[str, Any]:
        filters = [
            {
                "fieldFilter": {
                    "field": {"fieldPath": name},
                    "op": "EQUAL",
                    "value": {"stringValue": value},
                }
            }
            for name, value in self.where.items()
        ]
        source = {"collectionId": self.collection, "allDescendants": self.group}
        where = {"where": filters[0]} if filters else {}
        return {"structuredQuery": {"from": [source], **where, "limit": 10}}


LISTS: list[tuple[Query, set[str]]] = [
    (Query("pendingNotifications", where=OWNED), set()),
    (Query("pendingNotifications", where={"providerId": "p2"}), set()),
    (Query("pendingNotifications"), set()),
    (Query("pendingNotifications", where={"status": "pending"}), set()),
    (Query("history", parent="pendingNotifications/n1"), set()),
    (Query("history", parent="pendingNotifications/theirs"), set()),
    (Query("history", parent="pendingNotifications/none"), set()),
    (Query("history", group=True), set()),
    (Query("batches", parent="pendingNotifications/n1"), set()),
    (Query("batches", group=True, where=OWNED), set()),
    (Query("providers"), set()),
    (Query("domains", where=OWNED), set()),
    (Query("devices"), set()),
    (Query("devices", where={"hwid": HWID}), set()),
    (Query("apiKeys", where=OWNED), set()),
]


class Caller:
    """Reads and writes over REST, where the emulator applies the rules."""

    def __init__(self, emulator: FirestoreEmulator, project: str) -> None:
        self.project = project
        self.http = httpx.Client(base_url=f"http://{emulator.address}", trust_env=False, timeout=30)
        self._root = f"/v1/projects/{project}/databases/(default)/documents"

    def get(self, path: str, uid: str, **claims: object) -> bool:
        return self._allowed(self.http.get(self._at(path), headers=self._headers(uid, claims)))

    def query(self, query: Query, uid: str) -> bool:
        parent = self._at(query.parent) if query.parent else self._root
        headers = self._headers(uid)
        return self._allowed(
            self.http.post(f"{parent}:runQuery", json=query.body(), headers=headers)
        )

    def write(self, path: str, uid: str, fields: Mapping[str, str]) -> bool:
        body = {"fields": {name: {"stringValue": value} for name, value in fields.items()}}
        return self._allowed(self.http.patch(self._at(path), json=body, headers=self._headers(uid)))

    def delete(self, path: str, uid: str) -> bool:
        return self._allowed(self.http.delete(self._at(path), headers=self._headers(uid)))

    def coverage(self) -> list[dict[str, Any]]:
        answer = self.http.get(f"/emulator/v1/projects/{self.project}:ruleCoverage")
        report: list[dict[str, Any]] = answer.raise_for_status().json()["report"]
        return report

    def _at(self, path: str) -> str:
        return f"{self._root}/{quote(path)}"

    def _headers(self, uid: str, further: Mapping[str, object] = NO_CLAIMS) -> dict[str, str]:
        if uid == "owner":
            return {"Authorization": "Bearer owner"}
        return {"Authorization": f"Bearer {self._token(uid, further)}"} if uid else {}

    def _token(self, uid: str, further: Mapping[str, object]) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": f"https://securetoken.google.com/{self.project}",
            "aud": self.project,
            "sub": uid,
            "user_id": uid,
            "iat": now,
            "exp": now + 3600,
            "auth_time": now,
            **further,
        }
        if uid in {"moderator", "operator"}:
            claims[uid] = True
        return jwt.encode(claims, "", algorithm="none")

    def _allowed(self, answer: httpx.Response) -> bool:
        assert answer.status_code in {200, 403, 404}, answer.text
        return answer.status_code != 403


@contextmanager
def a_caller(emulator: FirestoreEmulator) -> Iterator[Caller]:
    caller = Caller(emulator, f"demo-{uuid.uuid4().hex[:8]}")
    with caller.http:
        if not isinstance(emulator, EmbeddedStore):
            emulator.put_rules(caller.project, RULES.read_text())
        for path, fields in DOCUMENTS.items():
            assert caller.write(path, "owner", fields)
        yield caller


@pytest.fixture(scope="module", params=["emulator", "embedded"])
def firestore(request: pytest.FixtureRequest) -> FirestoreEmulator:
    """Start what applies the rules: the emulator as the file says, the embedded store by heart."""
    if request.param == "emulator":
        request.getfixturevalue("emulator_jar")
        emulator: FirestoreEmulator = request.getfixturevalue("firestore_emulator")
        return emulator
    store: EmbeddedStore = request.getfixturevalue("embedded_store")
    return store


@pytest.fixture(scope="module")
def caller(firestore: FirestoreEmulator) -> Iterator[Caller]:
    """Create clients. Nothing is ever written with the rules, so that all tests can share the
    documents.
    """
    with a_caller(firestore) as caller:
        yield caller


@pytest.fixture
def fresh(firestore: FirestoreEmulator) -> Iterator[Caller]:
    with a_caller(firestore) as caller:
        yield caller


@pytest.mark.parametrize("path", [*DOCUMENTS, *MISSING])
def test_a_document_is_read_by_its_owner_only(caller: Caller, path: str) -> None:
    readers = {uid for uid in EVERYBODY if caller.get(path, uid)}
    assert readers == READERS.get(path, set())


@pytest.mark.parametrize(("query", "readers"), LISTS, ids=lambda it: getattr(it, "collection", ""))
def test_a_list_is_read_by_the_owner_of_all_it_can_hold(
    caller: Caller, query: Query, readers: set[str]
) -> None:
    assert {uid for uid in EVERYBODY if caller.query(query, uid)} == readers


@pytest.mark.parametrize("path", [*DOCUMENTS, *MISSING])
def test_nobody_writes(caller: Caller, path: str) -> None:
    for uid in EVERYBODY:
        assert not caller.write(path, uid, {**DOCUMENTS.get(path, {}), "status": "approved"})
        assert not caller.delete(path, uid)


def test_a_provider_reads_notifications_through_the_api_alone(caller: Caller) -> None:
    """There it is not told who is at it; a document shows all its fields or none."""
    for path in ("pendingNotifications/n1", "pendingNotifications/n1/history/000001"):
        assert not caller.get(path, "p1")


def test_a_device_without_a_document_may_look_for_it(caller: Caller) -> None:
    assert caller.get("devices/new", "device:new")
    assert not caller.get("devices/new", "new")


GENERATIONS: list[Mapping[str, object]] = [
    {},
    {"generation": "g1"},
    {"generation": "g2"},
    {"generation": None},
    {"generation": ["g1"]},
]


@pytest.mark.parametrize(
    ("stored", "secret", "readers"),
    [
        ({}, {"digest": "d"}, [{}]),
        ({"generation": "g1"}, {"generation": "g1"}, [{"generation": "g1"}]),
        ({"generation": "g2"}, {"generation": "g2"}, [{"generation": "g2"}]),
        ({}, {"generation": "g2"}, [{"generation": "g2"}]),
    ],
    ids=[
        "of before generations had names",
        "the former one",
        "the present one",
        "written as a whole by an existing back end",
    ],
)
def test_a_device_is_read_by_its_present_generation_only(
    fresh: Caller,
    stored: Mapping[str, str],
    secret: Mapping[str, str],
    readers: list[Mapping[str, object]],
) -> None:
    assert fresh.write(f"devices/{HWID}", "owner", stored)
    assert fresh.write(f"deviceSecrets/{HWID}", "owner", secret)
    allowed = [it for it in GENERATIONS if fresh.get(f"devices/{HWID}", DEVICE, **it)]
    assert allowed == readers
    others = [it for it in GENERATIONS if fresh.get(f"devices/{HWID}", "device:other", **it)]
    assert others == []


def test_a_device_that_an_existing_back_end_wrote_after_its_owner_left_is_read_by_nobody(
    fresh: Caller,
) -> None:
    assert fresh.write("devices/left", "owner", {"hwid": "left"})
    assert not [it for it in GENERATIONS if fresh.get("devices/left", "device:left", **it)]


@pytest.mark.parametrize("end", [devices.delete, devices.reset])
def test_a_former_owner_reads_nothing_of_what_is_registered_next(
    fresh: Caller,
    firestore: FirestoreEmulator,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[..., None],
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore.address)
    client = Client(project=fresh.project, credentials=AnonymousCredentials())
    store, accounts = Devices(GoogleDatabase(client, not_again)), FakeAccounts()

    def claims_of_a_registration() -> dict[str, Any]:
        desktop = a_desktop("Hw 2")
        devices.register(
            desktop, None, needs=only(devices=store, accounts=accounts, clock=FixedClock())
        )
        return dict(accounts.claims["device:Hw 2"])

    def reads(claims: Mapping[str, object]) -> bool:
        return fresh.get("devices/Hw 2", "device:Hw 2", **claims)

    former = claims_of_a_registration()
    assert reads(former)
    end("Hw 2", devices=store)
    latter = claims_of_a_registration()
    assert [reads(it) for it in (latter, former, {})] == [True, False, False]
    client.close()


@pytest.mark.usefixtures("emulator_jar")
def test_every_allow_was_seen_to_allow_and_to_deny(firestore_emulator: FirestoreEmulator) -> None:
    text = RULES.read_text()
    starts = {match.end() for match in re.finditer(r"\ballow\b[^;]*?\bif\s+", text)}
    with a_caller(firestore_emulator) as caller:
        for uid in EVERYBODY:
            for path in DOCUMENTS:
                caller.get(path, uid)
            for query, _ in LISTS:
                caller.query(query, uid)
        seen = {start: _values_at(caller.coverage(), start) for start in starts}
    assert len(starts) == 1
    assert all({True, False} <= values for values in seen.values()), seen


def _values_at(nodes: list[dict[str, Any]], start: int) -> set[bool]:
    found: set[bool] = set()
    for node in nodes:
        if node["sourcePosition"]["currentOffset"] == start:
            values = [it["value"] for it in node.get("values", [])]
            found |= {it["boolValue"] for it in values if "boolValue" in it}
        found |= _values_at(node.get("children", []), start)
    return found
