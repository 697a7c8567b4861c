"""The answers of Apple's push service, and what the emulator records of each request."""

import time
import uuid
from collections.abc import Mapping

import orjson
from pydantic import Field

from local.emulators.apns.answers import FAULT_TABLE, FAULTS, PASSING, Fault, FaultKind, fault_for
from local.emulators.apns.checks import Caller, Refused, TokenRules, check, where
from local.emulators.apns.received import ApnsReceived, StreamEntry
from local.emulators.apns.wire import Reply, Request
from local.emulators.push.admin import Admin
from local.emulators.push.config import InForce, PushConfig


class Config(PushConfig):
    """Settings that can be changed while the emulator runs."""

    faults: tuple[str, ...] = PASSING
    token_update_seconds: float = Field(default=0.0, ge=0)


class Apns:
    """State of the emulator, and its ports' answers. ``keys``: public keys (PEM) by key id."""

    def __init__(self, config: Config | None = None, keys: Mapping[str, str] | None = None) -> None:
        self._in_force = InForce(config or Config(), FAULT_TABLE.by_prefix)
        self._tokens = TokenRules(keys or {})
        self.received = ApnsReceived()
        shown = {"prefixes": [fault.as_json() for fault in FAULTS]}
        self.admin = Admin(self._in_force, self.received, shown)

    def opened(self) -> int:
        """Count a connection."""
        self.received.connections += 1
        return self.received.connections

    def early(self) -> None:
        """Count a request that should have waited."""
        self.received.early += 1

    def answer(self, request: Request, caller: Caller, connection: int) -> Reply:
        """Accept or refuse a request, or answer as the device token asks."""
        given = dict(request.headers)
        environment, token = "production", ""
        payload: object = None
        fault: Fault | None = None
        refused = ""
        self._tokens.update_seconds = self._in_force.config.token_update_seconds
        try:
            environment, token = where(given.get(":method", ""), given.get(":path", ""))
            payload = check(request.headers, bytes(request.body), caller, self._tokens)
            attempt = self.received.attempt(token)
            fault = fault_for(token, attempt, environment) or self._in_force.passing_fault()
            http, body = (fault.http, fault.body) if fault else (200, b"")
        except Refused as no:
            attempt, http, refused = 1, no.http, no.reason
            body = orjson.dumps({"reason": no.reason})
        self.received.add(
            StreamEntry(
                at=time.time(),
                environment=environment,
                connection=connection,
                stream=request.stream,
                token=token,
                attempt=attempt,
                status=fault.status if fault else http,
                reason=fault.reason if fault else refused,
                taken=fault.taken if fault else http == 200,
                notification=_text(payload, "notificationId"),
                replace_key=given.get("apns-collapse-id", ""),
                headers=given,
                payload=payload,
            )
        )
        return Reply(http, _names(given), body, fault, self._seconds(fault))

    def _seconds(self, fault: Fault | None) -> float:
        config = self._in_force.config
        slow = fault is not None and fault.kind is FaultKind.SLOW
        return config.slow_seconds if slow else config.latency_seconds


def _names(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the request's id or, as Apple does, a new one."""
    return {"apns-id": headers.get("apns-id") or str(uuid.uuid4())}


def _text(payload: object, name: str) -> str:
    value = payload.get(name) if isinstance(payload, dict) else None
    return value if isinstance(value, str) else ""
