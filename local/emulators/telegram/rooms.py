"""The state of the Telegram emulator: rooms, their messages, and the ids of button presses.

Each call of the API is a method here that gives its result or raises ``Refused`` in Telegram's
words.
"""

import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from pydantic import BaseModel

from local.emulators.telegram.schema import (
    MOST_CAPTION_UNITS,
    MOST_DATA_BYTES,
    MOST_TEXT_UNITS,
    AnswerCallbackQuery,
    EditMessageCaption,
    EditMessageReplyMarkup,
    EditMessageText,
    ForceReply,
    GetChatMember,
    InlineKeyboard,
    Refused,
    ReplyParameters,
    SendMessage,
    SendPhoto,
)
from local.emulators.telegram.text import BadText, check_text

Json = dict[str, Any]
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


class Rooms:
    """Telegram's rooms and messages, as one bot can reach them."""

    def __init__(self, bot: Json, rooms: Mapping[int, str], *, query_seconds: float) -> None:
        self.bot = bot
        self.rooms: dict[int, Json] = {
            id: {"id": id, "type": "supergroup" if id < 0 else "private", "title": title}
            for id, title in rooms.items()
        }
        self.messages: dict[tuple[int, int], Json] = {}
        self.answers: list[Json] = []
        self.moved: dict[int, int] = {}
        self.closed: set[int] = set()
        self._query_seconds = query_seconds
        self._queries: dict[str, float] = {}
        self._numbers = count(1001)

    # ---- calls -------------------------------------------------------------------------------

    def do(self, method: str, request: BaseModel) -> object:
        """Carry out a call; return its result."""
        calls: Mapping[str, Callable[[Any], object]] = {
            "getMe": lambda _: self.bot,
            "getChat": lambda it: self.room(it.chat_id),
            "getChatMember": self._member,
            "sendMessage": self._send,
            "sendPhoto": self._send,
            "editMessageText": self._edit,
            "editMessageCaption": self._edit,
            "editMessageReplyMarkup": self._edit,
            "answerCallbackQuery": self._answer,
        }
        return calls[method](request)

    def room(self, id: int | str) -> Json:
        """Return a room where the bot may speak."""
        if isinstance(id, int) and id in self.moved:
            raise Refused(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": self.moved[id]},
            )
        if id in self.closed:
            raise Refused(403, "Forbidden: bot was kicked from the supergroup chat")
        if not isinstance(id, int) or id not in self.rooms:
            raise Refused(400, "Bad Request: chat not found")
        return self.rooms[id]

    def _member(self, request: GetChatMember) -> Json:
        self.room(request.chat_id)
        if request.user_id != self.bot["id"]:
            raise Refused(400, "Bad Request: user not found")
        return {"status": "member", "user": self.bot}

    def _send(self, request: SendMessage | SendPhoto) -> Json:
        room = self.room(request.chat_id)
        message: Json = {
            "message_id": next(self._numbers),
            "from": self.bot,
            "chat": room,
            "date": int(time.time()),
            **_content(request),
        }
        if request.reply_parameters:
            message |= self._reply(room["id"], request.reply_parameters)
        place = (room["id"], message["message_id"])
        self._keep(place, message, request.reply_markup)
        return message

    def _reply(self, room: int, request: ReplyParameters) -> Json:
        replied = self.messages.get((room, request.message_id))
        if replied is None and not request.allow_sending_without_reply:
            raise Refused(400, "Bad Request: message to be replied not found")
        return {"reply_to_message": replied} if replied else {}

    def _edit(self, request: EditMessageText | EditMessageCaption | EditMessageReplyMarkup) -> Json:
        room = self.room(request.chat_id)
        place = (room["id"], request.message_id)
        before = self.messages.get(place)
        if before is None:
            raise Refused(400, "Bad Request: message to edit not found")
        if before["from"]["id"] != self.bot["id"]:
            raise Refused(400, "Bad Request: message can't be edited")
        content = {} if isinstance(request, EditMessageReplyMarkup) else _content(request)
        kept = {
            k: v for k, v in before.items() if k not in {"reply_markup", "entities", "edit_date"}
        }
        after = {**kept, **content}
        markup = _markup(request.reply_markup)
        if {**after, **markup} == {k: v for k, v in before.items() if k != "edit_date"}:
            raise Refused(400, f"Bad Request: {NOT_MODIFIED}")
        self._keep(place, {**after, "edit_date": int(time.time())}, request.reply_markup)
        return self.messages[place]

    def _keep(
        self, place: tuple[int, int], message: Json, markup: InlineKeyboard | ForceReply | None
    ) -> None:
        self.messages[place] = {**message, **_markup(markup)}

    def _answer(self, request: AnswerCallbackQuery) -> bool:
        at = self._queries.get(request.callback_query_id)
        if at is None or time.monotonic() - at > self._query_seconds:
            raise Refused(
                400,
                "Bad Request: query is too old and response timeout expired or query ID is invalid",
            )
        self.answers.append(
            {
                "callback_query_id": request.callback_query_id,
                "text": request.text,
                "show_alert": request.show_alert,
            }
        )
        return True

    # ---- what people do ----------------------------------------------------------------------

    def press(self, user: Json, room: int, message: int, options: Mapping[str, Any]) -> Json:
        """Build the callback query of a user who presses the button of that name.

        It may also carry ``data`` that no button has, as a dishonest client can send it.
        """
        shown = self.messages.get((room, message))
        if shown is None:
            raise Refused(404, "there is no such message")
        data = options.get("data")
        if data is None:
            data = _data_of(shown, str(options.get("button", "")))
        id = str(time.time_ns())
        query: Json = {
            "id": id,
            "from": user,
            "message": shown,
            "chat_instance": "1",
            "data": data,
        }
        self._queries[id] = time.monotonic()
        return query

    def write(self, user: Json, room: int, text: str, reply_to: int) -> Json:
        """Add a user's own message."""
        message: Json = {
            "message_id": next(self._numbers),
            "from": user,
            "chat": self.room(room),
            "date": int(time.time()),
            "text": text,
        }
        replied = self.messages.get((room, reply_to))
        if reply_to and replied is None:
            raise Refused(404, "there is no such message")
        if replied:
            message["reply_to_message"] = {
                k: v for k, v in replied.items() if k != "reply_to_message"
            }
        self.messages[room, message["message_id"]] = message
        return message

    def move(self, old: int, new: int) -> Json:
        """Turn the group into a supergroup, with another number and without its messages."""
        room = self.rooms.pop(old)
        self.rooms[new] = {**room, "id": new}
        self.moved[old] = new
        self.messages = {place: m for place, m in self.messages.items() if place[0] != old}
        return {
            "message_id": next(self._numbers),
            "from": self.bot,
            "chat": room,
            "date": int(time.time()),
            "migrate_to_chat_id": new,
        }


def _content(request: SendMessage | SendPhoto | EditMessageText | EditMessageCaption) -> Json:
    try:
        if isinstance(request, SendMessage | EditMessageText):
            given = (request.text, request.parse_mode, request.entities)
            text, marks = check_text(*given, MOST_TEXT_UNITS, "message text")
            preview = request.link_preview_options.model_dump(exclude_defaults=True)
            shown: Json = {"text": text, "link_preview_options": preview}
            return {**shown, **({"entities": marks} if marks else {})}
        captioned = (request.caption, request.parse_mode, request.caption_entities)
        text, marks = check_text(*captioned, MOST_CAPTION_UNITS, "caption")
    except BadText as bad:
        raise Refused(400, f"Bad Request: {bad}") from None
    photo = {"photo": request.photo} if isinstance(request, SendPhoto) else {}
    return {**photo, "caption": text, **({"caption_entities": marks} if marks else {})}


def _markup(markup: InlineKeyboard | ForceReply | None) -> Json:
    if markup is None or isinstance(markup, ForceReply):
        return {} if markup is None else {"reply_markup": markup.model_dump(exclude_none=True)}
    for button in (button for row in markup.inline_keyboard for button in row):
        if (button.url is None) == (button.callback_data is None):
            raise Refused(400, "Bad Request: can't parse inline keyboard button: one action each")
        if not 1 <= len((button.callback_data or "-").encode()) <= MOST_DATA_BYTES:
            raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
    return {"reply_markup": markup.model_dump(exclude_none=True)}


def _data_of(message: Json, label: str) -> str:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    for button in (button for row in rows for button in row):
        if label in button["text"]:
            return str(button["callback_data"])
    raise Refused(404, f"there is no button {label!r} under this message")
