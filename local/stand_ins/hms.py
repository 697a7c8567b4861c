"""A stand-in for Huawei Push Kit and its OAuth endpoint, with all their answers. Never deployed.

It accepts every address except those that ask for something else by their first letters, checks
bodies strictly, and keeps what it received. Nothing is logged per request: it is the peer of
benchmarks too.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Mapping

import orjson
from aiohttp import web
from pydantic import ValidationError

from local.background import serve
from local.stand_ins.fcm import Config as FcmConfig
from local.stand_ins.fcm_acts import Wait, give
from local.stand_ins.fcm_answers import ONCE, SILENT
from local.stand_ins.fcm_received import NO_ANSWER
from local.stand_ins.hms_answers import (
    ALL_INVALID,
    ILLEGALS,
    PASSING,
    REPLIES,
    SUCCESS,
    UNREADABLE,
    WISHED_ILLEGAL,
    WISHED_REPLY,
    Illegal,
    Reply,
    said,
    sorted_out,
)
from local.stand_ins.hms_received import HmsReceived, RequestEntry, notification_id, replace_key
from local.stand_ins.hms_tokens import HmsTokenEndpoint, RefusedClient
from local.stand_ins.hms_validation import Accepted, Unacceptable, check

EXAMPLES = """\
examples:
  python -m local.stand_ins.hms --port 8126
  python -m local.stand_ins.hms --port 8126 --latency 0.05 --app-secret s3cret

It answers
  POST   /v1/{appId}/messages:send       as Push Kit does, for one app
  POST   /v2/{projectId}/messages:send   the same for a project
  POST   /oauth2/v3/token    Huawei's OAuth token endpoint (client credentials); also /oauth2/v2
  DELETE /token              revoke every access token issued so far
  GET    /prefixes           how an address must begin to be answered otherwise
  GET    /received           what was received, an entry for each address of each request;
                             ?limit=100&token=...&notification=...
  GET    /received/summary   requests, tokenRequests, and by address: total, accepted, per code,
                             addresses, double accepts
  DELETE /received           forget it
  GET    /_config            what is in force
  POST   /_config            {"latency_seconds": 0.05, "fault_ratio": 0.1, "seed": 7,
                              "faults": ["unavailable-"], "slow_seconds": 30,
                              "issued_tokens_only": true};
                             whatever is left out is as it was at the start, so {} undoes all
"""
MOST_BODY_BYTES = 8 * 1024 * 1024


class Config(FcmConfig):
    """What can be changed while it runs."""

    faults: tuple[str, ...] = PASSING


class Hms:
    """The stand-in's state and handlers."""

    def __init__(self, config: Config, tokens: HmsTokenEndpoint) -> None:
        self._first = config
        self._tokens = tokens
        self.received = HmsReceived()
        self._configure(config)

    def _configure(self, config: Config) -> None:
        self._config = config
        self._chance = random.Random(config.seed)  # noqa: S311
        self._faults = [WISHED_REPLY.by_prefix[prefix] for prefix in config.faults]

    def routes(self) -> list[web.RouteDef]:
        """Everything it answers."""
        return [
            web.post("/v1/{owner}/messages:send", self.send),
            web.post("/v2/{owner}/messages:send", self.send),
            web.post("/oauth2/v2/token", self.issue_token),
            web.post("/oauth2/v3/token", self.issue_token),
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
        number = self.received.request()
        if self._config.latency_seconds:
            await asyncio.sleep(self._config.latency_seconds)
        if refused := self._refused_caller(request):
            return self._refuse(401, refused, "OAuth authentication error.")
        try:
            accepted = check(body)
        except Unacceptable as unacceptable:
            return self._refuse(400, unacceptable.code, unacceptable.message)
        return await self._answer(request, accepted, number)

    def _refused_caller(self, request: web.Request) -> int:
        """Huawei's code, or 0 for somebody who may send."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return 80200001
        if not self._config.issued_tokens_only:
            return 0
        client = self._tokens.client_of(token)
        if not client:
            return 80200003
        of_one_app = request.path.startswith("/v1/")
        return 80200001 if of_one_app and client != request.match_info["owner"] else 0

    def _refuse(self, http: int, code: int, message: str) -> web.Response:
        self.received.count_refused(code)
        return _json(said(code, message), http)

    async def _answer(
        self, request: web.Request, accepted: Accepted, number: int
    ) -> web.StreamResponse:
        attempts = {token: self.received.attempt(token) for token in accepted.tokens}
        reply = self._reply(attempts)
        owner = request.match_info["owner"]
        if reply is not None:
            status = NO_ANSWER if reply.act in SILENT else reply.status
            for token, attempt in attempts.items():
                self._keep(owner, accepted, number, (token, attempt), (status, reply.taken))
            return await give(request, reply, Wait(self._config.slow_seconds, None))
        illegal = _illegal(attempts)
        for token, attempt in attempts.items():
            outcome = (ALL_INVALID, False) if token in illegal else (SUCCESS, True)
            self._keep(owner, accepted, number, (token, attempt), outcome)
        _, body = sorted_out(illegal, len(attempts), f"{time.time_ns()}{number:05d}")
        return _json(body)

    def _reply(self, attempts: Mapping[str, int]) -> Reply | None:
        wishes = (WISHED_REPLY.of(token, attempt) for token, attempt in attempts.items())
        return next((wish for wish in wishes if wish), None) or self._passing_fault()

    def _passing_fault(self) -> Reply | None:
        if self._config.fault_ratio and self._chance.random() < self._config.fault_ratio:
            return self._chance.choice(self._faults)
        return None

    def _keep(
        self,
        owner: str,
        accepted: Accepted,
        number: int,
        address: tuple[str, int],
        outcome: tuple[int, bool],
    ) -> None:
        token, attempt = address
        status, taken = outcome
        self.received.add(
            RequestEntry(
                at=time.time(),
                project=owner,
                token=token,
                attempt=attempt,
                status=status,
                taken=taken and not accepted.validate_only,
                notification=notification_id(accepted.message),
                replace_key=replace_key(accepted.message),
                message=accepted.message,
                request=number,
            )
        )

    # ---- tokens, and what tests and benchmarks ask for ---------------------------------------

    async def issue_token(self, request: web.Request) -> web.Response:
        """``POST /oauth2/v3/token``; like Huawei it writes a slash as ``\\/``."""
        try:
            issued = self._tokens.issue(await request.post())
        except RefusedClient as refused:
            return _json(orjson.dumps(refused.body), 400)
        return _json(orjson.dumps(issued).replace(b"/", rb"\/"))

    async def revoke_tokens(self, _request: web.Request) -> web.Response:
        """``DELETE /token``."""
        self._tokens.forget()
        return web.Response(status=204)

    async def list_prefixes(self, _request: web.Request) -> web.Response:
        """``GET /prefixes``."""
        shown = {
            "requests": [{**reply.shown(), "code": reply.code or None} for reply in REPLIES],
            "addresses": [illegal.shown() for illegal in (*ILLEGALS, UNREADABLE)],
            "firstAttemptOnly": ONCE,
        }
        return _json(orjson.dumps(shown))

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
        counts = {"tokenRequests": self._tokens.requests, **self.received.summary()}
        return _json(orjson.dumps(counts))

    async def forget_received(self, _request: web.Request) -> web.Response:
        """``DELETE /received``."""
        self.received = HmsReceived()
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


def _illegal(attempts: Mapping[str, int]) -> dict[str, Illegal]:
    wishes = ((token, WISHED_ILLEGAL.of(token, attempt)) for token, attempt in attempts.items())
    return {token: illegal for token, illegal in wishes if illegal}


def _json(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def app(config: Config | None = None, app_secret: str = "") -> web.Application:
    """The stand-in as an app, for ``Served`` or ``serve``."""
    application = web.Application(client_max_size=MOST_BODY_BYTES)
    application.add_routes(Hms(config or Config(), HmsTokenEndpoint(app_secret)).routes())
    return application


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.stand_ins.hms",
        description="A stand-in for Huawei Push Kit.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--app-secret", default="", help="the only secret that gets a token")
    given = parser.parse_args()
    served = app(Config(latency_seconds=given.latency), given.app_secret)
    serve(served, given.host, given.port, "hms stand-in answers on {url}")


if __name__ == "__main__":
    main()
