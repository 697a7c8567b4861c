"""HTTP/2 frames as bytes: those few that are written, and the stream of those that are read (RFC
9113).

Header blocks are written without a dynamic table, so that what is the same for a thousand requests
is encoded once and copied. How a server compresses its own is read in ``headers``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from shared.domain.answer_bodies import object_in, text_in

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MOST_FRAME_BYTES = 16_384
"""We never ask for larger frames, and write none that is larger."""
REFUSED_STREAM, CANCEL = 7, 8
POST, HTTPS = b"\x83", b"\x87"
"""Headers that are in every table: ``:method`` and ``:scheme``."""

END_STREAM = ACK = 0x01
END_HEADERS = 0x04
PADDED = 0x08
PRIORITY = 0x20
_NOT_BARE = PADDED | PRIORITY

_HEAD_BYTES = 9
_HEAD = Struct(">BHBBL")
_PRIORITY_BYTES = 5
_GOAWAY_BYTES = 8
_NEVER_INDEXED = b"\x10"
_SHORT = tuple(bytes((size,)) for size in range(127))


class NotHttp2(Exception):
    """Error for received bytes that break the protocol."""


class Kind(IntEnum):
    """Types of frames that are read; others are ignored."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


_LAST_HEADERS = Kind.HEADERS << 40 | END_HEADERS << 32
_LAST_DATA = Kind.DATA << 40 | END_STREAM << 32


class Setting(IntEnum):
    """Settings that matter to a client."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4


class Frame(NamedTuple):
    """One frame as it was read."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    def number(self) -> int:
        """Read the payload as a number, without its reserved bit."""
        if len(self.payload) != 4:
            raise NotHttp2("a frame of a wrong size")
        return int.from_bytes(self.payload)

    def content(self) -> bytes:
        """Return the payload without padding and priority."""
        if not self.flags & _NOT_BARE:
            return self.payload
        start, end = 0, len(self.payload)
        if self.flags & PADDED:
            start, end = 1, end - (self.payload[0] if self.payload else end + 1)
        if self.flags & PRIORITY and self.kind == Kind.HEADERS:
            start += _PRIORITY_BYTES
        if end < start:
            raise NotHttp2("more padding than frame")
        return self.payload[start:end]

    def settings(self) -> Iterator[tuple[int, int]]:
        """Read the pairs in the payload of a SETTINGS frame."""
        if len(self.payload) % 6:
            raise NotHttp2("half a setting")
        for at in range(0, len(self.payload), 6):
            yield (
                int.from_bytes(self.payload[at : at + 2]),
                int.from_bytes(self.payload[at + 2 : at + 6]),
            )


@dataclass(frozen=True, slots=True)
class GoAway:
    """Content of a GOAWAY: streams after ``last_stream`` were not carried out."""

    last_stream: int
    code: int
    reason: str


class Frames:
    """Splitter of received bytes into frames."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    def read(self, received: bytes) -> list[Frame]:
        """Return the frames that are complete now. Raises ``NotHttp2``."""
        given = self._rest + received
        found: list[Frame] = []
        position = 0
        while len(given) >= position + _HEAD_BYTES:
            high, low, kind, flags, stream = _HEAD.unpack_from(given, position)
            length = high << 16 | low
            if length > MOST_FRAME_BYTES or not (self._begun or kind == Kind.SETTINGS):
                raise NotHttp2("no frame we asked for")
            self._begun = True
            end = position + _HEAD_BYTES + length
            if end > len(given):
                break
            payload = given[position + _HEAD_BYTES : end]
            found.append(Frame(kind, flags, stream & 0x7FFF_FFFF, payload))
            position = end
        self._rest = given[position:]
        return found


def read_goaway(payload: bytes) -> GoAway:
    """Read the payload of a GOAWAY frame; Apple gives the reason in JSON. Raises ``NotHttp2``.

    Half a frame, read as if it named stream 0, would have us send again what may have been carried
    out.
    """
    if len(payload) < _GOAWAY_BYTES:
        raise NotHttp2("half a GOAWAY")
    last = int.from_bytes(payload[:4]) & 0x7FFF_FFFF
    return GoAway(last, int.from_bytes(payload[4:8]), text_in(object_in(payload[8:]), "reason"))


# ---- writing ---------------------------------------------------------------------------------


def frame(kind: Kind, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Write one frame; its payload is at most ``MOST_FRAME_BYTES``."""
    head = len(payload) << 48 | kind << 40 | flags << 32 | stream
    return head.to_bytes(_HEAD_BYTES) + payload


def settings(**values: int) -> bytes:
    """Write a SETTINGS frame, by the names of ``Setting``."""
    pairs = (Setting[name].to_bytes(2) + value.to_bytes(4) for name, value in values.items())
    return frame(Kind.SETTINGS, 0, 0, b"".join(pairs))


def request(stream: int, block: bytes, body: bytes) -> bytes:
    """Write HEADERS and DATA, in as many frames as they need."""
    if len(block) <= MOST_FRAME_BYTES >= len(body):
        headers = len(block) << 48 | _LAST_HEADERS | stream
        data = len(body) << 48 | _LAST_DATA | stream
        return b"".join((headers.to_bytes(_HEAD_BYTES), block, data.to_bytes(_HEAD_BYTES), body))
    return _split(Kind.HEADERS, END_HEADERS, Kind.CONTINUATION, stream, block) + _split(
        Kind.DATA, END_STREAM, Kind.DATA, stream, body
    )


def _split(kind: Kind, last_flag: int, more: Kind, stream: int, payload: bytes) -> bytes:
    if len(payload) <= MOST_FRAME_BYTES:
        return frame(kind, last_flag, stream, payload)
    first, rest = payload[:MOST_FRAME_BYTES], payload[MOST_FRAME_BYTES:]
    return frame(kind, 0, stream, first) + _split(more, last_flag, more, stream, rest)


def header(name: bytes, value: bytes) -> bytes:
    """Encode a header as never to be kept in a table: device tokens and provider tokens are
    secrets.
    """
    return _named(name) + _length(value) + value


@lru_cache(maxsize=64)
def _named(name: bytes) -> bytes:
    return b"".join((_NEVER_INDEXED, _length(name), name))


def _length(text: bytes) -> bytes:
    """Encode HPACK's integer with a prefix of seven bits, for a string without Huffman coding."""
    size = len(text)
    if size < 127:
        return _SHORT[size]
    size -= 127
    out = bytearray((127,))
    while size >= 128:
        out.append(size % 128 | 128)
        size //= 128
    out.append(size)
    return bytes(out)
