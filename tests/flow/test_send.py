"""Sending one batch: what each answer becomes, what is tried again, and when that ends."""

import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.audience.device import AddressKind
from shared.domain.delivery.ledger import Batch, BatchState, Outcome
from shared.domain.errors import TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.answers import Answer, Unsendable
from tests.builders import NOON, OPERATOR, a_desktop, a_device, an_fcm_address, ran
from tests.flow.hazard import Blow, Crash
from tests.flow.push import (
    accepted,
    address_gone,
    busy,
    lost,
    misconfigured,
    no_turn,
    refused,
    texts,
)
from tests.flow.world import World

HORIZON = timedelta(hours=6)


def planned(world: World) -> tuple[NotificationId, Batch]:
    """Plan one approved notification with its single batch, not sent yet."""
    id = world.approved()
    world.plan(id)
    (batch,) = world.batches(id)
    return id, batch


def word(world: World, id: NotificationId, hwid: str = "phone-1") -> tuple[str, str]:
    record = world.records(id)[hwid]
    return record.outcome, record.code


def test_what_the_push_service_takes_is_delivered_with_its_receipt() -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", accepted("projects/p/messages/1"))
    it = world.sent()
    record = world.records(it.id)["phone-1"]
    assert (record.outcome, record.receipt) == (Outcome.DELIVERED, "projects/p/messages/1")
    assert (it.status, it.tally.delivered) == (Status.APPROVED, 1)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refused(), "INVALID_ARGUMENT"),
        (address_gone(), "UNREGISTERED"),
        (Unsendable("TOO_BIG"), "TOO_BIG"),
    ],
)
def test_a_refusal_for_good_is_a_failure_with_its_code(answer: Answer, code: str) -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", answer)
    it = world.sent()
    assert word(world, it.id) == ("failed", code)
    assert (it.status, it.tally.errors) == (Status.FAILED, {code: 1})
    assert world.push.requests_to("token-phone-1") == 1


def test_every_message_carries_the_notification_as_its_replace_key() -> None:
    world = World([a_device()])
    it = world.sent()
    ((payload, address),) = world.push.requests
    said = json.loads(payload.body(address.value))["message"]
    assert said["token"] == address.value
    assert (payload.id, said["data"]["notificationId"]) == (it.id, it.id)
    assert said["android"]["notification"]["tag"] == said["webpush"]["notification"]["tag"] == it.id
    assert texts(payload) == (it.content.title, it.content.body)


def test_without_consent_nothing_is_sent() -> None:
    world = World([a_device(), a_device("silent-1", consent=False)])
    world.devices.set_address("silent-1", an_fcm_address("token-silent-1"))
    it = world.sent()
    assert word(world, it.id, "silent-1") == ("skipped", "consent")
    assert world.push.requests_to("token-silent-1") == 0


def test_a_phone_without_an_address_is_skipped() -> None:
    world = World([a_device(), a_device("phone-2", address=None)])
    it = world.sent()
    assert word(world, it.id, "phone-2") == ("skipped", "noAddress")
    assert (it.status, it.tally.skipped) == (Status.APPROVED, 1)


def test_an_address_of_a_service_we_have_no_sender_for_fails() -> None:
    world = World([a_device(address=an_fcm_address(kind=AddressKind.HMS))])
    it = world.sent()
    assert word(world, it.id) == ("failed", "noSender")


# ---- dead addresses --------------------------------------------------------------------------


def address_of(world: World, hwid: str = "phone-1") -> object:
    device = world.devices.get(hwid)
    assert device is not None
    return device.address and device.address.value


def test_a_dead_address_is_dropped() -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", address_gone())
    it = world.sent()
    assert address_of(world) is None
    assert world.records(it.id)["phone-1"].dropped


def test_a_dead_address_is_dropped_only_after_its_record_is_written() -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", address_gone())
    id, batch = planned(world)
    seen: list[Outcome] = []

    def look(call: str) -> None:
        if call == "devices.drop_address":
            seen.append(world.records(id)["phone-1"].outcome)

    world.hazard.watch(look)
    world.send(id, batch.id)
    assert seen == [Outcome.FAILED]


def test_an_address_registered_anew_meanwhile_survives() -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", address_gone())
    id, batch = planned(world)
    world.devices.set_address("phone-1", an_fcm_address("token-new"))
    world.send(id, batch.id)
    assert address_of(world) == "token-new"


@pytest.mark.parametrize(("seconds", "stays"), [(-1, False), (0, False), (1, True)])
def test_an_address_registered_after_the_moment_it_was_found_dead_survives(
    seconds: int, stays: bool
) -> None:
    since = NOON + timedelta(seconds=seconds)
    world = World([a_device(address=an_fcm_address("token-phone-1", registered_at=since))])
    world.push.will("token-phone-1", address_gone(as_of=NOON))
    world.sent()
    assert (address_of(world) is not None) is stays


@pytest.mark.parametrize("answer", [refused(), misconfigured(), Unsendable("TOO_BIG")])
def test_no_other_refusal_drops_an_address(answer: Answer) -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", answer)
    world.sent()
    assert address_of(world) == "token-phone-1"


def test_a_refusal_of_our_credentials_is_a_failure_once_it_lasted() -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", misconfigured())
    it = world.sent()
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, "credentialsRefused")
    assert word(world, it.id) == ("failed", "credentialsRefused")
    assert world.push.requests_to("token-phone-1") == 3


# ---- later -----------------------------------------------------------------------------------


def test_what_is_refused_for_now_is_tried_again_by_a_later_task() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")])
    world.push.will("token-phone-1", busy(), accepted())
    id, batch = planned(world)
    world.collect()
    world.send(id, batch.id)
    assert word(world, id) == ("open", "UNAVAILABLE")
    (follow_up,) = world.tasks.tasks
    assert follow_up.payload == {"notificationId": id, "batchId": batch.id}
    assert follow_up.not_before == NOON + timedelta(seconds=15)
    world.drain()
    assert world.push.reached(id) == {"token-phone-1": 1, "token-phone-2": 1}
    assert world.push.requests_to("token-phone-2") == 1
    assert world.get(id).tally.delivered == 2


def test_each_waits_for_as_long_as_its_push_service_asked() -> None:
    world = World([a_device(f"phone-{n}") for n in range(60)])
    id, batch = planned(world)
    waits = {t.hwid: s for t, s in zip(batch.targets[::20], (120, 300, 60), strict=True)}
    for hwid, wait in waits.items():
        world.push.will(f"token-{hwid}", busy(wait), accepted())
    world.drain()
    took = {h: (r.at - NOON).total_seconds() for h, r in world.records(id).items() if r.at}
    for hwid, seconds in took.items():
        asked = waits.get(hwid, 0)
        assert asked <= seconds <= 1.1 * asked + 20


def waits(world: World, runs: int, chance: float = 0.999) -> list[float]:
    """Measure how long the batch waits after each of so many runs, in seconds."""
    world.clock.set_chance(chance)
    id, batch = planned(world)
    found = []
    for _ in range(runs):
        world.send(id, batch.id)
        retry_at = world.ledger.batch(id, batch.id).retry_at
        assert retry_at is not None
        found.append((retry_at - world.clock.now()).total_seconds())
        world.clock.set(retry_at)
    return found


def test_while_a_push_service_is_out_of_order_waits_grow() -> None:
    world = World([a_device(f"phone-{n}") for n in range(3)])
    world.push.will_all(busy())
    assert waits(world, 7) == pytest.approx([20, 40, 80, 160, 320, 600, 600], abs=1)


def test_while_nothing_may_be_asked_waits_grow_to_less_than_three_minutes() -> None:
    """Other batches of this app were told to wait; nothing is wrong with this one."""
    world = World([a_device("phone-1"), a_device("phone-2")])
    for n in (1, 2):
        world.push.will(f"token-phone-{n}", *[no_turn(1)] * 7, accepted() if n == 1 else busy())
    assert waits(world, 8) == pytest.approx([20, 40, 80, 160, 160, 160, 160, 20], abs=1)


def test_a_pause_does_not_shorten_the_waits_of_what_was_out_of_order_before() -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", *[busy()] * 5, no_turn(1), busy())
    assert waits(world, 7) == pytest.approx([20, 40, 80, 160, 320, 320, 600], abs=1)


def test_while_most_that_is_tried_gets_through_waits_do_not_grow() -> None:
    """In every attempt one of three is refused: a matter of chance, not of a service that is out
    of order.
    """
    world = World([a_device(f"phone-{n:02d}") for n in range(20)])
    for n in range(20):
        turns = n // 3
        world.push.will(
            f"token-phone-{n:02d}", *[no_turn()] * turns, *[busy()] * (n % 3 == 0), accepted()
        )
    assert waits(world, 6) == pytest.approx([20] * 6, abs=1)


def test_once_a_push_service_is_back_waits_are_short_again() -> None:
    world = World([a_device(f"phone-{n}") for n in range(3)])
    for n in range(3):
        world.push.will(f"token-phone-{n}", *[busy()] * (5 if n == 1 else 4), accepted())
    assert waits(world, 5) == pytest.approx([20, 40, 80, 160, 20], abs=1)


def test_what_an_owner_may_have_sent_before_it_died_does_not_count_as_not_asked_for() -> None:
    world = World([a_device()])
    id, batch = planned(world)
    world.hazard.strike_at("push.send", Blow.BEFORE)
    with pytest.raises(Crash):
        world.send(id, batch.id)
    world.clock.advance(91)
    world.push.will("token-phone-1", no_turn())
    world.send(id, batch.id)
    (record,) = world.records(id).values()
    assert (record.outcome, record.code, record.ambiguous) == (Outcome.OPEN, "answerLost", True)


def test_a_task_that_comes_before_its_time_sends_nothing() -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", busy(), accepted())
    id, batch = planned(world)
    world.send(id, batch.id)
    world.send(id, batch.id)
    assert world.push.requests_to("token-phone-1") == 1
    assert world.ledger.batch(id, batch.id).attempt == 1


def test_a_task_a_moment_early_comes_again_itself() -> None:
    """Its follow-up would have its own name, which is taken."""
    world = World([a_device()])
    world.push.will("token-phone-1", busy(60), accepted())
    id, batch = planned(world)
    world.send(id, batch.id)
    retry_at = world.ledger.batch(id, batch.id).retry_at
    assert retry_at is not None
    world.clock.set(retry_at - timedelta(milliseconds=20))
    with pytest.raises(TryAgain):
        world.send(id, batch.id)
    world.clock.set(retry_at)
    world.send(id, batch.id)
    assert world.status(id) is Status.APPROVED


def test_after_six_hours_of_refusals_the_device_is_given_up() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")])
    world.push.will("token-phone-1", busy())
    it = world.sent()
    assert word(world, it.id) == ("failed", "exhausted")
    assert HORIZON - timedelta(minutes=10) < world.clock.now() - NOON <= HORIZON
    assert (it.status, it.tally.failed) == (Status.APPROVED, 1)


def test_what_may_have_arrived_and_was_never_confirmed_is_unknown() -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", lost())
    it = world.sent()
    assert word(world, it.id) == ("unknown", "answerLost")
    assert (it.status, it.tally.unknown) == (Status.APPROVED, 1)


def test_a_lost_answer_is_not_forgotten_over_later_refusals() -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", lost(), busy())
    it = world.sent()
    assert word(world, it.id) == ("unknown", "answerLost")


def test_a_refusal_of_ours_says_nothing_of_what_may_have_arrived_before() -> None:
    """Credentials refused now were good when the first push went out."""
    world = World([a_device("phone-1"), a_device("phone-2")])
    for hwid in ("phone-1", "phone-2"):
        world.push.will(f"token-{hwid}", lost(), misconfigured())
    it = world.sent()
    for hwid in ("phone-1", "phone-2"):
        assert word(world, it.id, hwid) == ("unknown", "answerLost")
        assert world.records(it.id)[hwid].receipt == "credentialsRefused"
    assert (it.status, it.tally.unknown) == (Status.APPROVED, 2)


@pytest.mark.parametrize("answer", [refused(), address_gone(), Unsendable("TOO_BIG")])
def test_a_refusal_of_address_or_content_held_for_the_lost_answer_too(answer: Answer) -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", lost(), answer)
    it = world.sent()
    assert (it.status, it.tally.failed) == (Status.FAILED, 1)


@pytest.mark.parametrize(("seconds", "state"), [(-1, "open"), (0, "open"), (1, "closed")])
def test_an_attempt_beyond_the_horizon_is_not_waited_for(seconds: int, state: str) -> None:
    world = World([a_device()])
    wait = HORIZON.total_seconds() + seconds
    world.clock.set_chance(0)
    world.push.will("token-phone-1", busy(wait))
    id, batch = planned(world)
    world.send(id, batch.id)
    assert world.ledger.batch(id, batch.id).state == state


# ---- one owner at a time ---------------------------------------------------------------------


def test_a_batch_that_somebody_else_is_sending_is_tried_again() -> None:
    world = World([a_device()])
    id, batch = planned(world)
    refusals: list[int] = []

    def rival(call: str) -> None:
        if call == "push.send":
            with pytest.raises(TryAgain) as refusal:
                world.send(id, batch.id)
            refusals.append(refusal.value.retry_after_seconds)

    world.hazard.watch(rival)
    world.send(id, batch.id)
    assert refusals == [91]
    assert world.push.requests_to("token-phone-1") == 1


def test_an_owner_that_outlived_its_lease_stops_at_its_chunk_and_writes_nothing() -> None:
    world = World([a_device(f"phone-{n}") for n in range(120)])
    id, batch = planned(world)
    rivals: list[Batch] = []

    def overtake(call: str) -> None:
        if call == "push.send" and not rivals:
            rivals.append(batch)
            world.clock.advance(91)
            world.send(id, batch.id)
            rivals[0] = world.ledger.batch(id, batch.id)

    world.hazard.watch(overtake)
    with pytest.raises(TryAgain):
        world.send(id, batch.id)
    assert world.ledger.batch(id, batch.id) == rivals[0]
    assert rivals[0].state is BatchState.CLOSED
    assert len(world.push.requests) == 120 + 50
    assert world.get(id).tally.delivered == 120


@pytest.mark.parametrize(("seconds", "owned"), [(-1, True), (0, False), (1, False)])
def test_a_lease_ends_to_the_second(seconds: int, owned: bool) -> None:
    world = World([a_device()])
    id, batch = planned(world)
    world.hazard.strike_at("push.send", Blow.BEFORE)
    with pytest.raises(Crash):
        world.send(id, batch.id)
    world.clock.advance(world.parts.settings.lease + timedelta(seconds=seconds))
    with pytest.raises(TryAgain) if owned else nullcontext():
        world.send(id, batch.id)
    assert world.push.requests_to("token-phone-1") == (0 if owned else 1)


def test_each_chunk_renews_the_lease() -> None:
    world = World([a_device(f"phone-{n}") for n in range(120)])
    id, batch = planned(world)

    def take_long(call: str) -> None:
        if call == "push.send":
            world.clock.advance(60)
            with pytest.raises(TryAgain):
                world.send(id, batch.id)

    world.hazard.watch(take_long)
    world.send(id, batch.id)
    assert len(world.push.requests) == 120


def test_a_batch_that_is_closed_is_not_sent_again() -> None:
    world = World([a_device()])
    id, batch = planned(world)
    world.send(id, batch.id)
    world.send(id, batch.id)
    assert world.push.requests_to("token-phone-1") == 1


def test_when_time_runs_out_the_rest_is_sent_by_another_task() -> None:
    world = World([a_device(f"phone-{n}") for n in range(120)], handler_seconds=60)
    id, batch = planned(world)

    def take_long(call: str) -> None:
        if call == "push.send":
            world.clock.advance(60)

    world.hazard.watch(take_long)
    world.send(id, batch.id)
    assert len(world.push.requests) == 50
    world.drain()
    assert len(world.push.requests) == 120
    assert world.get(id).tally.delivered == 120


def test_a_crash_sends_at_most_one_chunk_again() -> None:
    world = World([a_device(f"phone-{n}") for n in range(120)])
    id, batch = planned(world)
    world.hazard.strike_at("push.send", Blow.AFTER, nth=2)
    with pytest.raises(Crash):
        world.send(id, batch.id)
    world.drain()
    assert len(world.push.requests) == 120 + 50
    assert world.get(id).tally.delivered == 120


# ---- stops -----------------------------------------------------------------------------------


def test_a_stop_takes_effect_within_one_chunk_and_says_what_was_sent_and_prevented() -> None:
    world = World([a_device(f"phone-{n}") for n in range(120)])
    id, batch = planned(world)

    def stop(call: str) -> None:
        if call == "push.send" and len(world.push.requests) == 50:
            world.stop(id)

    world.hazard.watch(stop)
    world.send(id, batch.id)
    it = world.get(id)
    assert it.status is Status.STOPPED
    assert (it.tally.delivered, it.tally.skipped, it.tally.open) == (100, 20, 0)
    assert it.tally.errors == {"stopped": 20}
    assert len(world.push.requests) == 100


def test_a_stop_answers_with_what_was_sent_so_far() -> None:
    world = World([a_device(f"phone-{n}") for n in range(120)])
    id, batch = planned(world)
    world.hazard.strike_at("push.send", Blow.BEFORE, nth=2)
    with pytest.raises(Crash):
        world.send(id, batch.id)
    stopped = world.stop_as(OPERATOR, id, "abuse")
    assert (stopped.tally.targeted, stopped.tally.delivered, ran(stopped).prevented) == (
        120,
        50,
        70,
    )
    world.drain()
    it = world.get(id)
    assert (it.tally.skipped, it.tally.open, ran(it).prevented) == (20, 0, 20)
    assert it.tally.errors == {"answerLost": 50, "stopped": 20}, "what died may have sent a chunk"


def test_whatever_is_not_stopped_prevents_nothing() -> None:
    world = World([a_device()])
    id = world.approved()
    world.plan(id)
    assert (world.get(id).tally.open, ran(world.get(id)).prevented) == (1, 0)
    world.drain()
    assert ran(world.get(id)).prevented == 0


def test_what_may_have_arrived_before_a_stop_is_not_said_to_be_prevented() -> None:
    world = World([a_device()])
    world.push.will("token-phone-1", lost())
    id, batch = planned(world)
    world.send(id, batch.id)
    world.stop(id)
    world.drain()
    assert word(world, id) == ("unknown", "answerLost")


def test_while_the_stop_switch_is_on_nothing_is_sent_and_nothing_is_lost() -> None:
    world = World([a_device()])
    world.stop_switch.turn(True, "operator:o1", "incident", NOON)
    id = world.approved()
    world.pass_time(timedelta(hours=8))
    assert world.push.requests == []
    assert world.status(id) is Status.SENDING
    world.stop_switch.turn(False, "operator:o1", "over", NOON)
    world.drain()
    assert world.get(id).tally.delivered == 1


def test_time_under_the_stop_switch_is_not_time_for_retries() -> None:
    world = World([a_device()])
    world.stop_switch.turn(True, "operator:o1", "incident", NOON)
    world.push.will("token-phone-1", busy(), accepted())
    id = world.approved()
    world.pass_time(timedelta(hours=8))
    world.stop_switch.turn(False, "operator:o1", "over", NOON)
    world.drain()
    assert world.get(id).tally.delivered == 1


def test_the_stop_switch_takes_effect_within_one_chunk() -> None:
    world = World([a_device(f"phone-{n}") for n in range(120)])
    id, batch = planned(world)

    def brake(call: str) -> None:
        if call == "push.send":
            world.stop_switch.turn(True, "operator:o1", "incident", NOON)

    world.hazard.watch(brake)
    world.send(id, batch.id)
    assert len(world.push.requests) == 50
    assert world.ledger.batch(id, batch.id).retry_at == NOON + timedelta(minutes=1)


# ---- desktops --------------------------------------------------------------------------------


def both(hwid: str = "desktop-1") -> World:
    return World([a_desktop(hwid, address=an_fcm_address(f"token-{hwid}"))])


def slot_of(world: World, hwid: str = "desktop-1") -> object:
    return world.database.collection("devices")[hwid].get("pendingNotificationId")


def test_a_desktop_gets_its_notification_into_its_document() -> None:
    world = World([a_desktop()])
    it = world.sent()
    document = world.database.collection("devices")["desktop-1"]
    assert document["pendingNotificationTitle"] == "Sale"
    assert document["pendingNotificationAt"] == ran(it).sending_at
    assert slot_of(world) == it.id
    assert (it.status, it.tally.delivered) == (Status.APPROVED, 1)


def test_a_desktop_keeps_a_newer_notification() -> None:
    world = World([a_desktop()])
    older, older_batch = planned(world)
    world.clock.advance(1)
    newer, newer_batch = planned(world)
    world.send(newer, newer_batch.id)
    world.send(older, older_batch.id)
    assert slot_of(world) == newer
    assert word(world, older, "desktop-1") == ("skipped", "superseded")


def test_a_desktop_removed_meanwhile_is_skipped() -> None:
    world = World([a_desktop()])
    id, batch = planned(world)
    world.devices.delete("desktop-1")
    world.send(id, batch.id)
    assert word(world, id, "desktop-1") == ("skipped", "deviceGone")


def test_a_desktop_with_an_address_gets_both_and_counts_once() -> None:
    world = both()
    it = world.sent()
    assert world.push.requests_to("token-desktop-1") == 1
    assert slot_of(world) == it.id
    assert (it.tally.targeted, it.tally.delivered) == (1, 1)


def test_a_desktop_whose_address_is_dead_is_still_delivered_by_its_document() -> None:
    world = both()
    world.push.will("token-desktop-1", address_gone())
    it = world.sent()
    assert word(world, it.id, "desktop-1")[0] == "delivered"
    assert address_of(world, "desktop-1") is None
    assert (it.tally.delivered, it.tally.errors) == (1, {})


def test_a_desktop_that_waits_for_its_push_is_not_written_again() -> None:
    world = both()
    world.push.will("token-desktop-1", busy(), accepted("r"))
    it = world.sent()
    assert world.hazard.verbs.count("slots.show") == 1
    assert (word(world, it.id, "desktop-1")[0], it.tally.delivered) == ("delivered", 1)


@pytest.mark.parametrize("answer", [busy(), lost(), refused()])
def test_a_desktop_that_its_push_never_reached_counts_as_delivered(answer: Answer) -> None:
    world = both()
    world.push.will("token-desktop-1", busy(), answer)
    it = world.sent()
    assert word(world, it.id, "desktop-1") == ("delivered", "")
    assert it.status is Status.APPROVED


def test_a_desktop_stopped_while_it_waits_for_its_push_counts_as_delivered() -> None:
    world = both()
    world.push.will("token-desktop-1", busy())
    id, batch = planned(world)
    world.send(id, batch.id)
    world.stop(id)
    world.drain()
    assert word(world, id, "desktop-1") == ("delivered", "")


def test_a_desktop_that_shows_a_newer_one_by_the_second_attempt_had_this_one() -> None:
    world = both()
    world.push.will("token-desktop-1", busy(), accepted(), refused())
    id, batch = planned(world)
    world.send(id, batch.id)
    world.clock.advance(1)
    world.sent()
    assert word(world, id, "desktop-1")[0] == "delivered"


def test_a_desktop_that_waits_for_its_document_is_not_pushed_to_again() -> None:
    world = both()
    world.desktops.contended = 1
    it = world.sent()
    assert world.push.requests_to("token-desktop-1") == 1
    assert slot_of(world) == it.id
    assert (word(world, it.id, "desktop-1")[0], it.tally.delivered) == ("delivered", 1)


def test_a_macos_with_an_address_is_pushed_to_and_not_written() -> None:
    world = World([a_desktop(platform="macos", address=an_fcm_address("token-mac"))])
    world.sent()
    assert slot_of(world) is None
    assert world.push.requests_to("token-mac") == 1


def test_the_ledger_forgets_addresses_once_a_batch_is_closed() -> None:
    world = World([a_device()])
    it = world.sent()
    ((target,),) = (batch.targets for batch in world.batches(it.id))
    assert replace(target, address=None) == target
