"""Verbs of phones and desktops: register, keep their push address current, read, leave.

A device proves itself with the secret of its generation, or with the Firebase ID token it got for
the custom token handed out here: uid ``device:{hwid}``, and the generation as a claim. A device
that registered before generations had names has no such name, and its tokens have no claim.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from shared.domain.audience.device import Device, Hwid, PushAddress, derive, kept_address
from shared.domain.audience.ownership import Credential, Generation, Ownership, digest_of
from shared.domain.errors import Forbidden, NotFound, Unauthenticated
from shared.ports import Accounts, Clock, Identity

if TYPE_CHECKING:
    from shared.stores.devices import Devices

UID_PREFIX = "device:"
GENERATION = "generation"
"""Name of the claim that holds the generation in a device's tokens."""

NOT_PROVEN = (
    "this hwid is registered; send its own deviceSecret as the bearer token, or, where that is "
    "lost, the push address it registered last; a device without one is reset by an operator"
)
"""Same sentence for every fault: it must not tell a stranger how near a guess was."""


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def devices(self) -> Devices: ...


@dataclass(frozen=True, slots=True)
class Registration:
    """Result of a registration. ``secret`` is there if a secret was issued, with a new generation;
    it is kept as a digest.
    """

    custom_token: str
    secret: str | None
    first: bool


def register(
    device: Device, secret: str | None, *, chosen: str | None = None, needs: Needs
) -> Registration:
    """Register a device, or refresh what is known of a device that proves itself by ``secret``.

    The secret is issued here, unless the device has ``chosen`` its own: then it loses nothing when
    the answer to its first registration is lost, and simply repeats it. Raises ``Unauthenticated``
    when the hwid is registered and is not given up (``Ownership.yields_to``) to this device.
    """
    now = needs.clock.now()
    address = device.address and replace(device.address, registered_at=now)
    device = replace(device, address=address, last_active_at=now)
    issued = chosen or secrets.token_urlsafe(32)
    if secret is None:
        held = _begun(device, issued, now, needs.devices)
    else:
        held = check_secret(device.hwid, secret, devices=needs.devices)
    match held:
        case Generation(credential, begun):
            first, kept = True, begun.address if begun else None
        case credential:
            first, kept = False, _refreshed(device, credential, needs.devices)
    if kept is not None:
        needs.devices.set_address(device.hwid, kept)
    claims = {GENERATION: credential.generation} if credential.generation else {}
    token = needs.accounts.custom_token(UID_PREFIX + device.hwid, {"device": True, **claims})
    return Registration(token, issued if first and not chosen else None, first)


def _begun(device: Device, secret: str, now: datetime, devices: Devices) -> Generation | Credential:
    """Begin the hwid's new generation, or return the credential that this secret began before."""
    credential = Credential(digest_of(secret), _new_name())

    def decide(ownership: Ownership) -> Generation | Credential:
        if ownership.credential and ownership.credential.opens(secret):
            return ownership.credential
        if not ownership.yields_to(device.address, now):
            raise Unauthenticated(NOT_PROVEN)
        consent = ownership.consent_to(device)
        kept = replace(device, consent=consent, address=kept_address(device.address, consent))
        return Generation(credential, kept)

    return devices.begin(device.hwid, decide)


def _refreshed(device: Device, credential: Credential, devices: Devices) -> PushAddress | None:
    """Write what the device says, on top of what is known; returns the address that was kept.

    No address is kept without consent, be the consent withdrawn now or at any time before.
    """
    if device.address is not None or not device.says_all:
        before = devices.get(device.hwid) or Device(device.hwid, device.platform)
        address = kept_address(device.address, device.consent, before.consent)
        device = replace(device.completed(before), address=address)
    derived = derive(device.hwid, device.locale, device.domains)
    devices.refresh(device, derived, credential.generation)
    return device.address


def check_secret(hwid: str, secret: str, *, devices: Devices) -> Credential:
    """Return the device's credential; raises ``Unauthenticated`` unless ``secret`` is this
    device's. Constant time.
    """
    credential = devices.credential(hwid) or Credential()
    if not credential.opens(secret):
        raise Unauthenticated(NOT_PROVEN)
    return credential


def check_identity(hwid: str, identity: Identity, *, devices: Devices) -> None:
    """Raise ``Forbidden`` unless the ID token is this device's, and ``Unauthenticated`` if the
    token is of an earlier generation.
    """
    if identity.uid != UID_PREFIX + hwid:
        raise Forbidden("this token is for someone else", code="notThisDevice")
    credential = devices.credential(hwid) or Credential()
    if identity.claims.get(GENERATION, "") != credential.generation:
        raise Unauthenticated(
            "this token is of an earlier registration; sign in with the customToken of the last one"
        )


def reset(hwid: str, *, devices: Devices) -> None:
    """Give the hwid up to the device that registers it next, and forget all that is stored of the
    hwid but a withdrawn consent. Raises ``NotFound``. Doing it twice is harmless.
    """
    credential = Credential(generation=_new_name())

    def decide(ownership: Ownership) -> Generation | Credential:
        if ownership.credential is None and ownership.reach is None:
            raise NotFound("there is no such device")
        withdrawn = ownership.reach is not None and not ownership.reach.consent
        return Generation(credential, Device(Hwid(hwid), "", consent=False) if withdrawn else None)

    devices.begin(hwid, decide)


def _new_name() -> str:
    return secrets.token_urlsafe(12)


def set_address(hwid: str, address: PushAddress, *, needs: Needs) -> None:
    """Set a new push address; a repeat of the same is harmless, and another device that holds the
    address loses it.

    Without consent no address is kept, as at a registration; the device sends the address again
    once consent is given back.
    """
    known = needs.devices.reach([hwid]).get(hwid)
    if kept_address(address, known is None or known.consent):
        needs.devices.set_address(hwid, replace(address, registered_at=needs.clock.now()))


def set_consent(hwid: str, consent: bool, *, devices: Devices) -> None:
    """Store whether the device consents: without consent nothing is sent and the address is
    forgotten.
    """
    devices.set_consent(hwid, consent)


def delete(hwid: str, *, devices: Devices) -> None:
    """Forget the device; a repeat is harmless."""
    devices.delete(hwid)


def written(hwid: str, *, devices: Devices) -> None:
    """Derive the missing fields of a device document that was written, perhaps by an existing back
    end.
    """
    devices.derive_again(hwid)


def backfill(*, devices: Devices) -> Iterator[str]:
    """Derive the missing fields of every device that lacks them; yields the hwid of each."""
    for hwid in devices.underived():
        devices.derive_again(hwid)
        yield hwid
