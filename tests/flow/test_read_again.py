"""Batches that waited: their devices are read again, right before they are pushed to."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import pytest

from shared.domain.audience.device import AddressKind, PushAddress, Reach
from shared.domain.delivery.ledger import Batch, BatchState, Outcome
from shared.domain.delivery.read_again import STALE_AFTER
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.answers import Answer, Unsendable
from shared.stores.devices import Devices
from tests.builders import NOON, a_desktop, a_device, a_provider, an_fcm_address
from tests.flow.hazard import Blow, Crash
from tests.flow.push import PushService, accepted, address_gone, busy, lost, misconfigured, refused
from tests.flow.world import World
from tests.parts import merge_device

LATE = STALE_AFTER + timedelta(seconds=1)
READ = "devices.reach"


def phones(number: int = 1) -> World:
    return World([a_device(f"phone-{n}") for n in range(1, number + 1)])


def planned(world: World) -> tuple[NotificationId, Batch]:
    id = world.approved()
    world.plan(id)
    (batch,) = world.batches(id)
    return id, batch


def sent_late(world: World, meanwhile: Callable[[], object] = lambda: None) -> NotificationId:
    """Plan a notification, and send it a little more than a quarter of an hour later."""
    id, batch = planned(world)
    world.collect()
    world.clock.advance(LATE.total_seconds())
    meanwhile()
    world.send(id, batch.id)
    return id


def word(world: World, id: NotificationId, hwid: str = "phone-1") -> tuple[str, str]:
    record = world.records(id)[hwid]
    return record.outcome, record.code


def address_of(world: World, hwid: str = "phone-1") -> str | None:
    device = world.devices.get(hwid)
    assert device is not None
    return device.address.value if device.address else None


class ReadingWeb:
    """Devices, and who was asked for how they are reached."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self.of: list[Sequence[str]] = []

    def reach(self, hwids: Sequence[str]) -> Mapping[str, Reach]:
        self.of.append(hwids)
        return self._devices.reach(hwids)

    def __getattr__(self, verb: str) -> object:
        return getattr(self._devices, verb)


def asking(world: World) -> ReadingWeb:
    asked = ReadingWeb(world.parts.devices)
    world.parts.devices = asked  # type: ignore[assignment]
    return asked


# ---- when ------------------------------------------------------------------------------------


def test_what_is_sent_at_once_and_its_early_retries_cost_no_read_more() -> None:
    world = World([*(a_device(f"phone-{n}") for n in range(60)), a_desktop()])
    world.push.will("token-phone-7", busy(), busy(60), accepted())
    asked = asking(world)
    world.sent()
    assert world.push.requests_to("token-phone-7") == 3
    assert asked.of == []


@pytest.mark.parametrize(("seconds", "read"), [(-1, False), (0, False), (1, True)])
def test_a_batch_is_stale_after_a_quarter_of_an_hour(seconds: int, read: bool) -> None:
    world = phones()
    id, batch = planned(world)
    world.clock.set(NOON + STALE_AFTER + timedelta(seconds=seconds))
    world.send(id, batch.id)
    assert (READ in world.hazard.verbs) is read


def test_a_batch_planned_late_from_an_early_moment_is_stale_as_well() -> None:
    """Its audience is read as of the moment it was first counted."""
    world = phones()
    id = world.approved()
    world.hazard.strike_at("ledger.open_parts", Blow.AFTER)
    with pytest.raises(Crash):
        world.plan(id)
    world.devices.set_consent("phone-1", False)
    world.clock.advance(LATE.total_seconds())
    world.plan(id)
    (batch,) = world.batches(id)
    assert batch.created_at == NOON + LATE
    world.send(id, batch.id)
    assert word(world, id) == ("skipped", "consent")


def test_only_what_is_open_and_to_be_pushed_is_read_and_by_chunks() -> None:
    world = World(
        [
            *(a_device(f"phone-{n:03d}") for n in range(120)),
            *(a_device(f"mute-{n}", address=None) for n in range(3)),
            *(a_device(f"silent-{n}", consent=False) for n in range(3)),
            *(a_desktop(f"desktop-{n}") for n in range(3)),
        ]
    )
    for n in (3, 70):
        world.push.will(f"token-phone-{n:03d}", busy(LATE.total_seconds()), accepted())
    asked = asking(world)
    id, batch = planned(world)
    world.clock.advance(LATE.total_seconds())
    world.send(id, batch.id)
    assert sorted(hwid for some in asked.of for hwid in some) == [
        f"phone-{n:03d}" for n in range(120)
    ]
    assert max(map(len, asked.of)) <= 50
    asked.of.clear()
    world.clock.set(world.clock.now() + 2 * LATE)
    world.send(id, batch.id)
    assert sorted(hwid for some in asked.of for hwid in some) == ["phone-003", "phone-070"]


def test_each_chunk_is_read_right_before_it_is_sent() -> None:
    world = phones(120)
    last = "phone-0"

    def withdraw(call: str) -> None:
        nonlocal last
        if call == "push.send" and len(world.push.requests) == 50:
            last = batch.targets[-1].hwid
            world.devices.set_consent(last, False)

    id, batch = planned(world)
    world.clock.advance(LATE.total_seconds())
    world.hazard.watch(withdraw)
    world.send(id, batch.id)
    assert word(world, id, last) == ("skipped", "consent")
    assert (len(world.push.requests), world.get(id).tally.delivered) == (119, 119)


def test_a_large_audience_that_waits_for_its_turn_reaches_nobody_who_withdrew() -> None:
    crowd = [a_device(f"phone-{n}") for n in range(40)]
    world = World(crowd, page_size=1, times=200)
    world.providers.put(a_provider(limits=(("devicesPerMinute", 500),)))
    id = world.approved()
    world.pass_time(timedelta(minutes=16))
    reached = set(world.push.reached(id))
    waiting = [device for device in crowd if f"token-{device.hwid}" not in reached]
    assert len(waiting) > 10
    for device in waiting[::2]:
        world.devices.set_consent(device.hwid, False)
    world.drain()
    withdrawn = {f"token-{device.hwid}" for device in waiting[::2]}
    assert withdrawn.isdisjoint(world.push.reached(id))
    tally = world.get(id).tally
    assert (tally.delivered, tally.errors) == (40 - len(withdrawn), {"consent": len(withdrawn)})


def test_a_late_retry_reaches_nobody_who_withdrew() -> None:
    world = phones(2)
    for n in (1, 2):
        world.push.will(f"token-phone-{n}", busy(1_200), accepted())
    id, batch = planned(world)
    world.send(id, batch.id)
    world.clock.advance(600)
    world.devices.set_consent("phone-1", False)
    world.drain()
    assert word(world, id) == ("skipped", "consent")
    assert world.push.reached(id) == {"token-phone-2": 1}


def test_what_waited_for_the_stop_switch_reaches_nobody_who_withdrew() -> None:
    world = phones(2)
    world.stop_switch.turn(True, "operator:o1", "incident", NOON)
    id = world.approved()
    world.pass_time(timedelta(minutes=20))
    world.devices.set_consent("phone-1", False)
    world.stop_switch.turn(False, "operator:o1", "over", NOON)
    world.drain()
    assert word(world, id) == ("skipped", "consent")
    assert (world.status(id), world.push.reached(id)) == (Status.APPROVED, {"token-phone-2": 1})


# ---- what it comes to ------------------------------------------------------------------------


def test_a_device_that_is_gone_is_skipped() -> None:
    world = phones(2)
    id = sent_late(world, lambda: world.devices.delete("phone-1"))
    assert word(world, id) == ("skipped", "deviceGone")
    assert world.push.reached(id) == {"token-phone-2": 1}


def test_a_device_without_an_address_any_more_is_skipped() -> None:
    world = phones(2)
    id = sent_late(world, lambda: world.devices.set_address("phone-1", None))
    assert word(world, id) == ("skipped", "noAddress")
    assert world.push.reached(id) == {"token-phone-2": 1}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"consent": "no"}, "unreadable"),
        ({"pushAddress": 5, "fcmToken": None}, "unreadable"),
        ({"pushAddress": None, "fcmToken": None}, "noAddress"),
        ({"domainsUnreadable": True}, "unreadable"),
    ],
)
def test_a_device_that_cannot_be_read_any_more_is_not_pushed_to(
    fields: dict[str, object], code: str
) -> None:
    world = phones()
    id = sent_late(world, lambda: merge_device(world.database, "phone-1", fields))
    assert word(world, id) == ("skipped", code)
    assert world.push.requests == []


def test_a_new_token_is_sent_to_and_the_old_one_is_not() -> None:
    world = phones()
    new = an_fcm_address("token-new")
    id = sent_late(world, lambda: world.devices.set_address("phone-1", new))
    assert world.push.reached(id) == {"token-new": 1}
    assert word(world, id) == ("delivered", "")


def test_a_token_that_moved_to_another_device_is_sent_to_once() -> None:
    world = phones(2)
    moved = an_fcm_address("token-phone-1", registered_at=NOON)
    id = sent_late(world, lambda: world.devices.set_address("phone-2", moved))
    assert world.push.reached(id) == {"token-phone-1": 1}
    assert word(world, id, "phone-1") == ("skipped", "noAddress")
    assert word(world, id, "phone-2") == ("delivered", "")


def test_a_device_that_moved_to_another_push_service_is_reached_there() -> None:
    world, apple = phones(), PushService()
    world.parts.senders.default[AddressKind.APNS] = apple
    new = PushAddress(AddressKind.APNS, "token-apple", "sandbox")
    id = sent_late(world, lambda: world.devices.set_address("phone-1", new))
    assert [address for _, address in apple.requests] == [new]
    assert (world.push.requests, word(world, id)) == ([], ("delivered", ""))


def test_a_dead_new_token_is_the_one_that_is_dropped() -> None:
    world = phones(2)
    for n in (1, 2):
        world.push.will(f"token-new-{n}", address_gone())

    def move() -> None:
        for n in (1, 2):
            world.devices.set_address(f"phone-{n}", an_fcm_address(f"token-new-{n}"))

    def move_on(call: str) -> None:
        if call == "push.send":
            world.devices.set_address("phone-2", an_fcm_address("token-newest"))

    world.hazard.watch(move_on)
    id = sent_late(world, move)
    assert word(world, id) == ("failed", "UNREGISTERED")
    assert world.records(id)["phone-1"].dropped
    assert address_of(world) is None
    assert address_of(world, "phone-2") == "token-newest"


# ---- doubts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda world: world.devices.set_consent("phone-1", False),
        lambda world: world.devices.set_address("phone-1", None),
        lambda world: world.devices.delete("phone-1"),
    ],
)
def test_what_may_have_arrived_before_stays_unknown(meanwhile: Callable[[World], object]) -> None:
    world = phones()
    world.push.will("token-phone-1", lost())
    id, batch = planned(world)
    world.send(id, batch.id)
    world.clock.advance(LATE.total_seconds())
    meanwhile(world)
    world.send(id, batch.id)
    assert word(world, id) == ("unknown", "answerLost")
    assert world.push.requests_to("token-phone-1") == 1


@pytest.mark.parametrize(
    "answer", [refused(), address_gone(), Unsendable("TOO_BIG"), misconfigured()]
)
def test_what_a_new_address_refuses_says_nothing_of_the_old_one(answer: Answer) -> None:
    world = phones()
    world.push.will("token-phone-1", lost())
    world.push.will("token-new", answer)
    id, batch = planned(world)
    world.send(id, batch.id)
    world.clock.advance(LATE.total_seconds())
    world.devices.set_address("phone-1", an_fcm_address("token-new"))
    world.drain()
    assert word(world, id) == ("unknown", "answerLost")
    assert (address_of(world) is None) is (answer == address_gone())
    assert world.push.requests_to("token-new") <= 3


def test_what_the_same_address_refuses_later_is_refused() -> None:
    world = phones()
    world.push.will("token-phone-1", lost(), refused())
    id, batch = planned(world)
    world.send(id, batch.id)
    world.clock.advance(LATE.total_seconds())
    world.send(id, batch.id)
    assert word(world, id) == ("failed", "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("call", "blow", "times"),
    [(READ, Blow.BEFORE, 0), (READ, Blow.AFTER, 0), ("push.send", Blow.AFTER, 1)],
)
def test_a_crash_between_the_read_and_the_record_leaves_a_doubt(
    call: str, blow: Blow, times: int
) -> None:
    world = phones(2)
    id, batch = planned(world)
    world.clock.advance(LATE.total_seconds())
    world.hazard.strike_at(call, blow)
    with pytest.raises(Crash):
        world.send(id, batch.id)
    world.devices.set_consent("phone-1", False)
    world.drain()
    assert word(world, id) == ("unknown", "answerLost")
    assert word(world, id, "phone-2") == ("delivered", "")
    assert world.push.requests_to("token-phone-1") == times
    assert world.push.requests_to("token-phone-2") == times + 1


def test_while_devices_cannot_be_read_nothing_is_sent_and_nothing_is_lost() -> None:
    world = phones()
    world.stop_switch.turn(True, "operator:o1", "incident", NOON)
    id = world.approved()
    world.pass_time(timedelta(minutes=20))
    world.stop_switch.turn(False, "operator:o1", "over", NOON)
    world.hazard.strike_at(READ, Blow.BEFORE)
    world.drain()
    assert world.hazard.crashes == 1
    assert world.push.reached(id) == {"token-phone-1": 1}


def test_a_task_that_comes_twice_reads_and_sends_once() -> None:
    world = phones()
    id = sent_late(world)
    (batch,) = world.batches(id)
    world.send(id, batch.id)
    assert batch.state is BatchState.CLOSED
    assert world.hazard.verbs.count(READ) == 1
    assert world.push.requests_to("token-phone-1") == 1


# ---- desktops --------------------------------------------------------------------------------


def both(platform: str = "linux") -> World:
    return World([a_desktop("pc", platform=platform, address=an_fcm_address("token-pc"))])


def slot_of(world: World) -> object:
    return world.database.collection("devices").get("pc", {}).get("pendingNotificationId")


def test_a_desktop_whose_person_withdrew_is_neither_pushed_to_nor_written() -> None:
    world = both()
    id = sent_late(world, lambda: world.devices.set_consent("pc", False))
    assert word(world, id, "pc") == ("skipped", "consent")
    assert (world.push.requests, slot_of(world)) == ([], None)


def test_a_desktop_that_is_gone_is_skipped() -> None:
    world = both()
    id = sent_late(world, lambda: world.devices.delete("pc"))
    assert word(world, id, "pc") == ("skipped", "deviceGone")


@pytest.mark.parametrize("platform", ["linux", "macos"])
def test_a_desktop_without_an_address_any_more_is_reached_by_its_document(platform: str) -> None:
    world = both(platform)
    id = sent_late(world, lambda: world.devices.set_address("pc", None))
    assert word(world, id, "pc") == ("delivered", "")
    assert (world.push.requests, slot_of(world)) == ([], id)


@pytest.mark.parametrize("withdraw", [True, False])
def test_a_desktop_that_showed_it_before_counts_as_delivered(withdraw: bool) -> None:
    world = both()
    world.push.will("token-pc", busy(LATE.total_seconds()))
    id, batch = planned(world)
    world.send(id, batch.id)
    assert slot_of(world) == id
    world.clock.set(NOON + 2 * LATE)
    if withdraw:
        world.devices.set_consent("pc", False)
    else:
        world.devices.delete("pc")
    world.send(id, batch.id)
    assert word(world, id, "pc") == ("delivered", "")
    assert world.records(id)["pc"].outcome is Outcome.DELIVERED
    assert world.push.requests_to("token-pc") == 1
