"""Is this body one that FCM would take? As strict as the real service, field by field.

The fields come from FCM's own discovery document (``fcm_v1_schema.json``); what that cannot say
(one recipient, reserved keys, sizes) is checked after it. Both spellings of a field are accepted.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from pydantic.alias_generators import to_snake

from local.fcm_answers import error

MOST_PAYLOAD_BYTES = 4096
MOST_TOPIC_BYTES = 2048
MOST_TTL_SECONDS = 2_419_200
MOST_COLLAPSE_ID_BYTES = 64
RECIPIENTS = ("token", "fid", "topic", "condition")

Json = dict[str, object]
_SCHEMA: Mapping[str, Mapping[str, str]] = orjson.loads(
    Path(__file__).with_name("fcm_v1_schema.json").read_bytes()
)["types"]
_FIELDS: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    type_: {
        spelling: (name, to_snake(name), kind)
        for name, kind in fields.items()
        for spelling in (name, to_snake(name))
    }
    for type_, fields in _SCHEMA.items()
}
"""By either spelling: the name in camelCase, the one in snake_case for paths, and the type."""
_DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")
_RESERVED = re.compile(r"from|message_type|google\..*|gcm\.notification\..*", re.DOTALL)


class Unacceptable(Exception):
    """What is wrong with a body. ``code`` is FCM's own, empty where only the API objects."""

    def __init__(self, message: str, field: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code

    def body(self) -> bytes:
        """As the service answers it."""
        violations = [(self.field, self.message)] if self.field else []
        return error(400, "INVALID_ARGUMENT", self.message, self.code, violations)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A body that is right: the message, its fields in camelCase."""

    message: Json
    recipient: str
    validate_only: bool


def check(body: bytes) -> Accepted:
    """Raises ``Unacceptable``."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        raise Unacceptable(f"Invalid JSON payload received. {broken}") from None
    request = _typed("SendMessageRequest", given, "")
    message = _at(request, "message")
    recipient = _recipient(message)
    for rule in _RULES:
        rule(message)
    if len(body) > MOST_TOPIC_BYTES:
        _check_size(message)
    return Accepted(message, recipient, bool(request.get("validateOnly")))


# ---- fields and their types ------------------------------------------------------------------


def _typed(type_: str, given: object, path: str) -> Json:
    if not isinstance(given, dict):
        raise _wrong_value(path, type_, given)
    fields = _FIELDS[type_]
    typed: Json = {}
    for spelling, value in given.items():
        if spelling not in fields:
            at = f" at '{path}'" if path else ""
            sentence = f'Unknown name "{spelling}"{at}: Cannot find field.'
            raise Unacceptable(f"Invalid JSON payload received. {sentence}", path or spelling)
        name, shown, kind = fields[spelling]
        if value is not None:
            typed[name] = _value(kind, value, f"{path}.{shown}" if path else shown)
    return typed


def _value(kind: str, value: object, path: str) -> object:
    if kind[0] == "#":
        return _typed(kind[1:], value, path)
    if kind.startswith("list of "):
        return _list(kind.removeprefix("list of "), value, path)
    if kind == "strings by name":
        return _strings(value, path)
    if kind.startswith("one of "):
        right = isinstance(value, str) and value.upper() in kind.split()
    else:
        right = _IS[kind](value)
    if not right:
        raise _wrong_value(path, kind, value)
    return value


def _list(kind: str, value: object, path: str) -> object:
    if not isinstance(value, list):
        raise _wrong_value(path, "list", value)
    return [_value(kind, item, f"{path}[{i}]") for i, item in enumerate(value)]


def _strings(value: object, path: str) -> object:
    if not isinstance(value, dict):
        raise _wrong_value(path, "map", value)
    for index, item in enumerate(value.values()):
        if not isinstance(item, str):
            raise _wrong_value(f"{path}[{index}].value", "TYPE_STRING", item)
    return value


def _wrong_value(path: str, kind: str, value: object) -> Unacceptable:
    shown = {"string": "TYPE_STRING", "boolean": "TYPE_BOOL", "int32": "TYPE_INT32"}.get(kind, kind)
    return Unacceptable(f"Invalid value at '{path}' ({shown}), {value!r}", path or "request")


def _is_int32(value: object) -> bool:
    if isinstance(value, str):
        return bool(re.fullmatch(r"-?\d{1,10}", value)) and _is_int32(int(value))
    return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_IS: Mapping[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "int32": _is_int32,
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "duration": lambda value: isinstance(value, str) and bool(_DURATION.fullmatch(value)),
    "datetime": _is_time,
}


# ---- what types cannot say -------------------------------------------------------------------


def _refuse(message: str, field: str = "") -> Unacceptable:
    return Unacceptable(message, field, "INVALID_ARGUMENT")


def _at(part: Json, *path: str) -> Json:
    for name in path:
        inner = part.get(name)
        part = inner if isinstance(inner, dict) else {}
    return part


def _recipient(message: Json) -> str:
    named = [name for name in RECIPIENTS if name in message]
    if not named:
        raise _refuse("Recipient of the message is not set.")
    if len(named) > 1:
        raise Unacceptable(
            f"Invalid value at 'message' (oneof), oneof field 'target' is already set. "
            f"Cannot set '{named[1]}'",
            "message",
        )
    recipient = str(message[named[0]])
    if named[0] in {"token", "fid"} and not recipient:
        raise _refuse(
            "The registration token is not a valid FCM registration token", "message.token"
        )
    if named[0] == "topic" and not re.fullmatch(r"[a-zA-Z0-9\-_.~%]{1,900}", recipient):
        raise _refuse("Malformed topic name", "message.topic")
    return recipient


def _check_one_android(message: Json) -> None:
    if "android" in message and "androidV2" in message:
        raise _refuse("Only one of android and android_v2 may be set.", "message.android_v2")


def _check_keys(message: Json) -> None:
    for platform in ((), ("android",), ("androidV2",), ("webpush",)):
        for key in _at(message, *platform, "data"):
            if _RESERVED.fullmatch(key):
                raise _refuse(f"Invalid data payload key: {key}", "message.data")


def _check_ttl(message: Json) -> None:
    for platform in ("android", "androidV2"):
        ttl = str(_at(message, platform).get("ttl", "0s"))
        if not 0 <= float(ttl[:-1]) <= MOST_TTL_SECONDS:
            raise _refuse(f"Invalid ttl: {ttl}", f"message.{platform}.ttl")


def _check_addresses(message: Json) -> None:
    for path, name, schemes in _ADDRESSES:
        address = _at(message, *path).get(name)
        if address is not None and not _is_address(str(address), schemes):
            raise _refuse(f"Invalid URL: {address}", ".".join(("message", *path, name)))


def _is_address(address: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        return False


_ANY_WEB = ("http", "https")
_ADDRESSES: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = (
    (("notification",), "image", _ANY_WEB),
    (("android", "notification"), "image", _ANY_WEB),
    (("apns", "fcmOptions"), "image", _ANY_WEB),
    (("webpush", "fcmOptions"), "link", ("https",)),
)


def _check_labels(message: Json) -> None:
    for platform in ((), ("android",), ("androidV2",), ("apns",), ("webpush",)):
        label = _at(message, *platform, "fcmOptions").get("analyticsLabel")
        if label is not None and not re.fullmatch(r"[a-zA-Z0-9\-_.~%]{1,50}", str(label)):
            raise _refuse("Invalid analytics label", "message.fcm_options.analytics_label")


def _check_apple(message: Json) -> None:
    collapse = str(_at(message, "apns", "headers").get("apns-collapse-id", ""))
    if len(collapse.encode()) > MOST_COLLAPSE_ID_BYTES:
        raise _refuse("apns-collapse-id is longer than 64 bytes", "message.apns.headers")


_RULES: tuple[Callable[[Json], None], ...] = (
    _check_one_android,
    _check_keys,
    _check_ttl,
    _check_addresses,
    _check_labels,
    _check_apple,
)


def _check_size(message: Json) -> None:
    """What one device gets: the common part and the one for its platform."""
    common = {name: message[name] for name in ("notification", "data") if name in message}
    special = (len(orjson.dumps(_at(message, p))) for p in ("android", "apns", "webpush"))
    most = MOST_TOPIC_BYTES if {"topic", "condition"} & message.keys() else MOST_PAYLOAD_BYTES
    if len(orjson.dumps(common)) + max(special) > most:
        raise Unacceptable("Message too big")
