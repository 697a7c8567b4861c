"""One attempt is one request, whatever the network does; and a fault says what may have arrived."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.emulators.background import ServedApp
from local.emulators.fcm.server import app
from shared.domain.push.answers import Accepted, RetryLater
from shared.wire import http11
from shared.wire.http11 import Fault, HttpAnswer, KeptConnections, Target
from tests.conftest import eventually
from tests.senders.conftest import Tls
from tests.senders.parts import (
    OK,
    SHORT_SECONDS,
    Act,
    Misbehaving,
    Sending,
    answer,
    close,
    keep_quiet,
    reset,
)

LOST = RetryLater("answerLost", ambiguous=True)
NOT_SENT = RetryLater("notSent")
TARGET = Target("/path", (("Authorization", "Bearer secret"),))

AFTER_SENDING: dict[str, Act] = {
    "closed": close,
    "reset": reset,
    "no answer": keep_quiet,
    "half a head": answer(b"HTTP/1.1 200 OK\r\nConten", then_close=True),
    "half a body": answer(b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"na', then_close=True),
    "half a body, then silence": answer(b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"na'),
    "half a chunk": answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{", then_close=True
    ),
    "not HTTP": answer(b"\x16\x03\x01 hello\r\n\r\n"),
    "another version": answer(b"HTTP/7.3 200 OK\r\n\r\n"),
    "two lengths": answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
    "a length that is none": answer(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
    "another protocol": answer(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: x\r\n\r\n"),
    "only an interim answer": answer(b"HTTP/1.1 103 Early Hints\r\n\r\n", then_close=True),
    "endless headers": answer(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000),
    "a huge body": answer(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b" " * 900_000),
}

SILENT = {AFTER_SENDING["no answer"], AFTER_SENDING["half a body, then silence"]}


@pytest.mark.parametrize("act", AFTER_SENDING.values(), ids=AFTER_SENDING)
@pytest.mark.parametrize("connections", [False, True], ids=["new connection", "kept connection"])
def test_a_fault_after_sending_is_one_request_and_in_doubt(act: Act, connections: bool) -> None:
    acts = [answer(), act] if connections else [act]
    with (
        Misbehaving(*acts, answer()) as server,
        Sending(server.url) as send,
    ):
        if connections:
            assert isinstance(send("first")[0], Accepted)
        if act in SILENT:
            send.wait_for_answers(SHORT_SECONDS)
        assert send("token") == [LOST]
        send.wait_for_answers(10.0)
        assert len(server.requests) == 1 + connections
        assert server.connections == 1
        assert isinstance(send("next")[0], Accepted), "the faulty connection is not used again"
        assert server.connections == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_not_used() -> None:
    with Misbehaving(answer(then_close=True)) as server, Sending(server.url) as send:
        for _ in range(3):
            assert isinstance(send("token")[0], Accepted)
            eventually(send.notices_ends, "the client sees that its connection was closed")
        assert len(server.requests) == 3


def test_a_connection_idle_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http11, "IDLE_SECONDS", 0.0)
    with Misbehaving(answer()) as server, Sending(server.url) as send:
        send("one")
        send("two")
        assert server.connections == 2


GOOD: dict[str, tuple[bytes, int]] = {
    "plain": (OK, 1),
    "in chunks": (
        OK.replace(b"Content-Length: 32", b"Transfer-Encoding: chunked")
        .replace(b'{"n', b'3\r\n{"n\r\n1d\r\n')
        .replace(b"}", b"}\r\n0\r\n\r\n"),
        1,
    ),
    "after an interim answer": (b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + OK, 1),
    "asking to close": (OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), 2),
    "followed by bytes nobody asked for": (OK + b"HTTP/1.1 200 OK\r\n\r\n", 2),
    "of the last century": (OK.replace(b"1.1", b"1.0", 1), 2),
}


@pytest.mark.parametrize(("content", "connections"), GOOD.values(), ids=GOOD)
def test_a_good_answer_is_read_and_its_connection_kept_if_it_may_be(
    content: bytes, connections: int
) -> None:
    with Misbehaving(answer(content)) as server, Sending(server.url) as send:
        assert send("one") + send("two") == [Accepted("1")] * 2
        assert server.connections == connections


def test_an_answer_that_ends_with_its_connection_is_complete() -> None:
    page = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<p>Try again</p>"
    with Misbehaving(answer(page, then_close=True)) as server, Sending(server.url) as send:
        assert send("token") == [RetryLater("unavailable", 30.0, ambiguous=True)]


# ---- certainly not sent ----------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_refused_connection_means_not_sent() -> None:
    with Sending(f"http://127.0.0.1:{free_port()}") as send:
        assert send("one", "two") == [NOT_SENT] * 2


def test_a_host_nobody_knows_means_not_sent() -> None:
    with Sending("http://nowhere.invalid") as send:
        assert send("token") == [NOT_SENT]


def test_a_host_that_cannot_be_a_name_means_not_sent() -> None:
    with Sending(f"http://{'x' * 64}.example") as send:
        assert send("token") == [NOT_SENT]


def test_a_server_that_speaks_no_tls_gets_no_request() -> None:
    with (
        Misbehaving(answer()) as server,
        Sending(f"https://127.0.0.1:{server.port}", connect_seconds=SHORT_SECONDS) as send,
    ):
        assert send("token") == [NOT_SENT]
        assert server.requests == []


def test_a_certificate_nobody_vouches_for_gets_no_request(tls: Tls) -> None:
    with Misbehaving(answer(), tls=tls.server) as server, Sending(server.url) as send:
        assert send("token") == [NOT_SENT]
        assert server.requests == []


@contextmanager
def a_listener_that_accepts_nobody() -> Iterator[int]:
    """Listen with a full queue of connections, so that the next one waits for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for each in waiting:
            each.close()


def test_a_connection_that_does_not_come_about_means_not_sent() -> None:
    with (
        a_listener_that_accepts_nobody() as port,
        Sending(f"http://127.0.0.1:{port}", connect_seconds=SHORT_SECONDS) as send,
    ):
        assert send("token") == [NOT_SENT]


# ---- secured ---------------------------------------------------------------------------------


def test_secured_connections_are_kept_and_faults_on_them_mean_the_same(tls: Tls) -> None:
    acts = [answer(), answer(), reset, answer(), close, answer(OK[:50], then_close=True), answer()]
    with (
        Misbehaving(*acts, tls=tls.server) as server,
        Sending(server.url, trust=tls.client) as send,
    ):
        got = [send("token")[0] for _ in acts]
        assert got == [Accepted("1"), Accepted("1"), LOST, Accepted("1"), LOST, LOST, Accepted("1")]
        assert (len(server.requests), server.connections) == (7, 4)


# ---- many at once, and the client by itself ---------------------------------------------------


def test_a_server_that_dies_in_the_middle_leaves_no_address_without_an_answer() -> None:
    acts = [answer()] * 60 + [reset] * 20 + [answer()]
    with Misbehaving(*acts) as server, Sending(server.url) as send:
        answers = send(*(f"t{n}" for n in range(200)))
        assert len(server.requests) == 200
    assert answers.count(LOST) == 20
    assert sum(isinstance(a, Accepted) for a in answers) == 180


def test_a_client_let_go_of_in_the_middle_leaves_nothing_open() -> None:
    async def given_up(port: int) -> None:
        http = KeptConnections(f"http://127.0.0.1:{port}")
        task = asyncio.create_task(http.post(TARGET, b"{}"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await http.close()

    with Misbehaving(keep_quiet) as server:
        asyncio.run(given_up(server.port))


def test_what_is_asked_for_is_what_goes_over_the_wire() -> None:
    async def once(url: str) -> HttpAnswer | Fault:
        http = KeptConnections(url)
        try:
            return await http.post(TARGET, b'{"a":1}')
        finally:
            await http.close()

    with Misbehaving(answer(OK.replace(b"OK\r\n", b"OK\r\nRetry-After: 3\r\n"))) as server:
        got = asyncio.run(once(server.url))
        (request,) = server.requests
    assert isinstance(got, HttpAnswer)
    assert got.headers == {"retry-after": "3", "content-length": "32"}
    assert request.decode() == (
        "POST /path HTTP/1.1\r\nAuthorization: Bearer secret\r\n"
        f'Host: 127.0.0.1:{server.port}\r\nContent-Length: 7\r\n\r\n{{"a":1}}'
    )


def test_a_sender_that_was_closed_starts_anew() -> None:
    with ServedApp(app()) as served, Sending(served.url) as send:
        send("one")
        send.sender.close()
        send.sender.close()
        assert isinstance(send("two")[0], Accepted)
