"""``idempotencyKeys/{key}``: the answers that repeated requests are given, as documents."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.domain.notifications.notification import NotificationId
from shared.domain.notifications.replay import Replay
from shared.stores.codec import Fields, Reader

REPLAYS = "idempotencyKeys"
REPLAYS_KEPT = timedelta(days=7)
"""How long an answer can be replayed: then a TTL policy on ``expireAt`` may remove it."""


def replay_fields(replay: Replay) -> Fields:
    """Build the document of an answer kept under an ``Idempotency-Key``."""
    return {
        "fingerprint": replay.fingerprint,
        "notificationId": replay.notification_id,
        "createdAt": replay.created_at,
        "expireAt": replay.created_at + REPLAYS_KEPT,
        **answer_field(replay.answer),
    }


def answer_field(answer: Mapping[str, object] | None) -> Fields:
    """Write the answer as text: a map would lose the order of its names."""
    return {"answer": None if answer is None else json.dumps(answer)}


def replay_from(key: str, document: Mapping[str, Any]) -> Replay:
    """Read what is kept under ``key``."""
    reader = Reader(REPLAYS, key, document)
    answer = reader.text_or_none("answer")
    return Replay(
        key=key,
        fingerprint=reader.text("fingerprint"),
        notification_id=NotificationId(reader.text("notificationId")),
        created_at=reader.required_time("createdAt"),
        answer=None if answer is None else json.loads(answer),
    )
