"""A Cloud Tasks emulator for the unmodified client, since Google ships none.

It keeps the promises that code comes to rely on without noticing (names used once, rates, backoff,
deadlines, headers) and breaks on request those Cloud Tasks never made: order, and exactly-once
delivery.
"""

import argparse
import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import grpc
from aiohttp import web
from pydantic import ValidationError

from local.emulators.background import SHUTDOWN_SECONDS, Background, listening, until_signalled
from local.emulators.tasks import delivery as tasks_delivery
from local.emulators.tasks.api import CloudTasks, handlers
from local.emulators.tasks.messages import QUEUE_ID
from local.emulators.tasks.rules import Chance, Faults, QueueSettings

LARGEST_REQUEST_BYTES = 16 * 1024 * 1024
POLL_SECONDS = 0.01

EXAMPLES = """\
examples:
  python -m local.emulators.tasks.server --port 8123 --create-queues
  python -m local.emulators.tasks.server --port 8123 --admin-port 8124 \\
      --queue send-batch:50:20:1:60:10 --queue plan-fanout

A declared queue stands in every project and location, from its first use on.
Point the client at it with
  CloudTasksClient(transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(ADDRESS)))

The admin port answers
  GET  /stats    per queue: waiting, running, done, attempts, gave_up, duplicates, lost_answers
  GET  /faults   the faults in force
  POST /faults   {"duplicate": 0.2, "shuffle": true, "drop_answer": 0.1, "delay_seconds": 0.5,
                  "seed": 7}; whatever is left out is off, so {} ends them all
"""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the emulator's start; port 0 takes any free one, no admin port means no admin."""

    host: str = "127.0.0.1"
    port: int = 0
    admin_port: int | None = None
    queues: Mapping[str, QueueSettings] = field(default_factory=dict)
    """Settings by short name, for any project and location."""
    create_queues: bool = False
    short_deadlines: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """Emulator that answers calls."""

    address: str
    admin_address: str
    api: CloudTasks


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Running]:
    """Serve the emulator on the running loop."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(tasks_delivery.session())
        api = CloudTasks(
            client,
            Chance(),
            options.queues,
            create_queues=options.create_queues,
            short_deadlines=options.short_deadlines,
        )
        stack.push_async_callback(api.close)
        server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", LARGEST_REQUEST_BYTES),
            ]
        )
        server.add_generic_rpc_handlers((handlers(api),))
        port = server.add_insecure_port(f"{options.host}:{options.port}")
        await server.start()
        stack.push_async_callback(server.stop, SHUTDOWN_SECONDS)
        admin_address = ""
        if options.admin_port is not None:
            admin_address = await stack.enter_async_context(
                listening(admin(api), options.host, options.admin_port)
            )
        yield Running(f"{options.host}:{port}", admin_address, api)


def admin(api: CloudTasks) -> web.Application:
    """Create the admin port's app: counters to read, faults to set."""

    async def stats(_: web.Request) -> web.Response:
        return web.json_response(api.stats())

    async def get_faults(_: web.Request) -> web.Response:
        return web.json_response(api.chance.faults.model_dump())

    async def set_faults(request: web.Request) -> web.Response:
        try:
            api.chance.set(Faults.model_validate_json(await request.text()))
        except ValidationError as wrong:
            return web.json_response({"errors": wrong.errors(include_url=False)}, status=400)
        return web.json_response(api.chance.faults.model_dump())

    app = web.Application()
    app.router.add_get("/stats", stats)
    app.router.add_get("/faults", get_faults)
    app.router.add_post("/faults", set_faults)
    return app


class TasksEmulator:
    """Emulator in a thread: ``with TasksEmulator(Options(...)) as tasks: tasks.address``."""

    address: str
    """``127.0.0.1:N`` of the gRPC port, known once started."""
    admin_url: str
    """Base URL of the admin port; empty without one."""

    def __init__(self, options: Options | None = None) -> None:
        self._background = Background(lambda: running(options or Options()))

    def start(self) -> Self:
        """Listen; return only when a call would be answered."""
        self._running = self._background.start()
        self.address = self._running.address
        admin_address = self._running.admin_address
        self.admin_url = f"http://{admin_address}" if admin_address else ""
        return self

    def stop(self) -> None:
        """Stop dispatching, drop what is under way, and end the thread."""
        self._background.stop()

    def stats(self) -> dict[str, dict[str, int]]:
        """Return the counters of every queue, by full name."""
        return self._background.call(self._running.api.stats)

    def set_faults(self, faults: Faults) -> None:
        """Bring these faults into force; ``Faults()`` ends them."""
        self._background.call(lambda: self._running.api.chance.set(faults))

    def wait_until_idle(self, timeout_seconds: float = 30.0) -> None:
        """Return when no queue has a task waiting or running."""
        end = time.monotonic() + timeout_seconds
        while any(queue["waiting"] or queue["running"] for queue in self.stats().values()):
            if time.monotonic() > end:
                raise TimeoutError(f"tasks are still there: {self.stats()}")
            time.sleep(POLL_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def declared_queue(text: str) -> tuple[str, QueueSettings]:
    """Read ``NAME[:RATE[:CONCURRENT[:MIN_BACKOFF[:MAX_BACKOFF[:MAX_ATTEMPTS]]]]]``."""
    name, *values = text.split(":")
    fields = {
        "rate_per_second": float,
        "max_concurrent": int,
        "min_backoff_seconds": float,
        "max_backoff_seconds": float,
        "max_attempts": int,
    }
    if not re.fullmatch(QUEUE_ID, name):
        raise argparse.ArgumentTypeError(f"{name!r} is no queue's short name ({QUEUE_ID})")
    if len(values) > len(fields):
        raise argparse.ArgumentTypeError(f"{text!r} has too many parts")
    try:
        given = {
            key: convert(value)
            for (key, convert), value in zip(fields.items(), values, strict=False)
            if value
        }
        return name, QueueSettings(**given)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(f"{text!r}: {wrong}") from wrong


def parser() -> argparse.ArgumentParser:
    """Create the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.emulators.tasks.server",
        description="A Cloud Tasks emulator for the official gRPC client. Nothing is kept on disk.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="gRPC port; 0, the default: any free")
    parser.add_argument("--admin-port", type=int, help="HTTP port for stats and faults")
    parser.add_argument(
        "--queue",
        action="append",
        default=[],
        type=declared_queue,
        metavar="NAME:RATE:CONCURRENT:MIN_BACKOFF:MAX_BACKOFF:MAX_ATTEMPTS",
        help="declare a queue (repeatable); whatever is left out takes the API's default: "
        "500 per second, 1000 at once, backoff 0.1 to 3600 seconds, 100 attempts",
    )
    parser.add_argument(
        "--create-queues",
        action="store_true",
        help="create any queue, with those defaults, when it is first used",
    )
    parser.add_argument(
        "--short-deadlines",
        action="store_true",
        help="accept a dispatch_deadline under 15 seconds, which Cloud Tasks refuses",
    )
    parser.add_argument("--verbose", action="store_true", help="log every failed delivery")
    return parser


async def _serve(options: Options) -> None:
    async with running(options) as emulator:
        side = f", admin at http://{emulator.admin_address}" if emulator.admin_address else ""
        print(f"Cloud Tasks emulator at {emulator.address}{side}", flush=True)
        await until_signalled()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the emulator until SIGTERM or SIGINT."""
    given = parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if given.verbose else logging.WARNING, format="%(name)s: %(message)s"
    )
    asyncio.run(
        _serve(
            Options(
                host=given.host,
                port=given.port,
                admin_port=given.admin_port,
                queues=dict(given.queue),
                create_queues=given.create_queues,
                short_deadlines=given.short_deadlines,
            )
        )
    )


if __name__ == "__main__":
    main()
