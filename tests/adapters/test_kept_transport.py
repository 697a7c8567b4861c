"""The transport below Firestore's REST API: what a server may do to it, and what it then says."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Self

import httpx
import pytest

from local.emulators.apns.certificates import ApnsCa
from shared.wire.kept_transport import KeptTransport

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Act = Callable[[socket.socket], None]


class Server:
    """Reads a request, does what is next on its list, and then answers well for ever."""

    def __init__(self, *faults: Act) -> None:
        self._faults = list(faults)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        self.first_acted = threading.Event()
        self.requests: list[bytes] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/x"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line:
            while request := line.recv(65536):
                self.requests.append(request)
                act = self._faults.pop(0) if self._faults else says(OK)
                try:
                    act(line)
                except OSError:
                    return
                finally:
                    self.first_acted.set()


def says(*parts: bytes, end: bool = False) -> Act:
    def act(line: socket.socket) -> None:
        for part in parts:
            line.sendall(part)
        if end:
            line.shutdown(socket.SHUT_RDWR)

    return act


def a_request(url: str, read: float = 5.0, content: bytes = b"{}") -> httpx.Request:
    timeout = {"connect": 1.0, "read": read, "write": 1.0, "pool": 1.0}
    return httpx.Request("POST", url, content=content, extensions={"timeout": timeout})


@pytest.fixture
def transport() -> Iterator[KeptTransport]:
    with KeptTransport() as transport:
        yield transport


def test_requests_follow_one_another_on_one_connection(transport: KeptTransport) -> None:
    with Server() as server:
        for _ in range(3):
            answer = transport.handle_request(a_request(server.url))
            assert (answer.status_code, answer.read()) == (200, b"ok")
        assert server.connections == 1
        assert server.requests[0].endswith(b"\r\n\r\n{}")
        assert b"content-length: 2" in server.requests[0].lower()


def test_an_answer_in_pieces_is_put_together(transport: KeptTransport) -> None:
    begin = b"HTTP/1.1 200 OK\r\ntransfer-enco"
    pieces = (begin, b"ding: chunked\r\n\r\n3\r\nabc\r\n", b"0\r\n\r\n")
    with Server(says(*pieces)) as server:
        assert transport.handle_request(a_request(server.url)).read() == b"abc"
        assert transport.handle_request(a_request(server.url)).read() == b"ok"
        assert server.connections == 1


def test_an_interim_answer_is_not_the_answer(transport: KeptTransport) -> None:
    with Server(says(b"HTTP/1.1 103 Early Hints\r\nx-a: b\r\n\r\n" + OK)) as server:
        answer = transport.handle_request(a_request(server.url))
    assert (answer.status_code, answer.read()) == (200, b"ok")
    assert "x-a" not in answer.headers


@pytest.mark.parametrize(
    "act",
    [
        says(OK, end=True),
        says(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"),
        says(OK + OK),
    ],
)
def test_a_connection_that_is_not_sound_is_not_used_again(
    transport: KeptTransport, act: Act
) -> None:
    with Server(act) as server:
        for _ in range(2):
            assert transport.handle_request(a_request(server.url)).read() == b"ok"
            assert server.first_acted.wait(5)
        assert server.connections == 2


def test_one_that_was_idle_for_too_long_is_not_used_again() -> None:
    with Server() as server, KeptTransport(idle_seconds=-1.0) as transport:
        for _ in range(2):
            transport.handle_request(a_request(server.url))
        assert server.connections == 2


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        (says(end=True), httpx.RemoteProtocolError),
        (says(OK[:-1], end=True), httpx.RemoteProtocolError),
        (says(b"<html>"), httpx.RemoteProtocolError),
        (says(), httpx.ReadTimeout),
        (says(OK[:-1]), httpx.ReadTimeout),
    ],
)
def test_a_request_that_was_written_and_not_answered_is_one_request_in_doubt(
    transport: KeptTransport, act: Act, fault: type[httpx.TransportError]
) -> None:
    with Server(act) as server:
        with pytest.raises(fault):
            transport.handle_request(a_request(server.url, read=0.2))
        assert len(server.requests) == 1
        assert transport.handle_request(a_request(server.url)).read() == b"ok"
        assert server.connections == 2


def test_a_request_that_never_left_says_so(transport: KeptTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(httpx.ConnectError):
        transport.handle_request(a_request(f"http://127.0.0.1:{port}/x"))
    with pytest.raises(httpx.ConnectError):
        transport.handle_request(a_request("http://nowhere.invalid/x"))


def test_a_server_that_cannot_prove_its_name_gets_no_request(transport: KeptTransport) -> None:
    context = ApnsCa().server_context()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with pytest.raises(OSError), context.wrap_socket(line, server_side=True):
                raise AssertionError("somebody trusted it")

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(httpx.ConnectError):
            transport.handle_request(a_request(f"https://127.0.0.1:{listener.getsockname()[1]}/x"))
        thread.join()


def test_threads_share_it_each_on_a_connection_of_its_own(transport: KeptTransport) -> None:
    together = threading.Barrier(4)
    answers: list[bytes] = []

    def waits(line: socket.socket) -> None:
        together.wait(5)
        line.sendall(OK)

    with Server(*[waits] * 4) as server:

        def ask() -> None:
            answers.append(transport.handle_request(a_request(server.url)).read())

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (answers, server.connections) == ([b"ok"] * 4, 4)
