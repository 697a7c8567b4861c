"""Tables of answers, a row for each way in which an address may ask for one by how it begins.

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
"""A Retry-After that is told as a date, reckoned when it is given."""


class Row(Protocol):
    """What can be asked for."""

    @property
    def prefix(self) -> str: ...


R = TypeVar("R", bound=Row)


class Wishes(Generic[R]):
    """Which row of a table an address asks for."""

    def __init__(self, rows: Sequence[R]) -> None:
        self.by_prefix: Mapping[str, R] = {row.prefix: row for row in rows}
        longest_first = sorted(self.by_prefix, key=len, reverse=True)
        self._wish = re.compile(f"({ONCE})?({'|'.join(map(re.escape, longest_first))})")

    def of(self, address: str, attempt: int) -> R | None:
        """On this attempt, the first being 1; ``None`` to be accepted."""
        found = self._wish.match(address)
        if not found or (found[1] and attempt > 1):
            return None
        return self.by_prefix[found[2]]


# ---- rows that are answered over HTTP/1.1 ----------------------------------------------------


class Act(StrEnum):
    """How an answer is given, or not."""

    ANSWER = "answer"
    SLOW = "slow"  # after ``slow_seconds``
    RESET = "reset"  # TCP reset
    CLOSE = "close"  # orderly close without a byte
    CUT = "cut"  # half of the answer, then closed
    HUGE = "huge"  # more than anybody should read
    BABBLE = "babble"  # not HTTP


SILENT = frozenset({Act.RESET, Act.CLOSE, Act.BABBLE})
"""After these the client has not even seen a status."""


@dataclass(frozen=True, slots=True)
class Script:
    """One row: addresses that begin with ``prefix`` are answered so."""

    prefix: str
    meaning: str
    http: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    act: Act = Act.ANSWER
    taken: bool = False

    def shown(self) -> dict[str, object]:
        """As listed."""
        return {
            "prefix": self.prefix,
            "meaning": self.meaning,
            "http": self.http,
            "retryAfter": self.headers.get("Retry-After"),
            "act": self.act,
            "taken": self.taken,
        }
