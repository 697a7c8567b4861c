"""What every store of devices promises, also for devices that an existing back end wrote."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from shared.adapters.clock import FixedClock
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.domain.audience.device import (
    PARTITIONS,
    AddressKind,
    DerivedFields,
    Device,
    Hwid,
    PushAddress,
    Reach,
    Slot,
    derive,
    partition_of,
)
from shared.domain.audience.ownership import Credential, Generation, Ownership
from shared.domain.delivery.ledger import CHUNK_SIZE, PlanPart
from shared.domain.errors import NotFound
from shared.domain.notifications.notification import NotificationId
from shared.stores.audience import target_of
from shared.stores.device_codec import DEVICES, REACH_FIELDS, device_from
from shared.stores.devices import Devices
from shared.stores.ledger import Ledger
from tests.adapters.conftest import Bench
from tests.adapters.records import NOON
from tests.adapters.test_others import not_again
from tests.builders import a_batch
from tests.infra.firestore_queries import GrpcRecorder, served

SECOND = timedelta(seconds=1)
TOKEN = PushAddress(AddressKind.FCM, "token-1", "production", NOON)
PHONE = Device(
    hwid=Hwid("phone 1: é"),
    platform="android",
    locale="ru-BY",
    time_zone="Europe/Minsk",
    app_version="2.5.6",
    domains=("example.com", "example.org"),
    last_active_at=NOON,
    address=TOKEN,
)
SLOT = {
    "pendingNotificationId": "n1",
    "pendingNotificationTitle": "T",
    "pendingNotificationBody": "B",
    "pendingNotificationAt": NOON,
    "pendingNotificationUrl": "https://example.com",
    "pendingNotificationUrlButtonName": "Open",
    "pendingNotificationForceTimer": 5,
    "pendingNotificationImage": "https://example.com/i.png",
    "pendingNotificationExpiresAt": NOON + SECOND,
}


def derived(device: Device) -> DerivedFields:
    return derive(device.hwid, device.locale, device.domains)


def registered(devices: Bench[Devices], hwid: str, **changes: Any) -> Device:
    device = replace(PHONE, hwid=Hwid(hwid), **changes)
    devices.store.refresh(device, derived(device))
    return device


def address_of(devices: Bench[Devices], hwid: str) -> PushAddress | None:
    device = devices.store.get(hwid)
    assert device is not None
    return device.address


# ---- register --------------------------------------------------------------------------------


def test_a_registered_device_is_read_as_it_said(devices: Bench[Devices]) -> None:
    devices.store.refresh(PHONE, derived(PHONE))
    assert devices.store.get(PHONE.hwid) == PHONE


def test_its_document_has_the_names_of_the_specification(devices: Bench[Devices]) -> None:
    registered(devices, "h1")
    assert devices.read("h1") == {
        "hwid": "h1",
        "platform": "android",
        "locale": "ru-BY",
        "timeZone": "Europe/Minsk",
        "appVersion": "2.5.6",
        "domains": ["example.com", "example.org"],
        "lastActiveAt": NOON,
        "pushAddress": {
            "kind": "fcm",
            "value": "token-1",
            "environment": "production",
            "registeredAt": NOON,
        },
        "fcmToken": "token-1",
        "language": "ru",
        "territory": "by",
        "selectors": [
            "example.com",
            "example.com|ru",
            "example.com|by",
            "example.org",
            "example.org|ru",
            "example.org|by",
        ],
        "partition": partition_of("h1"),
    }


def answer(decided: Generation | Credential, _: Ownership) -> Generation | Credential:
    return decided


def test_a_generation_replaces_whatever_was_stored(devices: Bench[Devices]) -> None:
    devices.write("h1", {**SLOT, "consent": False, "a.b": 1, "`": {"x": 1}, "é 1": 2, "1": 3})
    phone = replace(PHONE, hwid=Hwid("h1"))
    for credential in (Credential("d1", "g1"), Credential("d2", "g2")):
        begun = Generation(credential, phone)
        assert devices.store.begin("h1", partial(answer, begun)) == begun
        assert devices.store.credential("h1") == credential
        assert (devices.read("h1") or {})["generation"] == credential.generation
    document = dict(devices.read("h1") or {})
    del document["generation"]
    registered(devices, "h2")
    other = dict(devices.read("h2") or {})
    assert document == {**other, **{name: document[name] for name in ("hwid", "partition")}}


def test_a_generation_may_keep_nothing_but_its_name(devices: Bench[Devices]) -> None:
    reset = Generation(Credential(generation="g1"), None)
    for _ in range(2):
        registered(devices, "h1")
        assert devices.store.begin("h1", lambda _: reset) == reset
        assert devices.read("h1") is None
        assert devices.store.credential("h1") == Credential(generation="g1")
    assert devices.store.begin("h1", lambda _: reset) == reset


def test_who_decides_is_told_what_is_stored(devices: Bench[Devices]) -> None:
    def decide(ownership: Ownership) -> Credential:
        told.append(ownership)
        return Credential()

    told: list[Ownership] = []
    devices.store.begin("h1", decide)
    registered(devices, "h1")
    devices.store.begin("h1", decide)
    devices.write("h1", {"consent": "no", "fcmToken": 7, "lastActiveAt": "never", "domains": 1})
    devices.store.begin("h1", decide)
    devices.store.begin("h1", lambda _: Generation(Credential("d", "g"), None))
    devices.store.begin("h1", decide)
    assert told == [
        Ownership(),
        Ownership(None, Reach(TOKEN), NOON),
        Ownership(None, Reach(None, consent=False, unreadable=("consent", "fcmToken"))),
        Ownership(Credential("d", "g")),
    ]


def test_what_a_decision_refuses_or_leaves_is_as_it_was(devices: Bench[Devices]) -> None:
    def refuse(ownership: Ownership) -> Credential:
        raise NotFound(str(ownership))

    registered(devices, "h1")
    before = devices.read("h1")
    assert devices.store.begin("h1", lambda _: Credential("d", "g")) == Credential("d", "g")
    with pytest.raises(NotFound):
        devices.store.begin("h1", refuse)
    assert (devices.read("h1"), devices.store.credential("h1")) == (before, None)


@pytest.mark.parametrize("there", [False, True], ids=["new", "legacy"])
def test_of_racing_registrations_one_begins(devices: Bench[Devices], there: bool) -> None:
    def register(number: int) -> bool:
        mine = Generation(Credential(str(number), f"g{number}"), PHONE)

        def decide(ownership: Ownership) -> Generation | Credential:
            return ownership.credential or mine

        return devices.store.begin(PHONE.hwid, decide) == mine

    if there:
        devices.write(PHONE.hwid, {"fcmToken": "t"})
    with ThreadPoolExecutor(8) as racers:
        won = list(racers.map(register, range(8)))
    assert sum(won) == 1
    credential = devices.store.credential(PHONE.hwid)
    assert credential is not None
    assert credential.digest == str(won.index(True))
    assert (devices.read(PHONE.hwid) or {})["generation"] == credential.generation


def test_a_refresh_says_again_which_generation_it_is(devices: Bench[Devices]) -> None:
    """An existing back end that writes whole documents drops what it does not know."""
    devices.store.refresh(PHONE, derived(PHONE), "g1")
    assert (devices.read(PHONE.hwid) or {})["generation"] == "g1"


def test_a_refresh_keeps_what_it_does_not_mention(devices: Bench[Devices]) -> None:
    devices.write("h1", {**SLOT, "fcmToken": "t", "consent": False, "properties": {"vip": True}})
    registered(devices, "h1", address=None, last_active_at=None, locale="en")
    document = devices.read("h1") or {}
    assert {**document, **SLOT} == document
    assert (document["consent"], document["properties"]) == (False, {"vip": True})
    assert (document["fcmToken"], document["language"]) == ("t", "en")


def test_a_registration_without_consent_forgets_the_address(devices: Bench[Devices]) -> None:
    registered(devices, "h1")
    registered(devices, "h1", consent=False)
    found = devices.store.get("h1")
    assert found is not None
    assert (found.consent, found.address) == (False, None)


def test_a_deleted_device_leaves_nothing(devices: Bench[Devices]) -> None:
    devices.store.begin(PHONE.hwid, lambda _: Generation(Credential("d", "g"), PHONE))
    devices.store.delete(PHONE.hwid)
    devices.store.delete(PHONE.hwid)
    assert devices.store.get(PHONE.hwid) is None
    assert devices.store.credential(PHONE.hwid) is None


# ---- documents of an existing back end -------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, None),
        ({"fcmToken": "t"}, PushAddress(AddressKind.FCM, "t")),
        ({"fcmToken": ""}, None),
        ({"fcmToken": None, "pushAddress": None}, None),
        (
            {"pushAddress": {"kind": "apns", "value": "t", "environment": "sandbox"}},
            PushAddress(AddressKind.APNS, "t", "sandbox"),
        ),
        (
            {"pushAddress": {"kind": "apns", "value": "t"}},
            PushAddress(AddressKind.APNS, "t", environment=""),
        ),
        (
            {"fcmToken": "t", "pushAddress": {"kind": "hms", "value": "h"}},
            PushAddress(AddressKind.HMS, "h"),
        ),
        (
            {"fcmToken": "t", "pushAddress": {"kind": "fcm", "value": "t", "registeredAt": NOON}},
            PushAddress(AddressKind.FCM, "t", registered_at=NOON),
        ),
        (
            {"fcmToken": "new", "pushAddress": {"kind": "fcm", "value": "old"}},
            PushAddress(AddressKind.FCM, "new"),
        ),
    ],
)
def test_a_device_has_the_address_its_plain_fields_say(
    devices: Bench[Devices], document: Mapping[str, Any], expected: PushAddress | None
) -> None:
    devices.write("h1", document)
    assert devices.store.get("h1") == Device(hwid=Hwid("h1"), platform="", address=expected)


def test_a_slot_is_read_also_without_an_id(devices: Bench[Devices]) -> None:
    devices.write("h1", {"pendingNotificationAt": NOON, "pendingNotificationTitle": "T"})
    assert devices.store.get("h1") == Device(Hwid("h1"), platform="", slot=Slot("", NOON))


ODD: tuple[object, ...] = (1, "odd", 2.5, float("nan"), b"bytes", True, ["odd"], [7], {"odd": 1})
MEANT: Mapping[str, type] = {
    "platform": str,
    "locale": str,
    "timeZone": str,
    "appVersion": str,
    "domains": list,
    "lastActiveAt": datetime,
    "consent": bool,
    "fcmToken": str,
    "pushAddress": type(None),
    "pendingNotificationAt": datetime,
}


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("name", MEANT)
def test_a_field_that_cannot_be_read_costs_itself_alone_and_is_named(
    devices: Bench[Devices], name: str, odd: object
) -> None:
    if isinstance(odd, MEANT[name]) and odd != [7]:
        return
    plain = {"platform": "android", "domains": ["example.com"], "locale": "ru", "appVersion": "2"}
    devices.write("h1", {**plain, name: odd})
    without = {key: value for key, value in plain.items() if key != name}
    expected = replace(device_from("h1", without), unreadable=(name,))
    consent = name != "consent"
    assert devices.store.get("h1") == replace(expected, consent=consent)
    assert "h1" in list(devices.store.underived())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"kind": "pigeon", "value": "x"}, PushAddress(AddressKind.FCM, "t")),
        ({"kind": "hms", "value": 7}, PushAddress(AddressKind.FCM, "t")),
        ({"value": "x"}, PushAddress(AddressKind.FCM, "t")),
        ({"kind": "apns", "value": "x" * 5_000}, PushAddress(AddressKind.FCM, "t")),
        ({"kind": "hms", "value": "h", "registeredAt": "now"}, PushAddress(AddressKind.HMS, "h")),
        ({"kind": "hms", "value": "h", "environment": 7}, PushAddress(AddressKind.HMS, "h")),
    ],
)
def test_of_an_odd_address_what_can_be_read_is_used(
    devices: Bench[Devices], document: Mapping[str, object], expected: PushAddress
) -> None:
    devices.write("h1", {"fcmToken": "t", "pushAddress": document})
    found = devices.store.get("h1")
    assert found is not None
    assert (found.address, found.unreadable) == (expected, ("pushAddress",))


def test_the_readable_domains_of_a_list_are_kept_in_their_canonical_form(
    devices: Bench[Devices],
) -> None:
    devices.write("h1", {"domains": ["Shop.Example.", 7, "новости.рф", "shop.example", None]})
    found = devices.store.get("h1")
    assert found is not None
    assert found.domains == ("shop.example", "xn--b1amnebsh.xn--p1ai")
    assert found.unreadable == ("domains",)


# ---- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(AddressKind))
def test_a_token_that_moves_leaves_the_old_device(
    devices: Bench[Devices], kind: AddressKind
) -> None:
    old = PushAddress(kind, "t", registered_at=NOON)
    registered(devices, "old", address=old)
    registered(devices, "other", address=replace(old, value="u"))
    registered(devices, "new", address=None)
    new = replace(old, registered_at=NOON + SECOND)
    devices.store.set_address("new", new)
    assert address_of(devices, "new") == new
    assert address_of(devices, "old") is None
    assert address_of(devices, "other") is not None
    assert not {"fcmToken", "pushAddress"} & set(devices.read("old") or {})


def test_a_token_leaves_a_device_that_only_has_the_plain_field(devices: Bench[Devices]) -> None:
    devices.write("old", {"fcmToken": "token-1"})
    registered(devices, "new", address=None)
    devices.store.set_address("new", TOKEN)
    assert address_of(devices, "old") is None
    assert (devices.read("new") or {})["fcmToken"] == "token-1"


def test_the_same_value_of_another_service_is_another_address(devices: Bench[Devices]) -> None:
    registered(devices, "h1", address=replace(TOKEN, kind=AddressKind.HMS))
    registered(devices, "h2", address=None)
    devices.store.set_address("h2", replace(TOKEN, registered_at=NOON + SECOND))
    assert address_of(devices, "h1") is not None


def test_repeating_the_same_token_is_harmless(devices: Bench[Devices]) -> None:
    registered(devices, "h1")
    devices.store.set_address("h1", TOKEN)
    devices.store.set_address("h1", TOKEN)
    assert address_of(devices, "h1") == TOKEN


def test_one_keeps_a_token_that_many_register_at_once(devices: Bench[Devices]) -> None:
    names = [f"h{number}" for number in range(6)]
    for name in names:
        registered(devices, name, address=None)
    clock = FixedClock(NOON)
    addresses = [replace(TOKEN, registered_at=clock.advance(number // 2)) for number in range(6)]
    with ThreadPoolExecutor(6) as racers:
        list(racers.map(devices.store.set_address, names, addresses))
    assert [name for name in names if address_of(devices, name)] == ["h5"]


def test_another_kind_of_address_takes_the_plain_token_away(devices: Bench[Devices]) -> None:
    registered(devices, "h1")
    huawei = PushAddress(AddressKind.HMS, "huawei", registered_at=NOON)
    devices.store.set_address("h1", huawei)
    assert address_of(devices, "h1") == huawei
    devices.store.set_address("h1", None)
    assert address_of(devices, "h1") is None


@pytest.mark.parametrize(
    ("value", "registered_by", "dropped"),
    [
        ("token-1", None, True),
        ("token-1", NOON, True),
        ("token-1", NOON + SECOND, True),
        ("token-1", NOON - SECOND, False),
        ("token-0", None, False),
        ("TOKEN-1", None, False),
    ],
)
def test_a_dead_token_is_dropped_only_while_it_is_that_token(
    devices: Bench[Devices], value: str, registered_by: Any, dropped: bool
) -> None:
    registered(devices, "h1")
    assert devices.store.drop_address("h1", value, registered_by) is dropped
    assert (address_of(devices, "h1") is None) is dropped
    assert not devices.store.drop_address("h1", value, registered_by)


def test_a_plain_token_is_dropped_whenever_it_was_registered(devices: Bench[Devices]) -> None:
    devices.write("h1", {"fcmToken": "t", "locale": "ru"})
    assert devices.store.drop_address("h1", "t", NOON)
    assert devices.read("h1") == {"locale": "ru"}


def test_one_of_many_drops_a_token(devices: Bench[Devices]) -> None:
    registered(devices, "h1")

    def drop(_: int) -> bool:
        return devices.store.drop_address("h1", "token-1")

    with ThreadPoolExecutor(8) as racers:
        assert sum(racers.map(drop, range(8))) == 1


def test_consent_can_be_taken_and_given(devices: Bench[Devices]) -> None:
    registered(devices, "h1")
    devices.store.set_consent("h1", False)
    found = devices.store.get("h1")
    assert found is not None
    assert (found.consent, found.address) == (False, None)
    devices.store.set_consent("h1", True)
    found = devices.store.get("h1")
    assert found is not None
    assert found.consent


def test_what_needs_a_device_is_not_found_without_one(devices: Bench[Devices]) -> None:
    assert devices.store.get("h1") is None
    assert devices.store.credential("h1") is None
    assert not devices.store.drop_address("h1", "token-1")
    with pytest.raises(NotFound):
        devices.store.set_address("h1", TOKEN)
    with pytest.raises(NotFound):
        devices.store.set_consent("h1", True)
    devices.store.clear_slot("h1", "n1")
    devices.store.derive_again("h1")
    assert devices.read("h1") is None


# ---- how several are reached -----------------------------------------------------------------


def test_it_is_told_of_many_at_once_how_they_are_reached(devices: Bench[Devices]) -> None:
    apple = PushAddress(AddressKind.APNS, "apple", "sandbox", NOON)
    registered(devices, "h1")
    registered(devices, "h2: é", address=apple)
    registered(devices, "mute", address=None)
    registered(devices, "silent")
    devices.store.set_consent("silent", False)
    registered(devices, "gone")
    devices.store.delete("gone")
    asked = ["silent", "h1", "gone", "mute", "h2: é", "never there"]
    assert devices.store.reach(asked) == {
        "h1": Reach(TOKEN),
        "h2: é": Reach(apple),
        "mute": Reach(None),
        "silent": Reach(None, consent=False),
    }


def test_nobody_is_asked_for_nothing(devices: Bench[Devices]) -> None:
    assert devices.store.reach([]) == {}


@pytest.mark.parametrize(
    ("document", "reach"),
    [
        ({}, Reach(None)),
        ({"fcmToken": "t"}, Reach(PushAddress(AddressKind.FCM, "t"))),
        ({"fcmToken": "t", "consent": None}, Reach(PushAddress(AddressKind.FCM, "t"))),
        ({"fcmToken": "t", "consent": False}, Reach(PushAddress(AddressKind.FCM, "t"), False)),
        (
            {"fcmToken": "t", "consent": "no"},
            Reach(PushAddress(AddressKind.FCM, "t"), False, ("consent",)),
        ),
        ({"fcmToken": 7}, Reach(None, unreadable=("fcmToken",))),
        ({"pushAddress": "secret"}, Reach(None, unreadable=("pushAddress",))),
        (
            {"pushAddress": {"kind": "pigeon", "value": "t"}, "fcmToken": "t"},
            Reach(PushAddress(AddressKind.FCM, "t"), unreadable=("pushAddress",)),
        ),
        (
            {"fcmToken": "t", "platform": 1, "domains": "none", "lastActiveAt": "never"},
            Reach(PushAddress(AddressKind.FCM, "t")),
        ),
    ],
)
def test_what_cannot_be_read_is_no_consent_or_no_address(
    devices: Bench[Devices], document: Mapping[str, Any], reach: Reach
) -> None:
    devices.write("h1", document)
    assert devices.store.reach(["h1"]) == {"h1": reach}


def test_it_is_told_of_many_at_once_which_domains_they_are_on(devices: Bench[Devices]) -> None:
    registered(devices, "h1")
    devices.write("odd", {"domains": "example.com"})
    devices.write("none", {"fcmToken": "t"})
    on = devices.store.domains(["h1", "odd", "none", "never there"])
    assert on == {"h1": ("example.com", "example.org"), "odd": (), "none": ()}
    assert devices.store.domains([]) == {}


def test_a_chunk_is_one_request_that_asks_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = GrpcRecorder()
    with served(recorder) as address:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
        client = Client(project="demo-x", credentials=AnonymousCredentials())
        hwids = [f"h{number}" for number in range(CHUNK_SIZE)]
        assert Devices(GoogleDatabase(client, not_again)).reach(hwids) == {}
        client.close()
    (asked,) = recorder.gets
    assert [name.rpartition("/")[2] for name in asked.documents] == hwids
    assert set(asked.mask.field_paths) == set(REACH_FIELDS)


@pytest.mark.parametrize("kind", list(AddressKind))
def test_an_address_that_did_not_change_is_the_one_in_the_ledger(
    client: Client, rest: FirestoreRest, kind: AddressKind
) -> None:
    """Or a doubt about it would be taken for one about another address."""
    database = RestDatabase(rest)
    devices, ledger = Devices(GoogleDatabase(client, not_again)), Ledger(database)
    phone = replace(PHONE, address=PushAddress(kind, "t", "sandbox", NOON))
    devices.refresh(phone, derived(phone))
    stored = database.get(f"{DEVICES}/{phone.hwid}")
    assert stored is not None
    target = target_of(stored)
    ledger.open_parts([PlanPart("n1", 0, PARTITIONS, "")])
    (part,) = ledger.parts(NotificationId("n1"))
    ledger.advance(part, [a_batch([target])])
    (kept,) = ledger.batch(NotificationId("n1"), a_batch().id).targets
    assert devices.reach([phone.hwid])[phone.hwid].address == kept.address
    assert kept.address is not None


# ---- slots and what is derived ---------------------------------------------------------------


def test_a_slot_is_emptied_only_of_the_notification_it_shows(devices: Bench[Devices]) -> None:
    devices.write("h1", {**SLOT, "locale": "ru"})
    devices.store.clear_slot("h1", "n2")
    assert devices.read("h1") == {**SLOT, "locale": "ru"}
    devices.store.clear_slot("h1", "n1")
    assert devices.read("h1") == {"locale": "ru"}


def test_a_slot_is_shown_in_the_words_of_the_api(devices: Bench[Devices]) -> None:
    assert devices.store.pending("h1", NOON) is None
    devices.write("h1", {"locale": "ru"})
    assert devices.store.pending("h1", NOON) is None
    devices.write("h1", SLOT)
    assert devices.store.pending("h1", NOON) == {
        "id": "n1",
        "title": "T",
        "body": "B",
        "at": "2026-03-01T12:00:00.123456Z",
        "url": "https://example.com",
        "urlButtonName": "Open",
        "forceTimer": 5,
        "image": "https://example.com/i.png",
    }


@pytest.mark.parametrize(("seconds", "there"), [(-1, True), (0, False), (1, False)])
def test_a_slot_shows_nothing_that_has_expired(
    devices: Bench[Devices], seconds: int, there: bool
) -> None:
    devices.write("h1", SLOT)
    pending = devices.store.pending("h1", NOON + SECOND * (1 + seconds))
    assert (pending is not None) is there


def test_a_slot_that_says_no_expiry_shows_for_ever(devices: Bench[Devices]) -> None:
    devices.write("h1", {**SLOT, "pendingNotificationExpiresAt": None})
    assert devices.store.pending("h1", NOON + timedelta(days=36_500)) is not None


def test_devices_without_what_our_queries_need_are_found_and_completed(
    devices: Bench[Devices],
) -> None:
    registered(devices, "fine")
    devices.write("plain", {"locale": "ru_BY", "domains": ["example.com"], "fcmToken": "t"})
    devices.write("bare", {})
    devices.write("moved", {**(devices.read("fine") or {}), "locale": "de"})
    devices.write("capital", {**(devices.read("fine") or {}), "domains": ["Example.COM."]})
    devices.write("broken", {"domains": 5, "platform": 7, "consent": "?", "locale": "ru_BY"})
    missing = list(devices.store.underived())
    assert missing == ["bare", "broken", "capital", "moved", "plain"]
    for hwid in missing:
        devices.store.derive_again(hwid)
    assert list(devices.store.underived()) == []
    plain = devices.read("plain") or {}
    assert (plain["fcmToken"], plain["territory"]) == ("t", "by")
    assert plain["selectors"] == ["example.com", "example.com|ru", "example.com|by"]
    assert (devices.read("capital") or {})["selectors"][0] == "example.com"
    broken = devices.read("broken") or {}
    assert (broken["territory"], broken["selectors"]) == ("by", [])


def test_a_document_that_turns_odd_is_derived_from_what_can_be_read_now(
    devices: Bench[Devices],
) -> None:
    """It must not go on being reached on a domain that it left."""
    registered(devices, "h1", domains=("left.example",))
    before = devices.read("h1") or {}
    odd = {"platform": 7, "consent": "?", "pushAddress": [], "lastActiveAt": "now"}
    devices.write("h1", {**before, **odd, "domains": ["new.example", 7], "locale": "de"})
    devices.store.derive_again("h1")
    after = devices.read("h1") or {}
    assert (after["selectors"], after["language"]) == (["new.example", "new.example|de"], "de")
    assert "domainsUnreadable" not in after


def test_where_the_domains_cannot_be_read_the_last_known_count_and_it_is_said_so(
    devices: Bench[Devices],
) -> None:
    registered(devices, "h1", domains=("example.com",))
    before = devices.read("h1") or {}
    devices.write("h1", {**before, "domains": {"0": "example.org"}, "locale": "de"})
    devices.store.derive_again("h1")
    after = devices.read("h1") or {}
    assert (after["selectors"], after["domainsUnreadable"]) == (
        ["example.com", "example.com|de"],
        True,
    )
    assert list(devices.store.underived()) == []
    assert devices.store.reach(["h1"])["h1"].unreadable == ("domains",)
    registered(devices, "h1", domains=("example.org",))
    assert "domainsUnreadable" not in (devices.read("h1") or {})
