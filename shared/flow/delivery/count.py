"""From the ledger to the notification's counters and its end.

Counters are set, never incremented: every call computes them anew from what the batches say, so
it does not matter how often or in which order calls come. A distribution is over when every part
is planned and no batch is open, looked at in this order: planned parts cannot add a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from shared.domain.actors import SYSTEM
from shared.domain.delivery.ledger import PlanPart
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Change, Notification, NotificationId, verdict
from shared.domain.tally import Tally
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.ledger import Ledger
    from shared.stores.notifications import Notifications

LIVE_EVERY = timedelta(seconds=5)
"""How often the counters follow a running distribution."""

LONGEST_HANDLER = timedelta(minutes=30)
"""No handler lives longer than Cloud Tasks would listen to it."""


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def notifications(self) -> Notifications: ...


def finish(id: NotificationId, *, needs: Needs) -> Notification | None:
    """Settle the notification if its distribution is over; else bring its counters up to date."""
    if needs.ledger.open_batches(id):
        _follow(id, needs=needs)
        return None
    parts = needs.ledger.parts(id)
    if not parts or not all(part.done for part in parts) or needs.ledger.open_batches(id):
        return None
    return recount(id, over=True, needs=needs)


def recount(id: NotificationId, *, needs: Needs, over: bool = False) -> Notification:
    """Set the counters to what the batches' own sums say; end the notification when ``over``.

    A later count by another task must not be overwritten: if the counters moved since before we
    looked at the ledger, we look again.
    """
    while True:
        seen = needs.notifications.get(id).tally
        sums = needs.ledger.tally(id)
        settled = partial(_settled, seen=seen, sums=sums, now=needs.clock.now(), over=over)
        try:
            return needs.notifications.change(id, settled)
        except _Overtaken:
            continue


class _Overtaken(Exception):
    """Overtaken count: the counters moved meanwhile."""


def _settled(it: Notification, *, seen: Tally, sums: Tally, now: datetime, over: bool) -> Change:
    if it.tally not in (seen, sums):
        raise _Overtaken
    if over and it.status is Status.SENDING:
        reason = verdict(sums)
        if reason is None:
            return it.complete(SYSTEM, now, sums)
        return it.fail(SYSTEM, now, reason, sums)
    counted = Change(it, None) if it.tally == sums else it.counted(sums, now)
    return counted.notification.rested() if over else counted


def catch_up(id: NotificationId, *, needs: Needs) -> Notification:
    """Bring the counters of a stopped notification up to date; it comes to rest once nothing is
    under way.

    Its batches close and count themselves. This call is for those that died between the two.
    """
    it, parts = needs.notifications.get(id), needs.ledger.parts(id)
    over = _planned(it, parts, needs.clock.now()) and not needs.ledger.open_batches(id)
    return recount(id, over=over, needs=needs)


def _planned(it: Notification, parts: Sequence[PlanPart], now: datetime) -> bool:
    """Tell whether no batch can be added. Parts not opened when the notification was stopped may be
    by a handler that began before.
    """
    cut = 0 < it.plan_parts <= len(parts)
    late = it.ended_at is None or now - it.ended_at >= LONGEST_HANDLER
    return (cut or late) and all(part.done for part in parts)


def reconcile(id: NotificationId, *, needs: Needs) -> tuple[Notification, Tally]:
    """Recompute every counter from each single record, and mend the notification if it differs.

    Returns the notification as it was before, and the sums of the records.
    """
    before = needs.notifications.get(id)
    sums = sum((batch.tally for batch in needs.ledger.batches(id)), Tally())
    if before.tally != sums:
        now = needs.clock.now()

        def change(it: Notification) -> Change:
            return it.counted(sums, now) if it.tally == before.tally else Change(it, None)

        needs.notifications.change(id, change)
    return before, sums


def _follow(id: NotificationId, *, needs: Needs) -> None:
    now = needs.clock.now()
    seen = needs.notifications.get(id)
    if seen.counted_at is not None and now - seen.counted_at < LIVE_EVERY:
        return
    sums = needs.ledger.sums(id)

    def change(it: Notification) -> Change:
        if it.status is not Status.SENDING or it.counted_at != seen.counted_at:
            return Change(it, None)
        return it.counted(sums, now)

    needs.notifications.change(id, change)
