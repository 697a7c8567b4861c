"""The moderators' chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.domain.errors import TryAgain

if TYPE_CHECKING:
    from shared.domain.chat.text import Card


class Throttled(TryAgain):
    """The chat service wants to be left alone for ``retry_after_seconds``."""


class ChatClosed(Exception):
    """The bot may not speak there: a wrong token, or no place in the room. An operator's matter."""


class ChatRefused(Exception):
    """The chat service takes no such message; it is ours to mend. Says its code, no text."""


class MessageGone(Exception):
    """The message is not there any more, or is not ours to edit."""


class ChatMoved(Exception):
    """The room has another number now: ``room``."""

    def __init__(self, room: int) -> None:
        super().__init__("the room has another number now")
        self.room = room


class Chat(Protocol):
    """A room where moderators talk, through a bot. One call is one request.

    Every call raises ``TryAgain`` when it may work later (after an answer that was lost it may
    have worked already), ``ChatClosed`` when an operator must act, and ``ChatRefused``.
    """

    @property
    def bot_id(self) -> int:
        """The user that the bot is."""

    def post(self, room: int, card: Card, *, reply_to: int = 0) -> int:
        """A new message; answers its number. Raises ``ChatMoved``."""

    def edit(self, room: int, message: int, card: Card) -> None:
        """The message shows ``card``, now or already. Raises ``MessageGone`` and ``ChatMoved``."""

    def answer(self, press: str, words: str, *, alert: bool = False) -> None:
        """What somebody hears who pressed a button; too late is as good as done."""
