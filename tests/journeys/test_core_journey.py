"""A notification's life over HTTP, through the real functions, triggers and queues."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
import pytest

from local import demo, journey
from local.journey import Person
from local.stack_file import Stack
from tests.conftest import eventually
from tests.journeys.arrivals import Arrival, arrivals

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]

NOTIFICATIONS = "/provider-api/v1/notifications"
ENDED = ("delivered", "failed", "skipped")
TO_ALL = {"title": "Hello", "body": "World", "targetSegment": {}}


def created(provider: Person, body: Mapping[str, Any] = TO_ALL) -> Mapping[str, Any]:
    answer = provider.call("POST", NOTIFICATIONS, json=dict(body))
    assert isinstance(answer, dict)
    return answer


def ended(provider: Person, id: str) -> Mapping[str, Any]:
    return journey.watch(provider, id, lambda _: None)


def received(stack: Stack, id: str) -> list[Mapping[str, Any]]:
    answer = httpx.get(
        f"{stack.fcm}/received", params={"notification": id, "limit": 10000}, timeout=60
    )
    return list(answer.json()["received"])


def device_documents(stack: Stack) -> list[Mapping[str, Any]]:
    url = f"http://{stack.firestore}/v1/projects/{stack.project}/databases/(default)/documents"
    body = {"structuredQuery": {"from": [{"collectionId": "devices"}]}}
    headers = {"Authorization": "Bearer owner"}
    answers = httpx.post(f"{url}:runQuery", json=body, headers=headers, timeout=60).json()
    return [answer["document"]["fields"] for answer in answers if "document" in answer]


def addresses_of(documents: Iterable[Mapping[str, Any]]) -> set[str]:
    kept = (d.get("pushAddress", {}).get("mapValue", {}).get("fields", {}) for d in documents)
    return {text(address, "value") for address in kept}


def text(document: Mapping[str, Any], field: str) -> str:
    return str(document.get(field, {}).get("stringValue", ""))


def register_dead_phone(stack: Stack) -> None:
    """Register a phone whose push service refuses its address for good."""
    value = f"unregistered-{time.time_ns()}"
    device = {
        "hwid": f"journey-{value}",
        "platform": "android",
        "domains": [demo.AURORA_DOMAIN],
        "pushAddress": {"kind": "fcm", "value": value},
    }
    with httpx.Client(base_url=stack.functions, timeout=30) as nobody:
        Person(nobody).call("POST", "/device-api/v1/devices", json=device)


def dead_for_good(arrived: list[Arrival]) -> set[str]:
    """List addresses that are dead for good: Apple's is kept if it was registered after it died."""
    return {it.token for it in arrived if not it.is_accepted and it.service != "apns"}


def test_it_is_created_approved_fanned_out_and_counted_exactly(
    stack: Stack, provider: Person
) -> None:
    """Whatever was sent before it on this stack: addresses found dead then are skipped now."""
    register_dead_phone(stack)
    told: list[str] = []
    final = journey.run(stack, told.append)
    arrived = arrivals(stack, final["id"])
    accepted = {arrival.token for arrival in arrived if arrival.is_accepted}
    refused = {arrival.token for arrival in arrived if not arrival.is_accepted}
    documents = device_documents(stack)
    shown = [d for d in documents if text(d, "pendingNotificationId") == final["id"]]
    assert len(arrived) == len(accepted) + len(refused)
    assert final["deliveredCount"] == len(accepted) + len(shown)
    assert final["failedCount"] == len(refused) > 0
    assert final["errors"].get("noAddress", 0) == final["skippedCount"]
    assert final["failedCount"] + final["skippedCount"] == sum(final["errors"].values())
    assert final["targetedCount"] == sum(final[f"{it}Count"] for it in ENDED)
    assert {arrival.replace_key for arrival in arrived} == {final["id"]}
    assert dead_for_good(arrived).isdisjoint(addresses_of(documents))
    assert any("pending" in line for line in told)


def test_no_device_outside_the_verified_domains_is_reached(
    stack: Stack, provider: Person, moderator: Person
) -> None:
    id = created(provider)["id"]
    moderator.ask("approve-notification", {"id": id})
    ended(provider, id)
    allowed = addresses_of(_mine(stack))
    reached = {arrival.token for arrival in arrivals(stack, id) if arrival.is_accepted}
    assert reached
    assert reached <= allowed


def test_an_admin_hwid_gets_it_at_once_and_the_answer_is_the_final_record(
    stack: Stack, provider: Person
) -> None:
    body = {**TO_ALL, "targetSegment": {"hwid": demo.ADMIN_HWID}}
    answer = created(provider, body)
    assert (answer["status"], answer["autoApproved"], answer["autoApproveReason"]) == (
        "approved",
        True,
        "adminHwid",
    )
    assert (answer["targetedCount"], answer["deliveredCount"]) == (1, 1)
    assert [entry["token"] for entry in received(stack, answer["id"])] == ["token-of-the-editor"]


@pytest.mark.parametrize("hwid", [demo.ADMIN_HWID.upper(), "android-000000"])
def test_any_other_hwid_goes_to_moderation(provider: Person, hwid: str) -> None:
    answer = created(provider, {**TO_ALL, "targetSegment": {"hwid": hwid}})
    assert answer["status"] == "pending"
    provider.call("POST", f"{NOTIFICATIONS}/{answer['id']}/cancel")


def test_a_moderator_who_comes_after_the_cancel_is_told_so(
    stack: Stack, provider: Person, moderator: Person
) -> None:
    id = created(provider)["id"]
    assert provider.call("POST", f"{NOTIFICATIONS}/{id}/cancel")["status"] == "cancelled"
    answer = moderator.client.post("/approve-notification", json={"data": {"id": id}})
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["status"] == "FAILED_PRECONDITION"
    assert error["message"] == "The provider canceled the delivery"
    assert error["details"]["status"] == "cancelled"
    assert received(stack, id) == []


def test_a_rejection_reaches_the_provider_with_its_comment(
    provider: Person, moderator: Person
) -> None:
    id = created(provider)["id"]
    moderator.ask("reject-notification", {"id": id, "comment": "No source is named."})
    record = provider.call("GET", f"{NOTIFICATIONS}/{id}")
    assert (record["status"], record["moderatorComment"]) == ("rejected", "No source is named.")


def test_an_edit_while_a_moderator_reads_makes_the_approval_stale(
    provider: Person, moderator: Person
) -> None:
    id = created(provider)["id"]
    provider.call("PATCH", f"{NOTIFICATIONS}/{id}", json={"title": "Hello again"})
    answer = moderator.client.post(
        "/approve-notification", json={"data": {"id": id, "revision": 1}}
    )
    assert answer.json()["error"]["details"]["revision"] == 2
    assert moderator.ask("approve-notification", {"id": id, "revision": 2})["status"] == "sending"
    assert ended(provider, id)["title"] == "Hello again"


def test_the_provider_can_ask_why_a_device_got_it(
    stack: Stack, provider: Person, other_provider: Person, moderator: Person
) -> None:
    body = {**TO_ALL, "targetSegment": {"platform": "android", "domain": demo.AURORA_DOMAIN}}
    id = created(provider, body)["id"]
    moderator.ask("approve-notification", {"id": id})
    ended(provider, id)
    why = provider.call("GET", f"{NOTIFICATIONS}/{id}/devices/{demo.ADMIN_HWID}")
    assert why["targeted"] is True
    assert why["outcome"] == "delivered"
    desktop = next(d for d in _mine(stack) if text(d, "platform") == "windows")
    not_reached = provider.call("GET", f"{NOTIFICATIONS}/{id}/devices/{text(desktop, 'hwid')}")
    assert not_reached["targeted"] is False
    assert "platform" in not_reached["misses"]
    path = f"{NOTIFICATIONS}/{id}/devices/{demo.ADMIN_HWID}"
    assert other_provider.client.get(path).status_code == 404


def test_a_premium_lapse_between_submit_and_approval_fails_it_with_the_reason(
    provider: Person, operator: Person, moderator: Person
) -> None:
    id = created(provider)["id"]
    path = f"/operator-api/v1/providers/{demo.AURORA.uid}"
    before = operator.call("GET", path)
    writable = {key: before[key] for key in ("email", "name", "plan", "isPremium")}
    operator.call("PUT", path, json={**writable, "isPremium": False})
    try:
        moderator.ask("approve-notification", {"id": id})
        final = ended(provider, id)
    finally:
        operator.call("PUT", path, json=writable)
    assert (final["status"], final["failureReason"]) == ("failed", "premiumLapsed")


def test_the_stop_switch_holds_everything_and_loses_nothing(
    stack: Stack, provider: Person, operator: Person, moderator: Person
) -> None:
    operator.call("PUT", "/operator-api/v1/stop", json={"stopped": True, "reason": "drill"})
    try:
        id = created(provider, {**TO_ALL, "targetSegment": {"platform": "ios"}})["id"]
        moderator.ask("approve-notification", {"id": id})
        seen = _planned(provider, id)
        assert seen["deliveredCount"] == 0
    finally:
        operator.call("PUT", "/operator-api/v1/stop", json={"stopped": False, "reason": "over"})
    assert received(stack, id) == []
    stopped = provider.call("POST", f"{NOTIFICATIONS}/{id}/stop")
    assert stopped["status"] == "stopped"


def _mine(stack: Stack) -> list[Mapping[str, Any]]:
    """List the devices on Aurora's verified domains."""
    mine = {"news.aurora.example", "sport.aurora.example"}
    return [
        d
        for d in device_documents(stack)
        if mine & {v["stringValue"] for v in d["domains"]["arrayValue"]["values"]}
    ]


def _planned(provider: Person, id: str) -> Mapping[str, Any]:
    """Wait until the notification's devices are known."""
    eventually(lambda: _record(provider, id)["targetedCount"] > 0, f"{id} is planned")
    return _record(provider, id)


def _record(provider: Person, id: str) -> Mapping[str, Any]:
    return dict(provider.call("GET", f"{NOTIFICATIONS}/{id}"))


def test_everybody_who_shares_the_stack_shares_the_process(request: pytest.FixtureRequest) -> None:
    """Else each process has a stack of its own, and what ran on it before is left to chance."""
    if hasattr(request.config, "workerinput"):
        assert request.node.nodeid.endswith("@stack")
