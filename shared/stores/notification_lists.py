"""Pages of notifications, a provider's or the moderators'.

No database here can search inside text, so such a filter is applied while paging through the
records. One call looks at ``MOST_SCANNED`` of them at most: a page may then hold
fewer matches than asked for, even none, and its token goes on from where the looking stopped.
"""

import base64
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.errors import Defect, FieldError, InvalidInput
from shared.domain.human_text import mentions
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.notifications.queries import (
    Decision,
    NotificationQuery,
    Page,
    QueueQuery,
    every,
)
from shared.ports.database import Document
from shared.stores.names import can_name
from shared.stores.notification_codec import decision_from, notification_from, status_from

MOST_SCANNED = 1000
SEARCH_CHUNK = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A stored notification that was not read yet, and the time it is listed by.

    ``at`` is whatever stands there; only a time is a place in the list.
    """

    document: Document
    at: Any

    @property
    def place(self) -> "Position | None":
        """The place in the list, if there is one."""
        return Position(self.at, self.document.id) if isinstance(self.at, datetime) else None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list, whose order is by time, then id."""

    at: datetime
    id: str

    def token(self) -> str:
        """Write this place as an opaque and url-safe text."""
        text = f"{(self.at - _EPOCH) // _MICROSECOND}.{self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


Source = Callable[[Position | None, int], Sequence[Row]]
"""The next rows, up to so many, after a place in the list."""


def fill(query: NotificationQuery, rows_after: Source) -> Page[Notification]:
    """Fill the page that is asked for out of the rows of its provider and status."""
    picks = (lambda it: shows(it, query.text)) if query.text else every
    return _page(picks, query.page_size, query.page_token, rows_after)


def fill_queue(query: QueueQuery, rows_after: Source) -> Page[Notification]:
    """Fill the page of the moderation queue that is asked for, out of its rows."""
    return _page(query.shows, query.page_size, query.page_token, rows_after)


def _page(
    picks: Callable[[Notification], bool], page_size: int, token: str, rows_after: Source
) -> Page[Notification]:
    place = position_of(token) if token else None
    chunk = max(page_size + 1, 0 if picks is every else SEARCH_CHUNK)
    found: list[Notification] = []
    scanned, last = 0, place
    while True:
        rows = rows_after(place, chunk)
        for row in rows:
            notification = readable(row.document)
            if notification is None or not picks(notification):
                continue
            if len(found) == page_size and last:
                return Page(tuple(found), last.token())
            found.append(notification)
            last = row.place
        scanned += len(rows)
        place = next((row.place for row in reversed(rows) if row.place), None)
        if len(rows) < chunk or place is None:
            return Page(tuple(found))
        if scanned >= MOST_SCANNED:
            return Page(tuple(found), place.token())


def readable(document: Document) -> Notification | None:
    """Read a notification; ``None`` if it cannot be read: one must not break a whole list."""
    try:
        return notification_from(document.id, document.fields, document.version)
    except Defect:
        log.exception("left out of a list")
        return None


def statuses(documents: Iterable[Document]) -> dict[NotificationId, Status]:
    """Read the status of each that can be read."""
    found = {}
    for it in documents:
        try:
            found[NotificationId(it.id)] = status_from(it.id, it.fields)
        except Defect:
            log.exception("left out, as if it were gone")
    return found


def decisions(documents: Iterable[Document]) -> list[Decision]:
    """Read each decision that can be read."""
    found = []
    for it in documents:
        try:
            found.append(decision_from(it.id, it.fields))
        except Defect:
            log.exception("left out of the statistics")
    return found


def shows(notification: Notification, text: str) -> bool:
    """Tell whether ``text`` stands in the title or the body, compared as people read."""
    content = notification.content
    return mentions(text, (content.title, content.body))


def position_of(token: str) -> Position:
    """Read the place a token means; raises ``InvalidInput`` for one we did not give out."""
    try:
        padded = token + "=" * (-len(token) % 4)
        text = base64.b64decode(padded.encode("ascii"), b"-_", validate=True).decode()
        since, _, id_ = text.partition(".")
        position = Position(_EPOCH + int(since) * _MICROSECOND, id_)
    except (ValueError, OverflowError):
        raise _bad_token() from None
    if position.token() != token or not can_name(id_):
        raise _bad_token()
    return position


def _bad_token() -> InvalidInput:
    why = "is not a token of this list; leave it out to start from the beginning"
    return InvalidInput([FieldError("pageToken", "invalidPageToken", f"pageToken {why}")])
