"""A provider's schedule: its notifications are sent one after the other and so keep its rate.

The planner of a notification reserves a stretch of the schedule behind the stretches taken before.
Asked again for the same notification, the schedule gives the same stretch while it remembers it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.domain.delivery.run import RunId

REMEMBERED: Final = timedelta(hours=1)
"""How long after its end a stretch is still known to a task that plans the same notification again.
"""

LONGEST_WAIT: Final = timedelta(days=7)
"""The longest wait for a full schedule; Cloud Tasks keeps no task for more than a month."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time one run takes of its provider's schedule."""

    run_id: RunId
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class SendSchedule:
    """The moment a provider's schedule is free from, and the stretches that runs took."""

    free_at: datetime | None = None
    stretches: tuple[Stretch, ...] = ()

    def of(self, run_id: RunId) -> Stretch | None:
        """Return the stretch that this run has."""
        return next((s for s in self.stretches if s.run_id == run_id), None)

    def without(self, runs: Collection[str], now: datetime) -> "SendSchedule":
        """Remove these runs as if they had never been there: what they left unused is free
        again.

        Stretches behind them stay where they are, since their batches have their moments already.
        """
        rest = tuple(s for s in self.stretches if s.run_id not in runs)
        if rest == self.stretches:
            return self
        return SendSchedule(max((s.ends_at for s in rest), default=now), rest)

    def reserved(
        self, run_id: RunId, now: datetime, length: timedelta, *, waits: bool = True
    ) -> "SendSchedule":
        """Add a stretch for this run: behind all others, unless the run never ``waits``.

        A run that does not wait still takes its share of the rate from those that come
        later.
        """
        if self.of(run_id) is not None:
            return self
        free_at = min(max(now, self.free_at or now), now + LONGEST_WAIT)
        starts_at = free_at if waits else now
        stretch = Stretch(run_id, starts_at, starts_at + length)
        remembered = tuple(s for s in self.stretches if s.ends_at + REMEMBERED > now)
        return SendSchedule(free_at + length, (*remembered, stretch))
