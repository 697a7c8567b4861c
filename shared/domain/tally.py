"""Sums over what became of a notification's devices, by dimension and value.

The fields of ``Tally`` name the dimensions, and nothing else does: the totals are one, with a whole
number for each of its values; any other is a map. Ledger, documents, answers, archive and commands
loop over ``TOTALS`` and ``DIMENSIONS``, so that another dimension is a field here, and its value
where the ledger is summed up.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over a ledger. ``errors`` counts the codes of everything that was not delivered."""

    targeted: int = 0
    delivered: int = 0
    failed: int = 0
    skipped: int = 0
    unknown: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, totals: Mapping[str, int], dimensions: Mapping[str, Mapping[str, int]] | None = None
    ) -> "Tally":
        """Build it from sums by name, of which all totals must be there."""
        sums: dict[str, Any] = {name: totals[name] for name in TOTALS}
        sums |= dimensions or {}
        return cls(**sums)

    @property
    def totals(self) -> dict[str, int]:
        """The totals by name, in the order in which they are told."""
        return {name: getattr(self, name) for name in TOTALS}

    @property
    def dimensions(self) -> dict[str, dict[str, int]]:
        """The sums of every other dimension, by its name and its values."""
        return {name: dict(getattr(self, name)) for name in DIMENSIONS}

    @property
    def open(self) -> int:
        """Devices that have no outcome yet."""
        totals = self.totals
        return self.targeted - sum(totals[name] for name in ENDS)

    def unlike(self, other: "Tally") -> Iterator[tuple[str, Any, Any]]:
        """Yield the name of each total and dimension whose sums differ, with both sums.

        A dimension that came later is not compared where one of the two was stored without it.
        """
        for name in (*TOTALS, *DIMENSIONS):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs and (name in _FROM_THE_START or (mine and theirs)):
                yield name, mine, theirs

    def __add__(self, other: "Tally") -> "Tally":
        more, others = other.totals, other.dimensions
        return Tally.of(
            {name: number + more[name] for name, number in self.totals.items()},
            {
                name: dict(sorted((Counter(sums) + Counter(others[name])).items()))
                for name, sums in self.dimensions.items()
            },
        )


def stored_dimensions(stored: Mapping[str, Any]) -> dict[str, Mapping[str, int]]:
    """Read every dimension but the totals from where they are stored by name.

    One that came later is empty in what was stored before; the others must be there.
    """
    return {
        name: dict(stored[name] if name in _FROM_THE_START else stored.get(name) or {})
        for name in DIMENSIONS
    }


TOTALS = tuple(each.name for each in fields(Tally) if each.default == 0)
ENDS = tuple(name for name in TOTALS if name != "targeted")
"""Outcomes of targeted devices, without those that are open."""
DIMENSIONS = tuple(each.name for each in fields(Tally) if each.name not in TOTALS)
_FROM_THE_START = (*TOTALS, "errors")
"""Sums that were always stored."""
