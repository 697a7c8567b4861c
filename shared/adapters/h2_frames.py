"""HTTP/2 frames, looked at before the h2 library sees them.

The library ends a connection at its first GOAWAY and refuses what comes after. But the answers to
requests that were accepted before do come after, and each is one push less in doubt.
"""

import json
from dataclasses import dataclass

MOST_FRAME_BYTES = 64 * 1024
"""We never ask for frames larger than 16 KiB: a longer one is no frame."""

_FRAME_HEAD_BYTES = 9
_GOAWAY = 0x07


@dataclass(frozen=True, slots=True)
class GoAway:
    """Streams after ``last_stream`` were not carried out."""

    last_stream: int
    code: int
    reason: str


class Frames:
    """Takes GOAWAY frames out of what was received and leaves the rest as it is."""

    def __init__(self) -> None:
        self._rest = b""

    def split(self, received: bytes) -> tuple[bytes, GoAway | None]:
        """The complete frames for the library, and the last GOAWAY."""
        given = self._rest + received
        kept: list[bytes] = []
        goaway: GoAway | None = None
        start = position = 0
        while (end := _end_of(given, position)) <= len(given):
            if given[position + 3] == _GOAWAY:
                goaway = _read_goaway(given[position + _FRAME_HEAD_BYTES : end])
                kept.append(given[start:position])
                start = end
            position = end
        if _end_of(given, position) - position > MOST_FRAME_BYTES:
            position = len(given)  # no frame is so long: let the library say so
        self._rest = given[position:]
        kept.append(given[start:position])
        return b"".join(kept), goaway


def _end_of(given: bytes, position: int) -> int:
    if len(given) < position + _FRAME_HEAD_BYTES:
        return len(given) + 1
    return position + _FRAME_HEAD_BYTES + int.from_bytes(given[position : position + 3])


def _read_goaway(payload: bytes) -> GoAway:
    last = int.from_bytes(payload[:4]) & 0x7FFF_FFFF
    return GoAway(last, int.from_bytes(payload[4:8]), _reason(payload[8:]))


def _reason(debug: bytes) -> str:
    """Apple says why in JSON."""
    try:
        said = json.loads(debug)
    except (ValueError, RecursionError):
        return ""
    reason = said.get("reason") if isinstance(said, dict) else None
    return reason if isinstance(reason, str) else ""
