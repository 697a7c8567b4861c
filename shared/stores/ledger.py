"""``pendingNotifications/{id}/parts`` and ``…/batches``: from an audience to outcomes.

Every write carries the version it rests on, so sending it again after its answer was lost is
harmless: either that version is still there, or what was to be written is, and counts as written.
Anything else in its place means that another task owns the batch now.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from shared.domain.audience.device import PARTITIONS
from shared.domain.delivery.evidence import Evidence, Group
from shared.domain.delivery.ledger import Batch, BatchId, BatchState, PlanPart
from shared.domain.delivery.run import RunId
from shared.domain.errors import Defect, LostLease, NotFound, TryAgain
from shared.domain.tally import DIMENSIONS, TOTALS, Tally
from shared.ports.database import (
    NAME,
    Create,
    Database,
    Document,
    Query,
    Unmet,
    Update,
    Where,
    Write,
)
from shared.stores.change import settle
from shared.stores.ledger_codec import (
    BATCHES,
    EVIDENCE,
    PARTS,
    batch_fields,
    batch_from,
    batch_name,
    evidence_from,
    part_fields,
    part_from,
    part_name,
    state_fields,
    tally_from,
)
from shared.stores.run_names import run_name, run_of

BATCHES_PER_PAGE = 8
SUMS_PER_PAGE = 500
EVIDENCE_PER_PAGE = 500
BETWEEN_PER_PAGE = 3
"""A batch of the same audience meets two of an earlier one, or three."""

log = logging.getLogger(__name__)


class Ledger:
    """Batches and plan parts of each notification. Every write rests on the version read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- plan parts --------------------------------------------------------------------------

    def open_parts(self, parts: Sequence[PlanPart]) -> None:
        """Create the parts that are not there yet; a part that exists is left as it is."""
        writes = [Create(_part(part), part_fields(part)) for part in parts]
        results = self._database.write_each(writes) if writes else ()
        if not all(it.done or it.unmet for it in results):
            raise TryAgain("not every part of the plan could be opened")

    def parts(self, id: RunId) -> Sequence[PlanPart]:
        """List all plan parts, by ``low``."""
        asked = Query(PARTS, order=(NAME,), limit=PARTITIONS, below=run_name(id))
        return [part_from(document) for document in self._database.query(asked)]

    def part(self, id: RunId, low: int) -> PlanPart | None:
        """Return the part that begins at ``low``; ``None`` while it is not opened."""
        document = self._database.get(part_name(id, low))
        return None if document is None else part_from(document)

    def advance(self, part: PlanPart, batches: Sequence[Batch]) -> PlanPart:
        """Write the part's progress and the batches it planned at once; raises ``LostLease``."""
        first = Update(_part(part), part_fields(part), _read(part.version))
        planned = [Create(_batch(batch), batch_fields(batch)) for batch in batches]
        return replace(part, version=self._settled([first, *planned]))

    # ---- one batch ---------------------------------------------------------------------------

    def batch(self, id: RunId, batch: BatchId) -> Batch:
        """Return a batch; raises ``NotFound``."""
        document = self._database.get(batch_name(id, batch))
        if document is None:
            raise NotFound(f"there is no batch {batch} of {id}")
        return batch_from(document)

    def write(self, batch: Batch, changed: Iterable[int] = ()) -> Batch:
        """Write the batch's state and the records at ``changed``; raises ``LostLease``."""
        wanted = Update(_batch(batch), state_fields(batch, changed), _read(batch.version))
        return replace(batch, version=self._settled([wanted]))

    def _settled(self, writes: Sequence[Write]) -> str:
        try:
            return settle(self._database, writes, "the ledger")
        except Unmet:
            raise LostLease from None

    # ---- many batches ------------------------------------------------------------------------

    def batches(self, id: RunId, after: str = "") -> Iterator[Batch]:
        """Yield every batch with its records, by id, a few at a time; only those after the id
        ``after``.
        """
        return (batch_from(document) for document in self._all(id, (), BATCHES_PER_PAGE, after))

    def evidence(self, id: RunId) -> Iterator[tuple[BatchId, Mapping[Group, Evidence]]]:
        """Yield what the addresses of each batch were answered that an owner gave back or closed;
        nothing yet of an open one that none gave back. One read a batch.
        """
        for document in self._all(id, (EVIDENCE, "state"), EVIDENCE_PER_PAGE):
            kept = evidence_from(document)
            if kept or document.fields.get("state") == BatchState.OPEN:
                yield BatchId(document.id), kept

    def open_batches(self, id: RunId) -> int:
        """Count the batches that are not closed, by aggregation."""
        is_open = Where("state", "==", str(BatchState.OPEN))
        return self._database.count(Query(BATCHES, (is_open,), below=run_name(id))).number

    def sums(self, id: RunId) -> Tally:
        """Sum up the batches without ``errors``, by aggregation: for live counters."""
        return Tally.of(self._database.sum(Query(BATCHES, below=run_name(id)), TOTALS).numbers)

    def tally(self, id: RunId) -> Tally:
        """Sum up the batches with ``errors``, from the sums each keeps of its own records."""
        documents = self._all(id, (*TOTALS, *DIMENSIONS), SUMS_PER_PAGE)
        return sum(map(tally_from, documents), Tally())

    def _all(
        self, id: RunId, select: tuple[str, ...], page: int, begin: str = ""
    ) -> Iterator[Document]:
        after: tuple[str, ...] = (batch_name(id, BatchId(begin)),) if begin else ()
        asked = Query(BATCHES, order=(NAME,), limit=page, select=select, below=run_name(id))
        while True:
            documents = self._database.query(replace(asked, after=after))
            yield from documents
            if len(documents) < page:
                return
            after = (documents[-1].name,)

    def batches_around(self, id: RunId, key: str) -> Sequence[Batch]:
        """Return for each stream the batch that would hold sort key ``key``."""
        streams = range(self._streams(id))
        downwards = (self._down_from(id, stream, key, 1) for stream in streams)
        return [batch for each in downwards for batch in islice(each, 1)]

    def batches_between(self, id: RunId, low: str, high: str, most: int) -> Sequence[Batch] | None:
        """Return the batches that would hold the sort keys from ``low`` to ``high``; ``None`` where
        ``most`` of one stream begin behind ``low``.
        """
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

    def _down_from(self, id: RunId, stream: int, key: str, page: int) -> Iterator[Batch]:
        """Yield the batches that begin at ``key`` or before, the last first."""
        where = (Where("stream", "==", stream), Where("firstKey", "<=", key))
        asked = Query(BATCHES, where, order=("-firstKey",), limit=page, below=run_name(id))
        while True:
            documents = self._database.query(asked)
            yield from map(batch_from, documents)
            if len(documents) < page:
                return
            asked = replace(asked, after=(documents[-1].fields["firstKey"],))

    def _streams(self, id: RunId) -> int:
        select = ("stream",)
        asked = Query(BATCHES, order=("-stream",), limit=1, select=select, below=run_name(id))
        found = self._database.query(asked)
        return int(found[0].fields["stream"]) + 1 if found else 0

    # ---- of any notification -----------------------------------------------------------------

    def overdue_batches(self, now: datetime, limit: int) -> Sequence[tuple[RunId, BatchId]]:
        """List open batches whose ``wake_at`` has passed, of any notification."""
        documents = self._overdue(BATCHES, now, limit, select=(NAME,))
        return [(run_of(it.name), BatchId(it.id)) for it in documents]

    def overdue_parts(self, now: datetime, limit: int) -> Sequence[PlanPart]:
        """List unfinished plan parts whose ``wake_at`` has passed, of any notification; parts that
        cannot be read are left out.
        """
        return list(_readable_parts(self._overdue(PARTS, now, limit)))

    def _overdue(
        self, collection: str, now: datetime, limit: int, select: tuple[str, ...] = ()
    ) -> Sequence[Document]:
        """Those done have no ``wakeAt``, so none of them is looked at."""
        due = (Where("wakeAt", "<=", now),)
        asked = Query(collection, due, ("wakeAt",), (), limit, select, everywhere=True)
        return self._database.query(asked)


def _part(part: PlanPart) -> str:
    return part_name(part.run_id, part.low)


def _batch(batch: Batch) -> str:
    return batch_name(batch.run_id, batch.id)


def _readable_parts(documents: Iterable[Document]) -> Iterator[PlanPart]:
    """Yield all but those that somebody spoilt, which must not keep the others waiting."""
    for document in documents:
        try:
            yield part_from(document)
        except Defect:
            log.exception("cannot be swept")


def _read(version: str) -> str:
    """Return the condition of a write; without one it would overwrite whatever is there."""
    if not version:
        raise Defect("only what was read from the ledger can be written back")
    return version
