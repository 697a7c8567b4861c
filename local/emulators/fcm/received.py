"""What the FCM stand-in keeps of a message, and what it reads from it."""

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
        """The notification's id or, of one that has none, its words."""
        return self.notification or str(hash(orjson.dumps(self.message.get("notification"))))


def replace_key(message: Json) -> str:
    """The key under which every platform replaces what it shows; empty unless all three agree."""
    keys = {
        _at(message, "android", "notification", "tag"),
        _at(message, "apns", "headers", "apns-collapse-id"),
        _at(message, "webpush", "notification", "tag"),
    }
    return keys.pop() if len(keys) == 1 else ""


def notification_id(message: Json) -> str:
    """Which notification this is, as its data says."""
    return _at(message, "data", "notificationId")


def _at(message: Json, *path: str) -> str:
    found: object = message
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""
