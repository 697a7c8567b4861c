"""The fan-out's stores in memory: audience, ledger and slots with the promises of the real ones.

They pass the same contract tests (``tests/adapters``): a write rests on a version and the second
of two writers loses, a closed batch forgets its addresses, a moment of the store can be read again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from shared.adapters.firestore.slots import decided
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.audience.filters import Condition, Equals
from shared.domain.audience.targeting import AudienceQuery, PartitionRange
from shared.domain.delivery.ledger import (
    Outcome,
    Record,
    sort_key,
)
from shared.domain.push.desktop import SlotPayload
from shared.ports import AudiencePage, Counted, SlotWrite, SnapshotTooOld, Task
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
