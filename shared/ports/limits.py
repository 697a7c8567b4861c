"""Limits on how often a caller does something: windows, turns and rates."""

from __future__ import annotations

from typing import Protocol


class Rates(Protocol):
    """Recent frequency of each caller's actions."""

    def take(self, who: str, what: str, per_minute: int, *, cost: int = 1) -> float:
        """Count the action, and answer 0; or the seconds to wait if it was done too often."""
