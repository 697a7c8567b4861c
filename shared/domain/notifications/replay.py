"""The answer that a repeated request is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.domain.notifications.notification import NotificationId


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
