"""A provider's schedule: its notifications are sent one after the other and so keep its rate.

The planner of a notification reserves a stretch of the schedule behind the stretches taken before.
Asked again for the same notification, the schedule gives the same stretch while it remembers it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

REMEMBERED: Final = timedelta(hours=1)
"""How long after its end a stretch is still known to a task that plans the same notification again.
"""

LONGEST_WAIT: Final = timedelta(days=7)
"""The longest wait for a full schedule; Cloud Tasks keeps no task for more than a month."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time one notification takes of its provider's schedule."""

    notification_id: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class SendSchedule:
    """The moment a provider's schedule is free from, and the stretches that notifications took."""

    free_at: datetime | None = None
    taken: tuple[Stretch, ...] = ()

    def of(self, notification_id: str) -> Stretch | None:
        """Return the stretch that this notification has."""
        return next((s for s in self.taken if s.notification_id == notification_id), None)

    def without(self, notification_ids: Collection[str], now: datetime) -> "SendSchedule":
        """Remove these notifications as if they had never been there: what they left unused is free
        again.

        Stretches behind them stay where they are, since their batches have their moments already.
        """
        rest = tuple(s for s in self.taken if s.notification_id not in notification_ids)
        if rest == self.taken:
            return self
        return SendSchedule(max((s.ends_at for s in rest), default=now), rest)

    def reserved(
        self, notification_id: str, now: datetime, length: timedelta, *, waits: bool = True
    ) -> "SendSchedule":
        """Add a stretch for this notification: behind all others, unless the notification never
        ``waits``.

        A notification that does not wait still takes its share of the rate from those that come
        later.
        """
        if self.of(notification_id) is not None:
            return self
        free_at = min(max(now, self.free_at or now), now + LONGEST_WAIT)
        starts_at = free_at if waits else now
        stretch = Stretch(notification_id, starts_at, starts_at + length)
        remembered = tuple(s for s in self.taken if s.ends_at + REMEMBERED > now)
        return SendSchedule(free_at + length, (*remembered, stretch))
