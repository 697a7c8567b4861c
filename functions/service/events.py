"""Firestore's word that a document was written, delivered by Eventarc at least once.

Events come twice, late and out of order: what a verb does is decided by the record as it is now,
which it reads again, and never by what the event carries.
"""

import functions_framework
from cloudevents.http import CloudEvent

from functions.http.errors import service_door
from functions.service.chat import in_moderator_chat
from shared.domain.errors import Malformed, NotFound
from shared.domain.notifications.notification import NotificationId
from shared.flow.audience.devices import written
from shared.flow.chat.posts import show
from shared.flow.delivery.plan import announce
from shared.wiring import derivation_fits, parts, written_document


@functions_framework.cloud_event  # type: ignore[arg-type]  # its answer is not looked at
@service_door("on-notification-written", "events")
def on_notification_written(event: CloudEvent) -> None:
    """Enqueue the plan of a notification that is to be sent; then look after its message.

    In this order: trouble with the chat must not hold up the distribution.
    """
    p = parts()
    id = NotificationId(_document_id(event, "pendingNotifications"))
    try:
        announce(id, needs=p)
    except NotFound:  # a deleted draft
        return
    in_moderator_chat(lambda moderator_chat: show(id, moderator_chat=moderator_chat))


@functions_framework.cloud_event  # type: ignore[arg-type]  # its answer is not looked at
@service_door("on-device-written", "events")
def on_device_written(event: CloudEvent) -> None:
    """Derive on a device what our queries need, if it does not have it already.

    Most writes are our own (a desktop's slot, an activity), and cost no read.
    """
    hwid = _document_id(event, "devices")
    if derivation_fits(hwid, event.data):
        return
    written(hwid, devices=parts().devices)


def _document_id(event: CloudEvent, collection: str) -> str:
    subject = str(event.get_attributes().get("subject", ""))
    id = written_document(event.data, subject, collection)
    if not id:
        raise Malformed(f"an event without a document of {collection}")
    return id
