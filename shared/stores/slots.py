"""The polling fields on desktops' documents: one conditional write each, many to a request.

A slot is written only on the document that was read, so a newer notification that came between is
noticed. Whatever was not certainly written is looked at again and decided by what is there, which
makes a repeated write, and one whose answer was lost, end the same way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import sleep

from shared.domain.audience.device import Slot, held_back
from shared.domain.delivery.ledger import Outcome, Record
from shared.domain.errors import TryAgain
from shared.domain.push.desktop import SlotPayload, SlotWrite
from shared.ports.database import MOST_WRITES_AT_ONCE, Database, Document, Fields, Update
from shared.stores.change import waiting_seconds
from shared.stores.device_codec import (
    DEVICES,
    DOMAINS_UNREADABLE,
    SLOT_FIELDS,
    consent_from,
    slot_from,
)
from shared.stores.names import document_name

ROUNDS = 4
CONTENTION, UNAVAILABLE = "contention", "unavailable"
SEEN_FIELDS = ("pendingNotificationId", "pendingNotificationAt", "consent", DOMAINS_UNREADABLE)


class Slots:
    """``devices/{hwid}``, its ``pendingNotification…`` fields only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def show(self, payload: SlotPayload, writes: Sequence[SlotWrite]) -> Sequence[Record]:
        """Write the payload into each slot unless a newer one is there; return a record for each.

        ``delivered`` when written (now or before), ``skipped``/``superseded`` when a newer one is
        shown, ``skipped``/``deviceGone`` when the document is gone, open when the write should be
        tried again.
        """
        fields = dict.fromkeys(SLOT_FIELDS) | payload.fields
        records: dict[str, Record] = {}
        for start in range(0, len(writes), MOST_WRITES_AT_ONCE):
            some = writes[start : start + MOST_WRITES_AT_ONCE]
            records |= _Some(self._database, payload.slot, fields).write(some)
        return [records[write.hwid] for write in writes]


@dataclass(frozen=True, slots=True)
class _Some:
    """One notification on its way into up to 500 slots."""

    database: Database
    ours: Slot
    fields: Fields

    def write(self, writes: Sequence[SlotWrite]) -> dict[str, Record]:
        """Write where nothing newer was seen, look at the rest, a few times over.

        What was looked at just now is written at once; who loses again waits.
        """
        records: dict[str, Record] = {}
        versions = {w.hwid: w.read_version for w in writes if _is_free(w, self.ours)}
        code = CONTENTION
        for attempt in range(1, ROUNDS + 1):
            try:
                self._write(versions, records)
                unsure = [w.hwid for w in writes if w.hwid not in records]
                versions, code = self._look(unsure, records), CONTENTION
            except TryAgain:
                versions, code = {}, UNAVAILABLE
            if all(w.hwid in records for w in writes):
                break
            if 1 < attempt < ROUNDS or code is UNAVAILABLE:
                sleep(waiting_seconds(attempt))
        return {w.hwid: records.get(w.hwid, Record(Outcome.OPEN, code)) for w in writes}

    def _write(self, versions: Mapping[str, str], records: dict[str, Record]) -> None:
        """Record those that were certainly written."""
        wanted = [Update(_name(hwid), self.fields, version) for hwid, version in versions.items()]
        try:
            results = self.database.write_each(wanted) if wanted else []
        except TryAgain:
            return  # what became of it is looked at next
        for hwid, result in zip(versions, results, strict=True):
            if result.done and result.version:
                at = datetime.fromisoformat(result.version)
                records[hwid] = Record(Outcome.DELIVERED, at=at)

    def _look(self, hwids: Sequence[str], records: dict[str, Record]) -> dict[str, str]:
        """Record those that are decided; return the versions of the others, to be written."""
        found = self.database.get_many([_name(hwid) for hwid in hwids], SEEN_FIELDS)
        versions = {}
        for hwid in hwids:
            document = found.documents.get(_name(hwid))
            decided = _decided(self.ours, document, datetime.fromisoformat(found.read_at))
            if decided is not None:
                records[hwid] = decided
            elif document is not None:
                versions[hwid] = document.version
        return versions


def _name(hwid: str) -> str:
    return document_name(DEVICES, hwid)


def _decided(ours: Slot, document: Document | None, at: datetime) -> Record | None:
    """Return what is to be recorded of a desktop; ``None`` where ``ours`` is to be written."""
    if document is None:
        return Record(Outcome.SKIPPED, "deviceGone", at=at)
    shown = slot_from(document.fields)
    if shown is not None and shown.id == ours.id:
        return Record(Outcome.DELIVERED, at=at)
    if code := held_back(*consent_from(document.fields)):
        return Record(Outcome.SKIPPED, code, at=at)
    if shown is None or shown.yields_to(ours, at):
        return None
    return Record(Outcome.SKIPPED, "superseded", at=at)


def _is_free(write: SlotWrite, ours: Slot) -> bool:
    """Tell whether ``ours`` may be written at once, on the version that was read."""
    slot = write.slot
    return bool(write.read_version) and (slot is None or slot.is_older_than(ours))
