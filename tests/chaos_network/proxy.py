"""A network between a sender and an emulator that fails as networks and services do.

Two kinds, since there are two protocols. Of HTTP/1.1 it knows the requests, and can strike before
or after one was carried out; of HTTP/2 under TLS it sees bytes only, and strikes among them. Which
fault comes when is drawn by a seed.
"""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random

GONE = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
SILENCE_SECONDS = 20.0
"""How long the proxy says nothing; senders hang up long before."""
_LINGER_NOT = struct.pack("ii", 1, 0)
_PAUSE_SECONDS = 0.01
_PIECE_BYTES = 64 * 1024

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Luck:
    """Draws faults: ``rate`` of all chances, each kind as likely as any other."""

    rate: float
    chance: Random = field(default_factory=lambda: Random(0))
    dealt: Counter[str] = field(default_factory=Counter)

    def draw(self, kinds: Mapping[str, object]) -> str:
        """Draw the name of a fault, or none."""
        if self.chance.random() >= self.rate:
            return ""
        name = self.chance.choice(sorted(kinds))
        self.dealt[name] += 1
        return name


@asynccontextmanager
async def accepting(serve: Serve) -> AsyncIterator[int]:
    """Listen at a port within the ``with`` block, and serve every connection by ``serve``."""
    going: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(*GONE):
                await serve(reader, writer)
        finally:
            writer.transport.abort()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(one(reader, writer))
        going.add(task)
        task.add_done_callback(going.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        left = list(going)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST, as a host does that has forgotten about it."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()


# ---- HTTP/1.1 ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Link:
    """One sender's connection, and the way on to the emulator."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    onward: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    chance: Random

    async def carried_out(self, request: bytes) -> bytes:
        """Forward a request; return the emulator's answer."""
        reader, writer = self.onward
        writer.write(request)
        return await message(reader)

    async def give(self, answer: bytes) -> None:
        """Pass it to the sender."""
        self.writer.write(answer)
        await self.writer.drain()

    async def silence(self) -> None:
        """Send neither an answer nor an end, until the sender hangs up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SILENCE_SECONDS):
                await self.reader.read(1)


async def message(reader: asyncio.StreamReader) -> bytes:
    """Read one whole request or answer; every one of ours says how long it is."""
    head = await reader.readuntil(b"\r\n\r\n")
    named = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    length = next((int(value) for name, _, value in named if name == b"content-length"), 0)
    return head + await reader.readexactly(length)


Act = Callable[[Link, bytes], Awaitable[bool]]
"""What happens to a request; returns whether the connection lives on."""


async def _relay(link: Link, request: bytes) -> bool:
    await link.give(await link.carried_out(request))
    return True


async def _late(link: Link, request: bytes) -> bool:
    await asyncio.sleep(_PAUSE_SECONDS * link.chance.randrange(1, 6))
    return await _relay(link, request)


async def _slowly(link: Link, request: bytes) -> bool:
    answer = await link.carried_out(request)
    for start in range(0, len(answer), 64):
        await link.give(answer[start : start + 64])
        await asyncio.sleep(_PAUSE_SECONDS)
    return True


async def _reset_before(link: Link, request: bytes) -> bool:
    reset(link.writer)
    return False


async def _reset_after(link: Link, request: bytes) -> bool:
    await link.carried_out(request)
    reset(link.writer)
    return False


async def _closed(link: Link, request: bytes) -> bool:
    return False


async def _closed_after(link: Link, request: bytes) -> bool:
    await link.carried_out(request)
    return False


async def _request_cut(link: Link, request: bytes) -> bool:
    """Forward half of the request, so that it is not carried out."""
    link.onward[1].write(request[: len(request) // 2])
    await link.onward[1].drain()
    reset(link.onward[1])
    return False


async def _answer_cut(link: Link, request: bytes) -> bool:
    answer = await link.carried_out(request)
    await link.give(answer[: link.chance.randrange(1, len(answer))])
    return False


async def _silent(link: Link, request: bytes) -> bool:
    await link.silence()
    return False


async def _silent_after(link: Link, request: bytes) -> bool:
    await link.carried_out(request)
    await link.silence()
    return False


async def _garbage(link: Link, request: bytes) -> bool:
    await link.carried_out(request)
    await link.give(link.chance.randbytes(200))
    return False


def _response(status: str, body: bytes, *lines: str) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines, "", ""))
    return head.encode() + body


async def _page(link: Link, request: bytes) -> bool:
    """Answer with a proxy's own error page: nobody knows whether the request got any further."""
    await link.give(_response("502 Bad Gateway", b"<!DOCTYPE html><title>502</title>"))
    return True


async def _unavailable(link: Link, request: bytes) -> bool:
    await link.give(_response("503 Service Unavailable", b"", "Retry-After: 0"))
    return True


async def _too_many(link: Link, request: bytes) -> bool:
    await link.give(_response("429 Too Many Requests", b"{}", "Retry-After: 0"))
    return True


async def _internal(link: Link, request: bytes) -> bool:
    """Answer with an error, though the request was carried out."""
    await link.carried_out(request)
    await link.give(_response("500 Internal Server Error", b"null"))
    return True


REQUEST_FAULTS: Mapping[str, Act] = {
    "latency": _late,
    "slow": _slowly,
    "reset before": _reset_before,
    "reset after": _reset_after,
    "closed before": _closed,
    "closed after": _closed_after,
    "request cut": _request_cut,
    "answer cut": _answer_cut,
    "silence before": _silent,
    "silence after": _silent_after,
    "garbage": _garbage,
    "page of a proxy": _page,
    "unavailable": _unavailable,
    "too many requests": _too_many,
    "internal error": _internal,
}


def between_requests(port: int, luck: Callable[[], Luck]) -> Serve:
    """Build a proxy for HTTP/1.1 to the emulator at ``port``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward = await asyncio.open_connection("127.0.0.1", port)
        link = Link(reader, writer, onward, luck().chance)
        try:
            lives = True
            while lives:
                request = await message(reader)
                act = REQUEST_FAULTS.get(luck().draw(REQUEST_FAULTS), _relay)
                lives = await act(link, request)
            with suppress(*GONE):
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            onward[1].transport.abort()

    return serve


# ---- a stream of bytes ---------------------------------------------------------------------------


@dataclass(slots=True)
class Pipe:
    """Both directions of one connection."""

    sides: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    chance: Random
    silent: bool = False

    def end(self) -> None:
        """End both connections, by RST."""
        for side in self.sides:
            reset(side)


Strike = Callable[[Pipe, asyncio.StreamWriter, bytes], Awaitable[None]]
"""What happens to bytes on their way to a side."""


async def _pass(pipe: Pipe, to: asyncio.StreamWriter, piece: bytes) -> None:
    to.write(piece)
    await to.drain()


async def _pass_late(pipe: Pipe, to: asyncio.StreamWriter, piece: bytes) -> None:
    await asyncio.sleep(_PAUSE_SECONDS * pipe.chance.randrange(1, 6))
    await _pass(pipe, to, piece)


async def _pass_slowly(pipe: Pipe, to: asyncio.StreamWriter, piece: bytes) -> None:
    size = len(piece) // 4 + 1
    for start in range(0, len(piece), size):
        await _pass(pipe, to, piece[start : start + size])
        await asyncio.sleep(_PAUSE_SECONDS)


async def _end(pipe: Pipe, to: asyncio.StreamWriter, piece: bytes) -> None:
    pipe.end()


async def _cut(pipe: Pipe, to: asyncio.StreamWriter, piece: bytes) -> None:
    await _pass(pipe, to, piece[: len(piece) // 2])
    to.close()


async def _spoil(pipe: Pipe, to: asyncio.StreamWriter, piece: bytes) -> None:
    await _pass(pipe, to, pipe.chance.randbytes(len(piece)))


async def _fall_silent(pipe: Pipe, to: asyncio.StreamWriter, piece: bytes) -> None:
    pipe.silent = True


STREAM_FAULTS: Mapping[str, Strike] = {
    "latency": _pass_late,
    "slow": _pass_slowly,
    "reset": _end,
    "cut": _cut,
    "garbage": _spoil,
    "half-open": _fall_silent,
}


def between_bytes(port: int, luck: Callable[[], Luck]) -> Serve:
    """Build a proxy for any protocol to the emulator at ``port``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        pipe = Pipe((writer, far_writer), luck().chance)
        try:
            there = asyncio.create_task(_pump(reader, far_writer, pipe, luck))
            back = asyncio.create_task(_pump(far_reader, writer, pipe, luck))
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
        finally:
            far_writer.transport.abort()

    return serve


async def _pump(
    reader: asyncio.StreamReader, to: asyncio.StreamWriter, pipe: Pipe, luck: Callable[[], Luck]
) -> None:
    with suppress(*GONE):
        while piece := await reader.read(_PIECE_BYTES):
            if pipe.silent:
                continue
            await STREAM_FAULTS.get(luck().draw(STREAM_FAULTS), _pass)(pipe, to, piece)
