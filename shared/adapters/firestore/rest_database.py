"""The database over Firestore's REST API: for the hot path, and where a cold start counts."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, assert_never

import orjson

from shared.adapters.firestore.rest import BadRequest, FirestoreRest, PreconditionFailed
from shared.adapters.firestore.rest_values import Raw, decode_fields, encode, query, where
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
    Update,
    Write,
    WriteResult,
)
from shared.stores.field_paths import nested

_OPERATORS = {
    "==": "EQUAL",
    "<": "LESS_THAN",
    "<=": "LESS_THAN_OR_EQUAL",
    ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUAL",
    "contains-any": "ARRAY_CONTAINS_ANY",
}
_UNMET_CODES = {5, 6, 9}
"""Status codes: not found, already exists, precondition failed."""
_OLD = re.compile(r"read.?time|snapshot", re.IGNORECASE)


class RestDatabase:
    """Firestore by HTTP and JSON; loads no SDK."""

    def __init__(self, rest: FirestoreRest) -> None:
        self._rest = rest
        self._root = f"{rest.root}/"

    # ---- reading -----------------------------------------------------------------------------

    def get(self, name: str, select: Sequence[str] = (), read_at: str = "") -> Document | None:
        return self.get_many([name], select, read_at).documents.get(name)

    def get_many(
        self, names: Sequence[str], select: Sequence[str] = (), read_at: str = ""
    ) -> ReadResult:
        with _as_of(read_at):
            found = self._rest.batch_get([self._full(name) for name in names], select, read_at)
        documents = self._documents(list(found.documents.values()))
        return ReadResult({document.name: document for document in documents}, found.read_time)

    def query(self, query: Query, read_at: str = "") -> Sequence[Document]:
        with _as_of(read_at):
            found = self._rest.run_query(self._structured_query(query), self._below(query), read_at)
        return self._documents(found)

    def place(self, document: Document, order: Sequence[str]) -> str:
        values = [
            document.name if (path := field.removeprefix("-")) == NAME else document.fields[path]
            for field in order
        ]
        return orjson.dumps(list(self._cursor(order, values))).decode()

    def count(self, query: Query) -> Count:
        counted = self._rest.run_aggregation(
            self._structured_query(query), parent=self._below(query)
        )
        return Count(counted.numbers["count"], counted.read_time)

    def sum(self, query: Query, fields: Sequence[str]) -> Sums:
        asked = self._structured_query(query)
        added = self._rest.run_aggregation(asked, fields, parent=self._below(query))
        return Sums(added.numbers, added.read_time)

    # ---- writing -----------------------------------------------------------------------------

    def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        return self._rest.commit(self._all(writes))

    def write_each(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        results = self._rest.batch_write(self._all(writes))
        return [WriteResult(version, not code, code in _UNMET_CODES) for code, version in results]

    # ---- in the words of the API -------------------------------------------------------------

    def _full(self, name: str) -> str:
        return self._root + name

    def _below(self, query: Query) -> str:
        return self._full(query.below) if query.below else ""

    def _documents(self, raws: list[Raw]) -> list[Document]:
        """Read documents, and let go of each at once: a page is some megabytes."""
        begins = len(self._root)
        documents = []
        raws.reverse()
        while raws:
            raw = raws.pop()
            fields = decode_fields(raw)
            documents.append(Document(raw["name"][begins:], fields, raw["updateTime"]))
        return documents

    def _structured_query(self, selection: Query) -> Raw:
        after = selection.after
        return query(
            selection.collection,
            *(where(it.field, _OPERATORS[it.operator], it.value) for it in selection.where),
            order=selection.order,
            select=selection.select,
            limit=selection.limit,
            after=orjson.loads(after)
            if isinstance(after, str)
            else list(self._cursor(selection.order, after)),
            everywhere=selection.everywhere,
        )

    def _cursor(self, order: Sequence[str], values: Sequence[Any]) -> Iterator[Raw]:
        for field, value in zip(order, values, strict=False):
            named = field.removeprefix("-") == NAME
            yield {"referenceValue": self._full(value)} if named else encode(value)

    def _all(self, writes: Sequence[Write]) -> list[Raw]:
        """Word the writes; fields that several of them share are worded once."""
        known: dict[int, _EncodedFields] = {}
        return [self._raw(write, known) for write in writes]

    def _raw(self, write: Write, encoded: "dict[int, _EncodedFields]") -> Raw:
        name = self._root + write.name
        if isinstance(write, Delete):
            if write.version:
                return {"delete": name, "currentDocument": {"updateTime": write.version}}
            return {"delete": name}
        if (fields := encoded.get(id(write.fields))) is None:
            fields = encoded[id(write.fields)] = _encode_with_mask(write.fields)
        update: Raw = {"name": name, "fields": fields.values}
        match write:
            case Update():
                still: Raw = {"updateTime": write.version} if write.version else {"exists": True}
                return {"update": update, "updateMask": fields.mask, "currentDocument": still}
            case Merge():
                return {"update": update, "updateMask": fields.mask}
            case Create():
                return {"update": update, "currentDocument": {"exists": False}}
            case Put():
                return {"update": update}
            case _:
                assert_never(write)


class _EncodedFields(NamedTuple):
    """Fields of a write in the words of the API."""

    values: Raw
    mask: Raw


def _encode_with_mask(fields: Fields) -> _EncodedFields:
    values = {name: encode(value) for name, value in nested(fields).items()}
    return _EncodedFields(values, {"fieldPaths": list(fields)})


@contextmanager
def _as_of(read_at: str) -> Iterator[None]:
    try:
        yield
    except (PreconditionFailed, BadRequest) as refused:
        old = isinstance(refused, PreconditionFailed) or _OLD.search(refused.message)
        if not read_at or not old:
            raise
        raise SnapshotTooOld(f"nothing is kept any more as of {read_at}") from refused
