"""How a notification comes to be: drafts, submission, entitlement, and the admin HWID."""

import json

import pytest

from shared.domain.content.content import NotificationInput
from shared.domain.errors import Forbidden, InvalidInput, NotFound, WrongState
from shared.domain.notifications.lifecycle import Status
from tests.builders import (
    a_device,
    a_domain,
    a_provider,
    a_segment,
    an_enterprise_provider,
    an_input,
)
from tests.flow.push import accepted, busy
from tests.flow.world import World
from tests.notification_documents import records

LONGEST_ADMIN_PATH = 27
"""External calls before the push leaves."""


def test_a_created_notification_waits_for_a_moderator() -> None:
    world = World()
    answer = world.create()
    assert answer["status"] == Status.PENDING
    assert [it.id for it in world.queue()] == [answer["id"]]


def test_a_created_notification_remembers_who_sent_it_under_which_email() -> None:
    world = World()
    it = world.get(world.create()["id"])
    assert (it.provider_id, it.provider_email, it.created_at) == (
        "p1",
        "p1@example.com",
        world.clock.now(),
    )


def test_a_draft_is_saved_and_shown_to_no_moderator() -> None:
    world = World()
    answer = world.create(NotificationInput(draft=True))
    assert answer["status"] == Status.DRAFT
    assert world.queue() == []


def test_a_complete_draft_can_be_submitted() -> None:
    world = World()
    id = world.create(an_input(draft=True))["id"]
    assert world.submit(id).status is Status.PENDING
    with pytest.raises(WrongState):
        world.submit(id)


def test_an_incomplete_draft_cannot_be_submitted() -> None:
    world = World()
    id = world.create(NotificationInput(title="Sale", draft=True))["id"]
    with pytest.raises(InvalidInput) as refusal:
        world.submit(id)
    assert [fault.field for fault in refusal.value.errors] == ["body", "targetSegment"]
    assert world.status(id) is Status.DRAFT


def test_an_incomplete_notification_cannot_be_submitted_at_once() -> None:
    world = World()
    with pytest.raises(InvalidInput):
        world.create(NotificationInput(title="Sale"))
    assert records(world.database) == {}


@pytest.mark.parametrize("draft", [True, False])
def test_without_premium_nothing_is_created(draft: bool) -> None:
    world = World()
    world.providers.put(a_provider(is_premium=False))
    with pytest.raises(Forbidden) as refusal:
        world.create(an_input(draft=draft))
    assert refusal.value.code == "premiumRequired"


def test_without_a_verified_domain_nothing_is_created() -> None:
    world = World()
    world.providers.put_domain(a_domain(is_verified=False))
    with pytest.raises(Forbidden) as refusal:
        world.create()
    assert refusal.value.code == "verifiedDomainRequired"


def test_an_account_that_is_no_provider_creates_nothing() -> None:
    with pytest.raises(Forbidden) as refusal:
        World().create(by="stranger")
    assert refusal.value.code == "notAProvider"


@pytest.mark.parametrize("domain", ["other.com", "unverified.com", "nobodys.com"])
def test_a_target_outside_the_own_verified_domains_is_refused(domain: str) -> None:
    world = World()
    world.providers.put_domain(a_domain("unverified.com", is_verified=False))
    with pytest.raises(InvalidInput) as refusal:
        world.create(an_input(target_segment=a_segment(domain=domain)))
    assert [(f.field, f.code) for f in refusal.value.errors] == [
        ("targetSegment.domain", "foreignDomain")
    ]


def test_every_fault_beyond_single_fields_is_told_at_once() -> None:
    content = {"title": "\U0001f680" * 100, "body": "\U0001f680" * 500, "url": "https://a.example/"}
    content["url"] += "x" * 2000
    with pytest.raises(InvalidInput) as refusal:
        World().create(an_input(**content, target_segment=a_segment(domain="other.com")))
    assert [(f.field, f.code) for f in refusal.value.errors] == [
        ("url", "payloadTooBig"),
        ("targetSegment.domain", "foreignDomain"),
    ]


def test_a_modal_dialog_needs_the_enterprise_plan() -> None:
    world = World()
    with pytest.raises(Forbidden) as refusal:
        world.create(an_input(force_timer=5))
    assert refusal.value.code == "enterpriseRequired"
    world.providers.put(an_enterprise_provider())
    assert world.create(an_input(force_timer=5))["status"] == Status.PENDING


def test_content_that_fits_every_field_but_no_push_is_refused() -> None:
    world = World()
    wide = {"title": "🎉" * 100, "body": "🎉" * 500}
    assert world.create(an_input(**wide))["status"] == Status.PENDING
    with pytest.raises(InvalidInput) as refusal:
        world.create(an_input(**wide, url="https://example.com/" + "a" * 2000))
    assert [(f.field, f.code) for f in refusal.value.errors] == [("url", "payloadTooBig")]


def test_a_deep_link_that_no_huawei_device_could_get_is_refused() -> None:
    link = "myapp://x/".ljust(1_300, "x") + '"' * 164
    with pytest.raises(InvalidInput) as refusal:
        World().create(an_input(body="b" * 500, url=link))
    assert [(f.field, f.code) for f in refusal.value.errors] == [("url", "payloadTooBig")]


def test_a_submission_is_checked_against_what_the_provider_is_by_then() -> None:
    world = World()
    id = world.create(an_input(draft=True))["id"]
    world.providers.put(a_provider(is_premium=False))
    with pytest.raises(Forbidden):
        world.submit(id)
    assert world.status(id) is Status.DRAFT


# ---- admin HWIDs -----------------------------------------------------------------------------


def world_with_admin_phone() -> World:
    world = World([a_device("Admin-1"), a_device("phone-2")])
    world.providers.put_domain(a_domain(admin_hwids=("Admin-1",)))
    return world


def to(hwid: str, **fields: object) -> NotificationInput:
    return an_input(target_segment=a_segment(hwid=hwid), **fields)


def test_a_notification_to_an_admin_hwid_is_answered_as_delivered() -> None:
    world = world_with_admin_phone()
    answer = world.create(to("Admin-1"))
    assert answer["status"] == Status.APPROVED
    assert (answer["autoApproved"], answer["autoApproveReason"]) == (True, "adminHwid")
    assert (answer["targetedCount"], answer["deliveredCount"]) == (1, 1)
    assert world.push.reached(answer["id"]) == {"token-Admin-1": 1}


def test_the_event_and_tasks_that_follow_an_admin_delivery_do_nothing_more() -> None:
    world = world_with_admin_phone()
    id = world.create(to("Admin-1"))["id"]
    before = world.get(id)
    world.drain()
    assert world.get(id) == before
    assert world.push.reached(id) == {"token-Admin-1": 1}


def test_an_admin_delivery_asks_the_push_service_to_hurry() -> None:
    world = world_with_admin_phone()
    world.create(to("Admin-1"))
    ((payload, _),) = world.push.requests
    assert json.loads(payload.body("token"))["message"]["android"]["priority"] == "HIGH"


def test_an_admin_delivery_looks_for_nothing_that_it_knows() -> None:
    """Each call is a round trip that the push waits for, and a query is a slow one."""
    world = world_with_admin_phone()
    world.create(to("Admin-1"))
    before = world.hazard.trace[: world.hazard.trace.index("push.send")]
    queries = [it for it in before if it.endswith(("/query", "/count", "/sum"))]
    assert set(queries) == {"providers.domains_of/query"}
    assert len(before) <= LONGEST_ADMIN_PATH


def test_a_draft_to_an_admin_hwid_is_delivered_when_it_is_submitted() -> None:
    world = world_with_admin_phone()
    id = world.create(to("Admin-1", draft=True))["id"]
    assert world.push.requests == []
    assert world.submit(id).status is Status.APPROVED


@pytest.mark.parametrize("hwid", ["admin-1", "ADMIN-1", "Admin-1 ", "phone-2"])
def test_any_other_hwid_goes_to_moderation(hwid: str) -> None:
    world = world_with_admin_phone()
    assert world.create(to(hwid))["status"] == Status.PENDING
    world.drain()
    assert world.push.requests == []


def test_an_admin_hwid_of_an_unverified_domain_goes_to_moderation() -> None:
    world = world_with_admin_phone()
    world.providers.put_domain(a_domain("more.com", is_verified=True))
    world.providers.put_domain(a_domain(is_verified=False, admin_hwids=("Admin-1",)))
    assert world.create(to("Admin-1"))["status"] == Status.PENDING


def test_an_admin_hwid_of_another_provider_goes_to_moderation() -> None:
    world = world_with_admin_phone()
    assert world.create(to("Admin-1"), by="p2")["status"] == Status.PENDING


def test_an_admin_hwid_that_is_no_device_ends_as_failed_for_want_of_an_audience() -> None:
    world = World()
    world.providers.put_domain(a_domain(admin_hwids=("Admin-1",)))
    answer = world.create(to("Admin-1"))
    assert (answer["status"], answer["failureReason"]) == (Status.FAILED, "noAudience")


def test_an_admin_device_outside_the_verified_domains_is_not_reached() -> None:
    world = World([a_device("Admin-1", domains=("other.com",))])
    world.providers.put_domain(a_domain(admin_hwids=("Admin-1",)))
    assert world.create(to("Admin-1"))["status"] == Status.FAILED
    assert world.push.requests == []


def test_what_the_request_could_not_finish_is_finished_by_the_tasks() -> None:
    world = world_with_admin_phone()
    world.push.will("token-Admin-1", busy(), accepted())
    answer = world.create(to("Admin-1"))
    assert answer["status"] == Status.SENDING
    world.drain()
    assert world.status(answer["id"]) is Status.APPROVED
    assert world.push.reached(answer["id"]) == {"token-Admin-1": 1}


# ---- copies and deletion ---------------------------------------------------------------------


def test_a_duplicate_is_a_new_draft_with_the_same_content_and_target() -> None:
    world = World()
    source = world.get(world.create(an_input(target_segment=a_segment(app_version="3")))["id"])
    copy = world.duplicate(source.id)
    assert copy.id != source.id
    assert copy.status is Status.DRAFT
    assert (copy.content, copy.segment) == (source.content, source.segment)
    assert world.status(source.id) is Status.PENDING


def test_anything_can_be_duplicated_even_what_was_rejected() -> None:
    world = World()
    id = world.create()["id"]
    world.reject(id)
    assert world.duplicate(id).status is Status.DRAFT


def test_a_draft_can_be_deleted() -> None:
    world = World()
    id = world.create(an_input(draft=True))["id"]
    world.delete(id)
    with pytest.raises(NotFound):
        world.get(id)


def test_what_was_submitted_cannot_be_deleted() -> None:
    world = World()
    id = world.create()["id"]
    with pytest.raises(WrongState):
        world.delete(id)
    assert world.status(id) is Status.PENDING
