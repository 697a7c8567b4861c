"""The database over Google's client library: for records that are off the hot path.

Left alone, the client repeats a commit whose answer was lost; the repeat then fails on its own
precondition and looks like a lost race. So a commit is sent once here.

The client decodes all of an answer or nothing, and a reference into another database, of which a
copied project is full, is an error to it: one such value would hide every document beside it. What
it cannot decode is read again by ``again``, the database over REST, whose values we decode
ourselves.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, assert_never

from google.api_core import exceptions
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.api_core.retry import Retry, if_exception_type
from google.cloud.firestore import (
    DELETE_FIELD,
    Client,
    DocumentReference,
    DocumentSnapshot,
    FieldFilter,
    LastUpdateOption,
)
from google.cloud.firestore import Query as Direction
from google.cloud.firestore_v1.base_batch import BaseBatch
from google.cloud.firestore_v1.bulk_batch import BulkWriteBatch
from google.cloud.firestore_v1.field_path import FieldPath
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.errors import TryAgain
from shared.ports.database import (
    NAME,
    Count,
    Create,
    Database,
    Delete,
    Document,
    Fields,
    LostAnswer,
    Merge,
    Put,
    Query,
    ReadResult,
    SnapshotTooOld,
    Sums,
    Unmet,
    Update,
    Write,
    WriteResult,
)
from shared.stores.field_paths import nested, put_at, split

CALL_SECONDS = 10.0
_PRECONDITION_FAILED = (
    exceptions.AlreadyExists,
    exceptions.FailedPrecondition,
    exceptions.NotFound,
)
_NOT_DONE = (exceptions.Aborted, exceptions.ResourceExhausted)
_AWAY = (
    exceptions.ServiceUnavailable,
    exceptions.GatewayTimeout,
    exceptions.InternalServerError,
    exceptions.Unknown,
    exceptions.Cancelled,
)
READ_AGAIN = Retry(
    predicate=if_exception_type(*_AWAY, *_NOT_DONE),
    initial=0.1,
    maximum=1.0,
    timeout=CALL_SECONDS,
)
_UNMET_CODES = {5, 6, 9}
"""Status codes: not found, already exists, precondition failed."""


class GoogleDatabase:
    """Firestore by Google's client."""

    def __init__(self, client: Client, again: Callable[[], Database]) -> None:
        self._client = client
        self._again = again

    # ---- reading -----------------------------------------------------------------------------

    def get(self, name: str, select: Sequence[str] = (), read_at: str = "") -> Document | None:
        """Read by the client's call for one document, which takes a fifth less CPU than a list of
        one: it does not wait for the end of a stream.
        """
        try:
            with _reading(read_at):
                found = self._client.document(name).get(
                    list(select) or None,
                    retry=READ_AGAIN,
                    timeout=CALL_SECONDS,
                    read_time=_moment(read_at),
                )
        except ValueError:
            return self._again().get(name, select, read_at)
        return _document(found) if found.exists else None

    def get_many(
        self, names: Sequence[str], select: Sequence[str] = (), read_at: str = ""
    ) -> ReadResult:
        if not names:
            return ReadResult({}, "")
        places = [self._client.document(name) for name in names]
        try:
            with _reading(read_at):
                found = list(
                    self._client.get_all(
                        places,
                        list(select) or None,
                        retry=READ_AGAIN,
                        timeout=CALL_SECONDS,
                        read_time=_moment(read_at),
                    )
                )
        except ValueError:
            return self._again().get_many(names, select, read_at)
        documents = [_document(it) for it in found if it.exists]
        return ReadResult({it.name: it for it in documents}, text_of(found[0].read_time))

    def query(self, query: Query, read_at: str = "") -> Sequence[Document]:
        if isinstance(query.after, str):
            return self._again().query(query, read_at)
        try:
            return self._select(query, query.select, read_at)
        except ValueError:
            names = [it.name for it in self._select(query, (NAME,), read_at)]
            found = self._again().get_many(names, query.select, read_at).documents
            return [found[name] for name in names if name in found]

    def place(self, document: Document, order: Sequence[str]) -> str:
        return self._again().place(document, order)

    def count(self, query: Query) -> Count:
        with _reading(""):
            result = self._results(self._google_query(query).count())[0]
        return Count(int(result.value), text_of(result.read_time))

    def sum(self, query: Query, fields: Sequence[str]) -> Sums:
        first, *others = fields
        adding = self._google_query(query).sum(first, alias=first)
        for each in others:
            adding = adding.sum(each, alias=each)
        with _reading(""):
            results = self._results(adding)
        numbers = {it.alias: int(it.value) for it in results}
        return Sums(numbers, text_of(results[0].read_time))

    def _select(self, query: Query, select: Sequence[str], read_at: str) -> list[Document]:
        asked = self._google_query(query)
        if select:
            asked = asked.select([field for field in select if field != NAME])
        with _reading(read_at):
            found = asked.get(retry=READ_AGAIN, timeout=CALL_SECONDS, read_time=_moment(read_at))
            return [_document(it) for it in found]

    def _results(self, aggregation: Any) -> list[Any]:
        return list(aggregation.get(retry=READ_AGAIN, timeout=CALL_SECONDS)[0])

    def _google_query(self, query: Query) -> Any:
        built: Any
        if query.everywhere:
            built = self._client.collection_group(query.collection)
        else:
            path = f"{query.below}/{query.collection}" if query.below else query.collection
            built = self._client.collection(path)
        for it in query.where:
            operator = "array_contains_any" if it.operator == "contains-any" else it.operator
            built = built.where(filter=FieldFilter(it.field, operator, it.value))
        for field in query.order:
            down = field.startswith("-")
            direction = Direction.DESCENDING if down else Direction.ASCENDING
            built = built.order_by(field.removeprefix("-"), direction=direction)
        if query.after:
            built = built.start_after(dict(self._cursor(query)))
        return built.limit(query.limit) if query.limit else built

    def _cursor(self, query: Query) -> Iterator[tuple[str, Any]]:
        for field, value in zip(query.order, query.after, strict=False):
            name = field.removeprefix("-")
            yield name, self._client.document(value) if name == NAME else value

    # ---- writing -----------------------------------------------------------------------------

    def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        batch = self._client.batch()
        for write in writes:
            self._add(batch, write)
        with _writing():
            results = batch.commit(retry=None, timeout=CALL_SECONDS)
        return [text_of(result.update_time) for result in results]

    def write_each(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        batch = BulkWriteBatch(self._client)
        for write in writes:
            self._add(batch, write)
        with _writing():
            answer = batch.commit(retry=None, timeout=CALL_SECONDS)
        return [
            WriteResult(
                text_of(result.update_time) if not status.code else "",
                not status.code,
                status.code in _UNMET_CODES,
            )
            for result, status in zip(answer.write_results, answer.status, strict=True)
        ]

    def _add(self, batch: BaseBatch, write: Write) -> None:
        place = self._client.document(write.name)
        match write:
            case Create():
                batch.create(place, nested(write.fields))
            case Put():
                batch.set(place, nested(write.fields))
            case Merge():
                batch.set(place, _merged(write.fields), merge=[_path(it) for it in write.fields])
            case Update():
                fields = {_path(path): _or_gone(value) for path, value in write.fields.items()}
                batch.update(place, fields, _if_still(write.version) if write.version else None)
            case Delete():
                batch.delete(place, _if_still(write.version) if write.version else None)
            case _:
                assert_never(write)


def _path(path: str) -> str:
    return str(FieldPath(*split(path)).to_api_repr())


def _or_gone(value: Any) -> Any:
    return DELETE_FIELD if value is None else value


def _merged(fields: Fields) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for path, value in fields.items():
        put_at(whole, path, _or_gone(value))
    return whole


def _document(snapshot: DocumentSnapshot[DocumentReference]) -> Document:
    place: Any = snapshot.reference
    return Document(place.path, snapshot.to_dict() or {}, text_of(snapshot.update_time))


def _moment(read_at: str) -> Any:
    return DatetimeWithNanoseconds.from_rfc3339(read_at) if read_at else None


@contextmanager
def _reading(read_at: str) -> Iterator[None]:
    try:
        yield
    except (exceptions.FailedPrecondition, exceptions.InvalidArgument) as refused:
        if not read_at:
            raise
        raise SnapshotTooOld(f"nothing is kept any more as of {read_at}") from refused
    except (*_AWAY, *_NOT_DONE, exceptions.RetryError) as away:
        raise TryAgain("the store cannot be read right now") from away


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except _PRECONDITION_FAILED:
        raise Unmet from None
    except _NOT_DONE as busy:
        raise TryAgain("the store is busy") from busy
    except _AWAY as away:
        raise LostAnswer("the answer of the store was lost") from away


def _if_still(version: str) -> LastUpdateOption:
    """Write the condition that a document exists and is still the one that was read."""
    at = Timestamp()
    at.FromJsonString(version)
    return LastUpdateOption(at)


def text_of(update_time: Any) -> str:
    """Write a version, to the nanosecond, which a plain datetime would lose; of a document in a
    collection group the client gives the protobuf itself.
    """
    if update_time is None:
        return ""
    exact = update_time if isinstance(update_time, Timestamp) else update_time.timestamp_pb()
    return str(exact.ToJsonString())
