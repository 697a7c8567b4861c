"""Faults to inject into the next calls."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from local.emulators.faults import Fault, FaultKind
from local.emulators.json_answers import in_json

_UNAVAILABLE = b'{"ok":false,"error_code":502,"description":"Bad Gateway"}'
BREAKS: Mapping[str, Fault] = {
    "unavailable": Fault("", "Bad Gateway", 502, _UNAVAILABLE),
    "garbage": Fault("", "not JSON", 200, b"<html>", content_type="text/html"),
    "reset": Fault("", "TCP reset", kind=FaultKind.RESET),
    "close": Fault("", "closed without a byte", kind=FaultKind.CLOSE),
    "cut": Fault("", "half an answer", kind=FaultKind.CUT),
    "huge": Fault("", "more than anybody should read", kind=FaultKind.HUGE),
    "lost": Fault("", "done, and half an answer", kind=FaultKind.CUT),
}
"""Answers that are broken. The other faults are Telegram's own words, or late answers."""
_IN_ORDER = frozenset({"slow", "throttle", "unauthorized"})

Json = dict[str, Any]


class NextFaults:
    """Faults, each for some calls of a method or (``*``) of any."""

    def __init__(self) -> None:
        self._faults: list[Json] = []

    def of(self, method: str) -> Json | None:
        """Use up the first fault that is for this call."""
        for fault in self._faults:
            if fault["method"] in {method, "*"} and fault["times"] > 0:
                fault["times"] -= 1
                return fault
        return None

    async def inject(self, request: web.Request) -> web.Response:
        """Answer ``POST /_next``."""
        fault = {"method": "*", "times": 1, **orjson.loads(await request.read())}
        if fault["answer"] not in BREAKS.keys() | _IN_ORDER:
            return in_json({"error": "no such answer"}, 400)
        self._faults.append(fault)
        return in_json(fault)
