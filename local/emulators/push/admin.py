"""The admin port that tests and benchmarks use, the same for every push service's emulator."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from local.emulators.faults import ONCE
from local.emulators.json_answers import in_json
from local.emulators.push.config import InForce
from local.emulators.push.received import RequestLog


class Admin:
    """Handlers. ``prefixes`` are the emulator's tables; ``further`` sums come before those of
    ``received``.
    """

    def __init__(
        self,
        in_force: InForce[Any, Any],
        received: RequestLog,
        prefixes: Mapping[str, object],
        further: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        self._in_force = in_force
        self._received = received
        self._prefixes = prefixes
        self._further = further

    def routes(self) -> list[web.RouteDef]:
        """List every route."""
        return [
            web.get("/prefixes", self.list_prefixes),
            web.get("/received", self.list_received),
            web.get("/received/summary", self.sum_received),
            web.delete("/received", self.forget_received),
            web.get("/_config", self.show_config),
            web.post("/_config", self.change_config),
        ]

    async def list_prefixes(self, _request: web.Request) -> web.Response:
        """Answer ``GET /prefixes``."""
        return in_json({**self._prefixes, "firstAttemptOnly": ONCE})

    async def list_received(self, request: web.Request) -> web.Response:
        """Answer ``GET /received``."""
        asked = request.query
        if not (limit := asked.get("limit", "100")).isdecimal() or not int(limit):
            return in_json({"error": "limit must be a number from 1"}, 400)
        found = self._received.entries(
            int(limit), asked.get("token", ""), asked.get("notification", "")
        )
        return in_json({"received": found})

    async def sum_received(self, _request: web.Request) -> web.Response:
        """Answer ``GET /received/summary``."""
        return in_json({**self._further(), **self._received.summary()})

    async def forget_received(self, _request: web.Request) -> web.Response:
        """Answer ``DELETE /received``."""
        self._received.forget()
        return web.Response(status=204)

    async def show_config(self, _request: web.Request) -> web.Response:
        """Answer ``GET /_config``."""
        return in_json(self._in_force.config.model_dump())

    async def change_config(self, request: web.Request) -> web.Response:
        """Answer ``POST /_config``."""
        try:
            self._in_force.change(await request.read())
        except (ValidationError, KeyError) as wrong:
            return in_json({"error": str(wrong)}, 400)
        return await self.show_config(request)
