"""HTTP/2 where one attempt is one request, and a fault says whether the request may have arrived.

Every request shares one connection. Nothing is ever written twice: a request that still waits for
its turn moves to the next connection, one that was written gets an answer or a ``Fault``. After a
silence a PING goes first, since a frozen instance wakes up with connections that died meanwhile.
"""

import asyncio
import logging
import ssl
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from shared.adapters.h2_connection import UNWRITTEN, Connection, Exchange
from shared.adapters.h2_frames import header
from shared.adapters.one_shot_http import Fault, HttpAnswer
from shared.adapters.tls_alerts import refuses_our_certificate

MOST_CONNECTIONS_PER_REQUEST = 3
"""How often a request that was never written may move on."""
PING_SECONDS = 2.0

_log = logging.getLogger(__name__)

Headers = tuple[tuple[bytes, bytes], ...]


class H2Request(NamedTuple):
    """``common`` headers are the same for many requests, and encoded only once."""

    common: Headers
    own: Headers
    body: bytes


class Posted(NamedTuple):
    """What became of a request, and on which connection, by number."""

    got: HttpAnswer | Fault
    connection: int


class H2Client:
    """Sends to one host. Never raises for what a network or a server does."""

    def __init__(
        self,
        base_url: str,
        trust: ssl.SSLContext,
        *,
        answer_seconds: float = 10.0,
        connect_seconds: float = 5.0,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        parts = urlsplit(base_url)
        self._host = parts.hostname or ""
        self._port = parts.port or 443
        self._trust = trust
        self._first = _block(
            (
                (b":method", b"POST"),
                (b":scheme", b"https"),
                (b":authority", parts.netloc.rpartition("@")[2].encode()),
            )
        )
        self._path = parts.path.rstrip("/").encode()
        self._answer_seconds = answer_seconds
        self._connect_seconds = connect_seconds
        self._ping_seconds = ping_seconds
        self._connection: Connection | None = None
        self._failed: Fault | None = None
        self._draining: set[Connection] = set()
        self._connecting = asyncio.Lock()
        self._number = 0
        self._last_common: tuple[Headers, bytes] = (), b""

    async def post(self, request: H2Request) -> Posted:
        """One request at most, one answer or one fault."""
        got: HttpAnswer | Fault = UNWRITTEN
        for _ in range(MOST_CONNECTIONS_PER_REQUEST):
            connection = await self._usable()
            if isinstance(connection, Fault):
                return Posted(connection, self._number)
            number = self._number
            got = await connection.exchange(self._complete(request), self._answer_seconds)
            if got is not UNWRITTEN:
                return Posted(got, number)
        return Posted(got, self._number)

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

    def _complete(self, request: H2Request) -> Exchange:
        own = (
            header(name, self._path + value if name == b":path" else value)
            for name, value in request.own
        )
        length = header(b"content-length", b"%d" % len(request.body))
        block = b"".join((self._first, *own, self._common(request.common), length))
        return Exchange(block, request.body, asyncio.get_running_loop().create_future())

    def _common(self, headers: Headers) -> bytes:
        """The same object as last time is not even looked up: that would hash all its strings."""
        if headers is not self._last_common[0]:
            self._last_common = headers, _block(headers)
        return self._last_common[1]

    async def _usable(self) -> Connection | Fault:
        """Only one is opened at a time, and only one pings, however many wait for it. All that wait
        share the failure as well: one after the other they would wait far beyond their time.
        """
        if (found := self._connection) is not None and found.sound():
            return found
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
                    Connection, self._host, self._port, ssl=self._trust
                )
        except (OSError, UnicodeError) as failed:
            why, refuses_us = f"{type(failed).__name__}: {failed}", refuses_our_certificate(failed)
            if refuses_us:
                _log.error("our certificate is refused: %s", failed)
            return Fault(why, ambiguous=False, refuses_us=refuses_us)
        talks = transport.get_extra_info("ssl_object")
        if talks is None or talks.selected_alpn_protocol() != "h2":
            transport.abort()
            return Fault("the server does not speak HTTP/2", ambiguous=False)
        return connection


@lru_cache(maxsize=64)
def _block(headers: Headers) -> bytes:
    return b"".join(header(name, value) for name, value in headers)
