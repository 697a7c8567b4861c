"""The moderators' chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.domain.errors import TryAgain

if TYPE_CHECKING:
    from shared.domain.chat.text import Card


class Throttled(TryAgain):
    """A chat service that wants to be left alone for ``retry_after_seconds``."""


class ChatClosed(Exception):
    """A room the bot may not speak in: a wrong token, or no place there. An operator's matter."""


class ChatRefused(Exception):
    """A message that the chat service does not take; ours to mend. Says its code, no text."""


class MessageGone(Exception):
    """A message that is not there any more, or is not the bot's to edit."""


class ChatMoved(Exception):
    """A room that has another number now: ``room``."""

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
        """Send a new message and return its number. Raises ``ChatMoved``."""

    def edit(self, room: int, message: int, card: Card) -> None:
        """Make the message show ``card``, if it does not already. Raises ``MessageGone`` and
        ``ChatMoved``.
        """

    def answer(self, press: str, words: str, *, alert: bool = False) -> None:
        """Answer the person who pressed a button with ``words``; too late is as good as done."""
