"""``devices/{hwid}`` and ``deviceSecrets/{hwid}``.

Existing back ends and apps write the same documents: only named fields are written. Secrets stand
in a collection of their own, because a device may read its own document.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared.domain.audience.device import AddressKind, DerivedFields, Device, PushAddress, Reach
from shared.domain.audience.holders import Holder, latest_and_others, may_drop
from shared.domain.audience.ownership import Credential, Generation, Ownership
from shared.domain.errors import NotFound, TryAgain
from shared.ports.database import (
    NAME,
    Create,
    Database,
    Delete,
    Document,
    Fields,
    Merge,
    Query,
    Unmet,
    Update,
    Where,
    Write,
)
from shared.stores.change import Step, change, change_with, write
from shared.stores.codec import difference
from shared.stores.device_codec import (
    DERIVED_FIELDS,
    DERIVED_FROM,
    DEVICE_SECRETS,
    DEVICES,
    GENERATION,
    REACH_FIELDS,
    SLOT_FIELDS,
    address_fields,
    credential_fields,
    credential_from,
    derived_fields,
    derived_from,
    device_from,
    domains_from,
    generation_fields,
    ownership_from,
    pending_from,
    reach_from,
    registration_fields,
)
from shared.stores.field_paths import quoted
from shared.stores.names import document_name

PAGE = 500
_WHAT = "the device"


class Devices:
    """Devices and the server-only secrets of devices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- registration ------------------------------------------------------------------------

    def get(self, hwid: str) -> Device | None:
        """Return a device; ``None`` when there is none. Never raises for what a document says."""
        document = self._database.get(_device(hwid))
        return device_from(hwid, document.fields) if document else None

    def get_many(self, hwids: Sequence[str]) -> Mapping[str, Device]:
        """Return those of these devices that there are, in one request with one read each."""
        return {it.id: device_from(it.id, it.fields) for it in self._documents(hwids)}

    def refresh(self, device: Device, derived: DerivedFields, generation: str = "") -> None:
        """Write the device's own fields (never its polling slot), and its generation if it has one.

        What the device does not say (no address, no time) stays as it is; this call can withdraw
        consent, but not restore it. Other devices keep the address until ``set_address``.
        """
        fields = registration_fields(device, derived)
        fields |= {GENERATION: generation} if generation else {}
        write(self._database, [Merge(_device(device.hwid), fields)], _WHAT)

    def begin(
        self, hwid: str, decide: Callable[[Ownership], Generation | Credential]
    ) -> Generation | Credential:
        """Read what is stored under the hwid and write what ``decide`` answers, in one transaction.

        A ``Generation`` replaces everything that is stored; a ``Credential`` is one that holds
        already, and nothing is written. ``decide`` may run several times: keep it pure. What it
        raises is passed on and nothing is written.
        """
        secret_name, device_name = _secret(hwid), _device(hwid)

        def replace_generation(documents: Mapping[str, Document]) -> Step[Generation | Credential]:
            secret, device = documents.get(secret_name), documents.get(device_name)
            decided = decide(ownership_from(hwid, _fields(secret), _fields(device)))
            if isinstance(decided, Credential):
                return Step(decided)
            return Step(
                decided,
                _without_others(secret, credential_fields(decided.credential)),
                _replacing(device_name, device, generation_fields(decided)),
            )

        return change_with(self._database, [secret_name, device_name], replace_generation, _WHAT)

    def credential(self, hwid: str) -> Credential | None:
        """Return the credential that the device proves itself by, if it registered."""
        document = self._database.get(_secret(hwid))
        return credential_from(hwid, document.fields) if document else None

    def delete(self, hwid: str) -> None:
        """Delete the device and its secret."""
        write(self._database, [Delete(_device(hwid)), Delete(_secret(hwid))], _WHAT)

    # ---- how devices are reached -------------------------------------------------------------

    def reach(self, hwids: Sequence[str]) -> Mapping[str, Reach]:
        """Return whether and where each of these devices is pushed to now, in one request with one
        read each; devices that are gone are omitted. Never raises for what a document says.
        """
        return {it.id: reach_from(it.fields) for it in self._documents(hwids, REACH_FIELDS)}

    def domains(self, hwids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the domains each of these devices is on now, in one request with one read each;
        devices that are gone are omitted. A domain that cannot be read is left out.
        """
        return {it.id: domains_from(it.fields) for it in self._documents(hwids, ["domains"])}

    def set_address(self, hwid: str, address: PushAddress | None) -> None:
        """Set the device's push address; the device that registered it last keeps it, others lose
        it.

        Raises ``NotFound``, and ``TryAgain`` also when another device could not be made to lose the
        address; a repeat is harmless.
        """
        self._update(hwid, address_fields(address))
        if address is not None:
            self._take_from_others(address)

    def set_consent(self, hwid: str, consent: bool) -> None:
        """Set the consent; turning it off also removes the address. Raises ``NotFound``."""
        self._update(hwid, {"consent": consent} | ({} if consent else address_fields(None)))

    def drop_address(self, hwid: str, value: str, registered_by: datetime | None = None) -> bool:
        """Compare and delete: remove the address only if it is still ``value``, and was not
        registered after ``registered_by``. Returns whether the address was dropped.
        """

        def dropped(document: Document | None) -> Step[bool]:
            held = device_from(hwid, document.fields).address if document else None
            drops = may_drop(held, value, registered_by)
            return Step(drops, address_fields(None) if drops else {})

        return change(self._database, _device(hwid), dropped, _WHAT)

    # ---- what a desktop polls ----------------------------------------------------------------

    def pending(self, hwid: str, now: datetime) -> Mapping[str, object] | None:
        """Return what the polling slot shows at ``now``, in the API's words; one read."""
        document = self._database.get(_device(hwid))
        return pending_from(document.fields, now) if document else None

    def clear_slot(self, hwid: str, notification_id: str) -> None:
        """Clear the polling slot if it still shows that notification."""

        def cleared(document: Document | None) -> Step[None]:
            shown = document.fields.get("pendingNotificationId") if document else None
            return Step(None, dict.fromkeys(SLOT_FIELDS) if shown == notification_id else {})

        change(self._database, _device(hwid), cleared, _WHAT)

    # ---- what is derived for queries ---------------------------------------------------------

    def derive_again(self, hwid: str) -> None:
        """Write the derived fields for our queries, as the device is now; no-op when it is gone."""

        def derived(document: Document | None) -> Step[None]:
            return Step(None, _to_derive(document) if document else {})

        change(self._database, _device(hwid), derived, _WHAT)

    def underived(self) -> Iterator[str]:
        """Yield the devices whose derived fields are missing or wrong."""
        select = (*DERIVED_FROM, *DERIVED_FIELDS)
        page = Query(DEVICES, order=(NAME,), limit=PAGE, select=select)
        while documents := self._database.query(page):
            yield from (each.id for each in documents if _to_derive(each))
            page = replace(page, after=(documents[-1].name,))

    # ---- how it is read and written ----------------------------------------------------------

    def _take_from_others(self, address: PushAddress) -> None:
        """Take the address from all holders but the last; where one device cannot be written, from
        the others, and then raise ``TryAgain``.
        """
        holders = self._holders(address)
        if len(holders) < 2:
            return
        (_, kept), others = latest_and_others(holders)
        failed = None
        for hwid in others:
            try:
                self.drop_address(hwid, kept.value, kept.registered_at)
            except TryAgain as away:
                failed = away
        if failed is not None:
            raise failed

    def _holders(self, address: PushAddress) -> list[Holder]:
        fields = ["pushAddress.value"]
        if address.kind is AddressKind.FCM:
            fields.append("fcmToken")
        found: dict[str, PushAddress] = {}
        for field in fields:
            holding = Query(DEVICES, (Where(field, "==", address.value),))
            for it in self._database.query(holding):
                held = device_from(it.id, it.fields).address
                if held and (held.kind, held.value) == (address.kind, address.value):
                    found[it.id] = held
        return list(found.items())

    def _update(self, hwid: str, fields: Fields) -> None:
        try:
            write(self._database, [Update(_device(hwid), fields)], _WHAT)
        except Unmet:
            raise NotFound("there is no such device") from None

    def _documents(self, hwids: Sequence[str], fields: Sequence[str] = ()) -> Sequence[Document]:
        names = [_device(hwid) for hwid in hwids]
        return list(self._database.get_many(names, fields).documents.values()) if names else ()


def _device(hwid: str) -> str:
    return document_name(DEVICES, hwid)


def _secret(hwid: str) -> str:
    return document_name(DEVICE_SECRETS, hwid)


def _fields(document: Document | None) -> Fields | None:
    return document.fields if document else None


def _replacing(name: str, document: Document | None, fields: Fields | None) -> tuple[Write, ...]:
    """Form the write after which the document is ``fields`` and nothing else, or is gone, on the
    condition that it is as it was read.
    """
    if document is None:
        return () if fields is None else (Create(name, fields),)
    if fields is None:
        return (Delete(name, document.version),)
    return (Update(name, _without_others(document, fields), document.version),)


def _without_others(document: Document | None, fields: Fields) -> Fields:
    """Add the removal of every other field that the document has."""
    stored = _fields(document) or ()
    return {**dict.fromkeys(map(quoted, stored)), **fields}


def _to_derive(document: Document) -> Fields:
    """Build the derived fields that are missing or wrong, as they should be."""
    wanted = derived_fields(derived_from(document.id, document.fields))
    return difference(document.fields, wanted)
