"""A notification in FCM's words.

The replace key (the notification's id) goes out with every message for every platform, since
nothing else keeps a message that FCM took twice from being shown twice.
"""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from shared.domain.content.content import Content
from shared.domain.push.message import Json, Message, PayloadTooBig, compact, given, largest

MOST_PAYLOAD_BYTES = 4096
MOST_TTL = timedelta(days=28)


def payload(message: Message, now: datetime) -> Json:
    """Render everything of a request's ``message`` but whom it is for.

    Raises ``PayloadTooBig``.
    """
    rendered = _message(message, now)
    if _size(rendered) > MOST_PAYLOAD_BYTES:
        raise PayloadTooBig(message.id)
    return rendered


def payload_bytes(content: Content) -> int:
    """Count what this content takes of ``MOST_PAYLOAD_BYTES`` at most, whenever it is sent."""
    message = largest(content)
    return _size(_message(message, message.sent_at))


def _size(rendered: Json) -> int:
    """Count what the platform with the most to carry gets: the common part and its own."""
    common = {name: rendered[name] for name in ("notification", "data")}
    special = (len(compact(rendered[name])) for name in ("android", "apns", "webpush"))
    return len(compact(common)) + max(special)


def _message(message: Message, now: datetime) -> Json:
    return {
        "notification": given(
            title=message.content.title,
            body=message.content.body,
            image=message.content.image,
        ),
        "data": _data(message),
        "android": _android(message, now),
        "apns": _apns(message),
        "webpush": _webpush(message, now),
    }


def _data(message: Message) -> Json:
    content = message.content
    link = {"url": content.url, "urlButtonName": content.button} if content.url else {}
    timer = {"forceTimer": str(content.force_timer)} if content.force_timer else {}
    return {"notificationId": message.id, **link, **timer}


def _android(message: Message, now: datetime) -> Json:
    ttl = None if message.expires_at is None else f"{_ttl_seconds(message.expires_at, now)}s"
    return given(priority="HIGH", ttl=ttl, notification={"tag": message.id})


def _apns(message: Message) -> Json:
    expiration = message.expires_at and str(int(message.expires_at.timestamp()))
    headers = {
        "apns-priority": "10",
        "apns-push-type": "alert",
        "apns-collapse-id": message.id,
        "apns-expiration": expiration,
    }
    image = message.content.image
    aps = {"mutable-content": 1} if image else {}
    return given(
        headers=given(**headers),
        payload={"aps": aps},
        fcm_options={"image": image} if image else None,
    )


def _webpush(message: Message, now: datetime) -> Json:
    content = message.content
    headers = {"Urgency": "high"}
    if message.expires_at is not None:
        headers["TTL"] = str(_ttl_seconds(message.expires_at, now))
    link = content.url if content.url and urlsplit(content.url).scheme == "https" else None
    return given(
        headers=headers,
        notification=given(tag=message.id, image=content.image),
        fcm_options={"link": link} if link else None,
    )


def _ttl_seconds(expires_at: datetime, now: datetime) -> int:
    """Count the whole seconds left. 0 tells FCM now or never."""
    return int(min(max(expires_at - now, timedelta()), MOST_TTL).total_seconds())
