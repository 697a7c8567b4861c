"""The acts of people in a chat that the bot is notified of, and changes to the chat itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from local.emulators.json_answers import in_json
from local.emulators.telegram.rooms import Rooms
from local.emulators.telegram.schema import Refused
from local.emulators.telegram.updates import Updates

Json = dict[str, Any]
PAGE = Path(__file__).with_name("page")


class People:
    """People who press, reply and delete; the room moves, or throws the bot out. They do so by
    requests, or at a page that shows the room.
    """

    def __init__(self, rooms: Rooms, updates: Updates, names: Mapping[int, str]) -> None:
        self._rooms = rooms
        self._updates = updates
        self._names = names

    def routes(self) -> list[web.AbstractRouteDef]:
        """List every route."""
        return [
            web.get("/", self.show),
            web.static("/page", PAGE),
            web.get("/people", self.list_people),
            web.post("/_press", self.press),
            web.post("/_reply", self.reply),
            web.post("/_update", self.update),
            web.post("/_release", self.release),
            web.post("/_move", self.move),
            web.post("/_kick", self.kick),
            web.post("/_delete", self.delete),
        ]

    async def show(self, _request: web.Request) -> web.FileResponse:
        """Answer ``GET /``: the room as its members see it."""
        return web.FileResponse(PAGE / "index.html")

    async def list_people(self, _request: web.Request) -> web.Response:
        """Answer ``GET /people``."""
        return in_json({"people": [{"id": id, "name": it} for id, it in self._names.items()]})

    async def press(self, request: web.Request) -> web.Response:
        """Answer ``POST /_press``."""
        given = orjson.loads(await request.read())
        try:
            query = self._rooms.press(self._user(given), given["chat"], given["message"], given)
        except Refused as refused:
            return in_json({"error": refused.description}, 404)
        delivery = self._updates.add("callback_query", query, given)
        return in_json({"update": delivery.number, "query": query["id"]})

    async def reply(self, request: web.Request) -> web.Response:
        """Answer ``POST /_reply``."""
        given = orjson.loads(await request.read())
        try:
            message = self._rooms.write(
                self._user(given), given["chat"], given.get("text", ""), given.get("to", 0)
            )
        except Refused as refused:
            return in_json({"error": refused.description}, 404)
        delivery = self._updates.add("message", message, given)
        return in_json({"update": delivery.number, "message": message["message_id"]})

    async def update(self, request: web.Request) -> web.Response:
        """Answer ``POST /_update``."""
        given = orjson.loads(await request.read())
        ((kind, what),) = given.items()
        return in_json({"update": self._updates.add(kind, what, {}).number})

    async def release(self, request: web.Request) -> web.Response:
        """Answer ``POST /_release``."""
        given = orjson.loads(await request.read() or b"{}")
        return in_json({"released": self._updates.release(backwards=bool(given.get("backwards")))})

    async def move(self, request: web.Request) -> web.Response:
        """Answer ``POST /_move``."""
        given = orjson.loads(await request.read())
        message = self._rooms.move(given["from"], given["to"])
        if given.get("tell", True):
            self._updates.add("message", message, {})
        return in_json({})

    async def kick(self, request: web.Request) -> web.Response:
        """Answer ``POST /_kick``."""
        given = orjson.loads(await request.read())
        change = self._rooms.closed.add if given.get("kicked", True) else self._rooms.closed.discard
        change(given["chat"])
        return in_json({})

    async def delete(self, request: web.Request) -> web.Response:
        """Answer ``POST /_delete``."""
        given = orjson.loads(await request.read())
        self._rooms.messages.pop((given["chat"], given["message"]), None)
        return in_json({})

    def _user(self, fields: Mapping[str, Any]) -> Json:
        id = int(fields["user"])
        return {"id": id, "is_bot": False, "first_name": self._names.get(id, f"User {id}")}
