"""Notifications, and what a running batch looks at.

State changes only through a write that is conditional on what was read (a *version*), so that of
two racing writers exactly one wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from shared.domain.notifications.history import Entry
    from shared.domain.notifications.lifecycle import Status
    from shared.domain.notifications.notification import Change, Notification, NotificationId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Replay:
    """An answer kept under an ``Idempotency-Key``; without ``answer`` while the request is worked
    on.
    """

    key: str
    fingerprint: str
    notification_id: NotificationId
    created_at: datetime
    answer: Mapping[str, object] | None = None


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


class Notifications(Protocol):
    """``pendingNotifications/{id}`` and its history."""

    def create(self, change: Change, replay: Replay | None = None) -> None:
        """Create notification, first history entry and replay record in one write, or none of them.

        Raises ``AlreadyThere`` when the id or the replay key exists.
        """

    def get(self, id: NotificationId) -> Notification:
        """Return a notification; raises ``NotFound``, and ``Defect`` for a document that cannot be
        one.
        """

    def statuses(self, ids: Iterable[NotificationId]) -> Mapping[NotificationId, Status]:
        """Return the status by id, in one request; ids that are missing or cannot be read are
        omitted.
        """

    def change(self, id: NotificationId, change: Callable[[Notification], Change]) -> Notification:
        """Read, apply ``change``, write with its history entry, as one transaction.

        ``change`` may run several times: keep it pure. What it raises is passed on and nothing is
        written. Raises ``NotFound``, and ``TryAgain`` when contention does not end.
        """

    def delete(self, id: NotificationId, check: Callable[[Notification], None]) -> None:
        """Delete the notification (drafts only) unless ``check`` raises, as one transaction."""

    def of_provider(self, wish: NotificationQuery) -> Page[Notification]:
        """List a provider's notifications, newest first.

        A notification that cannot be read is left out. A search may end a page early, even empty;
        it goes on with ``next_token``. Raises ``InvalidInput`` for a malformed token.
        """

    def counts_by_status(self, provider_id: str) -> Mapping[Status, int]:
        """Count the provider's notifications in each status."""

    def count_auto_approved(self, provider_id: str) -> int:
        """Count the provider's notifications that ended as approved without being moderated."""

    def count_pending(self, provider_id: str) -> int:
        """Count the provider's notifications that wait for a moderator, by aggregation."""

    def count_drafts(self, provider_id: str) -> int:
        """Count the provider's drafts, by aggregation."""

    def queue(self, waiting: QueueQuery) -> Page[Notification]:
        """List the moderation queue, the notification that was submitted first in front.

        A notification that cannot be read is left out. A search may end a page early, even empty;
        it goes on with ``next_token``. Raises ``InvalidInput`` for a malformed token.
        """

    def decided(self, since: datetime, limit: int) -> Sequence[Decision]:
        """List moderators' decisions since then, the latest first."""

    def sending_on(self, domain: str) -> Sequence[NotificationId]:
        """List the notifications that are being sent and whose plan has the domain."""

    def overdue(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        """List the notifications whose ``wake_at`` has passed."""

    def unexported(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        """List the notifications that ended and whose ``export_at`` has passed."""

    def put_off_export(self, id: NotificationId, until: datetime) -> None:
        """Move ``export_at`` of a notification that cannot be read; no-op when the notification is
        gone.
        """

    def put_off_wake(self, id: NotificationId, until: datetime) -> None:
        """Move ``wake_at`` of a notification that cannot be read; no-op when the notification is
        gone.
        """

    def history(self, id: NotificationId) -> Sequence[Entry]:
        """Return the chain of history entries, in order."""

    def replay(self, key: str) -> Replay | None:
        """Return the answer kept under ``key``, if any."""

    def keep_answer(self, key: str, answer: Mapping[str, object]) -> None:
        """Complete the replay record ``key``; raises ``NotFound``."""


class AlreadyThere(Exception):
    """Conflict with a record of this id that was created before."""


@dataclass(frozen=True, slots=True)
class SendingState:
    """State that decides whether to go on: a notification's status, whether the whole platform is
    stopped, and which of the notification's domains were taken from its provider.
    """

    status: Status | None
    stopped: bool
    lost_domains: tuple[str, ...] = ()


class Watch(Protocol):
    """State that a running batch asks for before every chunk, so that a stop takes effect within a
    chunk.
    """

    def look(self, id: NotificationId) -> SendingState:
        """Read the state as of one moment. Raises ``NotFound``."""
