"""Times in answers always have the same number of digits, whole seconds included."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from functions.device import answers as device_answers  # noqa: F401
from functions.http import answers as http_answers  # noqa: F401 - answers are subclasses of ``Answer``
from functions.http.models import Answer
from functions.moderator import answers as moderator_answers  # noqa: F401
from shared.domain.moments import moment_text
from shared.wiring import replaced
from tests.doors.conftest import a_body, bearer, client
from tests.doors.fuzzing import CALLABLES, CREDENTIALS, REST, a_furnished_fanfare
from tests.doors.test_junk import place
from tests.parts import MemoryParts, merge_device, token

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
A_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")
WHOLE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture(params=[0, 1, 123_400, 123_456])
def world(request: pytest.FixtureRequest) -> Iterator[MemoryParts]:
    parts = a_furnished_fanfare()
    parts.clock.set(parts.clock.now() + timedelta(microseconds=request.param))
    slot = {"Id": "n1", "Title": "Sale", "Body": "Now", "At": parts.clock.now()}
    merge_device(
        parts.database, "h1", {f"pendingNotification{name}": it for name, it in slot.items()}
    )
    parts.providers.add_key("a-key", "p1", "server", parts.clock.now())
    with replaced(parts):
        yield parts


def times(value: object) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from times(each)
    elif isinstance(value, str) and A_TIME.fullmatch(value):
        yield value


def answer(function: str, method: str, path: str, **sent: Any) -> Any:
    known = bearer(CREDENTIALS[function]())
    response = client(function).open(path, method=method, headers=known, **sent)
    assert response.status_code < 500, response.text
    return response.get_json(silent=True)


def test_every_door_writes_them_so(world: MemoryParts) -> None:
    created = answer("provider_api", "POST", "/v1/notifications", json=a_body())
    claimed = answer("claim_notification", "POST", "/", json={"data": {"id": created["id"]}})
    read = [
        answer(function, "GET", place(route))
        for function, rows in REST.items()
        for route in rows
        if route.method == "GET" and route.template != "/openapi.json"
    ]
    called = [answer(function, "POST", "/", json={"data": {}}) for function in CALLABLES]
    queue = answer("moderation_queue", "POST", "/", json={"data": {"q": "sale"}})
    seen = list(times([created, claimed, queue, *read, *called]))
    assert len(seen) > 20
    assert [each for each in seen if not WHOLE.fullmatch(each)] == []


def test_a_refusal_writes_them_so_too(world: MemoryParts) -> None:
    created = answer("provider_api", "POST", "/v1/notifications", json=a_body())
    data = {"data": {"id": created["id"]}}
    answer("claim_notification", "POST", "/", json=data)
    other = bearer(token("m2", moderator=True))
    refused = client("claim_notification").open("/", method="POST", json=data, headers=other)
    until = refused.get_json()["error"]["details"]["until"]
    assert WHOLE.fullmatch(until)


def answers(model: type[Answer] = Answer) -> Iterator[type[Answer]]:
    for each in model.__subclasses__():
        yield each
        yield from answers(each)


TIMES = [
    pytest.param(model, name, id=f"{model.__name__}.{name}")
    for model in dict.fromkeys(answers())
    for name, field in model.model_fields.items()
    if "datetime" in str(field.annotation)
]


@pytest.mark.parametrize(("model", "name"), TIMES)
def test_no_model_of_an_answer_has_a_time_of_its_own_kind(model: type[Answer], name: str) -> None:
    adapter = TypeAdapter(model.model_fields[name].rebuild_annotation())
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert json.loads(adapter.dump_json(at)) == "2026-01-01T12:00:00.000000Z"
    assert "date-time" in str(adapter.json_schema(mode="serialization"))


@given(st.timedeltas(timedelta(), timedelta(days=100_000)), st.integers(-12, 14))
def test_nothing_of_a_moment_is_lost(since: timedelta, zone: int) -> None:
    at = (EPOCH + since).astimezone(timezone(timedelta(hours=zone)))
    assert WHOLE.fullmatch(moment_text(at))
    assert datetime.fromisoformat(moment_text(at)) == at
