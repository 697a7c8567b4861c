"""Which indexes Firestore needs, told from the queries that our adapters really send.

The emulator never asks for an index, so queries are caught on their way: those of the REST client
in its transport, those of Google's client by a gRPC server that answers as an empty store would.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import orjson
from google.cloud.firestore_v1.types import aggregation_result, document, firestore, write
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

Json = dict[str, Any]
NAME = "__name__"
RANGES = {"LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL"}
CONTAINS = {"ARRAY_CONTAINS", "ARRAY_CONTAINS_ANY"}


@dataclass(frozen=True, slots=True)
class QueryShape:
    """A structured query, and the fields summed over it."""

    query: Json
    sums: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Single:
    """One field's own index: automatic within a collection, never over collection groups."""

    collection: str
    scope: str
    field: str
    mode: str


@dataclass(frozen=True, slots=True)
class Composite:
    """Fields compared for equality, in any order, and then those in an order of their own."""

    collection: str
    scope: str
    equal: frozenset[tuple[str, str]]
    ordered: tuple[tuple[str, str], ...]


class Refused(AssertionError):
    """A query that the emulator may answer and Firestore itself does not."""


# ---- from a query to its indexes -----------------------------------------------------------------


def needs(query: QueryShape) -> Composite | set[Single]:
    """Return the composite index of a query, or the single-field ones that are enough for it."""
    (source,) = query.query["from"]
    collection = source["collectionId"]
    scope = "COLLECTION_GROUP" if source.get("allDescendants") else "COLLECTION"
    conditions = [f["fieldFilter"] for f in _filters(query.query.get("where", {}))]
    equal = frozenset(_equal(c) for c in conditions if c["op"] not in RANGES)
    ordered = _order(query.query, {_path(c) for c in conditions if c["op"] in RANGES})
    named = [path for path, _ in (*equal, *ordered)]
    ordered = (*ordered, *((path, "ASCENDING") for path in sorted(query.sums) if path not in named))
    if not ordered or len(equal) + len(ordered) == 1:
        return {Single(collection, scope, path, mode) for path, mode in (*equal, *ordered)}
    return Composite(collection, scope, equal, ordered)


def _filters(condition: Json) -> list[Json]:
    if "compositeFilter" in condition:
        return list(condition["compositeFilter"]["filters"])
    return [condition] if condition else []


def _path(condition: Json) -> str:
    return str(condition["field"]["fieldPath"])


def _equal(condition: Json) -> tuple[str, str]:
    return _path(condition), "CONTAINS" if condition["op"] in CONTAINS else "ASCENDING"


def _order(query: Json, ranges: set[str]) -> tuple[tuple[str, str], ...]:
    """Complete the order as Firestore does: fields of ranges, then the name, which must be the
    last.
    """
    given = [(_path(o), o.get("direction", "ASCENDING")) for o in query.get("orderBy", ())]
    paths = [path for path, _ in given]
    missing = sorted(ranges - set(paths))
    if NAME in paths and (missing or paths[-1] != NAME):
        raise Refused(f"order by clause cannot contain more fields after the key: {query}")
    last = given[-1][1] if given else "ASCENDING"
    whole = [*given, *((path, last) for path in missing)]
    *before, end = whole or [(NAME, "ASCENDING")]
    implied = before[-1][1] if before else "ASCENDING"
    return tuple(before if end == (NAME, implied) else whole)


# ---- from the file -------------------------------------------------------------------------------


def fits(declared: Json, needed: Composite) -> bool:
    """Tell whether this composite index answers the query."""
    modes = [(f["fieldPath"], f.get("order") or f["arrayConfig"]) for f in declared["fields"]]
    here = (declared["collectionGroup"], declared["queryScope"])
    border = len(needed.equal)
    return (
        here == (needed.collection, needed.scope)
        and set(modes[:border]) == needed.equal
        and tuple(modes[border:]) == needed.ordered
    )


def has_single(overrides: Sequence[Json], needed: Single) -> bool:
    """Tell whether a field has the index: by its override, or within a collection by default."""
    for override in overrides:
        if (override["collectionGroup"], override["fieldPath"]) == (
            needed.collection,
            needed.field,
        ):
            return any(
                (i["queryScope"], i.get("order") or i.get("arrayConfig"))
                == (needed.scope, needed.mode)
                for i in override["indexes"]
            )
    return needed.scope == "COLLECTION"


# ---- caught on the way ---------------------------------------------------------------------------


class RestRecorder(httpx.BaseTransport):
    """Answers as an empty store, but for ``found``: documents for queries of these fields."""

    def __init__(self, documents: Mapping[tuple[str, ...], Json]) -> None:
        self.queries: list[QueryShape] = []
        self._documents = documents

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = orjson.loads(request.content)
        now = {"readTime": "2026-01-01T00:00:00Z"}
        if "structuredQuery" in body:
            self.queries.append(QueryShape(body["structuredQuery"]))
            selected = body["structuredQuery"].get("select", {}).get("fields", ())
            found = self._documents.get(tuple(field["fieldPath"] for field in selected))
            return httpx.Response(200, json=[now | ({"document": found} if found else {})])
        if "structuredAggregationQuery" in body:
            wanted = body["structuredAggregationQuery"]
            sums = [a["sum"]["field"]["fieldPath"] for a in wanted["aggregations"] if "sum" in a]
            self.queries.append(QueryShape(wanted["structuredQuery"], tuple(sums)))
            zeros = {a["alias"]: {"integerValue": "0"} for a in wanted["aggregations"]}
            return httpx.Response(200, json=[now | {"result": {"aggregateFields": zeros}}])
        return httpx.Response(200, json=[now])


class GrpcRecorder(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Firestore's gRPC service as an empty store."""

    def __init__(self) -> None:
        self.queries: list[QueryShape] = []
        self.gets: list[Any] = []
        self._lock = threading.Lock()

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        method = call.method.rpartition("/")[2]
        if method == "Commit":
            return grpc.unary_unary_rpc_method_handler(self._commit)
        stream: Callable[[bytes, object], Iterator[bytes]] | None = {
            "RunQuery": self._query,
            "RunAggregationQuery": self._aggregation,
            "BatchGetDocuments": self._no_answers,
        }.get(method)
        return stream and grpc.unary_stream_rpc_method_handler(stream)

    def _query(self, request: bytes, context: object) -> Iterator[bytes]:
        asked = firestore.RunQueryRequest.deserialize(request)
        self._note(QueryShape(_as_json(asked.structured_query)))
        yield firestore.RunQueryResponse.serialize(firestore.RunQueryResponse(read_time=_NOW))

    def _aggregation(self, request: bytes, context: object) -> Iterator[bytes]:
        asked = firestore.RunAggregationQueryRequest.deserialize(request)
        wanted = asked.structured_aggregation_query
        sums = [a.sum.field.field_path for a in wanted.aggregations if "sum" in a]
        self._note(QueryShape(_as_json(wanted.structured_query), tuple(sums)))
        zeros = {a.alias: document.Value(integer_value=0) for a in wanted.aggregations}
        yield firestore.RunAggregationQueryResponse.serialize(
            firestore.RunAggregationQueryResponse(
                result=aggregation_result.AggregationResult(aggregate_fields=zeros),
                read_time=_NOW,
            )
        )

    def _no_answers(self, request: bytes, context: object) -> Iterator[bytes]:
        got = firestore.BatchGetDocumentsRequest.deserialize(request)
        self.gets.append(got)
        for name in got.documents:
            answer = firestore.BatchGetDocumentsResponse(missing=name, read_time=_NOW)
            yield firestore.BatchGetDocumentsResponse.serialize(answer)

    def _commit(self, request: bytes, context: object) -> bytes:
        writes = firestore.CommitRequest.deserialize(request).writes
        results = [write.WriteResult(update_time=_NOW) for _ in writes]
        answer = firestore.CommitResponse(write_results=results, commit_time=_NOW)
        return bytes(firestore.CommitResponse.serialize(answer))

    def _note(self, query: QueryShape) -> None:
        with self._lock:
            self.queries.append(query)


_NOW = Timestamp(seconds=1_767_268_800)


def _as_json(message: Any) -> Json:
    return dict(MessageToDict(type(message).pb(message)))


@contextmanager
def served(recorder: GrpcRecorder) -> Iterator[str]:
    """Serve the recorder; yield its address."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((recorder,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
