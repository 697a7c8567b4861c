"""Firestore's REST API, for the hot path only: one pooled transport, JSON by orjson, raw documents.

Google's client library spends its time wrapping every document; here a page costs what its JSON
costs. One call is one request. A read may be sent again, a write never is: when the answer to a
write is lost, ``LostAnswer`` says so, and the writer can find out by reading.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote

import httpx
import orjson

from shared.adapters.firestore.rest_auth import EmulatorBearer, GoogleBearer
from shared.adapters.firestore.rest_values import Raw
from shared.domain.errors import Defect, NotFound, TryAgain
from shared.ports.database import LostAnswer, Unmet
from shared.stores.names import can_name
from shared.wire.kept_transport import KeptTransport

HOST = "firestore.googleapis.com"
MOST_READS = 4
READING_SECONDS = 20.0
FIRST_WAIT_SECONDS = 0.05
_TIMEOUT = httpx.Timeout(20.0, connect=5.0, pool=10.0).as_dict()
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NOT_DONE = {"ABORTED", "RESOURCE_EXHAUSTED"}
_UNCLEAR = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "CANCELLED"}
_MOST_TOLD = 300


class PreconditionFailed(Unmet):
    """Error for a document that is not the one that was read, or a read time that is no longer
    kept.
    """


class Missing(Unmet):
    """Error for a document that is not there."""


class Exists(Unmet):
    """Error for a document that is there already."""


class BadRequest(Defect):
    """Error for a request that Firestore does not understand; ``message`` is its own sentence,
    without device ids.
    """

    def __init__(self, word: str, message: str) -> None:
        super().__init__(f"Firestore refused a request: {word}: {message}")
        self.message = message


_UNMET: Mapping[str, type[Unmet]] = {
    "FAILED_PRECONDITION": PreconditionFailed,
    "NOT_FOUND": Missing,
    "ALREADY_EXISTS": Exists,
}


class Bearer(Protocol):
    """Source of the token of each request."""

    def token(self) -> str: ...
    def forget(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RawReadResult:
    """Documents by name, those that are there, and the moment they were read at."""

    documents: Mapping[str, Raw]
    read_time: str


@dataclass(frozen=True, slots=True)
class Sums:
    """Results of an aggregation by alias, and the moment they hold for."""

    numbers: Mapping[str, int]
    read_time: str


class FirestoreRest:
    """Client of the API, one per process; safe to share between threads."""

    def __init__(
        self,
        project: str,
        emulator_host: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        bearer: Bearer | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.root = f"projects/{project}/databases/(default)/documents"
        self._base = f"http://{emulator_host}/v1/" if emulator_host else f"https://{HOST}/v1/"
        self._bearer = bearer or (EmulatorBearer() if emulator_host else GoogleBearer())
        self._transport = transport or KeptTransport()
        self._sleep = sleep

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def name(self, *path: str) -> str:
        """Return the full name of a document or collection. Raises ``NotFound`` if there can be
        none.
        """
        if not all(map(can_name, path)):
            raise NotFound("there is nothing of that name")
        return "/".join((self.root, *path))

    # ---- reading -----------------------------------------------------------------------------

    def get(self, name: str, mask: Sequence[str] = (), read_time: str = "") -> Raw | None:
        """Read one document, or ``None``."""
        return self.batch_get([name], mask, read_time).documents.get(name)

    def batch_get(
        self, names: Sequence[str], mask: Sequence[str] = (), read_time: str = ""
    ) -> RawReadResult:
        """Read those of the documents that exist."""
        if not names:
            return RawReadResult({}, "")
        body: Raw = {"documents": names}
        if mask:
            body["mask"] = {"fieldPaths": mask}
        answers = self._read(f"{self.root}:batchGet", _as_of(body, read_time))
        found = {d["name"]: d for a in answers if (d := a.get("found")) is not None}
        return RawReadResult(found, _read_time(answers))

    def run_query(self, query: Raw, parent: str = "", read_time: str = "") -> list[Raw]:
        """Return the documents that a structured query selects; give it a limit."""
        body = _as_of({"structuredQuery": query}, read_time)
        answers = self._read(f"{parent or self.root}:runQuery", body)
        return [d for a in answers if (d := a.get("document")) is not None]

    def run_aggregation(
        self, query: Raw, sums: Iterable[str] = (), parent: str = "", read_time: str = ""
    ) -> Sums:
        """Count what a query selects, or with ``sums`` sum its fields instead.

        A document that lacks one of the summed fields is left out of all the sums.
        """
        wanted = [{"alias": path, "sum": {"field": {"fieldPath": path}}} for path in sums]
        asked = {
            "structuredQuery": query,
            "aggregations": wanted or [{"alias": "count", "count": {}}],
        }
        body = _as_of({"structuredAggregationQuery": asked}, read_time)
        answers = self._read(f"{parent or self.root}:runAggregationQuery", body)
        numbers = {
            alias: int(next(iter(value.values())))
            for answer in answers
            for alias, value in answer.get("result", {}).get("aggregateFields", {}).items()
        }
        return Sums(numbers, _read_time(answers))

    # ---- writing -----------------------------------------------------------------------------

    def commit(self, writes: Sequence[Raw]) -> list[str]:
        """Write all or nothing; return the new version of each document.

        Raises an ``Unmet`` when a condition does not hold, ``LostAnswer`` when nobody knows, and
        any other ``TryAgain`` when nothing was written.
        """
        answer = self._once(f"{self.root}:commit", {"writes": writes})
        results = _member(answer, "writeResults", len(writes))
        return [result.get("updateTime", "") for result in results]

    def batch_write(self, writes: Sequence[Raw]) -> list[tuple[int, str]]:
        """Write each on its own; return a status code (0 is success) and, if written, the new
        version.
        """
        answer = self._once(f"{self.root}:batchWrite", {"writes": writes})
        results = _member(answer, "writeResults", len(writes))
        states = _member(answer, "status", len(writes))
        return [
            (state.get("code", 0), result.get("updateTime", ""))
            for state, result in zip(states, results, strict=True)
        ]

    # ---- the wire ----------------------------------------------------------------------------

    def _read(self, path: str, body: Raw) -> list[Raw]:
        """Return an answer in parts; repeat the request, a few times, while its fault may pass."""
        until = time.monotonic() + READING_SECONDS
        for attempt in range(1, MOST_READS + 1):
            try:
                return _parts(self._once(path, body))
            except TryAgain:
                if attempt == MOST_READS or time.monotonic() > until:
                    raise
            self._sleep(waiting_seconds(attempt))
        raise AssertionError("unreachable")

    def _once(self, path: str, body: Raw) -> object:
        request = httpx.Request(
            "POST",
            _url(self._base, path),
            headers={
                "Authorization": f"Bearer {self._bearer.token()}",
                "Content-Type": "application/json",
            },
            content=orjson.dumps(body),
            extensions={"timeout": _TIMEOUT},
        )
        status, answer = self._exchange(request)
        if status == httpx.codes.OK:
            return _json(answer)
        if status == httpx.codes.UNAUTHORIZED:
            self._bearer.forget()
            raise TryAgain("Firestore does not accept the token; a new one is needed")
        raise _fault(status, answer)

    def _exchange(self, request: httpx.Request) -> tuple[int, bytes]:
        # The transport alone, without httpx.Client around it, halves the CPU of a small request.
        try:
            response = self._transport.handle_request(request)
            try:
                return response.status_code, response.read()
            finally:
                response.close()
        except _NOT_SENT as away:
            raise TryAgain("Firestore cannot be reached") from away
        except (httpx.TransportError, httpx.DecodingError) as cut:
            raise LostAnswer("the connection to Firestore broke") from cut


@lru_cache(maxsize=256)
def _url(base: str, path: str) -> httpx.URL:
    """Parse an address; it is parsed once. Pretty-printed, a third of an answer would be white
    space.
    """
    return httpx.URL(f"{base}{quote(path, safe='/():')}?prettyPrint=false")


def waiting_seconds(attempt: int) -> float:
    """Return a random wait after the given number of attempts."""
    return secrets.SystemRandom().uniform(0.5, 1.0) * FIRST_WAIT_SECONDS * 3.0**attempt


def _as_of(body: Raw, read_time: str) -> Raw:
    return body | {"readTime": read_time} if read_time else body


def _read_time(answers: Iterable[Raw]) -> str:
    return next((str(a["readTime"]) for a in answers if "readTime" in a), "")


def _json(answer: bytes) -> object:
    try:
        parsed: object = orjson.loads(answer)
    except orjson.JSONDecodeError as garbage:
        raise LostAnswer("Firestore's answer cannot be read") from garbage
    return parsed


def _parts(answer: object) -> list[Raw]:
    """Return a stream's parts from one array; a fault in the middle of it comes as the last
    element.
    """
    if not isinstance(answer, list) or not all(isinstance(part, dict) for part in answer):
        raise LostAnswer("Firestore's answer is no list")
    for part in answer[-1:]:
        if "error" in part:
            raise _fault(httpx.codes.OK, orjson.dumps(part))
    return answer


def _member(answer: object, name: str, count: int) -> list[Raw]:
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, list) or len(found) != count:
        raise LostAnswer("Firestore's answer does not fit the request")
    return found


def _fault(status: int, answer: bytes) -> Exception:
    word, told = _status_and_message(answer)
    if not word:
        word = _word_of(status)
    if word in _NOT_DONE:
        return TryAgain(f"Firestore is busy: {word}")
    if word in _UNCLEAR:
        return LostAnswer(f"Firestore cannot say: {word}")
    if word == "FAILED_PRECONDITION" and "index" in told:
        return BadRequest(word, told)
    if word in _UNMET:
        return _UNMET[word](word)
    return BadRequest(word, told)


def _word_of(status: int) -> str:
    """Name the fault of an answer that comes from a proxy before Firestore, not from it."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return "RESOURCE_EXHAUSTED"
    return "UNAVAILABLE" if status >= httpx.codes.INTERNAL_SERVER_ERROR else f"HTTP {status}"


def _status_and_message(answer: bytes) -> tuple[str, str]:
    try:
        parsed = orjson.loads(answer)
        error = (parsed[-1] if isinstance(parsed, list) else parsed)["error"]
        return str(error["status"]), _without_hwids(str(error.get("message", "")))
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return "", ""


def _without_hwids(message: str) -> str:
    return re.sub(r"(devices\\*/)[^\s\"',}]+", r"\1…", message)[:_MOST_TOLD]
