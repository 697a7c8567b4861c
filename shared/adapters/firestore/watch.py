"""What a running batch looks at before every chunk, in one request over Firestore's REST API.

Twice for every fifty devices, Google's client would cost more than the fifty pushes between. Only
the fields that decide are asked for; the notification's words were read when the batch began.
"""

from shared.adapters.documents.notification import (
    LOST_DOMAINS,
    NOTIFICATIONS,
    lost_domains_from,
    status_from,
)
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_values import decode_fields
from shared.domain.errors import NotFound
from shared.domain.notifications.notification import NotificationId
from shared.ports import SendingState
from shared.stores.platform import PLATFORM, STOP, stop_from

SEEN_FIELDS = ("status", LOST_DOMAINS, "on")


class FirestoreWatch:
    """``pendingNotifications/{id}`` and ``platform/stop``, both as of one moment."""

    def __init__(self, rest: FirestoreRest) -> None:
        self._rest = rest

    def look(self, id: NotificationId) -> SendingState:
        notification = self._rest.name(NOTIFICATIONS, id)
        switch = self._rest.name(PLATFORM, STOP)
        found = self._rest.batch_get([notification, switch], SEEN_FIELDS).documents
        if notification not in found:
            raise NotFound("there is no such notification")
        fields, stop = decode_fields(found[notification]), decode_fields(found.get(switch, {}))
        return SendingState(status_from(id, fields), stop_from(stop), lost_domains_from(id, fields))
