"""Answers that one process got for each notification's addresses, shared by all its threads."""

import threading
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from shared.domain.audience.device import AppService
from shared.domain.delivery.evidence import NONE_NEWER, Evidence, Group, added
from shared.domain.delivery.ledger import BatchId
from shared.domain.delivery.run import RunId

MOST_NOTIFICATIONS = 32
BETWEEN_QUESTIONS = timedelta(seconds=5)
"""Least time between two questions: each costs one read a batch, and every batch of a failing run
asks.
"""


@dataclass(slots=True)
class _GroupEvidence:
    """Evidence on one group: the sum, and each batch's part of it, so that nothing counts twice."""

    all: Evidence = field(default_factory=Evidence)
    by_batch: dict[BatchId, Evidence] = field(default_factory=dict)

    def note(self, batch: BatchId, evidence: Evidence) -> None:
        """Replace a batch's part with what it knows now; what was accepted stays accepted, also
        where its owner died before it was recorded.
        """
        before = self.by_batch.get(batch, Evidence())
        evidence = replace(evidence, accepted=max(evidence.accepted, before.accepted))
        if evidence.newer == NONE_NEWER:  # not compared yet in this pass
            evidence = replace(evidence, newer=before.newer)
        self.all = self.all.with_batch(evidence, before)
        self.by_batch[batch] = replace(evidence, refused={})

    def knows_less(self, batch: BatchId, evidence: Evidence) -> bool:
        """Tell whether the ledger kept more of a batch than the batch told here."""
        here = self.by_batch.get(batch, Evidence())
        return (evidence.conclusive, sum(evidence.newer)) > (here.conclusive, sum(here.newer))


class ProcessRunMemory:
    """``RunMemory`` of the notifications sent last; another process has a memory of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notifications: dict[RunId, dict[Group, _GroupEvidence]] = {}
        self._asked_at: dict[RunId, datetime] = {}
        self._silent: dict[RunId, frozenset[BatchId]] = {}
        self._earlier: dict[RunId, RunId | None] = {}

    def note(self, id: RunId, batch: BatchId, by_group: Mapping[Group, Evidence]) -> None:
        with self._lock:
            groups = self._notifications[id] = self._notifications.pop(id, {})
            for group, evidence in by_group.items():
                groups.setdefault(group, _GroupEvidence()).note(batch, evidence)
            _forget_the_oldest(self._notifications)

    def recall(self, id: RunId, by_batch: Mapping[BatchId, Mapping[Group, Evidence]]) -> None:
        with self._lock:
            groups = self._notifications.setdefault(id, {})
            for batch, by_group in by_batch.items():
                for group, evidence in by_group.items():
                    of_group = groups.setdefault(group, _GroupEvidence())
                    if of_group.knows_less(batch, evidence):
                        of_group.note(batch, evidence)
            self._silent[id] = frozenset(batch for batch, told in by_batch.items() if not told)
            _forget_the_oldest(self._silent)

    def silent(self, id: RunId) -> Set[BatchId]:
        with self._lock:
            return self._silent.get(id, frozenset())

    def may_ask(self, id: RunId, now: datetime) -> bool:
        with self._lock:
            last = self._asked_at.get(id)
            if last is not None and now - last < BETWEEN_QUESTIONS:
                return False
            self._asked_at[id] = now
            _forget_the_oldest(self._asked_at)
            return True

    def evidence(self, id: RunId, group: Group) -> Evidence:
        with self._lock:
            of_group = self._notifications.get(id, {}).get(group)
        return of_group.all if of_group else Evidence()

    def service_evidence(self, id: RunId, service: AppService) -> Evidence:
        with self._lock:
            groups = self._notifications.get(id, {}).items()
            every = [found.all for group, found in groups if group.service == service]
        return Evidence(
            sum(it.accepted for it in every),
            sum(it.unknown for it in every),
            newer=reduce(added, (it.newer for it in every), NONE_NEWER),
        )

    def earlier(self, id: RunId, find: Callable[[], RunId | None]) -> RunId | None:
        with self._lock:
            if id in self._earlier:
                return self._earlier[id]
        found = find()
        with self._lock:
            self._earlier[id] = found
            _forget_the_oldest(self._earlier)
        return found


def _forget_the_oldest(of_notifications: dict[RunId, Any]) -> None:
    while len(of_notifications) > MOST_NOTIFICATIONS:
        del of_notifications[next(iter(of_notifications))]
