"""What stands in the moderators' chat, in memory and in the documents of the Firestore one."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from shared.adapters.documents.posts import (
    post_fields,
    post_from,
    prompt_fields,
    prompt_from,
    prompt_id,
    room_fields,
    room_from,
    update_fields,
)
from shared.adapters.memory.documents import Collection
from shared.domain.errors import TryAgain
from shared.domain.notifications.notification import NotificationId
from shared.ports import Post, Prompt, Room
from shared.stores.codec import Fields

T = TypeVar("T")

_TRIES = 200


class MemoryPosts:
    """Posts, prompts, and the updates that are done with."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._posts, self._rooms = Collection(self._lock), Collection(self._lock)
        self._prompts, self._updates = Collection(self._lock), Collection(self._lock)
        self.documents: dict[str, dict[str, Any]] = self._posts.documents

    def get(self, id: NotificationId) -> Post | None:
        document, _ = self._posts.read(id)
        return None if document is None else post_from(id, document)

    def change(self, id: NotificationId, change: Callable[[Post], Post]) -> Post:
        return self._rewrite(
            self._posts, id, lambda found: post_from(id, found), change, post_fields
        )

    def room(self) -> Room:
        document, _ = self._rooms.read("room")
        return room_from(document or {})

    def change_room(self, change: Callable[[Room], Room]) -> Room:
        return self._rewrite(self._rooms, "room", room_from, change, room_fields)

    def keep_prompt(self, prompt: Prompt) -> None:
        self._prompts.put(prompt_id(prompt.room, prompt.message), prompt_fields(prompt))

    def prompt(self, room: int, message: int) -> Prompt | None:
        id = prompt_id(room, message)
        document, _ = self._prompts.read(id)
        return None if document is None else prompt_from(id, document)

    def is_done(self, update: int) -> bool:
        return str(update) in self._updates.documents

    def note_done(self, update: int, expire_at: datetime) -> None:
        self._updates.put(str(update), update_fields(expire_at))

    def _rewrite(
        self,
        collection: Collection,
        id: str,
        read: Callable[[dict[str, Any]], T],
        change: Callable[[T], T],
        fields: Callable[[T], Fields],
    ) -> T:
        for _ in range(_TRIES):
            document, version = collection.read(id)
            after = change(read(document or {}))
            with self._lock:
                is_new = document is None and id not in collection.documents
                if is_new or (document is not None and collection.holds(id, version)):
                    collection.put(id, fields(after))
                    return after
        raise TryAgain("the chat's record is busy")
