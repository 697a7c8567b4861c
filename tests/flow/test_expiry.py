"""A notification's own time: from when sending begins until then, and for nobody after."""

import json
from datetime import datetime, timedelta

import pytest

from shared.domain.audience.device import Device
from shared.domain.delivery.ledger import BatchState
from shared.domain.delivery.retry import RetryBudget
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.push.answers import RetryLater
from shared.flow.delivery.count import reconcile
from tests.builders import (
    NOON,
    a_desktop,
    a_device,
    a_domain,
    a_segment,
    an_fcm_address,
    an_input,
    ran,
)
from tests.flow.audit import faults
from tests.flow.hazard import Blow, Crash
from tests.flow.push import accepted, busy, lost
from tests.flow.test_send import word
from tests.flow.world import World
from tests.needs import only

HOUR = timedelta(hours=1)
SECONDS = (-1, 0, 1)


def phones(number: int) -> list[Device]:
    return [a_device(f"phone-{n:03d}") for n in range(number)]


def approved(world: World, seconds: int | None = 3_600) -> NotificationId:
    return world.approved(an_input(expiry_seconds=seconds))


def planned(world: World, seconds: int | None = 3_600) -> NotificationId:
    """Plan a notification that is approved at noon, its one batch not sent yet."""
    id = approved(world, seconds)
    world.plan(id)
    return id


def send(world: World, id: NotificationId) -> None:
    (batch,) = world.batches(id)
    world.send(id, batch.id)


def sent(world: World, seconds: int | None = 3_600) -> Notification:
    return world.sent(an_input(expiry_seconds=seconds))


def slot_of(world: World, hwid: str = "desktop-1") -> object:
    return world.database.collection("devices")[hwid].get("pendingNotificationId")


def moments_of_requests(world: World) -> list[datetime]:
    """Record when something is sent or shown, from now on."""
    moments: list[datetime] = []

    def note(call: str) -> None:
        if call in {"push.send", "slots.show"}:
            moments.append(world.clock.now())

    world.hazard.watch(note)
    return moments


# ---- from when on ----------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [None, 60, 31_536_000])
def test_push_services_are_told_when_it_expires(seconds: int | None) -> None:
    world = World([a_device()])
    sent(world, seconds)
    ((payload, _),) = world.push.requests
    headers = json.loads(payload.body("token"))["message"]["apns"]["headers"]
    moment = seconds and str(int((NOON + timedelta(seconds=seconds)).timestamp()))
    assert headers.get("apns-expiration") == moment


def test_a_wait_for_moderators_takes_nothing_of_its_time() -> None:
    world = World([a_device()])
    id: NotificationId = world.create(an_input(expiry_seconds=60))["id"]
    assert world.get(id).run is None
    world.clock.advance(HOUR)
    world.approve(id)
    world.drain()
    assert ran(world.get(id)).expires_at == NOON + HOUR + timedelta(minutes=1)
    assert world.get(id).tally.delivered == 1


def test_one_to_an_admin_hwid_counts_from_its_creation() -> None:
    world = World([a_device()])
    world.providers.put_domain(a_domain(admin_hwids=("phone-1",)))
    given = an_input(target_segment=a_segment(hwid="phone-1"), expiry_seconds=60)
    id: NotificationId = world.create(given)["id"]
    assert ran(world.get(id)).expires_at == NOON + timedelta(minutes=1)


# ---- late batches ----------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", SECONDS)
def test_a_batch_that_begins_when_it_has_expired_sends_nothing(seconds: int) -> None:
    world = World([a_device(), a_desktop()])
    id = planned(world)
    world.clock.advance(HOUR + timedelta(seconds=seconds))
    send(world, id)
    it = world.get(id)
    if seconds < 0:
        assert (it.status, it.tally.delivered) == (Status.APPROVED, 2)
        return
    assert (world.push.requests, slot_of(world)) == ([], None)
    assert word(world, id) == word(world, id, "desktop-1") == ("failed", "expired")
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, "everyPushFailed")
    assert (it.tally.failed, it.tally.errors) == (2, {"expired": 2})
    assert world.batches(id)[0].state is BatchState.CLOSED


def test_without_an_expiry_no_batch_is_too_late() -> None:
    world = World([a_device()])
    id = planned(world, None)
    world.clock.advance(timedelta(days=3_650))
    send(world, id)
    assert world.get(id).tally.delivered == 1


def test_the_rest_of_a_batch_that_expires_under_way_is_not_begun() -> None:
    world = World(phones(120))
    id = planned(world, 60)

    def take_long(call: str) -> None:
        if call == "push.send":
            world.clock.advance(30)

    world.hazard.watch(take_long)
    send(world, id)
    it = world.get(id)
    assert (it.status, it.tally.delivered) == (Status.APPROVED, 100)
    assert it.tally.errors == {"expired": 20}
    assert len(world.push.requests) == 100


def test_no_request_of_a_chunk_is_begun_once_it_has_expired() -> None:
    world = World([a_device()])
    id = planned(world)
    world.clock.advance(HOUR - timedelta(seconds=7))
    world.push.will("token-phone-1", RetryLater("notSent"))
    send(world, id)
    assert world.push.budgets == [7.0]
    assert word(world, id) == ("failed", "expired")


# ---- retries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", SECONDS)
def test_a_retry_is_not_waited_for_when_it_would_come_too_late(seconds: int) -> None:
    world = World([a_device()])
    world.clock.set_chance(0)
    world.push.will("token-phone-1", busy(3_600 + seconds), accepted())
    id = planned(world)
    send(world, id)
    if seconds < 0:
        world.drain()
        assert world.get(id).tally.delivered == 1
        return
    record = world.records(id)["phone-1"]
    assert (record.outcome, record.code, record.receipt) == ("failed", "expired", "UNAVAILABLE")
    assert world.clock.now() == NOON


@pytest.mark.parametrize(
    ("expiry", "code", "end"), [(5 * HOUR, "expired", 5), (7 * HOUR, "exhausted", 6)]
)
def test_trying_ends_with_the_horizon_or_the_expiry_whichever_comes_first(
    expiry: timedelta, code: str, end: int
) -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", busy())
    moments = moments_of_requests(world)
    it = sent(world, int(expiry.total_seconds()))
    assert word(world, it.id) == ("failed", code)
    assert end * HOUR - timedelta(minutes=11) < moments[-1] - NOON < end * HOUR


def test_what_may_have_arrived_before_it_expired_is_unknown() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")])
    world.push.will("token-phone-1", lost(), busy())
    world.push.will("token-phone-2", busy())
    it = sent(world, 600)
    assert word(world, it.id) == ("unknown", "answerLost")
    assert word(world, it.id, "phone-2") == ("failed", "expired")
    assert (it.status, it.tally.unknown, it.tally.failed) == (Status.APPROVED, 1, 1)


def test_a_batch_over_the_budget_of_retries_does_not_wait_beyond_its_expiry() -> None:
    world = World([a_device()], budget=RetryBudget(share=0, least=0))
    world.push.will("token-phone-1", busy(), accepted())
    it = sent(world, 60)
    assert word(world, it.id) == ("failed", "expired")
    assert world.push.requests_to("token-phone-1") == 1


# ---- desktops --------------------------------------------------------------------------------


def test_a_desktop_remembers_when_what_it_shows_expires_and_shows_it_no_longer() -> None:
    world = World([a_desktop()])
    it = sent(world)
    document = world.database.collection("devices")["desktop-1"]
    expires_at = ran(it).expires_at
    assert document["pendingNotificationExpiresAt"] == expires_at
    assert expires_at is not None
    pending = [
        world.devices.pending("desktop-1", expires_at + timedelta(seconds=s)) for s in SECONDS
    ]
    assert [said and said["id"] for said in pending] == [it.id, None, None]


def test_a_newer_one_without_an_expiry_leaves_nothing_of_the_last_ones() -> None:
    world = World([a_desktop()])
    sent(world, 60)
    world.clock.advance(1)
    newer = sent(world, None)
    assert "pendingNotificationExpiresAt" not in world.database.collection("devices")["desktop-1"]
    said = world.devices.pending("desktop-1", NOON + timedelta(days=3_650))
    assert said is not None
    assert said["id"] == newer.id


def test_a_desktop_that_could_not_be_written_in_time_is_not_written_later() -> None:
    world = World([a_desktop()])
    world.desktops.contended = 99
    it = sent(world, 60)
    assert word(world, it.id, "desktop-1") == ("failed", "expired")
    assert slot_of(world) is None
    assert world.desktops.contended > 90


@pytest.mark.parametrize("half", ["shown", "pushed"])
def test_a_desktop_reached_one_of_both_ways_in_time_is_delivered(half: str) -> None:
    world = World([a_desktop(address=an_fcm_address("token-desktop-1"))])
    if half == "shown":
        world.push.will("token-desktop-1", busy())
    else:
        world.desktops.contended = 99
    it = sent(world, 60)
    assert world.records(it.id)["desktop-1"].outcome == "delivered"
    assert (slot_of(world) == it.id) is (half == "shown")


# ---- stops, crashes, counts ------------------------------------------------------------------


def test_a_stop_keeps_its_word_when_the_expiry_passes_before_its_batches_hear_of_it() -> None:
    world = World([a_device()])
    id = planned(world, 60)
    world.stop(id)
    world.clock.advance(HOUR)
    world.drain()
    assert word(world, id) == ("skipped", "stopped")
    assert world.status(id) is Status.STOPPED


def test_it_expires_also_while_the_stop_switch_is_on() -> None:
    world = World([a_device()])
    world.stop_switch.turn(True, "operator:o1", "incident", NOON)
    id = approved(world, 600)
    world.pass_time(timedelta(minutes=9))
    assert world.status(id) is Status.SENDING
    world.pass_time(timedelta(minutes=3))
    assert (world.status(id), word(world, id)) == (Status.FAILED, ("failed", "expired"))


def test_a_plan_that_comes_too_late_still_counts_everybody() -> None:
    world = World([a_device(), a_desktop()])
    id = approved(world, 60)
    world.clock.advance(HOUR)
    world.drain()
    it = world.get(id)
    assert (it.status, it.tally.targeted, it.tally.errors) == (Status.FAILED, 2, {"expired": 2})
    assert faults(world, id) == []


def test_a_lost_task_is_swept_once_and_never_again() -> None:
    world = World([a_device()])
    id = planned(world, 60)
    world.tasks.take()
    world.drain()
    assert word(world, id) == ("failed", "expired")
    assert not world.waits_for_a_tick()
    assert world.push.requests == []
    send(world, id)
    assert word(world, id) == ("failed", "expired")


def test_what_a_crash_may_have_sent_before_the_expiry_is_unknown_and_the_rest_expired() -> None:
    world = World(phones(120))
    id = planned(world, 60)
    world.hazard.strike_at("push.send", Blow.AFTER, nth=2)
    with pytest.raises(Crash):
        send(world, id)
    world.drain()
    it = world.get(id)
    assert (it.tally.delivered, it.tally.unknown, it.tally.failed) == (50, 50, 20)
    assert it.tally.errors == {"answerLost": 50, "expired": 20}
    assert len(world.push.requests) == 100
    assert faults(world, id) == []


def test_a_doubt_over_a_crash_outlives_a_run_that_sends_nothing() -> None:
    world = World([a_device()])
    id = planned(world, 600)
    world.hazard.strike_at("push.send", Blow.AFTER)
    with pytest.raises(Crash):
        send(world, id)
    world.stop_switch.turn(True, "operator:o1", "incident", NOON)
    world.drain()
    assert len(world.push.requests) == 1
    assert word(world, id) == ("unknown", "answerLost")


def one_for_a_minute() -> tuple[World, NotificationId]:
    """Approve a notification that expires in a minute, for some who cannot be reached at once."""
    world = World([*phones(3), a_desktop()], page_size=2)
    world.push.will("token-phone-001", busy(), accepted())
    world.push.will("token-phone-002", lost(), busy())
    return world, approved(world, 60)


@pytest.mark.parametrize("one_in", [4, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("blow", Blow)
def test_whatever_dies_and_when_nobody_is_lost_and_nothing_is_sent_too_late(
    blow: Blow, one_in: int
) -> None:
    calm, _ = one_for_a_minute()
    approved_by = calm.hazard.calls
    calm.drain()
    for call in range(approved_by + 1, calm.hazard.calls + 1, one_in):
        world, id = one_for_a_minute()
        moments = moments_of_requests(world)
        world.hazard.strike(call, blow)
        world.drain()
        assert faults(world, id) == []
        assert all(moment < NOON + timedelta(seconds=60) for moment in moments)
        before, sums = reconcile(
            id,
            needs=only(runs=world.runs, ledger=world.ledger, clock=world.clock),
        )
        assert before.tally == sums


# ---- part of what is moderated and copied ----------------------------------------------------


def test_another_expiry_is_another_revision() -> None:
    world = World()
    id: NotificationId = world.create(an_input(expiry_seconds=60))["id"]
    edited = world.edit(id, an_input(expiry_seconds=61))
    assert (edited.revision, edited.content.expiry_seconds) == (2, 61)
    assert world.edit(id, an_input(expiry_seconds=None)).content.expiry_seconds is None


def test_a_copy_expires_as_its_source() -> None:
    world = World()
    id: NotificationId = world.create(an_input(expiry_seconds=60))["id"]
    assert world.duplicate(id).content.expiry_seconds == 60
