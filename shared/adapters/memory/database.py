"""The database in memory: for tests, for measurements, and for a local stack without Java.

It passes the contract tests of the real ones (``tests/adapters/test_database_contract.py``): every
write changes the version, a condition is checked in the same moment as the write is done, a commit
is done whole or not at all, queries select and order as Firestore's do, and what was read can be
read again as of that moment until it is forgotten. What is ordered is kept in order until the next
write to its collection, so that pages of many documents cost what they hold.

Over the wire it is Firestore's emulator in one process (``local/emulators/firestore``).
"""

import threading
from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    Merge,
    Put,
    Query,
    ReadResult,
    SnapshotTooOld,
    Sums,
    Unmet,
    Update,
    Where,
    Write,
    WriteResult,
)
from shared.stores.field_paths import at_path, nested, put_at

MOST_REMEMBERED_WRITES = 100_000
MOST_SNAPSHOTS = 2
REMEMBERED_FOR = timedelta(hours=1)
_MICROSECOND = timedelta(microseconds=1)
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_NO_FIELDS: Fields = {}


class Null:
    """Null that somebody stored: unlike ``None``, which is no value, it has a place in orders."""


NULL = Null()
_KINDS: Mapping[type[Any], int] = {
    Null: -1,
    bool: 0,
    int: 1,
    float: 1,
    datetime: 2,
    str: 3,
    bytes: 4,
    list: 6,
    dict: 7,
}
_OTHER = 5
_ORDERED = {str, int, bytes}
_UNCHANGEABLE = {str, int, float, bool, datetime, type(None)}

Key = tuple[Any, ...]
Listener = Callable[[str, Document | None, Document | None], None]
"""Called with a name, and the document before and after a write, while the database is locked."""


def copied(value: Any) -> Any:
    """Copy a value of a document: maps and lists, as all else cannot change."""
    if isinstance(value, dict):
        return {
            name: each if type(each) in _UNCHANGEABLE else copied(each)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [each if type(each) in _UNCHANGEABLE else copied(each) for each in value]
    return value


class _Order:
    """Documents that have all fields of an order, kept in it."""

    def __init__(self, order: tuple[str, ...], documents: Iterable[Document]) -> None:
        self._fields = [(it.removeprefix("-"), it.startswith("-")) for it in order]
        rows = [(key, it) for it in documents if (key := self._key(it)) is not None]
        rows.sort(key=lambda row: row[0])
        self.keys: list[Key] = [row[0] for row in rows]
        self.documents = [row[1] for row in rows]

    def add(self, document: Document) -> None:
        """Put a document into its place."""
        if (key := self._key(document)) is not None:
            at = bisect_left(self.keys, key)
            self.keys.insert(at, key)
            self.documents.insert(at, document)

    def remove(self, document: Document) -> None:
        """Take a document out of its place."""
        if (key := self._key(document)) is not None:
            at = bisect_left(self.keys, key)
            del self.keys[at], self.documents[at]

    def _key(self, document: Document) -> Key | None:
        key = []
        for path, down in self._fields:
            if (value := _value(document, path)) is None:
                return None
            key.append(_comparable(value, down=down))
        return tuple(key)


@dataclass(slots=True)
class _Collection:
    """Documents by name, and in the orders they were asked for in."""

    documents: dict[str, Document] = field(default_factory=dict)
    orders: dict[tuple[str, ...], _Order] = field(default_factory=dict)

    def put(self, name: str, document: Document | None) -> None:
        """Set or remove a document."""
        before = self.documents.pop(name, None)
        if document is not None:
            self.documents[name] = document
        for order in self.orders.values():
            if before is not None:
                order.remove(before)
            if document is not None:
                order.add(document)

    def ordered(self, order: tuple[str, ...]) -> _Order:
        """Return the documents in an order; one that lacks a field of it is left out."""
        if order not in self.orders:
            self.orders[order] = _Order(order, self.documents.values())
        return self.orders[order]


class MemoryDatabase:
    """Database in memory; safe to share between threads. ``writes`` counts what would be billed,
    ``changes`` what was set or removed by anybody.
    """

    def __init__(self, listener: Listener | None = None) -> None:
        self.lock = threading.RLock()
        self._listener = listener
        self.writes = 0
        self.changes = 0
        self._collections: dict[str, _Collection] = defaultdict(_Collection)
        self._groups: dict[str, _Collection] = defaultdict(_Collection)
        self._now = datetime.min.replace(tzinfo=UTC)
        self._forgotten = self._now
        self._log: deque[tuple[datetime, str, Document | None]] = deque()
        self._snapshots: dict[tuple[datetime, str, bool], _Collection] = {}
        self._places: list[Key] = []

    # ---- for tests ---------------------------------------------------------------------------

    def copy(self) -> "MemoryDatabase":
        """Return a database of its own that holds the same, and remembers the same writes."""
        with self.lock:
            twin = MemoryDatabase()
            twin.writes, twin.changes = self.writes, self.changes
            twin._now, twin._forgotten = self._now, self._forgotten
            twin._log.extend(self._log)
            twin._places.extend(self._places)
            for mine, others in (
                (self._collections, twin._collections),
                (self._groups, twin._groups),
            ):
                others.update({path: _Collection(dict(it.documents)) for path, it in mine.items()})
            return twin

    def collection(self, path: str) -> dict[str, dict[str, Any]]:
        """Copy a collection's documents, by their ids."""
        with self.lock:
            documents = self._in(path).documents.values()
            return {it.id: copied(it.fields) for it in documents}

    def names(self) -> list[str]:
        """List the names of all documents."""
        with self.lock:
            return [name for it in self._collections.values() for name in it.documents]

    def everything(self) -> dict[str, dict[str, Any]]:
        """Copy all documents, by their names."""
        with self.lock:
            paths = list(self._collections)
            return {
                f"{path}/{id}": it for path in paths for id, it in self.collection(path).items()
            }

    def hold(self, name: str, fields: Fields | None) -> None:
        """Hold a document as somebody else wrote it, nulls included, or none."""
        with self.lock:
            version = self._tick()
            held = None if fields is None else Document(name, copied(dict(fields)), version)
            self._put(name, held)

    def forget(self, read_at: str) -> None:
        """Keep nothing of that moment and those before it, as Firestore does after an hour."""
        self._forgotten = max(self._forgotten, datetime.fromisoformat(read_at))

    # ---- reading -----------------------------------------------------------------------------

    def get(self, name: str, select: Sequence[str] = (), read_at: str = "") -> Document | None:
        with self.lock:
            found = self._as_of(read_at, _path(name)).documents.get(name)
            return None if found is None else _selected(found, select)

    def get_many(
        self, names: Sequence[str], select: Sequence[str] = (), read_at: str = ""
    ) -> ReadResult:
        with self.lock:
            there = [self._as_of(read_at, _path(name)).documents.get(name) for name in names]
            found = {it.name: _selected(it, select) for it in there if it is not None}
            return ReadResult(found, read_at or self._tick())

    def query(self, query: Query, read_at: str = "") -> Sequence[Document]:
        with self.lock:
            return [_selected(it, query.select) for it in self._find(query, read_at)]

    def place(self, document: Document, order: Sequence[str]) -> str:
        with self.lock:
            self._places.append(tuple(_value(document, it.removeprefix("-")) for it in order))
            return f"[{len(self._places) - 1}]"

    def count(self, query: Query, read_at: str = "") -> Count:
        with self.lock:
            return Count(len(self._find(query, read_at)), read_at or self._tick())

    def sum(self, query: Query, fields: Sequence[str], read_at: str = "") -> Sums:
        with self.lock:
            found = self._find(query, read_at)
            rows = [[at_path(it.fields, path) for path in fields] for it in found]
            whole = [row for row in rows if None not in row]
            numbers = {path: sum(row[n] for row in whole) for n, path in enumerate(fields)}
            return Sums(numbers, read_at or self._tick())

    def _find(self, query: Query, read_at: str = "") -> list[Document]:
        order = _whole_order(query)
        below = f"{query.below}/" if query.below else ""
        path = f"{below}{query.collection}"
        collection = self._as_of(read_at, path, everywhere=query.everywhere).ordered(order)
        documents, found = collection.documents, list[Document]()
        first = [it for it in query.where if it.field == order[0]]
        others = [it for it in query.where if it.field != order[0]]
        for at in range(self._beginning(collection.keys, order, query), len(documents)):
            if query.limit and len(found) == query.limit:
                break
            document = documents[at]
            if _meets_all(document, first):
                if _meets_all(document, others):
                    found.append(document)
            elif any(_is_beyond(document, it) for it in first):
                break
        return found

    def _beginning(self, keys: list[Key], order: tuple[str, ...], query: Query) -> int:
        """Find where the page begins: behind the cursor, and not before the range of the first
        field.
        """
        first, begin, after = order[0], 0, query.after
        for it in query.where:
            if it.field == first and it.operator in {">", ">="}:
                begin = max(begin, bisect_left(keys, (_comparable(it.value),)))
        if after:
            values = self._places[int(after[1:-1])] if isinstance(after, str) else after
            cursor = tuple(
                _comparable(value, down=path.startswith("-"))
                for path, value in zip(order, values, strict=False)
            )
            length = len(cursor)
            begin = max(begin, bisect_right(keys, cursor, key=lambda key: key[:length]))
        return begin

    # ---- writing -----------------------------------------------------------------------------

    def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        with self.lock:
            for write in writes:
                self._check(write)
            version = self._tick()
            for write in writes:
                self._write(write, version)
            return [version] * len(writes)

    def write_each(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        return [self._written(write) for write in writes]

    def _written(self, write: Write) -> WriteResult:
        try:
            return WriteResult(self.commit([write])[0], done=True)
        except Unmet:
            return WriteResult(unmet=True)

    def _check(self, write: Write) -> None:
        there = self._in(_path(write.name)).documents.get(write.name)
        match write:
            case Create():
                if there is not None:
                    raise Unmet("ALREADY_EXISTS")
            case Put() | Merge():
                pass
            case Update() | Delete():
                if there is None and (write.version or isinstance(write, Update)):
                    raise Unmet("NOT_FOUND")
                if there is not None and write.version not in {"", there.version}:
                    raise Unmet("FAILED_PRECONDITION")
            case _:
                assert_never(write)

    def _write(self, write: Write, version: str) -> None:
        there = self._in(_path(write.name)).documents.get(write.name)
        after: Document | None
        match write:
            case Create() | Put():
                after = Document(write.name, copied(nested(write.fields)), version)
            case Merge() | Update():
                fields = dict(there.fields if there else _NO_FIELDS)
                for path, value in copied(write.fields).items():
                    put_at(fields, path, value)
                after = Document(write.name, fields, version)
            case Delete():
                after = None
            case _:
                assert_never(write)
        self._put(write.name, after)
        self.writes += 1

    # ---- places and moments ------------------------------------------------------------------

    def _put(self, name: str, document: Document | None) -> None:
        path = _path(name)
        collection = self._in(path)
        before = collection.documents.get(name)
        self._log.append((self._now, name, before))
        while len(self._log) > MOST_REMEMBERED_WRITES or (
            self._log[0][0] < self._now - REMEMBERED_FOR
        ):
            self._forgotten = self._log.popleft()[0]
        collection.put(name, document)
        self._in(path, everywhere=True).put(name, document)
        self.changes += 1
        if self._listener is not None:
            self._listener(name, before, document)

    def _in(self, path: str, *, everywhere: bool = False) -> _Collection:
        """Return a collection, or all of its name, whatever documents they are below."""
        if everywhere:
            return self._groups[path.rpartition("/")[2]]
        return self._collections[path]

    def _tick(self) -> str:
        """Return a moment later than all before it, as Firestore writes it."""
        self._now = max(datetime.now(UTC), self._now + _MICROSECOND)
        return self._now.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _as_of(self, read_at: str, path: str, *, everywhere: bool = False) -> _Collection:
        """Return a collection as it is, or as it was: in a copy, all that was written since is
        undone. The copies used last are kept: a plan reads one moment page by page.
        """
        now = self._in(path, everywhere=everywhere)
        if not read_at:
            return now
        moment = datetime.fromisoformat(read_at)
        if moment <= max(self._forgotten, datetime.now(UTC) - REMEMBERED_FOR):
            raise SnapshotTooOld(f"nothing is kept any more as of {read_at}")
        if (kept := self._snapshots.get((moment, path, everywhere))) is not None:
            return kept
        before: dict[str, Document | None] = {}
        for at, name, document in reversed(self._log):
            if at <= moment:
                break
            mine = _path(name)
            if mine == path or (everywhere and mine.rpartition("/")[2] == path):
                before[name] = document
        if not before:
            return now
        there = {name: it for name, it in (now.documents | before).items() if it is not None}
        while len(self._snapshots) >= MOST_SNAPSHOTS:
            del self._snapshots[next(iter(self._snapshots))]
        self._snapshots[moment, path, everywhere] = snapshot = _Collection(there)
        return snapshot


def _path(name: str) -> str:
    return name.rpartition("/")[0]


def _selected(document: Document, select: Sequence[str]) -> Document:
    """Copy a document with these fields, or with all."""
    if not select:
        return Document(document.name, copied(document.fields), document.version)
    fields: dict[str, Any] = {}
    for path in select:
        if (value := None if path == NAME else at_path(document.fields, path)) is not None:
            put_at(fields, path, copied(value))
    return Document(document.name, fields, document.version)


# ---- selecting and ordering ------------------------------------------------------------------


def _whole_order(query: Query) -> tuple[str, ...]:
    """Complete the order as Firestore does: fields of ranges, then the name."""
    ranges = sorted({it.field for it in query.where if it.operator in _COMPARISONS})
    given = [it.removeprefix("-") for it in query.order]
    down = "-" if query.order and query.order[-1].startswith("-") else ""
    order = [*query.order, *(f"{down}{it}" for it in ranges if it not in given)]
    return (*order,) if NAME in given else (*order, f"{down}{NAME}")


def _meets_all(document: Document, conditions: Iterable[Where]) -> bool:
    for condition in conditions:  # noqa: SIM110 - asked of every document of every page
        if not _meets(document, condition):
            return False
    return True


def _meets(document: Document, condition: Where) -> bool:
    mine, asked = _value(document, condition.field), condition.value
    if mine is None:
        return False
    if condition.operator == "contains-any":
        return isinstance(mine, list) and any(_same(one, it) for one in mine for it in asked)
    if condition.operator == "==":
        return _same(mine, asked)
    if type(mine) is type(asked) and type(mine) in _ORDERED:
        return _COMPARISONS[condition.operator](mine, asked)
    if _kind(mine) != _kind(asked):
        return False
    return _COMPARISONS[condition.operator](_comparable(mine), _comparable(asked))


def _is_beyond(document: Document, condition: Where) -> bool:
    """Tell whether no document that follows in ascending order can meet the condition."""
    limit = condition.operator.startswith("<")
    mine = _comparable(_value(document, condition.field))
    return limit and bool(mine >= _comparable(condition.value))


def _value(document: Document, path: str) -> Any:
    return document.name if path == NAME else at_path(document.fields, path)


def _same(one: Any, other: Any) -> bool:
    """Compare as Firestore does: Python takes a yes for a 1, and Firestore does not."""
    if type(one) is type(other):
        return bool(one == other)
    return _kind(one) == _kind(other) and bool(one == other)


def _kind(value: Any) -> int:
    """Return the place of this kind of values in Firestore's order of all values."""
    if (place := _KINDS.get(type(value))) is not None:
        return place
    return next((place for kind, place in _KINDS.items() if isinstance(value, kind)), _OTHER)


def _comparable(value: Any, *, down: bool = False) -> Any:
    """Build a key that orders as Firestore does, whatever the value is."""
    key = (_kind(value), _simple(value))
    return _Downwards(key) if down else key


def _simple(value: Any) -> Any:
    """Return something instead of the value that can be compared with its like."""
    match value:
        case str() | int() | bytes():
            return value
        case float():
            return value if value == value else float("-inf")
        case datetime():
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        case list():
            return [_comparable(each) for each in value]
        case dict():
            return [(name, _comparable(each)) for name, each in sorted(value.items())]
        case _:
            return repr(value)


@dataclass(frozen=True, slots=True)
class _Downwards:
    """Key in the opposite order."""

    key: Any

    def __lt__(self, other: "_Downwards") -> bool:
        return bool(other.key < self.key)
