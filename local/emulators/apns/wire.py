"""The APNs emulator's side of an HTTP/2 connection, with every fault a client must survive.

Frames the h2 library would not let out at that moment (an answer after a GOAWAY) are written by
hand. A connection authenticated by token takes one stream until a token has proved good.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame

from local.emulators.apns.answers import Fault, FaultKind
from local.emulators.apns.certificates import topics_of
from local.emulators.apns.checks import Caller

MOST_STREAMS = 1000
HUGE_BYTES = 60_000
_HUGE_PARTS = 4
_LINGER_NOT = struct.pack("ii", 1, 0)
_BABBLE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class Request:
    """Request of one stream, as far as it was received."""

    stream: int
    headers: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request; ``fault`` says how it fails to come, if it does."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    fault: Fault | None = None
    after_seconds: float = 0.0


class Service(Protocol):
    """Decision on answers, apart from their transport."""

    def opened(self) -> int:
        """Count a connection; its number."""

    def early(self) -> None:
        """Count a request beside another before a token has proved good."""

    def answer(self, request: Request, caller: Caller, connection: int) -> Reply:
        """Decide the answer to a complete request."""


class ServerConnection(asyncio.Protocol):
    """Connection of one client."""

    _transport: asyncio.Transport

    def __init__(
        self,
        service: Service,
        register: "set[ServerConnection]",
        otherwise: Callable[[], asyncio.BaseProtocol],
    ) -> None:
        """Create the connection; ``otherwise`` makes the protocol of a client that asked for
        HTTP/1.1.
        """
        self._service = service
        self._register = register
        self._otherwise = otherwise
        self._loop = asyncio.get_running_loop()
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, Request] = {}
        self._under_way: set[int] = set()
        self._caller = Caller()
        self._limit = 1
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def abort(self) -> None:
        """End it at once."""
        self._transport.abort()

    # ---- what the event loop calls -----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1":
            self._transport.set_protocol(other := self._otherwise())
            other.connection_made(transport)
            return
        self._register.add(self)
        self._number = self._service.opened()
        self._caller.topics = topics_of(transport.get_extra_info("peercert"))
        self._limit = 1 if self._caller.topics is None else MOST_STREAMS
        self._h2.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = self._limit
        self._h2.local_settings.acknowledge()
        self._h2.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._register.discard(self)
        if not self.ended.done():
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                if self._transport.is_closing():
                    return  # what came in one piece with the fault is not carried out
                self._react(event)
        except ProtocolError:
            self._flush()
            self._transport.close()
            return
        self._flush()

    def _flush(self) -> None:
        if not self._transport.is_closing() and (out := self._h2.data_to_send()):
            self._transport.write(out)

    # ---- requests ----------------------------------------------------------------------------

    def _react(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._begin(event)
            case DataReceived():
                stream = event.stream_id or 0
                if (request := self._requests.get(stream)) is not None:
                    request.body += event.data or b""
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            case StreamEnded():
                self._finish(event.stream_id or 0)
            case StreamReset():
                self._requests.pop(event.stream_id or 0, None)
                self._under_way.discard(event.stream_id or 0)
            case _:
                pass

    def _begin(self, event: RequestReceived) -> None:
        stream = event.stream_id or 0
        if len(self._under_way) >= self._limit:
            self._service.early()
            self._h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            return
        self._under_way.add(stream)
        headers = [(str(name), str(value)) for name, value in event.headers or ()]
        self._requests[stream] = Request(stream, headers)

    def _finish(self, stream: int) -> None:
        request = self._requests.pop(stream, None)
        if request is None:
            return
        reply = self._service.answer(request, self._caller, self._number)
        if reply.after_seconds:
            self._loop.call_later(reply.after_seconds, self._give_late, stream, reply)
        else:
            self._give(stream, reply)

    def _give_late(self, stream: int, reply: Reply) -> None:
        if stream in self._under_way and not self._transport.is_closing():
            self._give(stream, reply)
            self._flush()

    # ---- answers -----------------------------------------------------------------------------

    def _give(self, stream: int, reply: Reply) -> None:
        kind = reply.fault.kind if reply.fault else FaultKind.ANSWER
        handlers: Mapping[FaultKind, Callable[[int, Reply], None]] = {
            FaultKind.REFUSE: self._refuse,
            FaultKind.RESET_STREAM: self._reset_stream,
            FaultKind.HALF: self._half,
            FaultKind.GOAWAY_BELOW: self._goaway_below,
            FaultKind.GOAWAY_AT: self._goaway_at,
            FaultKind.GOAWAY_ANSWERED: self._goaway_answered,
            FaultKind.CLOSE: self._close,
            FaultKind.RESET: self._reset,
            FaultKind.BABBLE: self._babble,
            FaultKind.HUGE: self._huge,
        }
        handlers.get(kind, self._answer)(stream, reply)
        self._under_way.discard(stream)

    def _answer(self, stream: int, reply: Reply) -> None:
        self._begin_answer(stream, reply, end=not reply.body)
        if reply.body:
            self._h2.send_data(stream, reply.body, end_stream=True)
        if reply.status == 200 and self._limit == 1:
            self._limit = MOST_STREAMS
            self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: MOST_STREAMS})

    def _begin_answer(self, stream: int, reply: Reply, *, end: bool = False) -> None:
        headers = [(":status", str(reply.status)), *reply.headers.items()]
        self._h2.send_headers(stream, headers, end_stream=end)

    def _refuse(self, stream: int, _: Reply) -> None:
        self._h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)

    def _reset_stream(self, stream: int, _: Reply) -> None:
        self._h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)

    def _half(self, stream: int, reply: Reply) -> None:
        self._begin_answer(stream, reply)
        self._h2.send_data(stream, b'{"rea')
        self._h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)

    def _huge(self, stream: int, reply: Reply) -> None:
        """Send as much as a stream's first window holds, and more once that was read."""
        self._begin_answer(stream, reply)
        for part in range(_HUGE_PARTS):
            self._loop.call_later(0.01 * part, self._huge_part, stream)

    def _huge_part(self, stream: int) -> None:
        if self._transport.is_closing():
            return
        try:
            for _ in range(HUGE_BYTES // 15_000):
                room = min(15_000, self._h2.local_flow_control_window(stream))
                self._h2.send_data(stream, b" " * room)
        except ProtocolError:
            return  # the client has had enough of it
        self._flush()

    def _goaway(self, last_stream: int, reason: str) -> None:
        said = b'{"reason":"%b"}' % reason.encode()
        frame = GoAwayFrame(0, last_stream, ErrorCodes.NO_ERROR, additional_data=said)
        self._flush()
        self._transport.write(frame.serialize())

    def _goaway_below(self, stream: int, _: Reply) -> None:
        self._goaway(max(0, stream - 2), "Shutdown")
        self._transport.close()

    def _goaway_at(self, stream: int, _: Reply) -> None:
        self._goaway(stream, "Shutdown")
        self._transport.close()

    def _goaway_answered(self, stream: int, reply: Reply) -> None:
        self._goaway(stream, "Shutdown")
        self._answer(stream, reply)
        self._flush()
        self._transport.close()

    def _close(self, _stream: int, _: Reply) -> None:
        self._flush()
        self._transport.close()

    def _reset(self, _stream: int, _: Reply) -> None:
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()

    def _babble(self, _stream: int, _: Reply) -> None:
        self._flush()
        self._transport.write(_BABBLE)
        self._transport.close()
