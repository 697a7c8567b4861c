"""``telegram-webhook`` and the events, as Telegram and Google call them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from google.events.cloud.firestore import Document, DocumentEventData
from werkzeug.test import TestResponse

from functions.service.telegram import SECRET_HEADER
from shared.adapters.memory.chat import MemoryChat
from shared.domain.errors import TryAgain
from shared.domain.notifications.history import ChainHead
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.flow.chat.posts import show
from shared.ports import ChatClosed
from shared.settings import read
from shared.wiring import moderator_chat, replaced
from tests.builders import a_domain, a_notification, a_provider
from tests.doors.conftest import client
from tests.moderation.chatroom import MIRA, MODERATORS, ROOM, SECRET, STRANGER, TOKEN
from tests.notification_documents import keep
from tests.parts import ENVIRONMENT, MemoryParts, memory_parts, service_token

N1 = NotificationId("n1")
BOT = {
    "FANFARE_TELEGRAM_BOT_TOKEN": TOKEN,
    "FANFARE_TELEGRAM_WEBHOOK_SECRET": SECRET,
    "FANFARE_TELEGRAM_CHAT_ID": str(ROOM),
}
EVENTS = "on-notification-written"


@pytest.fixture
def world() -> Iterator[MemoryParts]:
    parts = memory_parts(a_provider(), a_domain())
    parts.settings = read({**ENVIRONMENT, **BOT})
    parts.chat = MemoryChat()
    for moderator in MODERATORS:
        parts.moderators.put(moderator)
    with replaced(parts):
        put(parts, a_notification())
        yield parts


def put(world: MemoryParts, it: Notification) -> None:
    keep(world.database, it)


def chat(world: MemoryParts) -> MemoryChat:
    assert isinstance(world.chat, MemoryChat)
    return world.chat


def post(body: object, *, secret: str = SECRET, **more: Any) -> TestResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {SECRET_HEADER: secret, "Content-Type": "application/json"} | more.pop("headers", {})
    method = more.pop("method", "POST")
    return client("telegram_webhook").open("/", method=method, data=raw, headers=headers)


def a_press(user: int = MIRA, data: str = "a:n1:1", update: int = 1) -> dict[str, Any]:
    message = {"message_id": 5, "date": 0, "chat": {"id": ROOM, "type": "supergroup"}}
    sender = {"id": user, "is_bot": False, "first_name": "M"}
    query = {"id": "q", "from": sender, "message": message, "chat_instance": "1", "data": data}
    return {"update_id": update, "callback_query": query}


def a_reply(text: str, to: int, user: int = MIRA, update: int = 2) -> dict[str, Any]:
    place = {"chat": {"id": ROOM, "type": "supergroup"}, "date": 0}
    bot = {"id": 4242, "is_bot": True, "first_name": "Fanfare"}
    asked = {"message_id": to, "from": bot, **place, "text": "Why?"}
    sender = {"id": user, "is_bot": False, "first_name": "M"}
    message = {"message_id": 99, "from": sender, **place, "text": text, "reply_to_message": asked}
    return {"update_id": update, "message": message}


def status(world: MemoryParts) -> Status | None:
    return world.notifications.get(N1).status


# ---- who may speak ---------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", SECRET[:-1], "ü" * 20, "x" * 10000])
def test_only_who_knows_the_secret_is_heard(world: MemoryParts, secret: str) -> None:
    before = world.stored()
    assert post(a_press(), secret=secret).status_code == 401
    assert world.stored() == before
    assert chat(world).answers == []


def test_telegram_only_posts(world: MemoryParts) -> None:
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        answer = post(b"", method=method)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("missing", BOT)
def test_without_a_bot_there_is_nothing_here(world: MemoryParts, missing: str) -> None:
    given = {name: value for name, value in BOT.items() if name != missing}
    world.settings = read({**ENVIRONMENT, **given})
    assert post(a_press()).status_code == 404
    assert status(world) is Status.PENDING


# ---- what is said ----------------------------------------------------------------------------


def test_a_press_decides(world: MemoryParts) -> None:
    answer = post(a_press())
    assert (answer.status_code, answer.data) == (200, b"OK\n")
    assert status(world) is Status.SENDING
    assert chat(world).answers == [("q", "Approved.", False)]


def test_a_stranger_is_refused_and_telegram_is_done_with_it(world: MemoryParts) -> None:
    assert post(a_press(STRANGER)).status_code == 200
    assert status(world) is Status.PENDING
    assert "not on the list" in chat(world).answers[0][1]


def test_a_no_and_its_reason_come_in_two_updates(world: MemoryParts) -> None:
    post(a_press(data="r:n1:1"))
    _, asked = chat(world).posts[-1]
    assert post(a_reply("No source.", asked)).status_code == 200
    record = world.notifications.get(N1)
    assert (record.status, record.moderator_comment) == (Status.REJECTED, "No source.")


def test_the_caption_of_a_picture_is_a_reply(world: MemoryParts) -> None:
    post(a_press(data="r:n1:1"))
    _, asked = chat(world).posts[-1]
    update = a_reply("", asked)
    del update["message"]["text"]
    update["message"] |= {"photo": [{"file_id": "p"}], "caption": "See the source here."}
    assert post(update).status_code == 200
    assert world.notifications.get(N1).moderator_comment == "See the source here."


def test_a_group_that_moves_is_followed(world: MemoryParts) -> None:
    place = {"message_id": 7, "chat": {"id": ROOM}, "from": {"id": 1}, "date": 0}
    post({"update_id": 3, "message": {**place, "migrate_to_chat_id": -1005}})
    assert world.posts.room().number == -1005
    other = {**place, "chat": {"id": -9}, "migrate_to_chat_id": -10}
    post({"update_id": 4, "message": other})
    assert world.posts.room().number == -1005


@pytest.mark.parametrize(
    "update",
    [
        {"update_id": 1},
        {"update_id": 1, "poll": {"id": "1"}},
        {"update_id": 1, "message": {"message_id": 1, "chat": {"id": 1}, "date": 0}},
        {"update_id": 1, "message": {"message_id": 1, "chat": {"id": 1}, "text": "hello"}},
        {"update_id": 1, "message": {"chat": "odd"}},
        {"update_id": 1, "callback_query": {"id": "q", "from": {"id": MIRA}, "data": "a:n1:1"}},
        {"update_id": 1, "callback_query": {"id": "q", "from": {"id": 2**70}, "data": 7}},
        {"update_id": 2**70, "callback_query": {}},
    ],
)
def test_what_is_no_press_and_no_reply_is_taken_and_ignored(
    world: MemoryParts, update: dict[str, Any]
) -> None:
    before = world.stored()
    assert post(update).status_code == 200
    assert world.stored() == before


@pytest.mark.parametrize(
    ("body", "status_code"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"\xff", 400),
        (b'{"update_id": 1, "update_id": 2}', 400),
        (b'{"update_id": NaN}', 400),
        (b"{}", 400),
        (b'{"update_id": "1"}', 400),
        (b"[" * 30000, 400),
        (b'{"update_id": 1, "x": "' + b"y" * 70000 + b'"}', 413),
    ],
)
def test_what_is_no_update_is_refused(world: MemoryParts, body: bytes, status_code: int) -> None:
    assert post(body).status_code == status_code


def test_trouble_that_passes_makes_telegram_come_again(world: MemoryParts) -> None:
    def lost(_: str) -> None:
        chat(world).fault = lambda _: None
        raise TryAgain("no answer", retry_after_seconds=3)

    chat(world).fault = lost
    first = post(a_press())
    assert (first.status_code, first.headers["Retry-After"]) == (503, "3")
    assert post(a_press()).status_code == 200
    assert chat(world).answers == [("q", "You approved it.", False)]


def test_what_only_an_operator_can_mend_does_not_bring_telegram_back(
    world: MemoryParts, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(_: str) -> None:
        raise ChatClosed("the bot was thrown out of its room")

    chat(world).fault = closed
    assert [post(a_press(update=n)).status_code for n in (1, 2, 3)] == [200, 200, 200]
    assert capsys.readouterr().out.count("thrown out of its room") == 1


def test_nothing_that_people_write_is_logged(
    world: MemoryParts, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: str) -> None:
        raise TryAgain("Telegram does not answer")

    post(a_press(data="r:n1:1"))
    _, asked = chat(world).posts[-1]
    chat(world).fault = broken
    post(a_reply("A private remark", asked))
    post({"update_id": 9, "message": {"text": "A private remark", "chat": "A private remark"}})
    post(b'{"update_id": 10, "message": "A private remark')
    post(a_press(), secret="A private remark")
    out = capsys.readouterr()
    assert "A private remark" not in out.out + out.err
    assert SECRET not in out.out + out.err


# ---- events ----------------------------------------------------------------------------------


def an_event(id: str = "n1") -> int:
    document = f"pendingNotifications/{id}"
    name = f"projects/demo-fanfare/databases/(default)/documents/{document}"
    return (
        client("on_notification_written")
        .post(
            "/",
            data=DocumentEventData.serialize(DocumentEventData(old_value=Document(name=name))),
            headers={
                "Authorization": f"Bearer {service_token(EVENTS, 'events')}",
                "Content-Type": "application/protobuf",
                "ce-id": "1",
                "ce-source": "//firestore.googleapis.com/projects/p/databases/(default)",
                "ce-specversion": "1.0",
                "ce-type": "google.cloud.firestore.document.v1.written",
                "ce-subject": f"documents/{document}",
            },
        )
        .status_code
    )


def test_a_written_notification_is_shown(world: MemoryParts) -> None:
    assert an_event() == 200
    assert "Waits for a decision" in next(iter(chat(world).cards.values())).text


def test_without_a_bot_an_event_goes_on_as_ever(world: MemoryParts) -> None:
    world.settings = read(ENVIRONMENT)
    assert an_event() == 200
    assert chat(world).posts == []


@pytest.mark.parametrize(
    ("trouble", "answer"), [(TryAgain("no answer"), 503), (ChatClosed("no place here"), 200)]
)
def test_trouble_with_the_chat_does_not_hold_up_the_distribution(
    world: MemoryParts, trouble: Exception, answer: int
) -> None:
    here = moderator_chat(world)
    assert here
    show(N1, moderator_chat=here)
    put(world, replace(a_notification(status=Status.SENDING), head=ChainHead(9)))

    def fault(_: str) -> None:
        raise trouble

    chat(world).fault = fault
    assert an_event() == answer
    assert len(world.tasks.names) == 1
