"""Places in a limit, which last as long as its window, and turns, which last as long as the work.

Both belong to the request that took them: it gives back its own and nobody else's, so that of two
requests for the same notification the one that loses takes nothing from the one that wins.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


@dataclass(frozen=True, slots=True)
class Taker:
    """A request, and the ``place`` it takes. Requests for the same place share it: it is taken
    while one of them holds it.
    """

    place: str
    request: str = ""

    def __str__(self) -> str:
        return f"{self.place}/{self.request}" if self.request else self.place

    @classmethod
    def read(cls, text: str) -> "Taker":
        """Read the taker that is written so."""
        place, _, request = text.partition("/")
        return cls(place, request)


Takers = tuple[Taker, ...]


def with_place(takers: Takers, taker: Taker, limit: int) -> Takers:
    """Add this taker, unless it would need a place more than ``limit``."""
    taken = {each.place for each in takers}
    full = taker.place not in taken and len(taken) >= limit
    return takers if full or taker in takers else (*takers, taker)


def without(takers: Takers, taker: Taker) -> Takers:
    """Remove this taker."""
    return tuple(each for each in takers if each != taker)


class Turn(Enum):
    """The answer to a request that wants to begin."""

    MINE = "it may"
    ANOTHERS = "another request is at the same place"
    NONE_FREE = "as many as may are at work"


@dataclass(frozen=True, slots=True)
class Lease:
    """A turn of a request, which lapses by itself should the request die."""

    taker: Taker
    until: datetime


Leases = tuple[Lease, ...]


def begin(leases: Leases, lease: Lease, limit: int, now: datetime) -> tuple[Leases, Turn]:
    """Return the live leases, with the wanted one if it may begin, and whether it may."""
    live = tuple(each for each in leases if each.until > now)
    if any(each.taker == lease.taker for each in live):
        return live, Turn.MINE
    if any(each.taker.place == lease.taker.place for each in live):
        return live, Turn.ANOTHERS
    if len(live) >= limit:
        return live, Turn.NONE_FREE
    return (*live, lease), Turn.MINE


def ended(leases: Leases, taker: Taker) -> Leases:
    """Remove this taker's lease."""
    return tuple(each for each in leases if each.taker != taker)
