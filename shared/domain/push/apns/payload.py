"""A notification in Apple's words: body and headers, which are the same for every device.

The collapse id is the notification's id, since nothing else keeps a notification that Apple took
twice from being shown twice. Topic and authorization are not in it: they say whose app it is.
"""

from shared.domain.content.shown import Shown
from shared.domain.push.answers import Unsendable
from shared.domain.push.reactions import PAYLOAD_TOO_BIG
from shared.domain.push.rendering import Header, Json, Options, Payload, compact, given

MOST_BYTES = 4096
MOST_COLLAPSE_ID_BYTES = 64
PUSH_TYPE = b"alert"
PRIORITY = b"10"


def payload(shown: Shown, options: Options) -> Payload | Unsendable:
    """Render a request, or answer that Apple passes no such body on."""
    body = _body(shown, options)
    if len(body) > MOST_BYTES:
        return PAYLOAD_TOO_BIG
    return Payload(options.id, body, headers=_headers(options))


def size(shown: Shown, options: Options) -> int:
    """Count what the body takes of ``MOST_BYTES``."""
    return len(_body(shown, options))


def _body(shown: Shown, options: Options) -> bytes:
    alert = given(title=shown.title, body=shown.body)
    # An extension of the app fetches the image; only with this flag is it asked to.
    flags: Json = {"mutable-content": 1} if shown.image else {}
    return compact(
        given(
            aps={"alert": alert, "sound": "default", **flags},
            notificationId=options.id,
            image=shown.image,
            url=shown.url,
            urlButtonName=shown.button,
            forceTimer=str(shown.force_timer) if shown.force_timer else None,
        )
    )


def _headers(options: Options) -> tuple[Header, ...]:
    headers = [
        (b"apns-push-type", PUSH_TYPE),
        (b"apns-priority", PRIORITY),
        (b"apns-collapse-id", options.id.encode()[:MOST_COLLAPSE_ID_BYTES]),
    ]
    if options.expires_at is not None:
        headers.append((b"apns-expiration", b"%d" % max(0, options.expires_at.timestamp())))
    return tuple(headers)
