"""A notification in FCM's words.

The replace key (the notification's id) goes out with every message for every platform, since
nothing else keeps a message that FCM took twice from being shown twice.
"""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from shared.domain.content.shown import Shown
from shared.domain.push.answers import Unsendable
from shared.domain.push.reactions import PAYLOAD_TOO_BIG
from shared.domain.push.rendering import Json, Options, Payload, compact, given

MOST_BYTES = 4096
MOST_TTL = timedelta(days=28)


def payload(shown: Shown, options: Options) -> Payload | Unsendable:
    """Render a request, or answer that FCM passes no such message on."""
    message = _message(shown, options)
    if _size(message) > MOST_BYTES:
        return PAYLOAD_TOO_BIG
    return Payload(options.id, b'{"message":{"token":', b",%b}" % compact(message)[1:])


def size(shown: Shown, options: Options) -> int:
    """Count what the request takes of ``MOST_BYTES``."""
    return _size(_message(shown, options))


def _size(message: Json) -> int:
    """Count what the platform with the most to carry gets: the common part and its own."""
    common = {name: message[name] for name in ("notification", "data")}
    special = (len(compact(message[name])) for name in ("android", "apns", "webpush"))
    return len(compact(common)) + max(special)


def _message(shown: Shown, options: Options) -> Json:
    return {
        "notification": given(title=shown.title, body=shown.body, image=shown.image),
        "data": _data(shown, options),
        "android": _android(options),
        "apns": _apns(shown, options),
        "webpush": _webpush(shown, options),
    }


def _data(shown: Shown, options: Options) -> Json:
    link = {"url": shown.url, "urlButtonName": shown.button} if shown.url else {}
    timer = {"forceTimer": str(shown.force_timer)} if shown.force_timer else {}
    return {"notificationId": options.id, **link, **timer}


def _android(options: Options) -> Json:
    left = options.expires_at and f"{_ttl_seconds(options.expires_at, options.now)}s"
    return given(priority="HIGH", ttl=left, notification={"tag": options.id})


def _apns(shown: Shown, options: Options) -> Json:
    headers = {
        "apns-priority": "10",
        "apns-push-type": "alert",
        "apns-collapse-id": options.id,
        "apns-expiration": options.expires_at and str(int(options.expires_at.timestamp())),
    }
    return given(
        headers=given(**headers),
        payload={"aps": {"mutable-content": 1} if shown.image else {}},
        fcm_options={"image": shown.image} if shown.image else None,
    )


def _webpush(shown: Shown, options: Options) -> Json:
    headers = {"Urgency": "high"}
    if options.expires_at is not None:
        headers["TTL"] = str(_ttl_seconds(options.expires_at, options.now))
    link = shown.url if shown.url and urlsplit(shown.url).scheme == "https" else None
    return given(
        headers=headers,
        notification=given(tag=options.id, image=shown.image),
        fcm_options={"link": link} if link else None,
    )


def _ttl_seconds(expires_at: datetime, now: datetime) -> int:
    """Count the whole seconds left. 0 tells FCM now or never."""
    return int(min(max(expires_at - now, timedelta()), MOST_TTL).total_seconds())
