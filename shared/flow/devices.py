"""What phones and desktops do: register, keep their push address current, read, leave.

A device proves itself with a secret it was given once, at its first registration, or with the
Firebase ID token it got for the custom token handed out here (uid ``device:{hwid}``).
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace

from shared.domain.device import Device, PushAddress, derive
from shared.domain.errors import Defect, Forbidden, Unauthenticated
from shared.ports import Accounts, Clock, Devices, Identity

UID_PREFIX = "device:"


@dataclass(frozen=True, slots=True)
class Registered:
    """``secret`` is there if one was issued, at the first registration; it is kept as a digest."""

    custom_token: str
    secret: str | None
    first: bool


def register(
    device: Device,
    secret: str | None,
    *,
    chosen: str | None = None,
    devices: Devices,
    accounts: Accounts,
    clock: Clock,
) -> Registered:
    """Register a device, or refresh what is known of one that proves itself by ``secret``.

    The secret is issued here, unless the device has ``chosen`` one: then it loses nothing when the
    answer to its first registration is lost, and simply repeats it. Raises ``Unauthenticated`` when
    the device registered before and neither is its secret.
    """
    now = clock.now()
    address = _address_to_keep(device, devices)
    address = address and replace(address, registered_at=now)
    device = replace(device, address=address, last_active_at=now)
    derived = derive(device.hwid, device.locale, device.domains)
    issued = chosen or secrets.token_urlsafe(32)
    first = secret is None and devices.register(device, derived, _digest(issued))
    if not first:
        check_secret(device.hwid, secret or chosen or "", devices=devices)
        devices.register(device, derived, None)
    if address is not None:
        devices.set_address(device.hwid, address)
    token = accounts.custom_token(UID_PREFIX + device.hwid, {"device": True})
    return Registered(token, issued if first and not chosen else None, first)


def _address_to_keep(device: Device, devices: Devices) -> PushAddress | None:
    """None without consent, be it withdrawn now or at any time before."""
    if device.address is None or not device.consent:
        return None
    try:
        before = devices.get(device.hwid)
    except Defect:  # its consent may be what cannot be read; the device sends its address again
        return None
    return device.address if before is None or before.consent else None


def check_secret(hwid: str, secret: str, *, devices: Devices) -> None:
    """Raises ``Unauthenticated`` unless ``secret`` is this device's. Constant time."""
    known = devices.secret_digest(hwid) or _digest("")
    if not hmac.compare_digest(known, _digest(secret)) or not secret:
        raise Unauthenticated(
            "this device is registered; send its own deviceSecret as the bearer token"
        )


def check_identity(hwid: str, identity: Identity) -> None:
    """Raises ``Forbidden`` unless the ID token is this device's."""
    if identity.uid != UID_PREFIX + hwid:
        raise Forbidden("this token is for someone else", code="notThisDevice")


def set_address(hwid: str, address: PushAddress, *, devices: Devices, clock: Clock) -> None:
    """A new push address; a repeat of the same is harmless, another device holding it loses it.

    Without consent none is kept, as at a registration; it is sent again once consent is given back.
    """
    known = devices.reach([hwid]).get(hwid)
    if known is not None and not known.consent:
        return
    devices.set_address(hwid, replace(address, registered_at=clock.now()))


def set_consent(hwid: str, consent: bool, *, devices: Devices) -> None:
    """Without consent nothing is sent and the address is forgotten."""
    devices.set_consent(hwid, consent)


def delete(hwid: str, *, devices: Devices) -> None:
    """Forget the device; doing it twice is harmless."""
    devices.delete(hwid)


def readable(hwid: str, devices: Devices) -> Device | None:
    """The device, if there is one and its document can be read; some back ends write odd ones."""
    try:
        return devices.get(hwid)
    except Defect:
        return None


def written(hwid: str, *, devices: Devices) -> None:
    """A device document was written, perhaps by an existing back end: derive what is missing."""
    device = devices.get(hwid)
    if device is not None:
        devices.write_derived(hwid, derive(hwid, device.locale, device.domains))


def backfill(*, devices: Devices) -> Iterator[str]:
    """Derive for every device that lacks it; yields each one it wrote."""
    for hwid, derived in devices.underived():
        devices.write_derived(hwid, derived)
        yield hwid


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
