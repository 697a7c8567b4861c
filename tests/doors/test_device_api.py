"""What phones and desktops may say, and what they are told."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from tests.doors.conftest import Call, bearer, door, errors_of
from tests.parts import MemoryParts, merge_device, token

NO_DOMAINS = ["https://a.example", "a b", "-a.example", "a..b", "☃.example", "127.0.0.1", "a.b.."]
OPTIONAL = ("locale", "timeZone", "appVersion")
HWID = "Стол №7: 50% off?#&+ \N{PARTY POPPER}"


@pytest.fixture
def nobody(world: MemoryParts) -> Call:
    return door("device_api", None)


def a_registration(**fields: Any) -> dict[str, Any]:
    return {
        "hwid": HWID,
        "platform": "linux",
        "locale": "ru_RU.UTF-8",
        "timeZone": "Europe/Minsk",
        "appVersion": "2.5.6",
        "domains": ["Example.com"],
    } | fields


def registered(nobody: Call, **fields: Any) -> str:
    response = nobody("POST", "/v1/devices", a_registration(**fields))
    assert response.status_code == 201, response.text
    return str(response.get_json()["deviceSecret"])


def own(path: str = "", hwid: str = HWID) -> str:
    return f"/v1/devices/{quote(hwid, safe='')}{path}"


def test_the_secret_is_told_once_and_kept_as_a_digest(nobody: Call, world: MemoryParts) -> None:
    first = nobody("POST", "/v1/devices", a_registration())
    assert first.status_code == 201
    assert set(first.get_json()) == {"deviceSecret", "customToken"}
    assert f"device:{HWID}" in first.get_json()["customToken"]
    secret = first.get_json()["deviceSecret"]
    assert secret not in str(world.stored())
    again = nobody("POST", "/v1/devices", a_registration(), headers=bearer(secret))
    assert (again.status_code, set(again.get_json())) == (200, {"customToken"})
    stored = world.database.collection("devices")[HWID]
    assert (stored["domains"], stored["locale"]) == (["example.com"], "ru_RU.UTF-8")


def test_with_a_secret_of_its_own_a_device_can_repeat_a_registration_whose_answer_was_lost(
    nobody: Call, world: MemoryParts
) -> None:
    chosen = "a-secret-the-device-made-by-itself-0123"
    first = nobody("POST", "/v1/devices", a_registration(deviceSecret=chosen))
    again = nobody("POST", "/v1/devices", a_registration(deviceSecret=chosen))
    other = nobody("POST", "/v1/devices", a_registration(deviceSecret=chosen + "4"))
    short = nobody("POST", "/v1/devices", a_registration(hwid="h9", deviceSecret="short"))
    assert [r.status_code for r in (first, again, other, short)] == [201, 200, 401, 422]
    assert set(first.get_json()) == {"customToken"}
    assert chosen not in str(world.stored())
    assert door("device_api", chosen)("GET", own("/pending")).status_code == 200


@pytest.mark.parametrize("optional", [{}, dict.fromkeys(OPTIONAL)])
def test_a_device_need_not_say_more_than_who_it_is_what_it_runs_and_its_domains(
    nobody: Call, world: MemoryParts, optional: dict[str, None]
) -> None:
    needed = {"hwid": HWID, "platform": "linux", "domains": ["example.com"]}
    secret = nobody("POST", "/v1/devices", needed | optional).get_json()["deviceSecret"]
    known = world.devices.get(HWID)
    assert known is not None
    assert (known.locale, known.time_zone, known.app_version, known.consent) == ("", "", "", True)
    again = nobody("POST", "/v1/devices", needed, headers=bearer(secret))
    assert again.status_code == 200


@pytest.mark.parametrize("field", OPTIONAL)
def test_what_a_refresh_leaves_out_stays_as_it_was(
    nobody: Call, world: MemoryParts, field: str
) -> None:
    secret = registered(nobody)
    before = dict(world.database.collection("devices")[HWID])
    shorter = a_registration(domains=["other.example"])
    del shorter[field]
    assert nobody("POST", "/v1/devices", shorter, headers=bearer(secret)).status_code == 200
    stored = world.database.collection("devices")[HWID]
    assert {name: stored[name] for name in OPTIONAL} == {name: before[name] for name in OPTIONAL}
    assert stored["selectors"] == ["other.example", "other.example|ru"]


@pytest.mark.parametrize(
    "credential",
    [None, "guess", token(f"device:{HWID}")],
    ids=["nobody", "a guess", "a token that only looks like the device's"],
)
def test_nobody_else_refreshes_a_registered_device(
    nobody: Call, world: MemoryParts, credential: str | None
) -> None:
    registered(nobody)
    before = world.stored()
    other = door("device_api", credential)("POST", "/v1/devices", a_registration(platform="ios"))
    assert other.status_code == 401
    assert world.stored() == before


def test_a_push_address_can_come_with_the_registration_or_later(
    nobody: Call, world: MemoryParts
) -> None:
    address = {"kind": "fcm", "value": "first"}
    device = door("device_api", registered(nobody, pushAddress=address))
    assert world.database.collection("devices")[HWID]["fcmToken"] == "first"
    later = {"kind": "apns", "value": "second", "environment": "sandbox"}
    assert device("POST", own("/token"), later).status_code == 204
    stored = world.database.collection("devices")[HWID]
    assert stored["pushAddress"]["environment"] == "sandbox"
    assert "fcmToken" not in stored


@pytest.mark.parametrize("named", [{}, {"environment": None}])
def test_an_environment_that_nobody_names_is_unknown(
    named: dict[str, None], nobody: Call, world: MemoryParts
) -> None:
    address = {"kind": "apns", "value": "f00d", **named}
    registered(nobody, pushAddress=address)
    assert "environment" not in world.database.collection("devices")[HWID]["pushAddress"]
    device = world.devices.get(HWID)
    assert device is not None
    assert device.address is not None
    assert device.address.environment == ""


def test_without_consent_no_address_is_kept(nobody: Call, world: MemoryParts) -> None:
    address = {"kind": "fcm", "value": "first"}
    device = door("device_api", registered(nobody, pushAddress=address))
    assert device("POST", own("/consent"), {"consent": False}).status_code == 204
    assert "fcmToken" not in world.database.collection("devices")[HWID]
    registered(nobody, hwid="h2", consent=False, pushAddress={"kind": "fcm", "value": "other"})
    assert "fcmToken" not in world.database.collection("devices")["h2"]


def signed_in(world: MemoryParts, hwid: str = HWID) -> Call:
    """Sign a device in by the ID token that its last custom token was exchanged for."""
    uid = f"device:{hwid}"
    return door("device_api", token(uid, **world.accounts.claims[uid]))


def test_an_id_token_of_the_device_is_as_good_as_its_secret(
    nobody: Call, world: MemoryParts
) -> None:
    registered(nobody)
    assert signed_in(world)("GET", own("/pending")).get_json() == {"notification": None}
    another = door("device_api", token("device:another"))
    assert another("GET", own("/pending")).status_code == 403


CALLS_OF_A_DEVICE: list[tuple[str, str, object]] = [
    ("POST", "/token", {"kind": "fcm", "value": "of-the-former-owner"}),
    ("POST", "/consent", {"consent": False}),
    ("GET", "/pending", None),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "path", "sent"), CALLS_OF_A_DEVICE)
def test_a_former_owner_is_let_through_nowhere(
    nobody: Call, world: MemoryParts, method: str, path: str, sent: object
) -> None:
    by_secret = door("device_api", registered(nobody))
    by_token = signed_in(world)
    unnamed = door("device_api", token(f"device:{HWID}"))
    assert by_token("DELETE", own()).status_code == 204
    registered(nobody)
    before = world.stored()
    for former in (by_secret, by_token, unnamed):
        assert former(method, own(path), sent).status_code == 401
    assert world.stored() == before


def test_a_secret_that_is_lost_is_replaced_by_whoever_shows_the_address(
    nobody: Call, world: MemoryParts
) -> None:
    address = {"kind": "hms", "value": "the-phones"}
    lost = door("device_api", registered(nobody, pushAddress=address))
    stranger = nobody("POST", "/v1/devices", a_registration())
    near = nobody("POST", "/v1/devices", a_registration(pushAddress={**address, "kind": "fcm"}))
    assert [stranger.status_code, near.status_code] == [401, 401]
    assert stranger.get_json()["detail"] == near.get_json()["detail"]
    found = door("device_api", registered(nobody, pushAddress=address))
    assert lost("GET", own("/pending")).status_code == 401
    assert found("GET", own("/pending")).status_code == 200
    assert signed_in(world)("GET", own("/pending")).status_code == 200


def test_a_desktop_reads_the_notification_in_its_slot(nobody: Call, world: MemoryParts) -> None:
    device = door("device_api", registered(nobody))
    slot = {"Id": "n1", "Title": "Sale", "Body": "Now", "At": world.clock.now(), "ForceTimer": 5}
    fields = {f"pendingNotification{name}": value for name, value in slot.items()}
    merge_device(world.database, HWID, fields)
    assert device("GET", own("/pending")).get_json() == {
        "notification": {
            "id": "n1",
            "title": "Sale",
            "body": "Now",
            "at": "2026-01-01T12:00:00.000000Z",
            "url": None,
            "urlButtonName": None,
            "forceTimer": 5,
            "image": None,
        }
    }


@pytest.mark.parametrize(("seconds", "there"), [(-1, False), (0, False), (1, True)])
def test_a_desktop_is_not_shown_what_has_expired(
    nobody: Call, world: MemoryParts, seconds: int, there: bool
) -> None:
    device = door("device_api", registered(nobody))
    now = world.clock.now()
    slot = {"Id": "n1", "Title": "Sale", "Body": "Now", "At": now - timedelta(hours=1)}
    slot["ExpiresAt"] = now + timedelta(seconds=seconds)
    fields = {f"pendingNotification{name}": value for name, value in slot.items()}
    merge_device(world.database, HWID, fields)
    said = device("GET", own("/pending")).get_json()["notification"]
    assert (said is not None) is there


@pytest.mark.parametrize("broken", [{"platform": 7}, {"domains": "x"}, {"consent": "no"}])
def test_a_device_whose_document_cannot_be_read_mends_it_by_registering(
    nobody: Call, world: MemoryParts, broken: dict[str, Any]
) -> None:
    world.database.hold(f"devices/{HWID}", {"platform": "android", "fcmToken": "t1", **broken})
    shown = a_registration(pushAddress={"kind": "fcm", "value": "t1"})
    answer = nobody("POST", "/v1/devices", shown)
    assert answer.status_code == 201
    device = door("device_api", answer.get_json()["deviceSecret"])
    assert device("POST", own("/consent"), {"consent": True}).status_code == 204
    assert device("POST", own("/token"), {"kind": "fcm", "value": "t2"}).status_code == 204
    known = world.devices.get(HWID)
    assert known is not None
    assert (known.address and known.address.value, known.consent) == ("t2", True)


def test_a_device_is_forgotten_with_its_secret(nobody: Call, world: MemoryParts) -> None:
    device = door("device_api", registered(nobody))
    assert device("DELETE", own()).status_code == 204
    assert world.database.collection("devices") == {}
    assert world.database.collection("deviceSecrets") == {}
    assert device("DELETE", own()).status_code == 401


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"hwid": ""}, {"hwid": "badFormat"}),
        ({"hwid": "a/b"}, {"hwid": "badFormat"}),
        ({"hwid": "a\nb"}, {"hwid": "badFormat"}),
        ({"hwid": "x" * 122}, {"hwid": "badFormat"}),
        ({"platform": "blackberry"}, {"platform": "notAllowed"}),
        ({"platform": "all"}, {"platform": "notAllowed"}),
        ({"locale": 7}, {"locale": "wrongType"}),
        ({"timeZone": ["UTC"]}, {"timeZone": "wrongType"}),
        ({"appVersion": 2.5}, {"appVersion": "wrongType"}),
        ({"domains": []}, {"domains": "tooFew"}),
        ({"domains": "example.com"}, {"domains": "wrongType"}),
        ({"domains": ["a.example"] * 51}, {"domains": "tooMany"}),
        (
            {"domains": NO_DOMAINS},
            {f"domains.{n}": "notADomain" for n in range(len(NO_DOMAINS))},
        ),
        ({"properties": {"vip": True}}, {"properties": "unknownField"}),
        ({"consent": "no"}, {"consent": "wrongType"}),
        ({"pushAddress": "token"}, {"pushAddress": "wrongType"}),
        (
            {"pushAddress": {"kind": "sms", "value": "", "environment": "test", "at": 1}},
            {
                "pushAddress.kind": "notAllowed",
                "pushAddress.value": "tooShort",
                "pushAddress.environment": "notAllowed",
                "pushAddress.at": "unknownField",
            },
        ),
        (
            {"pushAddress": {"kind": "fcm", "value": "a\u0000"}},
            {"pushAddress.value": "controlCharacter"},
        ),
        ({"pushAddress": {"kind": "fcm", "value": "x" * 4097}}, {"pushAddress.value": "tooLong"}),
        ({"pushAddress": {"kind": "fcm", "value": "a b"}}, {"pushAddress.value": "badFormat"}),
        (
            {"pushAddress": {"kind": "apns", "value": "\U0001f680" * 4096}},
            {"pushAddress.value": "badFormat"},
        ),
        (
            {"deviceSecret": "x", "time_zone": "UTC"},
            {"deviceSecret": "badFormat", "time_zone": "unknownField"},
        ),
    ],
)
def test_a_registration_that_cannot_be_right_is_refused_field_by_field(
    nobody: Call, world: MemoryParts, fields: dict[str, Any], faults: dict[str, str]
) -> None:
    before = world.stored()
    assert errors_of(nobody("POST", "/v1/devices", a_registration(**fields))) == faults
    assert world.stored() == before


def test_all_that_is_missing_is_told_at_once(nobody: Call) -> None:
    needed = ("hwid", "platform", "domains")
    assert errors_of(nobody("POST", "/v1/devices", {})) == dict.fromkeys(needed, "required")


@pytest.mark.parametrize("hwid", [".", "..", "__x__", "a%00b", "a%2Fb", "x" * 122])
def test_what_cannot_be_an_hwid_is_not_there(nobody: Call, hwid: str) -> None:
    def answer() -> TestResponse:
        return door("device_api", "guess")("GET", f"/v1/devices/{hwid}/pending")

    assert answer().status_code == 404
    assert answer().mimetype == "application/problem+json"
