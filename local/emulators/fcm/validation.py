"""FCM's checks of a body, as strict as the real service's.

After the fields and their types (``schema``) comes what types cannot say: one recipient, reserved
keys, addresses, sizes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import urlsplit

import orjson

from local.emulators.fcm.schema import Json, Unacceptable, typed

MOST_PAYLOAD_BYTES = 4096
MOST_TOPIC_BYTES = 2048
MOST_TTL_SECONDS = 2_419_200
MOST_COLLAPSE_ID_BYTES = 64
RECIPIENTS = ("token", "fid", "topic", "condition")

_ANY_TOKEN = "token"
_RESERVED = re.compile(r"from|message_type|google\..*|gcm\.notification\..*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ValidMessage:
    """Message of a good body, its fields in camelCase."""

    message: Json
    recipient: str
    validate_only: bool


def replace_key(message: Mapping[str, object]) -> str:
    """Read the key by which every platform replaces what it shows; empty unless all three agree."""
    keys = {
        _text(message, "android", "notification", "tag"),
        _text(message, "apns", "headers", "apns-collapse-id"),
        _text(message, "webpush", "notification", "tag"),
    }
    return keys.pop() if len(keys) == 1 else ""


def notification_id(message: Mapping[str, object]) -> str:
    """Read the notification's id from the message's data."""
    return _text(message, "data", "notificationId")


def _text(message: Mapping[str, object], *path: str) -> str:
    found: object = message
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""


def check(body: bytes) -> ValidMessage:
    """Check a body. Raises ``Unacceptable``."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        raise Unacceptable(f"Invalid JSON payload received. {broken}") from None
    message = given.get("message") if isinstance(given, dict) else None
    token = message.get("token") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(token, str) or not token:
        return _checked(given, len(body))
    message["token"] = _ANY_TOKEN
    accepted = _checked_before(orjson.dumps(given))
    return replace(accepted, message={**accepted.message, "token": token}, recipient=token)


@lru_cache(maxsize=64)
def _checked_before(body: bytes) -> ValidMessage:
    """Check a message once for all addresses: what is right for one is right for all."""
    return _checked(orjson.loads(body), len(body))


def _checked(body: object, length: int) -> ValidMessage:
    request = typed("SendMessageRequest", body)
    message = _at(request, "message")
    recipient = _recipient(message)
    for rule in _RULES:
        rule(message)
    if length > MOST_TOPIC_BYTES:
        _check_size(message)
    return ValidMessage(message, recipient, bool(request.get("validateOnly")))


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
    """Check the size of what one device gets: the common part and that of its platform."""
    common = {name: message[name] for name in ("notification", "data") if name in message}
    special = (len(orjson.dumps(_at(message, p))) for p in ("android", "apns", "webpush"))
    most = MOST_TOPIC_BYTES if {"topic", "condition"} & message.keys() else MOST_PAYLOAD_BYTES
    if len(orjson.dumps(common)) + max(special) > most:
        raise Unacceptable("Message too big")
