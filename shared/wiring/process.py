"""Who plays in this process, and how others play for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.wiring.cast import Parts
from shared.wiring.google import GoogleParts

_parts: Parts = GoogleParts()


def parts() -> Parts:
    """The parts of this process."""
    return _parts


@contextmanager
def replaced(other: Parts) -> Iterator[Parts]:
    """Plays with other parts for a while."""
    global _parts
    before, _parts = _parts, other
    try:
        yield other
    finally:
        _parts = before
