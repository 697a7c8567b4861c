"""A sender with everything around it, and a server that behaves as badly as it is told."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from local.emulators.background import Background
from shared.adapters.push.fcm import FcmSender
from shared.domain.audience.device import AddressKind, PushAddress
from shared.domain.content.content import Content
from shared.domain.content.shown import shown
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.answers import Answer, Unsendable
from shared.domain.push.languages import LANGUAGES
from shared.domain.push.rendering import Options, Payload, Push
from shared.flow.delivery.push_round import report
from shared.ports import Sender
from shared.wire.http11 import KeptConnections

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n{"name":"projects/p/messages/1"}'
SHORT_SECONDS = 0.3


@dataclass(frozen=True)
class Message:
    """A notification as it is sent to every address."""

    id: str
    content: Content
    sending_at: datetime = NOW
    expires_at: datetime | None = None

    def rendered(self, kind: AddressKind, now: datetime = NOW) -> Payload | Unsendable:
        """Render the message in one push service's language."""
        options = Options(self.id, self.sending_at, now, self.expires_at)
        return LANGUAGES[kind].payload(shown(self.content), options)

    def payload(self, kind: AddressKind, now: datetime = NOW) -> Payload:
        """Render the message, which must fit."""
        rendered = self.rendered(kind, now)
        assert isinstance(rendered, Payload)
        return rendered


def pushes(message: Message, to: Sequence[PushAddress], now: datetime = NOW) -> list[Push]:
    """Pair each address with the payload of its push service."""
    kinds = {address.kind for address in to}
    payloads = {kind: message.payload(kind, now) for kind in kinds}
    return [(address, payloads[address.kind]) for address in to]


def sent(sender: Sender, message: Message, to: Sequence[PushAddress]) -> list[Answer]:
    """Send as the verbs do: what may be our fault is logged once a send."""
    answers = list(sender.send(pushes(message, to)))
    for service in {address.service for address in to}:
        report(service, NotificationId(message.id), answers)
    return answers


def a_message(id: str = "n" * 20, **changes: Any) -> Message:
    content = {"title": "Sale", "body": "Everything must go"}
    fields = {
        name: changes.pop(name) for name in list(changes) if name in Message.__dataclass_fields__
    }
    return Message(id=id, content=Content(**content | changes), **fields)


def addresses(*values: str) -> list[PushAddress]:
    return [PushAddress(AddressKind.FCM, value) for value in values]


class FixedTokens:
    """Access tokens from a list; the last one for ever."""

    def __init__(self, *tokens: str | Exception) -> None:
        self._tokens = list(tokens or ("access",))
        self.refused: list[str] = []

    def current(self, refused: str = "") -> str:
        if refused:
            self.refused.append(refused)
            if self._tokens[0] == refused and len(self._tokens) > 1:
                self._tokens.pop(0)
        token = self._tokens[0]
        if isinstance(token, Exception):
            raise token
        return token


class Sending:
    """``with Sending(url) as send: send("token")``."""

    def __init__(self, url: str, tokens: FixedTokens | None = None, **http: Any) -> None:
        self.clients: list[KeptConnections] = []
        self._http = http

        def connections(base: str) -> KeptConnections:
            self.clients.append(KeptConnections(base, **self._http))
            return self.clients[-1]

        self.sender = FcmSender("demo-p", tokens or FixedTokens(), url, http=connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sender.close()

    def wait_for_answers(self, seconds: float) -> None:
        """Set how long requests wait from now on."""
        self._http["answer_seconds"] = seconds
        for client in self.clients:
            client._answer_seconds = seconds

    def notices_ends(self) -> bool:
        """Tell whether no kept connection can be used any more."""
        return not any(each.usable() for client in self.clients for each in client._idle)

    def __call__(self, *values: str, message: Message | None = None) -> list[Answer]:
        return sent(self.sender, message or a_message(), addresses(*values))


def received(url: str, token: str) -> list[dict[str, Any]]:
    """Return what the emulator received for one address."""
    answer = httpx.get(f"{url}/received", params={"token": token, "limit": 10_000}, timeout=60)
    return list(answer.json()["received"])


# ---- a server that misbehaves ----------------------------------------------------------------

Act = Callable[[asyncio.StreamWriter], bool]
"""What is done once a request has been read; returns whether the connection lives on."""


def answer(content: bytes = OK, *, then_close: bool = False) -> Act:
    def act(writer: asyncio.StreamWriter) -> bool:
        writer.write(content)
        return not then_close

    return act


def close(writer: asyncio.StreamWriter) -> bool:
    return False


def reset(writer: asyncio.StreamWriter) -> bool:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


def keep_quiet(writer: asyncio.StreamWriter) -> bool:
    return True


class Misbehaving:
    """Does one act for each request, in order; the last one for ever."""

    def __init__(self, *faults: Act, tls: ssl.SSLContext | None = None) -> None:
        self._faults = list(faults)
        self._tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self._background = Background(self._listening)

    def __enter__(self) -> Self:
        self.port = self._background.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._background.stop()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[int]:
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            tasks.add(asyncio.create_task(self._serve(reader, writer)))

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=self._tls)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while await self._one(reader, writer):
                    pass
            finally:
                writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if b"content-length" in line)
        body = await reader.readexactly(int(length.partition(b":")[2]))
        self.requests.append(head + body)
        act = self._faults.pop(0) if len(self._faults) > 1 else self._faults[0]
        lives = act(writer)
        if lives or not writer.transport.is_closing():
            await writer.drain()
        return lives


def codes(answers: Sequence[Answer]) -> list[str]:
    return [getattr(a, "code", "accepted") for a in answers]
