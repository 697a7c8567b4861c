"""Telegram's webhook: the moderators' presses and replies in their chat.

Telegram proves itself by the secret that was agreed with it. What it tells may come twice, late and
out of order; a success answer means: done with. Nothing that people write is ever logged.
"""

import hmac
from functools import partial

import functions_framework
from flask import Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.http.api import problem, secured
from functions.http.bodies import decode, read
from functions.http.errors import MethodNotAllowed, NoSuchEndpoint, log_error
from functions.http.logs import log, trace_of
from functions.service.chat import in_moderator_chat
from shared.domain.errors import Malformed, Unauthenticated
from shared.flow.chat.moderator_chat import ModeratorChat
from shared.flow.chat.press import Press, Reply, press, reply
from shared.wiring import parts

FUNCTION = "telegram-webhook"
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of the header
_BIGGEST = 2**63 - 1


class _TelegramModel(BaseModel):
    """A part of an update; Telegram adds fields whenever it likes."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, validate_by_name=True
    )


class _Party(_TelegramModel):
    id: int = Field(ge=-_BIGGEST, le=_BIGGEST)


class _Message(_TelegramModel):
    message_id: int = Field(ge=0, le=_BIGGEST)
    chat: _Party
    sender: _Party | None = Field(None, alias="from")
    text: str = ""
    caption: str = ""
    reply_to_message: "_Message | None" = None
    migrate_to_chat_id: int | None = Field(None, ge=-_BIGGEST, le=_BIGGEST)


class _CallbackQuery(_TelegramModel):
    id: str
    sender: _Party = Field(alias="from")
    message: _Message
    data: str


class _Update(_TelegramModel):
    update_id: int = Field(ge=0, le=_BIGGEST)
    message: _Message | None = None
    callback_query: _CallbackQuery | None = None


@functions_framework.http
def telegram_webhook(request: Request) -> Response:
    """Take one update."""
    trace = trace_of(request)
    try:
        _check_caller(request)
        in_moderator_chat(partial(_deal_with, _update(request)))
        response = Response("OK\n", 200, mimetype="text/plain")
    except Exception as error:  # noqa: BLE001 - the table knows every class
        log_error(error, trace, FUNCTION, hide=[request.headers.get(SECRET_HEADER, "")])
        response = problem(error, trace)
    return secured(response)


def _check_caller(request: Request) -> None:
    if request.method != "POST":
        raise MethodNotAllowed("POST")
    settings = parts().settings
    if not (settings.has_bot and settings.telegram_webhook_secret):
        raise NoSuchEndpoint("there is no bot here")
    known = settings.telegram_webhook_secret.get_secret_value().encode()
    given = request.headers.get(SECRET_HEADER, "").encode(errors="replace")
    if not hmac.compare_digest(given, known):
        raise Unauthenticated("only Telegram calls this, with the secret agreed with it")


def _update(request: Request) -> _Update | None:
    """Read an update; ``None`` if its kind or shape is unknown: again would not help."""
    raw = read(request)
    if not isinstance(decode(raw).get("update_id"), int):
        raise Malformed("an update has an update_id")
    try:
        return _Update.model_validate_json(raw)
    except ValidationError as faults:
        places = sorted({".".join(map(str, fault["loc"])) for fault in faults.errors()})
        log("WARNING", f"{FUNCTION}: an update we cannot read: {', '.join(places)[:200]}")
        return None


def _deal_with(update: _Update | None, moderator_chat: ModeratorChat) -> None:
    if update and update.callback_query:
        query = update.callback_query
        place = query.message
        press(
            Press(
                update=update.update_id,
                id=query.id,
                user=query.sender.id,
                room=place.chat.id,
                message=place.message_id,
                data=query.data,
            ),
            moderator_chat=moderator_chat,
        )
    elif update and update.message:
        _hear(update.update_id, update.message, moderator_chat)


def _hear(update: int, message: _Message, moderator_chat: ModeratorChat) -> None:
    if message.migrate_to_chat_id:
        moderator_chat.follow(message.chat.id, message.migrate_to_chat_id)
    answered = message.reply_to_message
    if answered and answered.sender and message.sender:
        reply(
            Reply(
                update=update,
                user=message.sender.id,
                room=message.chat.id,
                message=message.message_id,
                text=message.text or message.caption,
                replied_to=answered.message_id,
                replied_user=answered.sender.id,
            ),
            moderator_chat=moderator_chat,
        )
