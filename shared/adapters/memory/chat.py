"""A chat in memory: its messages, their order, and the faults that a test injects."""

import threading
from collections.abc import Callable
from itertools import count

from shared.domain.chat.text import Card
from shared.ports import ChatMoved, MessageGone

BOT_ID = 4242


class MemoryChat:
    """Chat in memory. ``cards`` are what people see now, by room and message; ``answers`` what
    pressers heard.

    ``fault`` is called before each request with its name and may raise what a chat raises.
    """

    def __init__(self) -> None:
        self.cards: dict[tuple[int, int], Card] = {}
        self.posts: list[tuple[int, int]] = []
        self.replies: dict[tuple[int, int], int] = {}
        self.edits: list[tuple[int, int, Card]] = []
        self.answers: list[tuple[str, str, bool]] = []
        self.new_rooms: dict[int, int] = {}
        self.fault: Callable[[str], None] = lambda _: None
        self._numbers = count(101)
        self._lock = threading.Lock()

    @property
    def bot_id(self) -> int:
        return BOT_ID

    def post(self, room: int, card: Card, *, reply_to: int = 0) -> int:
        self.fault("post")
        if room in self.new_rooms:
            raise ChatMoved(self.new_rooms[room])
        with self._lock:
            place = (room, next(self._numbers))
            self.cards[place] = card
            self.posts.append(place)
            self.replies[place] = reply_to
        return place[1]

    def edit(self, room: int, message: int, card: Card) -> None:
        self.fault("edit")
        if room in self.new_rooms:
            raise ChatMoved(self.new_rooms[room])
        with self._lock:
            if (room, message) not in self.cards:
                raise MessageGone("message to edit not found")
            self.cards[room, message] = card
            self.edits.append((room, message, card))

    def answer(self, press: str, words: str, *, alert: bool = False) -> None:
        self.fault("answer")
        with self._lock:
            self.answers.append((press, words, alert))
