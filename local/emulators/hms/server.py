"""An emulator of Huawei Push Kit and its OAuth endpoint, with all their answers. Never deployed.

It accepts every address except those that ask for something else by their first letters, checks
bodies strictly, and keeps what it received. Requests are not logged: the emulator is the peer of
benchmarks too.
"""

import asyncio
import time
from collections.abc import Mapping

import orjson
from aiohttp import web

from local.emulators.background import serve
from local.emulators.command_line import push_command_line
from local.emulators.faults import SILENT
from local.emulators.hms.answers import (
    ALL_INVALID,
    ILLEGAL_TABLE,
    ILLEGALS,
    PASSING,
    REPLIES,
    REPLY_TABLE,
    SUCCESS,
    UNREADABLE,
    Illegal,
    Reply,
    answer_body,
    client_refusal,
    sorted_out,
)
from local.emulators.hms.validation import (
    Unacceptable,
    ValidMessage,
    check,
    notification_id,
    replace_key,
)
from local.emulators.http_faults import Wait, give
from local.emulators.json_answers import in_json, ready_json
from local.emulators.push.admin import Admin
from local.emulators.push.config import InForce, PushConfig
from local.emulators.push.received import NO_ANSWER, BatchRequestLog, RequestEntry
from local.emulators.push.tokens import ClientCredentialsEndpoint, RefusedClient

EXAMPLES = """\
examples:
  python -m local.emulators.hms.server --port 8126
  python -m local.emulators.hms.server --port 8126 --latency 0.05 --app-secret s3cret

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


class Config(PushConfig):
    """Settings that can be changed while the emulator runs."""

    faults: tuple[str, ...] = PASSING
    issued_tokens_only: bool = False


class Hms:
    """State of the emulator, and its handlers."""

    def __init__(self, config: Config, tokens: ClientCredentialsEndpoint) -> None:
        self._in_force = InForce(config, REPLY_TABLE.by_prefix)
        self._tokens = tokens
        self.received = BatchRequestLog()
        shown = {
            "requests": [{**reply.as_json(), "code": reply.code or None} for reply in REPLIES],
            "addresses": [illegal.as_json() for illegal in (*ILLEGALS, UNREADABLE)],
        }
        self._admin = Admin(self._in_force, self.received, shown, self._token_requests)

    def routes(self) -> list[web.RouteDef]:
        """List every route."""
        return [
            web.post("/v1/{owner}/messages:send", self.send),
            web.post("/v2/{owner}/messages:send", self.send),
            web.post("/oauth2/v2/token", self.issue_token),
            web.post("/oauth2/v3/token", self.issue_token),
            web.delete("/token", self.revoke_tokens),
            *self._admin.routes(),
        ]

    # ---- sending ---------------------------------------------------------------------------

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer ``messages:send``."""
        body = await request.read()
        number = self.received.request()
        if latency := self._in_force.config.latency_seconds:
            await asyncio.sleep(latency)
        if refused := self._refused_caller(request):
            return self._refuse(401, refused, "OAuth authentication error.")
        try:
            accepted = check(body)
        except Unacceptable as unacceptable:
            return self._refuse(400, unacceptable.code, unacceptable.message)
        return await self._answer(request, accepted, number)

    def _refused_caller(self, request: web.Request) -> int:
        """Return Huawei's code for a caller who may not send, or 0."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return 80200001
        if not self._in_force.config.issued_tokens_only:
            return 0
        client = self._tokens.issued.client_of(token)
        if not client:
            return 80200003
        of_one_app = request.path.startswith("/v1/")
        return 80200001 if of_one_app and client != request.match_info["owner"] else 0

    def _refuse(self, http: int, code: int, message: str) -> web.Response:
        self.received.count_refused(code)
        return ready_json(answer_body(code, message), http)

    async def _answer(
        self, request: web.Request, accepted: ValidMessage, number: int
    ) -> web.StreamResponse:
        attempts = {token: self.received.attempt(token) for token in accepted.tokens}
        reply = self._reply(attempts)
        owner = request.match_info["owner"]
        if reply is not None:
            status = NO_ANSWER if reply.kind in SILENT else reply.status
            for token, attempt in attempts.items():
                self._keep(owner, accepted, number, (token, attempt), (status, reply.taken))
            return await give(request, reply, Wait(self._in_force.config.slow_seconds, None))
        illegal = _illegal(attempts)
        for token, attempt in attempts.items():
            outcome = (ALL_INVALID, False) if token in illegal else (SUCCESS, True)
            self._keep(owner, accepted, number, (token, attempt), outcome)
        _, body = sorted_out(illegal, len(attempts), f"{time.time_ns()}{number:05d}")
        return ready_json(body)

    def _reply(self, attempts: Mapping[str, int]) -> Reply | None:
        rows = (REPLY_TABLE.of(token, attempt) for token, attempt in attempts.items())
        return next((row for row in rows if row), None) or self._in_force.passing_fault()

    def _keep(
        self,
        owner: str,
        accepted: ValidMessage,
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

    # ---- tokens ----------------------------------------------------------------------------

    async def issue_token(self, request: web.Request) -> web.Response:
        r"""Answer ``POST /oauth2/v3/token``; like Huawei, write a slash as ``\/``."""
        try:
            issued = self._tokens.issue(await request.post())
        except RefusedClient as refused:
            return in_json(client_refusal(refused.error), 400)
        return ready_json(orjson.dumps(issued).replace(b"/", rb"\/"))

    async def revoke_tokens(self, _request: web.Request) -> web.Response:
        """Answer ``DELETE /token``."""
        self._tokens.issued.forget()
        return web.Response(status=204)

    def _token_requests(self) -> Mapping[str, object]:
        return {"tokenRequests": self._tokens.requests}


def _illegal(attempts: Mapping[str, int]) -> dict[str, Illegal]:
    rows = ((token, ILLEGAL_TABLE.of(token, attempt)) for token, attempt in attempts.items())
    return {token: illegal for token, illegal in rows if illegal}


def app(config: Config | None = None, app_secret: str = "") -> web.Application:
    """Create the emulator as an app, for ``ServedApp`` or ``serve``."""
    application = web.Application(client_max_size=MOST_BODY_BYTES)
    application.add_routes(Hms(config or Config(), ClientCredentialsEndpoint(app_secret)).routes())
    return application


def main() -> None:
    """Run the command line."""
    parser = push_command_line("hms", "An emulator for Huawei Push Kit.", EXAMPLES)
    parser.add_argument("--app-secret", default="", help="the only secret that gets a token")
    given = parser.parse_args()
    served = app(Config(latency_seconds=given.latency), given.app_secret)
    serve(served, given.host, given.port, "hms emulator answers on {url}")


if __name__ == "__main__":
    main()
