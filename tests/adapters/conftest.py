"""The two kinds of store that must keep the same promises: in memory, and the real emulator's; and
the first over the wire of the second.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from local.firestore import EmbeddedStore, FirestoreEmulator
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.content.content import Content
from shared.ports.database import Database, Put
from shared.stores.devices import Devices
from shared.stores.moderators import Moderators
from shared.stores.notification_codec import NOTIFICATIONS
from shared.stores.notifications import Notifications
from shared.stores.platform import StopSwitch
from shared.stores.providers import Providers
from shared.stores.review_policies import ReviewPolicies
from shared.stores.runs import Runs
from shared.stores.usage import Usage
from tests.adapters.fanout import WITHOUT_WAITING, BadLine
from tests.adapters.records import NOON, SECOND, a_draft, a_submission

S = TypeVar("S")

KINDS = ["memory", "firestore"]


@dataclass(frozen=True, slots=True)
class Bench(Generic[S]):
    """A store, and its documents as somebody sees them who does not know us."""

    store: S
    write: Callable[[str, Mapping[str, Any]], None]
    read: Callable[[str], Mapping[str, Any] | None]


@pytest.fixture
def firestore(firestore_emulator: FirestoreEmulator) -> FirestoreEmulator:
    """Return what clients are connected to; some modules play on the embedded store as well."""
    return firestore_emulator


@pytest.fixture
def client(
    firestore: FirestoreEmulator, project: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore.address)
    client = Client(project=project, credentials=AnonymousCredentials())
    yield client
    client.close()


@pytest.fixture
def line() -> BadLine:
    return BadLine()


@pytest.fixture
def rest(
    firestore_emulator: FirestoreEmulator, project: str, line: BadLine
) -> Iterator[FirestoreRest]:
    rest = FirestoreRest(project, firestore_emulator.address, transport=line, sleep=WITHOUT_WAITING)
    yield rest
    rest.close()


@pytest.fixture
def embedded_rest(embedded_store: EmbeddedStore, project: str) -> Iterator[RestDatabase]:
    rest = FirestoreRest(project, embedded_store.address, sleep=WITHOUT_WAITING)
    yield RestDatabase(rest)
    rest.close()


@pytest.fixture
def embedded_google(
    embedded_store: EmbeddedStore,
    embedded_rest: RestDatabase,
    project: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[GoogleDatabase]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", embedded_store.address)
    client = Client(project=project, credentials=AnonymousCredentials())
    yield GoogleDatabase(client, lambda: embedded_rest)
    client.close()


@pytest.fixture(params=[*KINDS, "rest"])
def records(request: pytest.FixtureRequest) -> Database:
    """Run in memory, by Google's client, and over REST, where batches look at what they send."""
    if request.param == "memory":
        return MemoryDatabase()
    rest = RestDatabase(request.getfixturevalue("rest"))
    if request.param == "rest":
        return rest
    return GoogleDatabase(request.getfixturevalue("client"), lambda: rest)


@pytest.fixture
def notifications(records: Database, request: pytest.FixtureRequest) -> Bench[Notifications]:
    if isinstance(records, MemoryDatabase):
        return _bench_in_memory(records)
    client: Client = request.getfixturevalue("client")
    return _in_firestore(Notifications(records), client, NOTIFICATIONS)


@pytest.fixture
def runs(records: Database) -> Runs:
    """Yield runs of the same notifications."""
    return Runs(records)


@pytest.fixture
def many(notifications: Bench[Notifications]) -> Bench[Notifications]:
    """Create ages 0 to 6, of which 3, 4 and 5 are as old as each other; and another provider's."""
    for age in range(7):
        at = NOON - SECOND * (4 if 3 <= age <= 5 else age)
        title = "Größe XL" if age % 2 else "Sale"
        content = Content(title=title, body=f"Number {age}")
        make = a_draft if age == 6 else a_submission
        notifications.store.create(make(f"n{age}", created_at=at, content=content))
    notifications.store.create(a_submission("theirs", provider_id="p2"))
    return notifications


@pytest.fixture(params=KINDS)
def devices(request: pytest.FixtureRequest) -> Bench[Devices]:
    """Write documents as they are, with whatever names and nulls."""
    if request.param == "memory":
        database = MemoryDatabase()
        return Bench(
            Devices(database),
            lambda hwid, document: database.hold(f"devices/{hwid}", document),
            lambda hwid: database.collection("devices").get(hwid),
        )
    client: Client = request.getfixturevalue("client")
    rest: FirestoreRest = request.getfixturevalue("rest")
    store = Devices(GoogleDatabase(client, lambda: RestDatabase(rest)))
    return _in_firestore(store, client, "devices")


@pytest.fixture
def providers(database: Database) -> Bench[Providers]:
    return over(Providers(database), database, "providers")


@pytest.fixture
def domains(database: Database) -> Bench[Providers]:
    """Yield the same store, with the domains' documents instead of the providers'."""
    return over(Providers(database), database, "domains")


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Database:
    """Yield the database in memory, and the one that records off the hot path are kept in."""
    if request.param == "memory":
        return MemoryDatabase()
    client: Client = request.getfixturevalue("client")
    rest: FirestoreRest = request.getfixturevalue("rest")
    return GoogleDatabase(client, lambda: RestDatabase(rest))


@pytest.fixture
def stop_switch(database: Database) -> StopSwitch:
    return StopSwitch(database)


@pytest.fixture
def policies(database: Database) -> ReviewPolicies:
    return ReviewPolicies(database)


@pytest.fixture
def moderators(database: Database) -> Bench[Moderators]:
    return over(Moderators(database), database, "moderators")


@pytest.fixture
def usage(database: Database) -> Bench[Usage]:
    return over(Usage(database), database, "usage")


def over(store: S, database: Database, collection: str) -> Bench[S]:
    """Make a bench of a store and one collection of the database below it."""

    def write(id: str, document: Mapping[str, Any]) -> None:
        database.commit([Put(f"{collection}/{id}", document)])

    def read(id: str) -> Mapping[str, Any] | None:
        document = database.get(f"{collection}/{id}")
        return None if document is None else document.fields

    return Bench(store, write, read)


def _bench_in_memory(database: MemoryDatabase) -> Bench[Notifications]:
    def write(id: str, document: Mapping[str, Any]) -> None:
        database.hold(f"{NOTIFICATIONS}/{id}", document)

    def read(id: str) -> Mapping[str, Any] | None:
        return database.collection(NOTIFICATIONS).get(id)

    return Bench(Notifications(database), write, read)


def _in_memory(store: S, documents: dict[str, dict[str, Any]]) -> Bench[S]:
    def write(id: str, document: Mapping[str, Any]) -> None:
        documents[id] = dict(document)

    return Bench(store, write, documents.get)


def _in_firestore(store: S, client: Client, collection: str) -> Bench[S]:
    def write(id: str, document: Mapping[str, Any]) -> None:
        client.collection(collection).document(id).set(dict(document))

    def read(id: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = client.collection(collection).document(id).get().to_dict()
        return found

    return Bench(store, write, read)
