"""The stores and services behind the moderators' chat, and how the bot speaks there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from shared.domain.chat.text import SHARED_ACCOUNTS, Card
from shared.domain.errors import Defect, NotFound
from shared.domain.notifications.notification import Notification
from shared.flow.moderation.reviewers import Reviewers
from shared.ports import Chat, ChatMoved, ChatRefused, Clock, Standings

if TYPE_CHECKING:
    from shared.stores.audience import Audience
    from shared.stores.notifications import Notifications
    from shared.stores.providers import Providers

if TYPE_CHECKING:
    from shared.stores.moderators import Moderator, Moderators
    from shared.stores.posts import Posts, Room
    from shared.stores.review_policies import ReviewPolicies


@dataclass(frozen=True, slots=True)
class ModeratorChat:
    """Stores and services behind the moderators' chat. ``number`` is the room operators chose."""

    number: int
    chat: Chat
    posts: Posts
    notifications: Notifications
    providers: Providers
    moderators: Moderators
    standings: Standings
    review_policies: ReviewPolicies
    audience: Audience
    clock: Clock

    @property
    def reviewers(self) -> Reviewers:
        """Lookup of the moderators who may decide."""
        return Reviewers(self.standings, self.moderators)

    def moderator(self, user: int) -> Moderator | None:
        """Find the moderator with this user number, which must be one person's; ``None`` unless
        their account is a moderator's at this moment.
        """
        found = None if user in SHARED_ACCOUNTS else self.moderators.by_telegram(user)
        return found if found and self.reviewers.moderates(found.uid) else None

    def name(self, uid: str | None) -> str:
        """Return what people call that moderator: the name, else the e-mail address, or the uid."""
        try:
            found = self.moderators.get(uid) if uid else None
        except (NotFound, Defect):  # an operator at a terminal may be called anything
            found = None
        return (found.name or found.email or found.uid) if found else uid or ""

    def people(self, it: Notification) -> dict[str, str]:
        """Return the names, by uid, of all moderators who had to do with the notification."""
        uids = {it.moderator_id, *(each.moderator_id for each in it.endorsements)}
        uids |= {it.claim.moderator_id} if it.claim else set()
        return {uid: self.name(uid) for uid in uids if uid}

    def say(self, card: Card, *, room: int = 0, reply_to: int = 0) -> tuple[int, int]:
        """Post a message in the room, wherever the room is by now; returns the room and the message
        number.
        """
        where = room or self.posts.room().number or self.number
        try:
            return where, self._posted(where, card, reply_to)
        except ChatMoved as moved:
            self.follow(where, moved.room)
            return moved.room, self._posted(moved.room, card, 0)

    def follow(self, old: int, new: int) -> None:
        """Note that the moderators' room has moved; a move of any other room is ignored."""

        def moved(room: Room) -> Room:
            is_ours = old == (room.number or self.number)
            return replace(room, number=new) if is_ours else room

        self.posts.change_room(moved)

    def edit(self, room: int, message: int, card: Card) -> None:
        """Edit a message as the chat does; without the image if the chat refuses it."""
        _with_or_without_image(partial(self.chat.edit, room, message), card)

    def _posted(self, room: int, card: Card, reply_to: int) -> int:
        return _with_or_without_image(partial(self.chat.post, room, reply_to=reply_to), card)


def _with_or_without_image(send: Callable[[Card], int | None], card: Card) -> int:
    try:
        return send(card) or 0
    except ChatRefused:
        if not card.image:
            raise
        return send(replace(card, image="")) or 0
