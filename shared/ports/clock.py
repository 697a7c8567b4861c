"""Time and chance, as verbs get them."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time and chance for verbs."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""

    def chance(self) -> float:
        """Return a random number, uniform in [0, 1), for jitter."""

    def new_id(self) -> str:
        """Return 20 random characters [A-Za-z0-9]: a fresh document id or lease owner."""
