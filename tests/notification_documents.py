"""Notifications' documents in memory, as somebody sees and spoils them who does not know us."""

from collections.abc import Mapping
from typing import Any

from shared.adapters.memory.database import MemoryDatabase
from shared.domain.notifications.notification import Notification
from shared.stores.codec import present
from shared.stores.notification_codec import HISTORY, NOTIFICATIONS, notification_fields


def records(database: MemoryDatabase) -> Mapping[str, Mapping[str, Any]]:
    """Return all notifications' documents by id."""
    return database.collection(NOTIFICATIONS)


def keep(database: MemoryDatabase, it: Notification) -> None:
    """Hold a notification as it is, without a history."""
    database.hold(f"{NOTIFICATIONS}/{it.id}", present(notification_fields(it)))


def alter(database: MemoryDatabase, id: str, **fields: Any) -> None:
    """Set fields of a document; ``None`` takes one away."""
    altered = present({**records(database)[id], **fields})
    database.hold(f"{NOTIFICATIONS}/{id}", altered)


def remove(database: MemoryDatabase, id: str) -> None:
    """Take a document away; what is below it stays."""
    database.hold(f"{NOTIFICATIONS}/{id}", None)


def alter_entry(database: MemoryDatabase, id: str, number: int, **fields: Any) -> None:
    """Set fields of an entry of the history."""
    history = f"{NOTIFICATIONS}/{id}/{HISTORY}"
    entry = database.collection(history)[f"{number:06d}"]
    database.hold(f"{history}/{number:06d}", {**entry, **fields})


def remove_entry(database: MemoryDatabase, id: str, number: int) -> None:
    """Take an entry of the history away."""
    database.hold(f"{NOTIFICATIONS}/{id}/{HISTORY}/{number:06d}", None)
