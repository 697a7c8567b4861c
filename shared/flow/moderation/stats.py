"""Numbers and median wait of decisions, by moderator and by provider.

Computed from the notifications themselves at every request, so that no counter can drift.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Protocol

from shared.domain.notifications.queries import Decision
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.notifications import Notifications

MOST_DECISIONS = 5_000


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def notifications(self) -> Notifications: ...


@dataclass(frozen=True, slots=True)
class Record:
    """Decisions of one moderator, or about one provider; the median wait is in seconds."""

    name: str
    approved: int
    rejected: int
    endorsed: int
    median_seconds: int | None


@dataclass(frozen=True, slots=True)
class Stats:
    """Decisions since a moment. Not ``complete`` when there were ``MOST_DECISIONS`` or more; then
    the latest count.
    """

    since: datetime
    complete: bool
    moderators: tuple[Record, ...]
    providers: tuple[Record, ...]


def stats(days: int, *, needs: Needs) -> Stats:
    """Count the decisions of the last ``days`` days, the busiest moderators and providers first."""
    since = needs.clock.now() - timedelta(days=days)
    decisions = needs.notifications.decided(since, MOST_DECISIONS)
    by_moderator: dict[str, list[Decision]] = defaultdict(list)
    by_provider: dict[str, list[Decision]] = defaultdict(list)
    endorsed: dict[str, int] = defaultdict(int)
    for decision in decisions:
        by_moderator[decision.moderator_id].append(decision)
        by_provider[decision.provider_id].append(decision)
        for endorser in decision.endorsers:
            endorsed[endorser] += 1
            by_moderator[endorser] += []
    return Stats(
        since=since,
        complete=len(decisions) < MOST_DECISIONS,
        moderators=_records(by_moderator, endorsed),
        providers=_records(by_provider, {}),
    )


def _records(
    decisions: Mapping[str, Sequence[Decision]], endorsed: Mapping[str, int]
) -> tuple[Record, ...]:
    found = [
        Record(
            name=name,
            approved=sum(not each.rejected for each in made),
            rejected=sum(each.rejected for each in made),
            endorsed=endorsed.get(name, 0),
            median_seconds=_median(each.moderated_at - each.submitted_at for each in made),
        )
        for name, made in decisions.items()
    ]
    return tuple(sorted(found, key=lambda it: (-it.approved - it.rejected, it.name)))


def _median(waits: Iterable[timedelta]) -> int | None:
    seconds = [wait.total_seconds() for wait in waits]
    return round(median(seconds)) if seconds else None
