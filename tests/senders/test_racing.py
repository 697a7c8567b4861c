"""A host whose first addresses swallow packets costs a moment, not the push."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from local.emulators.apns.server import ServedApns
from shared.adapters.push.apns_certificate import trust
from shared.adapters.web.web_risk import WebRisk
from shared.wire import racing
from shared.wire.http2.client import H2Client, common
from shared.wire.http11 import Fault, HttpAnswer, KeptConnections, Target
from shared.wire.kept_transport import KeptTransport
from shared.wire.loop import LoopThread
from shared.wire.racing import Connect, Place, interleaved
from tests.senders.conftest import Tls
from tests.senders.parts import OK, FixedTokens, Misbehaving, answer

V4, V6 = socket.AF_INET, socket.AF_INET6
NO_HURRY_SECONDS = 30.0
"""So long that whoever waited for a swallowed packet would be seen to hang."""


@pytest.fixture(scope="module")
def swallowing() -> Iterator[Place]:
    """Listen at an address whose packets lead nowhere: the listener's queue is full."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as listener:
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield V4, listener.getsockname()
        for caller in callers:
            caller.close()


def at(*places: Place) -> Connect:
    async def resolve(host: str, port: int) -> Sequence[Place]:
        del host, port
        return places

    return partial(racing.connect, resolve=resolve)


def answered(client: KeptConnections) -> HttpAnswer | Fault:
    async def once() -> HttpAnswer | Fault:
        try:
            return await client.post(Target("/", ()), b"{}")
        finally:
            await client.close()

    thread = LoopThread("racing")
    try:
        return thread.run(once())
    finally:
        thread.stop()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_push_over_http_goes_out_while_another_address_swallows(
    secure: bool, swallowing: Place, tls: Tls
) -> None:
    with Misbehaving(answer(OK), tls=tls.server if secure else None) as server:
        client = KeptConnections(
            server.url,
            trust=tls.client,
            connect_seconds=NO_HURRY_SECONDS,
            connect=at(swallowing, (V4, ("127.0.0.1", server.port))),
        )
        got = answered(client)
    assert isinstance(got, HttpAnswer)
    assert got.status == 200


def test_a_push_over_http2_goes_out_while_another_address_swallows(
    swallowing: Place, tmp_path: Path
) -> None:
    with ServedApns(ca_file=tmp_path / "ca.pem") as served:
        place: Place = (V4, ("127.0.0.1", urlsplit(served.url).port))

        async def once() -> HttpAnswer | Fault:
            client = H2Client(
                served.url,
                trust(None, served.ca_file),
                connect_seconds=NO_HURRY_SECONDS,
                connect=at(swallowing, place),
            )
            try:
                return (await client.post(b"/3/device/t", (), common((), b"{}"))).answer
            finally:
                await client.close()

        thread = LoopThread("racing")
        try:
            got = thread.run(once())
        finally:
            thread.stop()
    assert isinstance(got, HttpAnswer)


def test_firestore_is_reached_while_another_address_swallows(swallowing: Place) -> None:
    with Misbehaving(answer(OK)) as server:
        place: Place = (V4, ("127.0.0.1", server.port))
        transport = KeptTransport(connect=at(swallowing, place))
        timeout = {"connect": NO_HURRY_SECONDS}
        request = httpx.Request("POST", server.url, content=b"{}", extensions={"timeout": timeout})
        assert transport.handle_request(request).status_code == 200
        transport.close()


def test_web_risk_is_asked_while_another_address_swallows(swallowing: Place) -> None:
    silent, port = swallowing[1]
    assert isinstance(port, int)
    with socket.create_server(("127.0.0.1", port)) as listener:
        answering = threading.Thread(target=answer_once, args=(listener,))
        answering.start()
        risk = WebRisk(
            FixedTokens(),
            f"http://webrisk.example:{port}",
            resolve=lambda _: [str(silent), "127.0.0.1"],
        )
        assert risk.of("https://a.example/", seconds=NO_HURRY_SECONDS) == ()
        answering.join()


def answer_once(listener: socket.socket) -> None:
    line, _ = listener.accept()
    with line:
        line.recv(65_536)
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


class Attempts:
    """Connects as it is told: places that answer, that refuse, that never say anything."""

    def __init__(self, good: Sequence[object], refusing: Sequence[object] = ()) -> None:
        self.good, self.refusing = good, refusing
        self.begun: list[object] = []
        self.ended: list[object] = []
        self.opened: list[socket.socket] = []

    async def open(self, place: Place) -> socket.socket:
        name = place[1][0]
        self.begun.append(name)
        try:
            if name in self.refusing:
                raise ConnectionRefusedError(name)
            if name not in self.good:
                await asyncio.Event().wait()
            self.opened.append(socket.socket())
            return self.opened[-1]
        finally:
            self.ended.append(name)

    def race(self, *names: str) -> socket.socket:
        async def resolve(host: str, port: int) -> Sequence[Place]:
            return [(V6 if ":" in name else V4, (name, port)) for name in names]

        return asyncio.run(racing.connect("h", 1, resolve=resolve, open_=self.open))


def test_the_next_attempt_begins_beside_one_that_says_nothing_which_is_then_given_up() -> None:
    attempts = Attempts(good=["1.1.1.1"])
    with attempts.race("::1", "1.1.1.1") as won:
        assert won is attempts.opened[0]
    assert attempts.begun == ["::1", "1.1.1.1"]
    assert attempts.ended == ["1.1.1.1", "::1"]


def test_a_refusal_lets_the_next_one_go_at_once_and_the_first_good_one_ends_it() -> None:
    attempts = Attempts(good=["::3", "1.1.1.1"], refusing=["::1"])
    attempts.race("::1", "::2", "::3", "1.1.1.1").close()
    assert attempts.begun == ["::1", "1.1.1.1"]


def test_when_all_are_refused_the_first_refusal_is_told() -> None:
    attempts = Attempts(good=[], refusing=["::1", "1.1.1.1"])
    with pytest.raises(ConnectionRefusedError, match="::1"):
        attempts.race("::1", "1.1.1.1")
    with pytest.raises(OSError, match="no address"):
        attempts.race()


def test_a_connection_that_was_won_second_is_closed() -> None:
    attempts = Attempts(good=["::1", "1.1.1.1"])
    both = asyncio.Event()

    async def open_together(place: Place) -> socket.socket:
        opened = await attempts.open(place)
        both.set() if len(attempts.opened) == 2 else await both.wait()
        return opened

    async def resolve(host: str, port: int) -> Sequence[Place]:
        return [(V6, ("::1", 1)), (V4, ("1.1.1.1", 1))]

    won = asyncio.run(racing.connect("h", 1, resolve=resolve, open_=open_together))
    assert sorted(it.fileno() == -1 for it in attempts.opened) == [False, True]
    won.close()


def test_families_take_turns_and_the_resolvers_first_choice_stays_first() -> None:
    def named(order: str) -> list[Place]:
        return [(V6 if name.isupper() else V4, (name,)) for name in order]

    assert [name for _, (name, *_) in interleaved(named("ABCxy"))] == list("AxByC")
    assert [name for _, (name, *_) in interleaved(named("xyA"))] == list("xAy")
    assert interleaved([]) == []


def test_a_certificate_must_be_the_hosts_whichever_address_won(tls: Tls) -> None:
    trusting = ssl.create_default_context()
    with Misbehaving(answer(OK), tls=tls.server) as server:
        client = KeptConnections(server.url, trust=trusting)
        assert isinstance(answered(client), Fault)
        other = KeptConnections(
            f"https://other.example:{server.port}",
            trust=tls.client,
            connect=at((V4, ("127.0.0.1", server.port))),
        )
        assert isinstance(answered(other), Fault)
