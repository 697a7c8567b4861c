"""What stands in the moderators' chat, in Firestore.

A lost answer to a write needs no thought here: what is written names its owner, so that reading
and applying the same change again comes to the same.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from google.cloud.firestore import Client, DocumentReference

from shared.adapters.documents.posts import (
    POSTS,
    PROMPTS,
    ROOM,
    UPDATES,
    post_fields,
    post_from,
    prompt_fields,
    prompt_from,
    prompt_id,
    room_fields,
    room_from,
    update_fields,
)
from shared.adapters.firestore.calls import (
    NotDone,
    Refused,
    Unclear,
    as_update,
    commit,
    commit_once,
    data_of,
    fetch,
    if_still,
    reference,
    version_of,
)
from shared.domain.notifications.notification import NotificationId
from shared.ports import Post, Prompt, Room
from shared.stores.change import Turns
from shared.stores.codec import Fields, difference, present
from shared.stores.platform import PLATFORM

T = TypeVar("T")


class FirestorePosts:
    """``moderationPosts``, ``moderationPrompts``, ``telegramUpdates`` and ``platform/telegram``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, id: NotificationId) -> Post | None:
        snapshot = fetch(reference(self._client, POSTS, id))
        return post_from(id, data_of(snapshot)) if snapshot.exists else None

    def change(self, id: NotificationId, change: Callable[[Post], Post]) -> Post:
        place = reference(self._client, POSTS, id)
        return self._rewrite(place, lambda found: post_from(id, found), change, post_fields)

    def room(self) -> Room:
        return room_from(data_of(fetch(self._room())))

    def change_room(self, change: Callable[[Room], Room]) -> Room:
        return self._rewrite(self._room(), room_from, change, room_fields)

    def keep_prompt(self, prompt: Prompt) -> None:
        id = prompt_id(prompt.room, prompt.message)
        self._put(reference(self._client, PROMPTS, id), prompt_fields(prompt))

    def prompt(self, room: int, message: int) -> Prompt | None:
        id = prompt_id(room, message)
        snapshot = fetch(reference(self._client, PROMPTS, id))
        return prompt_from(id, data_of(snapshot)) if snapshot.exists else None

    def is_done(self, update: int) -> bool:
        return bool(fetch(reference(self._client, UPDATES, str(update))).exists)

    def note_done(self, update: int, expire_at: datetime) -> None:
        self._put(reference(self._client, UPDATES, str(update)), update_fields(expire_at))

    def _room(self) -> DocumentReference:
        return self._client.collection(PLATFORM).document(ROOM)

    def _put(self, place: DocumentReference, fields: Fields) -> None:
        batch = self._client.batch()
        batch.set(place, present(fields))
        commit(batch, "the chat's record")

    def _rewrite(
        self,
        place: DocumentReference,
        read: Callable[[dict[str, Any]], T],
        change: Callable[[T], T],
        fields: Callable[[T], Fields],
    ) -> T:
        turns = Turns("the chat's record")
        while True:
            turns.take()
            snapshot = fetch(place)
            stored = data_of(snapshot)
            after = change(read(stored))
            batch = self._client.batch()
            if not snapshot.exists:
                batch.create(place, present(fields(after)))
            elif changed := difference(stored, fields(after)):
                batch.update(place, as_update(changed), if_still(version_of(snapshot)))
            else:
                return after
            try:
                commit_once(batch)
            except (Refused, NotDone, Unclear):
                continue
            return after
