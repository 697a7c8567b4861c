"""How moderators work: the queue, claims, two pairs of eyes, and what is told about it."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.content import NotificationInput
from shared.domain.errors import Forbidden, InvalidInput, WrongState
from shared.domain.findings import Finding, Severity
from shared.domain.history import Actor, Role
from shared.domain.lifecycle import Status
from shared.domain.notification import NotificationId
from shared.domain.review import ReviewPolicy, Template
from shared.flow.moderate import Claimed
from shared.flow.moderation_stats import Record, stats
from shared.flow.remind import remind
from tests.builders import (
    OPERATOR,
    a_device,
    a_domain,
    a_provider,
    a_segment,
    an_input,
)
from tests.flow.world import World

SECOND = Actor(Role.MODERATOR, "m2")
RED = Finding("ipHost", Severity.RED, "url", "The address names a machine by number.")
WARNING = Finding("shortener", Severity.WARNING, "url", "It shortens addresses.")
LOUD = Template("too-loud", "Too loud", "Please do not shout.")


def with_findings(world: World, *findings: Finding, **given: Any) -> NotificationId:
    world.inspector.findings = findings
    id: NotificationId = world.create(an_input(**given))["id"]
    return id


# ---- the queue -------------------------------------------------------------------------------


def test_the_queue_tells_how_long_each_waits_and_until_when_it_should_be_decided() -> None:
    world = World()
    world.create()
    world.clock.advance(3_599)
    [waiting] = world.waiting().items
    assert (waiting.age, waiting.overdue) == (timedelta(seconds=3_599), False)
    world.clock.advance(2)
    [waiting] = world.waiting().items
    assert waiting.overdue
    assert waiting.due_at == world.began + timedelta(hours=1)


def test_a_draft_waits_since_it_was_submitted_and_an_edit_does_not_turn_the_clock_back() -> None:
    world = World()
    id = world.create(an_input(draft=True))["id"]
    world.clock.advance(86_400)
    world.submit(id)
    world.clock.advance(60)
    world.edit(id)
    world.clock.advance(60)
    [waiting] = world.waiting().items
    assert waiting.age == timedelta(seconds=120)


def test_the_queue_is_narrowed_by_what_a_moderator_asks_for() -> None:
    world = World()
    plain = with_findings(world, title="Plain")
    world.clock.advance(1)
    warned = with_findings(world, WARNING, title="Warned")
    world.clock.advance(1)
    red = with_findings(world, RED, title="Sale again")
    theirs = world.create(an_input(title="Theirs"), by="p2")["id"]
    world.claim(plain)
    world.claim(warned, by=SECOND)

    def shown(**wish: Any) -> list[str]:
        return [it.notification.id for it in world.waiting(**wish).items]

    assert shown() == [plain, warned, red, theirs]
    assert shown(provider_id="p2") == [theirs]
    assert shown(severity=Severity.RED, provider_id="p1") == [red]
    assert shown(severity=Severity.WARNING, provider_id="p1") == [warned, red]
    assert shown(claimed=Claimed.MINE) == [plain]
    assert shown(claimed=Claimed.OTHERS) == [warned]
    assert shown(claimed=Claimed.FREE) == [red, theirs]
    assert shown(claimed=Claimed.MINE, by=SECOND) == [warned]
    assert shown(text="sale") == [red]
    assert shown(text="P2@") == [theirs]
    world.clock.advance(601)
    assert shown(claimed=Claimed.OTHERS) == []


def test_the_queue_comes_in_pages() -> None:
    world = World()
    ids = []
    for _ in range(5):
        ids.append(world.create()["id"])
        world.clock.advance(1)
    seen, token = [], ""
    while True:
        page = world.waiting(page_size=2, page_token=token)
        seen += [it.notification.id for it in page.items]
        if not page.next_token:
            break
        token = page.next_token
    assert seen == ids


# ---- claims ----------------------------------------------------------------------------------


def test_two_moderators_do_not_read_the_same_one() -> None:
    world = World()
    id = world.create()["id"]
    world.claim(id)
    for deed in (world.claim, world.approve, world.reject, world.release):
        with pytest.raises(WrongState) as refusal:
            deed(id, by=SECOND)
        assert refusal.value.code == "claimed"
    world.release(id)
    assert world.approve(id, by=SECOND).status is Status.SENDING
    moves = [(entry.move, entry.actor) for entry in world.history(id)]
    assert moves == [
        ("submit", "provider:p1"),
        ("claim", "moderator:m1"),
        ("release", "moderator:m1"),
        ("approve", "moderator:m2"),
    ]


def test_a_claim_nobody_released_ends_by_itself() -> None:
    world = World()
    id = world.create()["id"]
    world.claim(id)
    world.clock.advance(600)
    assert world.reject(id, by=SECOND).status is Status.REJECTED


def test_an_operator_frees_what_a_moderator_left_behind() -> None:
    world = World()
    id = world.create()["id"]
    world.claim(id)
    assert world.release(id, by=OPERATOR).claim is None


def test_an_edit_makes_it_anybodys_again() -> None:
    world = World()
    id = with_findings(world, RED)
    world.approve(id)
    world.claim(id, by=SECOND)
    world.inspector.findings = ()
    edited = world.edit(id, NotificationInput(title="Better"))
    assert (edited.claim, edited.endorsements, edited.findings) == (None, (), ())
    assert world.approve(id).status is Status.SENDING


# ---- two pairs of eyes -----------------------------------------------------------------------


def test_a_red_finding_takes_two_moderators() -> None:
    world = World([a_device()])
    id = with_findings(world, RED)
    assert world.approve(id, revision=1).status is Status.PENDING
    with pytest.raises(WrongState) as refusal:
        world.approve(id)
    assert refusal.value.code == "secondModeratorNeeded"
    world.drain()
    assert world.push.requests == []
    assert world.approve(id, by=SECOND).status is Status.SENDING
    world.drain()
    assert world.status(id) is Status.APPROVED


def test_an_operator_is_no_second_moderator_but_may_reject() -> None:
    world = World()
    id = with_findings(world, RED)
    world.approve(id)
    with pytest.raises(Forbidden) as refusal:
        world.approve(id, by=OPERATOR)
    assert refusal.value.code == "twoModeratorsNeeded"
    assert world.reject(id, by=OPERATOR).status is Status.REJECTED
    assert [entry.move for entry in world.history(id)] == [
        "submit",
        "findings",
        "endorse",
        "reject",
    ]


def test_the_approval_of_somebody_who_is_no_moderator_any_more_does_not_count() -> None:
    world = World()
    id = with_findings(world, RED)
    world.approve(id)
    world.parts.moderators.delete("m1")
    again = world.approve(id, by=SECOND)
    assert again.status is Status.PENDING
    assert [each.moderator_id for each in again.endorsements] == ["m2"]
    assert world.approve(id, by=Actor(Role.MODERATOR, "m3")).status is Status.SENDING


def test_a_large_audience_takes_two_moderators() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")])
    world.policies.put(ReviewPolicy(second_approval_above=1))
    many = world.create()["id"]
    one = world.create(an_input(target_segment=a_segment(hwid="phone-1")))["id"]
    assert world.get(many).estimated_devices == 2
    assert world.approve(one).status is Status.SENDING
    assert world.approve(many).status is Status.PENDING
    assert world.approve(many, by=SECOND).status is Status.SENDING
    assert [it.approvals_needed for it in world.waiting().items] == []


def test_the_estimate_stays_on_the_providers_own_domains() -> None:
    world = World([a_device("phone-1"), a_device("theirs", domains=("other.com",))])
    assert world.get(world.create()["id"]).estimated_devices == 1


# ---- who may not decide ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "email"),
    [
        (Actor(Role.MODERATOR, "p1"), ""),
        (Actor(Role.MODERATOR, "m7"), ""),
        (Actor(Role.MODERATOR, "m8"), "ANN@shop.example"),
        (Actor(Role.MODERATOR, "m9"), "p1@example.com"),
    ],
)
def test_nobody_decides_on_a_provider_they_belong_to(by: Actor, email: str) -> None:
    world = World()
    world.providers.put(a_provider(members=("m7", "ann@shop.example")))
    id = world.create()["id"]
    for deed in (world.claim, world.approve, world.reject):
        with pytest.raises(Forbidden) as refusal:
            deed(id, by=by, email=email)
        assert refusal.value.code == "ownProvider"
    assert [entry.move for entry in world.history(id)] == ["submit"]
    theirs = world.create(by="p2")["id"]
    assert world.approve(theirs, by=by, email=email).status is Status.SENDING


# ---- templates -------------------------------------------------------------------------------


def test_a_template_gives_the_reason_and_a_comment_adds_to_it() -> None:
    world = World()
    world.policies.put(ReviewPolicy(templates=(LOUD,)))
    first, second = world.create()["id"], world.create()["id"]
    assert world.reject(first, "", template="too-loud").moderator_comment == LOUD.comment
    both = world.reject(second, "Twice!", template="too-loud")
    assert both.moderator_comment == "Please do not shout.\nTwice!"
    with pytest.raises(InvalidInput) as refusal:
        world.reject(world.create()["id"], template="rude")
    assert [(f.field, f.code) for f in refusal.value.errors] == [("template", "unknownTemplate")]


# ---- reminders -------------------------------------------------------------------------------


def test_who_waits_beyond_the_sla_is_named_once_in_each_period(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    id = world.create()["id"]
    told: list[str] = []

    def tick() -> None:
        p = world.parts
        remind(
            notifications=p.notifications,
            policies=p.review_policies,
            clock=p.clock,
            tell=lambda longest: told.append(longest.notification.id),
        )
        world.clock.advance(60)

    with caplog.at_level(logging.WARNING):
        for _ in range(61):
            tick()
        assert told == []
        tick()
        assert told == [id]
        for _ in range(59):
            tick()
        assert told == [id]
        tick()
        assert told == [id, id]
        world.reject(id)
        for _ in range(200):
            tick()
    assert told == [id, id]
    assert [record.message for record in caplog.records] == [
        f"notification {id} waits for 61 minutes",
        f"notification {id} waits for 121 minutes",
    ]


# ---- statistics ------------------------------------------------------------------------------


def test_statistics_tell_who_decided_how_and_how_fast() -> None:
    world = World()
    red = with_findings(world, RED)
    world.inspector.findings = ()
    rejected = world.create(by="p2")["id"]
    world.clock.advance(60)
    world.reject(rejected)
    world.approve(red, by=SECOND)
    world.clock.advance(60)
    world.approve(red)
    world.create()
    told = stats(30, notifications=world.notifications, clock=world.clock)
    assert told.complete
    assert told.moderators == (
        Record("m1", approved=1, rejected=1, endorsed=0, median_seconds=90),
        Record("m2", approved=0, rejected=0, endorsed=1, median_seconds=None),
    )
    assert told.providers == (
        Record("p1", approved=1, rejected=0, endorsed=0, median_seconds=120),
        Record("p2", approved=0, rejected=1, endorsed=0, median_seconds=60),
    )


def test_statistics_look_back_as_far_as_they_are_asked_to() -> None:
    world = World()
    world.reject(world.create()["id"])
    world.clock.advance(86_400)
    world.reject(world.create()["id"], by=SECOND)
    notifications, clock = world.notifications, world.clock
    assert [it.name for it in stats(1, notifications=notifications, clock=clock).moderators] == [
        "m1",
        "m2",
    ]
    world.clock.advance(1)
    assert [it.name for it in stats(1, notifications=notifications, clock=clock).moderators] == [
        "m2"
    ]


def test_an_admin_delivery_is_nobodys_decision() -> None:
    world = World([a_device("Admin-1")])
    world.providers.put_domain(replace(a_domain(), admin_hwids=("Admin-1",)))
    world.create(an_input(target_segment=a_segment(hwid="Admin-1")))
    assert stats(1, notifications=world.notifications, clock=world.clock).providers == ()
