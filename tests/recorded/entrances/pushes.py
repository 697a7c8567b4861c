"""What is sent to each push service for a notification."""

from collections.abc import Mapping
from datetime import timedelta

from shared.adapters.push.addresses import apns_id, apns_path
from shared.domain.audience.device import AddressKind
from shared.domain.content.content import Content
from shared.domain.content.shown import shown
from shared.domain.push.languages import LANGUAGES
from shared.domain.push.rendering import Options, Payload
from tests.builders import NOON
from tests.recorded.pages import Json

ID = "N1234567890123456789"
TOPIC = "com.example.app"


def request_texts(content: Mapping[str, Json], expires_in: int | None, urgent: bool) -> Json:
    """Build the request for one address of every service, as text; or say that it is too big.

    No service is told what is urgent: everything is.
    """
    del urgent
    expires_at = None if expires_in is None else NOON + timedelta(seconds=expires_in)
    what = shown(Content.model_validate(content, strict=False))
    options = Options(ID, NOON, NOON + timedelta(seconds=10), expires_at)
    rendered = {kind: it.payload(what, options) for kind, it in LANGUAGES.items()}
    return {
        kind.value: _request(kind, it) if isinstance(it, Payload) else {"refused": ID}
        for kind, it in rendered.items()
    }


def _request(kind: AddressKind, payload: Payload) -> Json:
    if kind is AddressKind.APNS:
        return _apns(payload)
    to = "token" if kind is AddressKind.FCM else ["one", "two"]
    return {"body": payload.body(to).decode()}


def _apns(payload: Payload) -> Json:
    address = "ab" * 32
    headers = [(b"apns-topic", TOPIC.encode()), *payload.headers]
    return {
        "path": apns_path(address).decode(),
        "headers": {name.decode(): value.decode() for name, value in headers},
        "apns-id": apns_id(payload.id, address),
        "body": payload.before.decode(),
    }
