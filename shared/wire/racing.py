"""Connections to whichever of a host's addresses answers first (RFC 8305).

A network may swallow packets to some of them, mostly all of IPv6. Tried one after the other, each
costs all the time there is to connect; uvloop and ``socket.create_connection`` know no other way.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from itertools import chain, zip_longest

ATTEMPT_DELAY_SECONDS = 0.25
"""The time an attempt has to itself before the next one is begun beside it."""

Place = tuple[int, tuple[object, ...]]
"""An address family and an address in it, as ``socket`` has them."""
Resolve = Callable[[str, int], Awaitable[Sequence[Place]]]
Open = Callable[[Place], Coroutine[None, None, socket.socket]]
Connect = Callable[[str, int], Awaitable[socket.socket]]


async def connect(
    host: str,
    port: int,
    *,
    resolve: Resolve | None = None,
    open_: Open | None = None,
) -> socket.socket:
    """Return a connected, non-blocking socket; the caller bounds the time.

    Raises ``OSError`` of the first attempt when all have failed.
    """
    places = interleaved(await (resolve or _resolved)(host, port))
    return await _race(places, open_ or _opened)


def connect_within(seconds: float, host: str, port: int, connect: Connect) -> socket.socket:
    """Connect from a thread without an event loop; calls on the socket then wait for as long.

    Raises ``TimeoutError`` and ``OSError``.
    """

    async def bounded() -> socket.socket:
        async with asyncio.timeout(seconds):
            return await connect(host, port)

    connection = asyncio.run(bounded())
    connection.settimeout(seconds)
    return connection


def place(address: str, port: int) -> Place:
    """Return the address family and socket address of an IP address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port)


def interleaved(places: Sequence[Place]) -> list[Place]:
    """Order places so that families take turns, and otherwise as the resolver ranks them."""
    families = dict.fromkeys(family for family, _ in places)
    groups = [[place for place in places if place[0] == family] for family in families]
    return [place for place in chain.from_iterable(zip_longest(*groups)) if place is not None]


async def _race(places: Sequence[Place], open_: Open) -> socket.socket:
    """Start the next attempt when one fails, or has not succeeded for a while."""
    todo = list(places)
    failures: list[BaseException] = []
    under_way: set[asyncio.Task[socket.socket]] = set()
    try:
        while todo or under_way:
            if todo:
                under_way.add(asyncio.create_task(open_(todo.pop(0))))
            done, under_way = await asyncio.wait(
                under_way,
                timeout=ATTEMPT_DELAY_SECONDS if todo else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            connected = [task for task in done if task.exception() is None]
            failures += [failed for task in done if (failed := task.exception())]
            if connected:
                under_way |= set(connected[1:])
                return connected[0].result()
    finally:
        await _abandon(under_way)
    raise failures[0] if failures else OSError("the host has no address")


async def _abandon(attempts: set[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for ended in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(ended, socket.socket):
            ended.close()


async def _resolved(host: str, port: int) -> Sequence[Place]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


async def _opened(place: Place) -> socket.socket:
    family, address = place
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection
