"""What every fuzzed call needs: a furnished Fanfare, credentials, and what a sound answer is.

``FUZZ_EXAMPLES`` says how many cases each test draws: 15 unless told otherwise, and always the
same. With another number every run draws new ones, and pytest prints how to repeat a failure.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from hypothesis import HealthCheck, Phase, settings
from openapi_schema_validator import OAS31Validator

from functions.http.errors import STATUSES
from functions.http.openapi import _CALLABLE_ERROR, _PROBLEM
from functions.http.routes import Protocol, Route
from functions.table import routes
from shared.adapters.memory.chat import MemoryChat
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.flow.providers.keys import digest_of
from shared.settings import read
from tests.builders import NOON, a_domain, a_notification, a_provider, an_enterprise_provider
from tests.notification_documents import keep
from tests.parts import ENVIRONMENT, MemoryParts, memory_parts, token

USUAL: Final = 15
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", str(USUAL)))
BOT_SECRET = "agreed-with-telegram"
BOT = {
    "FANFARE_TELEGRAM_BOT_TOKEN": "4242:of-the-bot",
    "FANFARE_TELEGRAM_WEBHOOK_SECRET": BOT_SECRET,
    "FANFARE_TELEGRAM_CHAT_ID": "-1001",
}
ROWS = list(routes())
REST: Mapping[str, Sequence[Route]] = {
    entry_point: [row for row in ROWS if row.function == entry_point.replace("_", "-")]
    for entry_point in ("provider_api", "device_api", "operator_api")
}
CALLABLES: Mapping[str, Route] = {
    row.function.replace("-", "_"): row for row in ROWS if row.protocol is Protocol.CALLABLE
}
CREDENTIALS: Mapping[str, Callable[[], str]] = {
    "provider_api": lambda: token("p1"),
    "device_api": lambda: token("device:h1", device=True),
    "operator_api": lambda: token("o1", operator=True),
    **dict.fromkeys(CALLABLES, lambda: token("m1", moderator=True)),
}
FOREIGN = "foreign-"
"""How the ids of another tenant's notifications begin."""
HERE: Mapping[str, tuple[str, ...]] = {
    "id": (*map(str, Status), *(f"{FOREIGN}{status}" for status in Status), digest_of("ffk_p1")),
    "hwid": ("h1", "h2", "Admin-1"),
    "domain": ("example.com", "unverified.example", "other.example"),
    "uid": ("p1", "p2", "anna"),
}
"""What is there to be named in a path."""

fuzzed = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES == USUAL,
    print_blob=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)


def a_furnished_fanfare() -> MemoryParts:
    """Build two providers with a notification in every status each, devices, a moderator and the
    bot.
    """
    parts = MemoryParts(database=_furnished().copy())
    parts.settings = read({**ENVIRONMENT, **BOT})
    parts.chat = MemoryChat()
    return parts


@cache
def _furnished() -> MemoryDatabase:
    """Fill the database of a furnished Fanfare, once for all that begin with a copy of it."""
    parts = memory_parts(
        an_enterprise_provider("p1"),
        a_provider("p2"),
        a_domain("example.com", "p1", admin_hwids=("Admin-1",)),
        a_domain("unverified.example", "p1", is_verified=False),
        a_domain("other.example", "p2"),
    )
    parts.providers.add_key(digest_of("ffk_p1"), "p1", "server", NOON)
    for status in Status:
        record = a_notification(str(status), status)
        keep(parts.database, record)
        foreign = NotificationId(f"{FOREIGN}{status}")
        keep(parts.database, replace(record, id=foreign, provider_id="p2"))
    for hwid, platform in (("h1", "linux"), ("h2", "android")):
        parts.database.hold(f"devices/{hwid}", {"hwid": hwid, "platform": platform})
        parts.database.hold(f"deviceSecrets/{hwid}", {"digest": digest_of(f"secret-of-{hwid}")})
    return parts.database


@dataclass(frozen=True, slots=True)
class AnswerView:
    """An answer, however it was asked for."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def sound(answer: AnswerView) -> None:
    """Assert what holds for every answer of a REST door."""
    assert answer.status < 500, answer.text
    _secured(answer)
    if answer.status < 400:
        return
    assert answer.headers["Content-Type"] == "application/problem+json", answer
    problem = answer.json
    assert not list(OAS31Validator(_PROBLEM).iter_errors(problem)), answer.text
    assert problem["status"] == answer.status
    assert problem["code"].isidentifier()
    assert problem["type"].endswith(f":{problem['code']}")
    if problem["code"] == "invalidInput":
        assert problem["errors"]
    _says_what_to_do(answer)


def sound_callable(answer: AnswerView) -> None:
    """Assert what holds for every answer of a callable."""
    assert answer.status < 500, answer.text
    _secured(answer)
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
    if answer.status == 200:
        assert set(answer.json) == {"result"}
        return
    assert set(answer.json) == {"error"}
    error = answer.json["error"]
    assert not list(OAS31Validator(_CALLABLE_ERROR).iter_errors(error)), answer.text
    assert STATUSES[error["status"]] == answer.status
    assert error["message"]
    assert error["details"]["code"].isidentifier()


def _secured(answer: AnswerView) -> None:
    tagged = "etag" in map(str.lower, dict(answer.headers))
    kept = "public, max-age=3600" if tagged else "no-store"
    assert answer.headers["Cache-Control"] == kept
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def _says_what_to_do(answer: AnswerView) -> None:
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    if answer.status == 405:
        assert answer.headers["Allow"]
    if answer.status in {429, 503}:
        assert int(answer.headers["Retry-After"]) > 0
