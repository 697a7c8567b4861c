"""Tables of faults, each asked for by the beginning of an address.

``taken`` says whether the push service took the message all the same, which is what makes a lost
answer different from a refusal.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

ONCE = "once-"
"""Before any other prefix: that answer for the first attempt, accepted from the second on."""

BY_DATE = "date"
"""A Retry-After that is given as a date, computed when it is sent."""


class Row(Protocol):
    """Row of a table: what an address can ask for."""

    @property
    def prefix(self) -> str: ...


R = TypeVar("R", bound=Row)


class FaultTable(Generic[R]):
    """Table of rows by the prefixes of addresses."""

    def __init__(self, rows: Sequence[R]) -> None:
        self.by_prefix: Mapping[str, R] = {row.prefix: row for row in rows}
        longest_first = sorted(self.by_prefix, key=len, reverse=True)
        self._pattern = re.compile(f"({ONCE})?({'|'.join(map(re.escape, longest_first))})")

    def of(self, address: str, attempt: int) -> R | None:
        """Return the row for this attempt, the first being 1; ``None`` to be accepted."""
        found = self._pattern.match(address)
        if not found or (found[1] and attempt > 1):
            return None
        return self.by_prefix[found[2]]


# ---- rows that are answered over HTTP/1.1 ----------------------------------------------------


class FaultKind(StrEnum):
    """Way in which a request is answered, or not."""

    ANSWER = "answer"
    SLOW = "slow"  # after ``slow_seconds``
    RESET = "reset"  # TCP reset
    CLOSE = "close"  # orderly close without a byte
    CUT = "cut"  # half of the answer, then closed
    HUGE = "huge"  # more than anybody should read
    BABBLE = "babble"  # not HTTP


SILENT = frozenset({FaultKind.RESET, FaultKind.CLOSE, FaultKind.BABBLE})
"""Faults after which the client has not even seen a status."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Row of a table: the answer to addresses that begin with ``prefix``."""

    prefix: str
    meaning: str
    http: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    kind: FaultKind = FaultKind.ANSWER
    taken: bool = False

    def as_json(self) -> dict[str, object]:
        """Convert the row to what ``GET /prefixes`` lists."""
        return {
            "prefix": self.prefix,
            "meaning": self.meaning,
            "http": self.http,
            "retryAfter": self.headers.get("Retry-After"),
            "act": self.kind,
            "taken": self.taken,
        }
