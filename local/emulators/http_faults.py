"""The faults of an answer over HTTP/1.1: late, half, or none at all."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

from aiohttp import web

from local.emulators.faults import BY_DATE, Fault, FaultKind

HUGE_BYTES = 64 * 1024 * 1024
DATE_AHEAD_SECONDS = 90
_BLOCK = b" " * 65536
_HALF = b'HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{"name":"projects/'
_BABBLE = b"\x16\x03\x01\x02\x00 this is not HTTP\r\n\r\n"
_LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Wait:
    """Duration of a slow answer, and what to say in Retry-After instead of the row's own value."""

    slow_seconds: float
    retry_after_seconds: int | None


async def give(request: web.Request, fault: Fault, wait: Wait) -> web.StreamResponse:
    """Answer as the fault says."""
    if fault.kind is FaultKind.SLOW:
        await asyncio.sleep(wait.slow_seconds)
    transport = request.transport
    if fault.kind in _BREAKING and isinstance(transport, asyncio.Transport):
        _BREAKING[fault.kind](transport)
        return web.Response()
    if fault.kind is FaultKind.HUGE:
        return await _hugely(request)
    return web.Response(
        status=fault.http,
        body=fault.body,
        headers=_headers(fault, wait),
        content_type=fault.content_type,
    )


def _headers(fault: Fault, wait: Wait) -> Mapping[str, str]:
    asked = fault.headers.get("Retry-After")
    if asked == BY_DATE:
        at = formatdate(time.time() + DATE_AHEAD_SECONDS, usegmt=True)
        return {**fault.headers, "Retry-After": at}
    if asked and wait.retry_after_seconds is not None:
        return {**fault.headers, "Retry-After": str(wait.retry_after_seconds)}
    return fault.headers


async def _hugely(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_length = HUGE_BYTES
    await response.prepare(request)
    for _ in range(HUGE_BYTES // len(_BLOCK)):
        await response.write(_BLOCK)
    return response


# ---- connections that break ------------------------------------------------------------------


def _reset(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()


def _close(transport: asyncio.Transport) -> None:
    transport.close()


def _cut(transport: asyncio.Transport) -> None:
    transport.write(_HALF)
    transport.close()


def _babble(transport: asyncio.Transport) -> None:
    transport.write(_BABBLE)
    transport.close()


_BREAKING: Mapping[FaultKind, Callable[[asyncio.Transport], None]] = {
    FaultKind.RESET: _reset,
    FaultKind.CLOSE: _close,
    FaultKind.CUT: _cut,
    FaultKind.BABBLE: _babble,
}
