"""Devices as documents: written by us, by an existing back end, or by an app, field by field."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.adapters.documents.fields import Fields, Reader, present, where_readable
from shared.domain.device import (
    AddressKind,
    Derived,
    Device,
    Hwid,
    PushAddress,
    Reach,
    Slot,
    derive,
)
from shared.domain.errors import Defect
from shared.domain.moments import moment_text
from shared.domain.ownership import Credential, Generation, Standing
from shared.domain.retry import too_late

DEVICES = "devices"
DEVICE_SECRETS = "deviceSecrets"

SLOT_FIELDS = (
    "pendingNotificationId",
    "pendingNotificationTitle",
    "pendingNotificationBody",
    "pendingNotificationAt",
    "pendingNotificationUrl",
    "pendingNotificationUrlButtonName",
    "pendingNotificationForceTimer",
    "pendingNotificationImage",
    "pendingNotificationExpiresAt",
)
DERIVED_FIELDS = ("hwid", "language", "territory", "selectors", "partition")
DERIVED_FROM = ("locale", "domains")
REACH_FIELDS = ("pushAddress", "fcmToken", "consent")
GENERATION = "generation"
"""On the device for Firestore's rules, beside its secret for our doors."""
_SAID_IN_PASSING = {"locale": str, "timeZone": str, "appVersion": str, "lastActiveAt": datetime}
"""A device can be reached without these; an app that writes one in its own way leaves it unknown,
as it is to the store's queries.
"""


def registration_fields(device: Device, derived: Derived) -> Fields:
    """What a registration says of a device; what it does not mention stays as it is.

    A registration can withdraw consent but never restore it, and never touches the slot.
    """
    if not device.consent:
        address = {**address_fields(None), "consent": False}
    elif device.address is not None:
        address = address_fields(device.address)
    else:
        address = {}
    plain = {
        "hwid": str(device.hwid),
        "platform": str(device.platform),
        "locale": device.locale,
        "timeZone": device.time_zone,
        "appVersion": device.app_version,
        "domains": list(device.domains),
        "lastActiveAt": device.last_active_at,
    }
    return {**present(plain), **address, **derived_fields(derived)}


def device_from(hwid: str, document: Mapping[str, Any]) -> Device:
    """A device, from whatever plain fields it has."""
    reader = Reader(DEVICES, hwid, where_readable(document, _SAID_IN_PASSING))
    return Device(
        hwid=Hwid(hwid),
        platform=reader.text("platform"),
        locale=reader.text("locale"),
        time_zone=reader.text("timeZone"),
        app_version=reader.text("appVersion"),
        domains=reader.texts("domains"),
        last_active_at=reader.time("lastActiveAt"),
        address=_address_from(reader),
        consent=reader.flag("consent", default=True),
        slot=_slot_from(reader),
    )


def generation_fields(began: Generation) -> Fields | None:
    """The whole document of a device that begins a generation, or none if nothing is kept of it."""
    if began.device is None:
        return None
    it = began.device
    fields = registration_fields(it, derive(it.hwid, it.locale, it.domains))
    return present({**fields, GENERATION: began.credential.generation})


def credential_fields(credential: Credential) -> Fields:
    """The document of what a generation proves itself by."""
    return {"digest": credential.digest or None, GENERATION: credential.generation or None}


def credential_from(hwid: str, document: Mapping[str, Any]) -> Credential:
    """What a generation proves itself by."""
    reader = Reader(DEVICE_SECRETS, hwid, document)
    return Credential(reader.text("digest"), reader.text(GENERATION))


def standing_from(
    hwid: str, credential: Mapping[str, Any] | None, document: Mapping[str, Any] | None
) -> Standing:
    """What is stored under an hwid, of both its documents."""
    known = None if credential is None else credential_from(hwid, credential)
    if document is None:
        return Standing(known)
    reader = Reader(DEVICES, hwid, where_readable(document, _SAID_IN_PASSING))
    return Standing(known, reach_from(hwid, document), reader.time("lastActiveAt"))


def address_fields(address: PushAddress | None) -> Fields:
    """Where a device is reached, with its FCM token where others look for it as well."""
    if address is None:
        return {"pushAddress": None, "fcmToken": None}
    stored = {
        "kind": str(address.kind),
        "value": address.value,
        "environment": address.environment or None,
        "registeredAt": address.registered_at,
    }
    token = address.value if address.kind is AddressKind.FCM else None
    return {"pushAddress": present(stored), "fcmToken": token}


def reach_from(hwid: str, document: Mapping[str, Any]) -> Reach:
    """Whether and where a device is pushed to, of a document that holds ``REACH_FIELDS``."""
    reader = Reader(DEVICES, hwid, document)
    try:
        consent = reader.flag("consent", default=True)
    except Defect:
        consent = False
    try:
        address = _address_from(reader)
    except Defect:
        address = None
    return Reach(address, consent)


def domains_from(hwid: str, document: Mapping[str, Any]) -> tuple[str, ...]:
    """Which domains a device is on; none where that cannot be read."""
    try:
        return Reader(DEVICES, hwid, document).texts("domains")
    except Defect:
        return ()


def _address_from(reader: Reader) -> PushAddress | None:
    """The address; a plain ``fcmToken`` that differs from ours was written after it, and wins."""
    token = reader.text("fcmToken")
    given = reader.map("pushAddress")
    if given is None or not given.text("value"):
        return PushAddress(AddressKind.FCM, token) if token else None
    address = PushAddress(
        kind=given.choice("kind", AddressKind),
        value=given.text("value"),
        environment=given.text("environment"),
        registered_at=given.time("registeredAt"),
    )
    if address.kind is AddressKind.FCM and token not in {"", address.value}:
        return PushAddress(AddressKind.FCM, token)
    return address


def _slot_from(reader: Reader) -> Slot | None:
    at = reader.time("pendingNotificationAt")
    return None if at is None else Slot(reader.text("pendingNotificationId"), at)


def pending_from(hwid: str, document: Mapping[str, Any], now: datetime) -> Fields | None:
    """What a desktop's slot shows, as the API's JSON; nothing once that has expired."""
    reader = Reader(DEVICES, hwid, document)
    at = reader.time("pendingNotificationAt")
    if at is None or too_late(now, reader.time("pendingNotificationExpiresAt")):
        return None
    timer = reader.number("pendingNotificationForceTimer")
    return {
        "id": reader.text("pendingNotificationId"),
        "title": reader.text("pendingNotificationTitle"),
        "body": reader.text("pendingNotificationBody"),
        "at": moment_text(at),
        "url": reader.text_or_none("pendingNotificationUrl"),
        "urlButtonName": reader.text_or_none("pendingNotificationUrlButtonName"),
        "forceTimer": timer or None,
        "image": reader.text_or_none("pendingNotificationImage"),
    }


def derived_fields(derived: Derived) -> Fields:
    """What our queries need of a device."""
    return {
        "hwid": derived.hwid,
        "language": derived.language,
        "territory": derived.territory,
        "selectors": list(derived.selectors),
        "partition": derived.partition,
    }


def derived_from(hwid: str, document: Mapping[str, Any]) -> Derived:
    """What should be derived from this device document (not what it holds)."""
    reader = Reader(DEVICES, hwid, where_readable(document, _SAID_IN_PASSING))
    return derive(hwid, reader.text("locale"), reader.texts("domains"))
