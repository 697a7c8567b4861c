"""The moderators' chat: there is one if operators set up a bot and a room for it."""

from functools import cached_property
from typing import TYPE_CHECKING

from shared.ports import Chat, Posts
from shared.wiring.cast import Parts
from shared.wiring.ground import Ground

if TYPE_CHECKING:
    from shared.flow.desk import Desk


class ChatParts(Ground):
    """Telegram, and in Firestore what was posted there."""

    @cached_property
    def posts(self) -> Posts:
        from shared.adapters.firestore.posts import FirestorePosts

        return FirestorePosts(self._firestore)

    @cached_property
    def chat(self) -> Chat | None:
        """None without a bot's token."""
        if self.settings.telegram_bot_token is None:
            return None
        from shared.adapters.telegram import TelegramChat
        from shared.adapters.telegram_calls import TelegramCalls

        token, url = self.settings.telegram_bot_token, self.settings.telegram_url
        return TelegramChat(TelegramCalls(token, url))


def desk(p: Parts) -> "Desk | None":
    """The moderators' chat; none without a bot and a room for it."""
    room = p.settings.telegram_chat_id
    if p.chat is None or room is None:
        return None
    from shared.flow.desk import Desk

    return Desk(
        number=room,
        chat=p.chat,
        posts=p.posts,
        notifications=p.notifications,
        providers=p.providers,
        moderators=p.moderators,
        standings=p.standings,
        policies=p.review_policies,
        audience=p.audience,
        clock=p.clock,
    )
