"""The polling fields on desktops' documents: one conditional write each, many to a request.

A slot is written only on the document that was read, so a newer notification that came between is
noticed. Whatever was not certainly written is looked at again and decided by what is there, which
makes a repeated write, and one whose answer was lost, end the same way.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.adapters.firestore.rest import MOST_WRITES_AT_ONCE, FirestoreRest, waiting_seconds
from shared.adapters.firestore.rest_values import Raw, decode_fields, encode, moment, write
from shared.domain.audience.device import Slot, held_back
from shared.domain.delivery.ledger import Outcome, Record
from shared.domain.errors import TryAgain
from shared.domain.push.desktop import SlotPayload
from shared.ports import SlotWrite
from shared.stores.device_codec import (
    DEVICES,
    DOMAINS_UNREADABLE,
    SLOT_FIELDS,
    consent_from,
    slot_from,
)

ROUNDS = 4
CONTENTION, UNAVAILABLE = "contention", "unavailable"
SEEN_FIELDS = ("pendingNotificationId", "pendingNotificationAt", "consent", DOMAINS_UNREADABLE)


class FirestoreSlots:
    """``devices/{hwid}``, its ``pendingNotification…`` fields only."""

    def __init__(self, rest: FirestoreRest, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._rest = rest
        self._sleep = sleep

    def show(self, payload: SlotPayload, writes: Sequence[SlotWrite]) -> Sequence[Record]:
        fields = {name: encode(value) for name, value in payload.fields.items()}
        records: dict[str, Record] = {}
        for start in range(0, len(writes), MOST_WRITES_AT_ONCE):
            some = writes[start : start + MOST_WRITES_AT_ONCE]
            records |= _Some(self._rest, self._sleep, payload.slot, fields).shown(some)
        return [records[write.hwid] for write in writes]


@dataclass(frozen=True, slots=True)
class _Some:
    """One notification on its way into up to 500 slots."""

    rest: FirestoreRest
    sleep: Callable[[float], None]
    ours: Slot
    fields: Mapping[str, Raw]

    def shown(self, writes: Sequence[SlotWrite]) -> dict[str, Record]:
        """Write where nothing newer was seen, look at the rest, a few times over."""
        records: dict[str, Record] = {}
        versions = {w.hwid: w.read_version for w in writes if _is_free(w, self.ours)}
        met = CONTENTION
        for attempt in range(1, ROUNDS + 1):
            try:
                self._write(versions, records)
                unsure = [w.hwid for w in writes if w.hwid not in records]
                versions, met = self._look(unsure, records), CONTENTION
            except TryAgain:
                versions, met = {}, UNAVAILABLE
            if all(w.hwid in records for w in writes):
                break
            if attempt < ROUNDS:
                self.sleep(waiting_seconds(attempt))
        return {w.hwid: records.get(w.hwid, Record(Outcome.OPEN, met)) for w in writes}

    def _write(self, versions: Mapping[str, str], records: dict[str, Record]) -> None:
        """Record those that were certainly written."""
        wanted = [
            write(self._name(hwid), self.fields, SLOT_FIELDS, version=version)
            for hwid, version in versions.items()
        ]
        try:
            results = self.rest.batch_write(wanted) if wanted else []
        except TryAgain:
            return  # what became of it is looked at next
        for hwid, (code, version) in zip(versions, results, strict=True):
            if not code and version:
                records[hwid] = Record(Outcome.DELIVERED, at=moment(version))

    def _look(self, hwids: Sequence[str], records: dict[str, Record]) -> dict[str, str]:
        """Record those that are decided; the versions of the others, to be written."""
        found = self.rest.batch_get([self._name(hwid) for hwid in hwids], SEEN_FIELDS)
        versions = {}
        for hwid in hwids:
            document = found.documents.get(self._name(hwid))
            decided = decide(self.ours, document, moment(found.read_time))
            if decided is not None:
                records[hwid] = decided
            elif document is not None:
                versions[hwid] = document["updateTime"]
        return versions

    def _name(self, hwid: str) -> str:
        return self.rest.name(DEVICES, hwid)


def decide(ours: Slot, document: Raw | None, at: datetime) -> Record | None:
    """What is to be recorded of a desktop that looks like this; ``None`` to write ``ours``."""
    if document is None:
        return Record(Outcome.SKIPPED, "deviceGone", at=at)
    return decided(ours, decode_fields(document), at)


def decided(ours: Slot, fields: Mapping[str, Any], now: datetime) -> Record | None:
    """The same, of the fields of a document that is there."""
    shown = slot_from(fields)
    if shown is not None and shown.id == ours.id:
        return Record(Outcome.DELIVERED, at=now)
    if code := held_back(*consent_from(fields)):
        return Record(Outcome.SKIPPED, code, at=now)
    if shown is None or shown.yields_to(ours, now):
        return None
    return Record(Outcome.SKIPPED, "superseded", at=now)


def _is_free(wanted: SlotWrite, ours: Slot) -> bool:
    """Whether ``ours`` may be written at once, on the version that was read."""
    shown = wanted.slot
    return bool(wanted.read_version) and (shown is None or shown.is_older_than(ours))
