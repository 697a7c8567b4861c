"""A notification in Huawei's words.

The replace key goes out twice, as ``tag`` and as a number, since devices differ in which they heed.
Without a ``collapse_key`` Huawei keeps one message for a device that is offline and drops the rest.
"""

import zlib
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from shared.domain.content.shown import Shown
from shared.domain.push.answers import Unsendable
from shared.domain.push.reactions import PAYLOAD_TOO_BIG
from shared.domain.push.rendering import Json, Options, Payload, compact, given

MOST_BYTES = 4096
"""Of the whole request, but for the addresses in it."""
MOST_TTL = timedelta(days=15)
LEAST_TTL = timedelta(seconds=1)
"""A life of nothing is refused as having ended before it began."""

KEEP_ALL = -1
_LARGEST_NOTIFY_ID = 2**31 - 1
_CLEAR_TOP = "0x04000000"


def payload(shown: Shown, options: Options) -> Payload | Unsendable:
    """Render a request for many devices, or answer that Huawei takes no such body."""
    message = _message(shown, options)
    if _size(message) > MOST_BYTES:
        return PAYLOAD_TOO_BIG
    before = b'{"validate_only":false,"message":{"token":'
    return Payload(options.id, before, b",%b}" % compact(message)[1:])


def size(shown: Shown, options: Options) -> int:
    """Count what the request takes of ``MOST_BYTES``."""
    return _size(_message(shown, options))


def notify_id(id: str) -> int:
    """Return the same positive number for the same notification, in every version of Fanfare."""
    return zlib.crc32(id.encode()) % _LARGEST_NOTIFY_ID + 1


def _size(message: Json) -> int:
    return len(compact({"validate_only": False, "message": {"token": [], **message}}))


def _message(shown: Shown, options: Options) -> Json:
    return {
        "data": compact(_data(shown, options)).decode(),
        "notification": given(title=shown.title, body=shown.body, image=shown.image),
        "android": given(
            collapse_key=KEEP_ALL,
            ttl=options.expires_at and f"{_ttl_seconds(options.expires_at, options.now)}s",
            notification={
                "tag": options.id,
                "notify_id": notify_id(options.id),
                "click_action": _click_action(shown.url),
            },
        ),
    }


def _data(shown: Shown, options: Options) -> Json:
    return given(
        notificationId=options.id,
        url=shown.url,
        urlButtonName=shown.button,
        forceTimer=shown.force_timer and str(shown.force_timer),
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
