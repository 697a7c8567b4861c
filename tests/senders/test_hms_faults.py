"""One attempt is one request to Huawei as well, whatever the network does."""

import socket

import pytest

from shared.domain.push.answers import Accepted, RetryLater
from tests.senders.conftest import Tls
from tests.senders.hms_parts import OK, HmsSending, many
from tests.senders.parts import SHORT_SECONDS, Act, Misbehaving, answer, close, keep_quiet, reset

LOST = RetryLater("answerLost", ambiguous=True)
NOT_SENT = RetryLater("notSent")
LIST = b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"code":"801'

AFTER_SENDING: dict[str, Act] = {
    "closed": close,
    "reset": reset,
    "no answer": keep_quiet,
    "half a head": answer(b"HTTP/1.1 200 OK\r\nConten", then_close=True),
    "half a body": answer(LIST, then_close=True),
    "half a body, then silence": answer(LIST),
    "not HTTP": answer(b"\x16\x03\x01 hello\r\n\r\n"),
    "a huge body": answer(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b" " * 900_000),
    "not JSON": answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{\xff"),
    "a page": answer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"),
}


@pytest.mark.parametrize("act", AFTER_SENDING.values(), ids=AFTER_SENDING)
def test_a_fault_after_sending_is_one_request_and_puts_everybody_in_doubt(act: Act) -> None:
    with (
        Misbehaving(act, answer(OK)) as server,
        HmsSending(server.url, answer_seconds=2 * SHORT_SECONDS) as send,
    ):
        assert send("one", "two") == [LOST] * 2
        assert len(server.requests) == 1
        assert send("next") == [Accepted("7")]


def test_a_refused_connection_means_not_sent() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with HmsSending(f"http://127.0.0.1:{probe.getsockname()[1]}") as send:
            assert send("one", "two") == [NOT_SENT] * 2


def test_over_tls_it_is_the_same(tls: Tls) -> None:
    with (
        Misbehaving(answer(OK), reset, answer(OK), tls=tls.server) as server,
        HmsSending(server.url, trust=tls.client) as send,
    ):
        assert send("one") + send("two") + send("three") == [Accepted("7"), LOST, Accepted("7")]
    with Misbehaving(answer(OK), tls=tls.server) as server, HmsSending(server.url) as send:
        assert send("token") == [NOT_SENT]
        assert server.requests == []


def test_a_fault_in_the_middle_of_halving_is_the_answer_of_that_half_alone() -> None:
    doubt = b'{"code":"80100000","msg":"some"}'
    partial = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(doubt), doubt)
    with Misbehaving(answer(partial), reset, answer(OK)) as server, HmsSending(server.url) as send:
        answers = send(*many(4))
        assert len(server.requests) == 3
    assert sorted(map(str, answers)) == sorted(map(str, [LOST, LOST, Accepted("7"), Accepted("7")]))


def test_halving_ends_where_even_a_single_address_gets_no_clear_answer() -> None:
    doubt = b'{"code":"80100000","msg":"some"}'
    partial = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(doubt), doubt)
    with Misbehaving(answer(partial)) as server, HmsSending(server.url) as send:
        assert send(*many(8)) == [RetryLater("partialUnknown", ambiguous=True)] * 8
        assert len(server.requests) == 15


def test_what_is_asked_for_is_what_goes_over_the_wire() -> None:
    with Misbehaving(answer(OK)) as server, HmsSending(f"{server.url}/prefix/") as send:
        assert send("one", "two") == [Accepted("7")] * 2
        head, _, body = server.requests[0].decode().partition("\r\n\r\n")
    assert head.split("\r\n")[:3] == [
        "POST /prefix/v1/100/messages:send HTTP/1.1",
        "Authorization: Bearer access",
        "Content-Type: application/json; charset=UTF-8",
    ]
    assert body.startswith('{"validate_only":false,"message":{"token":["one","two"],"data":"{')
