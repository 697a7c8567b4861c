"""A notification in Huawei's words: rendered once, with only the addresses spliced in.

The replace key goes out twice, as ``tag`` and as a number, since devices differ in which they heed.
Without a ``collapse_key`` Huawei keeps one message for a device that is offline and drops the rest.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import orjson

from shared.adapters.push.fcm_message import PayloadTooBig
from shared.domain.content import Content
from shared.ports import Message

MOST_BODY_BYTES = 4096
MOST_TTL = timedelta(days=15)
LEAST_TTL = timedelta(seconds=1)
"""A life of nothing is refused as having ended before it began."""

KEEP_ALL = -1
_LARGEST_NOTIFY_ID = 2**31 - 1
_CLEAR_TOP = "0x04000000"
_LONGEST = Message(
    id="N" * 20,
    content=Content(),
    sent_at=datetime(2000, 1, 1, tzinfo=UTC),
    expires_at=datetime(2100, 1, 1, tzinfo=UTC),
)

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Template:
    """A request body with a gap for the addresses."""

    rest: bytes

    def body(self, tokens: Sequence[str]) -> bytes:
        """The request for these devices; any text is an address as far as JSON goes."""
        listed = orjson.dumps(list(tokens))
        return b'{"validate_only":false,"message":{"token":%b,%b}' % (listed, self.rest)


def render(message: Message, now: datetime) -> Template:
    """Raises ``PayloadTooBig``."""
    template = _template(message, now)
    if len(template.body([])) > MOST_BODY_BYTES:
        raise PayloadTooBig(message.id)
    return template


def payload_bytes(content: Content) -> int:
    """How much of ``MOST_BODY_BYTES`` this content takes, whenever and however it is sent."""
    message = Message(
        id=_LONGEST.id,
        content=content,
        sent_at=_LONGEST.sent_at,
        expires_at=_LONGEST.expires_at,
    )
    longest_number = len(str(_LARGEST_NOTIFY_ID)) - len(str(notify_id(message.id)))
    return len(_template(message, _LONGEST.sent_at).body([])) + longest_number


def notify_id(id: str) -> int:
    """The same positive number for the same notification, in every version of Fanfare."""
    return zlib.crc32(id.encode()) % _LARGEST_NOTIFY_ID + 1


def _template(message: Message, now: datetime) -> Template:
    return Template(orjson.dumps(_message(message, now))[1:])


def _message(message: Message, now: datetime) -> Json:
    content = message.content
    return {
        "data": orjson.dumps(_data(message)).decode(),
        "notification": _given(title=content.title, body=content.body, image=content.image),
        "android": _given(
            collapse_key=KEEP_ALL,
            ttl=message.expires_at and f"{_ttl_seconds(message.expires_at, now)}s",
            notification={
                "tag": message.id,
                "notify_id": notify_id(message.id),
                "click_action": _click_action(content.url),
            },
        ),
    }


def _data(message: Message) -> Json:
    content = message.content
    return _given(
        notificationId=message.id,
        url=content.url,
        urlButtonName=content.button if content.url else None,
        forceTimer=content.force_timer and str(content.force_timer),
    )


def _click_action(url: str | None) -> Json:
    """Mandatory: the link, in the browser or in the app that knows its scheme, or the app."""
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


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
