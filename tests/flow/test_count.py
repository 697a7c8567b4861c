"""Counters: computed from the ledger, live while sending, exact at the end, whoever counts."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.delivery.ledger import BatchState, Outcome, Record
from shared.domain.errors import WrongState
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.tally import Tally
from shared.flow.delivery.count import finish, reconcile, recount
from tests.builders import NOON, a_desktop, a_device, ran
from tests.flow.hazard import Blow, Crash
from tests.flow.push import busy, lost, refused
from tests.flow.world import World
from tests.needs import only

FINISHERS = 50


def count(world: World, id: NotificationId) -> None:
    finish(id, needs=only(runs=world.runs, ledger=world.ledger, clock=world.clock))


def delivered_but_not_counted(world: World) -> NotificationId:
    """Close every batch, before the sum is looked at."""
    id = world.approved()
    world.plan(id)
    for batch in world.batches(id):
        records = [Record(Outcome.DELIVERED, at=NOON)] * len(batch.targets)
        done = replace(batch, records=tuple(records), state=BatchState.CLOSED, wake_at=None)
        world.ledger.write(done, range(len(records)))
    return id


def test_fifty_finishers_at_once_make_one_end_and_no_error() -> None:
    world = World([a_device(f"phone-{n}") for n in range(30)], page_size=1)
    id = delivered_but_not_counted(world)
    with ThreadPoolExecutor(FINISHERS) as pool:
        list(pool.map(lambda _: count(world, id), range(FINISHERS)))
    it = world.get(id)
    assert (it.status, it.tally) == (Status.APPROVED, Tally(targeted=30, delivered=30))
    assert [entry.move for entry in world.history(id)] == ["submit", "approve", "complete"]


def test_a_notification_ends_only_when_its_last_batch_is_closed() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")], page_size=1)
    id = world.approved()
    world.plan(id)
    first, second = world.batches(id)
    world.send(id, first.id)
    assert world.status(id) is Status.SENDING
    world.send(id, second.id)
    assert world.status(id) is Status.APPROVED


def test_a_notification_ends_only_when_all_its_parts_are_planned() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")], times=20_000)
    id = world.approved()
    world.plan(id)
    first, second = world.ledger.parts(id)
    world.plan(id, part=first.low)
    for batch in world.batches(id):
        world.send(id, batch.id)
    count(world, id)
    assert world.status(id) is Status.SENDING
    world.plan(id, part=second.low)
    for batch in world.batches(id):
        world.send(id, batch.id)
    assert world.status(id) is Status.APPROVED


def test_a_batch_that_is_planned_while_somebody_counts_keeps_it_from_ending() -> None:
    world = World([a_device()], times=30_000)
    id = world.approved()
    world.plan(id)

    def plan_the_rest(call: str) -> None:
        if call == "ledger.parts":
            world.hazard.forget_watchers()
            for part in world.ledger.parts(id):
                world.plan(id, part=part.low)

    world.hazard.watch(plan_the_rest)
    p = world.parts
    finish(id, needs=p)
    assert world.status(id) is Status.SENDING
    assert world.ledger.open_batches(id) == 1


def test_counting_before_it_is_over_does_not_end_it() -> None:
    world = World([a_device()])
    id = world.approved()
    world.plan(id)
    p = world.parts
    recount(id, needs=p)
    assert (world.status(id), world.get(id).tally.open) == (Status.SENDING, 1)


def test_counters_never_go_back_when_two_count_at_once() -> None:
    world = World([a_device(f"phone-{n}") for n in range(3)], page_size=1)
    id = world.approved()
    world.plan(id)
    first, second, _ = world.batches(id)
    world.clock.advance(6)

    def overtake(call: str) -> None:
        if call == "runs.change":
            world.hazard.forget_watchers()
            world.send(id, second.id)

    world.hazard.watch(overtake)
    world.send(id, first.id)
    assert world.get(id).tally.delivered == 2


def test_counters_follow_while_sending_every_few_seconds() -> None:
    world = World([a_device(f"phone-{n}") for n in range(8)], page_size=1)
    id = world.approved()
    world.plan(id)
    seen = []
    for batch in world.batches(id):
        world.clock.advance(3)
        world.send(id, batch.id)
        seen.append(world.get(id).tally.delivered)
    assert seen == [0, 2, 2, 4, 5, 6, 7, 8]


def test_counters_tell_at_once_what_became_of_the_others_while_one_phone_has_to_wait() -> None:
    """Nobody may come by for a minute: the batch waits for its one phone."""
    world = World([a_device(f"phone-{n}") for n in range(20)])
    world.push.will("token-phone-7", busy(60), busy(60))
    id = world.approved()
    world.plan(id)
    (batch,) = world.batches(id)
    world.send(id, batch.id)
    assert world.get(id).tally == Tally(targeted=20, delivered=19)


def test_partial_failure_is_still_approved() -> None:
    world = World([a_device("phone-1"), a_device("phone-2"), a_desktop()])
    world.push.will("token-phone-1", refused())
    it = world.sent()
    assert it.status is Status.APPROVED
    assert it.tally == Tally(3, delivered=2, failed=1, errors={"INVALID_ARGUMENT": 1})


def test_when_every_push_failed_the_notification_failed() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")])
    world.push.will_all(refused())
    it = world.sent()
    assert (it.status, ran(it).failure_reason) == (Status.FAILED, "everyPushFailed")


def test_an_unknown_outcome_gets_the_benefit_of_the_doubt() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")])
    world.push.will("token-phone-1", lost())
    world.push.will("token-phone-2", refused())
    assert world.sent().status is Status.APPROVED


@pytest.mark.parametrize("moment", range(1, 6))
def test_a_stop_never_overwrites_the_counters_of_whoever_counted_later(moment: int) -> None:
    """The last batch closes, and is counted, just before some call of the stop."""
    world = World([a_device()])
    id = world.approved()
    world.plan(id)
    (batch,) = world.batches(id)
    world.hazard.before(world.hazard.calls + moment, lambda: world.send(id, batch.id))
    with suppress(WrongState):
        world.stop(id)
    assert world.get(id).tally == world.ledger.tally(id)


def test_finish_against_stop_has_one_winner_and_exact_counters() -> None:
    world = World([a_device()])
    id = delivered_but_not_counted(world)

    def stop(call: str) -> None:
        if call == "runs.change" and world.status(id) is Status.SENDING:
            world.hazard.forget_watchers()
            world.stop(id)

    world.hazard.watch(stop)
    p = world.parts
    finish(id, needs=p)
    it = world.get(id)
    assert (it.status, it.tally) == (Status.STOPPED, Tally(targeted=1, delivered=1))


def test_a_crash_between_the_last_record_and_the_sum_loses_nothing() -> None:
    world = World([a_device()])
    id = world.approved()
    world.plan(id)
    (batch,) = world.batches(id)
    world.hazard.strike_at("ledger.open_batches", Blow.BEFORE)
    with pytest.raises(Crash):
        world.send(id, batch.id)
    world.send(id, batch.id)
    assert world.get(id).tally == Tally(targeted=1, delivered=1)
    assert world.push.requests_to("token-phone-1") == 1


def test_counting_again_changes_nothing() -> None:
    world = World([a_device()])
    it = world.sent()
    p = world.parts
    recount(it.id, over=True, needs=p)
    count(world, it.id)
    assert world.get(it.id) == it


# ---- reconciling -----------------------------------------------------------------------------


def test_reconciling_mends_counters_that_are_off() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")])
    it = world.sent()
    right = it.tally
    world.notifications.change(
        it.id, lambda n: n.follow(ran(n).counted(Tally(targeted=9, delivered=7), NOON))
    )
    p = world.parts
    before, sums = reconcile(it.id, needs=p)
    assert (before.tally.targeted, sums, world.get(it.id).tally) == (9, right, right)
    assert world.status(it.id) is Status.APPROVED


def test_reconciling_what_is_right_writes_nothing() -> None:
    world = World([a_device()])
    it = world.sent()
    p = world.parts
    reconcile(it.id, needs=p)
    assert world.get(it.id) == it


def test_reconciling_does_not_overwrite_a_count_that_was_made_meanwhile() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")])
    world.push.will("token-phone-2", busy())
    id = world.approved()
    world.pass_time(timedelta(seconds=10))

    def close(call: str) -> None:
        if call == "runs.change":
            world.hazard.forget_watchers()
            world.stop(id)
            world.drain()

    world.notifications.change(id, lambda n: n.follow(ran(n).counted(Tally(targeted=9), NOON)))
    world.hazard.watch(close)
    p = world.parts
    reconcile(id, needs=p)
    assert world.get(id).tally == world.ledger.tally(id)
