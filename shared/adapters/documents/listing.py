"""Pages of notifications, a provider's or the moderators', the same over every store.

No store here can search inside text, so such a filter is applied while paging through the
records. One call looks at ``MOST_SCANNED`` of them at most: a page may then hold
fewer matches than asked for, even none, and its token goes on from where the looking stopped.
"""

import base64
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.documents.notification import decision_from, notification_from, status_from
from shared.domain.errors import Defect, FieldError, InvalidInput
from shared.domain.human_text import mentions
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.ports import Decision, NotificationQuery, Page, QueueQuery, every
from shared.stores.names import can_name

MOST_SCANNED = 1000
SEARCH_CHUNK = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One stored notification, not read yet."""

    id: str
    document: Mapping[str, Any]
    version: str
    at: Any
    """The time it is listed by, if it has one that can be read."""

    @property
    def place(self) -> "Position | None":
        """Where it stands in the list."""
        return Position(self.at, self.id) if isinstance(self.at, datetime) else None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list: what follows is further on in its order, which is by time, then id."""

    at: datetime
    id: str

    def token(self) -> str:
        """This place, as an opaque and url-safe text."""
        text = f"{(self.at - _EPOCH) // _MICROSECOND}.{self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


Source = Callable[[Position | None, int], Sequence[Row]]
"""The next rows, up to so many, after a place in the list."""


def fill(wish: NotificationQuery, rows_after: Source) -> Page[Notification]:
    """The page that ``wish`` asks for, out of the rows of its provider and status."""
    picks = (lambda it: shows(it, wish.text)) if wish.text else every
    return _page(picks, wish.page_size, wish.page_token, rows_after)


def fill_queue(waiting: QueueQuery, rows_after: Source) -> Page[Notification]:
    """The page of the moderation queue that is asked for, out of its rows."""
    return _page(waiting.shows, waiting.page_size, waiting.page_token, rows_after)


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
            notification = readable(row)
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


def waits_since(document: Mapping[str, Any]) -> Any:
    """What the queue is ordered by. An older version wrote no ``submittedAt``."""
    submitted_at = document.get("submittedAt")
    return submitted_at if isinstance(submitted_at, datetime) else document.get("createdAt")


def readable(row: Row) -> Notification | None:
    """``None`` if it cannot be read. One broken record must not take a whole list with it."""
    try:
        return notification_from(row.id, row.document, row.version)
    except Defect:
        log.exception("left out of a list")
        return None


def statuses(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[NotificationId, Status]:
    """Where those that can be read are in their lives."""
    found = {}
    for id, document in rows:
        try:
            found[NotificationId(id)] = status_from(id, document)
        except Defect:
            log.exception("left out, as if it were gone")
    return found


def decisions(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Decision]:
    """Those rows that can be read, as decisions."""
    found = []
    for id, document in rows:
        try:
            found.append(decision_from(id, document))
        except Defect:
            log.exception("left out of the statistics")
    return found


def shows(notification: Notification, text: str) -> bool:
    """Whether ``text`` stands in the title or the body, compared as people read."""
    content = notification.content
    return mentions(text, (content.title, content.body))


def position_of(token: str) -> Position:
    """The place a token means; raises ``InvalidInput`` for one we did not give out."""
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
