"""What holds for every call to Firestore: how long, how often, and what its faults mean.

Left alone, the client repeats a commit whose answer was lost; the repeat then fails on its own
precondition and looks like a lost race. So a commit is sent once at a time here, and who sends
it again knows whether an earlier one may have counted.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from google.cloud.firestore_v1.field_path import FieldPath
from google.protobuf.timestamp_pb2 import Timestamp

from shared.adapters.documents.fields import present
from shared.adapters.documents.names import can_name
from shared.domain.errors import NotFound, TryAgain

Snapshot = DocumentSnapshot[Any]

CALL_SECONDS = 10.0
TRIES = 15
TOTAL_SECONDS = 10.0
FIRST_WAIT_SECONDS = 0.03
LONGEST_WAIT_SECONDS = 1.5

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
_random = secrets.SystemRandom()


class Refused(Exception):
    """A precondition does not hold. ``perhaps_ours``: because an earlier try of ours counted."""

    def __init__(self, *, perhaps_ours: bool = False) -> None:
        super().__init__("a precondition does not hold")
        self.perhaps_ours = perhaps_ours


class NotDone(Exception):
    """Nothing was written; the same may be sent again."""


class Unclear(Exception):
    """The answer was lost: written or not."""


class Turns:
    """A limited number of tries in a limited time, with random, growing waits between them."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._taken = 0
        self._deadline = time.monotonic() + TOTAL_SECONDS

    def take(self) -> None:
        """Wait for the next turn; raises ``TryAgain`` when there are no more."""
        if self._taken:
            longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**self._taken)
            wait_seconds = _random.uniform(0, longest)
            if self._taken >= TRIES or time.monotonic() + wait_seconds > self._deadline:
                raise TryAgain(f"{self._what} is busy")
            time.sleep(wait_seconds)
        self._taken += 1


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
    return _text(snapshot.update_time)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (*_AWAY, *_NOT_DONE, exceptions.RetryError) as away:
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


def replace(batch: WriteBatch, snapshot: Snapshot, fields: Mapping[str, Any] | None) -> None:
    """Put the document's new fields, or its end, into the batch: if it still is as it was read.

    Its other fields are removed by name, because a plain ``set`` takes no condition.
    """
    place = snapshot.reference
    if not snapshot.exists:
        if fields is not None:
            batch.create(place, present(fields))
    elif fields is None:
        batch.delete(place, if_still(version_of(snapshot)))
    else:
        every = {**dict.fromkeys(data_of(snapshot)), **fields}
        named = {FieldPath(name).to_api_repr(): value for name, value in every.items()}
        batch.update(place, as_update(named), if_still(version_of(snapshot)))


def commit_once(batch: WriteBatch) -> str:
    """Send it once; answers the new version of the first document written."""
    try:
        results = batch.commit(retry=None, timeout=CALL_SECONDS)
    except _PRECONDITION_FAILED:
        raise Refused from None
    except _NOT_DONE as busy:
        raise NotDone from busy
    except _AWAY as away:
        raise Unclear from away
    return _text(results[0].update_time)


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


def rewrite(
    client: Client,
    place: DocumentReference,
    what: str,
    wanted: Callable[[Snapshot], Mapping[str, Any]],
    read: Callable[[DocumentReference], Snapshot] = fetch,
) -> bool:
    """Read, and write the fields ``wanted`` on the condition that nobody wrote meanwhile.

    Returns whether there was anything to write. ``wanted`` may run several times.
    """
    turns, unclear = Turns(what), False
    while True:
        turns.take()
        snapshot = read(place)
        fields = wanted(snapshot)
        if not fields:
            return unclear
        batch = client.batch()
        batch.update(place, as_update(fields), if_still(version_of(snapshot)))
        try:
            commit_once(batch)
        except (Refused, NotDone):
            continue
        except Unclear:
            unclear = True
        else:
            return True


def _text(update_time: Any) -> str:
    """To the nanosecond, which a plain datetime would lose."""
    return "" if update_time is None else str(update_time.timestamp_pb().ToJsonString())
