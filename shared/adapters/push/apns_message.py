"""Apple's requests: rendered once, the same bytes and headers for every device.

The collapse id is the notification's id, since nothing else keeps a notification that Apple took
twice from being shown twice.
"""

import re
from dataclasses import dataclass
from hashlib import blake2b

from shared.domain.push import apns
from shared.domain.push.message import Message

MOST_COLLAPSE_ID_BYTES = 64
PUSH_TYPE = b"alert"
PRIORITY = b"10"

_ADDRESS = re.compile(r"[A-Za-z0-9_-]{1,512}", re.ASCII)

Header = tuple[bytes, bytes]


def path(address: str) -> bytes:
    """Of one device."""
    return b"/3/device/" + address.encode()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A request without its address: ``headers`` and ``body`` are the same for every device."""

    headers: tuple[Header, ...]
    body: bytes
    _id: bytes

    def apns_id(self, address: str) -> bytes:
        """The request's name: the same at every attempt, so that it can be traced."""
        return _uuid(self._id + b"/" + address.encode())


def addressable(address: str) -> bool:
    """Whether it fits into a path. Apple promises no length, and may leave hex one day."""
    return _ADDRESS.fullmatch(address) is not None


def render(message: Message, topic: str) -> Rendered:
    """Raises ``PayloadTooBig``."""
    return Rendered(_common(message, topic), apns.payload(message), message.id.encode())


def _uuid(named: bytes) -> bytes:
    """A UUID of version 8, made of a hash; ``uuid`` takes six times as long."""
    it = blake2b(named, digest_size=16).hexdigest()
    return f"{it[:8]}-{it[8:12]}-8{it[13:16]}-a{it[17:20]}-{it[20:32]}".encode()


def _common(message: Message, topic: str) -> tuple[Header, ...]:
    headers = [
        (b"apns-topic", topic.encode()),
        (b"apns-push-type", PUSH_TYPE),
        (b"apns-priority", PRIORITY),
        (b"apns-collapse-id", message.id.encode()[:MOST_COLLAPSE_ID_BYTES]),
    ]
    if message.expires_at is not None:
        headers.append((b"apns-expiration", b"%d" % max(0, message.expires_at.timestamp())))
    return tuple(headers)
