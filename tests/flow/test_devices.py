"""What phones and desktops do: register, refresh, prove themselves, leave."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.audience.device import AddressKind, Device, PushAddress, derive
from shared.domain.audience.ownership import digest_of
from shared.domain.errors import Forbidden, NotFound, TryAgain, Unauthenticated
from shared.flow.audience import devices
from shared.flow.audience.devices import Registration
from shared.ports import Identity
from tests.builders import NOON, a_desktop, a_device, an_fcm_address
from tests.flow.hazard import FAULTS, Crash, Fault
from tests.flow.world import World
from tests.parts import merge_device


def register(
    world: World, device: Device, secret: str | None = None, *, chosen: str | None = None
) -> Registration:
    p = world.parts
    return devices.register(device, secret, chosen=chosen, needs=p)


def stored_device(world: World, hwid: str = "phone-1") -> Device:
    device = world.parts.devices.get(hwid)
    assert device is not None
    return device


def test_a_first_registration_gets_a_secret_and_a_token_to_exchange() -> None:
    registered = register(World(), a_device())
    assert registered.secret is not None
    assert len(registered.secret) >= 32
    assert registered.custom_token == "custom-token-of-device:phone-1"


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("call", range(1, 6))
def test_a_device_that_chose_its_secret_repeats_a_registration_that_was_lost(
    call: int, fault: Fault
) -> None:
    world = World()
    world.hazard.strike(call, fault)
    with suppress(Crash, TryAgain):
        register(world, a_device(), chosen="chosen")
    again = register(world, a_device(), chosen="chosen")
    assert again.secret is None
    devices.check_secret("phone-1", "chosen", devices=world.parts.devices)
    address = stored_device(world).address
    assert address is not None
    assert address.value == "token-phone-1"


def test_a_device_that_chose_its_secret_cannot_be_taken_over_with_another() -> None:
    world = World()
    assert register(world, a_device(), chosen="chosen").first
    with pytest.raises(Unauthenticated):
        register(world, a_device(address=None), chosen="another")


def test_the_secret_itself_is_not_kept() -> None:
    world = World()
    secret = register(world, a_device()).secret
    assert secret
    assert world.database.collection("deviceSecrets")
    assert secret not in str(world.database.everything())


def test_no_two_devices_get_the_same_secret() -> None:
    world = World()
    assert register(world, a_device("a")).secret != register(world, a_device("b")).secret


def test_a_registration_can_be_targeted_at_once() -> None:
    world = World()
    register(world, a_device(locale="be_BY"))
    document = world.database.collection("devices")["phone-1"]
    assert document["selectors"] == ["example.com", "example.com|be", "example.com|by"]
    assert document["lastActiveAt"] == world.clock.now()
    world.sent()
    assert world.push.requests_to("token-phone-1") == 1


def test_a_device_that_proves_itself_is_refreshed_and_gets_no_new_secret() -> None:
    world = World()
    secret = register(world, a_device()).secret
    world.clock.advance(60)
    again = register(world, a_device(app_version="3.0"), secret)
    assert again.secret is None
    assert (stored_device(world).app_version, stored_device(world).last_active_at) == (
        "3.0",
        world.clock.now(),
    )


@pytest.mark.parametrize("secret", [None, "", "guess"])
def test_a_registered_device_cannot_be_taken_over(secret: str | None) -> None:
    world = World()
    register(world, a_device())
    with pytest.raises(Unauthenticated):
        register(world, a_device(address=an_fcm_address("token-of-a-thief")), secret)
    assert stored_device(world).address == an_fcm_address(
        "token-phone-1", registered_at=world.clock.now()
    )


@pytest.mark.parametrize("secret", ["", "guess"])
def test_an_unknown_device_proves_nothing(secret: str) -> None:
    with pytest.raises(Unauthenticated):
        devices.check_secret("nobody", secret, devices=World().parts.devices)


def test_the_secret_of_one_device_does_not_open_another() -> None:
    world = World()
    secret = register(world, a_device("a")).secret
    register(world, a_device("b"))
    assert secret
    devices.check_secret("a", secret, devices=world.parts.devices)
    with pytest.raises(Unauthenticated):
        devices.check_secret("b", secret, devices=world.parts.devices)


def test_only_the_devices_own_token_speaks_for_it() -> None:
    known = World().parts.devices
    devices.check_identity("phone-1", Identity("device:phone-1"), devices=known)
    for uid in ("phone-1", "device:phone-2", "device:Phone-1", "p1"):
        with pytest.raises(Forbidden):
            devices.check_identity("phone-1", Identity(uid), devices=known)


def test_an_address_moves_with_its_phone() -> None:
    world = World()
    register(world, a_device("old", address=an_fcm_address("token")))
    world.clock.advance(1)
    register(world, a_device("new", address=an_fcm_address("token")))
    assert stored_device(world, "old").address is None
    assert stored_device(world, "new").address is not None


def test_a_new_address_replaces_the_old_and_says_since_when() -> None:
    world = World([a_device()])
    p = world.parts
    devices.set_address("phone-1", an_fcm_address("token-2"), needs=p)
    devices.set_address("phone-1", an_fcm_address("token-2"), needs=p)
    assert stored_device(world).address == an_fcm_address(
        "token-2", registered_at=world.clock.now()
    )


def test_withdrawn_consent_forgets_the_address_and_nothing_is_sent() -> None:
    world = World([a_device(), a_device("phone-2")])
    devices.set_consent("phone-1", False, devices=world.parts.devices)
    assert stored_device(world).address is None
    it = world.sent()
    assert world.records(it.id)["phone-1"].code == "consent"


def test_a_registration_does_not_restore_consent() -> None:
    world = World()
    secret = register(world, a_device()).secret
    devices.set_consent("phone-1", False, devices=world.parts.devices)
    register(world, a_device(), secret)
    assert not stored_device(world).consent


def test_a_device_that_withdrew_its_consent_registers_no_address() -> None:
    world = World([a_device("phone-2", address=an_fcm_address("token"))])
    secret = register(world, a_device()).secret
    devices.set_consent("phone-1", False, devices=world.parts.devices)
    register(world, a_device(address=an_fcm_address("token")), secret)
    assert stored_device(world).address is None
    assert stored_device(world, "phone-2").address is not None


def test_an_address_sent_without_consent_is_not_kept() -> None:
    world = World([a_device()])
    p = world.parts
    devices.set_consent("phone-1", False, devices=p.devices)
    devices.set_address("phone-1", an_fcm_address("token"), needs=p)
    assert stored_device(world).address is None
    devices.set_consent("phone-1", True, devices=p.devices)
    devices.set_address("phone-1", an_fcm_address("token"), needs=p)
    assert stored_device(world).address is not None


def test_a_refresh_leaves_the_desktops_notification_alone() -> None:
    world = World()
    secret = register(world, a_desktop()).secret
    it = world.sent()
    register(world, a_desktop(), secret)
    assert world.database.collection("devices")["desktop-1"]["pendingNotificationId"] == it.id


def test_an_unknown_device_has_nothing_to_change() -> None:
    p = World().parts
    with pytest.raises(NotFound):
        devices.set_address("x", an_fcm_address(), needs=p)
    with pytest.raises(NotFound):
        devices.set_consent("x", True, devices=p.devices)


def test_a_device_can_leave_twice_and_register_anew() -> None:
    world = World()
    register(world, a_device())
    devices.delete("phone-1", devices=world.parts.devices)
    devices.delete("phone-1", devices=world.parts.devices)
    assert register(world, a_device()).secret is not None


# ---- whose an hwid is ------------------------------------------------------------------------

PLAIN = {"platform": "android", "domains": ["example.com"], "fcmToken": "token-phone-1"}
LONG_AGO = NOON - timedelta(days=90)


def legacy(**fields: Any) -> World:
    """Make a world whose existing back end wrote a device, which never registered."""
    world = World()
    merge_device(world.database, "phone-1", PLAIN | fields)
    return world


def signed_in(world: World, hwid: str = "phone-1") -> Identity:
    """Return whom the ID token names that the last custom token was exchanged for."""
    uid = f"device:{hwid}"
    return Identity(uid, claims=world.parts.accounts.claims[uid])


def admits(world: World, identity: Identity) -> bool:
    try:
        devices.check_identity("phone-1", identity, devices=world.parts.devices)
    except Unauthenticated:
        return False
    return True


def opens(world: World, secret: str | None) -> bool:
    try:
        devices.check_secret("phone-1", secret or "", devices=world.parts.devices)
    except Unauthenticated:
        return False
    return True


STORED = [
    ({"fcmToken": "t"}, an_fcm_address("t")),
    ({"pushAddress": {"kind": "fcm", "value": "old"}, "fcmToken": "t"}, an_fcm_address("t")),
    ({"pushAddress": {"kind": "hms", "value": "t"}}, PushAddress(AddressKind.HMS, "t")),
    (
        {"pushAddress": {"kind": "apns", "value": "t", "environment": "sandbox"}},
        PushAddress(AddressKind.APNS, "t"),
    ),
]


@pytest.mark.parametrize(("document", "address"), STORED)
def test_a_device_of_an_existing_back_end_shows_its_address_and_gets_a_secret(
    document: dict[str, Any], address: PushAddress
) -> None:
    world = World()
    merge_device(
        world.database, "phone-1", {"platform": "ios", "domains": ["example.com"], **document}
    )
    assert opens(world, register(world, a_device(address=address)).secret)


@pytest.mark.parametrize(
    "address",
    [
        None,
        an_fcm_address("guess"),
        an_fcm_address("Token-phone-1"),
        an_fcm_address("token-phone-1 "),
        PushAddress(AddressKind.HMS, "token-phone-1"),
    ],
)
@pytest.mark.parametrize("registered", [False, True], ids=["legacy", "registered"])
def test_who_shows_another_address_or_none_is_a_stranger(
    registered: bool, address: PushAddress | None
) -> None:
    world = World() if registered else legacy(lastActiveAt=LONG_AGO)
    if registered:
        register(world, a_device())
        world.clock.advance(91 * 86400)
    before = world.database.collection("devices")["phone-1"]
    with pytest.raises(Unauthenticated) as refused:
        register(world, a_device(address=address))
    assert refused.value.message == devices.NOT_PROVEN
    assert world.database.collection("devices")["phone-1"] == before


@pytest.mark.parametrize(
    "unreadable",
    [
        {"fcmToken": 7},
        {"fcmToken": None, "pushAddress": {"kind": "pigeon", "value": "t"}},
        {"fcmToken": None, "pushAddress": "t"},
        {"fcmToken": None, "lastActiveAt": 0},
        {"fcmToken": None, "lastActiveAt": "2020-01-01"},
        {"fcmToken": None},
        {"fcmToken": None, "lastActiveAt": LONG_AGO + timedelta(seconds=1)},
    ],
)
def test_what_cannot_be_read_opens_nothing(unreadable: dict[str, Any]) -> None:
    world = legacy(**unreadable)
    for shown in (None, an_fcm_address("t"), an_fcm_address("")):
        with pytest.raises(Unauthenticated):
            register(world, a_device(address=shown))


@pytest.mark.parametrize("unreadable", [{}, {"consent": 7}, {"platform": 7}, {"domains": "x"}])
def test_ninety_days_after_its_last_word_a_device_without_an_address_is_given_up(
    unreadable: dict[str, Any],
) -> None:
    world = legacy(fcmToken=None, lastActiveAt=LONG_AGO, **unreadable)
    assert opens(world, register(world, a_device()).secret)


def test_a_reinstalled_app_shows_its_address_and_the_secret_it_lost_ends() -> None:
    world = World()
    lost, before = register(world, a_device()).secret, signed_in(world)
    found = register(world, a_device()).secret
    assert (opens(world, lost), opens(world, found)) == (False, True)
    assert (admits(world, before), admits(world, signed_in(world))) == (False, True)


def test_a_refresh_or_a_repeated_registration_begins_no_new_generation() -> None:
    world = World()
    register(world, a_device(), chosen="chosen")
    before = signed_in(world)
    register(world, a_device(), chosen="chosen")
    register(world, a_device(), "chosen")
    assert signed_in(world) == before
    document = world.database.collection("devices")["phone-1"]
    assert document["generation"] == before.claims["generation"]


def test_after_leaving_neither_token_nor_secret_opens_what_is_registered_next() -> None:
    world = World()
    secret, before = register(world, a_device()).secret, signed_in(world)
    devices.delete("phone-1", devices=world.parts.devices)
    assert not admits(world, before)
    register(world, a_device())
    assert not admits(world, before)
    assert not opens(world, secret)
    assert admits(world, signed_in(world))


@pytest.mark.parametrize("claims", [{}, {"generation": None}, {"generation": ["x"]}])
def test_a_token_of_before_generations_had_names_opens_only_what_is_of_before_too(
    claims: dict[str, object],
) -> None:
    world, token = legacy(), Identity("device:phone-1", claims=claims)
    world.database.hold("deviceSecrets/phone-1", {"digest": digest_of("secret-of-before")})
    assert admits(world, token) is (claims == {})
    register(world, a_device(), "secret-of-before")
    assert admits(world, token) is (claims == {})
    register(world, a_device())
    assert not admits(world, token)


def test_a_new_generation_reads_nothing_of_the_one_before() -> None:
    slot = {"pendingNotificationTitle": "For Anna", "pendingNotificationAt": NOON}
    world = legacy(properties={"name": "Anna"}, locale="be_BY", appVersion="1", **slot)
    register(world, a_device(locale="", domains=("example.org",)))
    assert set(world.database.collection("devices")["phone-1"]) == {
        *("hwid", "platform", "locale", "timeZone", "appVersion", "domains", "lastActiveAt"),
        *("pushAddress", "fcmToken", "generation"),
        *("language", "territory", "selectors", "partition"),
    }
    found = stored_device(world)
    assert (found.locale, found.domains) == ("", ("example.org",))


@pytest.mark.parametrize("consent", [False, "no"])
def test_a_withdrawn_consent_survives_every_new_generation(consent: object) -> None:
    world = legacy(consent=consent)
    register(world, a_device())
    assert (stored_device(world).consent, stored_device(world).address) == (False, None)
    devices.reset("phone-1", devices=world.parts.devices)
    register(world, a_device())
    assert (stored_device(world).consent, stored_device(world).address) == (False, None)


def test_who_shows_the_address_and_withdraws_consent_registers_without_one() -> None:
    world = legacy()
    register(world, a_device(consent=False))
    assert (stored_device(world).consent, stored_device(world).address) == (False, None)


def test_after_a_reset_the_hwid_is_whose_word_comes_first() -> None:
    world = World()
    secret, before = register(world, a_device()).secret, signed_in(world)
    for _ in range(2):
        devices.reset("phone-1", devices=world.parts.devices)
        assert not opens(world, secret)
        assert not admits(world, before)
        assert world.devices.get("phone-1") is None
    assert opens(world, register(world, a_device(address=None)).secret)
    with pytest.raises(Unauthenticated):
        register(world, a_device(address=None))


@pytest.mark.parametrize("consent", [True, False])
def test_a_reset_ends_the_tokens_of_before_generations_had_names(consent: bool) -> None:
    world = legacy(consent=consent)
    devices.reset("phone-1", devices=world.parts.devices)
    assert not admits(world, Identity("device:phone-1"))
    assert not opens(world, "")


def test_what_is_not_stored_cannot_be_reset() -> None:
    with pytest.raises(NotFound):
        devices.reset("nobody", devices=World().parts.devices)


def test_an_address_that_comes_back_after_a_reset_must_be_shown_again() -> None:
    world = legacy()
    devices.reset("phone-1", devices=world.parts.devices)
    merge_device(world.database, "phone-1", PLAIN)
    with pytest.raises(Unauthenticated):
        register(world, a_device(address=None))


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("call", [1, 2])
def test_a_reset_that_dies_can_be_repeated(call: int, fault: Fault) -> None:
    world = World()
    register(world, a_device(), chosen="chosen")
    world.hazard.strike(world.hazard.calls + call, fault)
    with suppress(Crash, TryAgain):
        devices.reset("phone-1", devices=world.parts.devices)
    devices.reset("phone-1", devices=world.parts.devices)
    assert register(world, a_device(address=None)).first


# ---- an existing back end --------------------------------------------------------------------


def test_a_device_written_by_another_back_end_is_made_targetable() -> None:
    world = World()
    plain = {"hwid": "x", "platform": "android", "domains": ["example.com"], "fcmToken": "t"}
    merge_device(world.database, "x", plain)
    devices.written("x", devices=world.parts.devices)
    world.sent()
    assert world.push.requests_to("t") == 1


def test_what_was_deleted_before_its_event_came_is_no_error() -> None:
    devices.written("nobody", devices=World().parts.devices)


def test_a_back_fill_derives_for_all_that_lack_it_and_is_then_done() -> None:
    world = World([a_device("ready")])
    for hwid in ("a", "b"):
        plain = {"platform": "ios", "locale": "ru", "domains": ["example.com"]}
        merge_device(world.database, hwid, plain)
    p = world.parts
    assert sorted(devices.backfill(devices=p.devices)) == ["a", "b"]
    assert list(devices.backfill(devices=p.devices)) == []
    derived = derive("a", "ru", ["example.com"])
    assert world.database.collection("devices")["a"]["selectors"] == list(derived.selectors)


def test_a_backfill_notices_devices_whose_locale_an_earlier_version_read_differently() -> None:
    world = World()
    plain = {"platform": "android", "locale": "in_ID", "domains": ["example.com"]}
    former = {
        "language": "in",
        "territory": "id",
        "selectors": ["example.com", "example.com|in", "example.com|id"],
    }
    p = world.parts
    for hwid in ("old", "new"):
        merge_device(world.database, hwid, plain)
        p.devices.derive_again(hwid)
    merge_device(world.database, "old", former)
    assert list(devices.backfill(devices=p.devices)) == ["old"]
    document = world.database.collection("devices")["old"]
    assert document["language"] == "id"
    assert document["selectors"] == ["example.com", "example.com|id"]
