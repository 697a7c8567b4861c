"""An emulator of Telegram's Bot API, and of people who press a bot's buttons. Never deployed.

It checks every call strictly, keeps what it received, and notifies the bot by webhook of what
people do. On request it is slow, full, broken or silent.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from local.emulators.background import serve
from local.emulators.command_line import command_line
from local.emulators.http_faults import Wait, give
from local.emulators.json_answers import in_json
from local.emulators.telegram.faults import BREAKS, NextFaults
from local.emulators.telegram.people import People
from local.emulators.telegram.rooms import Rooms
from local.emulators.telegram.schema import METHODS, Refused
from local.emulators.telegram.updates import ABOUT_UPDATES, Updates

EXAMPLES = """\
examples:
  python -m local.emulators.telegram.server --port 8127 --token 4242:secret --chat=-1001

It answers
  GET    /                      the room as a page, where the people named may press and reply
  POST   /bot{token}/{method}   the Bot API, with parameters as JSON
  GET    /received              calls, newest first; ?method=sendMessage&limit=100
  DELETE /received              forget them
  GET    /messages              what stands in the rooms; ?chat=-1001
  GET    /answers               what people heard who pressed a button
  GET    /updates               what the bot was told, and how it took that
  POST   /_press                {"user": 7001, "chat": -1001, "message": 1001, "button": "Approve"}
  POST   /_reply                {"user": 7001, "chat": -1001, "to": 1002, "text": "No source."}
                                both take "copies", "delay_seconds", "hold", "update_id";
                                "data" in place of "button" is what a dishonest client sends
  POST   /_update               {"message": {...}}, as it is
  POST   /_release              {"backwards": true}: tell what was held
  POST   /_next                 {"method": "sendMessage", "times": 1, "answer": "throttle",
                                "retry_after": 3}; answers: throttle, unavailable, unauthorized,
                                garbage, slow, huge, reset, close, cut, lost (done, then cut)
  POST   /_move                 {"from": -5, "to": -1005}: the group becomes a supergroup
  POST   /_kick                 {"chat": -1001, "kicked": true}
  POST   /_delete               {"chat": -1001, "message": 1001}: somebody deletes a message
"""
MOST_BODY_BYTES = 1024 * 1024
CALLS_KEPT = 10_000
QUERY_SECONDS = 30.0
ANY_CHAT = 0
NOBODY: Mapping[int, str] = {}

Json = dict[str, Any]


class Telegram:
    """Handlers of the emulator."""

    def __init__(
        self,
        token: str,
        rooms: Mapping[int, str],
        *,
        slow_seconds: float = 30.0,
        query_seconds: float = QUERY_SECONDS,
        people: Mapping[int, str] = NOBODY,
    ) -> None:
        id = int(token.partition(":")[0])
        bot = {"id": id, "is_bot": True, "first_name": "Fanfare", "username": "fanfare_bot"}
        self._token = token
        self._slow_seconds = slow_seconds
        self.rooms = Rooms(bot, rooms, query_seconds=query_seconds)
        self.updates = Updates()
        self.received: deque[Json] = deque(maxlen=CALLS_KEPT)
        self._next_faults = NextFaults()
        self._people = People(self.rooms, self.updates, people)

    def routes(self) -> list[web.AbstractRouteDef]:
        """List every route."""
        return [
            web.post("/bot{token}/{method}", self.call),
            web.get("/bot{token}/{method}", self.call),
            web.get("/received", self.list_received),
            web.delete("/received", self.forget_received),
            web.get("/messages", self.list_messages),
            web.get("/answers", self.list_answers),
            web.get("/updates", self.list_updates),
            web.post("/_next", self._next_faults.inject),
            *self._people.routes(),
        ]

    async def lifetime(self, _app: web.Application) -> AsyncIterator[None]:
        """End what was begun."""
        yield
        await self.updates.close()

    # ---- the Bot API -------------------------------------------------------------------------

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Check a call, record it, and answer it."""
        method, body = request.match_info["method"], await request.read()
        if ":" not in request.match_info["token"] or method not in METHODS:
            return self._keep_and_answer(method, body, _refused(Refused(404, "Not Found")))
        if request.match_info["token"] != self._token:
            return self._keep_and_answer(method, body, _refused(Refused(401, "Unauthorized")))
        fault = self._next_faults.of(method)
        if fault and (response := await self._spoiled(request, method, body, fault)):
            return response
        return self._keep_and_answer(method, body, self._done(method, body))

    def _done(self, method: str, body: bytes) -> web.Response:
        try:
            return in_json({"ok": True, "result": self._result(method, body)})
        except Refused as refused:
            return _refused(refused)

    def _result(self, method: str, body: bytes) -> object:
        try:
            asked = METHODS[method].model_validate_json(body or b"{}")
        except ValidationError as faults:
            told = [f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults.errors()]
            raise Refused(400, f"Bad Request: {'; '.join(told)}") from None
        about = self.updates if method in ABOUT_UPDATES else self.rooms
        return about.do(method, asked)

    def _keep_and_answer(self, method: str, body: bytes, response: web.Response) -> web.Response:
        self._keep(method, body, response.status)
        return response

    def _keep(self, method: str, body: bytes, status: int) -> None:
        try:
            given = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError:
            given = None
        self.received.append(
            {"at": time.time(), "method": method, "status": status, "given": given}
        )

    # ---- faults ------------------------------------------------------------------------------

    async def _spoiled(
        self, request: web.Request, method: str, body: bytes, fault: Json
    ) -> web.StreamResponse | None:
        answer = fault["answer"]
        if answer == "slow":
            await asyncio.sleep(self._slow_seconds)
            return None
        if answer == "throttle":
            seconds = fault.get("retry_after", 3)
            told = f"Too Many Requests: retry after {seconds}"
            return self._keep_and_answer(
                method, body, _refused(Refused(429, told, {"retry_after": seconds}))
            )
        if answer == "unauthorized":
            return self._keep_and_answer(method, body, _refused(Refused(401, "Unauthorized")))
        status = self._done(method, body).status if answer == "lost" else 0
        self._keep(method, body, status)
        return await give(request, BREAKS[answer], Wait(0.0, None))

    # ---- what was received -------------------------------------------------------------------

    async def list_received(self, request: web.Request) -> web.Response:
        """Answer ``GET /received``."""
        method, limit = request.query.get("method"), int(request.query.get("limit", "100"))
        found = [call for call in reversed(self.received) if method in {None, call["method"]}]
        return in_json({"received": found[:limit]})

    async def forget_received(self, _request: web.Request) -> web.Response:
        """Answer ``DELETE /received``."""
        self.received.clear()
        return web.Response(status=204)

    async def list_messages(self, request: web.Request) -> web.Response:
        """Answer ``GET /messages``."""
        chat = int(request.query.get("chat", ANY_CHAT))
        found = [m for (room, _), m in self.rooms.messages.items() if chat in {ANY_CHAT, room}]
        return in_json({"messages": found})

    async def list_answers(self, _request: web.Request) -> web.Response:
        """Answer ``GET /answers``."""
        return in_json({"answers": self.rooms.answers})

    async def list_updates(self, _request: web.Request) -> web.Response:
        """Answer ``GET /updates``."""
        return in_json({"updates": [delivery.as_json() for delivery in self.updates.all]})


def _refused(refused: Refused) -> web.Response:
    said: Json = {
        "ok": False,
        "error_code": refused.code,
        "description": refused.description,
    }
    if refused.parameters:
        said["parameters"] = dict(refused.parameters)
    return in_json(said, refused.code)


def app(telegram: Telegram) -> web.Application:
    """Create the emulator as an app, for ``ServedApp`` or ``serve``."""
    application = web.Application(client_max_size=MOST_BODY_BYTES)
    application.add_routes(telegram.routes())
    application.cleanup_ctx.append(telegram.lifetime)
    return application


def _person(option: str) -> tuple[int, str]:
    id, _, name = option.partition("=")
    return int(id), name or id


def main() -> None:
    """Run the command line."""
    parser = command_line("telegram", "An emulator for Telegram's Bot API.", EXAMPLES)
    parser.add_argument("--token", default="4242:local-bot", help="the bot's token")
    parser.add_argument("--chat", type=int, default=-1001, help="the moderators' room")
    parser.add_argument(
        "--person",
        type=_person,
        action="append",
        default=[],
        metavar="ID=NAME",
        help="somebody the page lets one be; may be repeated",
    )
    given = parser.parse_args()
    rooms = {given.chat: "Fanfare moderators"}
    telegram = Telegram(given.token, rooms, people=dict(given.person))
    with contextlib.suppress(KeyboardInterrupt):
        serve(app(telegram), given.host, given.port, "telegram emulator answers on {url}")


if __name__ == "__main__":
    main()
