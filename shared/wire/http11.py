"""HTTP where one attempt is one request, and a fault says whether the request may have arrived.

Clients for general use send again by themselves when a kept connection breaks, or do not
distinguish a fault before the request was written from one after; for a push that is a second
notification on somebody's screen. So this client is our own: HTTP/1.1 over kept connections, parsed
by httptools, one request under way on each. See docs/decisions/0001-fcm-http-client.md.
"""

import asyncio
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol
from urllib.parse import urlsplit

import httptools

from shared.wire import racing
from shared.wire.encodings import decoded
from shared.wire.racing import Connect

MOST_ANSWER_BYTES = 64 * 1024
IDLE_SECONDS = 60.0
"""Google closes idle connections after four minutes: long before that we stop using them."""

_ENCODING = b"content-encoding"
_LENGTH_OF_ENCODING = len(_ENCODING)
_OF_LENGTH = frozenset({b"content-length", b"transfer-encoding"})


@dataclass(frozen=True)
class Target:
    """Path and headers that many requests share."""

    path: str
    headers: tuple[tuple[str, str], ...]

    @cached_property
    def head(self) -> bytes:
        """First lines of the request, without those that differ."""
        lines = [f"POST {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in self.headers)]
        return "\r\n".join(lines).encode("ascii") + b"\r\n"


class Headers(Mapping[str, str]):
    """Received headers, decoded when they are first read, which those of a success never are."""

    def __init__(self, received: Sequence[tuple[bytes, bytes]]) -> None:
        self._received = received

    def __getitem__(self, name: str) -> str:
        return self._decoded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded)

    def __len__(self) -> int:
        return len(self._decoded)

    @cached_property
    def _decoded(self) -> dict[str, str]:
        return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in self._received}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Response as it was read; names in ``headers`` are in lower case.

    ``unreadable``: it came compressed in a way we cannot undo, so that only its status is known.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """Attempt without an answer. ``ambiguous``: the request had been written, so it may have been
    carried out.

    ``refuses_us``: the server said, before anything else, that it does not take our certificate.
    """

    reason: str
    ambiguous: bool
    refuses_us: bool = False


def answer_of(status: int, headers: Mapping[str, str], body: bytes, encoding: str) -> HttpAnswer:
    """Return the answer with its body as it was before anybody compressed it."""
    if not encoding:
        return HttpAnswer(status, headers, body)
    plain = decoded(body, encoding, MOST_ANSWER_BYTES)
    return HttpAnswer(status, headers, plain or b"", unreadable=plain is None)


class OneShotHttp(Protocol):
    """Client that sends once, and never raises for what a network or a server does."""

    async def post(self, target: Target, body: bytes) -> HttpAnswer | Fault:
        """Send at most one request; return one answer or one fault."""

    async def close(self) -> None:
        """Close all connections."""


class KeptConnections:
    """``OneShotHttp`` over as many connections to one server as requests are under way."""

    def __init__(
        self,
        base_url: str,
        *,
        answer_seconds: float = 10.0,
        connect_seconds: float = 5.0,
        trust: ssl.SSLContext | None = None,
        connect: Connect = racing.connect,
    ) -> None:
        parts = urlsplit(base_url)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._host_line = f"Host: {parts.netloc.rpartition('@')[2]}\r\nContent-Length: ".encode(
            "ascii"
        )
        self._trust = trust
        self._answer_seconds = answer_seconds
        self._connect_seconds = connect_seconds
        self._connected = connect
        self._idle: list[_Connection] = []

    async def post(self, target: Target, body: bytes) -> HttpAnswer | Fault:
        """Send at most one request; return one answer or one fault."""
        request = b"%b%b%d\r\n\r\n%b" % (target.head, self._host_line, len(body), body)
        connection = self._take_idle() or await self._connect()
        if isinstance(connection, Fault):
            return connection
        try:
            return await connection.exchange(request, self._answer_seconds)
        finally:
            self._give_back(connection)

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._idle:
            connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)

    def _take_idle(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.abort()
        return None

    def _give_back(self, connection: "_Connection") -> None:
        if connection.usable():
            self._idle.append(connection)
        else:
            connection.abort()

    async def _connect(self) -> "_Connection | Fault":
        if self._secure and self._trust is None:
            self._trust = ssl.create_default_context()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await loop.create_connection(
                    _Connection,
                    sock=await self._connected(self._host, self._port),
                    ssl=self._trust if self._secure else None,
                    server_hostname=self._host if self._secure else None,
                )
        except (OSError, UnicodeError) as failed:
            return Fault(type(failed).__name__, ambiguous=False)
        return connection


class _Connection(asyncio.Protocol):
    """One kept connection, with at most one request under way."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[HttpAnswer | Fault] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._encoding = b""
        self._headed = False
        self._spoiled = False
        self._idle_since = self._loop.time()

    def usable(self) -> bool:
        """Tell whether another request may go out on this connection."""
        fresh = self._loop.time() - self._idle_since < IDLE_SECONDS
        return (
            fresh
            and self._answer is None
            and not self._spoiled
            and not self._transport.is_closing()
        )

    def abort(self) -> None:
        """Drop the connection at once."""
        self._spoiled = True
        self._transport.abort()

    async def exchange(self, request: bytes, seconds: float) -> HttpAnswer | Fault:
        """Write the request; wait for its answer, or for what became of it."""
        if self._transport.is_closing():
            return Fault("connection lost", ambiguous=False)
        self._answer = self._loop.create_future()
        self._headers = []
        self._encoding = b""
        self._headed = False
        self._body = b""
        self._bytes = 0
        alarm = self._loop.call_later(seconds, self._fail, "no answer in time")
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            alarm.cancel()
            self._spoiled = self._spoiled or not self._answer.done() or self._answer.cancelled()
            self._answer = None
            self._idle_since = self._loop.time()

    def _fail(self, reason: str) -> None:
        self._spoiled = True
        self._settle(Fault(reason, ambiguous=True))

    def _settle(self, result: HttpAnswer | Fault) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(result)

    # ---- what the event loop calls -----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.abort()
            return
        self._bytes += len(data)
        if self._bytes > MOST_ANSWER_BYTES:
            self._fail("too long an answer")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("not an HTTP answer")

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self._headed and not self._says_its_length():
            self._settle(self._complete())
        self._fail("connection lost")

    # ---- what the parser calls ---------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self._spoiled = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        if len(name) == _LENGTH_OF_ENCODING and name.lower() == _ENCODING:
            self._encoding = b"%b,%b" % (self._encoding, value) if self._encoding else value

    def on_headers_complete(self) -> None:
        self._headed = True

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._headers = []
            self._headed = False
            return
        self._spoiled = self._spoiled or not self._parser.should_keep_alive()
        self._settle(self._complete())

    def _says_its_length(self) -> bool:
        return any(name.lower() in _OF_LENGTH for name, _ in self._headers)

    def _complete(self) -> HttpAnswer:
        status, headers = self._parser.get_status_code(), Headers(self._headers)
        return answer_of(status, headers, self._body, self._encoding.decode("latin-1"))
