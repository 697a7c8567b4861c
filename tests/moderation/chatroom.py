"""A moderators' chat for tests: in memory, or on the emulator for Telegram over real HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
from pydantic import SecretStr

from local.emulators.background import ServedApp
from local.emulators.telegram.server import Telegram, app
from shared.adapters.clock import FixedClock
from shared.adapters.memory.chat import MemoryChat
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.memory.standings import MemoryStandings
from shared.adapters.telegram import TelegramChat
from shared.adapters.telegram_calls import TelegramCalls
from shared.domain.audience.device import Device, derive
from shared.domain.chat.text import Card
from shared.domain.notifications.notification import Change, Notification, NotificationId
from shared.flow.chat.moderator_chat import ModeratorChat
from shared.flow.chat.press import Press, Reply
from shared.stores.audience import Audience
from shared.stores.devices import Devices
from shared.stores.moderators import Moderator, Moderators
from shared.stores.notifications import Notifications
from shared.stores.posts import Posts
from shared.stores.review_policies import ReviewPolicies
from tests.builders import NOON, a_desktop, a_device, a_domain, a_notification, a_provider
from tests.parts import an_account, providers_of

TOKEN = "4242:of-the-bot"
SECRET = "agreed-with-telegram"
ROOM = -1001
MIRA, NIK, STRANGER = 7001, 7002, 7999

MODERATORS = (
    Moderator("mira", NOON, telegram_user_id=MIRA, name="Mira", email="mira@fanfare.example"),
    Moderator("nik", NOON, telegram_user_id=NIK, name="Nik", email="nik@fanfare.example"),
)


@dataclass
class Chatroom:
    """Parts of a moderators' chat, in memory unless others are given."""

    chat: Any = field(default_factory=MemoryChat)
    posts: Any = field(default_factory=lambda: Posts(MemoryDatabase()))
    notifications: Any = field(default_factory=lambda: Notifications(MemoryDatabase()))
    providers: Any = field(
        default_factory=lambda: providers_of(MemoryDatabase(), a_provider(name="Acme"), a_domain())
    )
    moderators: Any = field(default_factory=lambda: Moderators(MemoryDatabase()))
    standings: MemoryStandings = field(
        default_factory=lambda: MemoryStandings(
            *(an_account(it.uid, "moderator") for it in MODERATORS)
        )
    )
    policies: Any = field(default_factory=lambda: ReviewPolicies(MemoryDatabase()))
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))
    updates: int = 0

    def __post_init__(self) -> None:
        for moderator in MODERATORS:
            self.moderators.put(moderator)
        for device in (a_device(), a_device("phone-2", locale="ru-RU"), a_desktop()):
            self.add(device)

    def add(self, device: Device) -> None:
        """Register a device."""
        derived = derive(device.hwid, device.locale, device.domains)
        Devices(self.database).refresh(device, derived)

    @property
    def moderator_chat(self) -> ModeratorChat:
        """Chat that the verbs are given."""
        return ModeratorChat(
            number=ROOM,
            chat=self.chat,
            posts=self.posts,
            notifications=self.notifications,
            providers=self.providers,
            moderators=self.moderators,
            standings=self.standings,
            review_policies=self.policies,
            audience=Audience(self.database),
            clock=self.clock,
        )

    def add_notification(self, it: Notification | None = None) -> Notification:
        """Store a notification, pending unless told otherwise."""
        it = it or a_notification()
        self.notifications.create(Change(it, None))
        return self.record(it.id)

    def record(self, id: str = "n1") -> Notification:
        """Read the notification as it is now."""
        found: Notification = self.notifications.get(NotificationId(id))
        return found

    def card(self, id: str = "n1") -> Card:
        """Return what people see of it in the chat in memory."""
        post = self.posts.get(NotificationId(id))
        assert post is not None
        shown: Card = self.chat.cards[post.room, post.message]
        return shown

    def press(
        self, user: int = MIRA, button: str = "a", revision: int = 1, id: str = "n1", **more: Any
    ) -> Press:
        """Press a button under the notification's message."""
        self.updates += 1
        post = self.posts.get(NotificationId(id))
        data = more.pop("data", f"{button}:{id}:{revision}")
        given: dict[str, Any] = {
            "update": self.updates,
            "id": more.pop("query", f"q{self.updates}"),
            "user": user,
            "room": post.room if post else ROOM,
            "message": post.message if post else 1,
            "data": data,
        }
        return Press(**given | more)

    def reply(self, text: str, *, to: int, user: int = MIRA, **more: Any) -> Reply:
        """Reply to message ``to``."""
        self.updates += 1
        given: dict[str, Any] = {
            "update": self.updates,
            "user": user,
            "room": ROOM,
            "message": 5000 + self.updates,
            "text": text,
            "replied_to": to,
            "replied_user": self.chat.bot_id,
        }
        return Reply(**given | more)


@dataclass(frozen=True)
class Line:
    """The wire to an emulator, and its controls."""

    url: str
    telegram: Telegram
    end: ExitStack

    def calls(self, token: str = TOKEN) -> TelegramCalls:
        """Create a bot's end of the line."""
        calls = TelegramCalls(SecretStr(token), self.url)
        self.end.callback(calls.close)
        return calls

    @cached_property
    def chat(self) -> TelegramChat:
        """The same, as a chat."""
        return TelegramChat(self.calls())

    def tell(self, path: str, **body: Any) -> Mapping[str, Any]:
        """Use a control of the emulator."""
        answer = httpx.post(f"{self.url}/{path}", json=body, timeout=60)
        return answer.raise_for_status().json()  # type: ignore[no-any-return]

    def next(self, answer: str, method: str = "*", **more: Any) -> None:
        """Set the fault of the next call."""
        self.tell("_next", answer=answer, method=method, **more)

    def received(self, method: str) -> Sequence[Mapping[str, Any]]:
        """List the received calls, oldest first."""
        return [call for call in self.telegram.received if call["method"] == method]

    def message(self, message: int, room: int = ROOM) -> Mapping[str, Any]:
        """Return what people see of a message."""
        return self.telegram.rooms.messages[room, message]


@contextmanager
def line(**options: Any) -> Iterator[Line]:
    """Run an emulator that answers."""
    telegram = Telegram(TOKEN, {ROOM: "Moderators"}, **options)
    with ServedApp(app(telegram)) as served, ExitStack() as end:
        yield Line(served.url, telegram, end)
