"""A domain that an operator takes from its provider: what is on its way to it ends."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from shared.domain.delivery.run import FailureReason
from shared.domain.notifications.history import chain_faults
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.flow.delivery import lost_domain
from tests.builders import OPERATOR, a_desktop, a_device, a_domain, a_segment, an_input, ran
from tests.flow.push import busy, lost
from tests.flow.world import World
from tests.needs import only
from tests.notification_documents import alter, records
from tests.parts import merge_device

LOST = "example.com"
OTHER = "example.org"
READ = "devices.domains"


def unverify(world: World, domain: str = LOST) -> None:
    unverified = partial(replace, is_verified=False)
    world.providers.change_domain(domain, unverified, by=OPERATOR, at=world.clock.now())


def hand_over(world: World) -> None:
    theirs = partial(replace, provider_id="p2")
    world.providers.change_domain(LOST, theirs, by=OPERATOR, at=world.clock.now())


def remove(world: World) -> None:
    world.providers.delete_domain(LOST, by=OPERATOR, at=world.clock.now())


Taking = Callable[[World], None]
ways = pytest.mark.parametrize("way", [unverify, hand_over, remove], ids=lambda it: it.__name__)


def tell(world: World) -> None:
    """Do what an operator's request does after it changed the domain."""
    lost_domain.tell_those_on_their_way(
        LOST,
        OPERATOR,
        needs=only(runs=world.runs, providers=world.providers, clock=world.clock),
    )


def take(world: World, way: Taking = unverify) -> None:
    way(world)
    tell(world)


def with_two_domains(*devices: tuple[str, ...]) -> World:
    """Build phones on these domains, all of them the provider's."""
    world = World([a_device(f"phone-{n:03}", domains=on) for n, on in enumerate(devices)])
    world.providers.put_domain(a_domain(OTHER))
    return world


def at(world: World, call: str, act: Callable[[], None]) -> None:
    """Do it right before the next call of this name."""
    acts = [act]

    def watch(name: str) -> None:
        if name == call and acts:
            acts.pop()()

    world.hazard.watch(watch)


def codes(world: World, id: NotificationId) -> dict[str, str]:
    return {hwid: record.code for hwid, record in world.records(id).items()}


@ways
def test_what_is_on_its_way_ends_within_one_chunk_and_nobody_is_read(way: Taking) -> None:
    world = World([a_device(f"phone-{n:03}") for n in range(120)])
    at(world, "push.send", lambda: take(world, way))
    it = world.sent()
    assert (it.status, it.tally.delivered, it.tally.skipped) == (Status.APPROVED, 50, 70)
    assert it.tally.errors == {"domainLost": 70}
    assert READ not in world.hazard.verbs


@ways
def test_who_is_on_another_of_the_providers_domains_still_gets_it(way: Taking) -> None:
    world = with_two_domains((LOST,), (LOST, OTHER), (OTHER,), ())
    id = world.approved()
    world.plan(id)
    take(world, way)
    world.drain()
    assert codes(world, id) == {"phone-000": "domainLost", "phone-001": "", "phone-002": ""}
    assert world.push.requests_to("token-phone-000") == 0


def test_one_that_left_the_other_domain_meanwhile_is_on_none() -> None:
    world = with_two_domains((LOST, OTHER), (LOST, OTHER), (LOST, OTHER))
    id = world.approved()
    world.plan(id)
    take(world)
    merge_device(world.database, "phone-000", {"domains": [LOST]})
    merge_device(world.database, "phone-001", {"domains": 7})
    world.devices.delete("phone-002")
    world.drain()
    assert set(codes(world, id).values()) == {"domainLost"}
    assert world.push.requests == []


def test_one_that_is_for_the_lost_domain_alone_ends_and_one_for_another_is_not_touched() -> None:
    world = with_two_domains((LOST, OTHER))
    for_lost, for_other = (
        world.approved(an_input(target_segment=a_segment(domain=domain)))
        for domain in (LOST, OTHER)
    )
    for id in (for_lost, for_other):
        world.plan(id)
    take(world)
    world.drain()
    assert codes(world, for_lost) == {"phone-000": "domainLost"}
    assert codes(world, for_other) == {"phone-000": ""}
    assert READ not in world.hazard.verbs


def test_no_desktop_shows_what_was_on_its_way() -> None:
    world = World([a_desktop()])
    id = world.approved()
    world.plan(id)
    take(world)
    world.drain()
    assert codes(world, id) == {"desktop-1": "domainLost"}
    assert "pendingNotificationId" not in world.database.collection("devices")["desktop-1"]


def test_nothing_is_tried_again_and_what_may_have_arrived_is_unknown() -> None:
    world = World([a_device("busy"), a_device("lost")])
    world.push.will("token-busy", busy())
    world.push.will("token-lost", lost())
    id = world.approved()
    at(world, "push.send", lambda: take(world))
    world.drain()
    records = world.records(id)
    assert (records["busy"].outcome, records["busy"].code) == ("skipped", "domainLost")
    assert (records["lost"].outcome, records["lost"].code) == ("unknown", "answerLost")
    assert world.push.requests_to("token-busy") == 1


def test_one_that_reached_nobody_failed_for_want_of_a_verified_domain() -> None:
    world = World([a_device()])
    id = world.approved()
    world.plan(id)
    take(world)
    world.drain()
    it = world.get(id)
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, FailureReason.NO_VERIFIED_DOMAIN)
    assert it.tally.skipped == it.tally.targeted == 1


@pytest.mark.parametrize("way", [unverify, remove], ids=["unverify", "remove"])
def test_at_whatever_call_of_the_plan_it_is_taken_nobody_gets_it(way: Taking) -> None:
    first = World([a_device()])
    id = first.approved()
    before = first.hazard.calls
    first.plan(id)
    for call in range(1, first.hazard.calls - before + 1):
        world = World([a_device()])
        id = world.approved()
        world.hazard.before(world.hazard.calls + call, partial(take, world, way))
        world.drain()
        it = world.get(id)
        assert world.push.requests == [], f"call {call}"
        assert (it.status, ran(it).failure_reason) == (
            Status.FAILED,
            FailureReason.NO_VERIFIED_DOMAIN,
        )


def test_what_a_crash_kept_from_being_told_is_told_by_the_same_call_again() -> None:
    world = World([a_device(f"phone-{n:03}") for n in range(60)])
    id = world.approved()
    world.plan(id)
    remove(world)
    at(world, "push.send", lambda: take(world, remove))
    world.drain()
    assert world.get(id).tally.errors == {"domainLost": 10}


def test_to_say_it_again_or_of_a_domain_that_stays_changes_nothing() -> None:
    world = with_two_domains((LOST, OTHER))
    id = world.approved()
    world.plan(id)
    tell(world)
    untouched = records(world.database)[id]
    assert "lostDomains" not in untouched
    take(world)
    told = dict(records(world.database)[id])
    assert told["lostDomains"] == [LOST]
    tell(world)
    assert records(world.database)[id] == told


def test_the_history_says_who_took_which_domain() -> None:
    world = with_two_domains((LOST, OTHER))
    id = world.approved()
    world.plan(id)
    take(world)
    world.drain()
    history = world.history(id)
    (entry,) = [it for it in history if it.move == "domainLost"]
    assert (entry.actor, entry.reason, entry.status) == (str(OPERATOR), LOST, Status.SENDING)
    assert chain_faults(history, world.get(id).head.count, world.get(id).head.hash) == []


def test_another_providers_notification_on_the_domain_goes_on() -> None:
    """It was verified for the one that has it now, and planned, before the other was told."""
    world = World([a_device(f"phone-{n}") for n in range(3)])
    hand_over(world)
    unverify(world, "other.com")
    id: NotificationId = world.create(by="p2")["id"]
    world.approve(id)
    world.plan(id)
    tell(world)
    world.drain()
    assert set(codes(world, id).values()) == {""}


def test_one_whose_record_is_broken_keeps_no_other_from_being_told() -> None:
    world = World([a_device()])
    broken, sound = world.approved(), world.approved()
    for id in (broken, sound):
        world.plan(id)
    alter(world.database, broken, sweeps="many")
    take(world)
    assert ran(world.get(sound)).lost_domains == (LOST,)
