"""Sums over what became of a notification's devices."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over a ledger. ``errors`` counts the codes of everything that was not delivered."""

    targeted: int = 0
    delivered: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def open(self) -> int:
        """Devices that have no outcome yet."""
        return self.targeted - self.delivered - self.failed - self.skipped - self.unknown

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.targeted + other.targeted,
            self.delivered + other.delivered,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.unknown + other.unknown,
            dict(sorted((Counter(self.errors) + Counter(other.errors)).items())),
        )
