"""The callables, word for word as the protocol has them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from functions.http.errors import STATUSES, TABLE
from functions.http.routes import Protocol
from functions.table import routes
from shared.domain.findings.finding import Finding, Severity
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import SubmissionCheck
from shared.domain.notifications.review import ReviewPolicy, Template
from tests.builders import NOON, PROVIDER, a_notification, a_provider
from tests.doors.conftest import a_body, door
from tests.notification_documents import keep
from tests.parts import MemoryParts, an_account, forged, token

FUNCTIONS = [row.operation for row in routes() if row.protocol is Protocol.CALLABLE]
MODERATOR = token("m1", moderator=True)


@pytest.fixture
def pending(world: MemoryParts) -> str:
    notification = a_notification()
    keep(world.database, notification)
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


@pytest.mark.parametrize(
    ("function", "fields"),
    [("approve_notification", {}), ("reject_notification", {"comment": "no"})],
)
def test_a_decision_on_what_was_edited_names_the_revision(
    pending: str, function: str, fields: dict[str, object]
) -> None:
    door("provider_api", token("p1"))("PATCH", f"/v1/notifications/{pending}", {"title": "New"})
    response = moderate(function, {"id": pending, **fields})
    assert refusal(response) == (400, "FAILED_PRECONDITION")
    details = response.get_json()["error"]["details"]
    assert details == {"code": "revisionNeeded", "status": "pending", "revision": 2}
    named = moderate(function, {"id": pending, "revision": 2, **fields})
    assert named.status_code == 200


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
        (
            "moderation_queue",
            {"limit": 5, "severity": "bad", "claimed": "me", "pageSize": 101},
            {
                "limit": "unknownField",
                "severity": "notAllowed",
                "claimed": "notAllowed",
                "pageSize": "tooBig",
            },
        ),
        ("claim_notification", {}, {"id": "required"}),
        ("release_notification", {"id": "a/b"}, {"id": "badFormat"}),
        ("moderation_stats", {"days": 0}, {"days": "tooSmall"}),
        ("moderation_stats", {"days": 367}, {"days": "tooBig"}),
        ("reject_notification", {"id": "n1", "template": "No"}, {"template": "badFormat"}),
        ("reject_notification", {"id": "n1", "template": "none"}, {"template": "unknownTemplate"}),
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
    def broken(queue: object) -> None:
        raise RuntimeError("password of the database")

    monkeypatch.setattr(world.notifications, "queue", broken)
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


# ---- more than yes and no --------------------------------------------------------------------

SECOND = token("m2", moderator=True)


def answer(function: str, data: object, credential: str = MODERATOR) -> Any:
    """Return the result of a call that must succeed."""
    response = door(function, credential)("POST", "/", {"data": data})
    assert response.status_code == 200, response.text
    return response.get_json()["result"]


def details(function: str, data: object, credential: str = MODERATOR) -> tuple[int, Any]:
    """Return the status and the details of a refusal."""
    response = door(function, credential)("POST", "/", {"data": data})
    return response.status_code, response.get_json()["error"]["details"]


@pytest.fixture
def red(world: MemoryParts) -> str:
    looked = SubmissionCheck((Finding("ipHost", Severity.RED, "url", "A number."),), 7)
    new = a_notification(status=None)
    world.notifications.create(new.submit(PROVIDER, NOON, admin_hwid=False, check=looked))
    return new.id


def test_the_queue_tells_what_a_moderator_chooses_by(red: str, world: MemoryParts) -> None:
    world.clock.set(NOON + timedelta(hours=2))
    [shown] = answer("moderation_queue", {})
    assert shown["findings"] == [
        {"code": "ipHost", "severity": "red", "field": "url", "sentence": "A number."}
    ]
    assert (shown["estimatedDevices"], shown["approvalsNeeded"]) == (7, 2)
    assert (shown["ageSeconds"], shown["dueAt"]) == (7200, "2026-01-01T13:00:00.000000Z")
    assert (shown["overdue"], shown["claim"], shown["endorsements"]) == (True, None, [])


def test_a_wish_is_answered_with_a_page_and_the_templates(red: str, world: MemoryParts) -> None:
    world.review_policies.put(ReviewPolicy(templates=(Template("loud", "Loud", "Quiet!"),)))
    page = answer("moderation_queue", {"severity": "red", "pageSize": 1})
    assert [it["id"] for it in page["notifications"]] == [red]
    assert page["nextPageToken"] is None
    assert page["templates"] == [{"id": "loud", "title": "Loud", "comment": "Quiet!"}]
    assert answer("moderation_queue", {"claimed": "mine"})["notifications"] == []
    status, told = details("moderation_queue", {"pageToken": "x"})
    assert (status, told["errors"][0]["code"]) == (400, "invalidPageToken")


def test_a_claim_keeps_others_out_until_it_is_released(pending: str, world: MemoryParts) -> None:
    world.clock.set(NOON)
    until = "2026-01-01T12:10:00.000000Z"
    claimed = answer("claim_notification", {"id": pending})
    assert claimed == {
        "id": pending,
        "status": "pending",
        "claim": {"moderatorId": "m1", "until": until},
    }
    [shown] = answer("moderation_queue", {"claimed": "others"}, SECOND)["notifications"]
    assert shown["claim"] == claimed["claim"]
    for function in ("claim_notification", "release_notification", "approve_notification"):
        status, told = details(function, {"id": pending}, SECOND)
        assert (status, told["code"], told["until"]) == (400, "claimed", until)
    assert answer("release_notification", {"id": pending}) == {"id": pending, "status": "pending"}
    assert answer("approve_notification", {"id": pending}, SECOND)["status"] == "sending"


def test_the_first_of_two_approvals_says_that_one_is_missing(red: str) -> None:
    first = answer("approve_notification", {"id": red, "revision": 1})
    missing = {"approvals": 1, "approvalsNeeded": 2, "estimatedDevices": 0}
    assert first == {"id": red, "status": "pending", **missing}
    status, told = details("approve_notification", {"id": red})
    assert (status, told["code"]) == (400, "secondModeratorNeeded")
    [shown] = answer("moderation_queue", {})
    assert [each["moderatorId"] for each in shown["endorsements"]] == ["m1"]
    assert answer("approve_notification", {"id": red}, SECOND) == {"id": red, "status": "sending"}


@pytest.mark.parametrize(
    "credential",
    [
        token("p1", moderator=True),
        token("m5", moderator=True, email="P1@Example.com"),
        token("m6", moderator=True),
    ],
)
def test_a_moderator_who_belongs_to_the_provider_is_refused(
    pending: str, world: MemoryParts, credential: str
) -> None:
    provider = world.providers.get("p1")
    assert provider
    world.providers.put(replace(provider, members=("m6",)))
    world.standings.accounts["p1"] = an_account("p1", "moderator")
    before = world.stored()
    for function in ("claim_notification", "approve_notification", "reject_notification"):
        data = {"id": pending} | ({"comment": "no"} if "reject" in function else {})
        status, told = details(function, data, credential)
        assert (status, told["code"]) == (403, "ownProvider")
    assert world.stored() == before


def test_whoever_is_moderator_and_operator_is_one_moderator(red: str) -> None:
    both = token("b1", moderator=True, operator=True)
    assert answer("approve_notification", {"id": red}, both)["approvals"] == 1
    status, told = details("approve_notification", {"id": red}, both)
    assert (status, told["code"]) == (400, "secondModeratorNeeded")
    status, told = details("approve_notification", {"id": red}, token("o1", operator=True))
    assert (status, told["code"]) == (403, "moderatorOnly")


def test_from_their_removal_on_a_moderators_token_decides_nothing(
    pending: str, world: MemoryParts
) -> None:
    world.moderators.delete("m1")
    for function in ("moderation_queue", "claim_notification", "approve_notification"):
        data = {} if "queue" in function else {"id": pending}
        status, told = details(function, data)
        assert (status, told["code"]) == (403, "moderatorOnly")
    assert answer("approve_notification", {"id": pending}, SECOND)["status"] == "sending"


def test_a_template_may_stand_for_the_comment(pending: str, world: MemoryParts) -> None:
    world.review_policies.put(ReviewPolicy(templates=(Template("loud", "Loud", "Quiet!"),)))
    rejected = answer("reject_notification", {"id": pending, "template": "loud"})
    assert rejected["status"] == "rejected"
    assert world.notifications.get(a_notification().id).moderator_comment == "Quiet!"


def test_statistics_are_told_by_moderator_and_by_provider(pending: str, world: MemoryParts) -> None:
    world.clock.set(NOON + timedelta(minutes=1))
    answer("reject_notification", {"id": pending, "comment": "no"})
    told = answer("moderation_stats", {})
    assert told == {
        "since": "2025-12-02T12:01:00.000000Z",
        "complete": True,
        "moderators": [
            {
                "moderatorId": "m1",
                "approved": 0,
                "rejected": 1,
                "endorsed": 0,
                "medianSeconds": 60,
            }
        ],
        "providers": [{"providerId": "p1", "approved": 0, "rejected": 1, "medianSeconds": 60}],
        "adminHwidsChanges": [],
    }


def test_moderators_see_who_changed_admin_hwids_and_not_the_hwids(world: MemoryParts) -> None:
    world.clock.set(NOON)
    send = door("provider_api", token("p1"))
    assert send("PATCH", "/v1/domains/example.com", {"adminHwids": ["Desk-7"]}).status_code == 200
    [change] = answer("moderation_stats", {"days": 1})["adminHwidsChanges"]
    assert (change["domain"], change["providerId"], change["by"], change["at"]) == (
        "example.com",
        "p1",
        "provider:p1",
        "2026-01-01T12:00:00.000000Z",
    )
    [added], [removed] = change["added"], change["removed"]
    assert (len(added), len(removed)) == (12, 12)
    assert added != removed
    assert "Desk-7" not in str(change)


def test_a_limit_is_told_as_429_with_the_time_to_wait(world: MemoryParts) -> None:
    world.clock.set(NOON)
    world.providers.put(a_provider("p2", limits=(("submissionsPerDay", 1),)))
    send = door("provider_api", token("p2"))
    key = {"Idempotency-Key": "once"}
    first = send("POST", "/v1/notifications", a_body(), headers=key)
    assert first.status_code == 201
    refused = send("POST", "/v1/notifications", a_body())
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "43200")
    assert refused.get_json()["code"] == "submissionsPerDayReached"
    assert send("POST", "/v1/notifications", a_body(), headers=key).get_json() == first.get_json()
