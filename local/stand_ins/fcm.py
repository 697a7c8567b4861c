"""A stand-in for Firebase Cloud Messaging, with every answer the real one gives. Never deployed.

It accepts every address except those that ask for something else by their first letters, checks
bodies as strictly as the real service, and keeps what it received. It also stands in for Google's
OAuth token endpoint, since a sender needs both. Nothing is logged per request: it is the peer of
benchmarks too.
"""

import argparse
import asyncio
import random
import time
from pathlib import Path

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.background import serve
from local.stand_ins.fcm_acts import Wait, give
from local.stand_ins.fcm_answers import BY_PREFIX, ONCE, PASSING, SCRIPTS, SILENT, Script, wished
from local.stand_ins.fcm_received import NO_ANSWER, Entry, Received, notification_id, replace_key
from local.stand_ins.fcm_schema import Unacceptable
from local.stand_ins.fcm_tokens import RefusedGrant, TokenEndpoint
from local.stand_ins.fcm_validation import Accepted, check

EXAMPLES = """\
examples:
  python -m local.stand_ins.fcm --port 8125
  python -m local.stand_ins.fcm --port 8125 --latency 0.05 --service-account account.json

It answers
  POST   /v1/projects/{project}/messages:send   as FCM does
  POST   /token              Google's OAuth token endpoint (JWT-bearer grant)
  DELETE /token              revoke every access token issued so far
  GET    /prefixes           how an address must begin to be answered otherwise
  GET    /received           what was received; ?limit=100&token=...&notification=...
  GET    /received/summary   total, accepted, per status, addresses, double accepts
  DELETE /received           forget it
  GET    /_config            what is in force
  POST   /_config            {"latency_seconds": 0.05, "fault_ratio": 0.1, "seed": 7,
                              "faults": ["unavailable-"], "retry_after_seconds": 1,
                              "slow_seconds": 30, "issued_tokens_only": true};
                             whatever is left out is as it was at the start, so {} undoes all
"""
MOST_BODY_BYTES = 1024 * 1024


class Config(BaseModel):
    """What can be changed while it runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_seconds: float = Field(default=0.0, ge=0)
    fault_ratio: float = Field(default=0.0, ge=0, le=1)
    faults: tuple[str, ...] = PASSING
    seed: int = 0
    retry_after_seconds: int | None = Field(default=None, ge=0)
    slow_seconds: float = Field(default=30.0, ge=0)
    issued_tokens_only: bool = False


class Fcm:
    """The stand-in's state and handlers."""

    def __init__(self, config: Config, tokens: TokenEndpoint) -> None:
        self._first = config
        self._tokens = tokens
        self.received = Received()
        self._configure(config)

    def _configure(self, config: Config) -> None:
        self._config = config
        self._chance = random.Random(config.seed)  # noqa: S311
        self._faults = [BY_PREFIX[prefix] for prefix in config.faults]

    def routes(self) -> list[web.RouteDef]:
        """Everything it answers."""
        return [
            web.post("/v1/projects/{project}/messages:send", self.send),
            web.post("/token", self.issue_token),
            web.delete("/token", self.revoke_tokens),
            web.get("/prefixes", self.list_prefixes),
            web.get("/received", self.list_received),
            web.get("/received/summary", self.sum_received),
            web.delete("/received", self.forget_received),
            web.get("/_config", self.show_config),
            web.post("/_config", self.change_config),
        ]

    # ---- sending ---------------------------------------------------------------------------

    async def send(self, request: web.Request) -> web.StreamResponse:
        """``messages:send``."""
        body = await request.read()
        if self._config.latency_seconds:
            await asyncio.sleep(self._config.latency_seconds)
        if not self._may_send(request.headers.get("Authorization", "")):
            return self._refuse(401, BY_PREFIX["unauthenticated-"].body)
        try:
            accepted = check(body)
        except Unacceptable as unacceptable:
            return self._refuse(400, unacceptable.body())
        return await self._answer(request, accepted)

    def _may_send(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or not token:
            return False
        return not self._config.issued_tokens_only or self._tokens.knows(token)

    def _refuse(self, status: int, body: bytes) -> web.Response:
        self.received.count_refused(status)
        return _json(body, status)

    async def _answer(self, request: web.Request, accepted: Accepted) -> web.StreamResponse:
        attempt = self.received.attempt(accepted.recipient)
        script = wished(accepted.recipient, attempt) or self._passing_fault()
        self._keep(request.match_info["project"], accepted, attempt, script)
        if script is None:
            return _json(self._receipt(request.match_info["project"], accepted))
        wait = Wait(self._config.slow_seconds, self._config.retry_after_seconds)
        return await give(request, script, wait)

    def _passing_fault(self) -> Script | None:
        if self._config.fault_ratio and self._chance.random() < self._config.fault_ratio:
            return self._chance.choice(self._faults)
        return None

    def _receipt(self, project: str, accepted: Accepted) -> bytes:
        name = "fake_message_id" if accepted.validate_only else f"0:{time.time_ns()}%fanfare"
        return b'{"name":"projects/%b/messages/%b"}' % (project.encode(), name.encode())

    def _keep(self, project: str, accepted: Accepted, attempt: int, script: Script | None) -> None:
        silent = script is not None and script.act in SILENT
        self.received.add(
            Entry(
                at=time.time(),
                project=project,
                token=accepted.recipient,
                attempt=attempt,
                status=NO_ANSWER if silent else (script.http if script else 200),
                taken=(script is None or script.taken) and not accepted.validate_only,
                notification=notification_id(accepted.message),
                replace_key=replace_key(accepted.message),
                message=accepted.message,
            )
        )

    # ---- tokens, and what tests and benchmarks ask for ---------------------------------------

    async def issue_token(self, request: web.Request) -> web.Response:
        """``POST /token``."""
        try:
            issued = self._tokens.issue(await request.post(), str(request.url))
        except RefusedGrant as refused:
            said = {"error": refused.error, "error_description": refused.description}
            return _json(orjson.dumps(said), 400)
        return _json(orjson.dumps(issued))

    async def revoke_tokens(self, _request: web.Request) -> web.Response:
        """``DELETE /token``."""
        self._tokens.forget()
        return web.Response(status=204)

    async def list_prefixes(self, _request: web.Request) -> web.Response:
        """``GET /prefixes``."""
        shown = [script.shown() for script in SCRIPTS]
        return _json(orjson.dumps({"prefixes": shown, "firstAttemptOnly": ONCE}))

    async def list_received(self, request: web.Request) -> web.Response:
        """``GET /received``."""
        asked = request.query
        if not (limit := asked.get("limit", "100")).isdigit() or not int(limit):
            return _json(orjson.dumps({"error": "limit must be a number from 1"}), 400)
        found = self.received.entries(
            int(limit), asked.get("token", ""), asked.get("notification", "")
        )
        return _json(orjson.dumps({"received": found}))

    async def sum_received(self, _request: web.Request) -> web.Response:
        """``GET /received/summary``."""
        return _json(orjson.dumps(self.received.summary()))

    async def forget_received(self, _request: web.Request) -> web.Response:
        """``DELETE /received``."""
        self.received = Received()
        return web.Response(status=204)

    async def show_config(self, _request: web.Request) -> web.Response:
        """``GET /_config``."""
        return _json(self._config.model_dump_json().encode())

    async def change_config(self, request: web.Request) -> web.Response:
        """``POST /_config``."""
        try:
            asked = Config.model_validate_json(await request.read())
            given = {name: getattr(asked, name) for name in asked.model_fields_set}
            self._configure(self._first.model_copy(update=given))
        except (ValidationError, KeyError) as wrong:
            return _json(orjson.dumps({"error": str(wrong)}), 400)
        return await self.show_config(request)


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def app(config: Config | None = None, service_account: Path | None = None) -> web.Application:
    """The stand-in as an app, for ``Served`` or ``serve``."""
    application = web.Application(client_max_size=MOST_BODY_BYTES)
    application.add_routes(Fcm(config or Config(), TokenEndpoint(service_account)).routes())
    return application


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.stand_ins.fcm",
        description="A stand-in for Firebase Cloud Messaging.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument(
        "--service-account", type=Path, help="check assertions against this account's key"
    )
    given = parser.parse_args()
    served = app(Config(latency_seconds=given.latency), given.service_account)
    serve(served, given.host, given.port, "fcm stand-in answers on {url}")


if __name__ == "__main__":
    main()
