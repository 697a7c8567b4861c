"""The database in memory: for tests, for measurements, and for trying a change out quickly.

It passes the contract tests of the real ones (``tests/adapters/test_database_contract.py``): every
write changes the version, a condition is checked in the same moment as the write is done, a commit
is done whole or not at all, queries select and order as Firestore's do, and what was read can be
read again as of that moment until it is forgotten. What is ordered is kept in order until the next
write to its collection, so that pages of many documents cost what they hold.
"""

import copy
import threading
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from operator import ge, gt, le, lt
from typing import Any, assert_never

from shared.ports.database import (
    NAME,
    Count,
    Create,
    Delete,
    Document,
    Fields,
    Found,
    Merge,
    Put,
    Query,
    SnapshotTooOld,
    Sums,
    Unmet,
    Update,
    Where,
    Write,
    Written,
)
from shared.stores.field_paths import at_path, nested, put_at

MOST_REMEMBERED_WRITES = 100_000
_MICROSECOND = timedelta(microseconds=1)
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_NOTHING: Fields = {}
_KINDS: tuple[type[Any] | tuple[type[Any], ...], ...] = (bool, (int, float), datetime, str, bytes)

Key = tuple[Any, ...]


@dataclass(slots=True)
class _Collection:
    """Documents by name, and the orders they were asked for in."""

    documents: dict[str, Document] = field(default_factory=dict)
    orders: dict[tuple[str, ...], tuple[list[Key], list[Document]]] = field(default_factory=dict)

    def put(self, name: str, document: Document | None) -> None:
        """Set or remove a document."""
        self.orders.clear()
        if document is None:
            self.documents.pop(name, None)
        else:
            self.documents[name] = document

    def ordered(self, order: tuple[str, ...]) -> tuple[list[Key], list[Document]]:
        """Keys and documents side by side; a document that lacks a field is in no order by it."""
        if order not in self.orders:
            self.orders[order] = _ordered(self.documents.values(), order)
        return self.orders[order]


class MemoryDatabase:
    """All documents; safe to share between threads. ``writes`` counts what would be billed."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.writes = 0
        self._collections: dict[str, _Collection] = {}
        self._now = datetime.min.replace(tzinfo=UTC)
        self._forgotten = self._now
        self._log: deque[tuple[datetime, str, Document | None]] = deque()

    # ---- for tests ---------------------------------------------------------------------------

    def collection(self, path: str) -> dict[str, dict[str, Any]]:
        """A copy of a collection's documents by their ids."""
        with self.lock:
            documents = self._in(path).documents.values()
            return {it.id: copy.deepcopy(dict(it.fields)) for it in documents}

    def everything(self) -> dict[str, dict[str, Any]]:
        """A copy of all documents by their names."""
        with self.lock:
            paths = list(self._collections)
            return {
                f"{path}/{id}": it for path in paths for id, it in self.collection(path).items()
            }

    def hold(self, name: str, fields: Fields | None) -> None:
        """Hold a document as somebody else wrote it, nulls included, or none."""
        with self.lock:
            document = None
            if fields is not None:
                document = Document(name, copy.deepcopy(dict(fields)), self._tick())
            self._in(_path(name)).put(name, document)

    def forget(self, read_at: str) -> None:
        """Keep nothing of that moment and those before it, as Firestore does after an hour."""
        self._forgotten = max(self._forgotten, datetime.fromisoformat(read_at))

    # ---- reading -----------------------------------------------------------------------------

    def get(self, name: str, select: Sequence[str] = (), read_at: str = "") -> Document | None:
        return self.get_many([name], select, read_at).documents.get(name)

    def get_many(
        self, names: Sequence[str], select: Sequence[str] = (), read_at: str = ""
    ) -> Found:
        with self.lock:
            there = [self._as_of(read_at, _path(name)).documents.get(name) for name in names]
            found = {it.name: _selected(it, select) for it in there if it is not None}
            return Found(found, read_at or self._tick())

    def query(self, query: Query, read_at: str = "") -> Sequence[Document]:
        with self.lock:
            return [_selected(it, query.select) for it in self._find(query, read_at)]

    def count(self, query: Query) -> Count:
        with self.lock:
            return Count(len(self._find(query)), self._tick())

    def sum(self, query: Query, fields: Sequence[str]) -> Sums:
        with self.lock:
            rows = [[at_path(it.fields, path) for path in fields] for it in self._find(query)]
            whole = [row for row in rows if None not in row]
            numbers = {path: sum(row[n] for row in whole) for n, path in enumerate(fields)}
            return Sums(numbers, self._tick())

    def _find(self, query: Query, read_at: str = "") -> list[Document]:
        order = _whole_order(query)
        if query.everywhere:
            collection = _Collection()
            for path in list(self._collections):
                if path.rpartition("/")[2] == query.collection:
                    collection.documents |= self._as_of(read_at, path).documents
        else:
            below = f"{query.below}/" if query.below else ""
            collection = self._as_of(read_at, f"{below}{query.collection}")
        keys, documents = collection.ordered(order)
        found: list[Document] = []
        for document in documents[_beginning(keys, order, query) :]:
            if query.limit and len(found) == query.limit:
                break
            unmet = [it for it in query.where if not _meets(document, it)]
            if not unmet:
                found.append(document)
            elif any(it.field == order[0] and _is_beyond(document, it) for it in unmet):
                break
        return found

    # ---- writing -----------------------------------------------------------------------------

    def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        with self.lock:
            for write in writes:
                self._check(write)
            version = self._tick()
            for write in writes:
                self._write(write, version)
            return [version] * len(writes)

    def write_each(self, writes: Sequence[Write]) -> Sequence[Written]:
        return [self._written(write) for write in writes]

    def _written(self, write: Write) -> Written:
        try:
            return Written(self.commit([write])[0], done=True)
        except Unmet:
            return Written(unmet=True)

    def _check(self, write: Write) -> None:
        there = self._in(_path(write.name)).documents.get(write.name)
        match write:
            case Create():
                met = there is None
            case Put() | Merge():
                met = True
            case Update():
                met = there is not None and write.version in {"", there.version}
            case Delete():
                met = not write.version or (there is not None and write.version == there.version)
            case _:
                assert_never(write)
        if not met:
            raise Unmet

    def _write(self, write: Write, version: str) -> None:
        collection = self._in(_path(write.name))
        there = collection.documents.get(write.name)
        after: Document | None
        match write:
            case Create() | Put():
                fields = copy.deepcopy(nested(write.fields))
                after = Document(write.name, fields, version)
            case Merge() | Update():
                fields = dict(there.fields if there else _NOTHING)
                for path, value in write.fields.items():
                    put_at(fields, path, copy.deepcopy(value))
                after = Document(write.name, fields, version)
            case Delete():
                after = None
            case _:
                assert_never(write)
        collection.put(write.name, after)
        self.writes += 1
        self._log.append((self._now, write.name, there))
        if len(self._log) > MOST_REMEMBERED_WRITES:
            self._forgotten = self._log.popleft()[0]

    # ---- places and moments ------------------------------------------------------------------

    def _in(self, path: str) -> _Collection:
        return self._collections.setdefault(path, _Collection())

    def _tick(self) -> str:
        """A moment later than all before it, as Firestore writes it."""
        self._now = max(datetime.now(UTC), self._now + _MICROSECOND)
        return self._now.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _as_of(self, read_at: str, path: str) -> _Collection:
        """A collection as it is, or as it was: all that was written since is undone in a copy."""
        if not read_at:
            return self._in(path)
        moment = datetime.fromisoformat(read_at)
        if moment <= self._forgotten:
            raise SnapshotTooOld(f"nothing is kept any more as of {read_at}")
        then = _Collection(dict(self._in(path).documents))
        for at, name, before in reversed(self._log):
            if at <= moment:
                break
            if _path(name) == path:
                then.put(name, before)
        return then


def _path(name: str) -> str:
    return name.rpartition("/")[0]


def _selected(document: Document, select: Sequence[str]) -> Document:
    """A copy with these fields, or with all."""
    fields: dict[str, Any] = {}
    if not select:
        fields = copy.deepcopy(dict(document.fields))
    for path in select:
        if (value := None if path == NAME else at_path(document.fields, path)) is not None:
            put_at(fields, path, copy.deepcopy(value))
    return replace(document, fields=fields)


# ---- selecting and ordering ------------------------------------------------------------------


def _whole_order(query: Query) -> tuple[str, ...]:
    """The order as Firestore completes it: fields of ranges, then the name."""
    ranges = sorted({it.field for it in query.where if it.operator in _COMPARISONS})
    given = [it.removeprefix("-") for it in query.order]
    down = "-" if query.order and query.order[-1].startswith("-") else ""
    order = [*query.order, *(f"{down}{it}" for it in ranges if it not in given)]
    return (*order,) if NAME in given else (*order, f"{down}{NAME}")


def _ordered(
    documents: Iterable[Document], order: tuple[str, ...]
) -> tuple[list[Key], list[Document]]:
    fields = [(it.removeprefix("-"), it.startswith("-")) for it in order]
    rows = [
        (tuple(_comparable(_value(it, path), down=down) for path, down in fields), it)
        for it in documents
        if all(_value(it, path) is not None for path, _ in fields)
    ]
    rows.sort(key=lambda row: row[0])
    return [row[0] for row in rows], [row[1] for row in rows]


def _beginning(keys: list[Key], order: tuple[str, ...], query: Query) -> int:
    """Where the page begins: behind the cursor, and not before the range of the first field."""
    first, begin = order[0], 0
    for it in query.where:
        if it.field == first and it.operator in {">", ">="}:
            begin = max(begin, bisect_left(keys, (_comparable(it.value),)))
    if query.after:
        cursor = tuple(
            _comparable(value, down=path.startswith("-"))
            for path, value in zip(order, query.after, strict=False)
        )
        length = len(cursor)
        begin = max(begin, bisect_right(keys, cursor, key=lambda key: key[:length]))
    return begin


def _meets(document: Document, condition: Where) -> bool:
    mine, asked = _value(document, condition.field), condition.value
    if condition.operator == "contains-any":
        return isinstance(mine, list) and any(_same(one, it) for one in mine for it in asked)
    if condition.operator == "==":
        return _same(mine, asked)
    return _kind(mine) == _kind(asked) and _COMPARISONS[condition.operator](mine, asked)


def _is_beyond(document: Document, condition: Where) -> bool:
    """Whether no document that follows in ascending order can meet the condition."""
    limit = condition.operator.startswith("<")
    mine = _comparable(_value(document, condition.field))
    return limit and bool(mine >= _comparable(condition.value))


def _value(document: Document, path: str) -> Any:
    return document.name if path == NAME else at_path(document.fields, path)


def _same(one: Any, other: Any) -> bool:
    """Python takes a yes for a 1, and Firestore does not."""
    return _kind(one) == _kind(other) and bool(one == other)


def _kind(value: Any) -> int:
    """Where values of this kind stand in Firestore's order of all values."""
    for place, kinds in enumerate(_KINDS):
        if isinstance(value, kinds):
            return place
    return 9 if isinstance(value, Mapping) else 8


def _comparable(value: Any, *, down: bool = False) -> Any:
    """A key that orders as Firestore does."""
    key = (_kind(value), value)
    return _Downwards(key) if down else key


@dataclass(frozen=True, slots=True)
class _Downwards:
    """A key in the opposite order."""

    key: Any

    def __lt__(self, other: "_Downwards") -> bool:
        return bool(other.key < self.key)
