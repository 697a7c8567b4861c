"""The event loop of an emulator: in a thread beside a test, or as a process until a signal.

An emulator started in a thread must be listening before its caller goes on, must hand a failed
start to that caller, and must have closed every socket when the ``with`` block ends.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

from aiohttp import web

SHUTDOWN_SECONDS = 1.0
"""How long requests under way may still take when an emulator stops."""

ACCEPT_TURNS = 5
"""More turns of the loop than asyncio needs to hand an accepted connection over."""

T = TypeVar("T")
R = TypeVar("R")


class Background(Generic[T]):
    """Async context manager that is kept open, on an event loop in a thread of its own."""

    def __init__(self, opener: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._opener = opener
        self._opened: Future[T] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> T:
        """Return what the context manager opened; raise what kept it from opening."""
        self._thread.start()
        return self._opened.result()

    def stop(self) -> None:
        """Close the context manager and end the thread. Stopping twice is harmless."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def call(self, function: Callable[[], R]) -> R:
        """Run ``function`` on the loop's own thread and return its result."""

        async def there() -> R:
            return function()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result()

    def _run(self) -> None:
        asyncio.run(self._keep_open())

    async def _keep_open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        try:
            async with self._opener() as opened:
                self._opened.set_result(opened)
                await self._ending.wait()
        except BaseException as broken:
            if self._opened.done():
                raise
            self._opened.set_exception(broken)


class ServedApp:
    """aiohttp app that a thread serves: ``with ServedApp(app) as served: get(served.url)``."""

    address: str
    """``127.0.0.1:N``, known once started."""

    def __init__(self, app: web.Application, host: str = "127.0.0.1", port: int = 0) -> None:
        self._background = Background(lambda: listening(app, host, port))

    @property
    def url(self) -> str:
        """The address as a base URL."""
        return f"http://{self.address}"

    def start(self) -> Self:
        """Listen; return only when a request would be answered."""
        self.address = self._background.start()
        return self

    def stop(self) -> None:
        """Close the socket, give requests under way a moment, and end the thread."""
        self._background.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve ``app`` on the running loop; yield ``host:port`` with the port it really got."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        # aiohttp's own sites close at once, and asyncio drops a connection it has accepted but
        # not yet handed over when its server is closed (a ResourceWarning, now and then).
        protocols = cast("Callable[[], asyncio.BaseProtocol]", runner.server)
        server = await asyncio.get_running_loop().create_server(protocols, host, port)
        try:
            bound = server.sockets[0].getsockname()
            yield f"{bound[0]}:{bound[1]}"
        finally:
            await stop_accepting(server)
            server.close()
    finally:
        await runner.cleanup()


async def stop_accepting(server: asyncio.Server) -> None:
    """Hand over the connections that were accepted; accept no further."""
    for listener in server.sockets:
        server.get_loop().remove_reader(listener.fileno())
    for _ in range(ACCEPT_TURNS):
        await asyncio.sleep(0)


async def until_signalled() -> None:
    """Return at SIGTERM or SIGINT."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()


def serve(app: web.Application, host: str, port: int, ready_line: str) -> None:
    """Serve ``app`` until SIGTERM or SIGINT.

    ``ready_line`` is printed once requests are answered, with ``{address}`` and ``{url}`` in it
    replaced by what was bound.
    """

    async def run() -> None:
        async with listening(app, host, port) as address:
            line = ready_line.replace("{address}", address).replace("{url}", f"http://{address}")
            print(line, flush=True)
            await until_signalled()

    asyncio.run(run())
