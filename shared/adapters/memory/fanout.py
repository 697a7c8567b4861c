"""The fan-out's stores in memory: audience, ledger and slots with the promises of the real ones.

They pass the same contract tests (``tests/adapters``): a write rests on a version and the second
of two writers loses, a closed batch forgets its addresses, a moment of the store can be read again.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar

from shared.adapters.firestore.slots import decided
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.audience.filters import Condition, Equals
from shared.domain.audience.targeting import AudienceQuery, PartitionRange
from shared.domain.delivery.evidence import Evidence, Group, evidence_to_keep
from shared.domain.delivery.ledger import (
    Batch,
    BatchId,
    BatchState,
    Outcome,
    PlanPart,
    Record,
    Target,
    sort_key,
)
from shared.domain.errors import Defect, NotFound
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.desktop import SlotPayload
from shared.domain.tally import Tally
from shared.ports import AudiencePage, Counted, LostLease, SlotWrite, SnapshotTooOld, Task
from shared.ports.database import Query, Update
from shared.stores.device_codec import (
    DEVICES,
    SLOT_FIELDS,
    derived_from,
    device_from,
    target_from,
)

MOST_SNAPSHOTS = 16


class MemoryAudience:
    """Every ``count`` keeps the devices as they are then; the last few of these can be read."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._snapshots: dict[str, _Snapshot] = {}
        self._moments = count(1)

    def count(self, query: AudienceQuery) -> Counted:
        snapshot = self._now()
        read_at = str(next(self._moments))
        self._snapshots[read_at] = snapshot
        for old in list(self._snapshots)[:-MOST_SNAPSHOTS]:
            self.forget(old)
        chosen = [hwid for hwid in snapshot if _found(snapshot, hwid, query) is not None]
        return Counted(len(chosen), read_at)

    def forget(self, read_at: str) -> None:
        """As the store does after an hour."""
        del self._snapshots[read_at]

    def page(
        self,
        query: AudienceQuery,
        partitions: PartitionRange,
        after: str,
        limit: int,
        read_at: str,
    ) -> AudiencePage:
        if read_at and read_at not in self._snapshots:
            raise SnapshotTooOld(f"the audience is no longer kept as of {read_at}")
        snapshot = self._snapshots[read_at] if read_at else self._now()
        rows = []
        for hwid in snapshot:
            found = _found(snapshot, hwid, query)
            if found and partitions.low <= found[0] < partitions.high:
                rows.append((sort_key(found[0], hwid), found[1], hwid))
        some = sorted(row for row in rows if row[0] > after)[:limit]
        targets = tuple(
            (key, target)
            for key, selectors, hwid in some
            if query.first_to_select(selectors)
            and (not query.undecided or query.keeps(device_from(hwid, snapshot[hwid][0])))
            for target in [target_from(hwid, *snapshot[hwid])]
        )
        more = len(some) == limit and query.hwid is None
        return AudiencePage(targets, some[-1][0] if more else None)

    def _now(self) -> "_Snapshot":
        return {it.id: (it.fields, it.version) for it in self._database.query(Query(DEVICES))}


_Snapshot = Mapping[str, tuple[Mapping[str, Any], str]]


def _found(
    snapshot: _Snapshot, hwid: str, query: AudienceQuery
) -> tuple[int, tuple[str, ...]] | None:
    """The partition and the selectors of a device that a query selects.

    One asked for by name is judged by its plain fields; others by what was derived for them.
    """
    document = snapshot[hwid][0]
    if query.hwid is None:
        stored = document.get("selectors")
        partition, selectors = document.get("partition"), tuple(map(str, _list(stored)))
    else:
        if hwid != query.hwid:
            return None
        derived = derived_from(hwid, document)
        partition, selectors = derived.partition, derived.selectors
    if not isinstance(partition, int) or set(selectors).isdisjoint(query.selectors):
        return None
    if query.hwid is not None:
        passes = query.keeps(device_from(hwid, document))
    else:
        passes = all(_meets(document, condition) for condition in query.conditions)
    return (partition, selectors) if passes else None


def _meets(document: Mapping[str, Any], condition: Condition) -> bool:
    """Compare a field as it is stored, where a time has a zone.

    Devices that are asked for by a time are ordered by their field ``hwid``, and so must have it.
    """
    stored = document.get(condition.field)
    if isinstance(condition, Equals):
        return bool(stored == condition.value)
    if not isinstance(stored, datetime) or stored.tzinfo is None:
        return False
    return "hwid" in document and stored >= condition.value


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


class MemoryLedger:
    """Parts and batches by notification and id; ``writes`` counts what would be billed."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.by_part: dict[tuple[str, int], PlanPart] = {}
        self.by_batch: dict[tuple[str, str], Batch] = {}
        self.writes = 0
        self._evidence: dict[tuple[str, str], Mapping[Group, Evidence]] = {}
        self._versions = count(1)

    # ---- plan parts --------------------------------------------------------------------------

    def open_parts(self, parts: Sequence[PlanPart]) -> None:
        with self.lock:
            for part in parts:
                key = (part.notification_id, part.low)
                if key not in self.by_part:
                    self.by_part[key] = replace(part, version=self._version())

    def parts(self, id: NotificationId) -> Sequence[PlanPart]:
        with self.lock:
            found = [part for (owner, _), part in self.by_part.items() if owner == id]
            return sorted(found, key=lambda part: part.low)

    def part(self, id: NotificationId, low: int) -> PlanPart | None:
        with self.lock:
            return self.by_part.get((id, low))

    def advance(self, part: PlanPart, batches: Sequence[Batch]) -> PlanPart:
        with self.lock:
            key = (part.notification_id, part.low)
            _check(self.by_part.get(key), part.version)
            new = {(batch.notification_id, str(batch.id)): batch for batch in batches}
            if not self.by_batch.keys().isdisjoint(new):
                raise LostLease
            for place, batch in new.items():
                self.by_batch[place] = self._stored(batch)
            self.by_part[key] = replace(part, version=self._version())
            return self.by_part[key]

    # ---- batches -----------------------------------------------------------------------------

    def batch(self, id: NotificationId, batch: BatchId) -> Batch:
        with self.lock:
            found = self.by_batch.get((id, batch))
        if found is None:
            raise NotFound(f"there is no batch {batch} of {id}")
        return found

    def write(self, batch: Batch, changed: Iterable[int] = ()) -> Batch:
        with self.lock:
            key = (batch.notification_id, str(batch.id))
            stored = self.by_batch.get(key)
            _check(stored, batch.version)
            records = list(stored.records if stored else ())
            for position in changed:
                records[position] = batch.records[position]
            kept = self._stored(replace(batch, records=tuple(records)))
            self.by_batch[key] = kept
            if told := evidence_to_keep(batch):
                self._evidence[key] = told
            return replace(batch, version=kept.version)

    def evidence(self, id: NotificationId) -> Iterator[tuple[BatchId, Mapping[Group, Evidence]]]:
        with self.lock:
            batches = {b: it.state for (owner, b), it in self.by_batch.items() if owner == id}
            found = {batch: self._evidence.get((id, batch), {}) for batch in batches}
        return (
            (BatchId(batch), kept)
            for batch, kept in found.items()
            if kept or batches[batch] is BatchState.OPEN
        )

    def batches(self, id: NotificationId, after: str = "") -> Iterator[Batch]:
        with self.lock:
            found = sorted((k, b) for k, b in self.by_batch.items() if k[0] == id and k[1] > after)
        return (batch for _, batch in found)

    def open_batches(self, id: NotificationId) -> int:
        return sum(batch.state is BatchState.OPEN for batch in self.batches(id))

    def sums(self, id: NotificationId) -> Tally:
        return replace(self.tally(id), errors={})

    def tally(self, id: NotificationId) -> Tally:
        return sum((batch.tally for batch in self.batches(id)), Tally())

    def batches_around(self, id: NotificationId, key: str) -> Sequence[Batch]:
        around: dict[int, Batch] = {}
        for batch in sorted(self.batches(id), key=lambda b: b.first_key):
            if batch.first_key <= key:
                around[batch.stream] = batch
        return [around[stream] for stream in sorted(around)]

    def batches_between(
        self, id: NotificationId, low: str, high: str, most: int
    ) -> Sequence[Batch] | None:
        later = [batch for batch in self.batches(id) if low < batch.first_key <= high]
        streams = Counter(batch.stream for batch in later)
        if any(batches >= most for batches in streams.values()):
            return None
        return [*self.batches_around(id, low), *later]

    # ---- of any notification -----------------------------------------------------------------

    def overdue_batches(
        self, now: datetime, limit: int
    ) -> Sequence[tuple[NotificationId, BatchId]]:
        with self.lock:
            due = _overdue(self.by_batch.values(), now)
        return [(NotificationId(batch.notification_id), batch.id) for batch in due[:limit]]

    def overdue_parts(self, now: datetime, limit: int) -> Sequence[PlanPart]:
        with self.lock:
            return _overdue(self.by_part.values(), now)[:limit]

    def _stored(self, batch: Batch) -> Batch:
        closed = batch.state is BatchState.CLOSED
        targets = tuple(
            Target(target.hwid, target.platform, target.locale) if closed else target
            for target in batch.targets
        )
        return replace(batch, targets=targets, newness={}, version=self._version())

    def _version(self) -> str:
        self.writes += 1
        return str(next(self._versions))


_D = TypeVar("_D", PlanPart, Batch)


def _overdue(all_of_them: Iterable[_D], now: datetime) -> list[_D]:
    """Those to be woken, the longest overdue first."""
    due = [(it.wake_at, n, it) for n, it in enumerate(all_of_them) if it.wake_at is not None]
    return [it for wake_at, _, it in sorted(due, key=lambda d: d[:2]) if wake_at <= now]


def _check(stored: PlanPart | Batch | None, version: str) -> None:
    if not version:
        raise Defect("only what was read from the ledger can be written back")
    if stored is None or stored.version != version:
        raise LostLease


class MemorySlots:
    """The polling fields of the devices in a ``MemoryDatabase``."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    def show(self, payload: SlotPayload, writes: Sequence[SlotWrite]) -> Sequence[Record]:
        with self._database.lock:
            return [self._shown(payload, write.hwid) for write in writes]

    def _shown(self, payload: SlotPayload, hwid: str) -> Record:
        now = datetime.now(UTC)
        document = self._database.get(f"{DEVICES}/{hwid}")
        if document is None:
            return Record(Outcome.SKIPPED, "deviceGone", at=now)
        if (record := decided(payload.slot, document.fields, now)) is not None:
            return record
        fields = dict.fromkeys(SLOT_FIELDS) | payload.fields
        self._database.commit([Update(document.name, fields)])
        return Record(Outcome.DELIVERED, at=now)


class MemoryTasks:
    """Tasks in the order they came; a name that was taken before is taken no more."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.names: set[str] = set()

    def enqueue(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            if task.name not in self.names:
                self.names.add(task.name)
                self.tasks.append(task)

    def take(self) -> Task | None:
        """The next one, removed; its name stays taken."""
        return self.tasks.pop(0) if self.tasks else None
