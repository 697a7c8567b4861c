"""What Apple is given: a payload within its limit, and headers by its rules."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.push.addresses import apns_id, fits_path
from shared.domain.audience.device import AddressKind
from shared.domain.content.content import Content
from shared.domain.push.apns import MOST_BYTES
from shared.domain.push.languages import LANGUAGES
from shared.domain.push.reactions import PAYLOAD_TOO_BIG
from shared.domain.push.sizes import size
from tests.senders.parts import Message, a_message

APNS = AddressKind.APNS
FULL = {
    "image": "https://example.com/i.png",
    "url": "https://example.com/sale",
    "url_button_name": "Buy",
    "force_timer": 5,
}


def payload(**fields: Any) -> dict[str, Any]:
    return dict(json.loads(a_message(**fields).payload(APNS).before))


def test_a_plain_notification_is_an_alert_with_a_sound() -> None:
    assert payload(title="T", body="B") == {
        "aps": {"alert": {"title": "T", "body": "B"}, "sound": "default"},
        "notificationId": "n" * 20,
    }


def test_everything_a_provider_set_is_in_it() -> None:
    told = payload(**FULL)
    assert told["aps"]["mutable-content"] == 1, "an extension fetches the image"
    assert {name: told[name] for name in ("image", "url", "urlButtonName", "forceTimer")} == {
        "image": "https://example.com/i.png",
        "url": "https://example.com/sale",
        "urlButtonName": "Buy",
        "forceTimer": "5",
    }


def test_the_collapse_id_is_the_notifications_id() -> None:
    assert dict(a_message("some-id").payload(APNS).headers) == {
        b"apns-push-type": b"alert",
        b"apns-priority": b"10",
        b"apns-collapse-id": b"some-id",
    }


@pytest.mark.parametrize(
    ("expires_at", "seconds"),
    [
        (datetime(2026, 1, 1, 12, 0, 0, 900_000, tzinfo=UTC), b"1767268800"),
        (datetime(1969, 1, 1, tzinfo=UTC), b"0"),
    ],
)
def test_an_expiry_is_whole_seconds_and_never_negative(
    expires_at: datetime, seconds: bytes
) -> None:
    common = dict(a_message(expires_at=expires_at).payload(APNS).headers)
    assert common[b"apns-expiration"] == seconds


def test_an_id_is_canonical_and_the_same_at_every_attempt() -> None:
    first, again = (apns_id("n" * 20, "ab12") for _ in range(2))
    assert first == again
    assert str(uuid.UUID(first)) == first
    assert apns_id("n" * 20, "ab13") != first
    assert apns_id("m" * 20, "ab12") != first


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_payload_of_4096_bytes_passes_and_one_more_does_not(over: int) -> None:
    def with_body(length: int) -> Message:
        content = Content().model_copy(update={"body": "x" * length})
        return Message("n" * 20, content)

    room = MOST_BYTES - size(with_body(0).content, LANGUAGES[APNS])
    fitted = with_body(room + over)
    if over > 0:
        assert fitted.rendered(APNS) == PAYLOAD_TOO_BIG
    else:
        assert len(fitted.payload(APNS).before) == MOST_BYTES + over


@pytest.mark.parametrize("good", ["00" * 32, "ab" * 100, "unregistered-1", "A_b-9"])
def test_a_token_of_any_length_fits(good: str) -> None:
    assert fits_path(good)


@pytest.mark.parametrize("bad", ["", "x" * 513, "a/b", "a?b", "a b", "é", "a\r\nb", "%41", "a\n"])
def test_what_would_leave_the_path_is_no_token(bad: str) -> None:
    assert not fits_path(bad)
