"""One HTTP/2 connection: turns, answers, and what a fault means.

A request is written whole or not at all, so that every unwritten request can safely go out on
another connection. What was written is in doubt when the connection ends, unless the server said
that it was not carried out: by REFUSED_STREAM, by a GOAWAY that names an earlier stream as its
last, or by a TLS alert about our certificate, which in TLS 1.3 comes after the handshake. The h2
library would do for all of this but that it costs three times the CPU and reads no answers after a
GOAWAY.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shared.wire.http2 import frames as h2
from shared.wire.http2.frames import Frame, Frames, GoAway, Kind, NotHttp2, Setting
from shared.wire.http2.headers import HeaderReader
from shared.wire.http11 import Fault, HttpAnswer, answer_of
from shared.wire.tls_alerts import refuses_our_certificate

MOST_ANSWER_BYTES = 64 * 1024
MOST_STREAM_ID = 2**31 - 1000
IDLE_SECONDS = 900.0
"""After so long a silence the connection is dead: Apple, a NAT, or a frozen instance ended it."""

_PING = b"fanfare?"
_FIRST_WINDOW = 65_535
_ANSWER_WINDOW = 2 * MOST_ANSWER_BYTES
_SETTINGS = h2.settings(HEADER_TABLE_SIZE=0, ENABLE_PUSH=0, INITIAL_WINDOW_SIZE=_ANSWER_WINDOW)
_READ_HEADERS = frozenset({":status", "retry-after", "date", "content-encoding"})
"""Headers of an answer that are read. With no table to keep, others are not even decoded."""
_NO_LIMIT = 2**31
_log = logging.getLogger(__name__)

UNWRITTEN = Fault("the connection ended before the request's turn", ambiguous=False)


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and what comes back; ``stream`` is 0 while it waits for its turn."""

    headers: bytes
    body: bytes
    result: "asyncio.Future[HttpAnswer | Fault]"
    deadline: float = 0.0
    stream: int = 0
    status: int = 0
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer: bytes = b""

    def settle(self, result: HttpAnswer | Fault) -> None:
        if not self.result.done():
            self.result.set_result(result)


class Connection(asyncio.Protocol):
    """One connection, with as many streams as the server allows; one until the first success.

    Apple allows one stream until a token has proved good, whatever its settings say at first. After
    ``quiet_seconds`` of silence a PING must be answered before another request is risked, even
    while others still wait for theirs: it may be the connection that died.
    """

    _transport: asyncio.Transport

    def __init__(self, quiet_seconds: float) -> None:
        self._quiet_seconds = quiet_seconds
        self._loop = asyncio.get_running_loop()
        self._frames = Frames()
        self._reader = HeaderReader(_READ_HEADERS)
        self._block: tuple[Frame, bytes] | None = None
        self._out: list[bytes] = []
        self._next_stream = 1
        self._most_streams = _NO_LIMIT
        self._turns = 1
        self._stream_window = self._window = _FIRST_WINDOW
        self._unacknowledged = 0
        self._queue: deque[Exchange] = deque()
        self._watched: dict[Exchange, None] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._open: dict[int, Exchange] = {}
        self._proven = False
        self.greeted = self.ended_wordless = False
        self._draining = ""
        self._flushing = False
        self._last_received_at = self._loop.time()
        self._pong: asyncio.Future[bool] | None = None
        self.refusal: Fault | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()

    # ---- for the client ----------------------------------------------------------------------

    def sound(self) -> bool:
        """Tell whether another request may go out without a PING first."""
        return self._lives() and self._silence() < self._quiet_seconds

    async def answers_ping(self, seconds: float) -> bool:
        """Send a PING; tell whether it was answered.

        A connection that is just ending is let end first: only its end says whether the server
        refused us.
        """
        if self._transport.is_closing() and not self._draining:
            await asyncio.wait([self.ended], timeout=seconds)
        if not self._lives() or self._silence() > IDLE_SECONDS:
            return False
        self._pong = self._loop.create_future()
        self._out.append(h2.frame(Kind.PING, 0, 0, _PING))
        self._flush()
        try:
            async with asyncio.timeout(seconds):
                return await self._pong
        except TimeoutError:
            self.abort("no answer to a PING")
            return False

    async def exchange(self, headers: bytes, body: bytes, seconds: float) -> HttpAnswer | Fault:
        """Send when it is its turn; wait for the answer, or for what became of it."""
        exchange = Exchange(headers, body, self._loop.create_future())
        self._watch(exchange, seconds)
        self._queue.append(exchange)
        self._admit()
        try:
            return await exchange.result
        finally:
            self._forget(exchange)

    def drain(self, why: str) -> None:
        """Start nothing new; end when what is under way has ended."""
        self._draining = self._draining or why
        while self._queue:
            self._queue.popleft().settle(UNWRITTEN)
        self._end_if_drained()

    def abort(self, why: str) -> None:
        """End at once."""
        self._fail(why)
        self._transport.abort()

    # ---- turns -------------------------------------------------------------------------------

    def _lives(self) -> bool:
        return not (self._draining or self.ended.done() or self._transport.is_closing())

    def _silence(self) -> float:
        return self._loop.time() - self._last_received_at

    def _admit(self) -> None:
        """Write waiting requests, whole ones only: a request that lacks its end is certainly not
        carried out.
        """
        while self._queue and self._has_room(len(self._queue[0].body)):
            exchange = self._queue.popleft()
            if exchange.result.done():
                continue
            exchange.stream = self._next_stream
            self._next_stream += 2
            self._window -= len(exchange.body)
            self._open[exchange.stream] = exchange
            self._out.append(h2.request(exchange.stream, exchange.headers, exchange.body))
            if exchange.stream > MOST_STREAM_ID:
                self.drain("no stream ids left")
            self._flush_soon()

    def _has_room(self, size: int) -> bool:
        has_turn = len(self._open) < self._turns and not self._draining
        return has_turn and self._window >= size <= self._stream_window

    def _count_turns(self) -> None:
        self._turns = self._most_streams if self._proven else min(1, self._most_streams)

    def _watch(self, exchange: Exchange, seconds: float) -> None:
        """Start the request's time; one alarm serves all.

        Every exchange has the same time, so the first is the next to expire. An alarm for each
        would have to be set and taken back for every push.
        """
        exchange.deadline = self._loop.time() + seconds
        self._watched[exchange] = None
        if self._alarm is None:
            self._alarm = self._loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._alarm = None
        now = self._loop.time()
        for exchange in self._watched:
            if exchange.deadline > now:
                self._alarm = self._loop.call_later(exchange.deadline - now, self._expire)
                return
            exchange.settle(Fault("no answer in time", ambiguous=bool(exchange.stream)))

    def _forget(self, exchange: Exchange) -> None:
        """Drop an exchange; without an answer, reset its stream, so that the server ends it as
        well.
        """
        del self._watched[exchange]
        if not exchange.stream and exchange in self._queue:
            self._queue.remove(exchange)
        if self._open.pop(exchange.stream, None) is not None and not self.ended.done():
            self._out.append(h2.frame(Kind.RST_STREAM, 0, exchange.stream, h2.CANCEL.to_bytes(4)))
            self._flush()
            self._turn_over()

    def _turn_over(self) -> None:
        self._admit()
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if self._draining and not self._open and not self.ended.done():
            self._transport.close()

    def _flush_soon(self) -> None:
        """Schedule one write for all requests of this turn of the loop."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._out and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    # ---- what the event loop calls -----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._out += (h2.PREFACE, _SETTINGS)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._last_received_at = self._loop.time()
        self.greeted = True
        try:
            for each in self._frames.read(data):
                self._react(each)
        except NotHttp2 as broken:
            self.abort(f"not HTTP/2: {broken}")
            return
        self._admit()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        why = "connection lost" if exc is None else f"connection lost: {exc}"
        refuses_us = not self.greeted and refuses_our_certificate(exc)
        if refuses_us:
            _log.error("our certificate is refused: %s", exc)
        self.ended_wordless = not (self.greeted or self._draining or refuses_us)
        self._fail(why, refuses_us=refuses_us)
        if self._alarm is not None:
            self._alarm.cancel()
        if not self.ended.done():
            self.ended.set_result(None)

    # ---- what comes in -----------------------------------------------------------------------

    def _react(self, each: Frame) -> None:
        if self._block is not None and each.kind != Kind.CONTINUATION:
            raise NotHttp2("half a header block")
        if (reaction := _REACTIONS.get(each.kind)) is not None:
            reaction(self, each)

    def _headers(self, each: Frame) -> None:
        """Decode a header block, whichever stream it is for: all streams share the table that it
        changes.
        """
        first, before = self._block or (each, b"")
        if first.stream != each.stream or (first is each) == (each.kind == Kind.CONTINUATION):
            raise NotHttp2("a header block out of turn")
        block = before + each.content()
        if len(block) > MOST_ANSWER_BYTES:
            raise NotHttp2("too long a header block")
        self._block = None if each.flags & h2.END_HEADERS else (first, block)
        if self._block is None:
            self._begin(first.stream, self._reader.read(block))
            self._finish_if_last(first)

    def _begin(self, stream: int, headers: dict[str, str]) -> None:
        """Begin an answer with its final headers; trailers and interim answers (1xx) change
        nothing.
        """
        status = headers.get(":status", "")
        exchange = self._open.get(stream)
        if exchange is None or not (status.isascii() and status.isdigit()):
            return
        exchange.status = int(status[:3])
        exchange.answer_headers = headers

    def _data(self, each: Frame) -> None:
        self._unacknowledged += len(each.payload)
        if self._unacknowledged > _FIRST_WINDOW // 2:
            room = self._unacknowledged.to_bytes(4)
            self._out.append(h2.frame(Kind.WINDOW_UPDATE, 0, 0, room))
            self._unacknowledged = 0
        if (exchange := self._open.get(each.stream)) is None:
            return
        exchange.answer += each.content()
        if len(exchange.answer) > MOST_ANSWER_BYTES:
            exchange.settle(Fault("too long an answer", ambiguous=True))
        self._finish_if_last(each)

    def _finish_if_last(self, each: Frame) -> None:
        if not each.flags & h2.END_STREAM:
            return
        if (exchange := self._open.pop(each.stream, None)) is None:
            return
        if not self._proven and exchange.status != 403:
            # A refused token proves nothing; any other answer was given to a good one.
            self._proven = True
            self._count_turns()
        headers = exchange.answer_headers
        encoding = headers.get("content-encoding", "")
        exchange.settle(answer_of(exchange.status, headers, exchange.answer, encoding))
        self._end_if_drained()

    def _reset(self, each: Frame) -> None:
        code = each.number()
        if (exchange := self._open.pop(each.stream, None)) is not None:
            fault = Fault(f"stream reset: {code}", ambiguous=code != h2.REFUSED_STREAM)
            exchange.settle(fault)
            self._end_if_drained()

    def _settings(self, each: Frame) -> None:
        if each.flags & h2.ACK:
            return
        for name, value in each.settings():
            if name == Setting.MAX_CONCURRENT_STREAMS:
                self._most_streams = value
                self._count_turns()
            elif name == Setting.INITIAL_WINDOW_SIZE:
                self._stream_window = value
        self._out.append(h2.frame(Kind.SETTINGS, h2.ACK, 0))

    def _ping(self, each: Frame) -> None:
        if not each.flags & h2.ACK:
            self._out.append(h2.frame(Kind.PING, h2.ACK, 0, each.payload))
        elif self._pong is not None and not self._pong.done():
            self._pong.set_result(True)

    def _widen(self, each: Frame) -> None:
        """Enlarge the connection's window. A stream's own is ignored: a body that does not fit it
        never goes out.
        """
        if not each.stream:
            self._window += each.number()

    def _go_away(self, each: Frame) -> None:
        goaway: GoAway = h2.read_goaway(each.payload)
        _log.warning("GOAWAY: code %d, %s", goaway.code, goaway.reason or "no reason")
        fault = Fault(f"going away: {goaway.reason or goaway.code}", ambiguous=False)
        for stream in [it for it in self._open if it > goaway.last_stream]:
            self._open.pop(stream).settle(fault)
        self.drain("going away")

    def _refuse(self, each: Frame) -> None:
        raise NotHttp2(f"frame {each.kind} was not asked for")

    def _fail(self, why: str, *, refuses_us: bool = False) -> None:
        """Give every written request a ``Fault``, and let unwritten ones move to another
        connection.

        What was written is in doubt. If our certificate is refused, nothing was read, and another
        connection would be refused as well.
        """
        self._draining = self._draining or why
        fault = Fault(why, ambiguous=not refuses_us, refuses_us=refuses_us)
        self.refusal = fault if refuses_us else None
        for exchange in self._open.values():
            exchange.settle(fault)
        self._open.clear()
        while self._queue:
            self._queue.popleft().settle(fault if refuses_us else UNWRITTEN)
        if self._pong is not None and not self._pong.done():
            self._pong.set_result(False)


_REACTIONS: Mapping[int, Callable[[Connection, Frame], None]] = {
    Kind.DATA: Connection._data,
    Kind.HEADERS: Connection._headers,
    Kind.CONTINUATION: Connection._headers,
    Kind.RST_STREAM: Connection._reset,
    Kind.SETTINGS: Connection._settings,
    Kind.PUSH_PROMISE: Connection._refuse,
    Kind.PING: Connection._ping,
    Kind.GOAWAY: Connection._go_away,
    Kind.WINDOW_UPDATE: Connection._widen,
}
