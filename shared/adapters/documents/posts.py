"""What is kept of the moderators' chat, as documents.

Prompts and updates carry ``expireAt``, after which the database removes them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.notifications.notification import NotificationId
from shared.ports import Post, Prompt, Room
from shared.stores.codec import Fields, Reader

POSTS = "moderationPosts"
PROMPTS = "moderationPrompts"
UPDATES = "telegramUpdates"
ROOM = "telegram"
"""Beside the stop switch, in ``platform``."""


def post_fields(post: Post) -> Fields:
    """The document of a post."""
    return {
        "room": post.room,
        "message": post.message,
        "shows": post.shows,
        "owner": post.owner or None,
        "until": post.until,
    }


def post_from(id: str, document: Mapping[str, Any]) -> Post:
    """A post."""
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
    """The document of the room."""
    return {"number": room.number, "quietUntil": room.quiet_until}


def room_from(document: Mapping[str, Any]) -> Room:
    """What was learned of the room."""
    reader = Reader("platform", ROOM, document)
    return Room(number=reader.number("number"), quiet_until=reader.time("quietUntil"))


def prompt_id(room: int, message: int) -> str:
    """A message's number counts in its room only."""
    return f"{room}_{message}"


def prompt_fields(prompt: Prompt) -> Fields:
    """The document of a question."""
    return {
        "room": prompt.room,
        "message": prompt.message,
        "notificationId": prompt.notification_id,
        "revision": prompt.revision,
        "moderatorId": prompt.moderator_id,
        "expireAt": prompt.expire_at,
    }


def prompt_from(id: str, document: Mapping[str, Any]) -> Prompt:
    """A question."""
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
    """The document of an update that was dealt with."""
    return {"expireAt": expire_at}
