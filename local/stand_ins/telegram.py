"""A stand-in for Telegram's Bot API, and for the people who press a bot's buttons. Never deployed.

It checks every call strictly, keeps what it received, and tells the bot by webhook what people do.
On request it is slow, full, broken or silent.
"""

import argparse
import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from local.background import serve
from local.stand_ins.fcm_acts import Wait, give
from local.stand_ins.fcm_answers import Act, Script
from local.stand_ins.telegram_rooms import Refused, Rooms
from local.stand_ins.telegram_schema import METHODS, GetUpdates, SetWebhook
from local.stand_ins.telegram_updates import Updates

EXAMPLES = """\
examples:
  python -m local.stand_ins.telegram --port 8127 --token 4242:secret --chat=-1001

It answers
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

_UNAVAILABLE = b'{"ok":false,"error_code":502,"description":"Bad Gateway"}'
_BREAKS: Mapping[str, Script] = {
    "unavailable": Script("", "Bad Gateway", 502, _UNAVAILABLE),
    "garbage": Script("", "not JSON", 200, b"<html>", content_type="text/html"),
    "reset": Script("", "TCP reset", act=Act.RESET),
    "close": Script("", "closed without a byte", act=Act.CLOSE),
    "cut": Script("", "half an answer", act=Act.CUT),
    "huge": Script("", "more than anybody should read", act=Act.HUGE),
    "lost": Script("", "done, and half an answer", act=Act.CUT),
}

Json = dict[str, Any]


class Telegram:
    """The stand-in's handlers."""

    def __init__(
        self,
        token: str,
        rooms: Mapping[int, str],
        *,
        slow_seconds: float = 30.0,
        query_seconds: float = QUERY_SECONDS,
    ) -> None:
        id = int(token.partition(":")[0])
        bot = {"id": id, "is_bot": True, "first_name": "Fanfare", "username": "fanfare_bot"}
        self._token = token
        self._slow_seconds = slow_seconds
        self.rooms = Rooms(bot, rooms, query_seconds=query_seconds)
        self.updates = Updates()
        self.received: deque[Json] = deque(maxlen=CALLS_KEPT)
        self._wishes: list[Json] = []

    def routes(self) -> list[web.RouteDef]:
        """Everything it answers."""
        return [
            web.post("/bot{token}/{method}", self.call),
            web.get("/bot{token}/{method}", self.call),
            web.get("/received", self.list_received),
            web.delete("/received", self.forget_received),
            web.get("/messages", self.list_messages),
            web.get("/answers", self.list_answers),
            web.get("/updates", self.list_updates),
            web.post("/_press", self.press),
            web.post("/_reply", self.reply),
            web.post("/_update", self.update),
            web.post("/_release", self.release),
            web.post("/_next", self.wish),
            web.post("/_move", self.move),
            web.post("/_kick", self.kick),
            web.post("/_delete", self.delete),
        ]

    async def lifetime(self, _app: web.Application) -> AsyncIterator[None]:
        """Ends what it began."""
        yield
        await self.updates.close()

    # ---- the Bot API -------------------------------------------------------------------------

    async def call(self, request: web.Request) -> web.StreamResponse:
        """One call, checked, kept, and answered."""
        method, body = request.match_info["method"], await request.read()
        if ":" not in request.match_info["token"] or method not in METHODS:
            return self._kept(method, body, _refused(Refused(404, "Not Found")))
        if request.match_info["token"] != self._token:
            return self._kept(method, body, _refused(Refused(401, "Unauthorized")))
        wish = self._wish_of(method)
        if wish and (response := await self._spoiled(request, method, body, wish)):
            return response
        return self._kept(method, body, self._done(method, body))

    def _done(self, method: str, body: bytes) -> web.Response:
        try:
            return _json({"ok": True, "result": self._result(method, body)})
        except Refused as refused:
            return _refused(refused)

    def _result(self, method: str, body: bytes) -> object:
        try:
            asked = METHODS[method].model_validate_json(body or b"{}")
        except ValidationError as faults:
            told = [f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults.errors()]
            raise Refused(400, f"Bad Request: {'; '.join(told)}") from None
        if isinstance(asked, SetWebhook):
            return self._set_webhook(asked)
        if isinstance(asked, GetUpdates):
            return self._updates_for(asked)
        if method == "deleteWebhook":
            self.updates.set_webhook(None)
            return True
        if method == "getWebhookInfo":
            return self._webhook_info()
        return self.rooms.do(method, asked)

    def _set_webhook(self, asked: SetWebhook) -> bool:
        local = asked.url.startswith("http://127.0.0.1:")
        if asked.url and not asked.url.startswith("https://") and not local:
            raise Refused(
                400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"
            )
        self.updates.set_webhook(asked if asked.url else None)
        return True

    def _updates_for(self, asked: GetUpdates) -> list[Mapping[str, Any]]:
        if self.updates.webhook:
            raise Refused(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        return self.updates.asked_for(asked)

    def _webhook_info(self) -> Json:
        webhook = self.updates.webhook
        info: Json = {
            "url": webhook.url if webhook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self.updates.waiting()),
        }
        if webhook:
            info |= {"allowed_updates": list(webhook.allowed_updates)}
            info |= {"max_connections": webhook.max_connections}
        if self.updates.last_error:
            info |= {"last_error_message": self.updates.last_error}
        return info

    def _kept(self, method: str, body: bytes, response: web.Response) -> web.Response:
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

    # ---- moods -------------------------------------------------------------------------------

    def _wish_of(self, method: str) -> Json | None:
        for wish in self._wishes:
            if wish["method"] in {method, "*"} and wish["times"] > 0:
                wish["times"] -= 1
                return wish
        return None

    async def _spoiled(
        self, request: web.Request, method: str, body: bytes, wish: Json
    ) -> web.StreamResponse | None:
        answer = wish["answer"]
        if answer == "slow":
            await asyncio.sleep(self._slow_seconds)
            return None
        if answer == "throttle":
            seconds = wish.get("retry_after", 3)
            told = f"Too Many Requests: retry after {seconds}"
            return self._kept(method, body, _refused(Refused(429, told, {"retry_after": seconds})))
        if answer == "unauthorized":
            return self._kept(method, body, _refused(Refused(401, "Unauthorized")))
        status = self._done(method, body).status if answer == "lost" else 0
        self._keep(method, body, status)
        return await give(request, _BREAKS[answer], Wait(0.0, None))

    async def wish(self, request: web.Request) -> web.Response:
        """``POST /_next``."""
        wish = {"method": "*", "times": 1, **orjson.loads(await request.read())}
        if wish["answer"] not in {*_BREAKS, "slow", "throttle", "unauthorized"}:
            return _json({"error": "no such answer"}, 400)
        self._wishes.append(wish)
        return _json(wish)

    # ---- people ------------------------------------------------------------------------------

    async def press(self, request: web.Request) -> web.Response:
        """``POST /_press``."""
        given = orjson.loads(await request.read())
        try:
            query = self.rooms.press(_user(given), given["chat"], given["message"], given)
        except Refused as refused:
            return _json({"error": refused.description}, 404)
        telling = self.updates.add("callback_query", query, given)
        return _json({"update": telling.number, "query": query["id"]})

    async def reply(self, request: web.Request) -> web.Response:
        """``POST /_reply``."""
        given = orjson.loads(await request.read())
        try:
            message = self.rooms.write(
                _user(given), given["chat"], given.get("text", ""), given.get("to", 0)
            )
        except Refused as refused:
            return _json({"error": refused.description}, 404)
        telling = self.updates.add("message", message, given)
        return _json({"update": telling.number, "message": message["message_id"]})

    async def update(self, request: web.Request) -> web.Response:
        """``POST /_update``."""
        given = orjson.loads(await request.read())
        ((kind, what),) = given.items()
        return _json({"update": self.updates.add(kind, what, {}).number})

    async def release(self, request: web.Request) -> web.Response:
        """``POST /_release``."""
        given = orjson.loads(await request.read() or b"{}")
        return _json({"released": self.updates.release(backwards=bool(given.get("backwards")))})

    async def move(self, request: web.Request) -> web.Response:
        """``POST /_move``."""
        given = orjson.loads(await request.read())
        message = self.rooms.move(given["from"], given["to"])
        if given.get("tell", True):
            self.updates.add("message", message, {})
        return _json({})

    async def kick(self, request: web.Request) -> web.Response:
        """``POST /_kick``."""
        given = orjson.loads(await request.read())
        change = self.rooms.closed.add if given.get("kicked", True) else self.rooms.closed.discard
        change(given["chat"])
        return _json({})

    async def delete(self, request: web.Request) -> web.Response:
        """``POST /_delete``."""
        given = orjson.loads(await request.read())
        self.rooms.messages.pop((given["chat"], given["message"]), None)
        return _json({})

    # ---- what was received -------------------------------------------------------------------

    async def list_received(self, request: web.Request) -> web.Response:
        """``GET /received``."""
        method, limit = request.query.get("method"), int(request.query.get("limit", "100"))
        found = [call for call in reversed(self.received) if method in {None, call["method"]}]
        return _json({"received": found[:limit]})

    async def forget_received(self, _request: web.Request) -> web.Response:
        """``DELETE /received``."""
        self.received.clear()
        return web.Response(status=204)

    async def list_messages(self, request: web.Request) -> web.Response:
        """``GET /messages``."""
        chat = int(request.query.get("chat", ANY_CHAT))
        found = [m for (room, _), m in self.rooms.messages.items() if chat in {ANY_CHAT, room}]
        return _json({"messages": found})

    async def list_answers(self, _request: web.Request) -> web.Response:
        """``GET /answers``."""
        return _json({"answers": self.rooms.answers})

    async def list_updates(self, _request: web.Request) -> web.Response:
        """``GET /updates``."""
        return _json({"updates": [telling.shown() for telling in self.updates.all]})


def _user(given: Mapping[str, Any]) -> Json:
    id = int(given["user"])
    return {"id": id, "is_bot": False, "first_name": f"User {id}"}


def _refused(refused: Refused) -> web.Response:
    said: Json = {
        "ok": False,
        "error_code": refused.code,
        "description": refused.description,
    }
    if refused.parameters:
        said["parameters"] = dict(refused.parameters)
    return _json(said, refused.code)


def _json(value: object, status: int = 200) -> web.Response:
    body = orjson.dumps(value)
    return web.Response(body=body, status=status, content_type="application/json")


def app(telegram: Telegram) -> web.Application:
    """The stand-in as an app, for ``Served`` or ``serve``."""
    application = web.Application(client_max_size=MOST_BODY_BYTES)
    application.add_routes(telegram.routes())
    application.cleanup_ctx.append(telegram.lifetime)
    return application


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.stand_ins.telegram",
        description="A stand-in for Telegram's Bot API.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--token", default="4242:local-bot", help="the bot's token")
    parser.add_argument("--chat", type=int, default=-1001, help="the moderators' room")
    given = parser.parse_args()
    telegram = Telegram(given.token, {given.chat: "Fanfare moderators"})
    with contextlib.suppress(KeyboardInterrupt):
        serve(app(telegram), given.host, given.port, "telegram stand-in answers on {url}")


if __name__ == "__main__":
    main()
