"""One GET over a connection of its own, bounded in time and in bytes whatever a server does.

Every wait is given only what is left of the deadline, so a server that sends a byte now and then
gains nothing. Bodies are neither decompressed nor kept beyond what was asked for.
"""

import queue
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httptools

MOST_HEAD_BYTES = 32 * 1024
MOST_LOOKUPS = 128
MOST_LOOKUPS_OF_ONE = 4
"""Names under way for one asker: a link and an image of two notifications at once."""
_CHUNK = 16 * 1024


class TooSlow(Exception):
    """Error for a deadline that has passed."""


class NoAnswer(Exception):
    """Error for a server that does not speak HTTP, or stops in the middle of an answer."""


class UnknownHost(Exception):
    """Error for a name without an address."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Moment after which nothing is waited for."""

    ends: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """Create a deadline so many seconds from now."""
        return cls(clock() + seconds, clock)

    def seconds_left(self) -> float:
        """Return the seconds left, always more than 0. Raises ``TooSlow``."""
        left = self.ends - self.clock()
        if left <= 0:
            raise TooSlow
        return left


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """One answer. Names in ``headers`` are in lower case; of repeated ones the first counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Lookups:
    """Resolver of names, each in a thread that can be left behind: the system's resolver may hang.

    A thread that was left behind keeps its place until the system's resolver gives up. So each
    asker has only a share of the places: names that never answer use up the share of the asker who
    gave them.
    """

    def __init__(
        self, resolve: Callable[[str], Sequence[str]], most_of_one: int = MOST_LOOKUPS_OF_ONE
    ) -> None:
        self._resolve = resolve
        self._most_of_one = most_of_one
        self._under_way = Counter[str]()
        self._changed = threading.Condition()

    def addresses(self, host: str, deadline: Deadline, asker: str = "") -> Sequence[str]:
        """Look a name up. Raises ``UnknownHost``, ``TooSlow`` and ``OSError``."""
        self._begin(asker, deadline)
        answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()
        work = threading.Thread(
            target=self._answer, args=(host, asker, answers), name="lookup", daemon=True
        )
        try:
            work.start()
        except RuntimeError:
            self._end(asker)
            raise TooSlow from None
        try:
            answer = answers.get(timeout=deadline.seconds_left())
        except queue.Empty:
            raise TooSlow from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _begin(self, asker: str, deadline: Deadline) -> None:
        """Wait for a place, no longer than the deadline."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_place(asker), deadline.seconds_left()):
                raise TooSlow
            self._under_way[asker] += 1

    def _has_place(self, asker: str) -> bool:
        free = self._under_way.total() < MOST_LOOKUPS
        return free and self._under_way[asker] < self._most_of_one

    def _end(self, asker: str) -> None:
        with self._changed:
            self._under_way[asker] -= 1
            self._under_way += Counter()  # drops askers without a place
            self._changed.notify_all()

    def _answer(
        self, host: str, asker: str, answers: "queue.SimpleQueue[Sequence[str] | Exception]"
    ) -> None:
        try:
            found = tuple(dict.fromkeys(self._resolve(host)))
            answers.put(found or UnknownHost(host))
        except (UnknownHost, OSError) as failed:
            answers.put(failed)
        except (UnicodeError, ValueError):
            answers.put(UnknownHost(host))
        finally:
            self._end(asker)


def system_addresses(host: str) -> Sequence[str]:
    """Look a host up with this machine's resolver."""
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except socket.gaierror as failed:
        if failed.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
            raise UnknownHost(host) from None
        raise
    return [str(entry[4][0]) for entry in found]


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """Connect to an IP address, never to a name: nothing is looked up again."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def secured(
    connection: socket.socket, host: str, trust: ssl.SSLContext, deadline: Deadline
) -> socket.socket:
    """Start TLS with a server that must prove to be ``host``."""
    connection.settimeout(deadline.seconds_left())
    return trust.wrap_socket(connection, server_hostname=host)


def get(
    connection: socket.socket,
    head: bytes,
    deadline: Deadline,
    most_bytes: Callable[[int, Mapping[str, str]], int],
) -> WebAnswer:
    """Send ``head``, read the answer and as many bytes of its body as ``most_bytes`` says.

    Raises ``TooSlow``, ``NoAnswer`` and ``OSError``.
    """
    reading = _Reading(most_bytes)
    try:
        connection.settimeout(deadline.seconds_left())
        connection.sendall(head)
        while not reading.done:
            connection.settimeout(deadline.seconds_left())
            chunk = connection.recv(_CHUNK)
            if not chunk:
                break
            reading.feed(chunk)
    except TimeoutError:
        raise TooSlow from None
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as bad:
        if not reading.done:
            raise NoAnswer("not HTTP") from bad
    return reading.answer()


class _Reading:
    """Parser's callbacks, and what they collected so far."""

    def __init__(self, most_bytes: Callable[[int, Mapping[str, str]], int]) -> None:
        self.done = False
        self._most_bytes = most_bytes
        self._parser = httptools.HttpResponseParser(self)
        self._has_head = False
        self._head_bytes = 0
        self._most = 0
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Parse a chunk. Raises ``NoAnswer`` when the headers do not end."""
        self._head_bytes += 0 if self._has_head else len(chunk)
        if self._head_bytes > MOST_HEAD_BYTES + _CHUNK:
            raise NoAnswer("endless headers")
        self._parser.feed_data(chunk)

    def answer(self) -> WebAnswer:
        """Return the answer. Raises ``NoAnswer`` when it ended before its headers did."""
        if not self._has_head:
            raise NoAnswer("no headers")
        return WebAnswer(self._status, self._headers, bytes(self._body))

    # ---- what the parser calls ---------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:  # trailers come after the body
            self._headers.setdefault(name.decode("latin-1").lower(), _text(value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # an interim answer, of which there may be many
            self._headers.clear()
            return
        self._has_head = True
        self._status = status
        self._most = self._most_bytes(status, self._headers)
        self.done = self._most <= 0

    def on_body(self, part: bytes) -> None:
        if not self.done:
            self._body += part[: self._most - len(self._body)]
            self.done = len(self._body) >= self._most

    def on_message_complete(self) -> None:
        self.done = self.done or self._has_head


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
