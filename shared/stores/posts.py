"""Messages in the moderators' chat, and the updates from there that are done with.

A lost answer to a write needs no thought here: what is written names its owner, so that reading and
applying the same change again comes to the same. Prompts and updates carry ``expireAt``, after
which the database removes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from shared.domain.notifications.notification import NotificationId
from shared.ports.database import Database, Put
from shared.stores.change import rewrite, write
from shared.stores.codec import Fields, Reader
from shared.stores.names import document_name
from shared.stores.platform import PLATFORM

POSTS = "moderationPosts"
PROMPTS = "moderationPrompts"
UPDATES = "telegramUpdates"
ROOM = "telegram"
_WHAT = "the chat's record"


@dataclass(frozen=True, slots=True)
class Post:
    """Message of a notification in the chat. ``message`` is 0 until it was posted.

    ``shows`` is how many entries the history had in the record that is shown. While ``owner``
    writes, until ``until``, nobody else does.
    """

    notification_id: NotificationId
    room: int = 0
    message: int = 0
    shows: int = 0
    owner: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """Facts learned of the moderators' room: its new number, and when it may be spoken in."""

    number: int = 0
    quiet_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question for the reason of a rejection, put to one moderator about one revision."""

    room: int
    message: int
    notification_id: NotificationId
    revision: int
    moderator_id: str
    expire_at: datetime


class Posts:
    """``moderationPosts``, ``moderationPrompts``, ``telegramUpdates`` and ``platform/telegram``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, id: NotificationId) -> Post | None:
        """Return a post; ``None`` for a notification that was never posted."""
        document = self._database.get(document_name(POSTS, id))
        return post_from(id, document.fields) if document else None

    def change(self, id: NotificationId, change: Callable[[Post], Post]) -> Post:
        """Read (or begin), apply ``change``, write on the condition that nobody wrote meanwhile.

        ``change`` may run several times: keep it pure. What ``change`` raises is passed on.
        """
        record = (partial(post_from, id), post_fields)
        return rewrite(self._database, document_name(POSTS, id), record, change, _WHAT)

    def room(self) -> Room:
        """Return what was learned of the room; an empty ``Room`` if nothing was."""
        document = self._database.get(document_name(PLATFORM, ROOM))
        return room_from(document.fields if document else {})

    def change_room(self, change: Callable[[Room], Room]) -> Room:
        """Change what is known of the room, as ``change`` does a post."""
        name = document_name(PLATFORM, ROOM)
        return rewrite(self._database, name, (room_from, room_fields), change, _WHAT)

    def keep_prompt(self, prompt: Prompt) -> None:
        """Create or replace a question."""
        self._put(PROMPTS, prompt_id(prompt.room, prompt.message), prompt_fields(prompt))

    def prompt(self, room: int, message: int) -> Prompt | None:
        """Return the question this message asks, also when it has expired."""
        id = prompt_id(room, message)
        document = self._database.get(document_name(PROMPTS, id))
        return prompt_from(id, document.fields) if document else None

    def is_done(self, update: int) -> bool:
        """Tell whether this update was dealt with."""
        return self._database.get(document_name(UPDATES, str(update))) is not None

    def note_done(self, update: int, expire_at: datetime) -> None:
        """Note that the update was dealt with; forget that at ``expire_at``."""
        self._put(UPDATES, str(update), update_fields(expire_at))

    def _put(self, collection: str, id: str, fields: Fields) -> None:
        write(self._database, [Put(document_name(collection, id), fields)], _WHAT)


def post_fields(post: Post) -> Fields:
    """Build the document of a post."""
    return {
        "room": post.room,
        "message": post.message,
        "shows": post.shows,
        "owner": post.owner or None,
        "until": post.until,
    }


def post_from(id: str, document: Mapping[str, Any]) -> Post:
    """Read a post."""
    reader = Reader(POSTS, id, document)
    return Post(
        notification_id=NotificationId(id),
        room=reader.number("room"),
        message=reader.number("message"),
        shows=reader.number("shows"),
        owner=reader.text("owner"),
        until=reader.time("until"),
    )


def room_fields(room: Room) -> Fields:
    """Build the document of the room."""
    return {"number": room.number, "quietUntil": room.quiet_until}


def room_from(document: Mapping[str, Any]) -> Room:
    """Read what was learned of the room."""
    reader = Reader("platform", ROOM, document)
    return Room(number=reader.number("number"), quiet_until=reader.time("quietUntil"))


def prompt_id(room: int, message: int) -> str:
    """Form the id of a question: a message's number counts in its room only."""
    return f"{room}_{message}"


def prompt_fields(prompt: Prompt) -> Fields:
    """Build the document of a question."""
    return {
        "room": prompt.room,
        "message": prompt.message,
        "notificationId": prompt.notification_id,
        "revision": prompt.revision,
        "moderatorId": prompt.moderator_id,
        "expireAt": prompt.expire_at,
    }


def prompt_from(id: str, document: Mapping[str, Any]) -> Prompt:
    """Read a question."""
    reader = Reader(PROMPTS, id, document)
    return Prompt(
        room=reader.number("room"),
        message=reader.number("message"),
        notification_id=NotificationId(reader.text("notificationId")),
        revision=reader.number("revision"),
        moderator_id=reader.text("moderatorId"),
        expire_at=reader.required_time("expireAt"),
    )


def update_fields(expire_at: datetime) -> Fields:
    """Build the document of an update that was dealt with."""
    return {"expireAt": expire_at}
