"""Providers, domains and devices are also written by others: what one says costs that one alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from shared.domain.delivery.run import FailureReason
from shared.domain.notifications.lifecycle import TERMINAL, Status
from shared.domain.notifications.notification import NotificationId
from shared.wiring import replaced
from tests.builders import ran
from tests.doors.conftest import door
from tests.doors.fuzzing import fuzzed
from tests.doors.odd_documents import (
    DEVICE,
    DOMAIN,
    ODD,
    PROVIDER,
    SOUND,
    Document,
    Platform,
    odd,
)

ODD_PROVIDERS: tuple[Document, ...] = (
    {"isPremium": "true"},
    {"name": 7},
    {"members": {"0": "m1"}},
    {"limits": {"pushesPerSecond": 0.5}},
    {"limits": {"pendingAtOnce": None}},
    {"limits": {"pendingAtOnce": -1, "devicesPerMinute": 10**12}},
    {"plan": ["enterprise"], "email": b"p1@example.com"},
)
WHOLE = {
    "email": "p1@example.com",
    "name": "One",
    "isPremium": True,
    "plan": "enterprise",
    "limits": {},
    "members": [],
}


@pytest.fixture
def platform() -> Iterator[Platform]:
    platform = Platform()
    with replaced(platform.parts):
        yield platform


def status(platform: Platform, id: str) -> Status | None:
    return platform.parts.notifications.get(NotificationId(id)).status


def altered(platform: Platform, name: str, fields: Document) -> None:
    """Write these fields of a document, as others may."""
    document = platform.parts.database.get(name)
    assert document is not None
    platform.parts.database.hold(name, {**document.fields, **fields})


# ---- a provider ------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", ODD_PROVIDERS, ids=repr)
def test_an_odd_provider_is_told_what_cannot_be_read_and_an_operator_mends_it(
    platform: Platform, fields: Document
) -> None:
    altered(platform, "providers/p1", fields)
    path = "/v1/providers/p1"
    me = platform.one("GET", "/v1/me")
    assert (me.status_code, me.get_json()["unreadable"]) == (200, sorted(fields))
    read = platform.operator("GET", path)
    assert (read.status_code, read.get_json()["unreadable"]) == (200, sorted(fields))
    mended = platform.operator("PUT", path, WHOLE).get_json()
    assert mended["unreadable"] == []
    assert platform.operator("GET", path).get_json() == mended
    assert platform.parts.database.collection("providers")["p1"]["isPremium"] is True


def test_a_put_that_does_not_name_the_odd_field_leaves_it_as_others_wrote_it(
    platform: Platform,
) -> None:
    altered(platform, "providers/p1", {"members": {"0": "m1"}, "isPremium": "true"})
    put = platform.operator("PUT", "/v1/providers/p1", {"isPremium": True}).get_json()
    assert (put["isPremium"], put["unreadable"]) == (True, ["members"])
    assert platform.parts.database.collection("providers")["p1"]["members"] == {"0": "m1"}


@pytest.mark.parametrize("premium", ["true", 1, None, {"until": "2030"}, [True]])
def test_premium_that_cannot_be_read_is_none(platform: Platform, premium: object) -> None:
    altered(platform, "providers/p1", {"isPremium": premium})
    refused = platform.one("POST", "/v1/estimates", {"targetSegment": {}})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "premiumRequired")


@pytest.mark.parametrize("fields", [*ODD_PROVIDERS, None], ids=repr)
def test_what_is_pending_stays_decidable_whatever_becomes_of_its_providers_record(
    platform: Platform, fields: Document | None
) -> None:
    approved, rejected, cancelled = (platform.submitted(platform.one) for _ in range(3))
    if fields is None:
        platform.parts.database.hold("providers/p1", None)
    else:
        altered(platform, "providers/p1", fields)
    queue = platform.moderator("moderation_queue").get_json()["result"]
    assert len(queue) == 3
    assert platform.moderator("claim_notification", id=rejected).status_code == 200
    reject = platform.moderator("reject_notification", id=rejected, comment="no")
    assert reject.status_code == 200
    assert platform.one("POST", f"/v1/notifications/{cancelled}/cancel").status_code == 200
    assert platform.moderator("approve_notification", id=approved).status_code == 200
    platform.distribute(approved)
    assert status(platform, rejected) is Status.REJECTED
    assert status(platform, cancelled) is Status.CANCELLED
    assert status(platform, approved) in TERMINAL


def test_one_that_turns_odd_between_approval_and_plan_fails_with_the_reason(
    platform: Platform,
) -> None:
    id = platform.submitted(platform.one)
    platform.moderator("approve_notification", id=id)
    altered(platform, "providers/p1", {"isPremium": "true"})
    platform.distribute(id)
    it = platform.parts.notifications.get(NotificationId(id))
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, FailureReason.PREMIUM_LAPSED)


def test_domains_that_turn_odd_between_approval_and_plan_fail_it_with_the_reason(
    platform: Platform,
) -> None:
    id = platform.submitted(platform.one)
    platform.moderator("approve_notification", id=id)
    for name in ("one.example", "odd.example"):
        altered(platform, f"domains/{name}", {"isVerified": "yes"})
    platform.distribute(id)
    it = platform.parts.notifications.get(NotificationId(id))
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, FailureReason.NO_VERIFIED_DOMAIN)


def test_nobody_but_the_former_provider_takes_its_notification_back(platform: Platform) -> None:
    id = platform.submitted(platform.one)
    platform.parts.database.hold("providers/p1", None)
    path = f"/v1/notifications/{id}"
    assert platform.two("POST", f"{path}/cancel").status_code == 404
    assert platform.one("POST", f"{path}/submit").status_code == 403
    assert platform.one("GET", path).status_code == 403
    assert platform.one("POST", "/v1/notifications/none/cancel").status_code == 403
    assert platform.one("POST", f"{path}/cancel").status_code == 200


# ---- domains ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields", [{"isVerified": "true"}, {"adminHwids": {"0": "h"}}, {"adminHwids": [7]}], ids=repr
)
def test_an_odd_domain_is_listed_and_mended(platform: Platform, fields: Document) -> None:
    altered(platform, "domains/odd.example", fields)
    path = "/v1/domains/odd.example"
    owned = platform.one("GET", "/v1/domains").get_json()["domains"]
    assert [it["unreadable"] for it in owned] == [sorted(fields), []]
    assert platform.operator("GET", path).get_json()["unreadable"] == sorted(fields)
    whole = {"providerId": "p1", "isVerified": True, "adminHwids": []}
    assert platform.operator("PUT", path, whole).get_json()["unreadable"] == []
    assert platform.operator("GET", path).get_json() == whole | (
        {
            "domain": "odd.example",
            "adminHwidNotes": {},
            "deepLinkSchemes": [],
            "unreadable": [],
        }
    )


def test_a_provider_mends_the_admin_hwids_of_its_domain(platform: Platform) -> None:
    altered(platform, "domains/odd.example", {"adminHwids": "h"})
    mended = platform.one("PATCH", "/v1/domains/odd.example", {"adminHwids": []})
    assert (mended.status_code, mended.get_json()["unreadable"]) == (200, [])


FORMS = ("Shop-x.Example", "shop-x.example.", "SHOP-X.EXAMPLE", "shop-x。example")


@pytest.mark.parametrize("stored", FORMS)
@pytest.mark.parametrize("name", FORMS)
def test_a_domain_is_one_in_every_form_of_its_name(
    platform: Platform, stored: str, name: str
) -> None:
    database = platform.parts.database
    database.hold(f"domains/{stored}", {"providerId": "p1", "isVerified": False, "theirs": 1})
    path = f"/v1/domains/{name}"
    assert platform.operator("GET", path).get_json()["domain"] == "shop-x.example"
    assert platform.operator("PUT", path, {"isVerified": True}).status_code == 200
    patched = platform.one("PATCH", path, {"adminHwids": ["mine"]})
    assert patched.get_json()["domain"] == "shop-x.example"
    kept = {"providerId": "p1", "isVerified": True, "adminHwids": ["mine"], "theirs": 1}
    domains = database.collection("domains")
    assert domains[stored].items() >= kept.items()
    assert "shop-x.example" not in domains
    platform.turn("phone-1", {"domains": ["one.example", name]})
    segment = {"targetSegment": {"domain": name}}
    assert platform.one("POST", "/v1/estimates", segment).get_json()["devices"] == 1
    id = platform.submitted(platform.one, **segment)
    shown = platform.one("GET", f"/v1/notifications/{id}").get_json()
    assert shown["targetSegment"]["domain"] == "shop-x.example"
    platform.moderator("approve_notification", id=id)
    platform.distribute(id)
    assert platform.got_it(id) == {"phone-1"}
    assert platform.operator("DELETE", path).status_code == 204
    assert stored not in database.collection("domains")


def test_an_international_domain_is_told_as_machines_write_it(platform: Platform) -> None:
    machine = "xn--b1amnebsh.xn--p1ai"
    put = platform.operator("PUT", "/v1/domains/Новости.РФ", {"providerId": "p1"}).get_json()
    assert put["domain"] == machine
    assert machine in platform.parts.database.collection("domains")
    for form in ("новости.рф", "НОВОСТИ.РФ.", machine.upper()):
        assert platform.operator("GET", f"/v1/domains/{form}").get_json() == put
    device = {"hwid": "h", "platform": "linux", "domains": ["новости.рф", machine, "НОВОСТИ.рф."]}
    assert door("device_api", None)("POST", "/v1/devices", device).status_code == 201
    assert platform.parts.database.collection("devices")["h"]["domains"] == [machine]


# ---- anything at all -------------------------------------------------------------------------


@fuzzed
@given(
    provider=odd(PROVIDER),
    domain=odd(DOMAIN),
    devices=st.tuples(*[odd(DEVICE)] * len(ODD)),
)
def test_whatever_others_write_no_call_breaks_and_no_neighbour_notices(
    provider: Document, domain: Document, devices: tuple[Document, ...]
) -> None:
    platform = Platform()
    with replaced(platform.parts):
        _live_with(platform, provider, domain, devices)


def _live_with(
    platform: Platform, provider: Document, domain: Document, devices: tuple[Document, ...]
) -> None:
    approved, rejected, cancelled = (platform.submitted(platform.one) for _ in range(3))
    theirs = platform.submitted(platform.two)
    altered(platform, "providers/p1", provider)
    altered(platform, "domains/odd.example", domain)
    for hwid, fields in zip(ODD, devices, strict=True):
        platform.turn(hwid, fields)
    for answer in _every_call(platform, approved, rejected, cancelled, theirs):
        assert answer.status_code < 500, answer.text
    own = [it["id"] for it in platform.one("GET", "/v1/notifications").get_json()["notifications"]]
    platform.distribute(approved, theirs, *own)
    assert {status(platform, id) for id in (approved, rejected, cancelled)} <= TERMINAL
    it = platform.parts.notifications.get(NotificationId(theirs))
    assert (it.status, it.tally.open) == (Status.APPROVED, 0)
    assert platform.got_it(theirs) == set(SOUND)
    _mended(platform)
    for hwid in ODD:
        why = platform.two("GET", f"/v1/notifications/{theirs}/devices/{hwid}")
        assert why.status_code == 200, why.text
        assert why.get_json()["targeted"] or why.get_json()["misses"]


def _every_call(
    platform: Platform, approved: str, rejected: str, cancelled: str, theirs: str
) -> Iterator[TestResponse]:
    one, two, operator, path = platform.one, platform.two, platform.operator, "/v1/notifications"
    body: dict[str, Any] = {"title": "Sale", "body": "Now", "targetSegment": {}}
    for call in (one, two):
        for read in ("/v1/me", "/v1/domains", "/v1/dashboard", path, "/v1/keys"):
            yield call("GET", read)
        yield call("POST", "/v1/estimates", {"targetSegment": {}})
        yield call("POST", "/v1/estimates", {"targetSegment": {"activeDays": 7, "region": ["en"]}})
        yield call("POST", path, {**body, "draft": True})
    yield one("POST", path, body)
    yield one("PATCH", "/v1/domains/odd.example", {"adminHwids": []})
    yield one("POST", f"{path}/{rejected}/duplicate")
    yield one("POST", f"{path}/{rejected}/submit")
    yield one("PATCH", f"{path}/{cancelled}", {"title": "Better"})
    for hwid in ODD:
        yield one("GET", f"{path}/{approved}/devices/{hwid}")
        yield two("POST", "/v1/estimates", {"targetSegment": {"hwid": hwid}})
    yield operator("GET", "/v1/providers/p1")
    yield operator("GET", "/v1/domains/odd.example")
    yield platform.moderator("moderation_queue")
    yield platform.moderator("claim_notification", id=rejected)
    yield platform.moderator("reject_notification", id=rejected, comment="no")
    yield one("POST", f"{path}/{cancelled}/cancel")
    yield platform.moderator("approve_notification", id=theirs)
    yield platform.moderator("approve_notification", id=approved, revision=1)
    yield platform.moderator("moderation_stats")


def _mended(platform: Platform) -> None:
    """Write a record in full through the API, which makes it sound whatever was there."""
    put = platform.operator("PUT", "/v1/providers/p1", WHOLE)
    assert (put.status_code, put.get_json()["unreadable"]) == (200, []), put.text
    assert platform.one("GET", "/v1/me").get_json()["unreadable"] == []
    whole = {"providerId": "p1", "isVerified": True, "adminHwids": []}
    put = platform.operator("PUT", "/v1/domains/odd.example", whole)
    assert (put.status_code, put.get_json()["unreadable"]) == (200, []), put.text
    assert platform.operator("GET", "/v1/domains/odd.example").get_json() == put.get_json()
