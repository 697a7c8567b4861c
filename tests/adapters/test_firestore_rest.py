"""What faults on the wire mean. A write is one request, whatever happens to it."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import orjson
import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request

from local.firestore import FirestoreEmulator
from shared.adapters.firestore.rest import (
    MOST_READS,
    BadRequest,
    Exists,
    FirestoreRest,
    Missing,
    PreconditionFailed,
)
from shared.adapters.firestore.rest_auth import GoogleBearer
from shared.adapters.firestore.rest_values import (
    Foreign,
    decode,
    decode_fields,
    encode,
    query,
    where,
    write,
)
from shared.domain.errors import Defect, TryAgain
from shared.ports.database import LostAnswer
from tests.adapters.fanout import WITHOUT_WAITING

Answer = bytes | None


class Wire:
    """A server that answers each connection's requests with these bytes, then hangs up."""

    def __init__(self) -> None:
        self.answer: Answer = None
        self.requests = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        head, _, body = _until(connection, b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if b"content-length" in line]
        missing = int(lengths[0].split(b":")[1]) - len(body)
        while missing > 0:
            missing -= len(connection.recv(65_536))
        self.requests += 1
        if self.answer is not None:
            connection.sendall(self.answer)


def _until(connection: socket.socket, end: bytes) -> tuple[bytes, bytes, bytes]:
    received = b""
    while end not in received:
        received += connection.recv(65_536)
    return received.partition(end)


def http(status: int, body: bytes, length: int | None = None) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body) if length is None else length}"
    return f"{head}\r\nConnection: close\r\n\r\n".encode() + body


def fault(status: int, word: str, message: str = "") -> bytes:
    return http(status, orjson.dumps({"error": {"status": word, "message": message}}))


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def rest(wire: Wire) -> Iterator[FirestoreRest]:
    rest = FirestoreRest("demo-x", wire.address, sleep=WITHOUT_WAITING)
    yield rest
    rest.close()


@pytest.fixture
def real(firestore_emulator: FirestoreEmulator, project: str) -> Iterator[FirestoreRest]:
    rest = FirestoreRest(project, firestore_emulator.address)
    yield rest
    rest.close()


A_WRITE = [write("projects/demo-x/databases/(default)/documents/c/d", {"n": encode(1)})]
WRITES: list[Callable[[FirestoreRest], object]] = [
    lambda rest: rest.commit(A_WRITE),
    lambda rest: rest.batch_write(A_WRITE),
]
READS: list[Callable[[FirestoreRest], object]] = [
    lambda rest: rest.get(rest.name("c", "d")),
    lambda rest: rest.run_query(query("c", limit=1)),
    lambda rest: rest.run_aggregation(query("c")),
]
NO_ANSWERS: dict[str, Answer] = {
    "hung up before answering": None,
    "hung up in the middle": http(200, b'{"writeResults": [', length=999),
    "garbage instead of HTTP": b"\x15\x03\x01\x00\x02\x02\x50",
    "garbage instead of JSON": http(200, b"<html>sorry</html>"),
    "JSON of another kind": http(200, b'{"hello": "world"}'),
    "an answer to something else": http(200, b'{"writeResults": [], "status": []}'),
    "a proxy's 502": http(502, b"<html>bad gateway</html>"),
    "503": fault(503, "UNAVAILABLE"),
    "504": fault(504, "DEADLINE_EXCEEDED"),
    "500": fault(500, "INTERNAL"),
}
REFUSALS: dict[str, Answer] = {
    "busy": fault(409, "ABORTED"),
    "quota": fault(429, "RESOURCE_EXHAUSTED"),
}


# ---- writes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", WRITES)
@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_a_write_without_a_clear_answer_is_lost_after_one_request(
    wire: Wire, rest: FirestoreRest, ask: Callable[[FirestoreRest], object], answer: Answer
) -> None:
    wire.answer = answer
    with pytest.raises(LostAnswer):
        ask(rest)
    assert wire.requests == 1


@pytest.mark.parametrize("ask", WRITES)
@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
def test_a_write_that_was_not_taken_is_known_not_to_be_there(
    wire: Wire, rest: FirestoreRest, ask: Callable[[FirestoreRest], object], answer: Answer
) -> None:
    wire.answer = answer
    with pytest.raises(TryAgain) as caught:
        ask(rest)
    assert not isinstance(caught.value, LostAnswer)
    assert wire.requests == 1


def test_a_write_that_never_left_is_known_not_to_be_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    rest = FirestoreRest("demo-x", f"127.0.0.1:{port}")
    with pytest.raises(TryAgain) as caught:
        rest.commit(A_WRITE)
    assert not isinstance(caught.value, LostAnswer)
    rest.close()


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (400, "FAILED_PRECONDITION", PreconditionFailed),
        (404, "NOT_FOUND", Missing),
        (409, "ALREADY_EXISTS", Exists),
        (400, "INVALID_ARGUMENT", BadRequest),
        (403, "PERMISSION_DENIED", BadRequest),
        (418, "", BadRequest),
    ],
)
def test_what_will_not_get_better_is_said_at_once(
    wire: Wire, rest: FirestoreRest, status: int, word: str, kind: type[Exception]
) -> None:
    wire.answer = fault(status, word) if word else http(status, b"")
    for ask in (*WRITES, *READS):
        wire.requests = 0
        with pytest.raises(kind):
            ask(rest)
        assert wire.requests == 1


# ---- reads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", READS)
@pytest.mark.parametrize("answer", (NO_ANSWERS | REFUSALS).values(), ids=NO_ANSWERS | REFUSALS)
def test_a_read_is_asked_again_and_then_given_up_for_now(
    wire: Wire, rest: FirestoreRest, ask: Callable[[FirestoreRest], object], answer: Answer
) -> None:
    wire.answer = answer
    with pytest.raises(TryAgain):
        ask(rest)
    assert wire.requests == MOST_READS


def test_a_read_that_succeeds_in_the_end_is_answered(wire: Wire) -> None:
    waits: list[float] = []

    def recover(seconds: float) -> None:
        waits.append(seconds)
        wire.answer = http(200, b'[{"readTime": "2026-01-01T00:00:00Z"}]')

    rest = FirestoreRest("demo-x", wire.address, sleep=recover)
    assert rest.run_query(query("c", limit=1)) == []
    assert len(waits) == 1
    assert 0 < waits[0] < 1
    rest.close()


def test_a_fault_in_the_middle_of_a_stream_is_a_fault(wire: Wire, rest: FirestoreRest) -> None:
    document = {"document": {"name": "a/b", "fields": {}}}
    for word, kind in (("UNAVAILABLE", LostAnswer), ("INVALID_ARGUMENT", BadRequest)):
        wire.answer = http(200, orjson.dumps([document, {"error": {"status": word}}]))
        with pytest.raises(kind):
            rest.run_query(query("c", limit=2))


def test_a_missing_index_is_a_defect_and_no_lost_race(wire: Wire, rest: FirestoreRest) -> None:
    wire.answer = fault(400, "FAILED_PRECONDITION", "The query requires an index. Create it at …")
    with pytest.raises(BadRequest, match="requires an index"):
        rest.run_query(query("c", limit=1))


def test_no_hwid_gets_into_a_sentence(wire: Wire, rest: FirestoreRest) -> None:
    wire.answer = fault(400, "INVALID_ARGUMENT", r"path=\/devices\/SECRET and devices/SECRET.")
    with pytest.raises(BadRequest) as caught:
        rest.run_query(query("c", limit=1))
    assert "SECRET" not in str(caught.value)
    assert "INVALID_ARGUMENT" in str(caught.value)


# ---- values and the real thing -----------------------------------------------------------------


def test_every_type_comes_back_from_the_store_as_it_went(real: FirestoreRest) -> None:
    at = datetime(2026, 1, 1, 14, 0, 0, 120000, tzinfo=timezone(timedelta(hours=2)))
    value = {
        "text": "ü|\"'\n",
        "empty": "",
        "whole": -(2**62),
        "part": 0.5,
        "yes": True,
        "nothing": None,
        "list": ["a", 1, {"x": []}],
        "map": {"deep": {"er": [1, {"x": None}]}, "empty": {}},
    }
    real.commit(
        [write(real.name("c", "d"), {k: encode(v) for k, v in (value | {"at": at}).items()})]
    )
    found = real.get(real.name("c", "d"))
    assert found is not None
    assert decode_fields(found) == {**value, "at": at}


def test_a_moment_is_read_to_the_microsecond() -> None:
    read = decode({"timestampValue": "2026-01-01T12:00:00.123456789Z"})
    assert read == datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_what_we_never_store_is_read_as_foreign_and_said_as_it_came() -> None:
    for said in ({"bytesValue": "AA=="}, {"geoPointValue": {"latitude": 1.5}}):
        assert decode(said) == Foreign(said)
        assert encode(decode(said)) == said
    for value in (b"bytes", object(), Foreign()):
        with pytest.raises(TypeError):
            encode(value)


def test_a_mask_removes_what_is_not_given_and_leaves_the_rest(real: FirestoreRest) -> None:
    name = real.name("c", "d")
    (first,) = real.commit([write(name, {k: encode(k) for k in "abc"}, exists=False)])
    (second,) = real.commit([write(name, {"a": encode("new")}, ["a", "b"], version=first)])
    found = real.get(name)
    assert found is not None
    assert (decode_fields(found), found["updateTime"]) == ({"a": "new", "c": "c"}, second)
    with pytest.raises(PreconditionFailed):
        real.commit([write(name, {}, version=first)])
    with pytest.raises(Exists):
        real.commit([write(name, {}, exists=False)])
    with pytest.raises(Missing):
        real.commit([write(real.name("c", "nobody"), {}, exists=True)])


def test_names_of_any_script_find_their_documents(real: FirestoreRest) -> None:
    name, parent = real.name("c", "ü %?#&"), real.name("c", "ü %?#&")
    real.commit([write(name, {}), write(f"{name}/below/x", {"n": encode(1)})])
    assert real.get(name) is not None
    assert len(real.run_query(query("below", limit=9), parent)) == 1
    assert real.batch_get([]).documents == {}


def test_counts_and_sums_say_as_of_when(real: FirestoreRest) -> None:
    real.commit([write(real.name("c", str(n)), {"n": encode(n), "m": encode(2)}) for n in range(5)])
    some = query("c", where("n", "GREATER_THAN", 1))
    counted = real.run_aggregation(some)
    assert counted.numbers == {"count": 3}
    assert real.run_aggregation(some, ["n", "m"]).numbers == {"n": 9, "m": 6}
    real.commit([write(real.name("c", "9"), {"n": encode(9)})])
    assert real.run_aggregation(some, read_time=counted.read_time).numbers == {"count": 3}


# ---- who we are --------------------------------------------------------------------------------


class Account(Credentials):
    """Credentials with a token for each refresh."""

    def __init__(self, broken: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.refreshes = 0
        self.broken = broken

    def refresh(self, request: object) -> None:
        if self.broken:
            raise RefreshError("away")
        self.refreshes += 1
        self.token = f"token-{self.refreshes}"
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)


def answering(status: int, paths: list[str]) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(f"{request.url.host} {request.headers['Authorization']}")
        return httpx.Response(status, json=[{}] if status == httpx.codes.OK else {})

    return httpx.MockTransport(answer)


def test_google_gets_a_fresh_token_that_is_kept_while_it_is_valid() -> None:
    account, seen = Account(), list[str]()
    bearer = GoogleBearer(lambda: account, Request)
    rest = FirestoreRest("p", transport=answering(200, seen), bearer=bearer)
    rest.run_query(query("c", limit=1))
    rest.run_query(query("c", limit=1))
    account.expiry = datetime.now(UTC).replace(tzinfo=None)
    rest.run_query(query("c", limit=1))
    host = "firestore.googleapis.com Bearer token-"
    assert seen == [f"{host}1", f"{host}1", f"{host}2"]


def test_a_refused_token_is_not_used_again() -> None:
    accounts: list[Account] = []

    def find() -> Account:
        accounts.append(Account())
        return accounts[-1]

    bearer = GoogleBearer(find, Request)
    rest = FirestoreRest("p", transport=answering(401, []), bearer=bearer, sleep=WITHOUT_WAITING)
    with pytest.raises(TryAgain):
        rest.commit(A_WRITE)
    assert bearer.token() == "token-1"
    assert len(accounts) == 2


def test_a_token_service_that_is_away_is_to_be_tried_again() -> None:
    account = Account(broken=True)
    with pytest.raises(TryAgain):
        GoogleBearer(lambda: account, Request).token()


def test_no_credentials_at_all_are_a_defect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(Defect):
        GoogleBearer().token()


def test_the_emulator_is_asked_as_its_owner(firestore_emulator: FirestoreEmulator) -> None:
    seen: list[str] = []
    rest = FirestoreRest("demo-x", firestore_emulator.address, transport=answering(200, seen))
    rest.run_query(query("c", limit=1))
    assert seen == ["127.0.0.1 Bearer owner"]
