"""One port for both of Firestore's languages: gRPC, which begins as HTTP/2 does, and REST."""

import asyncio
from collections.abc import Callable

_HTTP2 = b"PRI"
"""First bytes of HTTP/2's preface; no method of HTTP/1.1 begins so."""


class Front(asyncio.Protocol):
    """Connection whose first bytes decide who answers it: the server of HTTP/1.1 in this process,
    or gRPC's at a port of its own.
    """

    _transport: asyncio.Transport

    def __init__(self, http: Callable[[], asyncio.BaseProtocol], grpc_port: int) -> None:
        self._http, self._grpc_port = http, grpc_port
        self._begun = b""
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._begun += data
        if len(self._begun) < len(_HTTP2):
            return
        if self._begun.startswith(_HTTP2):
            self._transport.pause_reading()
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
            return
        http = self._http()
        self._transport.set_protocol(http)
        http.connection_made(self._transport)
        if isinstance(http, asyncio.Protocol):
            http.data_received(self._begun)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            inner, _ = await loop.create_connection(
                lambda: Pipe(self._transport), "127.0.0.1", self._grpc_port
            )
        except OSError:
            self._transport.abort()
            return
        self._transport.set_protocol(Pipe(inner))
        inner.write(self._begun)
        if self._transport.is_closing():
            inner.close()
        else:
            self._transport.resume_reading()


class Pipe(asyncio.Protocol):
    """Side of a connection whose bytes go on to the other side, no faster than that takes them."""

    def __init__(self, other: asyncio.Transport) -> None:
        self._other = other

    def data_received(self, data: bytes) -> None:
        self._other.write(data)

    def pause_writing(self) -> None:
        if not self._other.is_closing():
            self._other.pause_reading()

    def resume_writing(self) -> None:
        if not self._other.is_closing():
            self._other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._other.close()
