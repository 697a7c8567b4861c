"""What a submission passes before moderators see it: a look at its content, and limits."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.domain.actors import Actor, Role
from shared.domain.content.content import Content, NotificationInput
from shared.domain.delivery.run import FailureReason
from shared.domain.errors import (
    InProgress,
    InvalidInput,
    NotFound,
    TooMany,
    TryAgain,
    WrongState,
)
from shared.domain.findings.finding import Finding, Severity
from shared.domain.findings.link_ends import Inspection
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.providers.admin_hwids import MOST_DEVICES_PER_DAY
from shared.domain.providers.provider import LIMITS, Domain, Limit, Plan
from shared.flow.notifications.create import LOOKS
from shared.flow.notifications.once import Once
from shared.flow.notifications.submission import LOOK_LASTS, LOOKS_AT_ONCE
from tests.builders import a_device, a_domain, a_provider, a_segment, an_input, ran
from tests.flow.hazard import Blow, Crash, Fault
from tests.flow.world import World
from tests.notification_documents import records

RED = Finding("ipHost", Severity.RED, "url", "The address names a machine by number.")
WARNING = Finding("shortener", Severity.WARNING, "url", "It shortens addresses.")
SECOND = Actor(Role.MODERATOR, "m2")
ADMIN = a_segment(hwid="Admin-1")
DAY, HOUR = str(Limit.SUBMISSIONS_PER_DAY), str(Limit.ADMIN_SENDS_PER_HOUR)
OUTAGE = Fault(Blow.BEFORE, raises=TryAgain, lasting=True)


def a_world(**limits: int) -> World:
    """Build a provider with an admin HWID and these limits."""
    world = World([a_device("Admin-1"), a_device("phone-1")])
    world.providers.put_domain(replace(a_domain(), admin_hwids=("Admin-1",)))
    world.providers.put(a_provider(limits=tuple(limits.items())))
    return world


def moves(world: World, id: NotificationId) -> list[tuple[str, str]]:
    return [(entry.move, entry.reason) for entry in world.history(id)]


def places(world: World) -> int:
    """Count places taken in windows of a day or an hour; those of a minute forget themselves."""
    windows = [id.split(".") for id in world.database.collection("usage")]
    lasting = [each for each in windows if each[1] in {DAY, HOUR}]
    return sum(len(world.usage.places(*each)) for each in lasting)


# ---- findings --------------------------------------------------------------------------------


def test_what_is_submitted_is_looked_at_and_the_findings_stay_on_the_record() -> None:
    world = a_world()
    world.inspector.findings = (RED, WARNING)
    answer = world.create()
    assert [finding["code"] for finding in answer["findings"]] == ["ipHost", "shortener"]
    assert world.get(answer["id"]).findings == (RED, WARNING)
    assert moves(world, answer["id"]) == [("submit", ""), ("findings", "url ipHost, url shortener")]


def test_a_draft_is_looked_at_when_it_is_submitted() -> None:
    world = a_world()
    world.inspector.findings = (RED,)
    id = world.create(an_input(draft=True))["id"]
    world.edit(id)
    assert (world.inspector.looks, world.get(id).findings) == (0, ())
    assert world.submit(id).findings == (RED,)
    assert world.inspector.looks == 1


def test_an_edit_is_looked_at_anew_and_one_that_changes_nothing_is_not() -> None:
    world = a_world()
    world.inspector.findings = (RED,)
    id = world.create()["id"]
    world.inspector.findings = (WARNING,)
    assert world.edit(id, NotificationInput(title="New")).findings == (WARNING,)
    assert world.edit(id, NotificationInput(title="New")).revision == 2
    assert world.inspector.looks == 2


def test_what_is_edited_during_the_look_is_looked_at_again() -> None:
    world = a_world()
    id = world.create(an_input(draft=True))["id"]
    world.inspector.findings = (WARNING,)
    world.inspector.meanwhile = lambda: world.edit(id, NotificationInput(title="Swapped"))
    submitted = world.submit(id)
    assert (submitted.content.title, submitted.findings) == ("Swapped", (WARNING,))
    assert world.inspector.looks == 2
    world.inspector.meanwhile = lambda: world.edit(id, NotificationInput(body="Swapped, too"))
    edited = world.edit(id, NotificationInput(title="Third"))
    assert (edited.content.title, edited.content.body) == ("Third", "Swapped, too")
    assert (edited.revision, world.inspector.looks) == (3, 5)


def test_a_history_tells_the_time_of_the_write_not_of_the_look() -> None:
    world = a_world()
    world.inspector.meanwhile = lambda: world.clock.advance(5)
    id = world.create()["id"]

    def a_moderator_claims_it() -> None:
        world.claim(id)
        world.clock.advance(1)

    world.inspector.meanwhile = a_moderator_claims_it
    world.edit(id)
    entries = world.history(id)
    assert [entry.move for entry in entries] == ["submit", "claim", "edit"]
    assert [(entry.at - world.began).seconds for entry in entries] == [5, 5, 6]


def test_what_is_deleted_during_the_look_is_gone_and_costs_nothing() -> None:
    world = a_world()
    id = world.create(an_input(draft=True))["id"]
    world.inspector.meanwhile = lambda: world.delete(id)
    with pytest.raises(NotFound):
        world.submit(id)
    assert places(world) == 0


@pytest.mark.parametrize("verb", ["create", "submit", "edit"])
def test_a_look_that_fails_costs_nothing(verb: str) -> None:
    """Else whoever tries again while the store is away has used up the day."""
    world = a_world()
    id: NotificationId = world.create(an_input(draft=verb == "submit"))["id"]
    before = places(world)

    def away() -> None:
        raise TryAgain("the store cannot be read right now")

    verbs: dict[str, Callable[[], object]] = {
        "create": world.create,
        "submit": lambda: world.submit(id),
        "edit": lambda: world.edit(id, NotificationInput(title="New")),
    }
    world.inspector.meanwhile = away
    with pytest.raises(TryAgain):
        verbs[verb]()
    assert places(world) == before


def test_a_send_to_an_admin_hwid_is_told_of_red_findings_and_not_kept_back() -> None:
    world = a_world()
    world.inspector.findings = (RED,)
    answer = world.create(an_input(target_segment=ADMIN))
    assert (answer["status"], answer["autoApproved"]) == ("approved", True)
    assert [finding["severity"] for finding in answer["findings"]] == ["red"]
    assert [move for move, _ in moves(world, answer["id"])] == ["submit", "findings", "complete"]


def test_a_red_finding_nobody_saw_ends_it_right_before_the_send() -> None:
    world = a_world()
    id = world.create()["id"]
    world.approve(id)
    world.inspector.findings = (WARNING, RED)
    world.drain()
    it = world.get(id)
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, FailureReason.LINK_CHANGED)
    assert it.findings == (WARNING, RED)
    assert world.push.requests == []
    assert moves(world, id)[-1] == ("fail", "linkChanged: url shortener, url ipHost")


def test_a_red_finding_two_moderators_saw_does_not_keep_it_back() -> None:
    world = a_world()
    world.inspector.findings = (RED,)
    id = world.create()["id"]
    world.approve(id)
    world.approve(id, by=SECOND)
    world.drain()
    assert world.status(id) is Status.APPROVED


def test_a_red_finding_does_not_end_what_another_task_sends_already() -> None:
    world = a_world()
    id = world.create()["id"]
    world.approve(id)

    def another_plans_it_and_the_link_turns_bad() -> None:
        world.plan(id)
        world.inspector.findings = (RED,)

    world.inspector.meanwhile = another_plans_it_and_the_link_turns_bad
    world.plan(id)
    assert (world.status(id), world.get(id).findings) == (Status.SENDING, ())
    world.drain()
    assert world.status(id) is Status.APPROVED


def test_a_red_finding_stays_found_when_the_plan_dies_and_comes_again() -> None:
    world = a_world()
    id = world.create()["id"]
    world.approve(id)
    world.inspector.findings = (RED,)
    world.hazard.strike_at("runs.review", Blow.BEFORE)
    with pytest.raises(Crash):
        world.plan(id)
    world.drain()
    assert ran(world.get(id)).failure_reason is FailureReason.LINK_CHANGED


def test_what_else_is_new_right_before_the_send_is_only_recorded() -> None:
    world = a_world()
    id = world.create()["id"]
    world.approve(id)
    world.inspector.findings = (WARNING,)
    world.drain()
    assert world.status(id) is Status.APPROVED
    assert world.get(id).findings == (WARNING,)
    assert ("findings", "url shortener") in moves(world, id)


# ---- limits ----------------------------------------------------------------------------------


def test_every_plan_has_every_limit_and_the_larger_one_more_of_each() -> None:
    for limit in Limit:
        assert LIMITS[Plan.ENTERPRISE][limit] > LIMITS[Plan.PREMIUM][limit]


def test_a_providers_own_limit_counts_instead_of_its_plans() -> None:
    provider = a_provider(limits=(("pendingAtOnce", 2), ("unheardOf", 9)))
    assert provider.limit(Limit.PENDING_AT_ONCE) == 2
    plans_own = LIMITS[provider.plan][Limit.SUBMISSIONS_PER_DAY]
    assert provider.limit(Limit.SUBMISSIONS_PER_DAY) == plans_own


def test_so_many_may_wait_at_once_and_a_decision_makes_room() -> None:
    world = a_world(pendingAtOnce=2)
    first = world.create()["id"]
    world.create()
    with pytest.raises(TooMany) as refusal:
        world.create()
    assert refusal.value.code == "pendingAtOnceReached"
    draft = world.create(an_input(draft=True))["id"]
    with pytest.raises(TooMany):
        world.submit(draft)
    world.cancel(first)
    assert world.submit(draft).status is Status.PENDING
    assert world.create(by="p2")["status"] == "pending"


def test_a_place_in_the_queue_is_not_lost_to_a_request_that_died_or_was_refused() -> None:
    world = a_world(pendingAtOnce=1, submissionsPerDay=2)
    world.hazard.strike_at("notifications.create", Blow.BEFORE)
    with pytest.raises(Crash):
        world.create()
    with pytest.raises(TooMany):
        world.create()
    world.clock.advance(120)
    draft = world.create(an_input(draft=True))["id"]
    world.inspector.meanwhile = lambda: world.delete(draft)
    with pytest.raises(NotFound):
        world.submit(draft)
    assert world.create()["status"] == "pending"
    world.cancel(NotificationId(next(iter(records(world.database)))))
    with pytest.raises(TooMany) as refusal:
        world.create()
    assert refusal.value.code == "submissionsPerDayReached"
    queue = [id.split(".") for id in world.database.collection("usage") if "pendingAtOnce" in id]
    assert sum(len(world.usage.places(*window)) for window in queue) == 2


def test_so_many_may_be_submitted_in_a_day_of_utc() -> None:
    world = a_world(submissionsPerDay=1)
    world.create()
    with pytest.raises(TooMany) as refusal:
        world.create()
    assert refusal.value.code == "submissionsPerDayReached"
    assert refusal.value.retry_after_seconds == 12 * 3600
    world.clock.advance(12 * 3600 - 1)
    with pytest.raises(TooMany):
        world.create()
    world.clock.advance(1)
    assert world.create()["status"] == "pending"


def test_an_edit_of_a_pending_one_is_read_anew_and_counts_like_a_submission() -> None:
    world = a_world(submissionsPerDay=2)
    id = world.create()["id"]
    world.edit(id, an_input(title="Second"))
    with pytest.raises(TooMany) as refusal:
        world.edit(id, an_input(title="Third"))
    assert refusal.value.code == "submissionsPerDayReached"
    assert (world.get(id).content.title, world.get(id).revision) == ("Second", 2)


def test_an_edit_that_comes_too_late_costs_nothing() -> None:
    world = a_world(submissionsPerDay=2)
    id = world.create()["id"]
    world.inspector.meanwhile = lambda: world.approve(id)
    with pytest.raises(WrongState):
        world.edit(id, an_input(title="Too late"))
    assert places(world) == 1


def test_so_many_sends_to_admin_hwids_go_in_an_hour() -> None:
    world = a_world(adminSendsPerHour=1, submissionsPerDay=1)
    world.create(an_input(target_segment=ADMIN))
    with pytest.raises(TooMany) as refusal:
        world.create(an_input(target_segment=ADMIN))
    assert refusal.value.code == "adminSendsPerHourReached"
    assert refusal.value.retry_after_seconds == 3600
    assert world.create()["status"] == "pending"
    world.clock.advance(3600)
    assert world.create(an_input(target_segment=ADMIN))["status"] == "approved"


def list_admin_hwids(world: World, *hwids: str) -> None:
    for hwid in hwids:
        world.add(a_device(hwid))
    world.providers.put_domain(replace(a_domain(), admin_hwids=hwids))


def test_so_many_different_devices_a_day_get_what_nobody_moderated() -> None:
    world = a_world(adminSendsPerHour=1_000)
    devices = [f"device-{n}" for n in range(MOST_DEVICES_PER_DAY + 1)]
    for some in (devices[:10], devices[10:20], devices[20:]):  # a list swapped for another
        list_admin_hwids(world, *some)
        for hwid in some[:10]:
            send = partial(world.create, an_input(target_segment=a_segment(hwid=hwid)))
            if hwid != devices[-1]:
                assert send()["status"] == "approved"
    pushed = len(world.push.requests)
    with pytest.raises(TooMany) as refusal:
        send()
    assert refusal.value.code == "adminDevicesPerDayReached"
    assert refusal.value.retry_after_seconds == 12 * 3600
    assert "submit it to moderation" in refusal.value.message
    assert len(world.push.requests) == pushed
    assert places(world) == MOST_DEVICES_PER_DAY, "the place in the hour is free again"
    list_admin_hwids(world, devices[0])
    assert world.create(an_input(target_segment=a_segment(hwid=devices[0])))["autoApproved"]
    list_admin_hwids(world, devices[-1])
    world.clock.advance(12 * 3600)
    assert send()["status"] == "approved"


def test_a_device_that_is_sent_to_all_day_is_one() -> None:
    world = a_world(adminSendsPerHour=1_000)
    for _ in range(MOST_DEVICES_PER_DAY + 5):
        world.create(an_input(target_segment=ADMIN))
    document = world.database.collection("usage")["p1.adminDevices.2026-01-01"]
    assert len(document["takers"]) == 1
    assert "Admin-1" not in str(document)


def test_a_draft_submitted_twice_at_once_takes_one_place_and_keeps_it() -> None:
    world = a_world(submissionsPerDay=1)
    id = world.create(an_input(draft=True))["id"]
    world.inspector.meanwhile = lambda: world.submit(id)
    with pytest.raises(WrongState):
        world.submit(id)
    assert (world.status(id), places(world)) == (Status.PENDING, 1)
    with pytest.raises(TooMany):
        world.create()


@pytest.mark.parametrize("segment", [a_segment(), ADMIN])
def test_a_submit_that_loses_to_edits_keeps_its_hands_off_anothers_place(segment: Any) -> None:
    """Of two that submit the same draft one is edited away five times; the other is sent."""
    world = a_world(submissionsPerDay=1, adminSendsPerHour=1)
    id = world.create(an_input(draft=True, target_segment=segment))["id"]

    def edited(places_left: int) -> None:
        world.edit(id, NotificationInput(title=f"Edit {places_left}"))
        if places_left > 1:
            world.inspector.meanwhile = partial(edited, places_left - 1)

    def the_other_loses() -> None:
        world.inspector.meanwhile = partial(edited, LOOKS)
        with pytest.raises(TryAgain):
            world.submit(id)
        world.edit(id, NotificationInput(title="Sale"))

    world.inspector.meanwhile = the_other_loses
    world.submit(id)
    assert world.status(id) in {Status.PENDING, Status.APPROVED}
    assert places(world) == 1
    with pytest.raises(TooMany):
        world.create(an_input(target_segment=segment))


def test_a_repeat_whose_look_fails_leaves_the_first_its_place() -> None:
    """Two requests under one key at once: one is told to try again, the other is created."""
    world = a_world(submissionsPerDay=1)
    once = Once.of("p1", "key", "create", "body")

    def away() -> None:
        raise TryAgain("the store cannot be read right now")

    def it_is_repeated() -> None:
        world.inspector.meanwhile = away
        with pytest.raises(TryAgain):
            world.create(once=once)

    world.inspector.meanwhile = it_is_repeated
    assert world.create(once=once)["status"] == "pending"
    assert places(world) == 1
    with pytest.raises(TooMany):
        world.create()


def test_two_at_once_under_one_key_take_one_place_and_the_later_hears_the_first() -> None:
    world = a_world(submissionsPerDay=1)
    once = Once.of("p1", "key", "create", "body")
    first: list[Any] = []
    world.inspector.meanwhile = lambda: first.append(world.create(once=once))
    assert world.create(once=once) == first[0]
    assert places(world) == 1


def test_the_place_of_a_request_that_died_lapses_with_its_window() -> None:
    world = a_world(submissionsPerDay=1)
    world.hazard.strike_at("notifications.create", Blow.BEFORE)
    with pytest.raises(Crash):
        world.create()
    with pytest.raises(TooMany):
        world.create()
    world.clock.advance(12 * 3600)
    assert world.create()["status"] == "pending"


# ---- turns -----------------------------------------------------------------------------------

LINKED = an_input(url="https://example.com/sale", draft=True)


class SilentLink:
    """A look that does not come back until it is let; it counts who is at it."""

    def __init__(self, looks: int) -> None:
        self.all_there = threading.Barrier(looks + 1)
        self.may_end = threading.Event()

    def __call__(self, content: Content, domains: Sequence[Domain]) -> Inspection:
        self.all_there.wait(30)
        assert self.may_end.wait(30)
        return Inspection()


@pytest.mark.parametrize("url", [LINKED.url, f"microsoft-edge:{LINKED.url}"])
def test_of_forty_submits_of_one_draft_with_a_silent_link_one_holds_a_thread(url: str) -> None:
    world = a_world()
    id = world.create(LINKED.model_copy(update={"url": url}))["id"]
    link = SilentLink(1)
    world.parts.checks = replace(world.parts.checks, inspect=link)
    with ThreadPoolExecutor(1) as threads:
        submitted = threads.submit(world.submit, id)
        link.all_there.wait(30)
        for _ in range(39):
            with pytest.raises(InProgress) as refusal:
                world.submit(id)
            assert refusal.value.retry_after_seconds == 5
        link.may_end.set()
        assert submitted.result(30).status is Status.PENDING
    assert places(world) == 1


def test_some_of_a_providers_notifications_are_looked_at_at_a_time() -> None:
    world = a_world()
    drafts = [world.create(LINKED)["id"] for _ in range(40)]
    link = SilentLink(LOOKS_AT_ONCE)
    usual, world.parts.checks = world.parts.checks, replace(world.parts.checks, inspect=link)
    looked_at, others = drafts[:LOOKS_AT_ONCE], drafts[LOOKS_AT_ONCE:]
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as threads:
        submitted = [threads.submit(world.submit, id) for id in looked_at]
        link.all_there.wait(30)
        for id in others:
            with pytest.raises(TooMany) as refusal:
                world.submit(id)
            assert (refusal.value.code, refusal.value.retry_after_seconds) == (
                "looksAtOnceReached",
                5,
            )
        with pytest.raises(TooMany):
            world.create(an_input(image="https://example.com/a.png"))
        assert places(world) == LOOKS_AT_ONCE
        world.parts.checks = usual
        another = an_input(url="https://other.com/", target_segment=a_segment())
        assert world.create(another, by="p2")["status"] == "pending"
        link.may_end.set()
        assert {each.result(30).status for each in submitted} == {Status.PENDING}
    assert world.submit(others[0]).status is Status.PENDING


def test_a_burst_of_links_that_answer_goes_through_in_turn() -> None:
    world = a_world()
    drafts = [world.create(LINKED)["id"] for _ in range(LOOKS_AT_ONCE + 1)]
    link = SilentLink(LOOKS_AT_ONCE)

    def pauses() -> Iterator[float]:
        link.may_end.set()
        yield from [0.01] * 3_000

    usual, world.parts.checks = world.parts.checks, replace(world.parts.checks, inspect=link)
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as threads:
        submitted = [threads.submit(world.submit, id) for id in drafts[:LOOKS_AT_ONCE]]
        link.all_there.wait(30)
        world.parts.checks = replace(usual, pauses=pauses())
        assert world.submit(drafts[-1]).status is Status.PENDING
        assert {each.result(30).status for each in submitted} == {Status.PENDING}


def test_an_edit_waits_for_no_turn_and_takes_one_like_a_submission() -> None:
    world = a_world()
    id = world.create(an_input(url="https://example.com/sale"))["id"]

    def edited_meanwhile() -> None:
        with pytest.raises(InProgress):
            world.edit(id, NotificationInput(body="Another"))

    world.inspector.meanwhile = edited_meanwhile
    assert world.edit(id, NotificationInput(title="New")).revision == 2
    assert world.edit(id, NotificationInput(body="Another")).revision == 3


def test_the_turn_of_a_process_that_died_lapses() -> None:
    world = a_world()
    id = world.create(LINKED)["id"]

    def dies() -> None:
        raise Crash

    world.inspector.meanwhile = dies
    with pytest.raises(Crash):
        world.submit(id)
    with pytest.raises(InProgress):
        world.submit(id)
    world.clock.advance(LOOK_LASTS)
    assert world.submit(id).status is Status.PENDING


def test_what_is_counted_in_many_queries_takes_a_turn_and_what_is_plain_takes_none() -> None:
    world = a_world()
    world.create()
    assert "p1.looks" not in world.database.collection("usage")
    many = tuple(f"{first}{second}" for first in "abcdef" for second in "klmnop")
    world.create(an_input(target_segment=a_segment(region=many)))
    assert world.database.collection("usage")["p1.looks"]["leases"] == []


# ---- repeats ---------------------------------------------------------------------------------


def test_a_repeated_idempotency_key_takes_one_place() -> None:
    world = a_world(submissionsPerDay=2)
    once = Once.of("p1", "key", "create", "body")
    answers = [world.create(once=once) for _ in range(3)]
    assert len({answer["id"] for answer in answers}) == 1
    assert places(world) == 1
    world.create()
    assert world.create(once=once) == answers[0]


@pytest.mark.parametrize("blow", [Blow.BEFORE, Blow.AFTER])
@pytest.mark.parametrize("call", ["usage.take", "audience.count", "notifications.create"])
def test_a_request_that_dies_and_is_repeated_takes_one_place(call: str, blow: Blow) -> None:
    world = a_world(submissionsPerDay=2)
    once = Once.of("p1", "key", "create", "body")
    world.hazard.strike_at(call, blow)
    answer = world.until_answered(lambda: world.create(once=once))
    assert (places(world), world.hazard.crashes) == (1, 1)
    assert world.status(answer["id"]) is Status.PENDING


@pytest.mark.parametrize("fault", [Blow.BEFORE, Blow.AFTER, OUTAGE])
@pytest.mark.parametrize("call", range(1, 9))
def test_an_edit_that_dies_and_is_repeated_takes_one_place(call: int, fault: Blow | Fault) -> None:
    world = a_world(submissionsPerDay=9)
    id = world.create()["id"]
    new = NotificationInput(title="New")
    world.hazard.strike(world.hazard.calls + call, fault)
    edited = world.until_answered(lambda: world.edit(id, new))
    assert (places(world), world.hazard.crashes, edited.revision) == (2, 1, 2)


def test_two_edits_at_once_take_a_place_for_each_revision() -> None:
    world = a_world(submissionsPerDay=9)
    id = world.create()["id"]
    world.inspector.meanwhile = lambda: world.edit(id, NotificationInput(title="Second"))
    world.edit(id, NotificationInput(body="Third"))
    assert (places(world), world.get(id).revision) == (3, 3)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (an_input(target_segment=a_segment(domain="other.com")), InvalidInput),
        (an_input(body="x" * 500, url="https://example.com/" + "й" * 2000), InvalidInput),
    ],
)
def test_what_is_refused_for_other_faults_costs_nothing(
    fields: Any, fault: type[Exception]
) -> None:
    world = a_world(submissionsPerDay=1)
    with pytest.raises(fault):
        world.create(fields)
    assert (places(world), world.inspector.looks) == (0, 0)
    assert world.create()["status"] == "pending"


def test_what_was_submitted_already_costs_nothing_more() -> None:
    world = a_world(submissionsPerDay=2)
    id = world.create()["id"]
    with pytest.raises(WrongState):
        world.submit(id)
    assert places(world) == 1


def test_what_is_over_the_limit_is_not_looked_at() -> None:
    world = a_world(submissionsPerDay=0)
    with pytest.raises(TooMany):
        world.create()
    assert world.inspector.looks == 0


def test_windows_are_kept_for_a_day_after_their_end() -> None:
    world = a_world()
    world.create()
    document = world.database.collection("usage")["p1.submissionsPerDay.2026-01-01"]
    assert document["expireAt"] - world.clock.now() == timedelta(hours=36)
