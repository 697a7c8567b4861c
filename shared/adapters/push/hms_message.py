"""Huawei's request bodies: rendered once, with only the addresses spliced in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from shared.domain.push import hms
from shared.domain.push.message import Message, compact


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
    return Template(compact(hms.payload(message, now))[1:])
