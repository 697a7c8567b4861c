"""Decompression of answers that come compressed although no request asked for it, as some
middleboxes do.
"""

import zlib

_ANY_HEADER = 32
"""For ``zlib``: a window of any size, in gzip's or zlib's own wrapping."""
_DEFLATE = ("deflate",)
_GZIP = ("gzip", "x-gzip")


def decoded(body: bytes, encoding: str, most: int) -> bytes | None:
    """Undo what ``Content-Encoding`` names; ``None`` for what cannot be read within ``most`` bytes.

    However small it came, no more than that is ever unpacked.
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    found: bytes | None = body
    for name in reversed([name for name in names if name not in ("", "identity")]):
        if not found:
            break
        found = _unpacked(found, name, most)
    return found


def _unpacked(body: bytes, name: str, most: int) -> bytes | None:
    if name in _GZIP:
        return _inflated(body, zlib.MAX_WBITS + _ANY_HEADER, most)
    if name in _DEFLATE:
        wrapped = _inflated(body, zlib.MAX_WBITS, most)
        # Some leave out the wrapping that the standard asks for.
        return _inflated(body, -zlib.MAX_WBITS, most) if wrapped is None else wrapped
    return None


def _inflated(body: bytes, window: int, most: int) -> bytes | None:
    unpacking = zlib.decompressobj(window)
    try:
        found = unpacking.decompress(body, most)
    except zlib.error:
        return None
    return found if unpacking.eof and not unpacking.unused_data else None
