"""What is sent: a body Huawei takes, with both replace keys."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.emulators.hms.validation import Unacceptable, check, notification_id, replace_key
from shared.adapters.push.addresses import fits_json
from shared.domain.audience.device import AddressKind
from shared.domain.content.content import Content
from shared.domain.push.hms import MOST_BYTES, notify_id
from shared.domain.push.languages import LANGUAGES
from shared.domain.push.reactions import PAYLOAD_TOO_BIG
from shared.domain.push.rendering import Payload
from shared.domain.push.sizes import size
from tests.senders.parts import NOW, Message, a_message
from tests.senders.test_fcm_message import messages

HMS = AddressKind.HMS


def size_of(content: Content) -> int:
    return size(content, LANGUAGES[HMS])


def sent(message: Message, *tokens: str) -> dict[str, Any]:
    """Read the message by Huawei's own checks."""
    return dict(check(message.payload(HMS).body(tokens or ["token"])).message)


tokens = st.lists(st.text(min_size=1, max_size=300).filter(fits_json), min_size=1, max_size=9)


@given(message=messages, tokens=tokens)
def test_every_message_that_fits_is_one_that_huawei_takes(
    message: Message, tokens: list[str]
) -> None:
    rendered = message.rendered(HMS)
    if not isinstance(rendered, Payload):
        assert rendered == PAYLOAD_TOO_BIG
        assert size_of(message.content) > MOST_BYTES
        return
    accepted = check(rendered.body(tokens))
    shown = accepted.message["notification"]
    assert isinstance(shown, dict)
    assert accepted.tokens == tuple(tokens)
    assert (shown["title"], shown["body"]) == (message.content.title, message.content.body)
    assert replace_key(accepted.message) == notification_id(accepted.message) == message.id


def test_a_body_is_refused_at_the_first_byte_too_many_however_long_the_addresses() -> None:
    def of(characters: int) -> Content:
        return Content.model_construct(title="t", body="é" + "x" * characters)

    most = MOST_BYTES - size_of(of(0))
    message = Message("N" * 20, of(most))
    short = len(str(2**31 - 1)) - len(str(notify_id(message.id)))
    fitting = replace(message, content=of(most + short))
    check(fitting.payload(HMS).body([f"{n}" * 130 for n in range(1000)]))
    assert replace(message, content=of(most + short + 1)).rendered(HMS) == PAYLOAD_TOO_BIG
    body = orjson.loads(fitting.payload(HMS).body(["t"]))
    body["message"]["notification"]["body"] += "x"
    with pytest.raises(Unacceptable, match="too long"):
        check(orjson.dumps(body))


def test_everything_a_provider_sets_reaches_the_device() -> None:
    message = a_message(
        "notification-0000000",
        image="https://example.com/i.png",
        url="https://example.com/sale",
        url_button_name="Buy",
        force_timer=3,
        expires_at=NOW + timedelta(hours=1),
    )
    body = orjson.loads(message.payload(HMS).body(["one", "two"]))
    assert body["validate_only"] is False
    assert orjson.loads(body["message"].pop("data")) == {
        "notificationId": "notification-0000000",
        "url": "https://example.com/sale",
        "urlButtonName": "Buy",
        "forceTimer": "3",
    }
    assert body["message"] == {
        "token": ["one", "two"],
        "notification": {
            "title": "Sale",
            "body": "Everything must go",
            "image": "https://example.com/i.png",
        },
        "android": {
            "collapse_key": -1,
            "ttl": "3600s",
            "notification": {
                "tag": "notification-0000000",
                "notify_id": notify_id("notification-0000000"),
                "click_action": {"type": 2, "url": "https://example.com/sale"},
            },
        },
    }


def test_a_plain_notification_says_no_more_than_it_must() -> None:
    body = sent(a_message("plain"))
    assert body["notification"] == {"title": "Sale", "body": "Everything must go"}
    assert orjson.loads(body["data"]) == {"notificationId": "plain"}
    assert "ttl" not in body["android"]


@pytest.mark.parametrize(
    ("url", "action"),
    [
        (None, {"type": 3}),
        ("https://example.com/a?b=c#d", {"type": 2, "url": "https://example.com/a?b=c#d"}),
        (
            "myapp://sale/7?x=1",
            {
                "type": 1,
                "intent": "intent://sale/7?x=1#Intent;scheme=myapp;launchFlags=0x04000000;end",
            },
        ),
        (
            "tel:+15550100",
            {
                "type": 1,
                "intent": "intent:+15550100#Intent;scheme=tel;launchFlags=0x04000000;end",
            },
        ),
    ],
)
def test_a_tap_always_leads_somewhere(url: str | None, action: dict[str, Any]) -> None:
    body = sent(a_message(url=url))
    assert body["android"]["notification"]["click_action"] == action


@pytest.mark.parametrize(
    ("lifetime", "ttl"),
    [
        (timedelta(hours=1), "3600s"),
        (timedelta(seconds=1.9), "1s"),
        (timedelta(0), "1s"),
        (timedelta(hours=-1), "1s"),
        (timedelta(days=15), "1296000s"),
        (timedelta(days=365), "1296000s"),
    ],
)
def test_an_expiry_is_passed_on_within_huaweis_bounds(lifetime: timedelta, ttl: str) -> None:
    assert sent(a_message(expires_at=NOW + lifetime))["android"]["ttl"] == ttl


@given(id=st.text("abcXYZ019", min_size=1, max_size=20))
def test_the_number_to_replace_by_is_positive_and_fits(id: str) -> None:
    assert 1 <= notify_id(id) <= 2**31 - 1
    assert notify_id(id) == notify_id(id)


def test_the_number_to_replace_by_is_the_same_in_every_version() -> None:
    assert notify_id("n" * 20) == 1_438_437_736
    assert len({notify_id(f"notification-{n}") for n in range(10_000)}) == 10_000


@given(listed=st.lists(st.text(max_size=20).filter(fits_json), max_size=5))
def test_no_address_can_reach_beyond_its_place(listed: list[str]) -> None:
    before = b'{"validate_only":false,"message":{"token":'
    body = orjson.loads(Payload("", before, b',"android":{}}}').body(listed))
    assert body == {"validate_only": False, "message": {"token": listed, "android": {}}}
