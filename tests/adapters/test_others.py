"""What Google's client cannot decode costs that value, and no document beside it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client, DocumentReference

from shared.adapters.firestore.google_database import GoogleDatabase, text_of
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.domain.audience.device import AddressKind, Device, Hwid, PushAddress
from shared.domain.audience.ownership import Credential, Generation
from shared.ports.database import Query
from shared.stores.devices import Devices
from shared.stores.providers import Providers


def not_again() -> NoReturn:
    """Fail in a store whose documents Google's client can read: the store asks for no other
    reading.
    """
    raise AssertionError("read a second time")


@pytest.fixture
def foreign_document(client: Client) -> Iterator[DocumentReference]:
    """Return a document of another project, as a copy of that project refers to it."""
    other = Client(project="elsewhere", credentials=AnonymousCredentials())
    yield other.document("accounts/a1")
    other.close()


@pytest.fixture
def others(client: Client, rest: FirestoreRest) -> GoogleDatabase:
    return GoogleDatabase(client, lambda: RestDatabase(rest))


@pytest.fixture
def three(client: Client, foreign_document: DocumentReference) -> list[DocumentReference]:
    """Write documents of which the second cannot be decoded."""
    things = client.collection("things")
    for name, value in (("a", 1), ("b", foreign_document), ("c", 3)):
        things.document(name).set({"of": "us", "value": value, "other": name})
    return [things.document(name) for name in ("a", "b", "c")]


def names(documents: list[DocumentReference]) -> list[str]:
    return [it.path for it in documents]


def test_a_document_beside_one_that_cannot_be_decoded_is_read_as_ever(
    others: GoogleDatabase, three: list[DocumentReference]
) -> None:
    found = others.get_many([*names(three), "things/missing"]).documents
    assert found["things/a"].fields == {"of": "us", "value": 1, "other": "a"}
    assert found["things/b"].fields["other"] == "b"
    assert set(found) == set(names(three))


def test_only_the_fields_that_were_asked_for_are_read(
    others: GoogleDatabase, three: list[DocumentReference]
) -> None:
    found = others.get_many(names(three), ["value"]).documents
    assert [sorted(found[name].fields) for name in names(three)] == [["value"]] * 3


def test_a_query_selects_the_same_in_the_same_order(
    others: GoogleDatabase, three: list[DocumentReference]
) -> None:
    del three
    asked = Query("things", order=("-other",), limit=2)
    assert [it.id for it in others.query(asked)] == ["c", "b"]


def test_its_version_is_the_one_that_google_says(
    others: GoogleDatabase, three: list[DocumentReference]
) -> None:
    sound, odd, _ = names(three)
    found = {name: it.version for name, it in others.get_many(names(three)).documents.items()}
    one = others.get(odd)
    assert one is not None
    assert found[sound] == text_of(three[0].get().update_time)
    assert found[odd] == one.version != found[sound]


def test_what_google_can_decode_is_read_once(
    client: Client, three: list[DocumentReference]
) -> None:
    once = GoogleDatabase(client, not_again)
    sound, _, other = names(three)
    one = once.get(sound)
    assert one is not None
    assert one.fields["value"] == 1
    assert len(once.get_many([sound, other]).documents) == 2


def test_a_device_with_such_a_value_lives_like_any_other(
    client: Client, rest: FirestoreRest, foreign_document: DocumentReference
) -> None:
    devices = Devices(GoogleDatabase(client, lambda: RestDatabase(rest)))
    place = client.document("devices/h1")
    place.set(
        {"domains": ["a.example"], "platform": "ios", "fcmToken": "t", "owner": foreign_document}
    )
    client.document("devices/h2").set({"domains": ["a.example"], "locale": foreign_document})
    assert set(devices.underived()) == {"h1", "h2"}
    for hwid in ("h1", "h2"):
        devices.derive_again(hwid)
    assert list(devices.underived()) == []
    address = PushAddress(AddressKind.FCM, "t")
    client.document("devices/h3").set({"fcmToken": "t"})
    devices.set_address("h3", address)
    held = [hwid for hwid in ("h1", "h3") if (it := devices.get(hwid)) and it.address]
    assert held == ["h3"]
    began = Generation(Credential("digest", "g1"), Device(Hwid("h1"), "ios"))
    assert devices.begin("h1", lambda _: began) == began
    assert "owner" not in (place.get().to_dict() or {})


def test_a_provider_and_a_domain_with_such_a_value_are_changed_like_any_other(
    client: Client, rest: FirestoreRest, foreign_document: DocumentReference
) -> None:
    providers = Providers(GoogleDatabase(client, lambda: RestDatabase(rest)))
    client.document("providers/p1").set({"isPremium": True, "account": foreign_document})
    client.document("domains/a.example").set({"providerId": "p1", "account": foreign_document})
    client.document("domains/b.example").set({"providerId": "p1"})
    assert [it.domain for it in providers.domains_of("p1")] == ["a.example", "b.example"]
    changed = providers.change("p1", lambda it: replace(it, name="One"))
    assert providers.get("p1") == changed
