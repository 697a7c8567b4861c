"""HTTP/2's header compression, the reading half (RFC 7541), as fast as plain Python allows.

With the ``hpack`` library, decoding these few bytes took three quarters of the time that reading an
answer cost. A string is decoded a byte at a time by steps that are computed once; the table that
both ends keep is kept exactly, since a reader that is a line off reads another header than the one
that was meant. Where the server agrees to keep no table, headers that are not read are skipped and
never decoded.
"""

from collections import deque
from collections.abc import Container
from functools import lru_cache

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

from shared.wire.http2.frames import NotHttp2

TABLE_BYTES = 4096
"""The table's size while neither end asks for another; we never do."""
ENTRY_BYTES = 32
"""Overhead that counts for an entry besides its text."""

_MOST_SHIFT = 28
_END_OF_STRING = 256

Entry = tuple[str, str]

_STATIC: tuple[Entry, ...] = tuple(
    (name.decode(), value.decode()) for name, value in HeaderTable.STATIC_TABLE
)


class HeaderReader:
    """Decoder of one connection's header blocks; every block must pass through it, in order.

    ``names`` are the headers that will be read; without it, all are.
    """

    def __init__(self, names: Container[str] | None = None) -> None:
        self._names = names
        self._newest_first: deque[Entry] = deque()
        self._bytes = 0
        self._most_bytes = TABLE_BYTES

    def read(self, block: bytes) -> dict[str, str]:
        """Return the headers by name, the last of those with the same name. Raises ``NotHttp2``.

        Headers other than those wanted may or may not be among them.
        """
        found: dict[str, str] = {}
        value: str | None
        at, end = 0, len(block)
        try:
            while at < end:
                first = block[at]
                if first & 0x80:
                    index, at = _number(block, at, 0x7F)
                    name, value = self._entry(index)
                elif first & 0x40:
                    name, value, at = self._literal(block, at, 0x3F)
                    if value is not None:
                        self._keep(name, value)
                elif first & 0x20:
                    if found:
                        raise NotHttp2("the table's size changes within a block")
                    size, at = _number(block, at, 0x1F)
                    self._resize(size)
                    continue
                else:
                    name, value, at = self._literal(block, at, 0x0F)
                if value is not None:
                    found[name] = value
        except IndexError:
            raise NotHttp2("half a header") from None
        return found

    def _literal(self, block: bytes, at: int, mask: int) -> tuple[str, str | None, int]:
        """Decode a literal header; skip its value where neither a table nor the caller needs it."""
        index, at = _number(block, at, mask)
        if index:
            name = self._entry(index)[0]
        else:
            named, at = _string(block, at)
            name = _name(named)
        value, at = _string(block, at)
        needless = self._names is not None and not self._most_bytes and name not in self._names
        return name, None if needless else _text(value), at

    def _entry(self, index: int) -> Entry:
        known = len(_STATIC)
        if not 0 < index <= known + len(self._newest_first):
            raise NotHttp2("a header that is in no table")
        return _STATIC[index - 1] if index <= known else self._newest_first[index - known - 1]

    def _keep(self, name: str, value: str) -> None:
        """Add an entry to the table. An entry that is too large for the table empties it, and is
        not kept.
        """
        size = ENTRY_BYTES + len(name) + len(value)
        self._shrink(self._most_bytes - size)
        if size <= self._most_bytes:
            self._newest_first.appendleft((name, value))
            self._bytes += size

    def _resize(self, most_bytes: int) -> None:
        if most_bytes > TABLE_BYTES:
            raise NotHttp2("a larger table than we allow")
        self._most_bytes = most_bytes
        self._shrink(most_bytes)

    def _shrink(self, most_bytes: int) -> None:
        while self._newest_first and self._bytes > most_bytes:
            name, value = self._newest_first.pop()
            self._bytes -= ENTRY_BYTES + len(name) + len(value)


def _number(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """Decode an integer that begins in the bits of ``mask``; return the position behind it, too."""
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    for shift in range(0, _MOST_SHIFT, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise NotHttp2("too large a number")


def _string(block: bytes, at: int) -> tuple[tuple[int, bytes], int]:
    """Return a string as received, whether it is Huffman-coded, and the position behind it."""
    coded = block[at] & 0x80
    length, at = _number(block, at, 0x7F)
    end = at + length
    if end > len(block):
        raise NotHttp2("half a header")
    return (coded, block[at:end]), end


def _text(string: tuple[int, bytes]) -> str:
    coded, text = string
    return decoded(text) if coded else text.decode("latin-1")


_name = lru_cache(maxsize=64)(_text)
"""Names are cached: there are few, and every answer has the same."""


# ---- Huffman's code --------------------------------------------------------------------------


def decoded(coded: bytes) -> str:
    """Decode a Huffman-coded string. Raises ``NotHttp2``."""
    place, parts = _START, []
    for byte in coded:
        text, place = (place.steps or place.find_steps())[byte]
        parts.append(text)
    if not place.may_end:
        raise NotHttp2("a string with a wrong end")
    return "".join(parts)


class _Place:
    """Node of the code's tree; ``steps`` has for every byte the symbols that end within it, and the
    node it leads to.

    The steps are computed when first needed: most nodes are never reached.
    """

    __slots__ = ("may_end", "node", "steps")

    def __init__(self, node: int) -> None:
        self.node = node
        self.may_end = False
        self.steps: list[tuple[str, _Place]] = []

    def find_steps(self) -> "list[tuple[str, _Place]]":
        ways = [("", self.node)]
        for _ in range(8):
            ways = [_after(text, node, bit) for text, node in ways for bit in (0, 1)]
        self.steps = [(text, _PLACES[node]) for text, node in ways]
        return self.steps


def _after(text: str, node: int, bit: int) -> tuple[str, int]:
    following = _NODES[node][bit]
    if following >= 0:
        return text, following
    symbol = -following - 1
    return (text, _NOWHERE) if symbol == _END_OF_STRING else (text + chr(symbol), 0)


def _tree() -> list[list[int]]:
    """Build the code's nodes with what follows a 0 and a 1: another node or, negative, the symbol
    below it.
    """
    nodes = [[0, 0]]
    for symbol, (code, length) in enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True)):
        node = 0
        for shift in range(length - 1, 0, -1):
            bit = code >> shift & 1
            if not nodes[node][bit]:
                nodes[node][bit] = len(nodes)
                nodes.append([0, 0])
            node = nodes[node][bit]
        nodes[node][code & 1] = -symbol - 1
    return nodes


def _let_strings_end() -> None:
    """Mark the nodes where a string may end: after a symbol, or after up to seven ones that fill
    the last byte.
    """
    node = 0
    for _ in range(8):
        _PLACES[node].may_end = True
        node = _NODES[node][1]


_NODES = _tree()
_NOWHERE = len(_NODES)
"""The node after the symbol that says a string ends, which no string may contain: no step leads on
from it.
"""
_NODES.append([_NOWHERE, _NOWHERE])
_PLACES = [_Place(node) for node in range(len(_NODES))]
_START = _PLACES[0]
_let_strings_end()
