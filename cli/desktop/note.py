"""A notification as a desktop shows it, out of either form in which a desktop reads it.

Title, text and labels are strangers' words. They are made harmless here, once, whatever shows them:
a terminal, a dialog, a script of another language.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from shared.domain.chat.text import neutral

IN_ANSWER: Final = {
    "id": "id",
    "at": "at",
    "title": "title",
    "body": "body",
    "url": "url",
    "urlButtonName": "button",
    "forceTimer": "force_seconds",
    "image": "image",
}
"""Names in the answer of ``/pending``, and what they are called here."""
IN_DOCUMENT: Final = {
    "pendingNotificationId": "id",
    "pendingNotificationAt": "at",
    "pendingNotificationExpiresAt": "expires_at",
    "pendingNotificationTitle": "title",
    "pendingNotificationBody": "body",
    "pendingNotificationUrl": "url",
    "pendingNotificationUrlButtonName": "button",
    "pendingNotificationForceTimer": "force_seconds",
    "pendingNotificationImage": "image",
}
"""Fields of the document ``devices/{hwid}``."""
LONGEST_FORCE_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Note:
    """One notification. A field that is absent, or not what it should be, is empty."""

    id: str
    at: str = ""
    title: str = ""
    body: str = ""
    url: str = ""
    button: str = ""
    image: str = ""
    force_seconds: int = 0
    expires_at: datetime | None = None

    @property
    def link(self) -> str:
        """The address that may be opened for a person: a web page, and nothing that a program on
        this computer would take for an order.
        """
        return self.url if is_web_page(self.url) else ""

    def is_over(self, now: datetime) -> bool:
        """Tell whether the notification has expired."""
        return self.expires_at is not None and now >= self.expires_at


def from_answer(answer: object) -> Note | None:
    """Read the ``notification`` of an answer of ``/pending``; none, or one without an id, is
    ``None``.
    """
    return _note(answer if isinstance(answer, Mapping) else {}, IN_ANSWER)


def from_document(document: Mapping[str, object]) -> Note | None:
    """Read the slot in a device document, as Firestore's REST API gives it."""
    given = document.get("fields")
    fields = given if isinstance(given, Mapping) else {}
    return _note({name: _plain(value) for name, value in fields.items()}, IN_DOCUMENT)


def _note(fields: Mapping[str, object], names: Mapping[str, str]) -> Note | None:
    read: dict[str, Any] = {
        ours: _READ.get(ours, _line)(fields.get(theirs)) for theirs, ours in names.items()
    }
    return Note(**read) if read["id"] and read["at"] else None


def _line(value: object) -> str:
    return neutral(value) if isinstance(value, str) else ""


def _lines(value: object) -> str:
    return neutral(value, lines=True) if isinstance(value, str) else ""


def _address(value: object) -> str:
    """Keep an address as it is, or not at all: made harmless, it would be another one."""
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


def _seconds(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return min(max(value, 0), LONGEST_FORCE_SECONDS)


def _moment(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC) if at else None


_READ: Final[Mapping[str, Any]] = {
    "body": _lines,
    "url": _address,
    "image": _address,
    "force_seconds": _seconds,
    "expires_at": _moment,
}


def is_web_page(url: str) -> bool:
    """Tell whether an address is one that a browser may be given."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and " " not in url
    except ValueError:
        return False


def _plain(value: object) -> object:
    """Return the value in one of Firestore's ``{"stringValue": …}``; its integers are texts."""
    kinds = value if isinstance(value, Mapping) else {}
    number = kinds.get("integerValue")
    if isinstance(number, str) and number.removeprefix("-").isdecimal():
        return int(number)
    return next((kinds[it] for it in ("stringValue", "timestampValue") if it in kinds), None)
