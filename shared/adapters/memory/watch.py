"""What a running batch looks at, in memory: what the other stores say at this moment."""

from shared.domain.notifications.notification import NotificationId
from shared.ports import Notifications, SendingState
from shared.stores.platform import StopSwitch


class MemoryWatch:
    """Over a store of notifications and the stop switch."""

    def __init__(self, notifications: Notifications, stop_switch: StopSwitch) -> None:
        self._notifications = notifications
        self._stop_switch = stop_switch

    def look(self, id: NotificationId) -> SendingState:
        it = self._notifications.get(id)
        return SendingState(it.status, self._stop_switch.is_on(), it.lost_domains)
