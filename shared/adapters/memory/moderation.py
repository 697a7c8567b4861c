"""The records of moderation in memory, with the promises of the Firestore ones."""

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.adapters.documents.review import (
    REMOVED,
    lease_fields,
    leases_from,
    moderator_fields,
    moderator_from,
    policy_fields,
    policy_from,
    reminder_from,
    takers_from,
    usage_fields,
)
from shared.adapters.memory.documents import Collection
from shared.domain.notifications.review import ReviewPolicy
from shared.domain.providers.places import Lease, Taker, Turn, begun, ended, with_place, without
from shared.ports import Moderator


class MemoryReviewPolicies:
    """``platform/moderation``, and when moderators were last reminded."""

    def __init__(self, policy: ReviewPolicy | None = None) -> None:
        self._lock = threading.Lock()
        self.document: dict[str, Any] = policy_fields(policy) if policy else {}
        self.reminder: dict[str, Any] = {}

    def get(self) -> ReviewPolicy:
        return policy_from(self.document)

    def put(self, policy: ReviewPolicy) -> None:
        self.document = policy_fields(policy)

    def take_reminder(self, now: datetime, not_since: datetime) -> bool:
        with self._lock:
            last = reminder_from(self.reminder)
            if last is not None and last > not_since:
                return False
            self.reminder = {"at": now}
            return True


class MemoryModerators:
    """``documents`` is open to tests, in the Firestore shape."""

    def __init__(self, *moderators: Moderator) -> None:
        self._moderators = Collection(threading.RLock())
        self.documents: dict[str, dict[str, Any]] = self._moderators.documents
        for moderator in moderators:
            self.put(moderator)

    def get(self, uid: str) -> Moderator | None:
        document, _ = self._moderators.read(uid)
        return None if document in (None, REMOVED) else moderator_from(uid, document or {})

    def by_telegram(self, user_id: int) -> Moderator | None:
        known = (self.get(uid) for uid in sorted(self.documents))
        return next((each for each in known if each and each.telegram_user_id == user_id), None)

    def put(self, moderator: Moderator) -> None:
        self._moderators.put(moderator.uid, moderator_fields(moderator))

    def delete(self, uid: str) -> None:
        self._moderators.put(uid, REMOVED)

    def was_removed(self, uid: str) -> bool:
        return self._moderators.read(uid)[0] == REMOVED


class MemoryUsage:
    """Places taken, by provider, kind and window."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._windows = Collection(self._lock)
        self.documents: dict[str, dict[str, Any]] = self._windows.documents

    def take(
        self,
        provider_id: str,
        kind: str,
        window_key: str,
        limit: int,
        expire_at: datetime,
        *,
        taker: Taker,
    ) -> bool:
        id = f"{provider_id}.{kind}.{window_key}"
        with self._lock:
            document, _ = self._windows.read(id)
            before = takers_from(id, document or {})
            takers = with_place(before, taker, limit)
            if takers != before:
                self._windows.put(id, usage_fields(takers, expire_at))
            return taker in takers

    def places(self, provider_id: str, kind: str, window_key: str) -> Sequence[str]:
        id = f"{provider_id}.{kind}.{window_key}"
        takers = takers_from(id, self._windows.read(id)[0] or {})
        return list(dict.fromkeys(each.place for each in takers))

    def give_back(self, provider_id: str, kind: str, window_key: str, *, taker: Taker) -> None:
        id = f"{provider_id}.{kind}.{window_key}"
        with self._lock:
            document, _ = self._windows.read(id)
            if document is not None:
                left = without(takers_from(id, document), taker)
                self._windows.put(id, usage_fields(left, document["expireAt"]))

    def begin(
        self, provider_id: str, kind: str, limit: int, now: datetime, until: datetime, taker: Taker
    ) -> Turn:
        id = f"{provider_id}.{kind}"
        with self._lock:
            before = leases_from(id, self._windows.read(id)[0] or {})
            leases, turn = begun(before, Lease(taker, until), limit, now)
            if turn is Turn.MINE:
                self._windows.put(id, lease_fields(leases, until))
            return turn

    def end(self, provider_id: str, kind: str, *, taker: Taker) -> None:
        id = f"{provider_id}.{kind}"
        with self._lock:
            document, _ = self._windows.read(id)
            if document is not None:
                left = ended(leases_from(id, document), taker)
                self._windows.put(id, lease_fields(left, document["expireAt"]))
