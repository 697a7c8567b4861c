"""Huawei's checks of a body; stricter than Huawei about unknown fields.

Fields and their types come first, then what types cannot say: one kind of recipient, how many
addresses, lifetimes, sizes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.domain.push.hms import MOST_TOKENS

MOST_BODY_BYTES = 4096
MOST_TTL_SECONDS = 15 * 86_400
RECIPIENTS = ("token", "topic", "condition")

PARAMETER = 80100001
STRUCTURE = 80100003
EXPIRED = 80100004
COLLAPSE_KEY = 80100013
TOO_BIG = 80300008
TOKEN_COUNT = 80300010

Json = Mapping[str, object]
Texts = list[str]


class Unacceptable(Exception):
    """Error for a body that is refused, with Huawei's code for it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class ValidMessage:
    """Message of a good body without its addresses, and those."""

    message: Json
    tokens: tuple[str, ...]
    validate_only: bool


def notification_id(message: Json) -> str:
    """Read the notification's id from the message's data."""
    try:
        data = orjson.loads(str(message.get("data")))
    except orjson.JSONDecodeError:
        return ""
    return str(data.get("notificationId", "")) if isinstance(data, dict) else ""


def replace_key(message: Json) -> str:
    """Return the tag, empty unless there is also a number to replace by."""
    android = message.get("android")
    shown = android.get("notification") if isinstance(android, dict) else None
    if not isinstance(shown, dict) or not shown.get("notify_id"):
        return ""
    return str(shown.get("tag", ""))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _ClickAction(_Part):
    type: Literal[1, 2, 3, 4]
    intent: str = ""
    action: str = ""
    url: str = ""
    rich_resource: str = ""

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> "_ClickAction":
        needed = {
            1: bool(self.intent or self.action),
            2: self.url.startswith("https://"),
            3: True,
            4: bool(self.rich_resource),
        }
        if not needed[self.type]:
            raise ValueError(f"click_action of type {self.type} lacks what it opens")
        return self


class _Badge(_Part):
    add_num: int | None = Field(None, ge=1, le=99)
    class_: str = Field("", alias="class")
    set_num: int | None = Field(None, ge=0, le=99)


class _AndroidNotification(_Part):
    title: str = ""
    body: str = ""
    icon: str = ""
    color: str = Field("", pattern=r"^(#[0-9a-fA-F]{6})?$")
    sound: str = ""
    default_sound: bool = True
    tag: str = ""
    click_action: _ClickAction
    body_loc_key: str = ""
    body_loc_args: Texts = []
    title_loc_key: str = ""
    title_loc_args: Texts = []
    multi_lang_key: dict[str, Any] = {}
    channel_id: str = ""
    notify_summary: str = ""
    image: str = ""
    style: Literal[0, 1, 3] = 0
    big_title: str = ""
    big_body: str = ""
    auto_clear: int = 0
    auto_cancel: bool = True
    notify_id: int | None = Field(None, ge=0, le=2**31 - 1)
    group: str = ""
    badge: _Badge | None = None
    ticker: str = ""
    when: str = ""
    importance: Literal["LOW", "NORMAL", "HIGH"] = "NORMAL"
    use_default_vibrate: bool = True
    use_default_light: bool = True
    vibrate_config: Texts = []
    light_settings: dict[str, Any] = {}
    visibility: Literal["VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"] = "PRIVATE"
    foreground_show: bool = True
    inbox_content: Texts = []
    buttons: list[dict[str, Any]] = []
    profile_id: str = ""

    @model_validator(mode="after")
    def _big_text_is_there(self) -> "_AndroidNotification":
        if self.style == 1 and not (self.big_title and self.big_body):
            raise ValueError("style 1 needs big_title and big_body")
        return self


class _Android(_Part):
    collapse_key: int = Field(0, ge=-1, le=100)
    urgency: Literal["HIGH", "NORMAL"] = "NORMAL"
    category: str = ""
    ttl: str = Field("86400s", pattern=r"^\d{1,9}(\.\d{1,9})?s$")
    bi_tag: str = ""
    receipt_id: str = ""
    fast_app_target: Literal[1, 2] = 2
    data: str = ""
    notification: _AndroidNotification | None = None


class _Notification(_Part):
    title: str = ""
    body: str = ""
    image: str = Field("", pattern="^(https://.+)?$")


class _Message(_Part):
    data: str = ""
    notification: _Notification | None = None
    android: _Android | None = None
    apns: dict[str, Any] = {}
    webpush: dict[str, Any] = {}
    token: Texts = []
    topic: str = ""
    condition: str = ""

    @model_validator(mode="after")
    def _can_be_tapped(self) -> "_Message":
        shown = self.android and self.android.notification
        if self.notification and not shown:
            raise ValueError("a notification needs a click_action")
        titles = {self.notification and self.notification.title, shown and shown.title}
        bodies = {self.notification and self.notification.body, shown and shown.body}
        if (self.notification or shown) and not (any(titles) and any(bodies)):
            raise ValueError("a notification needs a title and a body")
        return self


class _Request(_Part):
    validate_only: bool = False
    message: _Message


def check(body: bytes) -> ValidMessage:
    """Check a body. Raises ``Unacceptable``."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        raise Unacceptable(STRUCTURE, f"Illegal payload, {broken}") from None
    message = given.get("message") if isinstance(given, dict) else None
    if not isinstance(message, dict):
        raise Unacceptable(TOKEN_COUNT, "there is no message")
    tokens = _tokens(message)
    typed = _typed(given)
    _check_ttl(typed.message)
    bare = {name: value for name, value in message.items() if name != "token"}
    without_tokens = {**given, "message": {**bare, "token": []}}
    if len(orjson.dumps(without_tokens)) > MOST_BODY_BYTES:
        raise Unacceptable(TOO_BIG, "Push message size is too long.")
    return ValidMessage(bare, tokens, typed.validate_only)


def _tokens(message: Json) -> tuple[str, ...]:
    named = [name for name in RECIPIENTS if message.get(name)]
    if len(named) > 1:
        raise Unacceptable(PARAMETER, f"only one of {', '.join(named)} may be set")
    if named and named != ["token"]:
        return ()
    tokens = message.get("token")
    listed = tokens if isinstance(tokens, list) else []
    if not 1 <= len(listed) <= MOST_TOKENS or not all(isinstance(t, str) and t for t in listed):
        raise Unacceptable(TOKEN_COUNT, f"token count should within 1 and {MOST_TOKENS}.")
    return tuple(listed)


def _typed(body: object) -> _Request:
    try:
        return _Request.model_validate(body)
    except ValidationError as faults:
        fault = faults.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    code = {"collapse_key": COLLAPSE_KEY, "ttl": PARAMETER}.get(where.rpartition(".")[2], STRUCTURE)
    raise Unacceptable(code, f"Illegal payload, {where}: {fault['msg']}")


def _check_ttl(message: _Message) -> None:
    seconds = float(re.sub("s$", "", message.android.ttl)) if message.android else 1.0
    if not seconds:
        raise Unacceptable(EXPIRED, "Illegal expire time.")
    if seconds > MOST_TTL_SECONDS:
        raise Unacceptable(PARAMETER, "ttl is longer than 15 days")
