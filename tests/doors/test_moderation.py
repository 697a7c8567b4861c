"""The callables, word for word as the protocol has them."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from functions._callable import STATUSES
from functions._edge import TABLE
from shared.adapters.documents import notification_fields
from shared.domain.lifecycle import Status
from tests.builders import a_notification
from tests.doors.conftest import door
from tests.parts import MemoryParts, forged, token

FUNCTIONS = ("moderation_queue", "approve_notification", "reject_notification")
MODERATOR = token("m1", moderator=True)


@pytest.fixture
def pending(world: MemoryParts) -> str:
    notification = a_notification()
    world.notifications._notifications.put(notification.id, notification_fields(notification))
    return notification.id


def moderate(function: str, data: object, **more: Any) -> TestResponse:
    return door(function, MODERATOR)("POST", "/", {"data": data}, **more)


def refusal(response: TestResponse) -> tuple[int, str]:
    envelope = response.get_json()
    assert set(envelope) == {"error"}
    assert set(envelope["error"]) == {"status", "message", "details"}
    return response.status_code, envelope["error"]["status"]


def test_the_queue_shows_what_waits_and_where_it_would_be_seen(pending: str) -> None:
    response = moderate("moderation_queue", {})
    assert response.status_code == 200
    assert set(response.get_json()) == {"result"}
    [shown] = response.get_json()["result"]
    assert (shown["id"], shown["status"], shown["revision"]) == (pending, "pending", 1)
    assert shown["domains"] == ["example.com"]
    assert shown["providerEmail"] == "p1@example.com"


def test_a_callable_without_arguments_is_sent_null(pending: str) -> None:
    assert len(moderate("moderation_queue", None).get_json()["result"]) == 1


def test_an_approval_answers_the_new_status(pending: str, world: MemoryParts) -> None:
    response = moderate("approve_notification", {"id": pending, "revision": 1})
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.get_json() == {"result": {"id": pending, "status": "sending"}}
    stored = world.notifications.get(a_notification().id)
    assert (stored.moderator_id, stored.status) == ("m1", Status.SENDING)


def test_a_rejection_carries_its_comment(pending: str, world: MemoryParts) -> None:
    response = moderate("reject_notification", {"id": pending, "comment": " Too loud "})
    assert response.get_json() == {"result": {"id": pending, "status": "rejected"}}
    assert world.notifications.get(a_notification().id).moderator_comment == "Too loud"


def test_a_moderator_who_loses_to_a_cancel_is_told_so(pending: str) -> None:
    door("provider_api", token("p1"))("POST", f"/v1/notifications/{pending}/cancel")
    response = moderate("approve_notification", {"id": pending})
    assert response.status_code == 400
    assert response.get_json() == {
        "error": {
            "status": "FAILED_PRECONDITION",
            "message": "The provider canceled the delivery",
            "details": {"code": "cancelled", "status": "cancelled", "move": "approve"},
        }
    }


def test_an_approval_of_an_older_revision_is_refused(pending: str) -> None:
    door("provider_api", token("p1"))("PATCH", f"/v1/notifications/{pending}", {"title": "New"})
    response = moderate("approve_notification", {"id": pending, "revision": 1})
    assert refusal(response) == (400, "FAILED_PRECONDITION")
    details = response.get_json()["error"]["details"]
    assert details == {"code": "staleRevision", "status": "pending", "revision": 2}


def test_whole_numbers_may_come_wrapped(pending: str) -> None:
    wrapped = {"@type": "type.googleapis.com/google.protobuf.Int64Value", "value": "1"}
    assert moderate("approve_notification", {"id": pending, "revision": wrapped}).status_code == 200


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"{}", "application/json"),
        (b'{"data":{},"more":1}', "application/json"),
        (b'{"data":{},"data":{}}', "application/json"),
        (b'{"data":[]}', "application/json"),
        (b'{"data":"x"}', "application/json"),
        (b'{"data":0}', "application/json"),
        (b'{"data":{"x":NaN}}', "application/json"),
        (b'{"data":{}}', "text/plain"),
        (b'{"data":{"x":"' + b"y" * 70_000 + b'"}}', "application/json"),
    ],
)
def test_a_request_outside_the_protocol_is_an_invalid_argument(
    world: MemoryParts, function: str, data: bytes, kind: str
) -> None:
    for credential in (MODERATOR, None):
        sent = door(function, credential)("POST", "/", data=data, headers={"Content-Type": kind})
        assert refusal(sent) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_callable_is_called_with_post(world: MemoryParts, function: str, method: str) -> None:
    assert refusal(door(function, MODERATOR)(method)) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (None, (401, "UNAUTHENTICATED")),
        ("nonsense", (401, "UNAUTHENTICATED")),
        (token("m1", expires_in_seconds=-60, moderator=True), (401, "UNAUTHENTICATED")),
        (forged("m1", moderator=True), (401, "UNAUTHENTICATED")),
        (token("m1", moderator=True, aud="another-project"), (401, "UNAUTHENTICATED")),
        (token("p1"), (403, "PERMISSION_DENIED")),
        (token("p1", moderator="true"), (403, "PERMISSION_DENIED")),
        (token("p1", operator=True), (403, "PERMISSION_DENIED")),
    ],
)
def test_only_moderators_decide(
    pending: str,
    world: MemoryParts,
    function: str,
    credential: str | None,
    expected: tuple[int, str],
) -> None:
    before = world.stored()
    sent = door(function, credential)("POST", "/", {"data": {"id": pending, "comment": "no"}})
    assert refusal(sent) == expected
    assert world.stored() == before


@pytest.mark.parametrize(
    ("function", "data", "faults"),
    [
        ("moderation_queue", {"limit": 5}, {"limit": "unknownField"}),
        ("approve_notification", {}, {"id": "required"}),
        (
            "approve_notification",
            {"id": "a/b", "revision": 0},
            {"id": "badFormat", "revision": "tooSmall"},
        ),
        ("approve_notification", {"id": "n1", "revision": "1"}, {"revision": "wrongType"}),
        ("reject_notification", {"id": "n1"}, {"comment": "required"}),
        (
            "reject_notification",
            {"id": 5, "comment": "  "},
            {"id": "wrongType", "comment": "required"},
        ),
        ("reject_notification", {"id": "n1", "comment": "x" * 1001}, {"comment": "tooLong"}),
    ],
)
def test_every_fault_of_the_data_is_in_the_details(
    pending: str, world: MemoryParts, function: str, data: object, faults: dict[str, str]
) -> None:
    before = world.stored()
    response = moderate(function, data)
    assert refusal(response) == (400, "INVALID_ARGUMENT")
    details = response.get_json()["error"]["details"]
    assert details["code"] == "invalidInput"
    assert {error["field"]: error["code"] for error in details["errors"]} == faults
    assert world.stored() == before


def test_what_is_not_there_is_not_found(world: MemoryParts) -> None:
    assert refusal(moderate("approve_notification", {"id": "none"})) == (404, "NOT_FOUND")


def test_a_broken_part_is_told_in_the_envelope_and_not_explained(
    world: MemoryParts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(limit: int) -> None:
        raise RuntimeError("password of the database")

    monkeypatch.setattr(world.notifications, "oldest_pending", broken)
    response = moderate("moderation_queue", {})
    assert refusal(response) == (500, "INTERNAL")
    assert "password" not in response.text
    assert "password of the database" in capsys.readouterr().out


def test_a_browser_may_ask_first(world: MemoryParts) -> None:
    origin = {"Origin": "https://console.example", "Access-Control-Request-Method": "POST"}
    for function in FUNCTIONS:
        answer = door(function, None)("OPTIONS", headers=origin)
        assert (answer.status_code, answer.data) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == "https://console.example"
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        assert "x-firebase-appcheck" in allowed
        assert "firebase-instance-id-token" in allowed


def test_every_word_of_the_table_has_its_http_status() -> None:
    assert {row.word for row in TABLE.values()} == set(STATUSES)
