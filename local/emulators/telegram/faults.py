"""Faults to inject into the next calls."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from local.emulators.faults import Act, Script
from local.emulators.json_answers import in_json

_UNAVAILABLE = b'{"ok":false,"error_code":502,"description":"Bad Gateway"}'
BREAKS: Mapping[str, Script] = {
    "unavailable": Script("", "Bad Gateway", 502, _UNAVAILABLE),
    "garbage": Script("", "not JSON", 200, b"<html>", content_type="text/html"),
    "reset": Script("", "TCP reset", act=Act.RESET),
    "close": Script("", "closed without a byte", act=Act.CLOSE),
    "cut": Script("", "half an answer", act=Act.CUT),
    "huge": Script("", "more than anybody should read", act=Act.HUGE),
    "lost": Script("", "done, and half an answer", act=Act.CUT),
}
"""Answers that are broken. The other faults are Telegram's own words, or late answers."""
_IN_ORDER = frozenset({"slow", "throttle", "unauthorized"})

Json = dict[str, Any]


class Moods:
    """Faults, each for some calls of a method or (``*``) of any."""

    def __init__(self) -> None:
        self._wishes: list[Json] = []

    def of(self, method: str) -> Json | None:
        """Use up the first fault that is for this call."""
        for wish in self._wishes:
            if wish["method"] in {method, "*"} and wish["times"] > 0:
                wish["times"] -= 1
                return wish
        return None

    async def wish(self, request: web.Request) -> web.Response:
        """Answer ``POST /_next``."""
        wish = {"method": "*", "times": 1, **orjson.loads(await request.read())}
        if wish["answer"] not in BREAKS.keys() | _IN_ORDER:
            return in_json({"error": "no such answer"}, 400)
        self._wishes.append(wish)
        return in_json(wish)
