"""One attempt is one request over HTTP/2 as well; and a fault says what may have arrived."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from local.emulators.apns.certificates import ApnsCa
from local.emulators.background import Background
from shared.adapters.push.apns_certificate import trust
from shared.wire.http2 import connection as h2_connection
from shared.wire.http2.client import H2Client, common
from shared.wire.http2.frames import Frames, GoAway, Kind, NotHttp2, read_goaway, settings
from shared.wire.http11 import Fault, HttpAnswer
from shared.wire.loop import LoopThread
from tests.conftest import eventually
from tests.senders.parts import SHORT_SECONDS

BODY = b'{"aps":{}}'


class Peer:
    """One connection, from the server's side."""

    def __init__(self, server: "Server", writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.writer = writer
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.complete: list[int] = []
        self.most_open = 0
        self._open: set[int] = set()

    def react(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, RequestReceived):
                self._open.add(event.stream_id or 0)
                self.most_open = max(self.most_open, len(self._open))
            if isinstance(event, StreamEnded):
                self.complete.append(event.stream_id or 0)
                self.server.requests += 1
                self.server.act(self)
        self.flush()

    def flush(self) -> None:
        if not self.server.mute and not self.writer.transport.is_closing():
            self.writer.write(self.h2.data_to_send())

    def answer(self, stream: int) -> None:
        self._open.discard(stream)
        self.h2.send_headers(stream, [(":status", "200")], end_stream=True)

    def go_away(self, last_stream: int) -> None:
        self.flush()
        self.writer.write(GoAwayFrame(0, last_stream).serialize())


Act = Callable[[Peer], None]
QUIET = {"quiet_seconds": SHORT_SECONDS, "ping_seconds": SHORT_SECONDS}


def answer(peer: Peer) -> None:
    peer.answer(peer.complete[-1])


class Server:
    """Does ``act`` after every complete request."""

    def __init__(self, act: Act = answer, settings: dict[int, int] | None = None) -> None:
        self.act = act
        self.settings = settings or {}
        self.mute = False
        self.requests = 0
        self.peers: list[Peer] = []
        self.ca = ApnsCa()
        self.alpn = True
        self._background = Background(self._listening)

    def __enter__(self) -> Self:
        self.port = self._background.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._background.stop()

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[int]:
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.create_task(self._serve(reader, writer)))

        context = self.ca.server_context()
        if not self.alpn:
            context.set_alpn_protocols(["http/1.1"])
        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(self, writer)
        self.peers.append(peer)
        peer.h2.local_settings.update(self.settings)
        peer.h2.local_settings.acknowledge()
        peer.h2.initiate_connection()
        peer.flush()
        with suppress(ConnectionError, ssl.SSLError):
            try:
                while data := await reader.read(65536):
                    peer.react(data)
            finally:
                writer.transport.abort()


class Client:
    """``H2Client`` on a loop of its own."""

    def __init__(self, server: Server, tmp: str, **http: Any) -> None:
        with open(tmp, "wb") as file:  # noqa: PTH123
            file.write(server.ca.pem)
        url = f"https://127.0.0.1:{server.port}"
        self._thread = LoopThread("test")
        self._client = H2Client(url, trust(None, tmp), **http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.run(self._client.close())
        self._thread.stop()

    def begin(self, path: bytes) -> Future[HttpAnswer | Fault]:
        """Begin a request without waiting for it."""

        async def one() -> HttpAnswer | Fault:
            return (await self._client.post(path, (), common((), BODY))).answer

        return asyncio.run_coroutine_threadsafe(one(), self._thread._loop)

    def notices_end(self) -> bool:
        kept = self._client._connection
        return kept is None or not kept.sound()

    def sleep(self, seconds: float) -> None:
        self._thread.run(asyncio.sleep(seconds))

    def post(self, count: int = 1, body: bytes = BODY) -> list[HttpAnswer | Fault]:
        async def all_at_once() -> list[HttpAnswer | Fault]:
            shared = common(((b"apns-topic", b"t"),), body)
            paths = (b"/3/device/%d" % number for number in range(count))
            requests = (self._client.post(each, (), shared) for each in paths)
            return [posted.answer for posted in await asyncio.gather(*requests)]

        return self._thread.run(all_at_once())


def reasons(results: list[HttpAnswer | Fault]) -> list[str]:
    words = {True: "in doubt", False: "not sent"}
    return [words[it.ambiguous] if isinstance(it, Fault) else str(it.status) for it in results]


@pytest.fixture
def ca(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("ca") / "ca.pem")


def answer_first_then(act: Act, after: int) -> Act:
    """Answer the first request alone; ``act`` once ``after`` more have come to the connection."""

    def acting(peer: Peer) -> None:
        if len(peer.server.peers) > 1 or len(peer.complete) == 1:
            answer(peer)
        elif len(peer.complete) == after + 1:
            act(peer)

    return acting


def test_streams_above_the_last_of_a_goaway_were_not_sent(ca: str) -> None:
    def act(peer: Peer) -> None:
        peer.go_away(peer.complete[2])
        peer.writer.close()

    with Server(answer_first_then(act, 4)) as server, Client(server, ca) as client:
        assert reasons(client.post(5)) == ["200", "in doubt", "in doubt", "not sent", "not sent"]
        assert server.requests == 5, "nothing was sent again"


def test_answers_to_streams_below_are_still_read(ca: str) -> None:
    def act(peer: Peer) -> None:
        peer.go_away(peer.complete[2])
        peer.answer(peer.complete[1])
        peer.answer(peer.complete[2])

    with Server(answer_first_then(act, 4)) as server, Client(server, ca) as client:
        assert reasons(client.post(5)) == ["200", "200", "200", "not sent", "not sent"]
        assert reasons(client.post(2)) == ["200", "200"]
        assert len(server.peers) == 2


def test_a_goaway_that_names_no_stream_lets_all_of_them_end(ca: str) -> None:
    def act(peer: Peer) -> None:
        peer.go_away(2**31 - 1)
        for stream in peer.complete[1:]:
            peer.answer(stream)

    with Server(answer_first_then(act, 3)) as server, Client(server, ca) as client:
        assert reasons(client.post(4)) == ["200"] * 4
        assert reasons(client.post()) == ["200"]
        assert len(server.peers) == 2


def test_a_lost_connection_leaves_what_was_written_in_doubt(ca: str) -> None:
    with (
        Server(answer_first_then(lambda it: it.writer.transport.abort(), 3)) as server,
        Client(server, ca) as client,
    ):
        assert reasons(client.post(4)) == ["200", "in doubt", "in doubt", "in doubt"]
        assert server.requests == 4


def test_no_more_streams_are_opened_than_the_server_allows(ca: str) -> None:
    def late(peer: Peer) -> None:
        stream = peer.complete[-1]

        def now() -> None:
            peer.answer(stream)
            peer.flush()

        asyncio.get_running_loop().call_later(0.01, now)

    with (
        Server(late, {SettingCodes.MAX_CONCURRENT_STREAMS: 3}) as server,
        Client(server, ca) as client,
    ):
        assert reasons(client.post(20)) == ["200"] * 20
        assert server.peers[0].most_open == 3


def test_bodies_wait_for_the_servers_window(ca: str) -> None:
    """The h2 library on the other side would end the connection over one byte too many."""

    def slowly(peer: Peer) -> None:
        answer(peer)
        peer.h2.increment_flow_control_window(4000)

    with Server(slowly) as server, Client(server, ca) as client:
        assert reasons(client.post(60, b"x" * 4000)) == ["200"] * 60
        assert len(server.peers) == 1


def test_a_request_that_never_gets_its_turn_was_not_sent(ca: str) -> None:
    with (
        Server(lambda _: None) as server,
        Client(server, ca, answer_seconds=SHORT_SECONDS) as client,
    ):
        answers = reasons(client.post(3))
        assert answers[0] == "in doubt"
        assert set(answers[1:]) <= {"in doubt", "not sent"}
        # Written is in doubt, whether or not the server came to read it: never the other way round.
        assert server.requests <= answers.count("in doubt")


def test_after_a_silence_a_ping_goes_first(ca: str) -> None:
    with Server() as server, Client(server, ca, quiet_seconds=0.0) as client:
        assert reasons([*client.post(), *client.post()]) == ["200", "200"]
        assert len(server.peers) == 1


def test_an_unanswered_ping_costs_a_connection_but_no_request(ca: str) -> None:
    patience = {"ping_seconds": SHORT_SECONDS, "quiet_seconds": 0.0}
    with Server() as server, Client(server, ca, **patience) as client:
        client.post()
        server.mute = True
        server._background.call(lambda: _speak_again(server))
        assert reasons(client.post()) == ["200"]
        assert (len(server.peers), server.requests) == (2, 2)


def test_what_a_dead_connection_lost_is_never_lost_on_it_again(ca: str) -> None:
    """However long a silence was to be borne: never longer than one waits for an answer."""
    patience = {"answer_seconds": SHORT_SECONDS, "ping_seconds": SHORT_SECONDS}
    with Server() as server, Client(server, ca, quiet_seconds=60.0, **patience) as client:
        client.post()
        server.mute = True
        assert reasons(client.post()) == ["in doubt"]
        server._background.call(lambda: _speak_again(server))
        client._client._answer_seconds = 10.0
        assert reasons(client.post()) == ["200"]
        assert len(server.peers) == 2


def test_a_dead_connection_is_found_out_while_others_wait_for_it(ca: str) -> None:
    with Server() as server, Client(server, ca, **QUIET) as client:
        client.post()
        server.mute = True
        server._background.call(lambda: _speak_again(server))
        lost = client.begin(b"/3/device/lost")
        client.sleep(2 * SHORT_SECONDS)
        assert reasons(client.post()) == ["200"]
        assert reasons([lost.result()]) == ["in doubt"]


def _speak_again(server: Server) -> None:
    """Answer new connections; the first one stays mute."""
    first = server.peers[0]
    first.flush = lambda: None  # type: ignore[method-assign]
    server.mute = False


def test_a_connection_idle_for_long_is_not_used(ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h2_connection, "IDLE_SECONDS", -1.0)
    with Server() as server, Client(server, ca, quiet_seconds=0.0) as client:
        client.post()
        client.post()
        assert len(server.peers) == 2


def test_a_connection_the_server_closed_meanwhile_is_not_used(ca: str) -> None:
    with Server() as server, Client(server, ca) as client:
        for _ in range(3):
            assert reasons(client.post()) == ["200"]
            server._background.call(server.peers[-1].writer.close)
            eventually(client.notices_end, "the client sees that its connection was closed")
        assert (len(server.peers), server.requests) == (3, 3)


# ---- certainly not sent ----------------------------------------------------------------------


def test_a_refused_connection_means_not_sent(ca: str) -> None:
    with Server() as server, Client(server, ca) as client:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            client._client._port = probe.getsockname()[1]
        assert reasons(client.post(3)) == ["not sent"] * 3


def test_a_server_that_speaks_no_http2_gets_no_request(ca: str) -> None:
    server = Server()
    server.alpn = False
    with server, Client(server, ca) as client:
        assert reasons(client.post()) == ["not sent"]
        assert server.requests == 0


def test_a_server_nobody_vouches_for_gets_no_request(ca: str) -> None:
    with Server() as server:
        other = Server()
        other.port = server.port
        with Client(other, ca) as client:
            assert reasons(client.post()) == ["not sent"]
        assert server.requests == 0


def test_a_server_that_never_shakes_hands_means_not_sent(ca: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        other = Server()
        other.port = silent.getsockname()[1]
        with Client(other, ca, connect_seconds=SHORT_SECONDS) as client:
            assert reasons(client.post(2)) == ["not sent"] * 2


def test_all_that_wait_for_a_connection_share_its_failure(ca: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        other = Server()
        other.port = silent.getsockname()[1]
        with Client(other, ca, connect_seconds=SHORT_SECONDS) as client:
            for attempts in (1, 2):
                assert reasons(client.post(50)) == ["not sent"] * 50
                silent.settimeout(0.1)
                opened = 0
                with suppress(TimeoutError):
                    while True:
                        silent.accept()[0].close()
                        opened += 1
                assert opened == 1, f"the {attempts}. time"


# ---- frames ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2, 9, 10, 1000])
def test_a_goaway_is_found_wherever_the_network_cuts(step: int) -> None:
    ping = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + b"12345678"
    debug = b'{"reason":"Shutdown"}'
    given = ping + GoAwayFrame(0, 7, 2, additional_data=debug).serialize() + ping
    frames = Frames()
    found = frames.read(settings())
    for start in range(0, len(given), step):
        found += frames.read(given[start : start + step])
    assert [it.kind for it in found] == [Kind.SETTINGS, Kind.PING, Kind.GOAWAY, Kind.PING]
    assert read_goaway(found[2].payload) == GoAway(7, 2, "Shutdown")


@pytest.mark.parametrize("debug", [b"", b"{", b"[1]", b'{"reason":7}', b"\xff"])
def test_a_goaway_without_a_reason_is_read_all_the_same(debug: bytes) -> None:
    told = GoAwayFrame(0, 3, additional_data=debug).serialize()[9:]
    assert read_goaway(told) == GoAway(3, 0, "")


@pytest.mark.parametrize("size", [0, 3, 7])
def test_half_a_goaway_does_not_pass_for_one_that_nothing_was_carried_out(size: int) -> None:
    with pytest.raises(NotHttp2, match="half a GOAWAY"):
        read_goaway(bytes(size))
