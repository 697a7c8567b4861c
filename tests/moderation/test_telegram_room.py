"""A notification in a room of the emulator, over real HTTP, in fair and in rough weather."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.emulators.telegram.schema import METHODS
from shared.domain.errors import TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.flow.chat.posts import show
from shared.flow.chat.press import press, reply
from shared.ports import ChatClosed
from tests.builders import NOON, PROVIDER, a_notification
from tests.moderation.chatroom import MIRA, NIK, ROOM, Chatroom, Line, line

N1 = NotificationId("n1")


@pytest.fixture
def wire() -> Iterator[Line]:
    with line() as opened:
        yield opened


@pytest.fixture
def room(wire: Line) -> Chatroom:
    room = Chatroom(chat=wire.chat)
    room.add_notification()
    return room


def message_on_screen(room: Chatroom, wire: Line) -> Mapping[str, Any]:
    post = room.posts.get(N1)
    assert post is not None
    return wire.message(post.message, post.room)


def query(room: Chatroom, wire: Line, user: int, button: str) -> dict[str, Any]:
    """Press a button for real, so that the query can be answered."""
    post = room.posts.get(N1)
    assert post is not None
    place = {"user": user, "chat": post.room, "message": post.message, "button": button}
    return {"query": wire.tell("_press", **place)["query"], "user": user}


def answers(wire: Line) -> list[str]:
    return [answer["text"] for answer in wire.telegram.rooms.answers]


def test_from_the_first_message_to_the_decision(room: Chatroom, wire: Line) -> None:
    show(N1, moderator_chat=room.moderator_chat)
    assert message_on_screen(room, wire)["text"].startswith("🔔 Waits for a decision")
    press(
        room.press(**query(room, wire, MIRA, "Reject"), button="r"),
        moderator_chat=room.moderator_chat,
    )
    question = wire.received("sendMessage")[-1]["given"]
    assert question["reply_markup"]["force_reply"]
    asked = max(message for _, message in wire.telegram.rooms.messages)
    reply(room.reply("No source.", to=asked), moderator_chat=room.moderator_chat)
    show(N1, moderator_chat=room.moderator_chat)
    assert "Rejected by Mira" in message_on_screen(room, wire)["text"]
    assert "reply_markup" not in message_on_screen(room, wire)
    assert answers(wire) == ["Reply to my question with the reason."]


def test_every_call_of_a_whole_life_fits_the_parameter_table(room: Chatroom, wire: Line) -> None:
    test_from_the_first_message_to_the_decision(room, wire)
    assert {call["status"] for call in wire.telegram.received} == {200}
    for call in wire.telegram.received:
        METHODS[call["method"]].model_validate(call["given"])


def test_two_buttons_pressed_at_once_are_answered_each_with_its_own_truth(
    room: Chatroom, wire: Line
) -> None:
    show(N1, moderator_chat=room.moderator_chat)
    updates = [room.press(**query(room, wire, user, "Approve")) for user in (MIRA, NIK)]
    with ThreadPoolExecutor(2) as at_once:
        list(at_once.map(lambda update: press(update, moderator_chat=room.moderator_chat), updates))
    winner = "Mira" if room.record().moderator_id == "mira" else "Nik"
    assert set(answers(wire)) == {"Approved.", f"Approved by {winner}, 2026-01-01 12:00 UTC."}


def test_a_message_that_somebody_deletes_comes_back(room: Chatroom, wire: Line) -> None:
    show(N1, moderator_chat=room.moderator_chat)
    before = message_on_screen(room, wire)["message_id"]
    wire.tell("_delete", chat=ROOM, message=before)
    room.notifications.change(N1, lambda it: it.cancel(PROVIDER, NOON))
    show(N1, moderator_chat=room.moderator_chat)
    assert message_on_screen(room, wire)["message_id"] != before
    assert "canceled" in message_on_screen(room, wire)["text"]


def test_a_group_that_becomes_a_supergroup_is_followed(room: Chatroom, wire: Line) -> None:
    show(N1, moderator_chat=room.moderator_chat)
    wire.tell("_move", **{"from": ROOM, "to": -1005, "tell": False})
    room.notifications.change(N1, lambda it: it.cancel(PROVIDER, NOON))
    show(N1, moderator_chat=room.moderator_chat)
    assert message_on_screen(room, wire)["chat"]["id"] == -1005
    room.add_notification(a_notification("n2"))
    before = len(wire.telegram.received)
    show(NotificationId("n2"), moderator_chat=room.moderator_chat)
    assert len(wire.telegram.received) == before + 1


def test_a_bot_that_was_thrown_out_goes_on_when_it_is_back(room: Chatroom, wire: Line) -> None:
    wire.tell("_kick", chat=ROOM)
    with pytest.raises(ChatClosed):
        show(N1, moderator_chat=room.moderator_chat)
    wire.tell("_kick", chat=ROOM, kicked=False)
    show(N1, moderator_chat=room.moderator_chat)
    assert "Waits" in message_on_screen(room, wire)["text"]


def test_after_too_many_requests_not_one_is_sent_before_its_time(
    room: Chatroom, wire: Line
) -> None:
    wire.next("throttle", "sendMessage", retry_after=20)
    for _ in range(5):
        with pytest.raises(TryAgain):
            show(N1, moderator_chat=room.moderator_chat)
    assert len(wire.received("sendMessage")) == 1
    room.clock.advance(21)
    show(N1, moderator_chat=room.moderator_chat)
    assert len(wire.received("sendMessage")) == 2


@pytest.mark.parametrize("answer", ["unavailable", "garbage", "reset", "close", "cut", "huge"])
def test_an_edit_that_failed_is_made_by_the_next_event(
    room: Chatroom, wire: Line, answer: str
) -> None:
    show(N1, moderator_chat=room.moderator_chat)
    room.notifications.change(N1, lambda it: it.cancel(PROVIDER, NOON))
    wire.next(answer, "editMessageText")
    with pytest.raises(TryAgain):
        show(N1, moderator_chat=room.moderator_chat)
    show(N1, moderator_chat=room.moderator_chat)
    assert "canceled" in message_on_screen(room, wire)["text"]
    assert len(wire.received("sendMessage")) == 1


def test_an_edit_whose_answer_was_lost_is_no_fault_the_second_time(
    room: Chatroom, wire: Line
) -> None:
    show(N1, moderator_chat=room.moderator_chat)
    room.notifications.change(N1, lambda it: it.cancel(PROVIDER, NOON))
    wire.next("lost", "editMessageText")
    with pytest.raises(TryAgain):
        show(N1, moderator_chat=room.moderator_chat)
    show(N1, moderator_chat=room.moderator_chat)
    assert [call["status"] for call in wire.received("editMessageText")] == [200, 400]


def test_a_post_whose_answer_was_lost_leaves_a_stray_that_its_first_press_closes(
    room: Chatroom, wire: Line
) -> None:
    wire.next("lost", "sendMessage")
    with pytest.raises(TryAgain):
        show(N1, moderator_chat=room.moderator_chat)
    show(N1, moderator_chat=room.moderator_chat)
    stray = min(message for _, message in wire.telegram.rooms.messages)
    given = {"user": MIRA, "chat": ROOM, "message": stray, "button": "Approve"}
    asked = wire.tell("_press", **given)["query"]
    press(room.press(query=asked, message=stray), moderator_chat=room.moderator_chat)
    assert room.record().status is Status.SENDING
    assert "posted twice" in wire.message(stray)["text"]
    assert answers(wire) == ["Approved."]
