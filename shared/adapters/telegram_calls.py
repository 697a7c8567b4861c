"""One call of Telegram's Bot API: one request, one result or one error of this project.

The bot's token is a part of every address there. So the transport is used alone, without the client
around it that writes addresses to the log, and no error raised here carries one of the transport's.
What Telegram says of a fault may quote the text that was sent: only the part that names the fault
is kept.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import SecretStr

from shared.domain.answer_bodies import object_in
from shared.domain.errors import TryAgain
from shared.ports import ChatClosed, ChatMoved, ChatRefused, MessageGone, Throttled

TELEGRAM_BASE_URL = "https://api.telegram.org"
ANSWER_SECONDS = 10.0
MOST_ANSWER_BYTES = 1024 * 1024
UNSAID_RETRY_SECONDS = 30
LONGEST_RETRY_SECONDS = 3600

_TIMEOUT = httpx.Timeout(8.0, connect=3.0, pool=3.0).as_dict()
_POOL = httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=30.0)
_NOT_MODIFIED = ("message is not modified", "message_not_modified")
_TOO_LATE = ("query is too old", "query_id_invalid")
_NO_SUCH_MESSAGE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "message identifier is not specified",
)
_NO_PLACE = (
    "chat not found",
    "peer_id_invalid",
    "chat_write_forbidden",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "topic_closed",
    "group chat was deactivated",
)


class ToldElsewhere(ChatRefused):
    """Error for updates that go to a webhook, or to another process that asks; not to us."""


class NothingToDo(Exception):
    """Signal that the change is made already, or too late to make: both are as good as done."""


class TelegramCalls:
    """The Bot API for one bot. Safe to share between threads."""

    def __init__(
        self,
        token: SecretStr,
        base_url: str = TELEGRAM_BASE_URL,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._token = token
        self._base = base_url
        local = base_url.startswith("http://")
        self._transport = transport or httpx.HTTPTransport(
            verify=not local, limits=_POOL, trust_env=not local
        )

    @property
    def bot_id(self) -> int:
        """The bot's own user id, which its token begins with."""
        return int(self._token.get_secret_value().partition(":")[0])

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def call(self, method: str, **parameters: object) -> Any:
        """Call ``method`` and return its result.

        Raises ``TryAgain``, ``NothingToDo``, and the errors of a ``Chat``.
        """
        sent = {name: value for name, value in parameters.items() if value is not None}
        status, body = self._exchange(method, json.dumps(sent, ensure_ascii=True).encode())
        said = object_in(body)
        if said.get("ok") is True and status == httpx.codes.OK and "result" in said:
            return said["result"]
        raise _fault(method, status, said)

    def _exchange(self, method: str, body: bytes) -> tuple[int, bytes]:
        request = httpx.Request(
            "POST",
            f"{self._base}/bot{self._token.get_secret_value()}/{method}",
            headers={"Content-Type": "application/json", "User-Agent": "fanfare"},
            content=body,
            extensions={"timeout": _TIMEOUT},
        )
        try:
            response = self._transport.handle_request(request)
            try:
                return response.status_code, _read(response)
            finally:
                response.close()
        except (httpx.TransportError, httpx.DecodingError) as away:
            raise TryAgain(f"Telegram does not answer: {type(away).__name__}") from None


def _read(response: httpx.Response) -> bytes:
    """Read the body. Raises ``TryAgain`` for one that is too long or comes too slowly."""
    body, until = b"", time.monotonic() + ANSWER_SECONDS
    for part in response.iter_bytes():
        body += part
        if len(body) > MOST_ANSWER_BYTES or time.monotonic() > until:
            raise TryAgain("Telegram does not come to an end")
    return body


def _fault(method: str, status: int, answer: Mapping[str, Any]) -> Exception:
    """Convert an answer that is no success to an error."""
    parameters = answer.get("parameters")
    more = parameters if isinstance(parameters, dict) else {}
    code = answer.get("error_code")
    status = code if isinstance(code, int) and answer.get("ok") is False else status
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Throttled("Telegram wants to be left alone", retry_after_seconds=_wait_seconds(more))
    moved = more.get("migrate_to_chat_id")
    if isinstance(moved, int):
        return ChatMoved(moved)
    if answer.get("ok") is not False or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return TryAgain(f"Telegram answers {method} with HTTP {status}", retry_after_seconds=5)
    return _refusal(method, status, _name_of(answer))


def _refusal(method: str, status: int, name: str) -> Exception:
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.NOT_FOUND):
        return ChatClosed("Telegram does not know the bot's token (FANFARE_TELEGRAM_BOT_TOKEN)")
    if status == httpx.codes.FORBIDDEN or name.startswith(_NO_PLACE):
        return ChatClosed(
            f"the bot may not speak in the chat of FANFARE_TELEGRAM_CHAT_ID: {name}; "
            "`fanfare telegram setup` says more"
        )
    if status == httpx.codes.CONFLICT:
        return ToldElsewhere(f"Telegram refuses {method}: {status} {name}")
    if name.startswith((*_NOT_MODIFIED, *_TOO_LATE)):
        return NothingToDo(name)
    if name.startswith(_NO_SUCH_MESSAGE):
        return MessageGone(name)
    return ChatRefused(f"Telegram refuses {method}: {status} {name}")


def _wait_seconds(parameters: Mapping[str, Any]) -> int:
    seconds = parameters.get("retry_after")
    if not isinstance(seconds, int) or seconds <= 0:
        return UNSAID_RETRY_SECONDS
    return min(seconds, LONGEST_RETRY_SECONDS)


def _name_of(answer: Mapping[str, Any]) -> str:
    """Shorten ``Bad Request: can't parse entities: …`` to ``can't parse entities``."""
    text = str(answer.get("description", "")).lower()
    parts = [part.strip() for part in text.split(":")]
    general = {"bad request", "forbidden", "unauthorized", "not found", "conflict"}
    named = next((part for part in parts if part and part not in general), parts[0])
    return named[:60]
