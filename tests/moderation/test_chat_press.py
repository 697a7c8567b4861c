"""What happens when somebody presses a button, and when they answer the question after a no."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.chat.text import SHARED_ACCOUNTS
from shared.domain.errors import TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.notifications.review import ReviewPolicy, Template
from shared.domain.providers.standing import Standing
from shared.flow.chat.posts import show
from shared.flow.chat.press import press, reply
from shared.stores.moderators import Moderator
from tests.builders import NOON, PROVIDER, a_notification, a_provider, a_segment, some_content
from tests.moderation.chatroom import MIRA, NIK, ROOM, STRANGER, Chatroom
from tests.parts import an_account

N1 = NotificationId("n1")
TEMPLATES = (
    Template("source", "No source", "Name the source of this news."),
    Template("shouting", "Shouting", "Please do not shout."),
)


@pytest.fixture
def room() -> Chatroom:
    room = Chatroom()
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    return room


def last_answer(room: Chatroom) -> tuple[str, bool]:
    """Return what the last presser was answered."""
    _, words, alert = room.chat.answers[-1]
    return words, alert


def question(room: Chatroom) -> int:
    """Return the number of the last message, which is the question."""
    return int(room.chat.posts[-1][1])


def last_message(room: Chatroom) -> str:
    """Return the bot's last message."""
    return str(room.chat.cards[room.chat.posts[-1]].text)


# ---- yes -------------------------------------------------------------------------------------


def test_a_moderators_yes_sends_it(room: Chatroom) -> None:
    press(room.press(), moderator_chat=room.moderator_chat)
    assert last_answer(room) == ("Approved.", False)
    assert (room.record().status, room.record().moderator_id) == (Status.SENDING, "mira")


def test_who_is_not_listed_decides_nothing(room: Chatroom) -> None:
    press(room.press(STRANGER), moderator_chat=room.moderator_chat)
    words, alert = last_answer(room)
    assert "not on the list" in words
    assert "7999" in words, "an operator needs the number"
    assert alert
    assert room.record().status is Status.PENDING


def test_who_was_taken_off_the_list_decides_nothing_from_then_on(room: Chatroom) -> None:
    room.moderators.delete("mira")
    press(room.press(), moderator_chat=room.moderator_chat)
    assert room.record().status is Status.PENDING


@pytest.mark.parametrize(
    "now", [None, an_account("mira"), an_account("mira", "moderator", disabled=True)]
)
def test_whose_account_is_no_moderators_any_more_decides_nothing(
    room: Chatroom, now: Standing | None
) -> None:
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    asked = question(room)
    room.standings.accounts.pop("mira")
    room.standings.accounts |= {"mira": now} if now else {}
    press(room.press(), moderator_chat=room.moderator_chat)
    assert last_answer(room)[1]
    reply(room.reply("Bad.", to=asked), moderator_chat=room.moderator_chat)
    assert "not on the list" in last_message(room)
    assert room.record().status is Status.PENDING
    press(room.press(NIK), moderator_chat=room.moderator_chat)
    assert room.record().moderator_id == "nik"


def test_a_press_is_told_again_while_its_account_cannot_be_looked_up(room: Chatroom) -> None:
    pressed = room.press()
    room.standings.reachable = False
    with pytest.raises(TryAgain):
        press(pressed, moderator_chat=room.moderator_chat)
    room.standings.reachable = True
    press(pressed, moderator_chat=room.moderator_chat)
    assert room.record().status is Status.SENDING


def test_the_one_who_comes_second_hears_who_was_first(room: Chatroom) -> None:
    press(room.press(MIRA), moderator_chat=room.moderator_chat)
    press(room.press(NIK), moderator_chat=room.moderator_chat)
    assert last_answer(room) == ("Approved by Mira, 2026-01-01 12:00 UTC.", True)
    press(room.press(NIK, "r"), moderator_chat=room.moderator_chat)
    assert last_answer(room) == ("Approved by Mira, 2026-01-01 12:00 UTC.", True)


def test_who_comes_after_a_cancel_hears_of_it(room: Chatroom) -> None:
    room.notifications.change(N1, lambda it: it.cancel(PROVIDER, NOON))
    press(room.press(), moderator_chat=room.moderator_chat)
    words, alert = last_answer(room)
    assert words.startswith("The provider canceled the delivery")
    assert alert


def test_a_yes_to_an_older_revision_is_refused(room: Chatroom) -> None:
    room.notifications.change(
        N1, lambda it: it.edit(PROVIDER, NOON, some_content(title="Other"), a_segment())
    )
    for button in ("a", "r"):
        press(room.press(button=button), moderator_chat=room.moderator_chat)
        assert "revision 2 now" in last_answer(room)[0]
    assert room.record().status is Status.PENDING


def test_a_second_pair_of_eyes_must_be_another_moderators() -> None:
    room = Chatroom()
    room.policies.put(ReviewPolicy(second_approval_above=1))
    room.add_notification(replace(a_notification(), estimated_devices=9))
    show(N1, moderator_chat=room.moderator_chat)
    press(room.press(MIRA), moderator_chat=room.moderator_chat)
    assert "Another moderator" in last_answer(room)[0]
    press(room.press(MIRA), moderator_chat=room.moderator_chat)
    assert last_answer(room)[1]
    assert room.record().status is Status.PENDING
    press(room.press(NIK), moderator_chat=room.moderator_chat)
    assert room.record().status is Status.SENDING


def test_what_somebody_else_reads_is_theirs_for_now(room: Chatroom) -> None:
    press(room.press(NIK, "r"), moderator_chat=room.moderator_chat)
    press(room.press(MIRA), moderator_chat=room.moderator_chat)
    assert last_answer(room) == ("Nik reads this one right now. Take another, or wait.", True)


def test_nobody_decides_on_their_own_provider(room: Chatroom) -> None:
    room.providers.put(a_provider(members=("mira@fanfare.example",)))
    for button in ("a", "r"):
        press(room.press(button=button), moderator_chat=room.moderator_chat)
        assert "You belong to this provider" in last_answer(room)[0]
    assert room.record().status is Status.PENDING


@pytest.mark.parametrize(
    "data",
    ["", "a", "a:", "a::1", "a:n1:", "a:n1:x", "x:n1:1", "a:n1:1:", "a:n1:-1", "🙂", "a:n1:²"],
)
def test_data_no_button_of_ours_has_decides_nothing(room: Chatroom, data: str) -> None:
    press(room.press(data=data), moderator_chat=room.moderator_chat)
    assert last_answer(room)[1]
    assert room.record().status is Status.PENDING


@pytest.mark.parametrize("id", ["none", "../x", "a/b", "__x__", "."])
def test_data_that_names_nothing_decides_nothing(room: Chatroom, id: str) -> None:
    press(room.press(data=f"a:{id}:1"), moderator_chat=room.moderator_chat)
    assert last_answer(room) == ("There is no such notification any more.", True)


# ---- the same again --------------------------------------------------------------------------


def test_an_update_that_comes_twice_is_answered_once(room: Chatroom) -> None:
    update = room.press()
    press(update, moderator_chat=room.moderator_chat)
    press(update, moderator_chat=room.moderator_chat)
    assert len(room.chat.answers) == 1


def test_an_update_whose_answer_was_lost_comes_again_and_tells_the_same(room: Chatroom) -> None:
    update = room.press()

    def lost(_: str) -> None:
        room.chat.fault = lambda _: None
        raise TryAgain("no answer")

    room.chat.fault = lost
    with pytest.raises(TryAgain):
        press(update, moderator_chat=room.moderator_chat)
    press(update, moderator_chat=room.moderator_chat)
    assert last_answer(room) == ("You approved it.", False)
    assert room.record().head.count == 2


def test_a_press_under_a_stray_message_counts_and_closes_that_message(room: Chatroom) -> None:
    stray = room.chat.post(ROOM, room.card())
    press(room.press(message=stray), moderator_chat=room.moderator_chat)
    assert room.record().status is Status.SENDING
    assert "posted twice" in room.chat.cards[ROOM, stray].text


# ---- no --------------------------------------------------------------------------------------


def test_a_no_asks_for_the_reason_and_the_reply_rejects(room: Chatroom) -> None:
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    asked = room.chat.cards[room.chat.posts[-1]]
    assert asked.text.startswith("Mira, why")
    assert "Sale" in asked.text
    assert asked.hint
    assert asked.marks[0].user == MIRA
    reply(
        room.reply(" No source is named. ", to=question(room)), moderator_chat=room.moderator_chat
    )
    assert last_message(room) == "Rejected."
    record = room.record()
    assert (record.status, record.moderator_id) == (Status.REJECTED, "mira")
    assert record.moderator_comment == "No source is named."


@pytest.mark.parametrize(
    "text", ["2", " #2 ", "2.", "2)", "٢", "\u200f٢", "２）", "२", "2\ufe0f\u20e3"]
)
def test_a_number_stands_for_a_template(room: Chatroom, text: str) -> None:
    room.policies.put(ReviewPolicy(templates=TEMPLATES))
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    assert "2  Shouting" in last_message(room)
    reply(room.reply(text, to=question(room)), moderator_chat=room.moderator_chat)
    assert room.record().moderator_comment == "Please do not shout."


@pytest.mark.parametrize("text", ["0", "3", "77", "٣"])
def test_a_number_without_a_template_is_asked_again(room: Chatroom, text: str) -> None:
    room.policies.put(ReviewPolicy(templates=TEMPLATES))
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    reply(room.reply(text, to=question(room)), moderator_chat=room.moderator_chat)
    assert last_message(room) == "Reply with a number from 1 to 2, or in words."
    assert room.record().status is Status.PENDING


def test_a_number_is_no_reason_where_there_are_no_templates(room: Chatroom) -> None:
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    reply(room.reply("1", to=question(room)), moderator_chat=room.moderator_chat)
    assert "A number alone is no reason" in last_message(room)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "in words"),
        ("\u3164\u200b\u2800", "in words"),
        ("Not \x00 this.", "must not contain control characters"),
        ("x" * 1001, "at most 1000"),
    ],
)
def test_a_reply_that_is_no_comment_is_helped(room: Chatroom, text: str, sentence: str) -> None:
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    asked = question(room)
    reply(room.reply(text, to=asked), moderator_chat=room.moderator_chat)
    assert sentence in last_message(room)
    reply(
        room.reply("A real reason,\nin \u200btwo lines.", to=asked),
        moderator_chat=room.moderator_chat,
    )
    assert room.record().moderator_comment == "A real reason,\nin \u200btwo lines."


@pytest.mark.parametrize("user", sorted(SHARED_ACCOUNTS))
def test_who_writes_as_the_group_is_told_to_reply_as_themselves(room: Chatroom, user: int) -> None:
    """Even if such a number stands on a moderator's record from before."""
    room.moderators.put(Moderator("everybody", NOON, telegram_user_id=user))
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    asked = question(room)
    reply(room.reply("No source.", to=asked, user=user), moderator_chat=room.moderator_chat)
    assert "Remain anonymous" in last_message(room)
    assert room.record().status is Status.PENDING
    reply(room.reply("No source.", to=asked), moderator_chat=room.moderator_chat)
    assert room.record().status is Status.REJECTED


@pytest.mark.parametrize("user", sorted(SHARED_ACCOUNTS))
def test_a_press_in_the_name_of_many_decides_nothing(room: Chatroom, user: int) -> None:
    room.moderators.put(Moderator("everybody", NOON, telegram_user_id=user))
    press(room.press(user), moderator_chat=room.moderator_chat)
    assert room.record().status is Status.PENDING


def test_a_reply_after_a_day_is_told_to_press_again(room: Chatroom) -> None:
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    room.clock.advance(timedelta(hours=24))
    reply(room.reply("Late.", to=question(room)), moderator_chat=room.moderator_chat)
    assert "Press Reject again" in last_message(room)
    assert room.record().status is Status.PENDING


def test_a_reply_to_an_older_revision_is_refused(room: Chatroom) -> None:
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    room.notifications.change(
        N1, lambda it: it.edit(PROVIDER, NOON, some_content(title="Other"), a_segment())
    )
    reply(room.reply("Bad.", to=question(room)), moderator_chat=room.moderator_chat)
    assert "revision 2 now" in last_message(room)
    assert room.record().status is Status.PENDING


def test_a_reply_to_what_was_decided_meanwhile_hears_of_it(room: Chatroom) -> None:
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    asked = question(room)
    room.notifications.change(N1, lambda it: it.cancel(PROVIDER, NOON))
    reply(room.reply("Bad.", to=asked), moderator_chat=room.moderator_chat)
    assert last_message(room).startswith("The provider canceled the delivery")


def test_a_question_is_answered_by_whom_it_was_put_to(room: Chatroom) -> None:
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    asked = question(room)
    reply(room.reply("Bad.", to=asked, user=NIK), moderator_chat=room.moderator_chat)
    assert last_message(room) == "I asked Mira. To reject it yourself, press Reject."
    reply(room.reply("Bad.", to=asked, user=STRANGER), moderator_chat=room.moderator_chat)
    assert "not on the list" in last_message(room)
    assert room.record().status is Status.PENDING


def test_a_moderators_reply_to_something_else_of_ours_is_helped(room: Chatroom) -> None:
    post = room.posts.get(N1)
    assert post is not None
    reply(room.reply("Is this true?", to=post.message), moderator_chat=room.moderator_chat)
    assert "press Reject under it" in last_message(room)


def test_what_people_say_to_each_other_is_theirs(room: Chatroom) -> None:
    before = len(room.chat.posts)
    reply(room.reply("Hi", to=77, replied_user=NIK), moderator_chat=room.moderator_chat)
    reply(room.reply("Hi", to=77, user=STRANGER), moderator_chat=room.moderator_chat)
    assert len(room.chat.posts) == before


def test_a_reply_that_comes_twice_rejects_once_and_says_so_once(room: Chatroom) -> None:
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    update = room.reply("Bad.", to=question(room))
    reply(update, moderator_chat=room.moderator_chat)
    before = len(room.chat.posts)
    reply(update, moderator_chat=room.moderator_chat)
    assert len(room.chat.posts) == before


def test_a_reply_whose_answer_was_lost_comes_again_and_tells_the_same(room: Chatroom) -> None:
    press(room.press(button="r"), moderator_chat=room.moderator_chat)
    update = room.reply("Bad.", to=question(room))

    def lost(_: str) -> None:
        room.chat.fault = lambda _: None
        raise TryAgain("no answer")

    room.chat.fault = lost
    with pytest.raises(TryAgain):
        reply(update, moderator_chat=room.moderator_chat)
    assert room.record().status is Status.REJECTED
    reply(update, moderator_chat=room.moderator_chat)
    assert last_message(room) == "You rejected it."


def test_updates_in_the_wrong_order_come_to_one_decision(room: Chatroom) -> None:
    """The press that asks arrives after another one has approved."""
    no, yes = room.press(NIK, "r"), room.press(MIRA, "a")
    press(yes, moderator_chat=room.moderator_chat)
    press(no, moderator_chat=room.moderator_chat)
    press(yes, moderator_chat=room.moderator_chat)
    assert room.record().status is Status.SENDING
    assert last_answer(room) == ("Approved by Mira, 2026-01-01 12:00 UTC.", True)
