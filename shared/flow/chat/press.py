"""Moderators' presses of a button, and their replies to the question that follows a no.

A press decides through the same verbs as every other door, so of two presses, or a press and a
cancel, exactly one wins and the other is told who was first. Updates come twice and late: updates
that were dealt with are known, and a moderator's repeated decision changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from shared.domain.actors import Actor, Role
from shared.domain.chat.cards import (
    APPROVE,
    MOST_TEMPLATES,
    ButtonData,
    button_data,
    decision_text,
    note,
    one_line,
    question,
)
from shared.domain.chat.text import SHARED_ACCOUNTS
from shared.domain.errors import InvalidInput, NotFound, Refusal, WrongState
from shared.domain.human_text import comparable, is_blank
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.notifications.review import Template
from shared.flow.audience.size import devices_now
from shared.flow.chat.moderator_chat import ModeratorChat
from shared.flow.chat.posts import close_stray
from shared.flow.moderation.moderate import approve, claim, reject
from shared.stores.posts import Prompt

if TYPE_CHECKING:
    from shared.stores.moderators import Moderator

PROMPT_HOURS = 24
UPDATES_KEPT = timedelta(days=2)
"""Telegram gives an update up after a day."""
MOST_ANSWER_UNITS = 200

_NUMBER = re.compile(r"#?(\d{1,3})\u20e3?[.)]?")
"""Number of a template in any script's digits or as a keycap emoji, as keyboards write numbers."""
_NOT_LISTED = (
    "You are not on the list of moderators. "
    "An operator can put you there: your number here is {user}."
)
_AS_THE_GROUP = (
    "Telegram tells me that the group wrote this, and not who. Turn off “Remain anonymous” in your "
    "administrator rights, or write as yourself, and reply to my question again."
)
_NO_QUESTION = "To reject a notification, press Reject under it and reply to my question."


@dataclass(frozen=True, slots=True)
class Press:
    """User's press of a button under ``message`` in ``room``."""

    update: int
    id: str
    user: int
    room: int
    message: int
    data: str


@dataclass(frozen=True, slots=True)
class Reply:
    """User's answer ``message`` to ``replied_to``, a message of ``replied_user``."""

    update: int
    user: int
    room: int
    message: int
    text: str
    replied_to: int
    replied_user: int


@dataclass(frozen=True, slots=True)
class _PressAnswer:
    """Answer to a press; an ``alert``, as for a refusal, stays on the screen until it is read."""

    words: str
    alert: bool = False


def press(update: Press, *, moderator_chat: ModeratorChat) -> None:
    """Handle a press: an approval, or the first half of a rejection."""
    if moderator_chat.posts.is_done(update.update):
        return
    moderator = moderator_chat.moderator(update.user)
    button = button_data(update.data)
    answer = _PressAnswer(_NOT_LISTED.format(user=update.user), alert=True)
    if moderator and button is None:
        answer = _PressAnswer(
            "I do not know this button any more. Decide in the console.", alert=True
        )
    elif moderator and button:
        answer = _act(update, button, moderator, moderator_chat)
    moderator_chat.chat.answer(
        update.id, one_line(answer.words, MOST_ANSWER_UNITS), alert=answer.alert
    )
    if moderator and button:
        _tidy(update, button, moderator_chat)
    _note_done(update.update, moderator_chat)


def reply(update: Reply, *, moderator_chat: ModeratorChat) -> None:
    """Handle a reply: the second half of a rejection, the reason in the moderator's words or a
    template's.
    """
    if update.replied_user != moderator_chat.chat.bot_id or moderator_chat.posts.is_done(
        update.update
    ):
        return
    moderator = moderator_chat.moderator(update.user)
    prompt = moderator_chat.posts.prompt(update.room, update.replied_to)
    if moderator:
        words = _answer(update, prompt, moderator, moderator_chat) if prompt else _NO_QUESTION
        moderator_chat.say(note(words), room=update.room, reply_to=update.message)
    elif prompt:
        shared = update.user in SHARED_ACCOUNTS
        words = _AS_THE_GROUP if shared else _NOT_LISTED.format(user=update.user)
        moderator_chat.say(note(words), room=update.room, reply_to=update.message)
    _note_done(update.update, moderator_chat)


# ---- a press ---------------------------------------------------------------------------------


def _act(
    update: Press, button: ButtonData, moderator: Moderator, moderator_chat: ModeratorChat
) -> _PressAnswer:
    try:
        if button.action == APPROVE:
            return _approve(button, moderator, moderator_chat)
        return _ask(update, button, moderator, moderator_chat)
    except Refusal as refusal:
        return _why_not(refusal, NotificationId(button.id), moderator, moderator_chat)


def _approve(
    button: ButtonData, moderator: Moderator, moderator_chat: ModeratorChat
) -> _PressAnswer:
    after = approve(
        NotificationId(button.id),
        by=_actor(moderator),
        email=moderator.email,
        revision=button.revision,
        count_devices=partial(devices_now, needs=moderator_chat),
        needs=moderator_chat,
    )
    if after.status is Status.PENDING:
        return _PressAnswer("Your approval counts. Another moderator must approve it too.")
    return _PressAnswer("Approved.")


def _ask(
    update: Press, button: ButtonData, moderator: Moderator, moderator_chat: ModeratorChat
) -> _PressAnswer:
    """Ask for the reason, under a claim: no other moderator decides while it is being written."""
    id = NotificationId(button.id)
    before = moderator_chat.notifications.get(id)
    if before.status is Status.PENDING and before.revision != button.revision:
        return _stale(before.revision)
    it = claim(id, by=_actor(moderator), email=moderator.email, needs=moderator_chat)
    templates = moderator_chat.review_policies.get().templates
    card = question(it, (update.user, moderator_chat.name(moderator.uid)), templates, PROMPT_HOURS)
    room, message = moderator_chat.say(card, room=update.room, reply_to=update.message)
    expire_at = moderator_chat.clock.now() + timedelta(hours=PROMPT_HOURS)
    prompt = Prompt(room, message, id, button.revision, moderator.uid, expire_at)
    moderator_chat.posts.keep_prompt(prompt)
    return _PressAnswer("Reply to my question with the reason.")


def _tidy(update: Press, button: ButtonData, moderator_chat: ModeratorChat) -> None:
    """Close the pressed message if it is not the notification's own: a writer that crashed posted
    it.
    """
    try:
        post = moderator_chat.posts.get(NotificationId(button.id))
    except NotFound:  # a dishonest client may name anything
        return
    if post and post.message and (post.room, post.message) != (update.room, update.message):
        close_stray(update.room, update.message, moderator_chat=moderator_chat)


# ---- a reply ---------------------------------------------------------------------------------


def _answer(
    update: Reply, prompt: Prompt, moderator: Moderator, moderator_chat: ModeratorChat
) -> str:
    if prompt.moderator_id != moderator.uid:
        name = one_line(moderator_chat.name(prompt.moderator_id), 60)
        return f"I asked {name}. To reject it yourself, press Reject."
    if moderator_chat.clock.now() >= prompt.expire_at:
        return f"My question was good for {PROMPT_HOURS} hours. Press Reject again."
    text, templates = (
        update.text.strip(),
        moderator_chat.review_policies.get().templates[:MOST_TEMPLATES],
    )
    if is_blank(text):
        return "Reply in words: the provider reads your reason."
    if number := _NUMBER.fullmatch(comparable(text)):
        template = _template_by_number(int(number[1]), templates)
        return (
            _reject(prompt, moderator, moderator_chat, template)
            if template
            else _no_such(templates)
        )
    return _reject(prompt, moderator, moderator_chat, text)


def _template_by_number(number: int, templates: tuple[Template, ...]) -> Template | None:
    return templates[number - 1] if 0 < number <= len(templates) else None


def _no_such(templates: tuple[Template, ...]) -> str:
    if not templates:
        return "A number alone is no reason. Reply in words: the provider reads them."
    return f"Reply with a number from 1 to {len(templates)}, or in words."


def _reject(
    prompt: Prompt, moderator: Moderator, moderator_chat: ModeratorChat, why: Template | str
) -> str:
    try:
        reject(
            prompt.notification_id,
            why if isinstance(why, str) else "",
            by=_actor(moderator),
            email=moderator.email,
            template=why.id if isinstance(why, Template) else None,
            revision=prompt.revision,
            needs=moderator_chat,
        )
    except InvalidInput as wrong:
        faults = "; ".join(fault.message for fault in wrong.errors)
        return f"Not rejected yet: your reason {faults}. Reply to my question again."
    except Refusal as refusal:
        return _why_not(refusal, prompt.notification_id, moderator, moderator_chat).words
    return "Rejected."


# ---- words -----------------------------------------------------------------------------------


def _why_not(
    refusal: Refusal, id: NotificationId, moderator: Moderator, moderator_chat: ModeratorChat
) -> _PressAnswer:
    if isinstance(refusal, NotFound):
        return _PressAnswer("There is no such notification any more.", alert=True)
    if not isinstance(refusal, WrongState) or refusal.code == "secondModeratorNeeded":
        return _PressAnswer(refusal.message, alert=True)
    it = moderator_chat.notifications.get(id)
    if it.status is not Status.PENDING:
        mine = it.moderator_id == moderator.uid and it.status is not Status.CANCELLED
        return _PressAnswer(
            _yours(it) if mine else f"{decision_text(it, moderator_chat.people(it))}.",
            alert=not mine,
        )
    if refusal.code == "staleRevision":
        return _stale(it.revision)
    if refusal.code == "claimed":
        reader = one_line(moderator_chat.name(str(refusal.details.get("moderatorId"))), 60)
        return _PressAnswer(
            f"{reader} reads this one right now. Take another, or wait.", alert=True
        )
    return _PressAnswer(refusal.message, alert=True)


def _yours(it: Notification) -> str:
    return "You rejected it." if it.status is Status.REJECTED else "You approved it."


def _stale(revision: int) -> _PressAnswer:
    words = f"The provider edited it: it is revision {revision} now. Read it again, then decide."
    return _PressAnswer(words, alert=True)


def _actor(moderator: Moderator) -> Actor:
    return Actor(Role.MODERATOR, moderator.uid)


def _note_done(update: int, moderator_chat: ModeratorChat) -> None:
    moderator_chat.posts.note_done(update, moderator_chat.clock.now() + UPDATES_KEPT)
