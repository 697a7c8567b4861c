"""HTTP/2 where one attempt is one request, and a fault says whether the request may have arrived.

Every request shares one connection. Nothing is ever written twice: a request that still waits for
its turn moves to the next connection, one that was written gets an answer or a ``Fault``. After a
silence a PING goes first, since a frozen instance wakes up with connections that died meanwhile.
"""

import asyncio
import logging
import math
import ssl
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from shared.wire import racing
from shared.wire.http2.connection import UNWRITTEN, Connection
from shared.wire.http2.frames import HTTPS, POST, header
from shared.wire.http11 import Fault, HttpAnswer
from shared.wire.racing import Connect
from shared.wire.tls_alerts import refuses_our_certificate

MOST_CONNECTIONS_PER_REQUEST = 3
"""How often a request that was never written may move on."""
PING_SECONDS = 2.0

_CLOSED_IN_THE_HANDSHAKE = (ConnectionResetError, ConnectionAbortedError, ssl.SSLEOFError)
_log = logging.getLogger(__name__)

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Common:
    """Headers and body that many requests share, encoded once: all but a request's own headers."""

    headers: bytes
    body: bytes


def common(headers: Headers, body: bytes) -> Common:
    """Encode the headers and the body that requests to ``H2Client.post`` share."""
    length = (b"content-length", b"%d" % len(body))
    return Common(b"".join(header(*each) for each in (*headers, length)), body)


class PostResult(NamedTuple):
    """Result of a request, and the number of the connection it went out on."""

    answer: HttpAnswer | Fault
    connection: int


class H2Client:
    """Client of one host. It never raises for what a network or a server does."""

    def __init__(
        self,
        base_url: str,
        trust: ssl.SSLContext,
        *,
        answer_seconds: float = 10.0,
        connect_seconds: float = 5.0,
        ping_seconds: float = PING_SECONDS,
        quiet_seconds: float = math.inf,
        connect: Connect = racing.connect,
    ) -> None:
        parts = urlsplit(base_url)
        self._host = parts.hostname or ""
        self._port = parts.port or 443
        self._trust = trust
        authority = parts.netloc.rpartition("@")[2].encode()
        self._first = POST + HTTPS + header(b":authority", authority)
        self._path = parts.path.rstrip("/").encode()
        self._answer_seconds = answer_seconds
        self._connect_seconds = connect_seconds
        self._connected = connect
        self._ping_seconds = ping_seconds
        # Not longer, or what a dead connection lost would be tried again on it, and be lost again.
        self._quiet_seconds = min(quiet_seconds, answer_seconds)
        self._connection: Connection | None = None
        self._failed: Fault | None = None
        self._draining: set[Connection] = set()
        self._connecting = asyncio.Lock()
        self._number = 0
        self._wordless_ends = 0

    @property
    def wordless_ends(self) -> int:
        """The number of connections in a row, up to now, that the server ended before a word."""
        heard = self._connection is not None and self._connection.greeted
        return 0 if heard else self._wordless_ends

    async def post(self, path: bytes, own: Headers, common: Common) -> PostResult:
        """Send at most one request; return one answer or one fault."""
        got: HttpAnswer | Fault = UNWRITTEN
        for _ in range(MOST_CONNECTIONS_PER_REQUEST):
            connection = self._sound() or await self._usable()
            if isinstance(connection, Fault):
                return PostResult(connection, self._number)
            number = self._number
            headers = self._headers(path, own, common)
            got = await connection.exchange(headers, common.body, self._answer_seconds)
            if got is not UNWRITTEN:
                return PostResult(got, number)
        return PostResult(got, self._number)

    def retire(self, number: int) -> None:
        """Start no more requests on that connection; those under way may end."""
        if self._connection is not None and number == self._number:
            self._let_go(self._connection)

    async def close(self) -> None:
        """Let go of all connections."""
        if self._connection is not None:
            self._let_go(self._connection)
        going = list(self._draining)
        for connection in going:
            connection.abort("closed by us")
        await asyncio.gather(*(connection.ended for connection in going))

    def _headers(self, path: bytes, own: Headers, common: Common) -> bytes:
        """Put pseudo-headers, those that begin with a colon, first."""
        encoded = [header(name, value) for name, value in own]
        return b"".join(
            (self._first, header(b":path", self._path + path), common.headers, *encoded)
        )

    def _sound(self) -> Connection | None:
        found = self._connection
        return found if found is not None and found.sound() else None

    async def _usable(self) -> Connection | Fault:
        """Return a connection that answers, or why there is none.

        Only one connection is opened at a time, and only one is pinged, however many requests wait
        for it. All that wait share the failure as well: one after the other they would wait far
        beyond their time.
        """
        before = self._failed
        async with self._connecting:
            if (found := self._connection) is not None:
                if found.sound() or await found.answers_ping(self._ping_seconds):
                    return found
                self._let_go(found)
            if self._failed is not None and self._failed is not before:
                return self._failed
            opened = await self._open()
            if isinstance(opened, Connection):
                self._connection = opened
                self._number += 1
            else:
                self._failed = opened
            return opened

    def _let_go(self, connection: Connection) -> None:
        self._connection = None
        self._draining.add(connection)
        connection.ended.add_done_callback(lambda _: self._draining.discard(connection))
        connection.drain("retired")

    async def _open(self) -> Connection | Fault:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                transport, connection = await loop.create_connection(
                    lambda: Connection(self._quiet_seconds),
                    sock=await self._connected(self._host, self._port),
                    ssl=self._trust,
                    server_hostname=self._host,
                )
        except (OSError, UnicodeError) as failed:
            why, refuses_us = f"{type(failed).__name__}: {failed}", refuses_our_certificate(failed)
            self._wordless_ends += isinstance(failed, _CLOSED_IN_THE_HANDSHAKE)
            if refuses_us:
                _log.error("our certificate is refused: %s", failed)
            return Fault(why, ambiguous=False, refuses_us=refuses_us)
        talks = transport.get_extra_info("ssl_object")
        if talks is None or talks.selected_alpn_protocol() != "h2":
            transport.abort()
            return Fault("the server does not speak HTTP/2", ambiguous=False)
        connection.ended.add_done_callback(lambda _: self._learn(connection))
        return connection

    def _learn(self, ended: Connection) -> None:
        self._failed = ended.refusal or self._failed
        self._wordless_ends = 0 if ended.greeted else self._wordless_ends + ended.ended_wordless
