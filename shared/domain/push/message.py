"""What goes to every address of one notification, before any push service's words for it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import to_json

from shared.domain.content.content import Content

LONGEST_ID = "N" * 20
"""Ids of notifications have this many characters."""
_ANY_DAY = datetime(2030, 1, 1, tzinfo=UTC)

Json = dict[str, Any]


class PayloadTooBig(Exception):
    """More than the push service passes on to a device."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to every address of one notification. ``id`` is the replace key."""

    id: str
    content: Content
    sent_at: datetime
    expires_at: datetime | None = None
    urgent: bool = False


def largest(content: Content) -> Message:
    """Return the message of this content that renders longest: sent at once, with all its life
    still before it.
    """
    life = content.expiry_seconds
    expires_at = None if life is None else _ANY_DAY + timedelta(seconds=life)
    return Message(LONGEST_ID, content, _ANY_DAY, expires_at)


def compact(value: object) -> bytes:
    """Encode as JSON in UTF-8, without blanks: the bytes that are counted and sent."""
    return to_json(value)


def given(**fields: object) -> Json:
    """Leave out what is absent: no push service takes null for it."""
    return {name: value for name, value in fields.items() if value is not None}
