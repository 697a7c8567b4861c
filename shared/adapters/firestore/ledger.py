"""The ledger over Firestore's REST API: plan parts and batches below their notification.

Every write carries the version it rests on, so sending it again after its answer was lost is
harmless: it either finds that version, or finds what it wrote itself and takes it as written.
Anything else in its place means that somebody else owns the batch now.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from shared.adapters.documents.notification import NOTIFICATIONS
from shared.adapters.firestore.ledger_documents import (
    EVIDENCE,
    PART_FIELDS,
    batch_from,
    evidence_from,
    holds,
    new_batch_fields,
    owner_of,
    part_fields,
    part_from,
    state_fields,
    state_mask,
    tally_from,
)
from shared.adapters.firestore.rest import (
    FirestoreRest,
    waiting_seconds,
)
from shared.adapters.firestore.rest_values import (
    NAME,
    Raw,
    decode,
    decode_fields,
    id_of,
    query,
    where,
    write,
)
from shared.domain.audience.device import PARTITIONS
from shared.domain.delivery.evidence import Evidence, Group
from shared.domain.delivery.ledger import Batch, BatchId, BatchState, PlanPart
from shared.domain.errors import Defect, NotFound, TryAgain
from shared.domain.notifications.notification import NotificationId
from shared.domain.tally import DIMENSIONS, TOTALS, Tally
from shared.ports import LostLease
from shared.ports.database import Lost, Unmet

PARTS = "parts"
BATCHES = "batches"
BATCHES_PER_PAGE = 8
SUMS_PER_PAGE = 500
EVIDENCE_PER_PAGE = 500
BETWEEN_PER_PAGE = 3
"""A batch of the same audience meets two of an earlier one, or three."""
MOST_TRIES = 5
_WRITTEN_OR_THERE = {0, 6, 9}
"""Status codes: fine, already exists, precondition failed."""

log = logging.getLogger(__name__)


class FirestoreLedger:
    """``pendingNotifications/{id}/parts`` and ``…/batches``."""

    def __init__(self, rest: FirestoreRest, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._rest = rest
        self._sleep = sleep

    # ---- plan parts --------------------------------------------------------------------------

    def open_parts(self, parts: Sequence[PlanPart]) -> None:
        writes = [write(self._part(part), part_fields(part), exists=False) for part in parts]
        if writes and not {code for code, _ in self._rest.batch_write(writes)} <= _WRITTEN_OR_THERE:
            raise TryAgain("not every part of the plan could be opened")

    def parts(self, id: NotificationId) -> Sequence[PlanPart]:
        asked = query(PARTS, order=[NAME], limit=PARTITIONS)
        return [part_from(document) for document in self._rest.run_query(asked, self._below(id))]

    def part(self, id: NotificationId, low: int) -> PlanPart | None:
        document = self._rest.get(self._below(id, PARTS, _number(low)))
        return None if document is None else part_from(document)

    def advance(self, part: PlanPart, batches: Sequence[Batch]) -> PlanPart:
        name, fields = self._part(part), part_fields(part)
        first = write(name, fields, PART_FIELDS, version=_read(part.version))
        planned = [write(self._batch(b), new_batch_fields(b), exists=False) for b in batches]
        return replace(part, version=self._settled(first, planned))

    # ---- one batch ---------------------------------------------------------------------------

    def batch(self, id: NotificationId, batch: BatchId) -> Batch:
        document = self._rest.get(self._below(id, BATCHES, batch))
        if document is None:
            raise NotFound(f"there is no batch {batch} of {id}")
        return batch_from(document)

    def write(self, batch: Batch, changed: Iterable[int] = ()) -> Batch:
        positions = list(changed)
        fields = state_fields(batch, positions)
        mask = state_mask(batch, positions, fields)
        wanted = write(self._batch(batch), fields, mask, version=_read(batch.version))
        return replace(batch, version=self._settled(wanted, []))

    def _settled(self, first: Raw, others: Sequence[Raw]) -> str:
        """Commit all of it, until it is known what became of it; the first one's new version."""
        lost = False
        for attempt in range(1, MOST_TRIES + 1):
            try:
                return self._rest.commit([first, *others])[0]
            except Lost:
                lost = True
            except Unmet:
                if not lost:
                    raise LostLease from None
            except TryAgain:
                if attempt == MOST_TRIES:
                    raise
            if lost and (version := self._found_written(first)):
                return version
            self._sleep(waiting_seconds(attempt))
        raise TryAgain("the ledger cannot be written right now")

    def _found_written(self, wanted: Raw) -> str:
        """The version, if the document already says what was to be written."""
        name, mask = wanted["update"]["name"], wanted["updateMask"]["fieldPaths"]
        document = self._rest.get(name, mask)
        if document is None:
            raise LostLease
        version: str = document["updateTime"]
        if version == wanted["currentDocument"]["updateTime"]:
            return ""
        if not holds(document, wanted["update"]["fields"], mask):
            raise LostLease
        return version

    # ---- many batches ------------------------------------------------------------------------

    def batches(self, id: NotificationId, after: str = "") -> Iterator[Batch]:
        return (batch_from(document) for document in self._all(id, (), BATCHES_PER_PAGE, after))

    def evidence(self, id: NotificationId) -> Iterator[tuple[BatchId, Mapping[Group, Evidence]]]:
        for document in self._all(id, (EVIDENCE, "state"), EVIDENCE_PER_PAGE):
            kept = evidence_from(document)
            if kept or decode_fields(document).get("state") == BatchState.OPEN:
                yield BatchId(id_of(document)), kept

    def open_batches(self, id: NotificationId) -> int:
        asked = query(BATCHES, where("state", "EQUAL", str(BatchState.OPEN)))
        return self._rest.run_aggregation(asked, parent=self._below(id)).numbers["count"]

    def sums(self, id: NotificationId) -> Tally:
        found = self._rest.run_aggregation(query(BATCHES), TOTALS, parent=self._below(id))
        return Tally.of(found.numbers)

    def tally(self, id: NotificationId) -> Tally:
        total = Tally()
        for document in self._all(id, (*TOTALS, *DIMENSIONS), SUMS_PER_PAGE):
            total += tally_from(document)
        return total

    def _all(
        self, id: NotificationId, select: Sequence[str], page: int, begin: str = ""
    ) -> Iterator[Raw]:
        after: list[Raw] = []
        if begin:
            after = [{"referenceValue": self._below(id, BATCHES, begin)}]
        while True:
            asked = query(BATCHES, order=[NAME], select=select, limit=page, after=after)
            documents = self._rest.run_query(asked, self._below(id))
            yield from documents
            if len(documents) < page:
                return
            after = [{"referenceValue": documents[-1]["name"]}]

    def batches_around(self, id: NotificationId, key: str) -> Sequence[Batch]:
        streams = range(self._streams(id))
        downwards = (self._down_from(id, stream, key, 1) for stream in streams)
        return [batch for each in downwards for batch in islice(each, 1)]

    def batches_between(
        self, id: NotificationId, low: str, high: str, most: int
    ) -> Sequence[Batch] | None:
        between: list[Batch] = []
        for stream in range(self._streams(id)):
            found: list[Batch] = []
            for batch in self._down_from(id, stream, high, BETWEEN_PER_PAGE):
                found.append(batch)
                if batch.first_key <= low:
                    break
                if len(found) == most:
                    return None
            between += found
        return between

    def _down_from(self, id: NotificationId, stream: int, key: str, page: int) -> Iterator[Batch]:
        """The batches that begin at ``key`` or before, the last first."""
        upto = [where("stream", "EQUAL", stream), where("firstKey", "LESS_THAN_OR_EQUAL", key)]
        after: list[Raw] = []
        while True:
            asked = query(BATCHES, *upto, order=["-firstKey"], limit=page, after=after)
            documents = self._rest.run_query(asked, self._below(id))
            yield from map(batch_from, documents)
            if len(documents) < page:
                return
            after = [documents[-1]["fields"]["firstKey"]]

    def _streams(self, id: NotificationId) -> int:
        asked = query(BATCHES, order=["-stream"], select=["stream"], limit=1)
        found = self._rest.run_query(asked, self._below(id))
        return int(decode(found[0]["fields"]["stream"])) + 1 if found else 0

    # ---- of any notification -----------------------------------------------------------------

    def overdue_batches(
        self, now: datetime, limit: int
    ) -> Sequence[tuple[NotificationId, BatchId]]:
        documents = self._overdue(BATCHES, now, limit, select=[NAME])
        return [(NotificationId(owner_of(d)), BatchId(id_of(d))) for d in documents]

    def overdue_parts(self, now: datetime, limit: int) -> Sequence[PlanPart]:
        return list(_readable_parts(self._overdue(PARTS, now, limit)))

    def _overdue(
        self, collection: str, now: datetime, limit: int, select: Sequence[str] = ()
    ) -> list[Raw]:
        """Those done have no ``wakeAt``, so none of them is looked at."""
        due = where("wakeAt", "LESS_THAN_OR_EQUAL", now)
        return self._rest.run_query(
            query(collection, due, order=["wakeAt"], select=select, limit=limit, everywhere=True)
        )

    # ---- names -------------------------------------------------------------------------------

    def _below(self, id: str, *path: str) -> str:
        return self._rest.name(NOTIFICATIONS, id, *path)

    def _part(self, part: PlanPart) -> str:
        return self._below(part.notification_id, PARTS, _number(part.low))

    def _batch(self, batch: Batch) -> str:
        return self._below(batch.notification_id, BATCHES, batch.id)


def _readable_parts(documents: Iterable[Raw]) -> Iterator[PlanPart]:
    """All but those that somebody spoilt, which must not keep the others waiting."""
    for document in documents:
        try:
            yield part_from(document)
        except Defect:
            log.exception("cannot be swept")


def _number(low: int) -> str:
    """Zero-padded, so that the order of names is the order of parts."""
    return f"{low:04d}"


def _read(version: str) -> str:
    """The condition of a write; without one it would overwrite whatever is there."""
    if not version:
        raise Defect("only what was read from the ledger can be written back")
    return version
