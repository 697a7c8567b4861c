"""Reminders of a notification that waits too long for a decision: one per SLA period."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from shared.domain.notifications.queries import QueueQuery
from shared.flow.moderation.moderate import QueuedNotification, queued
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.notifications import Notifications
    from shared.stores.review_policies import ReviewPolicies

Remind = Callable[[QueuedNotification], object]
"""Function that tells moderators about the notification that waits longest."""

log = logging.getLogger(__name__)


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def review_policies(self) -> ReviewPolicies: ...


def remind(*, needs: Needs, tell: Remind | None = None) -> QueuedNotification | None:
    """Remind moderators of the notification that waits longest, and return it; ``None`` unless it
    waits longer than the SLA and nobody was reminded lately.

    Of ticks that overlap, one reminds. A reminder that cannot be delivered stands in the log all
    the same, and the next reminder comes a period later.
    """
    first = needs.notifications.queue(QueueQuery(page_size=1)).items
    if not first:
        return None
    policy, now = needs.review_policies.get(), needs.clock.now()
    longest = queued(first[0], policy, now)
    if not longest.overdue or not needs.review_policies.take_reminder(now, now - policy.sla):
        return None
    minutes = int(longest.age.total_seconds()) // 60
    log.warning("notification %s waits for %s minutes", longest.notification.id, minutes)
    if tell:
        tell(longest)
    return longest
