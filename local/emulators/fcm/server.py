"""An emulator of Firebase Cloud Messaging, with every answer the real one gives. Never deployed.

It accepts every address except those that ask for something else by their first letters, checks
bodies as strictly as the real service, and keeps what it received. It also emulates Google's OAuth
token endpoint, since a sender needs both. Requests are not logged: the emulator is the peer of
benchmarks too.
"""

import asyncio
import time
from pathlib import Path

from aiohttp import web
from pydantic import Field

from local.emulators.background import serve
from local.emulators.command_line import push_command_line
from local.emulators.faults import SILENT, Fault
from local.emulators.fcm.answers import FAULT_TABLE, FAULTS, PASSING
from local.emulators.fcm.schema import Unacceptable
from local.emulators.fcm.tokens import RefusedGrant, TokenEndpoint
from local.emulators.fcm.validation import ValidMessage, check, notification_id, replace_key
from local.emulators.http_faults import Wait, give
from local.emulators.json_answers import in_json, ready_json
from local.emulators.push.admin import Admin
from local.emulators.push.config import InForce, PushConfig
from local.emulators.push.received import NO_ANSWER, MessageEntry, RequestLog

EXAMPLES = """\
examples:
  python -m local.emulators.fcm.server --port 8125
  python -m local.emulators.fcm.server --port 8125 --latency 0.05 --service-account account.json

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


class Config(PushConfig):
    """Settings that can be changed while the emulator runs."""

    faults: tuple[str, ...] = PASSING
    retry_after_seconds: int | None = Field(default=None, ge=0)
    issued_tokens_only: bool = False


class Fcm:
    """State of the emulator, and its handlers."""

    def __init__(self, config: Config, tokens: TokenEndpoint) -> None:
        self._in_force = InForce(config, FAULT_TABLE.by_prefix)
        self._tokens = tokens
        self.received = RequestLog()
        shown = {"prefixes": [fault.as_json() for fault in FAULTS]}
        self._admin = Admin(self._in_force, self.received, shown)

    def routes(self) -> list[web.RouteDef]:
        """List every route."""
        return [
            web.post("/v1/projects/{project}/messages:send", self.send),
            web.post("/token", self.issue_token),
            web.delete("/token", self.revoke_tokens),
            *self._admin.routes(),
        ]

    # ---- sending ---------------------------------------------------------------------------

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer ``messages:send``."""
        body = await request.read()
        if latency := self._in_force.config.latency_seconds:
            await asyncio.sleep(latency)
        if not self._may_send(request.headers.get("Authorization", "")):
            return self._refuse(401, FAULT_TABLE.by_prefix["unauthenticated-"].body)
        try:
            accepted = check(body)
        except Unacceptable as unacceptable:
            return self._refuse(400, unacceptable.body())
        return await self._answer(request, accepted)

    def _may_send(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or not token:
            return False
        return not self._in_force.config.issued_tokens_only or self._tokens.knows(token)

    def _refuse(self, status: int, body: bytes) -> web.Response:
        self.received.count_refused(status)
        return ready_json(body, status)

    async def _answer(self, request: web.Request, accepted: ValidMessage) -> web.StreamResponse:
        attempt = self.received.attempt(accepted.recipient)
        fault = FAULT_TABLE.of(accepted.recipient, attempt) or self._in_force.passing_fault()
        self._keep(request.match_info["project"], accepted, attempt, fault)
        if fault is None:
            return ready_json(self._receipt(request.match_info["project"], accepted))
        config = self._in_force.config
        return await give(request, fault, Wait(config.slow_seconds, config.retry_after_seconds))

    def _receipt(self, project: str, accepted: ValidMessage) -> bytes:
        name = "fake_message_id" if accepted.validate_only else f"0:{time.time_ns()}%fanfare"
        return b'{"name":"projects/%b/messages/%b"}' % (project.encode(), name.encode())

    def _keep(
        self, project: str, accepted: ValidMessage, attempt: int, fault: Fault | None
    ) -> None:
        silent = fault is not None and fault.kind in SILENT
        self.received.add(
            MessageEntry(
                at=time.time(),
                project=project,
                token=accepted.recipient,
                attempt=attempt,
                status=NO_ANSWER if silent else (fault.http if fault else 200),
                taken=(fault is None or fault.taken) and not accepted.validate_only,
                notification=notification_id(accepted.message),
                replace_key=replace_key(accepted.message),
                message=accepted.message,
            )
        )

    # ---- tokens ----------------------------------------------------------------------------

    async def issue_token(self, request: web.Request) -> web.Response:
        """Answer ``POST /token``."""
        try:
            issued = self._tokens.issue(await request.post(), str(request.url))
        except RefusedGrant as refused:
            said = {"error": refused.error, "error_description": refused.description}
            return in_json(said, 400)
        return in_json(issued)

    async def revoke_tokens(self, _request: web.Request) -> web.Response:
        """Answer ``DELETE /token``."""
        self._tokens.forget()
        return web.Response(status=204)


def app(config: Config | None = None, service_account: Path | None = None) -> web.Application:
    """Create the emulator as an app, for ``ServedApp`` or ``serve``."""
    application = web.Application(client_max_size=MOST_BODY_BYTES)
    application.add_routes(Fcm(config or Config(), TokenEndpoint(service_account)).routes())
    return application


def main() -> None:
    """Run the command line."""
    parser = push_command_line("fcm", "An emulator for Firebase Cloud Messaging.", EXAMPLES)
    parser.add_argument(
        "--service-account", type=Path, help="check assertions against this account's key"
    )
    given = parser.parse_args()
    served = app(Config(latency_seconds=given.latency), given.service_account)
    serve(served, given.host, given.port, "fcm emulator answers on {url}")


if __name__ == "__main__":
    main()
