"""Devices as documents: written by us, by an existing back end, or by an app, field by field."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic.alias_generators import to_camel

from shared.domain.audience.device import (
    SAID_IN_PASSING,
    AddressKind,
    DerivedFields,
    Device,
    Hwid,
    PushAddress,
    Reach,
    Slot,
    derive,
    domains_selected,
)
from shared.domain.audience.ownership import Credential, Generation, Ownership
from shared.domain.content.content import TEXTS
from shared.domain.content.shown import SHOWN_KINDS, SLOT_NAMES
from shared.domain.delivery.ledger import Target
from shared.domain.delivery.retry import too_late
from shared.domain.links.domain_names import domain_name
from shared.domain.moments import moment_text
from shared.stores.codec import Fields, LenientReader, Reader, present

DEVICES = "devices"
DEVICE_SECRETS = "deviceSecrets"

SLOT_FIELDS = (
    "pendingNotificationId",
    "pendingNotificationAt",
    "pendingNotificationExpiresAt",
    *SLOT_NAMES.values(),
)
DOMAINS_UNREADABLE = "domainsUnreadable"
"""A derived field, present only where true: pages of devices are read without ``domains``."""
DERIVED_FIELDS = ("hwid", "language", "territory", "selectors", "partition", DOMAINS_UNREADABLE)
DERIVED_FROM = ("locale", "domains")
REACH_FIELDS = ("pushAddress", "fcmToken", "consent", DOMAINS_UNREADABLE)
GENERATION = "generation"
"""Name of the field: on the device for Firestore's rules, beside its secret for our doors."""
_SAID_IN_PASSING = {name: to_camel(name) for name in SAID_IN_PASSING}
MOST_ADDRESS_CHARACTERS = 4096
MOST_SHOWN_CHARACTERS = 4096
MOST_DOMAINS = 200
"""Most domains of a device; its selectors must fit into its document."""


def registration_fields(device: Device, derived: DerivedFields) -> Fields:
    """Build the fields that a registration says; what it does not mention stays as it is.

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
        **{field: getattr(device, name) for name, field in _SAID_IN_PASSING.items()},
        "domains": list(device.domains),
        "lastActiveAt": device.last_active_at,
    }
    return {**present(plain), **address, **derived_fields(derived)}


def device_from(hwid: str, document: Mapping[str, Any]) -> Device:
    """Read a device from whatever plain fields its document has."""
    reader = LenientReader(document)
    return Device(
        hwid=Hwid(hwid),
        platform=reader.text("platform"),
        **{name: reader.text(field) for name, field in _SAID_IN_PASSING.items()},
        domains=_domains_from(reader),
        last_active_at=reader.time("lastActiveAt"),
        address=_address_from(reader),
        consent=reader.flag("consent", default=True),
        slot=_slot_from(reader),
        unreadable=reader.unreadable,
    )


def generation_fields(began: Generation) -> Fields | None:
    """Build the whole document of a device that begins a generation; ``None`` when nothing of the
    device is kept.
    """
    if began.device is None:
        return None
    it = began.device
    fields = registration_fields(it, derive(it.hwid, it.locale, it.domains))
    return present({**fields, GENERATION: began.credential.generation})


def credential_fields(credential: Credential) -> Fields:
    """Build the document of the credential that a generation proves itself by."""
    return {"digest": credential.digest or None, GENERATION: credential.generation or None}


def credential_from(hwid: str, document: Mapping[str, Any]) -> Credential:
    """Read the credential that a generation proves itself by."""
    reader = Reader(DEVICE_SECRETS, hwid, document)
    return Credential(reader.text("digest"), reader.text(GENERATION))


def ownership_from(
    hwid: str, credential: Mapping[str, Any] | None, document: Mapping[str, Any] | None
) -> Ownership:
    """Read what is stored under an hwid, from both its documents."""
    known = None if credential is None else credential_from(hwid, credential)
    if document is None:
        return Ownership(known)
    last_active_at = LenientReader(document).time("lastActiveAt")
    return Ownership(known, reach_from(document), last_active_at)


def target_from(hwid: str, document: Mapping[str, Any], version: str) -> Target:
    """Read what sending needs of a device; texts that no batch can hold count as unreadable."""
    reader = LenientReader(document)
    target = Target(
        hwid=hwid,
        platform=reader.text("platform"),
        locale=reader.text("locale"),
        address=_address_from(reader),
        consent=reader.flag("consent", default=True),
        slot=_slot_from(reader),
        read_version=version,
        unreadable=_said_unreadable(reader),
    )
    return target if target.fits else target.cut_down()


def address_fields(address: PushAddress | None) -> Fields:
    """Build the fields of a push address, with an FCM token also where other back ends look for
    it.
    """
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


def reach_from(document: Mapping[str, Any]) -> Reach:
    """Read whether and where a device is pushed to, from a document that holds ``REACH_FIELDS``."""
    reader = LenientReader(document)
    address = _address_from(reader)
    consent = reader.flag("consent", default=True)
    return Reach(address, consent, _said_unreadable(reader))


def domains_from(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Read which domains a device is on, as far as they can be read now."""
    return tuple(map(domain_name, _listed(LenientReader(document))))


def consent_from(document: Mapping[str, Any]) -> tuple[bool, tuple[str, ...]]:
    """Read whether the person consents, and the names of the fields that cannot be read."""
    reader = LenientReader(document)
    return reader.flag("consent", default=True), _said_unreadable(reader)


def slot_from(document: Mapping[str, Any]) -> Slot | None:
    """Read which notification a desktop shows; without a readable time there is no slot, and any
    notification may take its place.
    """
    return _slot_from(LenientReader(document))


def _said_unreadable(reader: LenientReader) -> tuple[str, ...]:
    """List the fields that could not be read now, or when the derived fields were written."""
    if reader.flag(DOMAINS_UNREADABLE):
        reader.note("domains")
    return reader.unreadable


def _domains_from(reader: LenientReader) -> tuple[str, ...]:
    """Read domains by canonical name; where they cannot be read, those that could be read last."""
    names = _listed(reader)
    if not names and "domains" in reader.unreadable:
        names = domains_selected(reader.texts("selectors"))
    return tuple(dict.fromkeys(map(domain_name, names)))


def _listed(reader: LenientReader) -> tuple[str, ...]:
    return reader.texts("domains", most=MOST_DOMAINS)


def _address_from(reader: LenientReader) -> PushAddress | None:
    """Read the address; a plain ``fcmToken`` that differs from ours was written later, and wins."""
    token = reader.text("fcmToken", most=MOST_ADDRESS_CHARACTERS)
    plain = PushAddress(AddressKind.FCM, token) if token else None
    given = reader.map("pushAddress")
    if given is None:
        return plain
    address = _pushed_to(given)
    if given.unreadable:
        reader.note("pushAddress")
    if address is None or (address.kind is AddressKind.FCM and token not in {"", address.value}):
        return plain
    return address


def _pushed_to(reader: LenientReader) -> PushAddress | None:
    value = reader.text("value", most=MOST_ADDRESS_CHARACTERS)
    kind = reader.choice("kind", AddressKind)
    environment, since = reader.text("environment"), reader.time("registeredAt")
    if (value and kind is None) or not reader.holds("value"):
        reader.note("value")
    if not value or kind is None:
        return None
    return PushAddress(kind, value, environment, since)


def _slot_from(reader: LenientReader) -> Slot | None:
    at = reader.time("pendingNotificationAt")
    return None if at is None else Slot(reader.text("pendingNotificationId"), at)


def pending_from(document: Mapping[str, Any], now: datetime) -> Fields | None:
    """Read what a desktop's slot shows, as the API's JSON; ``None`` once it has expired."""
    reader = LenientReader(document)
    at = reader.time("pendingNotificationAt")
    if at is None or too_late(now, reader.time("pendingNotificationExpiresAt")):
        return None
    return {
        "id": reader.text("pendingNotificationId", most=MOST_SHOWN_CHARACTERS),
        **{name: _shown_from(reader, name) or "" for name in TEXTS},
        "at": moment_text(at),
        **{to_camel(name): _shown_from(reader, name) for name in SLOT_NAMES if name not in TEXTS},
    }


def _shown_from(reader: LenientReader, name: str) -> str | int | None:
    field = SLOT_NAMES[name]
    if SHOWN_KINDS[name] == int | None:
        return reader.number(field) or None
    return reader.text(field, most=MOST_SHOWN_CHARACTERS) or None


def derived_fields(derived: DerivedFields) -> Fields:
    """Build the derived fields, which our queries need."""
    return {
        "hwid": derived.hwid,
        "language": derived.language,
        "territory": derived.territory,
        "selectors": list(derived.selectors),
        "partition": derived.partition,
        DOMAINS_UNREADABLE: derived.domains_unreadable or None,
    }


def derived_from(hwid: str, document: Mapping[str, Any]) -> DerivedFields:
    """Derive what follows from a device document.

    Of the derived fields that the document holds already, only the selectors count, and only where
    ``domains`` cannot be read.
    """
    reader = LenientReader(document)
    domains = _domains_from(reader)
    unreadable = "domains" in reader.unreadable and not _listed(reader)
    locale = reader.text("locale")
    return derive(hwid, locale, domains, domains_unreadable=unreadable)
