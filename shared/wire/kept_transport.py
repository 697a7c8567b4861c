"""A transport for httpx's requests: kept connections, one request under way on each.

httpx's own transport spends more CPU on a request than reading Firestore's answer to it costs.
Answers are parsed by httptools. Faults keep httpx's names: ``ConnectError`` and ``ConnectTimeout``
for a request that never left, others for a request that may have been carried out.
"""

import select
import socket
import ssl
import threading
import time

import httptools
import httpx

from shared.wire import racing
from shared.wire.racing import Connect

IDLE_SECONDS = 60.0
MOST_IDLE = 32
CHUNK_BYTES = 256 * 1024
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 20.0

Origin = tuple[bool, str, int]
"""TLS or not, host and port."""


class KeptTransport(httpx.BaseTransport):
    """Transport that keeps connections. Safe to share between threads."""

    def __init__(
        self, *, idle_seconds: float = IDLE_SECONDS, connect: Connect = racing.connect
    ) -> None:
        self._connected = connect
        self._idle_seconds = idle_seconds
        self._trust: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        origin = _origin(request.url)
        seconds = request.extensions.get("timeout", {})
        connection = self._take_idle(origin) or self._opened(origin, seconds.get("connect"))
        try:
            answer = connection.exchange(_written(request), seconds.get("read"))
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        return answer

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take_idle(self, origin: Origin) -> "_Connection | None":
        """Take the connection that was used last; drop those that the server ended meanwhile."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.origin == origin and connection.usable(self._idle_seconds):
                return connection
            connection.close()

    def _opened(self, origin: Origin, seconds: float | None) -> "_Connection":
        secure, host, port = origin
        wait = CONNECT_SECONDS if seconds is None else seconds
        try:
            plain = racing.connect_within(wait, host, port, self._connected)
            if not secure:
                return _Connection(origin, plain)
            try:
                return _Connection(origin, self._context().wrap_socket(plain, server_hostname=host))
            except BaseException:
                plain.close()
                raise
        except TimeoutError as late:
            raise httpx.ConnectTimeout(str(late)) from late
        except OSError as failed:
            raise httpx.ConnectError(str(failed)) from failed

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._trust is None:
                self._trust = httpx.create_ssl_context()
            return self._trust

    def _give_back(self, connection: "_Connection") -> None:
        with self._lock:
            if connection.keeps and len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()


class _Answer:
    """Parser's callbacks and what they collect; an interim answer (1xx) is dropped."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.done = self.keeps = self.surplus = False

    @property
    def status(self) -> int:
        return int(self.parser.get_status_code())

    def response(self) -> httpx.Response:
        """Convert the answer to httpx's type."""
        return httpx.Response(self.status, headers=self.headers, content=b"".join(self.parts))

    # What the parser calls.

    def on_message_begin(self) -> None:
        self.surplus = self.done
        self.headers, self.parts = [], []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, part: bytes) -> None:
        self.parts.append(part)

    def on_message_complete(self) -> None:
        self.done = self.status >= httpx.codes.OK
        self.keeps = bool(self.parser.should_keep_alive())


class _Connection:
    """One socket, and whether it may be used again."""

    def __init__(self, origin: Origin, line: socket.socket) -> None:
        self.origin = origin
        self.keeps = False
        self._line = line
        self._used_at = time.monotonic()

    def usable(self, idle_seconds: float) -> bool:
        """Tell whether the connection is fresh and nothing was received after the last answer, not
        even its end.
        """
        if time.monotonic() - self._used_at > idle_seconds:
            return False
        waiting = select.poll()
        waiting.register(self._line, select.POLLIN)
        return not waiting.poll(0)

    def exchange(self, request: bytes, seconds: float | None) -> httpx.Response:
        """Write, and read the whole answer."""
        self._line.settimeout(ANSWER_SECONDS if seconds is None else seconds)
        try:
            self._line.sendall(request)
            return self._read()
        except TimeoutError as late:
            raise httpx.ReadTimeout(str(late)) from late
        except OSError as cut:
            raise httpx.ReadError(str(cut)) from cut
        except httptools.HttpParserError as garbage:
            raise httpx.RemoteProtocolError(str(garbage)) from garbage

    def close(self) -> None:
        self._line.close()

    def _read(self) -> httpx.Response:
        answer = _Answer()
        while not answer.done:
            received = self._line.recv(CHUNK_BYTES)
            if not received:
                raise httpx.RemoteProtocolError("the connection ended before the answer did")
            answer.parser.feed_data(received)
        self.keeps = answer.keeps and not answer.surplus
        self._used_at = time.monotonic()
        return answer.response()


def _origin(url: httpx.URL) -> Origin:
    secure = url.scheme == "https"
    return secure, url.host, url.port or (443 if secure else 80)


def _written(request: httpx.Request) -> bytes:
    head = [b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    head += [b"%b: %b" % pair for pair in request.headers.raw]
    return b"\r\n".join((*head, b"", request.read()))
