"""One HTTP/2 connection, on top of the h2 library: turns, answers, and what a fault means.

A request is written whole or not at all, so that everything unwritten can safely go elsewhere. What
was written is in doubt when the connection ends, unless the server said that it was not carried
out: by REFUSED_STREAM, or by a GOAWAY that names an earlier stream as its last.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hpack import HeaderTuple

from shared.adapters.h2_frames import Frames, GoAway
from shared.adapters.one_shot_http import Fault, HttpAnswer

MOST_ANSWER_BYTES = 64 * 1024
MOST_STREAM_ID = 2**31 - 1000
QUIET_SECONDS = 10.0
"""After so long a silence a PING must be answered before a request is risked."""
IDLE_SECONDS = 900.0
"""After so long nobody keeps a connection alive: Apple, a NAT, or a frozen instance ended it."""

_PING = b"fanfare?"
_log = logging.getLogger(__name__)

UNWRITTEN = Fault("the connection ended before the request's turn", ambiguous=False)


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and what comes back; ``stream`` is 0 while it waits for its turn."""

    headers: list[HeaderTuple]
    body: bytes
    result: "asyncio.Future[HttpAnswer | Fault]"
    stream: int = 0
    status: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""

    def settle(self, result: HttpAnswer | Fault) -> None:
        if not self.result.done():
            self.result.set_result(result)


class Connection(asyncio.Protocol):
    """One connection, with as many streams as the server allows; one until the first success.

    Apple allows one stream until a token has proved good, whatever its settings say at first.
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._h2 = H2Connection(
            H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self._frames = Frames()
        self._waiting: deque[Exchange] = deque()
        self._open: dict[int, Exchange] = {}
        self._proven = False
        self._draining = ""
        self._flushing = False
        self._heard = self._loop.time()
        self._pong: asyncio.Future[bool] | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()

    # ---- for the client ----------------------------------------------------------------------

    def sound(self) -> bool:
        """Whether another request may go out without asking first."""
        busy = bool(self._open or self._waiting)
        return self._lives() and (busy or self._silence() < QUIET_SECONDS)

    async def answers_ping(self, seconds: float) -> bool:
        """Whether somebody is still there."""
        if not self._lives() or self._silence() > IDLE_SECONDS:
            return False
        self._pong = self._loop.create_future()
        self._h2.ping(_PING)
        self._flush()
        try:
            async with asyncio.timeout(seconds):
                return await self._pong
        except TimeoutError:
            self.abort("no answer to a PING")
            return False

    async def exchange(self, exchange: Exchange, seconds: float) -> HttpAnswer | Fault:
        """Send when it is its turn; wait for the answer, or for what became of it."""
        alarm = self._loop.call_later(seconds, self._expire, exchange)
        self._waiting.append(exchange)
        self._admit()
        try:
            return await exchange.result
        finally:
            alarm.cancel()
            self._forget(exchange)

    def drain(self, why: str) -> None:
        """Start nothing new; end when what is under way has ended."""
        self._draining = self._draining or why
        while self._waiting:
            self._waiting.popleft().settle(UNWRITTEN)
        self._end_if_drained()

    def abort(self, why: str) -> None:
        """End at once."""
        self._fail(why)
        self._transport.abort()

    # ---- turns -------------------------------------------------------------------------------

    def _lives(self) -> bool:
        return not (self._draining or self.ended.done() or self._transport.is_closing())

    def _silence(self) -> float:
        return self._loop.time() - self._heard

    def _admit(self) -> None:
        """Whole requests only: one that lacks its end is certainly not carried out."""
        while self._waiting and self._has_room(len(self._waiting[0].body)):
            exchange = self._waiting.popleft()
            if exchange.result.done():
                continue
            exchange.stream = self._h2.get_next_available_stream_id()
            self._open[exchange.stream] = exchange
            self._h2.send_headers(exchange.stream, exchange.headers)
            self._h2.send_data(exchange.stream, exchange.body, end_stream=True)
            if exchange.stream > MOST_STREAM_ID:
                self.drain("no stream ids left")
            self._flush_soon()

    def _has_room(self, size: int) -> bool:
        settings = self._h2.remote_settings
        most = settings.max_concurrent_streams if self._proven else 1
        window = min(self._h2.outbound_flow_control_window, settings.initial_window_size)
        return len(self._open) < most and window >= size and not self._draining

    def _expire(self, exchange: Exchange) -> None:
        exchange.settle(Fault("no answer in time", ambiguous=bool(exchange.stream)))

    def _forget(self, exchange: Exchange) -> None:
        """Of a stream without an answer the server is told, so that it ends there as well."""
        if not exchange.stream and exchange in self._waiting:
            self._waiting.remove(exchange)
        if self._open.pop(exchange.stream, None) is not None and not self.ended.done():
            self._h2.reset_stream(exchange.stream, ErrorCodes.CANCEL)
            self._flush()
            self._turn_over()

    def _turn_over(self) -> None:
        self._admit()
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if self._draining and not self._open and not self.ended.done():
            self._transport.close()

    def _flush_soon(self) -> None:
        """All requests of one turn of the loop go out in one write."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if (out := self._h2.data_to_send()) and not self._transport.is_closing():
            self._transport.write(out)

    # ---- what the event loop calls -----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._h2.initiate_connection()
        self._h2.update_settings({SettingCodes.ENABLE_PUSH: 0})
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        try:
            readable, goaway = self._frames.split(data)
            for event in self._h2.receive_data(readable):
                self._react(event)
        except ProtocolError as broken:
            self._flush()
            self.abort(f"not HTTP/2: {type(broken).__name__}")
            return
        if goaway is not None:
            self._go_away(goaway)
        self._admit()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("connection lost" if exc is None else f"connection lost: {exc}")
        if not self.ended.done():
            self.ended.set_result(None)

    # ---- what comes in -----------------------------------------------------------------------

    def _react(self, event: Event) -> None:
        match event:
            case ResponseReceived():
                self._begin(event)
            case DataReceived():
                self._read(event)
            case StreamEnded():
                self._finish(event.stream_id or 0)
            case StreamReset():
                self._reset(event)
            case PingAckReceived():
                if self._pong is not None and not self._pong.done():
                    self._pong.set_result(True)
            case _:
                pass

    def _begin(self, event: ResponseReceived) -> None:
        if (exchange := self._open.get(event.stream_id or 0)) is None:
            return
        told = {k.decode("latin-1"): v.decode("latin-1") for k, v in event.headers or ()}
        status = told.pop(":status", "")
        exchange.status = int(status) if status.isascii() and status.isdigit() else 0
        exchange.answer_headers = told

    def _read(self, event: DataReceived) -> None:
        stream = event.stream_id or 0
        self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
        if (exchange := self._open.get(stream)) is None:
            return
        exchange.answer += event.data or b""
        if len(exchange.answer) > MOST_ANSWER_BYTES:
            exchange.settle(Fault("too long an answer", ambiguous=True))

    def _finish(self, stream: int) -> None:
        if (exchange := self._open.pop(stream, None)) is None:
            return
        # A refused token proves nothing; any other answer was given to a good one.
        self._proven = self._proven or exchange.status != 403
        exchange.settle(HttpAnswer(exchange.status, exchange.answer_headers, exchange.answer))
        self._end_if_drained()

    def _reset(self, event: StreamReset) -> None:
        if (exchange := self._open.pop(event.stream_id or 0, None)) is None:
            return
        refused = event.error_code == ErrorCodes.REFUSED_STREAM
        exchange.settle(Fault(f"stream reset: {event.error_code}", ambiguous=not refused))
        self._end_if_drained()

    def _go_away(self, goaway: GoAway) -> None:
        _log.warning("GOAWAY: code %d, %s", goaway.code, goaway.reason or "no reason")
        fault = Fault(f"going away: {goaway.reason or goaway.code}", ambiguous=False)
        for stream in [it for it in self._open if it > goaway.last_stream]:
            self._open.pop(stream).settle(fault)
        self.drain("going away")

    def _fail(self, why: str) -> None:
        """What was written is in doubt; what was not moves on."""
        self._draining = self._draining or why
        for exchange in self._open.values():
            exchange.settle(Fault(why, ambiguous=True))
        self._open.clear()
        while self._waiting:
            self._waiting.popleft().settle(UNWRITTEN)
        if self._pong is not None and not self._pong.done():
            self._pong.set_result(False)
