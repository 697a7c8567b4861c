"""A notification in Huawei's words.

The replace key goes out twice, as ``tag`` and as a number, since devices differ in which they heed.
Without a ``collapse_key`` Huawei keeps one message for a device that is offline and drops the rest.
"""

import zlib
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from shared.domain.content.content import Content
from shared.domain.push.message import Json, Message, PayloadTooBig, compact, given, largest

MOST_BODY_BYTES = 4096
"""Of the whole request, but for the addresses in it."""
MOST_TTL = timedelta(days=15)
LEAST_TTL = timedelta(seconds=1)
"""A life of nothing is refused as having ended before it began."""

KEEP_ALL = -1
_LARGEST_NOTIFY_ID = 2**31 - 1
_CLEAR_TOP = "0x04000000"


def payload(message: Message, now: datetime) -> Json:
    """Render everything of a request's ``message`` but whom it is for.

    Raises ``PayloadTooBig``.
    """
    rendered = _message(message, now, notify_id(message.id))
    if _size(rendered) > MOST_BODY_BYTES:
        raise PayloadTooBig(message.id)
    return rendered


def payload_bytes(content: Content) -> int:
    """Count what this content takes of ``MOST_BODY_BYTES`` at most, whenever it is sent."""
    message = largest(content)
    return _size(_message(message, message.sent_at, _LARGEST_NOTIFY_ID))


def notify_id(id: str) -> int:
    """Return the same positive number for the same notification, in every version of Fanfare."""
    return zlib.crc32(id.encode()) % _LARGEST_NOTIFY_ID + 1


def _size(rendered: Json) -> int:
    return len(compact({"validate_only": False, "message": {"token": [], **rendered}}))


def _message(message: Message, now: datetime, number: int) -> Json:
    content = message.content
    return {
        "data": compact(_data(message)).decode(),
        "notification": given(title=content.title, body=content.body, image=content.image),
        "android": given(
            collapse_key=KEEP_ALL,
            ttl=message.expires_at and f"{_ttl_seconds(message.expires_at, now)}s",
            notification={
                "tag": message.id,
                "notify_id": number,
                "click_action": _click_action(content.url),
            },
        ),
    }


def _data(message: Message) -> Json:
    content = message.content
    return given(
        notificationId=message.id,
        url=content.url,
        urlButtonName=content.button if content.url else None,
        forceTimer=content.force_timer and str(content.force_timer),
    )


def _click_action(url: str | None) -> Json:
    """Lead a tap to the link, in the browser or in the app that knows its scheme, or to the app."""
    if not url:
        return {"type": 3}
    scheme = urlsplit(url).scheme
    if scheme == "https":
        return {"type": 2, "url": url}
    rest = url[len(scheme) + 1 :]
    intent = f"intent:{rest}#Intent;scheme={scheme};launchFlags={_CLEAR_TOP};end"
    return {"type": 1, "intent": intent}


def _ttl_seconds(expires_at: datetime, now: datetime) -> int:
    return int(min(max(expires_at - now, LEAST_TTL), MOST_TTL).total_seconds())
