"""A link that is not what was approved ends the notification, as its doors show it."""

from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.memory.web import MemoryWeb
from shared.domain.findings.fetch_result import FetchResult, WebFault
from shared.domain.findings.link_ends import BETWEEN_LOOKS, MOST_LOOKS
from tests.doors.conftest import Call, a_body, door
from tests.parts import MemoryParts, service_token, token

LINK = "https://example.com/sale"
CARRIED = (
    "intent://x#Intent;scheme=myapp;S.browser_fallback_url=https%3A%2F%2Fexample.com%2Fsale;end"
)
THERE = FetchResult(LINK, status=200)
OTHER_TARGET = FetchResult("https://www.example.com/", hops=(LINK,), status=200)
LOOK_ALIKE = FetchResult("https://examp1e.com/", hops=(LINK,), status=200)
GONE = FetchResult(LINK, status=404)
SILENT = FetchResult(LINK, fault=WebFault.TOO_SLOW)
WAIT = BETWEEN_LOOKS + timedelta(seconds=1)


def set_target(world: MemoryParts, there: FetchResult) -> None:
    world.web = MemoryWeb({LINK: there})


def approved(provider: Call, world: MemoryParts, url: str, there: FetchResult) -> str:
    set_target(world, there)
    id = str(provider("POST", "/v1/notifications", a_body(url=url)).get_json()["id"])
    moderator = door("approve_notification", token("m1", moderator=True))
    assert moderator("POST", "/", {"data": {"id": id, "revision": 1}}).status_code == 200
    return id


def planned(provider: Call, id: str) -> dict[str, Any]:
    plan = door("plan_fanout", service_token("plan-fanout"))
    assert plan("POST", "/", {"notificationId": id}).status_code == 200
    shown: dict[str, Any] = provider("GET", f"/v1/notifications/{id}").get_json()
    return shown


@pytest.mark.parametrize("url", [LINK, CARRIED])
@pytest.mark.parametrize("there", [OTHER_TARGET, LOOK_ALIKE])
def test_a_link_that_redirects_elsewhere_after_its_approval_is_not_sent(
    provider: Call, world: MemoryParts, url: str, there: FetchResult
) -> None:
    id = approved(provider, world, url, THERE)
    set_target(world, there)
    shown = planned(provider, id)
    assert (shown["status"], shown["failureReason"]) == ("failed", "linkChanged")
    assert "leadsElsewhere" in [each["code"] for each in shown["findings"]]
    failure = provider("GET", f"/v1/notifications/{id}/stats").get_json()["failure"]
    assert failure["code"] == "linkChanged"


@pytest.mark.parametrize("there", [GONE, SILENT])
def test_a_link_that_answers_no_more_is_not_sent_after_three_looks(
    provider: Call, world: MemoryParts, there: FetchResult
) -> None:
    id = approved(provider, world, LINK, THERE)
    set_target(world, there)
    for _ in range(MOST_LOOKS - 1):
        assert planned(provider, id)["status"] == "sending"
        world.clock.advance(WAIT.total_seconds())
    shown = planned(provider, id)
    assert (shown["status"], shown["failureReason"]) == ("failed", "linkChanged")


@pytest.mark.parametrize("there", [THERE, OTHER_TARGET, GONE, SILENT])
def test_a_link_that_is_as_it_was_approved_holds_nothing_back(
    provider: Call, world: MemoryParts, there: FetchResult
) -> None:
    id = approved(provider, world, LINK, there)
    assert planned(provider, id)["failureReason"] == "noAudience"
