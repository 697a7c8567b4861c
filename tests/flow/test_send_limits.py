"""What bounds a sender: its time, its retries, and what one answer says of other devices."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from math import inf

import pytest

from shared.adapters.memory.senders import MemorySenders
from shared.domain.audience.device import AddressKind, PushAddress, partition_of
from shared.domain.delivery.ledger import Batch, BatchState, Outcome, sort_key
from shared.domain.delivery.retry import RetryBudget
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.answers import Accepted, AddressGone, Answer, Misconfigured, RetryLater
from shared.domain.push.rendering import Push
from tests.builders import NOON, a_desktop, a_device, an_fcm_address
from tests.flow.hazard import Blow, Crash
from tests.flow.push import accepted, busy, lost, no_turn
from tests.flow.world import World
from tests.notification_documents import records

THIRD_PARTY = Misconfigured("thirdPartyAuth")
FOREIGN = AddressGone("senderIdMismatch")


def phones(number: int, platform: str = "android") -> World:
    return World([a_device(f"phone-{n:03d}", platform=platform) for n in range(number)])


def planned(world: World) -> tuple[NotificationId, Batch]:
    id = world.approved()
    world.plan(id)
    (batch,) = world.batches(id)
    return id, batch


def codes(world: World, id: NotificationId) -> dict[str, int]:
    return dict(world.ledger.tally(id).errors)


def slowly(world: World, call: str, seconds: float) -> None:
    def take_long(task: str) -> None:
        if task == call:
            world.clock.advance(seconds)

    world.hazard.watch(take_long)


# ---- time ------------------------------------------------------------------------------------


def test_a_chunk_may_use_two_thirds_of_its_lease_for_sending() -> None:
    world = phones(1)
    id, batch = planned(world)
    world.send(id, batch.id)
    assert world.push.budgets == [60.0]


def test_no_chunk_is_sent_beyond_the_end_of_the_handler() -> None:
    world = World([a_device()], handler_seconds=20)
    id, batch = planned(world)
    world.send(id, batch.id)
    assert world.push.budgets == [20.0]


def test_what_desktops_and_other_services_took_is_gone_from_the_time_of_the_next() -> None:
    hms = PushAddress(AddressKind.HMS, "token-huawei")
    world = World([a_device("phone-1"), a_device("phone-2", address=hms)])
    budgets: list[float] = []

    class Slow:
        def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
            budgets.append(within_seconds)
            world.clock.advance(45)
            return [accepted()] * len(pushes)

    world.parts.senders = MemorySenders({AddressKind.FCM: Slow(), AddressKind.HMS: Slow()})
    id, batch = planned(world)
    world.send(id, batch.id)
    assert budgets == [30.0, 15.0], "half of 60, and what the first has left"


def test_a_chunk_that_would_last_beyond_the_deadline_is_left_to_another_task() -> None:
    world = World([a_device(f"phone-{n}") for n in range(150)], handler_seconds=70)
    id, batch = planned(world)

    def take_long(call: str) -> None:
        if call == "push.send":
            world.clock.advance(40)

    world.hazard.watch(take_long)
    world.send(id, batch.id)
    assert len(world.push.requests) == 50
    world.drain()
    assert world.get(id).tally.delivered == 150


def test_addresses_whose_turn_did_not_come_are_sent_by_a_later_attempt() -> None:
    world = phones(3)
    world.push.will("token-phone-001", no_turn(), accepted())
    id, _ = planned(world)
    world.drain()
    assert world.get(id).tally.delivered == 3
    assert world.push.requests_to("token-phone-000") == 1


class Sluggish:
    """A push service that answers ten of each fifty, in vain, and takes all the time there is."""

    def __init__(self, world: World, answer: Answer) -> None:
        self.requests: Counter[str] = Counter()
        self._clock, self._answer = world.clock, answer

    def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
        self._clock.advance(within_seconds)
        self.requests.update(address.value for address, _ in pushes[:10])
        return [self._answer if n < 10 else no_turn() for n in range(len(pushes))]


def sluggishly(world: World, answer: Answer) -> Sluggish:
    """Send one notification that way, until nothing is left to do."""
    service = Sluggish(world, answer)
    world.parts.senders = MemorySenders({AddressKind.FCM: service})
    planned(world)
    world.drain()
    return service


def test_a_batch_that_is_cut_off_each_time_still_gets_round() -> None:
    world = phones(500)
    service = sluggishly(world, accepted())
    assert service.requests == Counter({f"token-phone-{n:03d}": 1 for n in range(500)})


def test_a_batch_that_spends_all_its_time_in_vain_waits_and_ends_after_six_hours() -> None:
    world = phones(500)
    service = sluggishly(world, lost())
    assert timedelta(hours=5) < world.clock.now() - NOON < timedelta(hours=6, minutes=30)
    assert max(service.requests.values()) < 30
    (id,) = records(world.database)
    it = world.get(NotificationId(id))
    assert (it.tally.open, it.tally.unknown, len(service.requests)) == (0, 500, 500)


def test_a_mute_push_service_takes_no_time_from_another() -> None:
    apple = [
        a_device(f"i-{n}", address=PushAddress(AddressKind.APNS, f"token-i-{n}")) for n in range(20)
    ]
    world = World([*(a_device(f"a-{n}") for n in range(20)), *apple])
    mute = Sluggish(world, lost())
    world.parts.senders = MemorySenders({AddressKind.FCM: world.push, AddressKind.APNS: mute})
    id, batch = planned(world)
    world.send(id, batch.id)
    assert (world.get(id).tally.delivered, len(mute.requests)) == (20, 10)


def test_while_a_pause_is_wanted_others_are_asked_for_at_each_visit() -> None:
    """The first of each visit is told to wait; who is behind is the first of a later one."""
    world = phones(120)
    first: list[str] = []

    class Pausing:
        has_answered = False

        def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
            if self.has_answered:
                return [no_turn(60)] * len(pushes)
            self.has_answered = True
            first.append(pushes[0][0].value)
            return [busy(60), *[no_turn(60)] * (len(pushes) - 1)]

    world.parts.senders = MemorySenders({AddressKind.FCM: (service := Pausing())})
    id, batch = planned(world)
    for _ in range(6):
        service.has_answered = False
        world.send(id, batch.id)
        world.clock.advance(700)
    assert first == [batch.targets[n].address_value for n in (0, 50, 100, 1, 51, 101)]


def test_a_chunk_that_its_owner_dies_of_does_not_hold_up_the_others() -> None:
    world = phones(120)
    id, batch = planned(world)
    for _ in range(3):
        world.hazard.strike_at("push.send", Blow.BEFORE)
        with pytest.raises(Crash):
            world.send(id, batch.id)
        world.clock.advance(91)
    assert world.ledger.batch(id, batch.id).in_doubt()[0] == 100
    world.send(id, batch.id)
    assert world.get(id).tally.delivered == 120


def test_desktops_need_not_wait_for_the_time_they_took() -> None:
    world = World([a_desktop(f"desktop-{n}") for n in range(500)])

    slowly(world, "slots.show", 59)
    planned(world)
    world.drain()
    assert world.clock.now() - NOON < timedelta(seconds=10 * 60)


def test_after_a_long_stop_a_batch_that_gets_through_is_not_given_up_for_lack_of_time() -> None:
    world = World([a_device(f"phone-{n}") for n in range(500)], handler_seconds=120)
    slowly(world, "push.send", 59)
    id, batch = planned(world)
    world.send(id, batch.id)
    world.clock.advance(7 * 3600)
    world.drain()
    assert world.get(id).tally.delivered == 500


def test_a_batch_out_of_time_goes_on_at_once_with_those_that_need_not_wait() -> None:
    world = World([a_device(f"phone-{n}") for n in range(100)], handler_seconds=60)
    slowly(world, "push.send", 59)
    id, batch = planned(world)
    first = batch.targets[0]
    world.push.will(first.address_value, busy(600), accepted())
    world.send(id, batch.id)
    assert world.ledger.batch(id, batch.id).retry_at == world.clock.now()
    world.drain()
    others = [r.at for hwid, r in world.records(id).items() if hwid != first.hwid and r.at]
    assert max(others) <= NOON + timedelta(seconds=120)
    assert world.get(id).tally.delivered == 100
    assert world.clock.now() >= NOON + timedelta(seconds=600)


def test_a_batch_out_of_time_waits_while_everybody_in_it_has_to() -> None:
    world = World([a_device(f"phone-{n}") for n in range(60)], handler_seconds=110)
    slowly(world, "push.send", 50)
    id, batch = planned(world)
    world.push.will_all(no_turn(600))
    world.send(id, batch.id)
    retry_at = world.ledger.batch(id, batch.id).retry_at
    assert retry_at is not None
    assert retry_at >= NOON + timedelta(seconds=650)


# ---- retries ---------------------------------------------------------------------------------


def stormy(batches: int, budget: RetryBudget) -> World:
    """Build so many batches of two devices, every one of which has been refused once."""
    world = World([a_device(f"phone-{n}") for n in range(2)], budget=budget)
    world.push.will_all(busy())
    for _ in range(batches):
        id, batch = planned(world)
        world.send(id, batch.id)
    world.push.will_all(None)
    return world


TIGHT = RetryBudget(share=0.1, least=3, window=timedelta(seconds=60))


def test_over_budget_a_batch_waits_longer_and_is_not_sent() -> None:
    world = stormy(5, TIGHT)
    world.clock.advance(30)
    asked = len(world.push.requests)
    ids = [NotificationId(id) for id in records(world.database)]
    for id in ids:
        (batch,) = world.batches(id)
        world.send(id, batch.id)
    sent = [id for id in ids if world.batches(id)[0].state is BatchState.CLOSED]
    assert len(sent) == 2, "3 and a tenth of 10 are two batches of two"
    assert len(world.push.requests) == asked + 4
    for id in set(ids) - set(sent):
        (waiting,) = world.batches(id)
        assert waiting.retry_at is not None
        assert waiting.retry_at >= world.clock.now() + timedelta(seconds=120)


def test_what_was_over_budget_is_not_lost() -> None:
    world = stormy(20, TIGHT)
    world.drain()
    for id in records(world.database):
        it = world.get(NotificationId(id))
        assert (it.status, it.tally.delivered) == (Status.APPROVED, 2)


def test_first_attempts_are_not_held_up_by_a_storm_of_retries() -> None:
    world = stormy(20, TIGHT)
    world.clock.advance(30)
    for id in list(records(world.database)):
        (batch,) = world.batches(NotificationId(id))
        world.send(NotificationId(id), batch.id)
    id, batch = planned(world)
    world.send(id, batch.id)
    assert world.get(id).tally.delivered == 2


def test_devices_that_could_not_be_asked_for_are_no_retries() -> None:
    world = World([a_device("phone-1"), a_device("phone-2")], budget=RetryBudget(0, 1))
    world.push.will_all(RetryLater("notSent"))
    id, batch = planned(world)
    for _ in range(5):
        world.send(id, batch.id)
        world.clock.advance(700)
    assert len(world.push.requests) == 10


def test_a_few_retries_over_the_budget_hold_up_nobody_who_was_never_tried() -> None:
    world = World([a_device(f"phone-{n}") for n in range(3)], budget=RetryBudget(0, 0))
    world.push.will("token-phone-0", busy(), accepted())
    for n in (1, 2):
        world.push.will(f"token-phone-{n}", no_turn(), accepted())
    id, batch = planned(world)
    world.send(id, batch.id)
    world.clock.advance(21)
    world.send(id, batch.id)
    assert world.get(id).tally.delivered == 3


def test_a_few_retries_over_the_budget_hold_up_no_desktops() -> None:
    names = [f"device-{n}" for n in range(120)]
    names.sort(key=lambda hwid: sort_key(partition_of(hwid), hwid))
    phones, desktops = map(a_device, names[:2]), map(a_desktop, names[2:])
    world = World([*phones, *desktops], budget=RetryBudget(0, 0), handler_seconds=60)
    slowly(world, "slots.show", 59)
    world.push.will_all(busy())
    id, batch = planned(world)
    world.send(id, batch.id)
    assert world.ledger.tally(id).delivered == 48
    world.send(id, batch.id)
    assert world.ledger.tally(id).delivered == 98


def test_a_retry_that_had_no_turn_leaves_the_budget_to_others() -> None:
    """While a push service wants a pause, batches come and go and nothing is asked."""
    world = World([a_device("phone-1"), a_device("phone-2")], budget=RetryBudget(0, 2))
    world.push.will_all(busy())
    id, batch = planned(world)
    world.send(id, batch.id)
    world.push.will_all(no_turn(1))
    for _ in range(5):
        world.clock.advance(21)
        world.send(id, batch.id)
    assert {record.code for record in world.records(id).values()} == {"UNAVAILABLE"}
    world.push.will_all(None)
    world.clock.advance(21)
    world.send(id, batch.id)
    assert world.get(id).tally.delivered == 2


def test_a_stopped_notification_ends_at_once_whatever_was_spent() -> None:
    world = stormy(5, RetryBudget(share=0, least=0))
    id = NotificationId(next(iter(records(world.database))))
    world.stop(id)
    world.clock.advance(30)
    (batch,) = world.batches(id)
    world.send(id, batch.id)
    assert world.batches(id)[0].state is BatchState.CLOSED


# ---- what one answer says of others ----------------------------------------------------------


class ByPlatform:
    """Refuses one platform for want of its credentials, as the names of its addresses say."""

    def __init__(self, refused: str) -> None:
        self.refused = refused
        self.addresses: list[str] = []

    def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
        self.addresses += [address.value for address, _ in pushes]
        return [THIRD_PARTY if self.refused in to.value else Accepted() for to, _ in pushes]


def mixed(number: int) -> World:
    """Build phones of which every second is an iPhone."""
    platforms = ("ios", "android")
    return World(
        [
            a_device(
                f"phone-{n:03d}",
                platform=platforms[n % 2],
                address=an_fcm_address(f"token-{platforms[n % 2]}-{n}"),
            )
            for n in range(number)
        ]
    )


def test_a_missing_key_of_apples_fails_iphones_and_nobody_else() -> None:
    world, push = mixed(200), ByPlatform("ios")
    world.parts.senders = MemorySenders({AddressKind.FCM: push})
    it = world.sent()
    assert (it.tally.delivered, it.tally.failed) == (100, 100)
    assert codes(world, it.id) == {"thirdPartyAuth": 100}
    iphones = [value for value in push.addresses if "ios" in value]
    assert len(iphones) <= 50
    assert all(world.devices.get(hwid).address for hwid in world.targets)  # type: ignore[union-attr]


def test_a_few_addresses_of_another_app_are_dropped_with_an_alarm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = phones(100)
    for n in range(4):
        world.push.will(f"token-phone-{n:03d}", FOREIGN)
    it = world.sent()
    assert (it.tally.delivered, codes(world, it.id)) == (96, {"senderIdMismatch": 4})
    assert sum(record.dropped for record in world.records(it.id).values()) == 4
    (told,) = [r for r in caplog.records if "addressesOfAnotherApp" in r.getMessage()]
    assert told.levelno == logging.ERROR
    assert told.getMessage().endswith("4 addresses")


def test_two_addresses_of_another_app_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    world = phones(100)
    for n in range(2):
        world.push.will(f"token-phone-{n:03d}", FOREIGN)
    world.sent()
    assert "addressesOfAnotherApp" not in caplog.text


def test_when_most_addresses_are_another_apps_we_are_the_wrong_app_and_none_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = phones(120)
    world.push.will_all(FOREIGN)
    it = world.sent()
    assert (it.status, codes(world, it.id)) == (Status.FAILED, {"wrongApp": 120})
    assert not any(record.dropped for record in world.records(it.id).values())
    assert all(world.devices.get(hwid).address for hwid in world.targets)  # type: ignore[union-attr]
    (told,) = [r for r in caplog.records if "wrongApp" in r.getMessage()]
    assert told.levelno == logging.ERROR


def test_devices_that_we_are_the_right_app_for_are_still_reached() -> None:
    world = phones(60)
    for n in range(40):
        world.push.will(f"token-phone-{n:03d}", FOREIGN)
    it = world.sent()
    assert it.tally.delivered == 20
    assert set(codes(world, it.id)) <= {"wrongApp", "senderIdMismatch"}


def test_a_doubt_outlives_the_wait_that_a_whole_app_is_asked_for() -> None:
    world = phones(1)
    world.push.will("token-phone-000", lost(), RetryLater("quotaExceeded", 30.0))
    it = world.sent()
    record = world.records(it.id)["phone-000"]
    assert (record.outcome, record.code) == (Outcome.UNKNOWN, "answerLost")


def test_no_address_or_device_is_named_in_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    world = phones(30)
    world.push.will_all(FOREIGN)
    world.sent()
    assert world.clock.now() >= NOON
    assert "phone-" not in caplog.text
