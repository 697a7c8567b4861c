"""A notification in Apple's words: the payload, which is the same for every device."""

from shared.domain.content.content import Content
from shared.domain.push.message import Json, Message, PayloadTooBig, compact, given, largest

MOST_PAYLOAD_BYTES = 4096


def payload(message: Message) -> bytes:
    """Render the body of a request. Raises ``PayloadTooBig``."""
    body = _payload(message)
    if len(body) > MOST_PAYLOAD_BYTES:
        raise PayloadTooBig(message.id)
    return body


def payload_bytes(content: Content) -> int:
    """Count what this content takes of ``MOST_PAYLOAD_BYTES``."""
    return len(_payload(largest(content)))


def _payload(message: Message) -> bytes:
    content = message.content
    alert = given(title=content.title, body=content.body)
    # An extension of the app fetches the image; only with this flag is it asked to.
    flags: Json = {"mutable-content": 1} if content.image else {}
    return compact(
        given(
            aps={"alert": alert, "sound": "default", **flags},
            notificationId=message.id,
            image=content.image,
            url=content.url,
            urlButtonName=content.button if content.url else None,
            forceTimer=str(content.force_timer) if content.force_timer else None,
        )
    )
