"""The moderators' chat, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from shared.domain.errors import TryAgain

if TYPE_CHECKING:
    from shared.domain.chat import Card
    from shared.domain.notification import NotificationId


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


@dataclass(frozen=True, slots=True)
class Post:
    """Where a notification stands in the chat. ``message`` is 0 until it was posted.

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
    """What was learned of the moderators' room: its new number, and when it may be spoken in."""

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


class Posts(Protocol):
    """What stands in the chat, and which updates from there are done with."""

    def get(self, id: NotificationId) -> Post | None:
        """``None`` for one that was never posted."""

    def change(self, id: NotificationId, change: Callable[[Post], Post]) -> Post:
        """Read (or begin), apply ``change``, write on the condition that nobody wrote meanwhile.

        ``change`` may run several times: keep it pure. What it raises is passed on.
        """

    def room(self) -> Room:
        """Nothing learned, if nothing was."""

    def change_room(self, change: Callable[[Room], Room]) -> Room:
        """As ``change``, of what is known of the room."""

    def keep_prompt(self, prompt: Prompt) -> None:
        """Create or replace."""

    def prompt(self, room: int, message: int) -> Prompt | None:
        """The question this message asks, also when it has expired."""

    def is_done(self, update: int) -> bool:
        """Whether this update was dealt with."""

    def note_done(self, update: int, expire_at: datetime) -> None:
        """It was dealt with; forget that at ``expire_at``."""
