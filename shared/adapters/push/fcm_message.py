"""A notification in FCM's words: rendered once, with only the address spliced in for each device.

The replace key (the notification's id) goes out with every message for every platform, since
nothing else keeps a message that FCM took twice from being shown twice.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import orjson

from shared.domain.content import MOST_PAYLOAD_BYTES, Content
from shared.ports import Message

MOST_TTL = timedelta(days=28)
MOST_ADDRESS_CHARACTERS = 4096

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_LONGEST = Message(
    id="N" * 20,
    content=Content(),
    sent_at=datetime(2000, 1, 1, tzinfo=UTC),
    expires_at=datetime(2100, 1, 1, tzinfo=UTC),
)

Json = Mapping[str, object]


class PayloadTooBig(Exception):
    """More than FCM passes on to a device."""


@dataclass(frozen=True, slots=True)
class Template:
    """A request body with a gap for the address."""

    rest: bytes

    def body(self, address: str) -> bytes:
        """The request for one device; any text is an address as far as JSON goes."""
        return b'{"message":{"token":%b,%b}' % (orjson.dumps(address), self.rest)


def addressable(address: str) -> bool:
    """Whether FCM could know it at all. Half a surrogate pair is no text, and no token."""
    return 0 < len(address) <= MOST_ADDRESS_CHARACTERS and (
        address.isascii() or not _HALF_A_PAIR.search(address)
    )


def render(message: Message, now: datetime) -> Template:
    """Raises ``PayloadTooBig``."""
    rendered = _message(message, now)
    if _payload_bytes(rendered) > MOST_PAYLOAD_BYTES:
        raise PayloadTooBig(message.id)
    return Template(orjson.dumps(rendered)[1:])


def payload_bytes(content: Content) -> int:
    """What this content takes at most, whenever it is sent; ``payload_bound`` may not be less."""
    message = Message(
        id=_LONGEST.id,
        content=content,
        sent_at=_LONGEST.sent_at,
        expires_at=_LONGEST.expires_at,
    )
    return _payload_bytes(_message(message, _LONGEST.sent_at))


def _payload_bytes(rendered: Json) -> int:
    """What the platform with the most to carry gets: the common part and its own."""
    common = {name: rendered[name] for name in ("notification", "data")}
    special = (len(orjson.dumps(rendered[name])) for name in ("android", "apns", "webpush"))
    return len(orjson.dumps(common)) + max(special)


def _message(message: Message, now: datetime) -> Json:
    return {
        "notification": _given(
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
    return _given(priority="HIGH", ttl=ttl, notification={"tag": message.id})


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
    return _given(
        headers=_given(**headers),
        payload={"aps": aps},
        fcm_options={"image": image} if image else None,
    )


def _webpush(message: Message, now: datetime) -> Json:
    content = message.content
    headers = {"Urgency": "high"}
    if message.expires_at is not None:
        headers["TTL"] = str(_ttl_seconds(message.expires_at, now))
    link = content.url if content.url and urlsplit(content.url).scheme == "https" else None
    return _given(
        headers=headers,
        notification=_given(tag=message.id, image=content.image),
        fcm_options={"link": link} if link else None,
    )


def _ttl_seconds(expires_at: datetime, now: datetime) -> int:
    """Whole seconds left. 0 tells FCM now or never."""
    return int(min(max(expires_at - now, timedelta()), MOST_TTL).total_seconds())


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
