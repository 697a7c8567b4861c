"""What is sent to each push service for a notification."""

from collections.abc import Mapping
from datetime import timedelta

from shared.adapters.push import apns_message, fcm_message, hms_message
from shared.domain.content.content import Content
from shared.domain.push.message import Message, PayloadTooBig
from tests.builders import NOON
from tests.recorded.pages import Json

ID = "N1234567890123456789"
TOPIC = "com.example.app"


def request_texts(content: Mapping[str, Json], expires_in: int | None, urgent: bool) -> Json:
    """Build the request for one address of every service, as text; or say that it is too big."""
    expires_at = None if expires_in is None else NOON + timedelta(seconds=expires_in)
    message = Message(ID, Content.model_validate(content, strict=False), NOON, expires_at, urgent)
    now = NOON + timedelta(seconds=10)
    requests = {
        "fcm": lambda: {"body": fcm_message.render(message, now).body("token").decode()},
        "apns": lambda: _apns(message),
        "hms": lambda: {"body": hms_message.render(message, now).body(["one", "two"]).decode()},
    }
    return {service: _or_too_big(request) for service, request in requests.items()}


def _apns(message: Message) -> Json:
    rendered = apns_message.render(message, TOPIC)
    address = "ab" * 32
    return {
        "path": apns_message.path(address).decode(),
        "headers": {name.decode(): value.decode() for name, value in rendered.headers},
        "apns-id": rendered.apns_id(address).decode(),
        "body": rendered.body.decode(),
    }


def _or_too_big(request: object) -> Json:
    assert callable(request)
    try:
        return request()
    except PayloadTooBig as fault:
        return {"refused": str(fault)}
