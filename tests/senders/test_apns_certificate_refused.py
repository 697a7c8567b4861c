"""A client certificate that Apple refuses in the handshake. TLS 1.3 tells it after ours is over,
when requests are already written: they were not read, waiting does not help, and no address pays.
"""

import socket
import ssl
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

import pytest

from local.emulators.apns.certificates import ApnsCa
from shared.adapters.push.apns import PRODUCTION, ApnsSender
from shared.adapters.push.apns_credentials import Certificate, Credential
from shared.domain.audience.device import AddressKind, PushAddress
from shared.domain.push.answers import Answer, Misconfigured, RetryLater
from shared.settings.credentials.p12 import P12Certificate
from shared.wire.http2.connection import Connection
from shared.wire.http11 import Fault, HttpAnswer
from tests.senders.apns_parts import TOPIC, Tokens, minted
from tests.senders.parts import a_message, pushes

REFUSED = Misconfigured("credentialsRefused")
CLOSES = "closes every connection made with this certificate"


class Strict:
    """Takes connections only under certificates of its own authority, and tells others why not.

    ``mute`` closes without a word instead, as asyncio's servers do.
    """

    def __init__(self, version: ssl.TLSVersion, *, mute: bool = False) -> None:
        self.ca = ApnsCa()
        self.connections = 0
        self._mute = mute
        self._context = self.ca.server_context()
        self._context.set_alpn_protocols(["h2"])
        self._context.maximum_version = version
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                self._refuse(self._listening.accept()[0])

    def _refuse(self, raw: socket.socket) -> None:
        self.connections += 1
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        handshake = self._context.wrap_bio(incoming, outgoing, server_side=True)
        with raw, suppress(OSError):
            while True:
                try:
                    handshake.do_handshake()
                except ssl.SSLWantReadError:
                    raw.sendall(outgoing.read())
                    incoming.write(raw.recv(65_536))
                except ssl.SSLError:
                    break
            raw.sendall(b"" if self._mute else outgoing.read())
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65_536):  # or what is unread would reset the connection, alert and all
                pass

    def answers(
        self, credential: Credential, tmp_path: Path, devices: int, sends: int = 1
    ) -> list[Answer]:
        ca_file = tmp_path / "ca.pem"
        ca_file.write_bytes(self.ca.pem)
        url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"
        sender = ApnsSender(
            TOPIC, {PRODUCTION: credential}, {PRODUCTION: url}, ca_file=str(ca_file)
        )
        try:
            to_all = pushes(a_message(), some(devices))
            return [it for _ in range(sends) for it in sender.send(to_all)]
        finally:
            sender.close()


def some(devices: int) -> list[PushAddress]:
    return [PushAddress(AddressKind.APNS, f"t{n}", PRODUCTION) for n in range(devices)]


def a_certificate(ca: ApnsCa) -> Credential:
    return Certificate(P12Certificate(ca.client_p12(TOPIC, "secret"), "secret", TOPIC))


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_of_an_unknown_authority_is_told_as_such(
    version: ssl.TLSVersion, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Strict(version) as server:
        answers = server.answers(a_certificate(ApnsCa()), tmp_path, 50)
    assert answers == [REFUSED] * 50
    assert "our certificate is refused" in caplog.text


def test_the_refusal_may_arrive_while_requests_are_still_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that come after it share it, instead of being refused on a connection each."""
    begin, begun = Connection.exchange, count()

    def slow(it: Connection, *request: Any) -> Coroutine[Any, Any, HttpAnswer | Fault]:
        if next(begun) % 3 == 2:
            time.sleep(0.1)
        return begin(it, *request)

    monkeypatch.setattr(Connection, "exchange", slow)
    with Strict(ssl.TLSVersion.TLSv1_3) as server:
        answers = server.answers(a_certificate(ApnsCa()), tmp_path, 50)
        assert answers == [REFUSED] * 50
        assert server.connections == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_no_certificate_where_one_is_asked_for_is_told_as_such(
    version: ssl.TLSVersion, tmp_path: Path
) -> None:
    with Strict(version) as server:
        (answer,) = server.answers(Tokens(minted()), tmp_path, 1)
    expected = REFUSED if version is ssl.TLSVersion.TLSv1_3 else RetryLater("notSent")
    assert answer == expected


def test_a_connection_that_ends_without_a_word_is_not_blamed_on_the_certificate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Strict(ssl.TLSVersion.TLSv1_3, mute=True) as server:
        answers = server.answers(a_certificate(ApnsCa()), tmp_path, 3)
    assert all(isinstance(answer, RetryLater) for answer in answers)
    assert CLOSES not in caplog.text


@pytest.mark.parametrize("version", VERSIONS)
def test_but_when_every_connection_does_somebody_is_told(
    version: ssl.TLSVersion, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Strict(version, mute=True) as server:
        answers = server.answers(a_certificate(ApnsCa()), tmp_path, 3, sends=5)
    assert all(isinstance(answer, RetryLater) for answer in answers), "no address pays for a guess"
    assert CLOSES in caplog.text


def test_without_a_certificate_there_is_none_to_suspect(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Strict(ssl.TLSVersion.TLSv1_3, mute=True) as server:
        server.answers(Tokens(minted()), tmp_path, 3, sends=5)
    assert CLOSES not in caplog.text
