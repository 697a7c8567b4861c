"""The rate at which something may be done: so many times a minute, evenly, and a minute's worth at
once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

MINUTE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """The rest of a rate at a moment. It fills up evenly, to a minute's worth."""

    tokens: float
    at: datetime

    @classmethod
    def full(cls, per_minute: int, now: datetime) -> "Bucket":
        """Make the bucket of a caller that did nothing in the last minute."""
        return cls(per_minute, now)

    def take(self, cost: int, per_minute: int, now: datetime) -> "tuple[Bucket, float]":
        """Take ``cost``: the bucket afterwards, and the seconds to wait if it has too little.

        What costs more than a minute's worth is had from a full bucket.
        """
        if per_minute <= 0:
            return self, MINUTE_SECONDS
        at = max(self.at, now)
        refilled = (at - self.at).total_seconds() * per_minute / MINUTE_SECONDS
        left, wanted = min(per_minute, self.tokens + refilled), min(cost, per_minute)
        if wanted > left:
            return Bucket(left, at), (wanted - left) * MINUTE_SECONDS / per_minute
        return Bucket(left - wanted, at), 0.0
