"""How moderators work: the queue, claims, two pairs of eyes, and what is told about it."""

import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.domain.actors import Actor, Role
from shared.domain.content.content import NotificationInput
from shared.domain.errors import Forbidden, InvalidInput, TryAgain, WrongState
from shared.domain.findings.finding import Finding, Severity
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.notifications.review import ReviewPolicy, Template
from shared.domain.providers.standing import Standing
from shared.flow.moderation.moderate import ClaimHolder
from shared.flow.moderation.remind import remind
from shared.flow.moderation.stats import Record, stats
from shared.flow.providers import operate
from shared.stores.moderators import Moderator
from tests.builders import (
    NOON,
    OPERATOR,
    a_device,
    a_domain,
    a_provider,
    a_segment,
    an_input,
)
from tests.flow.hazard import Blow, Fault
from tests.flow.world import World
from tests.needs import only
from tests.parts import an_account

SECOND = Actor(Role.MODERATOR, "m2")
RED = Finding("ipHost", Severity.RED, "url", "The address names a machine by number.")
WARNING = Finding("shortener", Severity.WARNING, "url", "It shortens addresses.")
LOUD = Template("too-loud", "Too loud", "Please do not shout.")


def with_findings(world: World, *findings: Finding, **fields: Any) -> NotificationId:
    world.inspector.findings = findings
    id: NotificationId = world.create(an_input(**fields))["id"]
    return id


# ---- the queue -------------------------------------------------------------------------------


def test_the_queue_tells_how_long_each_waits_and_until_when_it_should_be_decided() -> None:
    world = World()
    world.create()
    world.clock.advance(3_599)
    [waiting] = world.queue_page().items
    assert (waiting.age, waiting.overdue) == (timedelta(seconds=3_599), False)
    world.clock.advance(2)
    [waiting] = world.queue_page().items
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
    [waiting] = world.queue_page().items
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

    def titles(**filters: Any) -> list[str]:
        return [it.notification.id for it in world.queue_page(**filters).items]

    assert titles() == [plain, warned, red, theirs]
    assert titles(provider_id="p2") == [theirs]
    assert titles(severity=Severity.RED, provider_id="p1") == [red]
    assert titles(severity=Severity.WARNING, provider_id="p1") == [warned, red]
    assert titles(claimed=ClaimHolder.MINE) == [plain]
    assert titles(claimed=ClaimHolder.OTHERS) == [warned]
    assert titles(claimed=ClaimHolder.FREE) == [red, theirs]
    assert titles(claimed=ClaimHolder.MINE, by=SECOND) == [warned]
    assert titles(text="sale") == [red]
    assert titles(text="P2@") == [theirs]
    world.clock.advance(601)
    assert titles(claimed=ClaimHolder.OTHERS) == []


def test_the_queue_comes_in_pages() -> None:
    world = World()
    ids = []
    for _ in range(5):
        ids.append(world.create()["id"])
        world.clock.advance(1)
    seen, token = [], ""
    while True:
        page = world.queue_page(page_size=2, page_token=token)
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
    assert world.approve(id, revision=2).status is Status.SENDING


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


@pytest.mark.parametrize(
    "now",
    [
        None,
        an_account("m1"),
        an_account("m1", "moderator", disabled=True),
        an_account("m1", "moderator", emails=("p1@example.com",)),
        an_account("m1", "moderator", emails=("new@example.com", "M1@Members.example")),
    ],
    ids=["deleted", "dismissed", "disabled", "the provider's e-mail", "a member's e-mail"],
)
def test_an_approval_counts_while_its_giver_may_still_decide(now: Standing | None) -> None:
    world = World()
    world.providers.put(a_provider(members=("m1@members.example",)))
    id = with_findings(world, RED)
    world.approve(id)
    if now is None:
        del world.standings.accounts["m1"]
    else:
        world.standings.accounts["m1"] = now
    assert world.approve(id, by=SECOND).status is Status.PENDING
    assert world.approve(id, by=Actor(Role.MODERATOR, "m3")).status is Status.SENDING


def test_an_approval_does_not_count_once_its_giver_is_a_member() -> None:
    world = World()
    id = with_findings(world, RED)
    world.approve(id)
    world.providers.put(a_provider(members=("m1",)))
    assert world.approve(id, by=SECOND).status is Status.PENDING


@pytest.mark.parametrize("reason", ["removed", "dismissed", "joined"])
def test_the_claim_of_somebody_who_may_not_decide_any_more_keeps_nobody_out(reason: str) -> None:
    world = World()
    id = world.create()["id"]
    world.claim(id)
    with pytest.raises(WrongState):
        world.claim(id, by=SECOND)
    if reason == "removed":
        world.moderators.delete("m1")
    elif reason == "dismissed":
        world.standings.accounts["m1"] = an_account("m1")
    else:
        world.providers.put(a_provider(members=("m1",)))
    assert world.claim(id, by=SECOND).claim is not None
    assert world.reject(id, by=SECOND).status is Status.REJECTED


def test_the_queue_shows_no_claim_of_somebody_who_is_no_moderator_any_more() -> None:
    world = World()
    world.create()
    [waiting] = world.queue()
    world.claim(waiting.id)
    [claimed] = world.queue_page(by=SECOND, claimed=ClaimHolder.OTHERS).items
    assert claimed.notification.claim is not None
    del world.standings.accounts["m1"]
    [free] = world.queue_page(by=SECOND, claimed=ClaimHolder.FREE).items
    assert free.notification.claim is None


def test_a_large_audience_takes_two_moderators() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")])
    world.policies.put(ReviewPolicy(second_approval_above=1))
    many = world.create()["id"]
    one = world.create(an_input(target_segment=a_segment(hwid="phone-1")))["id"]
    assert world.get(many).estimated_devices == 2
    assert world.approve(one).status is Status.SENDING
    assert world.approve(many).status is Status.PENDING
    assert world.approve(many, by=SECOND).status is Status.SENDING
    assert [it.approvals_needed for it in world.queue_page().items] == []


def test_the_estimate_stays_on_the_providers_own_domains() -> None:
    world = World([a_device("phone-1"), a_device("theirs", domains=("other.com",))])
    assert world.get(world.create()["id"]).estimated_devices == 1


def a_policy(world: World, second_approval_above: int) -> None:
    world.policies.put(ReviewPolicy(second_approval_above=second_approval_above))


def grow(world: World, *hwids: str, domain: str = "example.com") -> None:
    for hwid in hwids:
        world.add(a_device(hwid, domains=(domain,)))


def test_an_audience_that_grew_past_the_number_since_its_submission_takes_two() -> None:
    world = World([a_device("phone-1")])
    a_policy(world, 2)
    id = world.create()["id"]
    grow(world, "phone-2", "phone-3")
    first = world.approve(id)
    assert (first.status, first.estimated_devices) == (Status.PENDING, 3)
    assert [each.moderator_id for each in first.endorsements] == ["m1"]
    assert world.approve(id, by=SECOND).status is Status.SENDING


def test_an_audience_that_grows_between_two_approvals_keeps_the_first() -> None:
    world = World([a_device("phone-1")])
    a_policy(world, 0)
    id = world.create()["id"]
    world.approve(id)
    grow(world, "phone-2")
    second = world.approve(id, by=SECOND)
    assert (second.status, second.estimated_devices) == (Status.SENDING, 2)


def test_devices_of_a_domain_verified_since_the_submission_count() -> None:
    world = World([a_device("phone-1")])
    a_policy(world, 1)
    id = world.create()["id"]
    grow(world, "phone-2", domain="late.com")
    world.providers.put_domain(a_domain("late.com"))
    assert world.approve(id).status is Status.PENDING
    assert world.get(id).estimated_devices == 2


def test_an_audience_that_shrank_takes_one() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")])
    a_policy(world, 1)
    id = world.create()["id"]
    world.devices.delete("phone-2")
    assert world.approve(id).status is Status.SENDING


def test_an_operator_is_refused_by_the_count_of_now() -> None:
    world = World([a_device("phone-1")])
    a_policy(world, 1)
    id = world.create()["id"]
    grow(world, "phone-2")
    with pytest.raises(Forbidden) as refusal:
        world.approve(id, by=OPERATOR)
    assert refusal.value.code == "twoModeratorsNeeded"
    assert "2 devices are more than 1" in refusal.value.message


def test_nothing_is_approved_while_its_audience_cannot_be_counted() -> None:
    world = World([a_device("phone-1")])
    id = world.create()["id"]
    nth = world.hazard.calls + the_call_that_counts()
    world.hazard.strike(nth, Fault(Blow.BEFORE, raises=TryAgain))
    with pytest.raises(TryAgain):
        world.approve(id)
    assert [entry.move for entry in world.history(id)] == ["submit"]
    assert world.approve(id).status is Status.SENDING


def the_call_that_counts() -> int:
    """Find the external call of an approval that counts the audience."""
    rehearsal = World([a_device("phone-1")])
    rehearsed = rehearsal.create()["id"]
    before = rehearsal.hazard.calls
    rehearsal.approve(rehearsed)
    return rehearsal.hazard.trace[before:].index("audience.count/count") + 1


# ---- what was seen ---------------------------------------------------------------------------


def test_who_names_no_revision_decides_on_the_first_only() -> None:
    world = World([a_device("phone-1")])
    approved, rejected = world.create()["id"], world.create()["id"]
    for id in (approved, rejected):
        world.edit(id)
    for deed in (partial(world.approve, approved), partial(world.reject, rejected)):
        with pytest.raises(WrongState) as refusal:
            deed()
        assert refusal.value.code == "revisionNeeded"
        assert refusal.value.details == {"status": "pending", "revision": 2}
        with pytest.raises(WrongState) as refusal:
            deed(revision=1)
        assert refusal.value.code == "staleRevision"
    assert world.approve(approved, revision=2).status is Status.SENDING
    assert world.reject(rejected, revision=2).status is Status.REJECTED


def test_an_edit_while_the_audience_is_counted_is_not_approved_on_the_old_count() -> None:
    world = World([a_device("phone-1")])
    id = world.create()["id"]

    def edited_meanwhile(call: str) -> None:
        if call == "audience.count":
            world.hazard.forget_watchers()
            world.edit(id)

    for named in (None, 1):
        world.hazard.watch(edited_meanwhile)
        with pytest.raises(WrongState):
            world.approve(id, revision=named)
        assert world.status(id) is Status.PENDING
        id = world.create()["id"]


def test_what_cannot_be_decided_is_not_counted() -> None:
    world = World([a_device("phone-1")])
    id = world.create()["id"]
    world.cancel(id)
    before = world.hazard.verbs.count("audience.count")
    with pytest.raises(WrongState):
        world.approve(id)
    assert world.hazard.verbs.count("audience.count") == before


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


@pytest.mark.parametrize("email", ["account", "linked sign-in", "operators' list"])
def test_an_e_mail_under_which_a_moderator_is_known_tells_whom_they_belong_to(email: str) -> None:
    world = World()
    id = world.create()["id"]
    world.providers.put(a_provider(members=("Mia@Shop.example",)))
    emails = {"account": ("mia@shop.example",), "linked sign-in": ("x@y.z", "mia@shop.example")}
    world.standings.accounts["m1"] = an_account("m1", "moderator", emails=emails.get(email, ()))
    if email == "operators' list":
        world.moderators.put(Moderator("m1", NOON, email="mia@shop.example"))
    for act in (world.claim, world.approve, world.reject):
        with pytest.raises(Forbidden) as refused:
            act(id)
        assert refused.value.code == "ownProvider"


def test_an_e_mail_changed_to_an_unverified_one_hides_nothing() -> None:
    world = World()
    id = world.create()["id"]
    world.providers.put(a_provider(members=("mia@shop.example",)))
    world.standings.accounts["m1"] = an_account("m1", "moderator", emails=("mia@shop.example",))
    operate.put_moderator(
        "m1",
        {},
        needs=only(
            accounts=world.parts.accounts,
            standings=world.standings,
            moderators=world.moderators,
            clock=world.clock,
        ),
    )
    world.standings.accounts["m1"] = an_account("m1", "moderator", emails=("else@where.example",))
    with pytest.raises(Forbidden):
        world.approve(id)


def test_nothing_is_decided_while_a_moderator_cannot_be_looked_up() -> None:
    world = World()
    id = world.create()["id"]
    world.standings.reachable = False
    with pytest.raises(TryAgain):
        world.approve(id)
    assert world.notifications.get(id).status is Status.PENDING


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
        remind(tell=lambda longest: told.append(longest.notification.id), needs=p)
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
    told = stats(30, needs=only(notifications=world.notifications, clock=world.clock))
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
    assert [
        it.name for it in stats(1, needs=only(notifications=notifications, clock=clock)).moderators
    ] == [
        "m1",
        "m2",
    ]
    world.clock.advance(1)
    assert [
        it.name for it in stats(1, needs=only(notifications=notifications, clock=clock)).moderators
    ] == ["m2"]


def test_an_admin_delivery_is_nobodys_decision() -> None:
    world = World([a_device("Admin-1")])
    world.providers.put_domain(replace(a_domain(), admin_hwids=("Admin-1",)))
    world.create(an_input(target_segment=a_segment(hwid="Admin-1")))
    assert (
        stats(1, needs=only(notifications=world.notifications, clock=world.clock)).providers == ()
    )
