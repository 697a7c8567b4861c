"""The two kinds of store that must keep the same promises: in memory, and the real emulator's."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from local.firestore import FirestoreEmulator
from shared.adapters.firestore.devices import FirestoreDevices
from shared.adapters.firestore.moderation import (
    FirestoreModerators,
    FirestoreReviewPolicies,
    FirestoreUsage,
)
from shared.adapters.firestore.notifications import FirestoreNotifications
from shared.adapters.firestore.platform import FirestoreStopSwitch
from shared.adapters.firestore.providers import FirestoreProviders
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.memory import (
    MemoryDevices,
    MemoryNotifications,
    MemoryProviders,
    MemoryStopSwitch,
)
from shared.adapters.memory.moderation import MemoryModerators, MemoryReviewPolicies, MemoryUsage
from shared.domain.content.content import Content
from shared.ports import (
    Devices,
    Moderators,
    Notifications,
    Providers,
    ReviewPolicies,
    StopSwitch,
    Usage,
)
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
def client(
    firestore_emulator: FirestoreEmulator, project: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator.address)
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


@pytest.fixture(params=KINDS)
def notifications(request: pytest.FixtureRequest) -> Bench[Notifications]:
    if request.param == "memory":
        store = MemoryNotifications()
        return _in_memory(store, store.documents)
    client: Client = request.getfixturevalue("client")
    return _in_firestore(FirestoreNotifications(client), client, "pendingNotifications")


@pytest.fixture
def many(notifications: Bench[Notifications]) -> Bench[Notifications]:
    """Ages 0 to 6, of which 3, 4 and 5 are as old as each other; and another provider's."""
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
    if request.param == "memory":
        store = MemoryDevices()
        return _in_memory(store, store.documents)
    client: Client = request.getfixturevalue("client")
    rest: FirestoreRest = request.getfixturevalue("rest")
    return _in_firestore(FirestoreDevices(client, lambda: rest), client, "devices")


@pytest.fixture(params=KINDS)
def providers(request: pytest.FixtureRequest) -> Bench[Providers]:
    if request.param == "memory":
        store = MemoryProviders()
        return _in_memory(store, store.documents)
    client: Client = request.getfixturevalue("client")
    rest: FirestoreRest = request.getfixturevalue("rest")
    return _in_firestore(FirestoreProviders(client, lambda: rest), client, "providers")


@pytest.fixture(params=KINDS)
def domains(request: pytest.FixtureRequest) -> Bench[Providers]:
    """The same store, with the domains' documents instead of the providers'."""
    if request.param == "memory":
        store = MemoryProviders()
        return _in_memory(store, store.domains)
    client: Client = request.getfixturevalue("client")
    rest: FirestoreRest = request.getfixturevalue("rest")
    return _in_firestore(FirestoreProviders(client, lambda: rest), client, "domains")


@pytest.fixture(params=KINDS)
def stop_switch(request: pytest.FixtureRequest) -> StopSwitch:
    if request.param == "memory":
        return MemoryStopSwitch()
    return FirestoreStopSwitch(request.getfixturevalue("client"))


@pytest.fixture(params=KINDS)
def policies(request: pytest.FixtureRequest) -> ReviewPolicies:
    if request.param == "memory":
        return MemoryReviewPolicies()
    return FirestoreReviewPolicies(request.getfixturevalue("client"))


@pytest.fixture(params=KINDS)
def moderators(request: pytest.FixtureRequest) -> Bench[Moderators]:
    if request.param == "memory":
        store = MemoryModerators()
        return _in_memory(store, store.documents)
    client: Client = request.getfixturevalue("client")
    return _in_firestore(FirestoreModerators(client), client, "moderators")


@pytest.fixture(params=KINDS)
def usage(request: pytest.FixtureRequest) -> Bench[Usage]:
    if request.param == "memory":
        store = MemoryUsage()
        return _in_memory(store, store.documents)
    client: Client = request.getfixturevalue("client")
    return _in_firestore(FirestoreUsage(client), client, "usage")


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
