"""``moderators/{uid}``: the people who may decide, and how they are known elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.ports.database import NAME, Database, Put, Query, Where
from shared.stores.change import write
from shared.stores.codec import Fields, Reader
from shared.stores.names import document_name

MODERATORS = "moderators"
REMOVED: Fields = {"removed": True}
"""The document of a person who is no moderator any more."""


@dataclass(frozen=True, slots=True)
class Moderator:
    """A person who may decide, and how they are known elsewhere."""

    uid: str
    at: datetime
    telegram_user_id: int | None = None
    name: str = ""
    email: str = ""


class Moderators:
    """The list that operators keep."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, uid: str) -> Moderator | None:
        """Return a moderator; ``None`` when there is no such moderator."""
        document = self._database.get(document_name(MODERATORS, uid))
        known = document is not None and document.fields != REMOVED
        return moderator_from(uid, document.fields) if document and known else None

    def by_telegram(self, user_id: int) -> Moderator | None:
        """Find the moderator who is that Telegram user, if there is one."""
        is_theirs = Where("telegramUserId", "==", user_id)
        found = self._database.query(Query(MODERATORS, (is_theirs,), order=(NAME,), limit=1))
        return moderator_from(found[0].id, found[0].fields) if found else None

    def put(self, moderator: Moderator) -> None:
        """Create or replace a moderator."""
        self._put(moderator.uid, moderator_fields(moderator))

    def delete(self, uid: str) -> None:
        """Remove a moderator, whether or not there was one, and remember that they were removed."""
        self._put(uid, REMOVED)

    def was_removed(self, uid: str) -> bool:
        """Tell whether the right to decide was taken from them, and not given back."""
        document = self._database.get(document_name(MODERATORS, uid))
        return document is not None and document.fields == REMOVED

    def _put(self, uid: str, fields: Fields) -> None:
        write(self._database, [Put(document_name(MODERATORS, uid), fields)], "the moderator")


def moderator_fields(moderator: Moderator) -> Fields:
    """Build the document of a moderator."""
    return {
        "telegramUserId": moderator.telegram_user_id,
        "name": moderator.name,
        "email": moderator.email,
        "at": moderator.at,
    }


def moderator_from(uid: str, document: Mapping[str, Any]) -> Moderator:
    """Read a moderator."""
    reader = Reader(MODERATORS, uid, document)
    return Moderator(
        uid=uid,
        at=reader.required_time("at"),
        telegram_user_id=reader.number_or_none("telegramUserId"),
        name=reader.text("name"),
        email=reader.text("email"),
    )
