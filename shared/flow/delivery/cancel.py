"""Taking it back: cancel before it is sent, stop while it is being sent."""

from shared.domain.actors import Actor, Role
from shared.domain.errors import TryAgain
from shared.domain.notifications.notification import Change, Notification, NotificationId
from shared.flow.delivery.count import recount
from shared.flow.providers.entitled import owned
from shared.ports import Clock, Ledger, Notifications


def cancel(
    id: NotificationId, *, provider_id: str, notifications: Notifications, clock: Clock
) -> Notification:
    """The provider takes back what is not decided, or not due, yet."""
    by, now = Actor(Role.PROVIDER, provider_id), clock.now()

    def change(it: Notification) -> Change:
        return owned(it, provider_id).cancel(by, now)

    return notifications.change(id, change)


def stop(
    id: NotificationId,
    *,
    by: Actor,
    reason: str = "",
    notifications: Notifications,
    ledger: Ledger,
    clock: Clock,
) -> Notification:
    """Halts a running distribution within one chunk per running batch.

    The counters in the answer say what was sent so far; batches still running close themselves
    and the counters follow.
    """
    now = clock.now()

    def change(it: Notification) -> Change:
        if by.role is Role.PROVIDER:
            owned(it, by.id)
        return it.stop(by, now, reason)

    stopped = notifications.change(id, change)
    try:
        return recount(id, notifications=notifications, ledger=ledger, clock=clock)
    except TryAgain:  # the stop stands; the sums follow when the running batches close
        return stopped
