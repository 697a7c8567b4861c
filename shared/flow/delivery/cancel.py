"""The provider's way back: cancel before it is sent, stop while it is being sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from shared.domain.actors import Actor, Role
from shared.domain.errors import TryAgain
from shared.domain.notifications.notification import Change, Notification, NotificationId
from shared.flow.delivery.count import recount
from shared.flow.providers.entitled import owned
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.ledger import Ledger
    from shared.stores.notifications import Notifications
    from shared.stores.runs import Runs


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def runs(self) -> Runs: ...


def cancel(id: NotificationId, *, provider_id: str, needs: Needs) -> Notification:
    """Cancel a notification of the provider's that is not decided, or not due, yet."""
    by, now = Actor(Role.PROVIDER, provider_id), needs.clock.now()

    def change(it: Notification) -> Change:
        return owned(it, provider_id).cancel(by, now)

    return needs.notifications.change(id, change)


def stop(id: NotificationId, *, by: Actor, reason: str = "", needs: Needs) -> Notification:
    """Stop a running distribution within one chunk per running batch.

    The counters in the answer say what was sent so far; batches still running close themselves and
    the counters follow.
    """
    now = needs.clock.now()

    def change(it: Notification) -> Change:
        if by.role is Role.PROVIDER:
            owned(it, by.id)
        return it.stop(by, now, reason)

    stopped = needs.notifications.change(id, change)
    if stopped.run is None:
        return stopped
    try:
        return replace(stopped, run=recount(stopped.run.id, needs=needs))
    except TryAgain:  # the stop stands; the sums follow when the running batches close
        return stopped
