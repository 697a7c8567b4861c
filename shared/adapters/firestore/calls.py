"""What holds for every call to Firestore: how long, how often, and what its faults mean.

Left alone, the client repeats a commit whose answer was lost; the repeat then fails on its own
precondition and looks like a lost race. So a commit is sent once at a time here, and who sends
it again knows whether an earlier one may have counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.cloud.firestore import (
    DELETE_FIELD,
    Client,
    DocumentReference,
    DocumentSnapshot,
    LastUpdateOption,
    Query,
    WriteBatch,
)
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.errors import NotFound, TryAgain
from shared.stores.change import Turns
from shared.stores.names import can_name

Snapshot = DocumentSnapshot[Any]

CALL_SECONDS = 10.0

PRECONDITION_FAILED = (
    exceptions.AlreadyExists,
    exceptions.FailedPrecondition,
    exceptions.NotFound,
)
NOT_DONE = (exceptions.Aborted, exceptions.ResourceExhausted)
AWAY = (
    exceptions.ServiceUnavailable,
    exceptions.GatewayTimeout,
    exceptions.InternalServerError,
    exceptions.Unknown,
    exceptions.Cancelled,
)
READ_AGAIN = Retry(
    predicate=if_exception_type(*AWAY, *NOT_DONE),
    initial=0.1,
    maximum=1.0,
    timeout=CALL_SECONDS,
)


class Refused(Exception):
    """A precondition does not hold. ``perhaps_ours``: because an earlier try of ours counted."""

    def __init__(self, *, perhaps_ours: bool = False) -> None:
        super().__init__("a precondition does not hold")
        self.perhaps_ours = perhaps_ours


class NotDone(Exception):
    """Nothing was written; the same may be sent again."""


class Unclear(Exception):
    """The answer was lost: written or not."""


# ---- reading ---------------------------------------------------------------------------------


def reference(client: Client, collection: str, id: str) -> DocumentReference:
    """Where a document is. An id from outside must not lead anywhere else: ``NotFound``."""
    if not can_name(id):
        raise NotFound("there is nothing of that name")
    return client.collection(collection).document(id)


def fetch(place: DocumentReference) -> Snapshot:
    """The document, which may not exist."""
    with _reading():
        return place.get(retry=READ_AGAIN, timeout=CALL_SECONDS)


def fetch_all(
    client: Client, places: Sequence[DocumentReference], fields: Sequence[str] | None = None
) -> Sequence[Snapshot]:
    """These fields of the documents (all, where none is named), in any order and in one request;
    some may not exist.
    """
    with _reading():
        asked = client.get_all(list(places), fields, retry=READ_AGAIN, timeout=CALL_SECONDS)
        return list(asked)


def select(query: Query) -> Sequence[Snapshot]:
    """All that the query selects; give it a limit."""
    with _reading():
        return list(query.get(retry=READ_AGAIN, timeout=CALL_SECONDS))


def count(query: Query) -> int:
    """How many the query selects."""
    with _reading():
        counting: Any = query.count()
        return int(counting.get(retry=READ_AGAIN, timeout=CALL_SECONDS)[0][0].value)


def data_of(snapshot: Snapshot) -> dict[str, Any]:
    """The fields of a document; none when it does not exist."""
    return snapshot.to_dict() or {}


def version_of(snapshot: Snapshot) -> str:
    """What changes with every write of the document; empty when it does not exist."""
    return text_of(snapshot.update_time)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (*AWAY, *NOT_DONE, exceptions.RetryError) as away:
        raise TryAgain("the store cannot be read right now") from away


# ---- writing ---------------------------------------------------------------------------------


def as_update(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Our ``None`` for a field to remove, in the client's words."""
    return {name: DELETE_FIELD if value is None else value for name, value in fields.items()}


def if_still(version: str) -> LastUpdateOption:
    """The condition that a document exists and is still the one that was read."""
    at = Timestamp()
    at.FromJsonString(version)
    return LastUpdateOption(at)


def commit_once(batch: WriteBatch) -> str:
    """Send it once; answers the new version of the first document written."""
    try:
        results = batch.commit(retry=None, timeout=CALL_SECONDS)
    except PRECONDITION_FAILED:
        raise Refused from None
    except NOT_DONE as busy:
        raise NotDone from busy
    except AWAY as away:
        raise Unclear from away
    return text_of(results[0].update_time)


def commit(batch: WriteBatch, what: str) -> None:
    """Send it until there is an answer. Raises ``Refused``, or ``TryAgain`` when none comes."""
    turns, unclear = Turns(what), False
    while True:
        turns.take()
        try:
            commit_once(batch)
        except NotDone:
            continue
        except Unclear:
            unclear = True
        except Refused:
            raise Refused(perhaps_ours=unclear) from None
        else:
            return


def text_of(update_time: Any) -> str:
    """To the nanosecond, which a plain datetime would lose; of a document in a collection group
    the client gives the protobuf itself.
    """
    if update_time is None:
        return ""
    exact = update_time if isinstance(update_time, Timestamp) else update_time.timestamp_pb()
    return str(exact.ToJsonString())
