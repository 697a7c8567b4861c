"""Web pages of the panel may call us, others may not; and no answer is kept or run."""

import pytest

from shared.settings import read
from tests.doors.conftest import door
from tests.parts import ENVIRONMENT, MemoryParts

FOR_BROWSERS = ["provider_api", "device_api", "moderation_queue", "approve_notification"]
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
}


@pytest.mark.parametrize("function", FOR_BROWSERS)
@pytest.mark.parametrize(
    "origin", ["https://panel.example", "http://127.0.0.1:5173", "http://localhost:8080"]
)
def test_our_pages_may_ask_and_read(world: MemoryParts, function: str, origin: str) -> None:
    asked = door(function, None)("OPTIONS", "/v1/me", headers={"Origin": origin, **PREFLIGHT})
    assert (asked.status_code, asked.data) == (204, b"")
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert "PATCH" in asked.headers["Access-Control-Allow-Methods"]
    assert "Idempotency-Key" in asked.headers["Access-Control-Allow-Headers"]
    refused = door(function, None)("POST", "/", {"data": {}}, headers={"Origin": origin})
    assert refused.status_code >= 400
    assert refused.headers["Access-Control-Allow-Origin"] == origin
    assert "Origin" in refused.headers["Vary"]


@pytest.mark.parametrize("function", FOR_BROWSERS)
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://panel.example.evil.example",
        "http://panel.example",
        "http://localhost.evil.example",
        "http://127.0.0.1:80.evil.example",
        "null",
        "",
    ],
)
def test_other_pages_are_told_nothing(world: MemoryParts, function: str, origin: str) -> None:
    for answer in (
        door(function, None)("OPTIONS", "/", headers={"Origin": origin, **PREFLIGHT}),
        door(function, None)("POST", "/", {"data": {}}, headers={"Origin": origin}),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_off_the_local_stack_local_pages_are_not_ours(world: MemoryParts) -> None:
    real = {"GOOGLE_CLOUD_PROJECT": "fanfare-prod", "FANFARE_PANEL_ORIGINS": ""}
    world.settings = read(real)
    headers = {"Origin": "http://localhost:8080", **PREFLIGHT}
    assert (
        "Access-Control-Allow-Origin"
        not in door("provider_api", None)("OPTIONS", "/v1/me", headers=headers).headers
    )
    world.settings = read(ENVIRONMENT)


def test_operators_do_not_call_from_web_pages(world: MemoryParts) -> None:
    answer = door("operator_api", None)(
        "OPTIONS", "/v1/stop", headers={"Origin": "https://panel.example", **PREFLIGHT}
    )
    assert answer.status_code == 405
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("function", [*FOR_BROWSERS, "operator_api"])
def test_no_answer_is_kept_sniffed_or_framed(world: MemoryParts, function: str) -> None:
    for answer in (door(function, None)("GET", "/v1/me"), door(function, None)("POST", "/v1/x")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
