"""Another back end writes odd documents into the same database: each costs itself, and says so."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from local import demo
from local.journey import Person
from local.stack_file import Stack
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_values import decode, encode, write
from tests.journeys.arrivals import arrivals
from tests.journeys.test_core_journey import created, ended

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]

STORED, NAME = "Журнал-Odd.Example.", "xn---odd-43d9aybo0a3a.example"
SECONDS = 60
PHONE = {"platform": "android", "locale": "en_US"}
DEVICES: Mapping[str, tuple[Mapping[str, Any], str, str]] = {
    "fine": ({"fcmToken": "fine"}, "", "delivered"),
    "consent": ({"fcmToken": "consent", "consent": "yes"}, "consent", "skipped"),
    "address": ({"pushAddress": "token"}, "pushAddress", "skipped"),
    "list": ({"fcmToken": "list", "domains": [STORED, 7]}, "domains", "delivered"),
    "moment": ({"platform": "linux", "pendingNotificationAt": 1_772_366_400_000}, "", "delivered"),
}
"""The fields of each, which of them cannot be read once it was sent to, and how it ends."""


@pytest.fixture
def rest(stack: Stack) -> Iterator[FirestoreRest]:
    rest = FirestoreRest(stack.project, stack.firestore)
    yield rest
    rest.close()


def put(rest: FirestoreRest, path: tuple[str, ...], fields: Mapping[str, Any]) -> None:
    encoded = {name: encode(value) for name, value in fields.items()}
    rest.commit([write(rest.name(*path), encoded, list(encoded))])


def wait_for(rest: FirestoreRest, hwid: str, field: str) -> Any:
    """Wait for what the event of a device's write derives."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        fields = (rest.get(rest.name("devices", hwid)) or {}).get("fields", {})
        if field in fields:
            return decode(fields[field])
        time.sleep(0.2)
    raise AssertionError(f"{field} of {hwid} was never derived")


def test_each_odd_device_of_a_domain_in_another_form_ends_as_its_document_allows(
    stack: Stack, rest: FirestoreRest, provider: Person, moderator: Person, operator: Person
) -> None:
    put(rest, ("domains", STORED), {"providerId": demo.AURORA.uid, "isVerified": True})
    mark = str(time.time_ns())
    for name, (fields, *_) in DEVICES.items():
        document = {**PHONE, "domains": [STORED.lower()], **fields}
        tokens = {"fcmToken": f"{name}-{mark}"} if "fcmToken" in fields else {}
        put(rest, ("devices", f"{name}-{mark}"), {**document, **tokens})
    for name in DEVICES:
        assert NAME in wait_for(rest, f"{name}-{mark}", "selectors")
    hwid = f"map-{mark}"
    put(rest, ("devices", hwid), {**PHONE, "domains": [STORED], "fcmToken": hwid})
    wait_for(rest, hwid, "selectors")
    put(rest, ("devices", hwid), {"domains": {"0": STORED}})
    assert wait_for(rest, hwid, "domainsUnreadable") is True

    id = created(
        provider, {"title": "Odd", "body": "Documents", "targetSegment": {"domain": STORED}}
    )["id"]
    moderator.ask("approve-notification", {"id": id, "revision": 1})
    final = ended(provider, id)
    assert (final["status"], final["targetSegment"]["domain"]) == ("approved", NAME)
    counts = {name: final[f"{name}Count"] for name in ("targeted", "delivered", "skipped")}
    assert counts == {"targeted": 6, "delivered": 3, "skipped": 3}
    assert final["errors"] == {"unreadable": 3}
    assert {it.token for it in arrivals(stack, id)} == {f"fine-{mark}", f"list-{mark}"}
    expected = {**DEVICES, "map": ({}, "domains", "skipped")}
    for name, (_, unreadable, outcome) in expected.items():
        path = f"/provider-api/v1/notifications/{id}/devices/{name}-{mark}"
        why = provider.call("GET", path)
        assert (why["outcome"], why["unreadable"]) == (outcome, [unreadable] if unreadable else [])
    operator.call("DELETE", f"/operator-api/v1/domains/{NAME}")
    assert rest.get(rest.name("domains", STORED)) is None
