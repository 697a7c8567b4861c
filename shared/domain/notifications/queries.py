"""Lists of notifications: what is asked, and what is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from shared.domain.notifications.lifecycle import Status
    from shared.domain.notifications.notification import Notification

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some records and, if there are more, the token that continues after them."""

    items: tuple[T, ...]
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class NotificationQuery:
    """Filter and page of a provider's list, newest first. ``text`` matches title or body."""

    provider_id: str
    status: Status | None = None
    text: str = ""
    page_size: int = 50
    page_token: str = ""


def every(notification: Notification) -> bool:
    """Keep every notification: a filter that leaves nothing out."""
    del notification
    return True


@dataclass(frozen=True, slots=True)
class QueueQuery:
    """Pending notifications to list, by submission. ``shows`` filters those that were read."""

    provider_id: str = ""
    shows: Callable[[Notification], bool] = every
    page_size: int = 100
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Result of a moderator's decision on a notification."""

    provider_id: str
    moderator_id: str
    rejected: bool
    submitted_at: datetime
    moderated_at: datetime
    endorsers: tuple[str, ...] = ()
