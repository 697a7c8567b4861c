"""The description of ``provider-api`` is valid, whole, and true of what is really answered."""

from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from functions.http.notification import notification_json
from functions.http.openapi import description
from functions.provider.door import DOOR
from shared.domain.notifications.lifecycle import Status
from tests.builders import a_notification
from tests.doors.conftest import ADMIN_HWID, Call, a_body

Document = dict[str, Any]


@pytest.fixture
def document(provider: Call) -> Document:
    found: Document = provider("GET", "/openapi.json").get_json()
    return found


def faults(document: Document, schema: Document, value: object) -> list[str]:
    whole = {**schema, "components": document["components"]}
    return [fault.message for fault in OAS31Validator(whole).iter_errors(value)]


def test_it_is_openapi(document: Document) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_the_description_may_be_kept_and_is_asked_for_by_its_tag(provider: Call) -> None:
    first = provider("GET", "/openapi.json")
    assert first.get_json() == description(DOOR.function, DOOR.routes)
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    tag = first.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = provider("GET", "/openapi.json", headers={"If-None-Match": known})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    changed = provider("GET", "/openapi.json", headers={"If-None-Match": '"older"'})
    assert changed.data == first.data


def test_nothing_else_may_be_kept(provider: Call) -> None:
    assert provider("GET", "/v1/me").headers["Cache-Control"] == "no-store"
    assert provider("GET", "/nothing").headers["Cache-Control"] == "no-store"


def test_it_has_every_route_with_what_it_takes_and_answers(document: Document) -> None:
    for route in DOOR.routes:
        operation = document["paths"][route.template][route.method.lower()]
        assert operation["summary"]
        assert str(route.status) in operation["responses"]
    create = document["paths"]["/v1/notifications"]["post"]
    assert [each["name"] for each in create["parameters"]] == ["Idempotency-Key"]
    assert create["security"] == [{"bearer": []}]
    listed = document["paths"]["/v1/notifications"]["get"]
    names = [each["name"] for each in listed["parameters"]]
    assert names == ["status", "kind", "q", "pageSize", "pageToken"]


def test_a_body_that_may_be_left_out_is_described_so(provider: Call, document: Document) -> None:
    create = document["paths"]["/v1/notifications"]["post"]
    stop = document["paths"]["/v1/notifications/{id}/stop"]["post"]
    assert (create["requestBody"]["required"], stop["requestBody"]["required"]) == (True, False)
    id = provider("POST", "/v1/notifications", a_body()).get_json()["id"]
    assert provider("POST", f"/v1/notifications/{id}/stop").get_json()["code"] == "wrongState"


def test_names_are_those_of_the_api(document: Document) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert not any("_" in field for field in schema.get("properties", {})), name


@pytest.mark.parametrize("body", [a_body(), {"draft": True}, {}, {"title": 5}, {"titel": "x"}])
def test_a_body_is_described_as_it_is_taken(
    provider: Call, document: Document, body: Document
) -> None:
    operation = document["paths"]["/v1/notifications"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    taken = provider("POST", "/v1/notifications", body).status_code == 201
    described = not faults(document, schema, body)
    assert described >= taken
    assert described == (taken or body == {})


def test_answers_are_as_described(provider: Call, document: Document) -> None:
    made = provider("POST", "/v1/notifications", a_body()).get_json()["id"]
    to_admin = a_body(targetSegment={"hwid": ADMIN_HWID})
    sent = provider("POST", "/v1/notifications", to_admin).get_json()["id"]
    key = provider("POST", "/v1/keys", {"name": "server"})
    answers = {
        "/v1/notifications/{id}": provider("GET", f"/v1/notifications/{made}"),
        "/v1/notifications": provider("GET", "/v1/notifications"),
        "/v1/notifications/{id}/stats": provider("GET", f"/v1/notifications/{sent}/stats"),
        "/v1/notifications/{id}/devices/{hwid}": provider(
            "GET", f"/v1/notifications/{sent}/devices/{ADMIN_HWID}"
        ),
        "/v1/dashboard": provider("GET", "/v1/dashboard"),
        "/v1/me": provider("GET", "/v1/me"),
        "/v1/domains": provider("GET", "/v1/domains"),
        "/v1/keys": provider("GET", "/v1/keys"),
    }
    for path, answer in answers.items():
        assert wrong(document, path, "get", answer) == []
    assert wrong(document, "/v1/keys", "post", key) == []
    estimate = provider("POST", "/v1/estimates", {"targetSegment": {}})
    assert wrong(document, "/v1/estimates", "post", estimate) == []


def test_refusals_are_as_described(provider: Call, document: Document) -> None:
    for answer in (
        provider("POST", "/v1/notifications", {}),
        provider("GET", "/v1/notifications/none"),
        provider("POST", "/v1/notifications", data=b"{"),
    ):
        assert wrong(document, "/v1/notifications", "post", answer) == []


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.APPROVED])
def test_a_notification_is_described_in_every_status(document: Document, status: Status) -> None:
    schema = {"$ref": "#/components/schemas/NotificationAnswer"}
    shown = notification_json(a_notification(status=status))
    assert faults(document, schema, shown) == []
    described = document["components"]["schemas"]["NotificationAnswer"]
    assert set(described["properties"]) == set(described["required"]) == set(shown)


def wrong(document: Document, path: str, method: str, answer: Any) -> list[str]:
    responses = document["paths"][path][method]["responses"]
    content = responses[str(answer.status_code)]["content"]
    return faults(document, content[answer.mimetype]["schema"], answer.get_json())
