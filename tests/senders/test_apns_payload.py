"""Everything we send to Apple is what Apple documents: no header or key beside, none misspelt."""

from typing import Any

import pytest
from hypothesis import given

from local.emulators.apns.checks import Caller, TokenRules, check
from local.emulators.apns.payload import would_show
from shared.adapters.push.addresses import apns_id
from shared.domain.audience.device import AddressKind
from shared.domain.push.rendering import Payload
from tests.senders.apns_parts import TOPIC, minted
from tests.senders.parts import Message
from tests.senders.test_fcm_message import messages

ALERT: dict[str, Any] = {"alert": {"title": "T", "body": "B"}, "sound": "default"}
HEADERS = {
    "authorization",
    "apns-topic",
    "apns-push-type",
    "apns-priority",
    "apns-collapse-id",
    "apns-expiration",
    "apns-id",
}


@given(message=messages)
def test_every_message_is_one_that_apple_takes_and_shows(message: Message) -> None:
    rendered = message.rendered(AddressKind.APNS)
    if not isinstance(rendered, Payload):
        return
    own = [(b"apns-topic", TOPIC.encode()), (b"apns-id", apns_id(message.id, "token").encode())]
    given = [*rendered.headers, *own, (b"authorization", minted().encode())]
    headers = [(name.decode(), value.decode()) for name, value in given]
    payload = check(headers, rendered.before, Caller(), TokenRules())
    assert {name for name, _ in headers} <= HEADERS
    assert dict(headers)["apns-collapse-id"] == message.id
    assert isinstance(payload, dict)
    assert payload["aps"]["alert"]["body"] == message.content.body
    assert payload["notificationId"] == message.id


@pytest.mark.parametrize(
    ("push_type", "aps"),
    [
        ("alert", ALERT),
        ("alert", {"alert": "only a text", "badge": 3, "mutable-content": 1}),
        ("alert", {"alert": {"loc-key": "K", "loc-args": ["a"]}, "interruption-level": "active"}),
        ("alert", {**ALERT, "sound": {"critical": 1, "name": "s", "volume": 0.5}}),
        ("background", {"content-available": 1}),
        ("liveactivity", {"timestamp": 1, "event": "update", "content-state": {"a": 1}}),
    ],
)
def test_what_apple_documents_is_taken(push_type: str, aps: dict[str, Any]) -> None:
    assert would_show(push_type, {"aps": aps, "ours": 1})


@pytest.mark.parametrize(
    ("push_type", "aps"),
    [
        ("alert", {}),
        ("alert", {"content-available": 1}),
        ("alert", {"allert": {"body": "B"}}),
        ("alert", {**ALERT, "mutable_content": 1}),
        ("alert", {**ALERT, "badge": "3"}),
        ("alert", {**ALERT, "mutable-content": 2}),
        ("alert", {"alert": {"title": 1}}),
        ("alert", {"alert": {"text": "B"}}),
        ("alert", {**ALERT, "interruption-level": "urgent"}),
        ("background", ALERT),
        ("background", {}),
    ],
)
def test_what_a_device_would_not_show_is_refused(push_type: str, aps: dict[str, Any]) -> None:
    assert not would_show(push_type, {"aps": aps})
