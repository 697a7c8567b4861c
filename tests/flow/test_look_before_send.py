"""What is sent is what was approved: links are looked at once more right before the send."""

from dataclasses import replace

import pytest

from shared.domain.actors import Actor, Role
from shared.domain.delivery.run import FailureReason
from shared.domain.findings.finding import Finding, Severity, finding_of
from shared.domain.findings.link_ends import MOST_LOOKS, LinkEnd
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from tests.builders import a_device, a_domain, a_segment, an_input, ran
from tests.flow.hazard import Blow, Crash
from tests.flow.world import World
from tests.notification_documents import alter

SECOND = Actor(Role.MODERATOR, "m2")
LINK = LinkEnd("url", "a.example", "a.example")
IMAGE = LinkEnd("image", "pictures.example", "cdn.example")
SILENT = LinkEnd("url", "a.example")
DEAD = Finding("unreachable", Severity.WARNING, "url", "a.example does not answer.", "a.example")


def approved(world: World, *ends: LinkEnd) -> NotificationId:
    """Approve a notification whose links ended there when it was submitted."""
    world.inspector.ends = ends
    return world.approved()


def sent(world: World, id: NotificationId) -> Notification:
    world.drain()
    return world.get(id)


def a_world() -> World:
    return World([a_device("phone-1")])


def test_a_link_that_ends_where_it_ended_is_sent() -> None:
    world = a_world()
    assert sent(world, approved(world, LINK, IMAGE)).status is Status.APPROVED
    assert world.inspector.looks == 2


@pytest.mark.parametrize(
    "fetch_result", [replace(LINK, final="b.example"), replace(IMAGE, final="other.example")]
)
def test_a_link_or_image_that_leads_to_another_host_is_not_sent(fetch_result: LinkEnd) -> None:
    world = a_world()
    id = approved(world, LINK, IMAGE)
    world.inspector.ends = (LINK, IMAGE, fetch_result)
    it = sent(world, id)
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, FailureReason.LINK_CHANGED)
    assert [each.code for each in it.findings] == ["leadsElsewhere"]
    assert world.push.requests == []


def test_the_same_red_about_another_host_is_not_sent() -> None:
    world = a_world()
    world.inspector.findings = (finding_of("ipHost", "url", host="1.2.3.4"),)
    id = approved(world, LINK)
    world.approve(id, by=SECOND)
    world.inspector.findings = (finding_of("ipHost", "url", host="5.6.7.8"),)
    assert ran(sent(world, id)).failure_reason is FailureReason.LINK_CHANGED


def test_a_link_that_answers_no_more_is_looked_at_again_and_not_sent() -> None:
    world = a_world()
    id = approved(world, LINK)
    world.inspector.ends, world.inspector.findings = (SILENT,), (DEAD,)
    it = sent(world, id)
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, FailureReason.LINK_CHANGED)
    assert it.findings == (DEAD,)
    assert world.inspector.looks == 1 + MOST_LOOKS
    assert world.push.requests == []


@pytest.mark.parametrize("hiccups", range(1, MOST_LOOKS))
def test_a_passing_hiccup_of_a_link_costs_no_send(hiccups: int) -> None:
    world = a_world()
    id = approved(world, LINK)
    world.inspector.ends = (SILENT,)

    def recover() -> None:
        if world.inspector.looks > 1 + hiccups:
            world.inspector.ends = (LINK,)
        world.inspector.meanwhile = recover

    world.inspector.meanwhile = recover
    it = sent(world, id)
    assert (it.status, it.tally.delivered) == (Status.APPROVED, 1)


def test_a_link_nobody_could_look_at_before_is_no_reason_to_hold_it_back() -> None:
    world = a_world()
    assert sent(world, approved(world, SILENT)).status is Status.APPROVED


def test_a_record_of_an_older_version_is_compared_by_its_findings_only() -> None:
    world = a_world()
    id = approved(world)
    alter(world.database, id, lookedAt=None)
    world.inspector.ends = (replace(LINK, final="b.example"), SILENT)
    assert sent(world, id).status is Status.APPROVED


def test_an_edit_is_compared_with_the_look_at_the_edit() -> None:
    world = a_world()
    world.inspector.ends = (LINK,)
    id = world.create()["id"]
    world.inspector.ends = (replace(LINK, final="b.example"),)
    world.edit(id, an_input(title="New"))
    world.approve(id, revision=2)
    assert sent(world, id).status is Status.APPROVED


def test_what_is_sent_to_an_admin_hwid_is_looked_at_once() -> None:
    world = World([a_device("Admin-1")])
    world.providers.put_domain(a_domain(admin_hwids=("Admin-1",)))
    answer = world.create(an_input(target_segment=a_segment(hwid="Admin-1")))
    assert (answer["status"], world.inspector.looks) == ("approved", 1)


def test_where_links_ended_is_no_part_of_what_providers_see() -> None:
    world = a_world()
    world.inspector.ends = (LINK,)
    world.inspector.findings = (finding_of("ipHost", "url", host="1.2.3.4"),)
    answer = world.create()
    assert "lookedAt" not in answer
    assert set(answer["findings"][0]) == {"code", "severity", "field", "sentence"}


@pytest.mark.parametrize("blow", Blow)
@pytest.mark.parametrize("place", ["runs.review", "tasks.enqueue"])
def test_a_plan_that_dies_while_a_link_is_silent_is_neither_lost_nor_sent(
    blow: Blow, place: str
) -> None:
    world = a_world()
    id = approved(world, LINK)
    world.inspector.ends = (SILENT,)
    world.hazard.strike_at(place, blow)
    with pytest.raises(Crash):
        world.plan(id)
    it = sent(world, id)
    assert ran(it).failure_reason is FailureReason.LINK_CHANGED


def test_tasks_that_come_twice_do_not_use_up_the_looks() -> None:
    world = a_world()
    id = approved(world, LINK)
    world.inspector.ends = (SILENT,)
    for _ in range(5):
        world.plan(id)
    assert world.status(id) is Status.SENDING
    world.inspector.ends = (LINK,)
    assert sent(world, id).status is Status.APPROVED


@pytest.mark.parametrize("seed", range(5))
def test_under_any_order_of_events_a_silent_link_ends_it_once(seed: int) -> None:
    world = World([a_device("phone-1")], seed=seed)
    id = approved(world, LINK)
    world.inspector.ends = (SILENT,)
    it = sent(world, id)
    assert ran(it).failure_reason is FailureReason.LINK_CHANGED
    assert [entry.move for entry in world.history(id)].count("fail") == 1
