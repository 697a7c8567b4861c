"""How errors are told: to callers without a word too many, to Google with the right status."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from functions.http import errors as edge
from functions.http.errors import TABLE, describe_error, service_door
from shared.domain import errors
from shared.domain.errors import (
    Defect,
    NotFound,
    Refusal,
    TooMany,
    TryAgain,
    Unauthenticated,
    WrongState,
)
from shared.flow.notifications.once import KeyReused
from shared.ports.database import SnapshotTooOld
from tests.doors.conftest import Call, bearer, client, door
from tests.parts import MemoryParts, service_token, token

TRACE = "0123456789abcdef0123456789abcdef"


def kinds_of(base: type[Exception]) -> Iterator[type[Exception]]:
    yield base
    for kind in base.__subclasses__():
        yield from kinds_of(kind)


def test_every_refusal_of_ours_has_a_row_in_the_table() -> None:
    assert KeyReused in TABLE
    homes = {errors.__name__, edge.__name__}
    assert {k for k in kinds_of(Refusal) if k.__module__ in homes} <= set(TABLE)


def test_an_error_without_a_row_is_told_as_its_parent_is() -> None:
    assert describe_error(SnapshotTooOld("count again"), TRACE).row == TABLE[TryAgain]
    assert describe_error(KeyError("x"), TRACE).row == TABLE[Exception]


def breaking(world: MemoryParts, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(uid: str) -> None:
        raise error

    monkeypatch.setattr(world.providers, "domains_of", broken)


@pytest.mark.parametrize("error", [Defect("domains/example.com: broken"), KeyError("s3cret")])
def test_what_is_broken_is_logged_with_its_trace_and_not_explained(
    world: MemoryParts,
    provider: Call,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    breaking(world, monkeypatch, error)
    trace = {"X-Cloud-Trace-Context": f"{TRACE}/123;o=1"}
    response = provider("GET", "/v1/domains", headers=trace)
    problem = response.get_json()
    assert (response.status_code, problem["code"]) == (500, "internal")
    assert TRACE in problem["detail"]
    assert TRACE in problem["instance"]
    assert "example.com" not in response.text
    assert "s3cret" not in response.text
    [entry] = map(json.loads, capsys.readouterr().out.splitlines())
    assert entry["severity"] == "ERROR"
    assert entry["logging.googleapis.com/trace"] == f"projects/demo-fanfare/traces/{TRACE}"
    assert "Traceback" in entry["stack_trace"]
    assert "provider-api GET /v1/domains" in entry["message"]
    assert token("p1").split(".")[1] not in json.dumps(entry)


def test_a_callers_own_mistake_is_not_logged(
    provider: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    provider("POST", "/v1/notifications", {})
    provider("GET", "/v1/notifications/none")
    assert capsys.readouterr().out == ""


def test_a_passing_hindrance_says_when_to_come_back(
    world: MemoryParts, provider: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(world, monkeypatch, TryAgain("the store is busy", retry_after_seconds=7))
    response = provider("GET", "/v1/domains")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "7")


def test_a_limit_says_when_it_may_be_tried_again(
    world: MemoryParts, provider: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(world, monkeypatch, TooMany("too fast", retry_after_seconds=9))
    response = provider("GET", "/v1/domains")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "9")
    assert response.get_json()["details"] == {"retryAfterSeconds": 9}


def test_a_made_up_trace_is_replaced(provider: Call) -> None:
    trace = {"X-Cloud-Trace-Context": "<script>"}
    instance = provider("GET", "/v1/none", headers=trace).get_json()["instance"]
    assert "script" not in instance


def test_who_is_not_known_is_told_how_to_sign_in(world: MemoryParts) -> None:
    response = door("provider_api", None)("GET", "/v1/me")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic cDE6", "Bearer \u00e9", "token"]
)
def test_what_is_no_bearer_token_is_nobody(world: MemoryParts, header: str) -> None:
    sent = {"Authorization": header}
    assert door("provider_api", None)("GET", "/v1/me", headers=sent).status_code == 401


# ---- the doors of Google's services ----------------------------------------------------------

Raising = Callable[[Exception | None], FlaskClient]


@pytest.fixture
def service(world: MemoryParts) -> Raising:
    """Build a task handler that raises what it is told to, or does its work."""

    def raising(error: Exception | None) -> FlaskClient:
        @service_door("send-batch", "tasks")
        def handler(request: flask.Request) -> None:
            if error:
                raise error

        app = flask.Flask("send_batch")
        app.add_url_rule("/", "run", lambda: handler(flask.request), methods=["POST"])
        return app.test_client()

    return raising


@pytest.mark.parametrize(
    ("error", "status", "severity"),
    [
        (None, 200, None),
        (NotFound("no such notification"), 200, "WARNING"),
        (WrongState("too late"), 200, "WARNING"),
        (Unauthenticated("told by something inside"), 200, "WARNING"),
        (TryAgain("leased", retry_after_seconds=30), 503, "WARNING"),
        (Defect("batches/1: broken"), 500, "ERROR"),
        (ZeroDivisionError(), 500, "ERROR"),
    ],
)
def test_google_calls_again_only_if_that_can_help(
    service: Raising,
    capsys: pytest.CaptureFixture[str],
    error: Exception | None,
    status: int,
    severity: str | None,
) -> None:
    response = service(error).post("/", headers=bearer(service_token("send-batch")))
    logged = [json.loads(line)["severity"] for line in capsys.readouterr().out.splitlines()]
    assert response.status_code == status
    assert logged == ([severity] if severity else [])
    assert response.headers.get("Retry-After") == ("30" if isinstance(error, TryAgain) else None)


@pytest.mark.parametrize(
    "credential",
    [
        "nonsense",
        token("p1", operator=True),
        service_token("plan-fanout"),
        service_token("send-batch", "events"),
    ],
    ids=["nonsense", "an operator", "of another function", "of another account"],
)
def test_only_the_right_account_with_a_token_for_this_function_gets_in(
    service: Raising, credential: str
) -> None:
    def handled(error: Exception | None, **headers: Any) -> int:
        return service(error).post("/", headers=headers).status_code

    assert handled(ZeroDivisionError(), **bearer(credential)) == 401
    assert handled(ZeroDivisionError()) == 401


# ---- what the framework answers by itself ----------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/notifications/a%0Ab", "/favicon.ico"])
def test_a_path_the_framework_keeps_from_us_is_a_problem_too(provider: Call, path: str) -> None:
    response = provider("GET", path)
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert response.get_json()["code"] == "noSuchEndpoint"
    assert response.headers["Cache-Control"] == "no-store"


def test_an_event_the_framework_cannot_read_is_logged_and_not_brought_again(
    world: MemoryParts, capsys: pytest.CaptureFixture[str]
) -> None:
    def deliver(**headers: str) -> int:
        sent = {"Content-Type": "application/cloudevents+json", **headers}
        return client("on_device_written").post("/", data=b"[" * 9_000, headers=sent).status_code

    assert deliver(**bearer(service_token("on-device-written", "events"))) == 200
    [entry] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (entry["severity"], entry["code"]) == ("WARNING", "malformed")
    assert deliver() == 401
