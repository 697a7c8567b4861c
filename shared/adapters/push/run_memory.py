"""Answers that one process got for each notification's addresses, shared by all its threads."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.audience.device import AddressKind
from shared.domain.delivery.evidence import Evidence, Group
from shared.domain.delivery.ledger import BatchId
from shared.domain.notifications.notification import NotificationId

MOST_NOTIFICATIONS = 32
BETWEEN_QUESTIONS = timedelta(seconds=5)
"""Least time between two questions: each costs one read a batch, and every batch of a failing run
asks.
"""


@dataclass(slots=True)
class _Heard:
    """Evidence on one group: the sum, and each batch's part of it, so that nothing counts twice."""

    all: Evidence = field(default_factory=Evidence)
    by_batch: dict[BatchId, Evidence] = field(default_factory=dict)

    def note(self, batch: BatchId, evidence: Evidence) -> None:
        """Replace a batch's part with what it knows now."""
        before = self.by_batch.get(batch, Evidence())
        self.all = self.all.with_batch(evidence, before)
        self.by_batch[batch] = Evidence(evidence.accepted, evidence.unknown)


class ProcessRunMemory:
    """``RunMemory`` of the notifications sent last; another process has a memory of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notifications: dict[NotificationId, dict[Group, _Heard]] = {}
        self._asked_at: dict[NotificationId, datetime] = {}

    def note(self, id: NotificationId, batch: BatchId, heard: Mapping[Group, Evidence]) -> None:
        with self._lock:
            groups = self._notifications[id] = self._notifications.pop(id, {})
            for group, evidence in heard.items():
                groups.setdefault(group, _Heard()).note(batch, evidence)
            while len(self._notifications) > MOST_NOTIFICATIONS:
                del self._notifications[next(iter(self._notifications))]

    def recall(self, id: NotificationId, batch: BatchId, kept: Mapping[Group, Evidence]) -> None:
        with self._lock:
            groups = self._notifications.setdefault(id, {})
            for group, evidence in kept.items():
                heard = groups.setdefault(group, _Heard())
                if evidence.told_of > heard.by_batch.get(batch, Evidence()).told_of:
                    heard.note(batch, evidence)

    def may_ask(self, id: NotificationId, now: datetime) -> bool:
        with self._lock:
            last = self._asked_at.get(id)
            if last is not None and now - last < BETWEEN_QUESTIONS:
                return False
            self._asked_at[id] = now
            while len(self._asked_at) > MOST_NOTIFICATIONS:
                del self._asked_at[next(iter(self._asked_at))]
            return True

    def heard(self, id: NotificationId, group: Group) -> Evidence:
        with self._lock:
            found = self._notifications.get(id, {}).get(group)
        return found.all if found else Evidence()

    def heard_of_all(self, id: NotificationId, kind: AddressKind) -> Evidence:
        with self._lock:
            groups = self._notifications.get(id, {}).items()
            every = [found.all for group, found in groups if group.kind is kind]
        return Evidence(sum(it.accepted for it in every), sum(it.unknown for it in every))
