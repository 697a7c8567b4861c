"""The emulator for Telegram, where it does more than answer a bot: people, updates, the stack."""

import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from local import telegram_setup
from local.emulators.background import ServedApp
from local.emulators.telegram.server import Telegram, app
from shared.adapters.telegram_calls import ToldElsewhere
from shared.domain.chat.cards import card_of
from shared.domain.chat.text import Button, Card
from shared.settings import read
from tests.conftest import eventually
from tests.local.test_stack_file import a_stack
from tests.moderation.chatroom import MIRA, ROOM, SECRET, STRANGER, TOKEN, Line, line
from tests.moderation.test_chat_words import HOSTILE, facts

CARD = Card("Hello", buttons=(Button("Yes", "a:n1:1"),))


class Hook:
    """A bot's end: keeps what it is told and answers as it was told to."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[Mapping[str, Any], str]] = []
        self.answers: list[int] = []
        self.lock = threading.Lock()

    async def hear(self, request: web.Request) -> web.Response:
        update = await request.json()
        secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "")
        with self.lock:
            self.deliveries.append((update, secret))
            status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status)

    def numbers(self) -> list[int]:
        return [update["update_id"] for update, _ in self.deliveries]


@pytest.fixture
def wire() -> Iterator[Line]:
    with line() as opened:
        yield opened


@pytest.fixture
def hook(wire: Line) -> Iterator[Hook]:
    found = Hook()
    application = web.Application()
    application.add_routes([web.post("/hook", found.hear)])
    with ServedApp(application) as served:
        wire.calls().call(
            "setWebhook",
            url=f"{served.url}/hook",
            secret_token=SECRET,
            allowed_updates=["message", "callback_query"],
        )
        yield found
        wire.calls().call("deleteWebhook")


def pressed(wire: Line, **options: Any) -> int:
    message = wire.chat.post(ROOM, CARD)
    place = {"user": MIRA, "chat": ROOM, "message": message}
    return int(wire.tell("_press", **place, button="Yes", **options)["update"])


def test_a_press_is_told_with_the_secret_and_who_pressed_what(wire: Line, hook: Hook) -> None:
    pressed(wire)
    eventually(lambda: len(hook.deliveries) == 1, "the press is told")
    update, secret = hook.deliveries[0]
    query = update["callback_query"]
    assert secret == SECRET
    assert (query["from"]["id"], query["data"]) == (MIRA, "a:n1:1")
    assert query["message"]["chat"]["id"] == ROOM


def test_a_reply_carries_what_it_answers(wire: Line, hook: Hook) -> None:
    asked = wire.chat.post(ROOM, Card("Why?", hint="why"))
    wire.tell("_reply", user=MIRA, chat=ROOM, to=asked, text="Because.")
    eventually(lambda: len(hook.deliveries) == 1, "the reply is told")
    message = hook.deliveries[0][0]["message"]
    assert message["text"] == "Because."
    assert message["reply_to_message"]["message_id"] == asked
    assert message["reply_to_message"]["from"]["id"] == 4242


def test_an_update_is_told_until_it_is_taken(wire: Line, hook: Hook) -> None:
    hook.answers += [503, 500, 401]
    number = pressed(wire)
    eventually(lambda: len(hook.deliveries) == 4, "the press is told four times")
    assert hook.numbers() == [number] * 4
    shown = httpx.get(f"{wire.url}/updates", timeout=60).json()["updates"]
    eventually(lambda: wire.telegram.updates.all[0].is_delivered, "it is taken")
    assert shown[0]["kind"] == "callback_query"


def test_an_update_is_told_several_times_on_request(wire: Line, hook: Hook) -> None:
    number = pressed(wire, copies=3)
    eventually(lambda: len(hook.deliveries) == 3, "the press is told three times")
    assert hook.numbers() == [number] * 3


def test_without_a_webhook_updates_are_there_for_whoever_asks(wire: Line) -> None:
    said = [wire.tell("_reply", user=MIRA, chat=ROOM, text=text)["update"] for text in "abc"]
    calls = wire.calls()

    def updates(**more: object) -> list[int]:
        return [update["update_id"] for update in calls.call("getUpdates", **more)]

    assert updates() == updates() == said
    assert updates(limit=2) == said[:2]
    assert updates(allowed_updates=["callback_query"]) == []
    assert updates(offset=said[1]) == updates() == said[1:]
    calls.call("setWebhook", url="https://example.com/", allowed_updates=["my_chat_member"])
    with pytest.raises(ToldElsewhere, match="while webhook is active"):
        updates()
    calls.call("deleteWebhook")
    assert updates() == said[1:]


def test_updates_that_were_held_come_backwards_on_request(wire: Line, hook: Hook) -> None:
    first, second = pressed(wire, hold=True), pressed(wire, hold=True)
    assert hook.deliveries == []
    wire.tell("_release", backwards=True)
    eventually(lambda: len(hook.deliveries) == 2, "both are told")
    assert sorted(hook.numbers()) == [first, second]


def test_what_was_not_asked_for_is_not_told(wire: Line, hook: Hook) -> None:
    wire.tell("_update", edited_message={"message_id": 1})
    pressed(wire)
    eventually(lambda: len(hook.deliveries) == 1, "the press is told")
    assert "callback_query" in hook.deliveries[0][0]


def test_there_is_no_press_without_a_button_and_no_reply_to_nothing(wire: Line) -> None:
    message = wire.chat.post(ROOM, Card("Hello"))
    for path, body in (
        ("_press", {"user": STRANGER, "chat": ROOM, "message": message, "button": "Yes"}),
        ("_press", {"user": STRANGER, "chat": ROOM, "message": 9, "button": "Yes"}),
        ("_reply", {"user": STRANGER, "chat": ROOM, "to": 9, "text": "Hm"}),
    ):
        assert httpx.post(f"{wire.url}/{path}", json=body, timeout=60).status_code == 404


@pytest.mark.parametrize("url", ["http://example.com/hook", "ftp://example.com"])
def test_a_webhook_must_be_secure(wire: Line, url: str) -> None:
    answer = httpx.post(f"{wire.url}/bot4242:of-the-bot/setWebhook", json={"url": url}, timeout=60)
    assert answer.status_code == 400
    assert "HTTPS" in answer.json()["description"]


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_arrive_whole_over_the_wire(wire: Line, words: str) -> None:
    card = card_of(facts(words))
    shown = wire.message(wire.chat.post(ROOM, card))
    assert shown["text"] == card.text
    (row,) = shown["reply_markup"]["inline_keyboard"]
    assert [button["callback_data"] for button in row] == ["a:n1:1", "r:n1:1"]


# ---- the local stack -------------------------------------------------------------------------


def test_functions_are_given_the_bot_of_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in telegram_setup.environment("http://t:1"):
        monkeypatch.delenv(name, raising=False)
    stack = a_stack(tmp_path, telegram="http://127.0.0.1:9")
    settings = read({"GOOGLE_CLOUD_PROJECT": "demo-p", **stack.environment()})
    assert settings.has_bot
    assert settings.telegram_url == "http://127.0.0.1:9"
    assert settings.telegram_chat_id == telegram_setup.ROOM


def test_what_was_given_for_somebody_elses_telegram_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("FANFARE_TELEGRAM_CHAT_ID", "-7")
    given = a_stack(tmp_path, telegram="http://127.0.0.1:9").environment()
    assert given["FANFARE_TELEGRAM_CHAT_ID"] == "-7"


def test_without_telegram_there_is_no_bot(tmp_path: Path) -> None:
    assert not [name for name in a_stack(tmp_path).environment() if "TELEGRAM" in name]


# ---- the page ------------------------------------------------------------------------------------


def test_the_page_shows_the_room_and_names_who_may_press() -> None:
    people = {MIRA: "Mira"}
    telegram = Telegram(TOKEN, {ROOM: "Moderators"}, people=people)
    with (
        ServedApp(app(telegram)) as served,
        httpx.Client(base_url=served.url, timeout=60) as browser,
    ):
        page = browser.get("/")
        assert page.headers["Content-Type"].startswith("text/html")
        for path in re.findall(r'(?:href|src)="(/page/[^"]+)"', page.text):
            assert browser.get(path).status_code == 200
        assert browser.get("/people").json() == {"people": [{"id": MIRA, "name": "Mira"}]}


def test_who_presses_bears_the_name_of_the_page() -> None:
    telegram = Telegram(TOKEN, {ROOM: "Moderators"}, people={MIRA: "Mira"})
    with (
        ServedApp(app(telegram)) as served,
        httpx.Client(base_url=served.url, timeout=60) as browser,
    ):
        said = {"user": MIRA, "chat": ROOM, "text": "Good morning"}
        browser.post("/_reply", json=said)
        browser.post("/_reply", json={**said, "user": STRANGER})
        (first, second) = browser.get("/messages").json()["messages"]
    assert first["from"]["first_name"] == "Mira"
    assert second["from"]["first_name"] == f"User {STRANGER}"
