"""Comparing a batch with the provider's earlier notification: read only where addresses are
unknown, and by nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from shared.domain.delivery.ledger import Batch, Newness
from shared.domain.delivery.newness import comparable, key_range, newness
from shared.domain.errors import Defect, TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.notifications.queries import NotificationQuery
from shared.ports import RunMemory

if TYPE_CHECKING:
    from shared.stores.ledger import Ledger
    from shared.stores.notifications import Notifications

CHOOSE_AMONG: Final = 10
"""The provider's notifications that were created last."""
MOST_BETWEEN: Final = 12
"""Batches of an earlier notification that may meet one of this: ordinarily two or three do. Of an
audience so much smaller than the earlier one that more do, nothing is told.
"""

log = logging.getLogger(__name__)


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def memory(self) -> RunMemory: ...
    @property
    def notifications(self) -> Notifications: ...


def compared(
    notification: Notification, batch: Batch, *, needs: Needs
) -> Mapping[int, Newness] | None:
    """Tell how new the addresses of a batch are, by position: nothing where there is no earlier
    notification, or none that can be read; ``None`` where the store has to be asked again.
    """
    try:
        find = partial(_found, notification, needs.notifications)
        earlier = needs.memory.earlier(notification.id, find)
        return _compared(batch, earlier, needs.ledger) if earlier else {}
    except TryAgain:
        log.warning("an earlier notification cannot be read now: %s", notification.id)
        return None
    except Defect:
        log.exception("cannot be compared with an earlier notification: %s", notification.id)
        return {}


def _found(notification: Notification, notifications: Notifications) -> NotificationId | None:
    query = NotificationQuery(notification.provider_id, Status.APPROVED, page_size=CHOOSE_AMONG)
    found = comparable(notification, notifications.of_provider(query).items)
    return found.id if found else None


def _compared(batch: Batch, earlier: NotificationId, ledger: Ledger) -> Mapping[int, Newness]:
    low, high = key_range(batch)
    found = ledger.batches_between(earlier, low, high, MOST_BETWEEN)
    return {} if found is None else newness(batch, found)
