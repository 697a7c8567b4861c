"""An emulator of Apple's push service, with every answer the real one gives. Never deployed.

HTTP/2 over TLS under a certificate of its own, at one port: production at ``/3/device/…``, the
sandbox at ``/sandbox/3/device/…``. It accepts every device token except those that ask for an
answer by their first letters. What tests ask of it, they ask at a second port over plain HTTP.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from aiohttp import web

from local.emulators.apns.certificates import ApnsCa
from local.emulators.apns.service import Apns, Config
from local.emulators.apns.wire import ServerConnection
from local.emulators.background import (
    SHUTDOWN_SECONDS,
    Background,
    listening,
    stop_accepting,
    until_signalled,
)
from local.emulators.command_line import ANY_FREE_PORT, push_command_line

EXAMPLES = """\
examples:
  python -m local.emulators.apns.server --port 8126 --admin-port 8127 --ca-file apns-ca.pem
  python -m local.emulators.apns.server --ca-file apns-ca.pem --p12-file apns.p12 \\
    --topic com.example.app

At its port, over TLS, HTTP/2 for senders only; they must trust the file written to --ca-file:
  POST   /3/device/{token}           as Apple's production does
  POST   /sandbox/3/device/{token}   as Apple's sandbox does

At its admin port in plain HTTP, and at its port to whoever speaks HTTP/1.1 there:
  GET    /prefixes           how a device token must begin to be answered otherwise
  GET    /received           what was received; ?limit=100&token=...&notification=...
  GET    /received/summary   total, accepted, per status, tokens, double accepts, connections
  DELETE /received           forget it
  GET    /_config            what is in force
  POST   /_config            {"latency_seconds": 0.05, "fault_ratio": 0.1, "seed": 7,
                              "faults": ["shutdown-"], "slow_seconds": 30,
                              "token_update_seconds": 1200};
                             whatever is left out is as it was at the start, so {} undoes all

Client certificates: only those it wrote itself (--p12-file), or a provider token with "bearer".
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base URLs of the two ports."""

    url: str
    admin: str


@asynccontextmanager
async def serving(
    apns: Apns, ca: ApnsCa, host: str, port: int, admin_port: int
) -> AsyncIterator[Addresses]:
    """Serve both ports on the running loop."""
    connections: set[ServerConnection] = set()
    loop = asyncio.get_running_loop()
    async with (
        listening(_admin_app(apns), host, admin_port) as admin,
        _plain_protocol(apns) as plain_protocol,
    ):
        server = await loop.create_server(
            lambda: ServerConnection(apns, connections, plain_protocol),
            host,
            port,
            ssl=ca.server_context(),
        )
        try:
            bound = server.sockets[0].getsockname()
            yield Addresses(f"https://{bound[0]}:{bound[1]}", f"http://{admin}")
        finally:
            await _end(server, connections)


def _admin_app(apns: Apns) -> web.Application:
    application = web.Application()
    application.add_routes(apns.admin.routes())
    return application


@asynccontextmanager
async def _plain_protocol(apns: Apns) -> AsyncIterator[Callable[[], asyncio.BaseProtocol]]:
    """Yield the factory of the admin port's protocol, for connections that another listener
    accepted.
    """
    runner = web.AppRunner(_admin_app(apns), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        yield cast("Callable[[], asyncio.BaseProtocol]", runner.server)
    finally:
        await runner.cleanup()


async def _end(server: asyncio.Server, connections: set[ServerConnection]) -> None:
    await stop_accepting(server)
    server.close()
    going = list(connections)
    for connection in going:
        connection.abort()
    await asyncio.gather(*(connection.ended for connection in going))


class ServedApns:
    """Emulator in a thread, beside a test: ``with ServedApns(ca_file=path) as apns: apns.url``."""

    url: str
    admin: str

    def __init__(self, apns: Apns | None = None, *, ca_file: Path, port: int = 0) -> None:
        self.apns = apns or Apns()
        self.ca = ApnsCa()
        self.ca_file = str(ca_file)
        ca_file.write_bytes(self.ca.pem)
        self._background = Background(lambda: serving(self.apns, self.ca, "127.0.0.1", port, 0))

    def __enter__(self) -> Self:
        addresses = self._background.start()
        self.url, self.admin = addresses.url, addresses.admin
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._background.stop()


def main() -> None:
    """Run the command line."""
    given = _parser().parse_args()
    keys = dict(_key(each) for each in given.key)
    ca = ApnsCa()
    given.ca_file.write_bytes(ca.pem)
    if given.p12_file:
        given.p12_file.write_bytes(ca.client_p12(given.topic, given.p12_password))
    apns = Apns(Config(latency_seconds=given.latency), keys)

    async def run() -> None:
        async with serving(apns, ca, given.host, given.port, given.admin_port) as at:
            line = (
                f"apns emulator answers on {at.url} trusting {given.ca_file}, admin on {at.admin}"
            )
            print(line, flush=True)
            await until_signalled()

    asyncio.run(run())


def _parser() -> argparse.ArgumentParser:
    parser = push_command_line(
        "apns", "An emulator for Apple's push service.", EXAMPLES, port=f"HTTP/2; {ANY_FREE_PORT}"
    )
    parser.add_argument("--admin-port", type=int, default=0, help="default: any free one")
    parser.add_argument(
        "--ca-file", type=Path, required=True, help="where to write the certificate to trust"
    )
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEYID=FILE",
        help="check signatures of this key's tokens against the public key (PEM) in FILE",
    )
    parser.add_argument("--p12-file", type=Path, help="where to write a client certificate")
    parser.add_argument("--p12-password", default="stand-in")
    parser.add_argument("--topic", default="com.example.app", help="what --p12-file is for")
    return parser


def _key(option: str) -> tuple[str, str]:
    key_id, _, path = option.partition("=")
    return key_id, Path(path).read_text()


if __name__ == "__main__":
    main()
