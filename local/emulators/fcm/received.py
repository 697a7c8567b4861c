"""The messages that the FCM emulator received, and what it reads from them."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from local.emulators.push.received import Entry

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class MessageEntry(Entry):
    """One request for one address of a project."""

    project: str
    message: Json

    @property
    def shows(self) -> str:
        """Notification's id or, of a message that has none, its words."""
        return self.notification or str(hash(orjson.dumps(self.message.get("notification"))))


def replace_key(message: Json) -> str:
    """Read the key by which every platform replaces what it shows; empty unless all three agree."""
    keys = {
        _at(message, "android", "notification", "tag"),
        _at(message, "apns", "headers", "apns-collapse-id"),
        _at(message, "webpush", "notification", "tag"),
    }
    return keys.pop() if len(keys) == 1 else ""


def notification_id(message: Json) -> str:
    """Read the notification's id from the message's data."""
    return _at(message, "data", "notificationId")


def _at(message: Json, *path: str) -> str:
    found: object = message
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""
