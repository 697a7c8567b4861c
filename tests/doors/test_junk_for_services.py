"""Junk for the doors of Google's services and of Telegram: it is done with, and never asked again.

Cloud Tasks, Eventarc and Telegram repeat what is not answered with success, for hours. So what can
never work is logged and answered with 200; only who has no token is told 401.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from google.events.cloud.firestore import Document, DocumentEventData
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from functions.service.telegram import SECRET_HEADER
from shared.wiring import replaced
from tests.doors.conftest import bearer, client
from tests.doors.fuzzing import BOT_SECRET, a_furnished_fanfare, fuzzed
from tests.doors.junk import HEADERS, JUNK, TOKENS
from tests.notification_documents import records
from tests.parts import MemoryParts, service_token

JSON = {"Content-Type": "application/json"}
TASKS: Mapping[str, str] = {
    "plan-fanout": "tasks",
    "send-batch": "tasks",
    "export-events": "tasks",
    "tick": "scheduler",
}
EVENTS: Mapping[str, str] = {
    "on-notification-written": "pendingNotifications",
    "on-device-written": "devices",
}
SERVICES = {**TASKS, **dict.fromkeys(EVENTS, "events")}


@pytest.fixture
def world() -> Iterator[MemoryParts]:
    parts = a_furnished_fanfare()
    with replaced(parts):
        yield parts


def post(function: str, body: bytes, headers: Mapping[str, str] = JSON) -> TestResponse:
    known = bearer(service_token(function, SERVICES[function]))
    return client(function.replace("-", "_")).post("/", data=body, headers={**headers, **known})


@pytest.mark.parametrize("function", TASKS)
@pytest.mark.parametrize(
    "body",
    [
        *JUNK,
        b'{"notificationId": ""}',
        b'{"notificationId": 5}',
        b'{"notificationId": "none", "part": 1e9}',
        b'{"notificationId": "none", "part": -1}',
        b'{"notificationId": "none", "part": ' + b"9" * 400 + b"}",
        b'{"notificationId": "none", "batchId": "x/y"}',
        b'{"notificationId": "sending", "batchId": "none"}',
        b'{"notificationId": "a/../b", "batchId": "\\u0000"}',
        b'{"notificationId": "none", "more": 1}',
        b'{"day": "2026-02-30"}',
        b'{"day": "9999-12-31"}',
        b'{"day": 1e400}',
    ],
    ids=lambda it: it[:30].decode("latin-1") + f" ({len(it)})",
)
def test_a_junk_task_is_done_with(world: MemoryParts, function: str, body: bytes) -> None:
    if function == "tick":
        assert post(function, body).status_code == 200
        return
    before = world.stored()
    assert post(function, body).status_code == 200
    assert world.stored() == before


def test_a_task_for_a_part_of_nothing_is_done_with(world: MemoryParts) -> None:
    assert post("plan-fanout", b'{"notificationId": "none", "part": 0}').status_code == 200


@pytest.mark.parametrize("function", SERVICES)
def test_a_junk_token_of_a_service_is_nobodys(world: MemoryParts, function: str) -> None:
    before = world.stored()
    for junk in TOKENS:
        for body in (b"{}", b"[" * 5_000):
            answer = client(function.replace("-", "_")).post(
                "/", data=body, headers={**JSON, **bearer(junk)}
            )
            assert answer.status_code == 401, (junk[:40], answer.text)
    assert world.stored() == before


@pytest.mark.parametrize("function", TASKS)
@pytest.mark.parametrize("headers", HEADERS, ids=lambda it: next(iter(it.items()))[0])
def test_junk_headers_of_a_task_break_nothing(
    world: MemoryParts, function: str, headers: Mapping[str, str]
) -> None:
    assert post(function, b"{}", {**JSON, **headers}).status_code in {200, 400}


# ---- events ----------------------------------------------------------------------------------


def an_event(function: str) -> tuple[dict[str, str], bytes]:
    """Build Eventarc's event of a document that was deleted."""
    document = f"{EVENTS[function]}/none"
    name = f"projects/demo-fanfare/databases/(default)/documents/{document}"
    headers = {
        "Content-Type": "application/protobuf",
        "ce-id": "1",
        "ce-source": "//firestore.googleapis.com/projects/demo-fanfare/databases/(default)",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.firestore.document.v1.written",
        "ce-subject": f"documents/{document}",
    }
    data = DocumentEventData.serialize(DocumentEventData(old_value=Document(name=name)))
    return headers, data


STRUCTURED = {"Content-Type": "application/cloudevents+json"}
SPOILT: Mapping[str, tuple[Mapping[str, str] | None, bytes | None]] = {
    "no body": ({}, b""),
    "junk for protobuf": ({}, b"\xff\xfe\x00junk" * 9),
    "an empty document": ({}, DocumentEventData.serialize(DocumentEventData())),
    "a subject of another collection": ({"ce-subject": "documents/other/x"}, b""),
    "a subject with a path": ({"ce-subject": "documents/devices/../x"}, b""),
    "a reserved name": ({"ce-subject": "documents/devices/__x__"}, b""),
    "no event at all": (None, None),
    "an unknown version": ({"ce-specversion": "9"}, None),
    "JSON that is none": ({"Content-Type": "application/json"}, b"{"),
    "JSON of nothing": ({"Content-Type": "application/json"}, b"[]"),
    "JSON without an end": ({"Content-Type": "application/json"}, b"[" * 50_000),
    "text that is none": ({"Content-Type": "text/plain"}, b"\xff"),
}
ALONE: Mapping[str, tuple[Mapping[str, str], bytes]] = {
    "a structured event that is none": (STRUCTURED, b"{"),
    "a structured list": (STRUCTURED, b"[]"),
    "structured without an end": (STRUCTURED, b"[" * 50_000),
    "structured with bad data": (
        STRUCTURED,
        b'{"specversion":"1.0","id":"1","type":"t","source":"s","data_base64":"!!"}',
    ),
    "an event of the first generation": (JSON, b'{"context":{"eventType":"x"},"data":{}}'),
    "nothing": ({}, b""),
}


@pytest.mark.parametrize("function", EVENTS)
@pytest.mark.parametrize("spoilt", [*SPOILT, *ALONE])
def test_a_spoilt_event_is_done_with(world: MemoryParts, function: str, spoilt: str) -> None:
    before = world.stored()
    headers, data = an_event(function)
    if spoilt in ALONE:
        headers, data = dict(ALONE[spoilt][0]), ALONE[spoilt][1]
    else:
        more, other = SPOILT[spoilt]
        kind = {"Content-Type": headers["Content-Type"]}
        headers = kind if more is None else {**headers, **more}
        data = data if other is None else other
    assert post(function, data, headers).status_code == 200
    nobody = client(function.replace("-", "_")).post("/", data=data, headers=headers)
    assert nobody.status_code == 401
    assert world.stored() == before


@pytest.mark.parametrize("function", EVENTS)
def test_an_event_cut_short_is_done_with(world: MemoryParts, function: str) -> None:
    headers, data = an_event(function)
    for end in range(len(data)):
        assert post(function, data[:end], headers).status_code == 200


@pytest.mark.parametrize("function", EVENTS)
def test_an_event_is_posted(world: MemoryParts, function: str) -> None:
    answer = client(function.replace("-", "_")).get("/", headers=an_event(function)[0])
    assert answer.status_code == 405


# ---- Telegram --------------------------------------------------------------------------------


def tell(body: bytes, headers: Mapping[str, str] = JSON) -> int:
    known = {SECRET_HEADER: BOT_SECRET}
    return client("telegram_webhook").post("/", data=body, headers={**headers, **known}).status_code


@pytest.mark.parametrize("body", JUNK, ids=lambda it: it[:30].decode("latin-1") + f" ({len(it)})")
def test_a_junk_update_is_refused(world: MemoryParts, body: bytes) -> None:
    before = world.stored()
    assert tell(body) in {400, 413, 415}
    assert world.stored() == before


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
FIELDS = st.sampled_from(
    ["id", "from", "chat", "message", "message_id", "text", "data", "reply_to_message", "date"]
)
VALUES = st.recursive(SCALARS, lambda it: st.lists(it) | st.dictionaries(FIELDS, it), max_leaves=12)


@fuzzed
@given(
    update=st.fixed_dictionaries(
        {"update_id": st.integers(0, 2**63)},
        optional={"message": VALUES, "callback_query": VALUES, "edited_message": VALUES},
    )
)
def test_an_update_of_any_shape_is_done_with(update: dict[str, Any]) -> None:
    parts = a_furnished_fanfare()
    with replaced(parts):
        before = parts.stored()
        answer = client("telegram_webhook").post(
            "/", json=update, headers={SECRET_HEADER: BOT_SECRET}
        )
        assert answer.status_code in {200, 400}
        assert parts.stored() == before


@fuzzed
@given(data=st.text(max_size=64), text=st.text(max_size=200), user=st.integers(-(2**40), 2**40))
def test_a_press_or_reply_with_junk_decides_nothing(data: str, text: str, user: int) -> None:
    place = {"message_id": 5, "date": 0, "chat": {"id": -1001, "type": "supergroup"}}
    sender = {"id": user, "is_bot": False, "first_name": "M"}
    query = {"id": "q", "from": sender, "message": place, "chat_instance": "1", "data": data}
    answered = {
        **place,
        "from": sender,
        "text": text,
        "reply_to_message": {**place, "from": sender},
    }
    parts = a_furnished_fanfare()
    with replaced(parts):
        before = records(parts.database)
        for update in ({"callback_query": query}, {"message": answered}):
            assert tell(json.dumps({"update_id": 1, **update}).encode()) == 200
        assert records(parts.database) == before
