"""A stand-in for Apple's push service, with every answer the real one gives. Never deployed.

HTTP/2 over TLS under a certificate of its own, at one port: production at ``/3/device/…``, the
sandbox at ``/sandbox/3/device/…``. It accepts every device token except those that ask for an
answer by their first letters. What tests ask of it, they ask at a second port over plain HTTP.
"""

import argparse
import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.background import (
    ACCEPT_TURNS,
    SHUTDOWN_SECONDS,
    Background,
    listening,
    until_signalled,
)
from local.stand_ins.apns_answers import BY_PREFIX, ONCE, PASSING, SCRIPTS, Act, Script, wished
from local.stand_ins.apns_certificates import Authority
from local.stand_ins.apns_checks import Caller, Refused, TokenRules, check, where
from local.stand_ins.apns_received import Entry, Received
from local.stand_ins.apns_wire import Reply, Request, ServerConnection

EXAMPLES = """\
examples:
  python -m local.stand_ins.apns --port 8126 --admin-port 8127 --ca-file apns-ca.pem
  python -m local.stand_ins.apns --ca-file apns-ca.pem --p12-file apns.p12 --topic com.example.app

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


class Config(BaseModel):
    """What can be changed while it runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_seconds: float = Field(default=0.0, ge=0)
    fault_ratio: float = Field(default=0.0, ge=0, le=1)
    faults: tuple[str, ...] = PASSING
    seed: int = 0
    slow_seconds: float = Field(default=30.0, ge=0)
    token_update_seconds: float = Field(default=0.0, ge=0)


class Apns:
    """The stand-in's state, and what its ports answer. ``keys``: public keys (PEM) by key id."""

    def __init__(self, config: Config | None = None, keys: Mapping[str, str] | None = None) -> None:
        self._first = config or Config()
        self._tokens = TokenRules(keys or {})
        self.received = Received()
        self._configure(self._first)

    def _configure(self, config: Config) -> None:
        self._config = config
        self._tokens.update_seconds = config.token_update_seconds
        self._chance = random.Random(config.seed)  # noqa: S311
        self._faults = [BY_PREFIX[prefix] for prefix in config.faults]

    # ---- the service ---------------------------------------------------------------------------

    def opened(self) -> int:
        """Count a connection."""
        self.received.connections += 1
        return self.received.connections

    def early(self) -> None:
        """Count a request that should have waited."""
        self.received.early += 1

    def answer(self, request: Request, caller: Caller, connection: int) -> Reply:
        """Accept, refuse, or what the device token asks for."""
        given = dict(request.headers)
        environment, token = "production", ""
        payload: object = None
        script: Script | None = None
        refused = ""
        try:
            environment, token = where(given.get(":method", ""), given.get(":path", ""))
            payload = check(request.headers, bytes(request.body), caller, self._tokens)
            attempt = self.received.attempt(token)
            script = wished(token, attempt, environment) or self._passing_fault()
            http, body = (script.http, script.body) if script else (200, b"")
        except Refused as no:
            attempt, http, refused = 1, no.http, no.reason
            body = orjson.dumps({"reason": no.reason})
        self.received.add(
            Entry(
                at=time.time(),
                environment=environment,
                connection=connection,
                stream=request.stream,
                token=token,
                attempt=attempt,
                status=script.status if script else http,
                reason=script.reason if script else refused,
                taken=script.taken if script else http == 200,
                notification=_text(payload, "notificationId"),
                replace_key=given.get("apns-collapse-id", ""),
                headers=given,
                payload=payload,
            )
        )
        return Reply(http, _names(given), body, script, self._seconds(script))

    def _passing_fault(self) -> Script | None:
        if self._config.fault_ratio and self._chance.random() < self._config.fault_ratio:
            return self._chance.choice(self._faults)
        return None

    def _seconds(self, script: Script | None) -> float:
        slow = script is not None and script.act is Act.SLOW
        return self._config.slow_seconds if slow else self._config.latency_seconds

    # ---- what tests and benchmarks ask for -----------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        """What the admin port answers."""
        return [
            web.get("/prefixes", self.list_prefixes),
            web.get("/received", self.list_received),
            web.get("/received/summary", self.sum_received),
            web.delete("/received", self.forget_received),
            web.get("/_config", self.show_config),
            web.post("/_config", self.change_config),
        ]

    async def list_prefixes(self, _request: web.Request) -> web.Response:
        """``GET /prefixes``."""
        return _json({"prefixes": [it.shown() for it in SCRIPTS], "firstAttemptOnly": ONCE})

    async def list_received(self, request: web.Request) -> web.Response:
        """``GET /received``."""
        asked = request.query
        if not (limit := asked.get("limit", "100")).isdigit() or not int(limit):
            return _json({"error": "limit must be a number from 1"}, 400)
        found = self.received.entries(
            int(limit), asked.get("token", ""), asked.get("notification", "")
        )
        return _json({"received": found})

    async def sum_received(self, _request: web.Request) -> web.Response:
        """``GET /received/summary``."""
        return _json(self.received.summary())

    async def forget_received(self, _request: web.Request) -> web.Response:
        """``DELETE /received``."""
        self.received = Received()
        return web.Response(status=204)

    async def show_config(self, _request: web.Request) -> web.Response:
        """``GET /_config``."""
        return _json(self._config.model_dump())

    async def change_config(self, request: web.Request) -> web.Response:
        """``POST /_config``."""
        try:
            asked = Config.model_validate_json(await request.read())
            given = {name: getattr(asked, name) for name in asked.model_fields_set}
            self._configure(self._first.model_copy(update=given))
        except (ValidationError, KeyError) as wrong:
            return _json({"error": str(wrong)}, 400)
        return await self.show_config(request)


def _names(given: Mapping[str, str]) -> Mapping[str, str]:
    """The request's id or, as Apple does, one of the service's own."""
    return {"apns-id": given.get("apns-id") or str(uuid.uuid4())}


def _text(payload: object, name: str) -> str:
    value = payload.get(name) if isinstance(payload, dict) else None
    return value if isinstance(value, str) else ""


def _json(said: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(said), status=status, content_type="application/json")


# ---- running it --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where it answers."""

    url: str
    admin: str


@asynccontextmanager
async def serving(
    apns: Apns, authority: Authority, host: str, port: int, admin_port: int
) -> AsyncIterator[Addresses]:
    """Both ports, on the running loop."""
    application = web.Application()
    application.add_routes(apns.routes())
    connections: set[ServerConnection] = set()
    loop = asyncio.get_running_loop()
    async with (
        listening(application, host, admin_port) as admin,
        _plain_protocol(apns) as plain_protocol,
    ):
        server = await loop.create_server(
            lambda: ServerConnection(apns, connections, plain_protocol),
            host,
            port,
            ssl=authority.server_context(),
        )
        try:
            bound = server.sockets[0].getsockname()
            yield Addresses(f"https://{bound[0]}:{bound[1]}", f"http://{admin}")
        finally:
            await _end(server, connections)


@asynccontextmanager
async def _plain_protocol(apns: Apns) -> AsyncIterator[Callable[[], asyncio.BaseProtocol]]:
    """What the admin port speaks, for connections accepted elsewhere."""
    application = web.Application()
    application.add_routes(apns.routes())
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        yield cast("Callable[[], asyncio.BaseProtocol]", runner.server)
    finally:
        await runner.cleanup()


async def _end(server: asyncio.Server, connections: set[ServerConnection]) -> None:
    for listener in server.sockets:
        server.get_loop().remove_reader(listener.fileno())
    for _ in range(ACCEPT_TURNS):
        await asyncio.sleep(0)
    server.close()
    going = list(connections)
    for connection in going:
        connection.abort()
    await asyncio.gather(*(connection.ended for connection in going))


class ServedApns:
    """In a thread, beside a test: ``with ServedApns(ca_file=path) as apns: apns.url``."""

    url: str
    admin: str

    def __init__(self, apns: Apns | None = None, *, ca_file: Path, port: int = 0) -> None:
        self.apns = apns or Apns()
        self.authority = Authority()
        self.ca_file = str(ca_file)
        ca_file.write_bytes(self.authority.pem)
        self._background = Background(
            lambda: serving(self.apns, self.authority, "127.0.0.1", port, 0)
        )

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
    """The command line."""
    given = _parser().parse_args()
    keys = dict(_key(each) for each in given.key)
    authority = Authority()
    given.ca_file.write_bytes(authority.pem)
    if given.p12_file:
        given.p12_file.write_bytes(authority.client_p12(given.topic, given.p12_password))
    apns = Apns(Config(latency_seconds=given.latency), keys)

    async def run() -> None:
        async with serving(apns, authority, given.host, given.port, given.admin_port) as at:
            line = (
                f"apns stand-in answers on {at.url} trusting {given.ca_file}, admin on {at.admin}"
            )
            print(line, flush=True)
            await until_signalled()

    asyncio.run(run())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.stand_ins.apns",
        description="A stand-in for Apple's push service.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="HTTP/2; default: any free one")
    parser.add_argument("--admin-port", type=int, default=0, help="default: any free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
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


def _key(given: str) -> tuple[str, str]:
    key_id, _, path = given.partition("=")
    return key_id, Path(path).read_text()


if __name__ == "__main__":
    main()
