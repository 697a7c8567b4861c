"""FCM's request bodies: rendered once, with only the address spliced in for each device."""

import re
from dataclasses import dataclass
from datetime import datetime

import orjson

from shared.domain.push import fcm
from shared.domain.push.message import Message, compact

MOST_ADDRESS_CHARACTERS = 4096

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


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
    return Template(compact(fcm.payload(message, now))[1:])
