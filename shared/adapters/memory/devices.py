"""Devices in memory, with the promises of the Firestore ones and in the same documents."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.adapters.memory.documents import Collection
from shared.domain.audience.device import Derived, Device, PushAddress, Reach
from shared.domain.audience.holders import latest_and_others, may_drop
from shared.domain.audience.ownership import Credential, Generation, Ownership
from shared.domain.errors import NotFound
from shared.stores.codec import difference
from shared.stores.device_codec import (
    GENERATION,
    SLOT_FIELDS,
    address_fields,
    credential_fields,
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


class MemoryDevices:
    """``documents`` and ``versions`` are open to tests and to the fakes of the fan-out, and so are
    ``secrets`` (digests) and ``generations``.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._devices = Collection(self.lock)
        self.documents: dict[str, dict[str, Any]] = self._devices.documents
        self.versions: dict[str, str] = self._devices.versions
        self.secrets: dict[str, str] = {}
        self.generations: dict[str, str] = {}

    def merge(self, hwid: str, fields: dict[str, Any]) -> None:
        """Write these fields and a new version; ``None`` removes a field."""
        self._devices.merge(hwid, fields)

    def get(self, hwid: str) -> Device | None:
        document, _ = self._devices.read(hwid)
        return None if document is None else device_from(hwid, document)

    def reach(self, hwids: Sequence[str]) -> Mapping[str, Reach]:
        with self.lock:
            documents = {hwid: self.documents.get(hwid) for hwid in hwids}
            return {h: reach_from(it) for h, it in documents.items() if it is not None}

    def domains(self, hwids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        with self.lock:
            documents = {hwid: self.documents.get(hwid) for hwid in hwids}
            return {h: domains_from(it) for h, it in documents.items() if it is not None}

    def refresh(self, device: Device, derived: Derived, generation: str = "") -> None:
        fields = registration_fields(device, derived)
        self.merge(device.hwid, fields | ({GENERATION: generation} if generation else {}))

    def begin(
        self, hwid: str, decide: Callable[[Ownership], Generation | Credential]
    ) -> Generation | Credential:
        with self.lock:
            credential = self.credential(hwid)
            known = None if credential is None else credential_fields(credential)
            decided = decide(ownership_from(hwid, known, self._devices.read(hwid)[0]))
            if isinstance(decided, Generation):
                self._forget(hwid)
                if (fields := generation_fields(decided)) is not None:
                    self._devices.put(hwid, fields)
                self.secrets[hwid] = decided.credential.digest
                self.generations[hwid] = decided.credential.generation
            return decided

    def credential(self, hwid: str) -> Credential | None:
        with self.lock:
            if hwid not in self.secrets:
                return None
            return Credential(self.secrets[hwid], self.generations.get(hwid, ""))

    def set_address(self, hwid: str, address: PushAddress | None) -> None:
        with self.lock:
            self._must_be_there(hwid)
            self.merge(hwid, address_fields(address))
            self._take_from_others(address)

    def set_consent(self, hwid: str, consent: bool) -> None:
        with self.lock:
            self._must_be_there(hwid)
            self.merge(hwid, {"consent": consent} | ({} if consent else address_fields(None)))

    def drop_address(self, hwid: str, value: str, registered_by: datetime | None = None) -> bool:
        with self.lock:
            device = self.get(hwid)
            if device is None or not may_drop(device.address, value, registered_by):
                return False
            self.merge(hwid, address_fields(None))
            return True

    def pending(self, hwid: str, now: datetime) -> Mapping[str, object] | None:
        document, _ = self._devices.read(hwid)
        return None if document is None else pending_from(document, now)

    def clear_slot(self, hwid: str, notification_id: str) -> None:
        with self.lock:
            if self.documents.get(hwid, {}).get("pendingNotificationId") == notification_id:
                self.merge(hwid, dict.fromkeys(SLOT_FIELDS))

    def delete(self, hwid: str) -> None:
        with self.lock:
            self._forget(hwid)

    def derive_again(self, hwid: str) -> None:
        with self.lock:
            if changed := self._to_derive(hwid):
                self.merge(hwid, dict(changed))

    def underived(self) -> Iterator[str]:
        yield from (hwid for hwid in sorted(self.documents) if self._to_derive(hwid))

    def _to_derive(self, hwid: str) -> Mapping[str, Any]:
        document, _ = self._devices.read(hwid)
        if document is None:
            return {}
        return difference(document, derived_fields(derived_from(hwid, document)))

    def _forget(self, hwid: str) -> None:
        self._devices.remove(hwid)
        self.secrets.pop(hwid, None)
        self.generations.pop(hwid, None)

    def _must_be_there(self, hwid: str) -> None:
        if hwid not in self.documents:
            raise NotFound("there is no such device")

    def _take_from_others(self, address: PushAddress | None) -> None:
        if address is None:
            return
        holders = [
            (hwid, held)
            for hwid, document in self.documents.items()
            if (held := device_from(hwid, document).address) is not None
            and (held.kind, held.value) == (address.kind, address.value)
        ]
        if holders:
            (_, kept), others = latest_and_others(holders)
            for hwid in others:
                self.drop_address(hwid, kept.value, kept.registered_at)
