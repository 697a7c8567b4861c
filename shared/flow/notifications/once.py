"""A request that is repeated under its ``Idempotency-Key`` gets the first request's answer.

The id of the notification that is created follows from provider and key, so that two simultaneous
requests cannot both win.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from shared.domain.errors import InProgress, Refusal
from shared.domain.notifications.notification import Notification, NotificationId
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.notifications import Notifications

Answer = Mapping[str, object]
Render = Callable[[Notification], Answer]

ABANDONED_AFTER = timedelta(seconds=30)
"""After this long without an answer, the first request with a key is taken to have died."""


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def notifications(self) -> Notifications: ...


class KeyReused(Refusal):
    """Reuse of an ``Idempotency-Key`` with another body."""

    code = "idempotencyKeyReused"


@dataclass(frozen=True, slots=True)
class Once:
    """An ``Idempotency-Key`` of one provider and the fingerprint of the body sent with it."""

    key: str
    fingerprint: str

    @staticmethod
    def of(provider_id: str, key: str, operation: str, body: object) -> Once:
        """Derive the digests of provider and key, and of ``operation`` and body.

        ``operation`` tells apart the endpoints that honour keys.
        """
        canonical = json.dumps([operation, body], sort_keys=True, ensure_ascii=True)
        return Once(
            hashlib.sha256(f"{provider_id}\n{key}".encode()).hexdigest(),
            hashlib.sha256(canonical.encode()).hexdigest(),
        )

    @property
    def notification_id(self) -> NotificationId:
        """Id of the notification that is created under this key."""
        return NotificationId(self.key[:20])


def kept_answer(once: Once, render: Render, *, needs: Needs) -> Answer | None:
    """Return the answer that was given before under this key, or ``None``. Raises ``KeyReused``,
    ``InProgress``.
    """
    replay = needs.notifications.replay(once.key)
    if replay is None:
        return None
    if replay.fingerprint != once.fingerprint:
        raise KeyReused("this Idempotency-Key was used before with another body; take a new key")
    if replay.answer is not None:
        return replay.answer
    if needs.clock.now() - replay.created_at < ABANDONED_AFTER:
        raise InProgress("the first request with this Idempotency-Key is still being handled")
    return answered(replay.notification_id, once, needs.notifications, render)


def answered(
    id: NotificationId, once: Once | None, notifications: Notifications, render: Render
) -> Answer:
    """Render the record as it is now, and keep this as the answer to every repeat."""
    answer = render(notifications.get(id))
    if once:
        notifications.keep_answer(once.key, answer)
    return answer
