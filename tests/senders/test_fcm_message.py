"""What is sent: a body FCM takes, with the replace key for every platform."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.emulators.fcm.schema import Unacceptable
from local.emulators.fcm.validation import check, replace_key
from shared.adapters.push.addresses import fits_json
from shared.domain.audience.device import AddressKind
from shared.domain.content.content import Content
from shared.domain.human_text import is_blank
from shared.domain.push.fcm import MOST_BYTES
from shared.domain.push.languages import LANGUAGES
from shared.domain.push.reactions import PAYLOAD_TOO_BIG
from shared.domain.push.rendering import Payload
from shared.domain.push.sizes import size
from tests.senders.parts import NOW, Message, a_message

FCM = AddressKind.FCM


def size_of(content: Content) -> int:
    return size(content, LANGUAGES[FCM])


def sent(message: Message, token: str = "token") -> dict[str, Any]:
    """Read the message by FCM's own checks."""
    return check(message.payload(FCM).body(token)).message


texts = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs", "Cc"]),
        st.sampled_from('"\\/\n\t😀👩‍👩‍👧‍👦‮⁦é\u2028\ufeff'),
    ),
    min_size=1,
)


def visible(most: int) -> st.SearchStrategy[str]:
    """Draw texts in which something can be seen, as submitted content has them."""
    return texts.map(lambda text: text.strip()[:most]).filter(lambda text: not is_blank(text))


paths = st.text("abc/é?&=\"'%", max_size=60)
contents = st.builds(
    Content,
    title=visible(100),
    body=visible(500),
    image=st.none() | paths.map("https://example.com/".__add__),
    url=st.none() | paths.map("https://example.com/".__add__) | paths.map("app://x/".__add__),
    url_button_name=st.none() | visible(50),
    force_timer=st.none() | st.integers(1, 10),
)
messages = st.builds(
    Message,
    id=st.text("abcXYZ019", min_size=20, max_size=20),
    content=contents,
    expires_at=st.none() | st.integers(-9, 10**8).map(lambda s: NOW + timedelta(seconds=s)),
)
tokens = st.text(min_size=1, max_size=300).filter(fits_json)


@given(message=messages, token=tokens)
def test_every_message_is_one_that_fcm_takes_as_it_was_meant(message: Message, token: str) -> None:
    body = sent(message, token)
    content = message.content
    assert body["token"] == token
    assert body["notification"] == {
        name: value
        for name, value in (("title", content.title), ("body", content.body))
        if value is not None
    } | ({"image": content.image} if content.image else {})
    assert replace_key(body) == message.id


def test_a_payload_is_refused_at_the_first_byte_too_many() -> None:
    def of(characters: int) -> Content:
        url = "https://example.com/" + "é" * 400
        return Content.model_construct(title="t", body="x" * characters, url=url)

    most = 1 + MOST_BYTES - size_of(of(1))
    message = Message("i" * 20, of(most))
    assert size_of(message.content) == MOST_BYTES
    check(message.payload(FCM).body("t"))
    assert replace(message, content=of(most + 1)).rendered(FCM) == PAYLOAD_TOO_BIG


def test_the_emulator_draws_the_line_where_we_do() -> None:
    fields = orjson.loads(a_message().payload(FCM).body("t"))["message"]
    room = MOST_BYTES - size_of(a_message().content)
    body = fields["notification"]["body"]
    for extra, fits in ((0, True), (200, False)):
        fields["notification"]["body"] = body + "x" * (room + extra)
        if fits:
            check(orjson.dumps({"message": fields}))
        else:
            with pytest.raises(Unacceptable, match="too big"):
                check(orjson.dumps({"message": fields}))


def test_everything_a_provider_sets_reaches_the_device() -> None:
    body = sent(
        a_message(
            "notification-0000000",
            image="https://example.com/i.png",
            url="https://example.com/sale",
            url_button_name="Buy",
            force_timer=3,
        )
    )
    assert body == {
        "token": "token",
        "notification": {
            "title": "Sale",
            "body": "Everything must go",
            "image": "https://example.com/i.png",
        },
        "data": {
            "notificationId": "notification-0000000",
            "url": "https://example.com/sale",
            "urlButtonName": "Buy",
            "forceTimer": "3",
        },
        "android": {"priority": "HIGH", "notification": {"tag": "notification-0000000"}},
        "apns": {
            "headers": {
                "apns-priority": "10",
                "apns-push-type": "alert",
                "apns-collapse-id": "notification-0000000",
            },
            "payload": {"aps": {"mutable-content": 1}},
            "fcmOptions": {"image": "https://example.com/i.png"},
        },
        "webpush": {
            "headers": {"Urgency": "high"},
            "notification": {"tag": "notification-0000000", "image": "https://example.com/i.png"},
            "fcmOptions": {"link": "https://example.com/sale"},
        },
    }


def test_a_link_without_a_button_name_opens_with_open() -> None:
    assert sent(a_message(url="https://example.com"))["data"]["urlButtonName"] == "Open"


def test_a_deep_link_is_for_apps_and_not_for_the_web() -> None:
    body = sent(a_message(url="myapp://sale/7"))
    assert body["data"]["url"] == "myapp://sale/7"
    assert "fcmOptions" not in body["webpush"]


@pytest.mark.parametrize(
    ("lifetime", "ttl"),
    [
        (timedelta(hours=1), "3600"),
        (timedelta(seconds=1.9), "1"),
        (timedelta(0), "0"),
        (timedelta(hours=-1), "0"),
        (timedelta(days=28), "2419200"),
        (timedelta(days=365), "2419200"),
    ],
)
def test_an_expiry_is_passed_on_to_every_platform(lifetime: timedelta, ttl: str) -> None:
    body = sent(a_message(expires_at=NOW + lifetime))
    assert body["android"]["ttl"] == f"{ttl}s"
    assert body["webpush"]["headers"]["TTL"] == ttl
    assert body["apns"]["headers"]["apns-expiration"] == str(int((NOW + lifetime).timestamp()))


def test_without_an_expiry_the_services_own_defaults_hold() -> None:
    body = sent(a_message())
    assert "ttl" not in body["android"]
    assert "TTL" not in body["webpush"]["headers"]
    assert "apns-expiration" not in body["apns"]["headers"]


@given(address=st.text(max_size=20))
def test_no_address_can_reach_beyond_its_place(address: str) -> None:
    if fits_json(address):
        body = orjson.loads(Payload("", b'{"message":{"token":', b',"android":{}}}').body(address))
        assert body == {"message": {"token": address, "android": {}}}
