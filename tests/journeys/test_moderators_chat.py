"""Moderation from the chat, through the real functions, triggers and an emulator for Telegram."""

import pytest

from local import demo
from local.journey import Person
from local.stack_file import Stack
from tests.journeys.room import MIRA, NIK, STRANGER, Chat
from tests.journeys.test_core_journey import NOTIFICATIONS, created, ended, received

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]


def test_it_is_created_shown_approved_by_a_button_sent_and_counted(
    stack: Stack, provider: Person, chat: Chat
) -> None:
    body = {
        "title": "<b>News</b> @everyone",
        "body": "Line one\nLine two",
        "targetSegment": {"region": ["ru", "de"]},
    }
    id = created(provider, body)["id"]
    message = chat.says(id, "Waits for a decision")
    assert "<b>News</b> @everyone" in message["text"]
    assert {m["type"] for m in message["entities"]} <= {"bold", "italic", "code", "pre"}
    query = chat.press(MIRA, id, "Approve")
    assert chat.answer_to(query) == "Approved."
    final = ended(provider, id)
    assert final["status"] == "approved"
    assert final["moderatorId"] == demo.MIRA.uid
    assert f"Audience: {final['targetedCount']:,} devices" in message["text"]
    shown = chat.says(id, "Distributed")
    assert "Approved by Mira" in shown["text"]
    assert f"{final['deliveredCount']:,} delivered" in shown["text"]
    assert "reply_markup" not in shown


def test_it_is_rejected_by_a_reply_and_the_provider_reads_why(
    stack: Stack, provider: Person, chat: Chat
) -> None:
    id = created(provider)["id"]
    chat.press(NIK, id, "Reject")
    chat.says(id, "Nik reads it until")
    question = chat.question_to(id)
    chat.reply(NIK, question["message_id"], "No source is named.")
    shown = chat.says(id, "Rejected by Nik")
    assert "No source is named." in shown["text"]
    record = provider.call("GET", f"{NOTIFICATIONS}/{id}")
    assert (record["status"], record["moderatorComment"]) == ("rejected", "No source is named.")
    assert received(stack, id) == []


def test_a_cancel_edits_the_message_and_a_press_after_it_hears_so(
    provider: Person, chat: Chat
) -> None:
    id = created(provider)["id"]
    buttons = chat.about(id)["reply_markup"]["inline_keyboard"][0]
    provider.call("POST", f"{NOTIFICATIONS}/{id}/cancel")
    assert "reply_markup" not in chat.says(id, "The provider canceled the delivery")
    late = chat.press(MIRA, id, "", data=buttons[0]["callback_data"])
    assert chat.answer_to(late).startswith("The provider canceled the delivery")


def test_a_decision_by_a_callable_edits_the_message(
    provider: Person, moderator: Person, chat: Chat
) -> None:
    id = created(provider, {**_IOS, "title": "Decided elsewhere"})["id"]
    chat.about(id)
    moderator.ask("approve-notification", {"id": id})
    assert "reply_markup" not in chat.says(id, "Approved by Mira")
    ended(provider, id)


def test_an_edit_shows_the_new_revision_and_an_old_button_does_nothing(
    provider: Person, chat: Chat
) -> None:
    id = created(provider)["id"]
    old = chat.about(id)["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    provider.call("PATCH", f"{NOTIFICATIONS}/{id}", json={"title": "Better news"})
    chat.says(id, "Better news")
    stale = chat.press(MIRA, id, "", data=old)
    assert "revision 2 now" in chat.answer_to(stale)
    chat.press(MIRA, id, "Approve")
    assert ended(provider, id)["title"] == "Better news"


def test_a_strangers_press_decides_nothing(provider: Person, chat: Chat) -> None:
    id = created(provider)["id"]
    assert "not on the list" in chat.answer_to(chat.press(STRANGER, id, "Approve"))
    assert provider.call("GET", f"{NOTIFICATIONS}/{id}")["status"] == "pending"
    provider.call("POST", f"{NOTIFICATIONS}/{id}/cancel")


def test_updates_that_come_twice_late_and_backwards_make_one_decision(
    provider: Person, chat: Chat
) -> None:
    id = created(provider, {**_IOS, "title": "Told twice"})["id"]
    first = chat.press(MIRA, id, "Approve", hold=True)
    second = chat.press(NIK, id, "Approve", hold=True)
    chat.release(backwards=True)
    heard = {chat.answer_to(first), chat.answer_to(second)}
    assert "Approved." in heard
    assert len(heard) == 2
    chat.press(MIRA, id, "", data=f"a:{id}:1", copies=3)
    assert ended(provider, id)["status"] == "approved"


def test_telegram_in_trouble_neither_holds_up_the_distribution_nor_loses_the_message(
    stack: Stack, provider: Person, moderator: Person, chat: Chat
) -> None:
    chat.next("unavailable", "sendMessage", times=2)
    id = created(provider, {**_IOS, "title": "In rough weather"})["id"]
    chat.says(id, "Waits for a decision")
    chat.next("reset", "editMessageText", times=2)
    moderator.ask("approve-notification", {"id": id})
    assert ended(provider, id)["status"] == "approved"
    chat.says(id, "Distributed")


def test_every_notification_has_exactly_one_message(
    stack: Stack, provider: Person, chat: Chat
) -> None:
    ids = [created(provider, {**_IOS, "title": f"No. {n}"})["id"] for n in range(5)]
    for id in ids:
        chat.about(id)
        provider.call("POST", f"{NOTIFICATIONS}/{id}/cancel")
        chat.says(id, "canceled")
    posted = [c for c in chat.calls("sendMessage") if c["status"] == 200]
    for id in ids:
        assert len([c for c in posted if c["given"]["text"].endswith(id)]) == 1


_IOS = {"title": "Hello", "body": "World", "targetSegment": {"platform": "ios"}}
