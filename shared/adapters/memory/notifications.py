"""Notifications in memory, with the promises of the Firestore ones and in the same documents.

Nothing is locked while ``change`` runs, so that writers really interleave: the loser finds
another version, and reads and applies its change again.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from shared.adapters.documents.listing import (
    Position,
    Row,
    decisions,
    fill,
    fill_queue,
    statuses,
    waits_since,
)
from shared.adapters.documents.notification import (
    answer_field,
    changes_nothing,
    entry_fields,
    entry_from,
    is_planned_on,
    notification_fields,
    notification_from,
    replay_fields,
    replay_from,
)
from shared.adapters.memory.documents import Collection
from shared.domain.errors import NotFound, TryAgain
from shared.domain.notifications.history import Entry
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Change, Notification, NotificationId
from shared.ports import AlreadyThere, Decision, NotificationQuery, Page, QueueQuery, Replay

_TRIES = 200

Time = Callable[[Mapping[str, Any]], Any]
"""What a list is ordered by."""


class MemoryNotifications:
    """``documents`` is open to tests, in the Firestore shape."""

    def __init__(self, *notifications: Notification) -> None:
        self._lock = threading.RLock()
        self._notifications = Collection(self._lock)
        self._replays = Collection(self._lock)
        self._history: dict[str, list[dict[str, Any]]] = {}
        self.documents: dict[str, dict[str, Any]] = self._notifications.documents
        for notification in notifications:
            self._notifications.put(notification.id, notification_fields(notification))

    def create(self, change: Change, replay: Replay | None = None) -> None:
        new = change.notification.id
        with self._lock:
            if new in self.documents or (replay and replay.key in self._replays.documents):
                raise AlreadyThere(new)
            self._write(change)
            if replay:
                self._replays.put(replay.key, replay_fields(replay))

    def get(self, id: NotificationId) -> Notification:
        document, version = self._notifications.read(id)
        if document is None:
            raise NotFound("there is no such notification")
        return notification_from(id, document, version)

    def statuses(self, ids: Iterable[NotificationId]) -> Mapping[NotificationId, Status]:
        documents = {id: self._notifications.read(id)[0] for id in ids}
        return statuses((id, it) for id, it in documents.items() if it is not None)

    def change(self, id: NotificationId, change: Callable[[Notification], Change]) -> Notification:
        for _ in range(_TRIES):
            before = self.get(id)
            wanted = change(before)
            if changes_nothing(before, wanted):
                return before
            with self._lock:
                if self._notifications.holds(id, before.version):
                    self._write(wanted)
                    return self.get(id)
        raise TryAgain("the notification is busy")

    def delete(self, id: NotificationId, check: Callable[[Notification], None]) -> None:
        for _ in range(_TRIES):
            before = self.get(id)
            check(before)
            with self._lock:
                if self._notifications.holds(id, before.version):
                    self._notifications.remove(id)
                    self._history.pop(id, None)
                    return
        raise TryAgain("the notification is busy")

    def of_provider(self, wish: NotificationQuery) -> Page[Notification]:
        def rows_after(place: Position | None, limit: int) -> Sequence[Row]:
            rows = [row for row in reversed(self._by_age(wish.status)) if _is_of(row, wish)]
            if place is not None:
                rows = [row for row in rows if (row.at, row.id) < (place.at, place.id)]
            return rows[:limit]

        return fill(wish, rows_after)

    def counts_by_status(self, provider_id: str) -> Mapping[Status, int]:
        owned = [d for d in list(self.documents.values()) if d.get("providerId") == provider_id]
        return {status: sum(d.get("status") == status for d in owned) for status in Status}

    def count_auto_approved(self, provider_id: str) -> int:
        return sum(
            (d.get("providerId"), d.get("status"), d.get("autoApproved"))
            == (provider_id, Status.APPROVED, True)
            for d in list(self.documents.values())
        )

    def count_pending(self, provider_id: str) -> int:
        return self.counts_by_status(provider_id)[Status.PENDING]

    def count_drafts(self, provider_id: str) -> int:
        return self.counts_by_status(provider_id)[Status.DRAFT]

    def queue(self, waiting: QueueQuery) -> Page[Notification]:
        def rows_after(place: Position | None, limit: int) -> Sequence[Row]:
            waits = self._by_age(Status.PENDING, waits_since)
            rows = [row for row in waits if _is_of(row, waiting)]
            if place is not None:
                rows = [row for row in rows if (row.at, row.id) > (place.at, place.id)]
            return rows[:limit]

        return fill_queue(waiting, rows_after)

    def decided(self, since: datetime, limit: int) -> Sequence[Decision]:
        moderated = [
            (document["moderatedAt"], key, document)
            for key, document in list(self.documents.items())
            if isinstance(document.get("moderatedAt"), datetime)
            and document["moderatedAt"] >= since
        ]
        latest = sorted(moderated, key=lambda each: each[:2], reverse=True)[:limit]
        return decisions((key, document) for _, key, document in latest)

    def sending_on(self, domain: str) -> Sequence[NotificationId]:
        with self._lock:
            return [
                NotificationId(id)
                for id, document in sorted(self.documents.items())
                if document.get("status") == Status.SENDING and is_planned_on(domain, document)
            ]

    def overdue(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        return self._due("wakeAt", now, limit)

    def unexported(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        return self._due("exportAt", now, limit)

    def put_off_export(self, id: NotificationId, until: datetime) -> None:
        self._put_off(id, {"exportAt": until})

    def put_off_wake(self, id: NotificationId, until: datetime) -> None:
        self._put_off(id, {"wakeAt": until})

    def _put_off(self, id: NotificationId, fields: Mapping[str, datetime]) -> None:
        with self._lock:
            if id in self.documents:
                self._notifications.merge(id, fields)

    def _due(self, field: str, now: datetime, limit: int) -> Sequence[NotificationId]:
        due = [
            (document[field], key)
            for key, document in list(self.documents.items())
            if isinstance(document.get(field), datetime) and document[field] <= now
        ]
        return [NotificationId(key) for _, key in sorted(due)[:limit]]

    def history(self, id: NotificationId) -> Sequence[Entry]:
        entries = self._history.get(id, [])
        return [entry_from(id, str(n), entry) for n, entry in enumerate(entries, start=1)]

    def replay(self, key: str) -> Replay | None:
        document, _ = self._replays.read(key)
        return None if document is None else replay_from(key, document)

    def keep_answer(self, key: str, answer: Mapping[str, object]) -> None:
        if key not in self._replays.documents:
            raise NotFound("there is no such replay record")
        self._replays.merge(key, answer_field(answer))

    def _write(self, change: Change) -> None:
        notification = change.notification
        self._notifications.merge(notification.id, notification_fields(notification))
        for entry in change.entries:
            self._history.setdefault(notification.id, []).append(entry_fields(entry))

    def _by_age(self, status: Status | None, time_of: Time = itemgetter("createdAt")) -> list[Row]:
        """Oldest first; what has no ``createdAt`` is in no list, as in Firestore."""
        with self._lock:
            rows = [
                Row(
                    key,
                    document,
                    self._notifications.versions.get(key, ""),
                    time_of(document),
                )
                for key, document in self.documents.items()
                if isinstance(document.get("createdAt"), datetime)
                and status in {None, document.get("status")}
            ]
        return sorted(rows, key=lambda row: (row.at, row.id))


def _is_of(row: Row, wish: NotificationQuery | QueueQuery) -> bool:
    return wish.provider_id in {"", row.document.get("providerId")}
