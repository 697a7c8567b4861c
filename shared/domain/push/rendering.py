"""Input and output of every push service's renderer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from shared.domain.audience.device import PushAddress

Json = dict[str, Any]
Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Options:
    """Delivery options of a notification, whatever it shows.

    ``id`` is the replace key. What is left of the notification's life is counted from ``now``, when
    it is rendered; ``sending_at`` is when its sending began.
    """

    id: str
    sending_at: datetime
    now: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """A request in a push service's language, with a gap for the address.

    A service that reads the address elsewhere (Apple, in the path) has no gap: ``before`` is the
    whole body. One object stands for one variant and is equal to no other, so that whatever a
    sender makes of it is made once.
    """

    id: str
    before: bytes
    after: bytes = b""
    headers: tuple[Header, ...] = ()

    def body(self, address: str | Sequence[str]) -> bytes:
        """Fill the gap; any text is an address as far as JSON goes."""
        return b"%b%b%b" % (self.before, to_json(address), self.after)


Push = tuple[PushAddress, Payload]


def compact(value: object) -> bytes:
    """Encode as JSON in UTF-8, without blanks: the bytes that are counted and sent."""
    return to_json(value)


def without_none(**fields: object) -> Json:
    """Leave out what is absent: no push service takes null for it."""
    return {name: value for name, value in fields.items() if value is not None}
