"""An emulator of Firestore's REST API, for the measurements that Google's emulator is too slow for.

Google's emulator reads a whole collection for every ordered page and every count; with 100,000
devices, or the 2,000 batches of a million, such a run would measure the emulator. This store keeps
what is ordered in order. The measured process sees no difference: the same adapters send the same
requests and read the same answers. The store keeps everything in memory, knows only what those
adapters ask, refuses the rest, and reads as of now whatever moment is asked for. That it answers as
Firestore does is tested with the contracts of the ledger and the audience.
"""

import gc
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from local.emulators.background import serve
from local.processes import Child, free_ports, listens
from shared.adapters.firestore.rest_values import NAME, Raw, decode, written

LARGEST_REQUEST_BYTES = 16 * 1024 * 1024
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
CODES = {"NOT_FOUND": (404, 5), "ALREADY_EXISTS": (409, 6), "FAILED_PRECONDITION": (400, 9)}
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQUAL": lambda mine, asked: bool(mine == asked),
    "LESS_THAN": lambda mine, asked: bool(mine < asked),
    "LESS_THAN_OR_EQUAL": lambda mine, asked: bool(mine <= asked),
    "GREATER_THAN_OR_EQUAL": lambda mine, asked: bool(mine >= asked),
    "ARRAY_CONTAINS_ANY": lambda mine, asked: not set(mine).isdisjoint(asked),
}


class Refused(Exception):
    """Error for a condition that does not hold, by Firestore's word for it."""


@dataclass(slots=True)
class Document:
    """Document as it was written last."""

    name: str
    fields: Raw
    version: str

    def as_json(self, mask: Sequence[str] = ()) -> Raw:
        """Convert the document to an answer, whole or some of its fields."""
        fields = self.fields
        if mask:
            fields = {path: fields[path] for path in mask if path in fields}
        return {"name": self.name, "fields": fields, "updateTime": self.version}


@dataclass(slots=True)
class Collection:
    """Documents by name, and the orders they were asked for in."""

    documents: dict[str, Document] = field(default_factory=dict)
    orders: dict[tuple[str, ...], tuple[list[tuple[Any, ...]], list[Document]]] = field(
        default_factory=dict
    )

    def ordered(self, paths: tuple[str, ...]) -> tuple[list[tuple[Any, ...]], list[Document]]:
        """Return keys and documents side by side; a document that lacks a field is left out."""
        if paths not in self.orders:
            rows = [
                (tuple(_value(each, path) for path in paths), each.name, each)
                for each in self.documents.values()
                if all(path == NAME or path in each.fields for path in paths)
            ]
            rows.sort(key=lambda row: row[:2])
            self.orders[paths] = ([row[0] for row in rows], [row[2] for row in rows])
        return self.orders[paths]


class Store:
    """Documents, with the calls on them."""

    def __init__(self) -> None:
        self._collections: dict[str, Collection] = {}
        self._moments = 0

    def batch_get(self, _: str, body: Raw) -> object:
        """Return each document asked for, found or missing."""
        mask, now = body.get("mask", {}).get("fieldPaths", ()), self._now()
        found = ((name, self._document(name)) for name in body["documents"])
        return [
            {"found": it.as_json(mask), "readTime": now}
            if it
            else {"missing": name, "readTime": now}
            for name, it in found
        ]

    def run_query(self, parent: str, body: Raw) -> object:
        """Return the documents a query selects, in its order."""
        asked, now = body["structuredQuery"], self._now()
        mask = [each["fieldPath"] for each in asked.get("select", {}).get("fields", ())]
        chosen = [] if mask == [NAME] else mask
        return [
            {"document": it.as_json(chosen), "readTime": now}
            for it in self._selected(parent, asked)
        ] or [{"readTime": now}]

    def run_aggregation(self, parent: str, body: Raw) -> object:
        """Count the documents a query selects, or sum their fields."""
        asked = body["structuredAggregationQuery"]
        found = list(self._selected(parent, asked["structuredQuery"]))
        wanted = {each["alias"]: each for each in asked["aggregations"]}
        paths = [each["sum"]["field"]["fieldPath"] for each in wanted.values() if "sum" in each]
        whole = [it for it in found if all(path in it.fields for path in paths)]

        def number(each: Raw) -> int:
            if "count" in each:
                return len(found)
            path = each["sum"]["field"]["fieldPath"]
            return sum(int(it.fields[path]["integerValue"]) for it in whole)

        told = {alias: {"integerValue": str(number(each))} for alias, each in wanted.items()}
        return [{"result": {"aggregateFields": told}, "readTime": self._now()}]

    def commit(self, _: str, body: Raw) -> object:
        """Write all documents or none."""
        for each in body["writes"]:
            self._check(each)
        now = self._now()
        for each in body["writes"]:
            self._write(each, now)
        return {"writeResults": [{"updateTime": now}] * len(body["writes"]), "commitTime": now}

    def batch_write(self, _: str, body: Raw) -> object:
        """Write each document on its own."""
        results: list[Raw] = []
        states: list[Raw] = []
        for each in body["writes"]:
            try:
                self._check(each)
            except Refused as refused:
                results.append({})
                states.append({"code": CODES[str(refused)][1], "message": str(refused)})
            else:
                now = self._now()
                self._write(each, now)
                results.append({"updateTime": now})
                states.append({})
        return {"writeResults": results, "status": states}

    def wipe(self, project: str) -> None:
        """Forget all documents of a project."""
        begin = f"projects/{project}/"
        for path in [path for path in self._collections if path.startswith(begin)]:
            del self._collections[path]

    def _now(self) -> str:
        """Return a moment later than any before; it is compared, and never with a clock."""
        self._moments += 1
        return written(EPOCH + timedelta(microseconds=self._moments))

    def _document(self, name: str) -> Document | None:
        return self._in(name.rpartition("/")[0]).documents.get(name)

    def _in(self, path: str) -> Collection:
        return self._collections.setdefault(path, Collection())

    def _check(self, write: Raw) -> None:
        there = self._document(write["update"]["name"])
        condition = write.get("currentDocument", {})
        if condition.get("exists") is False and there:
            raise Refused("ALREADY_EXISTS")
        if ("updateTime" in condition or condition.get("exists")) and not there:
            raise Refused("NOT_FOUND")
        if there and condition.get("updateTime", there.version) != there.version:
            raise Refused("FAILED_PRECONDITION")

    def _write(self, write: Raw, now: str) -> None:
        name, fields = write["update"]["name"], write["update"].get("fields", {})
        collection = self._in(name.rpartition("/")[0])
        there = collection.documents.get(name)
        if "updateMask" in write:
            kept: Raw = there.fields if there else {}
            for path in write["updateMask"].get("fieldPaths", ()):
                _put(kept, fields, path.split("."))
            fields = kept
        collection.documents[name] = Document(name, fields, now)
        collection.orders.clear()

    def _selected(self, parent: str, query: Raw) -> Iterator[Document]:
        """Yield from where the range of the first order begins to where the page is full."""
        (source,) = query["from"]
        if source.get("allDescendants"):
            raise KeyError("allDescendants")
        collection = self._in(f"{parent}/{source['collectionId']}")
        filters = list(_filters(query.get("where")))
        orders = [(o["field"]["fieldPath"], o["direction"]) for o in query.get("orderBy", ())]
        limit = query.get("limit", len(collection.documents))
        first = ""  # the field whose range says where to stop
        if not orders:
            documents: Sequence[Document] = list(collection.documents.values())
        elif all(direction == "DESCENDING" for _, direction in orders):
            documents = collection.ordered(tuple(path for path, _ in orders))[1][::-1]
        else:
            paths = tuple(path for path, _ in orders)
            keys, in_order = collection.ordered(paths)
            documents = in_order[_beginning(keys, paths, filters, query.get("startAt")) :]
            first = paths[0]
        for each in documents:
            if limit <= 0:
                return
            unmet = [path for path, op, value in filters if not _meets(each, path, op, value)]
            if not unmet:
                limit -= 1
                yield each
            elif first in unmet and _beyond(each, first, filters):
                return


def _value(document: Document, path: str) -> Any:
    return document.name if path == NAME else _decoded(document.fields[path])


def _decoded(value: Raw) -> Any:
    """Decode a value; a ``referenceValue`` becomes a name, a moment compares as one."""
    if "referenceValue" in value:
        return value["referenceValue"]
    return decode(value)


def _filters(where: Raw | None) -> Iterator[tuple[str, str, Any]]:
    if where is None:
        return
    if "compositeFilter" in where:
        for each in where["compositeFilter"]["filters"]:
            yield from _filters(each)
        return
    one = where["fieldFilter"]
    yield one["field"]["fieldPath"], one["op"], _decoded(one["value"])


def _meets(document: Document, path: str, op: str, operand: Any) -> bool:
    return path in document.fields and COMPARISONS[op](_value(document, path), operand)


def _beyond(document: Document, first: str, filters: Sequence[tuple[str, str, Any]]) -> bool:
    """Tell whether in ascending order no later document can be below what the filters demand."""
    return any(
        path == first and op.startswith("LESS") and not _meets(document, path, op, value)
        for path, op, value in filters
    )


def _beginning(
    keys: list[tuple[Any, ...]],
    paths: tuple[str, ...],
    filters: Sequence[tuple[str, str, Any]],
    start: Raw | None,
) -> int:
    begins = [value for path, op, value in filters if path == paths[0] and op.startswith("GREATER")]
    at = bisect_left(keys, (max(begins),)) if begins else 0
    if start is None:
        return at
    values = tuple(_decoded(value) for value in start["values"])
    after = bisect_left(keys, values)
    while after < len(keys) and keys[after][: len(values)] == values:
        after += 1
    return max(at, after)


def _put(target: Raw, source: Raw, path: Sequence[str]) -> None:
    """Take over one path; one that was not given is removed."""
    first, *rest = path
    if not rest:
        if first in source:
            target[first] = source[first]
        else:
            target.pop(first, None)
        return
    below: Raw = source.get(first, {}).get("mapValue", {}).get("fields", {})
    inner = target.setdefault(first, {"mapValue": {"fields": {}}})
    _put(inner["mapValue"].setdefault("fields", {}), below, rest)


# ---- the wire --------------------------------------------------------------------------------


def app(store: Store | None = None) -> web.Application:
    """Create the app with the calls of the REST API that the hot path makes."""
    store = store or Store()
    calls: Mapping[str, Callable[[str, Raw], object]] = {
        "batchGet": store.batch_get,
        "runQuery": store.run_query,
        "runAggregationQuery": store.run_aggregation,
        "commit": store.commit,
        "batchWrite": store.batch_write,
    }

    async def call(request: web.Request) -> web.Response:
        parent, _, verb = request.match_info["path"].rpartition(":")
        try:
            status, said = 200, calls[verb](parent, orjson.loads(await request.read()))
        except Refused as refused:
            status = CODES[str(refused)][0]
            said = {"error": {"code": status, "status": str(refused), "message": "unmet"}}
        except (LookupError, ValueError, TypeError) as unknown:
            status = 400
            told = f"the benchmarks' store does not know this: {unknown!r}"
            said = {"error": {"code": status, "status": "INVALID_ARGUMENT", "message": told}}
        return web.Response(status=status, body=orjson.dumps(said), content_type="application/json")

    async def wipe(request: web.Request) -> web.Response:
        store.wipe(request.match_info["project"])
        return web.Response(text="{}")

    application = web.Application(client_max_size=LARGEST_REQUEST_BYTES)
    application.router.add_post("/v1/{path:.+}", call)
    application.router.add_delete(
        "/emulator/v1/projects/{project}/databases/(default)/documents", wipe
    )
    return application


@contextmanager
def running() -> Iterator[str]:
    """Run a store in a process of its own, which ends with this one in any case; yield
    ``host:port``.
    """
    port = free_ports(1)[0]
    address = f"127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.store", str(port)]
        child = Child("store", command, log=Path(folder, "store.log"))
        try:
            child.wait_until(lambda: listens(address))
            yield address
        finally:
            child.end()


if __name__ == "__main__":
    gc.disable()  # it holds millions of dicts, and none of them in a cycle
    serve(app(), "127.0.0.1", int(sys.argv[1]), "{address}")
