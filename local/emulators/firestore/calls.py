"""Firestore's calls on documents, in the JSON of its REST API, on the database in memory.

What is asked is put into the words of the ``Database`` port, so that conditions, orders and moments
are those of ``MemoryDatabase``. What no adapter of ours asks is refused, and never guessed.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from local.emulators.firestore.values import held, held_fields, moment, shown, shown_fields
from shared.adapters.firestore.rest_values import Raw
from shared.adapters.memory.database import MemoryDatabase
from shared.ports.database import (
    Create,
    Delete,
    Document,
    Merge,
    Operator,
    Put,
    Query,
    SnapshotTooOld,
    Unmet,
    Update,
    Where,
    Write,
)
from shared.stores.field_paths import at_path, quoted

CODES: Mapping[str, tuple[int, int]] = {
    "INVALID_ARGUMENT": (400, 3),
    "NOT_FOUND": (404, 5),
    "ALREADY_EXISTS": (409, 6),
    "PERMISSION_DENIED": (403, 7),
    "FAILED_PRECONDITION": (400, 9),
}
"""Statuses of HTTP and of gRPC, by their word."""
_OPERATORS: Mapping[str, Operator] = {
    "EQUAL": "==",
    "LESS_THAN": "<",
    "LESS_THAN_OR_EQUAL": "<=",
    "GREATER_THAN": ">",
    "GREATER_THAN_OR_EQUAL": ">=",
    "ARRAY_CONTAINS_ANY": "contains-any",
}
_PLACE = re.compile(r"(projects/([^/]+)/databases/\(default\)/documents)(?:/(.+))?")


class Refused(Exception):
    """Error that a caller is answered with; ``word`` is one of ``CODES``."""

    def __init__(self, word: str, told: str) -> None:
        super().__init__(told)
        self.word, self.told = word, told

    def as_json(self) -> Raw:
        """Convert it to the answer of the REST API."""
        return {"error": {"code": CODES[self.word][0], "status": self.word, "message": self.told}}


class Listener(Protocol):
    """Function that hears of every write to a project's documents."""

    def __call__(
        self, project: str, name: str, before: Document | None, after: Document | None
    ) -> None: ...


class Documents:
    """Documents of one project."""

    def __init__(self, project: str, listener: Listener | None = None) -> None:
        self.project = project
        self.root = f"projects/{project}/databases/(default)/documents"

        def changed(name: str, before: Document | None, after: Document | None) -> None:
            if listener is not None:
                listener(project, name, before, after)

        self.database = MemoryDatabase(changed)

    # ---- reading -----------------------------------------------------------------------------

    def get(self, name: str, mask: Sequence[str] = ()) -> Raw:
        """Return these fields of one document, or all. Raises ``Refused`` when there is none."""
        found = self.database.get(name, mask)
        if found is None:
            raise Refused("NOT_FOUND", "there is no such document")
        return self._shown(found)

    def list_documents(self, below: str, most: int, *, missing: bool) -> Raw:
        """List a collection's documents; with ``missing`` those, too, that only have some below."""
        names = sorted({f"{below}/{it}" for it in self._next_parts(below)})
        found = self.database.get_many(names).documents
        listed = [
            self._shown(found[it]) if it in found else {"name": f"{self.root}/{it}"}
            for it in names
            if missing or it in found
        ]
        if len(listed) > most:
            raise _unknown("a list of more than one page: ask a query")
        return {"documents": listed} if listed else {}

    def list_collection_ids(self, below: str, body: Raw) -> Raw:
        """List the collections below a document, or those that are below none."""
        _only(body)
        return {"collectionIds": sorted(self._next_parts(below))}

    def _next_parts(self, below: str) -> set[str]:
        start = f"{below}/" if below else ""
        names = (it for it in self.database.names() if it.startswith(start))
        return {name[len(start) :].partition("/")[0] for name in names}

    def batch_get(self, _: str, body: Raw) -> list[Raw]:
        """Return each document asked for, found or missing."""
        _only(body, "documents", "mask", "readTime", "database")
        names = [self._local(name) for name in body.get("documents", ())]
        mask = body.get("mask", {}).get("fieldPaths", ())
        found = self.database.get_many(names, mask, _read_at(body))
        return [
            {"found": self._shown(it), "readTime": found.read_at}
            if (it := found.documents.get(name)) is not None
            else {"missing": f"{self.root}/{name}", "readTime": found.read_at}
            for name in names
        ]

    def run_query(self, below: str, body: Raw) -> list[Raw]:
        """Return the documents that a query selects, in its order."""
        _only(body, "structuredQuery", "readTime", "parent")
        query = self._query(below, body["structuredQuery"])
        with self.database.lock:
            found = self.database.query(query, _read_at(body))
            now = self._now()
        return [{"document": self._shown(it), "readTime": now} for it in found] or [
            {"readTime": now}
        ]

    def run_aggregation_query(self, below: str, body: Raw) -> list[Raw]:
        """Count the documents that a query selects, and sum their fields."""
        _only(body, "structuredAggregationQuery", "readTime", "parent")
        asked = body["structuredAggregationQuery"]
        query = self._query(below, asked["structuredQuery"])
        wanted = {it.get("alias", f"field_{n}"): it for n, it in enumerate(asked["aggregations"])}
        sums = {
            alias: each["sum"]["field"]["fieldPath"]
            for alias, each in wanted.items()
            if "sum" in each
        }
        counts = [alias for alias, each in wanted.items() if each.get("count") == _NOTHING]
        if len(sums) + len(counts) != len(wanted):
            raise _unknown("aggregation")
        paths, read_at = list(sums.values()), _read_at(body)
        with self.database.lock:
            counted = self.database.count(query, read_at)
            added = self.database.sum(query, paths, read_at).numbers if sums else _NOTHING
        fields = {alias: shown(added[path]) for alias, path in sums.items()}
        fields |= {alias: shown(counted.number) for alias in counts}
        return [{"result": {"aggregateFields": fields}, "readTime": counted.read_at}]

    # ---- writing -----------------------------------------------------------------------------

    def commit(self, _: str, body: Raw) -> Raw:
        """Write all documents or none."""
        _only(body, "writes", "database")
        wanted = body.get("writes", ())
        version = self._commit([write for each in wanted for write in self._writes(each)])
        return {"writeResults": [{"updateTime": version}] * len(wanted), "commitTime": version}

    def batch_write(self, _: str, body: Raw) -> Raw:
        """Write each document on its own."""
        _only(body, "writes", "database")
        results, states = list[Raw](), list[Raw]()
        for each in body.get("writes", ()):
            try:
                version = self._commit(self._writes(each))
            except Refused as refused:
                results.append({})
                states.append({"code": CODES[refused.word][1], "message": refused.told})
            else:
                results.append({"updateTime": version})
                states.append({})
        return {"writeResults": results, "status": states}

    def _commit(self, writes: Sequence[Write]) -> str:
        """Write all or nothing; return the version that all of it has then."""
        try:
            return [self._now(), *self.database.commit(writes)][-1]
        except Unmet as unmet:
            raise Refused(str(unmet), "a condition of the write does not hold") from None

    # ---- in the words of the port ------------------------------------------------------------

    def _writes(self, wanted: Raw) -> Sequence[Write]:
        _only(wanted, "update", "delete", "updateMask", "currentDocument")
        condition = wanted.get("currentDocument", _NOTHING)
        version = moment(condition["updateTime"]) if "updateTime" in condition else ""
        exists = condition.get("exists")
        if "delete" in wanted:
            if exists is not None:
                raise _unknown("delete with exists")
            return [Delete(self._local(wanted["delete"]), version)]
        name, fields = self._local(wanted["update"]["name"]), held_fields(wanted["update"])
        if "updateMask" in wanted:
            paths = wanted["updateMask"].get("fieldPaths", ())
            values = {path: at_path(fields, path) for path in paths}
            if exists is False:
                raise _unknown("updateMask with exists: false")
            return [Update(name, values, version) if exists or version else Merge(name, values)]
        whole = _quoted(fields)
        if exists or version:
            return [Update(name, {}, version), Put(name, whole)]
        return [Put(name, whole) if exists is None else Create(name, whole)]

    def _query(self, below: str, asked: Raw) -> Query:
        _only(asked, "from", "where", "orderBy", "startAt", "limit", "select")
        (source,) = asked["from"]
        select = [each["fieldPath"] for each in asked.get("select", {}).get("fields", ())]
        return Query(
            source["collectionId"],
            tuple(self._conditions(asked.get("where"))),
            order=tuple(map(_ordered, asked.get("orderBy", ()))),
            after=self._cursor(asked.get("startAt")),
            limit=asked.get("limit", 0),
            select=tuple(select),
            below=below,
            everywhere=source.get("allDescendants", False),
        )

    def _conditions(self, where: Raw | None) -> Iterator[Where]:
        if where is None:
            return
        if "compositeFilter" in where:
            if where["compositeFilter"]["op"] != "AND":
                raise _unknown("OR")
            for each in where["compositeFilter"]["filters"]:
                yield from self._conditions(each)
            return
        one = where["fieldFilter"]
        yield Where(one["field"]["fieldPath"], _OPERATORS[one["op"]], self._asked(one["value"]))

    def _cursor(self, start: Raw | None) -> tuple[Any, ...]:
        if start is None:
            return ()
        if start.get("before"):
            raise _unknown("startAt with before")
        return tuple(map(self._asked, start["values"]))

    def _asked(self, value: Raw) -> Any:
        """Read a value to compare with: a reference stands for a document's name."""
        if "referenceValue" in value:
            return self._local(value["referenceValue"])
        return held(value)

    def _local(self, name: str) -> str:
        if not name.startswith(f"{self.root}/"):
            raise _unknown(name)
        return name[len(self.root) + 1 :]

    def _shown(self, document: Document) -> Raw:
        return {
            "name": f"{self.root}/{document.name}",
            "fields": shown_fields(document.fields),
            "updateTime": document.version,
        }

    def _now(self) -> str:
        return self.database.get_many([]).read_at


_CALLS: Mapping[str, Callable[[Documents, str, Raw], Raw | list[Raw]]] = {
    "listCollectionIds": Documents.list_collection_ids,
    "batchGet": Documents.batch_get,
    "runQuery": Documents.run_query,
    "runAggregationQuery": Documents.run_aggregation_query,
    "commit": Documents.commit,
    "batchWrite": Documents.batch_write,
}


class Store:
    """Projects with their documents, apart from each other. Demo projects only."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self._projects: dict[str, Documents] = {}
        self._lock = threading.Lock()

    def place(self, path: str) -> tuple[Documents, str]:
        """Return a project's documents, and what of the path is below their root."""
        found = _PLACE.fullmatch(path)
        if found is None or not found[2].startswith("demo-"):
            raise Refused("INVALID_ARGUMENT", f"this store holds demo projects only, not {path}")
        with self._lock:
            if (documents := self._projects.get(found[2])) is None:
                documents = self._projects[found[2]] = Documents(found[2], self._listener)
            return documents, found[3] or ""

    def call(self, path: str, verb: str, body: Raw) -> Raw | list[Raw]:
        """Answer one of the calls. Raises ``Refused``."""
        documents, below = self.place(path)
        try:
            return _CALLS[verb](documents, below, body)
        except SnapshotTooOld:
            raise Refused("FAILED_PRECONDITION", "the snapshot asked for is too old") from None
        except (LookupError, ValueError, TypeError) as unknown:
            raise _unknown(repr(unknown)) from None

    def wipe(self, project: str) -> None:
        """Forget all documents of a project."""
        with self._lock:
            self._projects.pop(project, None)


def _unknown(what: str) -> Refused:
    return Refused("INVALID_ARGUMENT", f"the embedded store does not know this: {what}")


def _only(asked: Raw, *known: str) -> None:
    if unknown := asked.keys() - set(known):
        raise _unknown(", ".join(sorted(unknown)))


def _read_at(body: Raw) -> str:
    return moment(body["readTime"]) if "readTime" in body else ""


def _quoted(fields: Raw) -> Raw:
    return {quoted(name): value for name, value in fields.items()}


def _ordered(order: Raw) -> str:
    down = "-" if order.get("direction") == "DESCENDING" else ""
    return f"{down}{order['field']['fieldPath']}"


_NOTHING: Raw = {}
