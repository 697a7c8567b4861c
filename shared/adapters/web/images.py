"""The type of an image and the size it claims, read from its head without decoding it.

Decoding strangers' images is how image bombs go off; the claim is all a finding needs.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_NO_FRAME = {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xD9)}


@dataclass(frozen=True, slots=True)
class ImageHead:
    """Type and claimed sides; ``kind`` is empty for no image we know, sides are zero when the head
    has none.
    """

    kind: str = ""
    width: int = 0
    height: int = 0


def read_image(head: bytes) -> ImageHead:
    """Read the head. Never raises, whatever the bytes."""
    for magic, (kind, sides) in _KINDS.items():
        if head.startswith(magic) and (kind != "webp" or head[8:12] == b"WEBP"):
            try:
                width, height = sides(head)
            except (struct.error, IndexError, ValueError):
                width = height = 0
            return ImageHead(kind, width, height)
    return ImageHead()


def _png(head: bytes) -> tuple[int, int]:
    if head[12:16] != b"IHDR":
        raise ValueError("a PNG begins with its header")
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _gif(head: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", head, 6)
    return width, height


def _bmp(head: bytes) -> tuple[int, int]:
    (size,) = struct.unpack_from("<I", head, 14)
    width, height = struct.unpack_from("<HH" if size == 12 else "<ii", head, 18)
    return abs(width), abs(height)


def _webp(head: bytes) -> tuple[int, int]:
    form = head[12:16]
    if form == b"VP8X":
        low, low_high, high, high_high = struct.unpack_from("<HBHB", head, 24)
        return 1 + (low | low_high << 16), 1 + (high | high_high << 16)
    if form == b"VP8L" and head[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", head, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if form == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("a WebP begins with its frame or header")


def _jpeg(head: bytes) -> tuple[int, int]:
    for marker, at in _segments(head):
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack_from(">HH", head, at + 3)
            return width, height
    raise ValueError("no frame")


def _segments(head: bytes) -> Iterator[tuple[int, int]]:
    """Yield each segment's marker and the place of its length, until the pixels begin."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in (0xD9, 0xDA):
            return
        else:
            yield marker, at + 2
            (length,) = struct.unpack_from(">H", head, at + 2)
            at += 2 + max(2, length)


_KINDS: Mapping[bytes, tuple[str, Callable[[bytes], tuple[int, int]]]] = {
    b"\x89PNG\r\n\x1a\n": ("png", _png),
    b"GIF87a": ("gif", _gif),
    b"GIF89a": ("gif", _gif),
    b"\xff\xd8\xff": ("jpeg", _jpeg),
    b"RIFF": ("webp", _webp),
    b"BM": ("bmp", _bmp),
}
