"""The moderators' ``Chat`` as a Telegram bot. One call is one request, and nothing is sent again.

Texts go out as text and the places of their marks, never as markup: there is nothing in them to
parse. The image is shown as the preview of its address, which Telegram itself fetches; no other
link is previewed. A message without an image says so, or Telegram would pick a link.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from shared.adapters.telegram_calls import NothingToDo, TelegramCalls
from shared.domain.chat.text import Card, Mark
from shared.domain.errors import TryAgain

Json = Mapping[str, object]


class TelegramChat:
    """``Chat`` by a Telegram bot. Safe to share between threads."""

    def __init__(self, calls: TelegramCalls) -> None:
        self._calls = calls

    @property
    def bot_id(self) -> int:
        return self._calls.bot_id

    def post(self, room: int, card: Card, *, reply_to: int = 0) -> int:
        answer = self._calls.call(
            "sendMessage",
            chat_id=room,
            **_content(card),
            reply_markup=_force_reply(card) or _keyboard(card),
            reply_parameters=_reply_to(reply_to),
        )
        return _message_id(answer)

    def edit(self, room: int, message: int, card: Card) -> None:
        with suppress(NothingToDo):
            self._calls.call(
                "editMessageText",
                chat_id=room,
                message_id=message,
                **_content(card),
                reply_markup=_keyboard(card),
            )

    def answer(self, press: str, words: str, *, alert: bool = False) -> None:
        with suppress(NothingToDo):
            self._calls.call(
                "answerCallbackQuery", callback_query_id=press, text=words, show_alert=alert
            )


def _content(card: Card) -> dict[str, object]:
    preview: Json = {"is_disabled": True}
    if card.image:
        preview = {"url": card.image, "prefer_large_media": True}
    entities = [_entity(mark) for mark in card.marks]
    return {"text": card.text, "entities": entities or None, "link_preview_options": preview}


def _entity(mark: Mark) -> Json:
    placed = {"type": str(mark.style), "offset": mark.start, "length": mark.length}
    if not mark.user:
        return placed
    return {**placed, "user": {"id": mark.user, "is_bot": False, "first_name": "moderator"}}


def _keyboard(card: Card) -> Json | None:
    row = [{"text": button.label, "callback_data": button.data} for button in card.buttons]
    return {"inline_keyboard": [row]} if row else None


def _force_reply(card: Card) -> Json | None:
    """Ask for a reply; ``selective`` limits it to those who are mentioned in the text."""
    if not card.hint:
        return None
    return {"force_reply": True, "input_field_placeholder": card.hint[:64], "selective": True}


def _reply_to(message: int) -> Json | None:
    if not message:
        return None
    return {"message_id": message, "allow_sending_without_reply": True}


def _message_id(answer: Any) -> int:
    found = answer.get("message_id") if isinstance(answer, dict) else None
    if not isinstance(found, int):
        raise TryAgain("Telegram does not say which message it sent")
    return found
