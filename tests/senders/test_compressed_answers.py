"""Answers that come compressed unasked are read as what they are, or as lost: never misread."""

import gzip
import zlib

import pytest

from shared.domain.push.answers import Accepted, AddressGone, Answer, RetryLater
from shared.domain.push.reactions import ANSWER_LOST, CREDENTIALS_REFUSED
from shared.wire.encodings import decoded
from shared.wire.http11 import MOST_ANSWER_BYTES
from tests.senders import hms_parts
from tests.senders.hms_parts import HmsSending
from tests.senders.parts import FixedTokens, Misbehaving, Sending, answer

TAKEN = b'{"name":"projects/p/messages/1"}'
GONE = (
    b'{"error":{"status":"NOT_FOUND","details":[{"@type":'
    b'"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}'
)


def raw_deflate(body: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(body) + packing.flush()


BOMB = gzip.compress(b" " * 50_000_000)
BROTLI = b"\x0b\x02\x80{}\x03"
PACKED = {
    "gzip": gzip.compress(GONE),
    "x-gzip": gzip.compress(GONE),
    "GZIP": gzip.compress(GONE),
    "deflate": zlib.compress(GONE),
    "deflate ": raw_deflate(GONE),
    "identity": GONE,
    "deflate, gzip": gzip.compress(zlib.compress(GONE)),
}
UNREADABLE = {
    "br": BROTLI,
    "zstd": b"\x28\xb5\x2f\xfd",
    "gzip": b"\x1f\x8b but nothing behind it",
    "gzip ": gzip.compress(GONE)[:-4],
    "deflate": b"no such thing",
    " gzip": BOMB,
    "gzip, gzip": gzip.compress(BOMB),
}


def packed(status: int, body: bytes, encoding: str) -> bytes:
    head = b"HTTP/1.1 %d X\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, encoding.encode(), len(body)) + body


def from_fcm(content: bytes) -> Answer:
    with Misbehaving(answer(content)) as server, Sending(server.url) as send:
        return send("token")[0]


@pytest.mark.parametrize(("encoding", "body"), PACKED.items(), ids=PACKED)
def test_what_can_be_unpacked_means_what_it_says(encoding: str, body: bytes) -> None:
    assert from_fcm(packed(404, body, encoding)) == AddressGone("unregistered")


@pytest.mark.parametrize(("encoding", "body"), UNREADABLE.items(), ids=UNREADABLE)
@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_what_cannot_be_read_is_neither_a_success_nor_a_failure(
    status: int, encoding: str, body: bytes
) -> None:
    assert from_fcm(packed(status, body, encoding)) == ANSWER_LOST


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(429, RetryLater("quotaExceeded", 60.0)), (503, RetryLater("unavailable"))],
)
def test_a_status_that_says_enough_still_decides(status: int, meaning: Answer) -> None:
    assert from_fcm(packed(status, BROTLI, "br")) == meaning


def test_a_refused_access_token_is_still_renewed() -> None:
    tokens = FixedTokens("old", "new")
    acts = [answer(packed(401, BROTLI, "br")), answer(packed(200, gzip.compress(TAKEN), "gzip"))]
    with Misbehaving(*acts) as server, Sending(server.url, tokens) as send:
        assert send("token") == [Accepted("1")]
    with Misbehaving(answer(packed(401, BROTLI, "br"))) as server, Sending(server.url) as send:
        assert send("token") == [CREDENTIALS_REFUSED]


def test_the_connection_is_kept_and_the_next_plain_answer_is_read_as_it_is() -> None:
    acts = [answer(packed(200, BROTLI, "br")), answer()]
    with Misbehaving(*acts) as server, Sending(server.url) as send:
        assert send("one") + send("two") == [ANSWER_LOST, Accepted("1")]
        assert server.connections == 1


def test_huaweis_answers_are_unpacked_or_lost_as_well() -> None:
    body = hms_parts.OK.partition(b"\r\n\r\n")[2]
    acts = [answer(packed(200, gzip.compress(body), "gzip")), answer(packed(200, BROTLI, "br"))]
    with Misbehaving(*acts) as server, HmsSending(server.url) as send:
        assert send("one", "two") == [Accepted("7")] * 2
        assert send("one", "two") == [ANSWER_LOST] * 2


def test_no_more_is_unpacked_than_an_answer_may_be_long() -> None:
    most = b"x" * MOST_ANSWER_BYTES
    assert decoded(gzip.compress(most), "gzip", MOST_ANSWER_BYTES) == most
    assert decoded(gzip.compress(most + b"x"), "gzip", MOST_ANSWER_BYTES) is None


def test_an_empty_body_needs_no_unpacking() -> None:
    assert decoded(b"", "gzip", 10) == b""
    assert decoded(b"", "br", 10) == b""
