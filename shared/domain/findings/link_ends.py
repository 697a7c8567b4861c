"""The addresses that links ended at when they were inspected, and how a later inspection differs.

A moderator approves what was seen at submission. The look right before the send is compared with
that: a link that ends at another host, or can no longer be looked at, is another link.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.findings.finding import Finding, finding_of

MOST_LOOKS = 3
"""The number of fetches of a link that was reachable before, until the send is given up."""
BETWEEN_LOOKS = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """The end of a look at one address: hosts as machines write them. ``final`` is empty where
    there was nothing to look at.
    """

    field: str
    host: str
    final: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The findings of a look at content, and the ends of its links."""

    findings: tuple[Finding, ...] = ()
    ends: tuple[LinkEnd, ...] = ()


@dataclass(frozen=True, slots=True)
class LookedAt:
    """The ends of a notification's links when it was submitted. ``misses`` counts looks before the
    send that reached less; the next one is due ``again_at``.
    """

    ends: tuple[LinkEnd, ...] = ()
    misses: int = 0
    again_at: datetime | None = None

    def missed(self, now: datetime) -> "LookedAt":
        """Count a look that reached less, and look again a little later. Looks at the same time are
        one: tasks come twice.
        """
        if self.waits(now):
            return self
        return replace(self, misses=self.misses + 1, again_at=now + BETWEEN_LOOKS)

    def waits(self, now: datetime) -> bool:
        """Tell whether the next look is yet to come."""
        return self.again_at is not None and now < self.again_at

    def is_last(self, now: datetime) -> bool:
        """Tell whether a look now is the last of those that may reach less."""
        return self.misses + 1 >= MOST_LOOKS and not self.waits(now)

    def moved(self, now: Sequence[LinkEnd]) -> tuple[Finding, ...]:
        """List the links that end at a host where none of them ended before.

        What could not be looked at before may lead to the host it names, which was approved.
        """
        return tuple(
            finding_of("leadsElsewhere", end.field, host=end.host, final=end.final)
            for end in dict.fromkeys(now)
            if end.final and end.final not in self._finals(end)
        )

    def lost(self, now: Sequence[LinkEnd]) -> bool:
        """Tell whether less can be looked at than before."""
        before, after = _reached(self.ends), _reached(now)
        return any(after[place] < before[place] for place in {_place(end) for end in now})

    def _finals(self, now: LinkEnd) -> set[str]:
        finals = {end.final for end in self.ends if _place(end) == _place(now) and end.final}
        return finals or {now.host}


def _place(end: LinkEnd) -> tuple[str, str]:
    return end.field, end.host


def _reached(ends: Iterable[LinkEnd]) -> Counter[tuple[str, str]]:
    return Counter(_place(end) for end in ends if end.final)
