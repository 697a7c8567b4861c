"""The bot and the Bot API, over real HTTP: every answer Telegram has, and each way to have none."""

import logging
import traceback
from collections.abc import Iterator

import pytest

from local.emulators.telegram.schema import METHODS
from shared.adapters.telegram import TelegramChat
from shared.domain.chat.text import Button, Card, Mark, Sheet, Style
from shared.domain.errors import TryAgain
from shared.ports import ChatClosed, ChatMoved, ChatRefused, MessageGone, Throttled
from tests.moderation.chatroom import MIRA, ROOM, TOKEN, Line, line

CARD = Card("Hello", (Mark(Style.BOLD, 0, 5),), (Button("Yes", "a:n1:1"),))


@pytest.fixture
def wire() -> Iterator[Line]:
    with line(slow_seconds=0.5) as opened:
        yield opened


def test_a_post_arrives_with_its_marks_its_buttons_and_without_previews(wire: Line) -> None:
    message = wire.message(wire.chat.post(ROOM, CARD))
    assert message["text"] == "Hello"
    assert message["entities"] == [{"type": "bold", "offset": 0, "length": 5}]
    assert message["reply_markup"] == {
        "inline_keyboard": [[{"text": "Yes", "callback_data": "a:n1:1"}]]
    }
    assert message["link_preview_options"] == {"is_disabled": True}


def test_an_image_is_the_one_link_that_is_previewed(wire: Line) -> None:
    card = Card("Look https://example.com", image="https://example.com/i.png")
    message = wire.message(wire.chat.post(ROOM, card))
    assert message["link_preview_options"] == {
        "url": "https://example.com/i.png",
        "prefer_large_media": True,
    }


def test_a_question_mentions_whom_it_asks_and_opens_their_reply(wire: Line) -> None:
    sheet = Sheet().say("Mira", Style.MENTION, user=MIRA).say(", why?")
    first = wire.chat.post(ROOM, CARD)
    message = wire.message(wire.chat.post(ROOM, sheet.card(hint="Why"), reply_to=first))
    assert message["entities"][0]["user"]["id"] == MIRA
    assert message["reply_markup"] == {
        "force_reply": True,
        "input_field_placeholder": "Why",
        "selective": True,
    }
    assert message["reply_to_message"]["message_id"] == first


def test_a_reply_to_a_message_that_is_gone_is_an_ordinary_message(wire: Line) -> None:
    assert "reply_to_message" not in wire.message(wire.chat.post(ROOM, CARD, reply_to=99))


def test_an_edit_replaces_text_and_takes_the_buttons_away(wire: Line) -> None:
    number = wire.chat.post(ROOM, CARD)
    wire.chat.edit(ROOM, number, Card("Over"))
    assert wire.message(number)["text"] == "Over"
    assert "reply_markup" not in wire.message(number)


def test_an_edit_that_changes_nothing_is_done(wire: Line) -> None:
    number = wire.chat.post(ROOM, CARD)
    wire.chat.edit(ROOM, number, CARD)
    (edit,) = wire.received("editMessageText")
    assert edit["status"] == 400


def test_a_message_that_somebody_deleted_is_gone(wire: Line) -> None:
    number = wire.chat.post(ROOM, CARD)
    wire.tell("_delete", chat=ROOM, message=number)
    with pytest.raises(MessageGone):
        wire.chat.edit(ROOM, number, CARD)


def test_a_group_that_became_a_supergroup_says_its_new_number(wire: Line) -> None:
    wire.tell("_move", **{"from": ROOM, "to": -1005, "tell": False})
    with pytest.raises(ChatMoved) as moved:
        wire.chat.post(ROOM, CARD)
    assert moved.value.room == -1005


def test_too_many_requests_says_how_long_to_wait(wire: Line) -> None:
    wire.next("throttle", retry_after=17)
    with pytest.raises(Throttled) as throttled:
        wire.chat.post(ROOM, CARD)
    assert throttled.value.retry_after_seconds == 17


@pytest.mark.parametrize("answer", ["unavailable", "garbage", "reset", "close", "cut", "lost"])
def test_a_fault_that_passes_is_worth_another_try_and_is_not_tried_here(
    wire: Line, answer: str
) -> None:
    wire.next(answer)
    with pytest.raises(TryAgain):
        wire.chat.post(ROOM, CARD)
    assert len(wire.received("sendMessage")) == 1


def test_an_address_where_nobody_answers_is_worth_another_try() -> None:
    with line() as gone:
        calls = gone.calls()
    with pytest.raises(TryAgain):
        TelegramChat(calls).post(ROOM, CARD)


def test_a_wrong_token_is_an_operators_matter(wire: Line) -> None:
    with pytest.raises(ChatClosed, match="FANFARE_TELEGRAM_BOT_TOKEN"):
        TelegramChat(wire.calls(token="4242:another")).post(ROOM, CARD)


def test_a_bot_that_was_thrown_out_is_an_operators_matter(wire: Line) -> None:
    wire.tell("_kick", chat=ROOM)
    with pytest.raises(ChatClosed, match="kicked"):
        wire.chat.post(ROOM, CARD)


def test_a_room_that_is_not_there_is_an_operators_matter(wire: Line) -> None:
    with pytest.raises(ChatClosed, match="FANFARE_TELEGRAM_CHAT_ID"):
        wire.chat.post(-77, CARD)


@pytest.mark.parametrize(
    ("card", "code"),
    [
        (Card("x" * 4097), "message is too long"),
        (Card(" \n"), "message text is empty"),
        (Card("Hi", buttons=(Button("Yes", "x" * 65),)), "button_data_invalid"),
        (Card("Hi", (Mark(Style.BOLD, 1, 2),)), "entity_bounds_invalid"),
        (Card("👋", (Mark(Style.BOLD, 0, 1),)), "entity_bounds_invalid"),
    ],
)
def test_what_telegram_does_not_take_is_ours_to_mend(wire: Line, card: Card, code: str) -> None:
    with pytest.raises(ChatRefused, match=code):
        wire.chat.post(ROOM, card)


@pytest.mark.parametrize(
    ("html", "sentence"),
    [
        ("<b>open", "can't parse entities"),
        ("<script>x</script>", "can't parse entities"),
        ("a < b", "can't parse entities"),
        ("<b>x</i>", "can't parse entities"),
    ],
)
def test_the_emulator_refuses_broken_markup(wire: Line, html: str, sentence: str) -> None:
    with pytest.raises(ChatRefused, match=sentence):
        wire.calls().call("sendMessage", chat_id=ROOM, text=html, parse_mode="HTML")


def test_the_emulator_reads_sound_markup(wire: Line) -> None:
    html = '<b>1 &lt; 2</b> <a href="https://example.com/">there</a>'
    sent = wire.calls().call("sendMessage", chat_id=ROOM, text=html, parse_mode="HTML")
    assert sent["text"] == "1 < 2 there"
    assert [mark["type"] for mark in sent["entities"]] == ["bold", "text_link"]


def test_the_emulator_refuses_a_caption_that_is_too_long(wire: Line) -> None:
    photo = "https://example.com/i.png"
    with pytest.raises(ChatRefused, match="caption is too long"):
        wire.calls().call("sendPhoto", chat_id=ROOM, photo=photo, caption="x" * 1025)


def test_the_emulator_refuses_what_is_no_parameter(wire: Line) -> None:
    with pytest.raises(ChatRefused):
        wire.calls().call("sendMessage", chat_id=ROOM, text="Hi", disable_web_page_preview=True)


def test_an_answer_to_a_press_is_heard(wire: Line) -> None:
    number = wire.chat.post(ROOM, CARD)
    query = wire.tell("_press", user=MIRA, chat=ROOM, message=number, button="Yes")["query"]
    wire.chat.answer(query, "Done", alert=True)
    assert wire.telegram.rooms.answers == [
        {"callback_query_id": query, "text": "Done", "show_alert": True}
    ]


def test_an_answer_that_comes_too_late_is_as_good_as_given(wire: Line) -> None:
    wire.chat.answer("long-ago", "Done")
    (call,) = wire.received("answerCallbackQuery")
    assert call["status"] == 400


def test_every_call_fits_the_parameter_table(wire: Line) -> None:
    number = wire.chat.post(ROOM, CARD)
    wire.chat.post(ROOM, Card("Why?", (Mark(Style.MENTION, 0, 3, MIRA),), hint="Why"), reply_to=1)
    wire.chat.edit(ROOM, number, Card("Hm", image="https://example.com/i.png"))
    wire.chat.answer("q", "words")
    assert len(wire.telegram.received) == 4
    for call in wire.telegram.received:
        METHODS[call["method"]].model_validate(call["given"])


@pytest.mark.parametrize("answer", ["unauthorized", "throttle", "garbage", "reset", "cut"])
def test_the_token_is_in_no_log_and_in_no_error(
    wire: Line, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wire.next(answer)
    with pytest.raises(Exception) as raised:
        wire.chat.post(ROOM, CARD)
    wire.chat.post(ROOM, CARD)
    told = "".join(traceback.format_exception(raised.value)) + caplog.text + repr(wire.chat)
    assert TOKEN not in told
    assert TOKEN.partition(":")[2] not in told


def test_a_slow_answer_is_waited_for(wire: Line) -> None:
    wire.next("slow")
    assert wire.chat.post(ROOM, CARD)


def test_an_answer_without_end_is_not(wire: Line) -> None:
    wire.next("huge")
    with pytest.raises(TryAgain):
        wire.chat.post(ROOM, CARD)
