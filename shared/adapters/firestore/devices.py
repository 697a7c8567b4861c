"""Devices in Firestore, shared with existing back ends and apps: only named fields are written.

Secrets stand in a collection of their own, because a device may read its own document.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore import (
    Client,
    DocumentReference,
    FieldFilter,
)

from shared.adapters.firestore.calls import (
    NotDone,
    Refused,
    Snapshot,
    Unclear,
    as_update,
    commit,
    commit_once,
    data_of,
    fetch,
    reference,
    replace,
    rewrite,
)
from shared.adapters.firestore.others import OthersDocuments
from shared.domain.audience.device import AddressKind, Derived, Device, PushAddress, Reach
from shared.domain.audience.holders import Holder, latest_and_others, may_drop
from shared.domain.audience.ownership import Credential, Generation, Ownership
from shared.domain.errors import NotFound
from shared.stores.change import Turns
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

if TYPE_CHECKING:
    from shared.adapters.firestore.rest import FirestoreRest

PAGE = 500


class FirestoreDevices:
    """``devices/{hwid}`` and ``deviceSecrets/{hwid}``."""

    def __init__(self, client: Client, again: "Callable[[], FirestoreRest]") -> None:
        self._client = client
        self._others = OthersDocuments(client, again)

    def get(self, hwid: str) -> Device | None:
        snapshot = self._others.fetch(self._reference(hwid))
        return device_from(hwid, data_of(snapshot)) if snapshot.exists else None

    def reach(self, hwids: Sequence[str]) -> Mapping[str, Reach]:
        found = self._found(hwids, REACH_FIELDS)
        return {hwid: reach_from(document) for hwid, document in found}

    def domains(self, hwids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        found = self._found(hwids, ["domains"])
        return {hwid: domains_from(document) for hwid, document in found}

    def refresh(self, device: Device, derived: Derived, generation: str = "") -> None:
        fields = registration_fields(device, derived)
        fields = as_update(fields | ({GENERATION: generation} if generation else {}))
        batch = self._client.batch()
        batch.set(self._reference(device.hwid), fields, merge=list(fields))
        commit(batch, "the device")

    def begin(
        self, hwid: str, decide: Callable[[Ownership], Generation | Credential]
    ) -> Generation | Credential:
        turns, sent = Turns("the device"), None
        while True:
            turns.take()
            device, secret = self._both(hwid)
            ownership = ownership_from(hwid, _if_there(secret), _if_there(device))
            if sent is not None and sent.credential == ownership.credential:
                return sent
            decided = decide(ownership)
            if isinstance(decided, Credential):
                return decided
            batch = self._client.batch()
            replace(batch, secret, credential_fields(decided.credential))
            replace(batch, device, generation_fields(decided))
            try:
                commit_once(batch)
            except (Refused, NotDone):
                continue
            except Unclear:
                sent = decided
            else:
                return decided

    def credential(self, hwid: str) -> Credential | None:
        snapshot = fetch(self._secret(hwid))
        return credential_from(hwid, data_of(snapshot)) if snapshot.exists else None

    def set_address(self, hwid: str, address: PushAddress | None) -> None:
        self._update(hwid, address_fields(address))
        if address is not None:
            self._take_from_others(address)

    def set_consent(self, hwid: str, consent: bool) -> None:
        self._update(hwid, {"consent": consent} | ({} if consent else address_fields(None)))

    def drop_address(self, hwid: str, value: str, registered_by: datetime | None = None) -> bool:
        def wanted(snapshot: Snapshot) -> Mapping[str, Any]:
            held = device_from(hwid, data_of(snapshot)).address
            return address_fields(None) if may_drop(held, value, registered_by) else {}

        return self._rewrite(hwid, wanted)

    def pending(self, hwid: str, now: datetime) -> Mapping[str, object] | None:
        snapshot = self._others.fetch(self._reference(hwid))
        return pending_from(data_of(snapshot), now) if snapshot.exists else None

    def clear_slot(self, hwid: str, notification_id: str) -> None:
        def wanted(snapshot: Snapshot) -> Mapping[str, Any]:
            shown = data_of(snapshot).get("pendingNotificationId")
            return dict.fromkeys(SLOT_FIELDS) if shown == notification_id else {}

        self._rewrite(hwid, wanted)

    def delete(self, hwid: str) -> None:
        batch = self._client.batch()
        batch.delete(self._reference(hwid))
        batch.delete(self._secret(hwid))
        commit(batch, "the device")

    def derive_again(self, hwid: str) -> None:
        def wanted(snapshot: Snapshot) -> Mapping[str, Any]:
            return _to_derive(snapshot) if snapshot.exists else {}

        self._rewrite(hwid, wanted)

    def underived(self) -> Iterator[str]:
        by_name = self._client.collection(DEVICES).order_by("__name__").limit(PAGE)
        page = by_name.select([*DERIVED_FROM, *DERIVED_FIELDS])
        while snapshots := self._others.select(page):
            yield from (each.id for each in snapshots if _to_derive(each))
            page = page.start_after({"__name__": snapshots[-1].reference})

    def _take_from_others(self, address: PushAddress) -> None:
        holders = self._holders(address)
        if len(holders) > 1:
            (_, kept), others = latest_and_others(holders)
            for hwid in others:
                self.drop_address(hwid, kept.value, kept.registered_at)

    def _holders(self, address: PushAddress) -> list[Holder]:
        fields = ["pushAddress.value"]
        if address.kind is AddressKind.FCM:
            fields.append("fcmToken")
        found: dict[str, PushAddress] = {}
        for field in fields:
            same = FieldFilter(field, "==", address.value)
            holding = self._client.collection(DEVICES).where(filter=same)
            for snapshot in self._others.select(holding):
                held = device_from(snapshot.id, data_of(snapshot)).address
                if held and (held.kind, held.value) == (address.kind, address.value):
                    found[snapshot.id] = held
        return list(found.items())

    def _update(self, hwid: str, fields: Mapping[str, Any]) -> None:
        batch = self._client.batch()
        batch.update(self._reference(hwid), as_update(fields))
        try:
            commit(batch, "the device")
        except Refused:
            raise NotFound("there is no such device") from None

    def _rewrite(self, hwid: str, wanted: Callable[[Snapshot], Mapping[str, Any]]) -> bool:
        place = self._reference(hwid)
        return rewrite(self._client, place, "the device", wanted, self._others.fetch)

    def _found(
        self, hwids: Sequence[str], fields: Sequence[str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        if hwids:
            places = [self._reference(hwid) for hwid in hwids]
            for snapshot in self._others.fetch_all(places, fields):
                if snapshot.exists:
                    yield snapshot.id, data_of(snapshot)

    def _both(self, hwid: str) -> tuple[Snapshot, Snapshot]:
        """The device and its secret, as of one moment."""
        places = (self._reference(hwid), self._secret(hwid))
        found = {it.reference.path: it for it in self._others.fetch_all(places)}
        device, secret = (found[place.path] for place in places)
        return device, secret

    def _reference(self, hwid: str) -> DocumentReference:
        return reference(self._client, DEVICES, hwid)

    def _secret(self, hwid: str) -> DocumentReference:
        return reference(self._client, DEVICE_SECRETS, hwid)


def _if_there(snapshot: Snapshot) -> Mapping[str, Any] | None:
    return data_of(snapshot) if snapshot.exists else None


def _to_derive(snapshot: Snapshot) -> Mapping[str, Any]:
    """The derived fields that are missing or wrong, as they should be."""
    document = data_of(snapshot)
    return difference(document, derived_fields(derived_from(snapshot.id, document)))
