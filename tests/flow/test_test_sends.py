"""Test sends: to admin HWIDs and nobody else, at once, with a word on each device."""

from collections.abc import Sequence
from datetime import timedelta
from math import inf
from threading import Event

import pytest

from shared.adapters.memory.senders import MemorySenders
from shared.domain.audience.device import AddressKind, Slot
from shared.domain.content.content import NotificationInput
from shared.domain.delivery.ledger import Outcome
from shared.domain.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
    TooMany,
    TryAgain,
    WrongState,
)
from shared.domain.notifications.history import broken_links
from shared.domain.notifications.lifecycle import Status
from shared.domain.providers.admin_hwids import MOST_DEVICES_PER_DAY
from shared.domain.push.answers import Accepted, Answer
from shared.domain.push.rendering import Push
from shared.ports.database import Merge
from shared.stores.device_codec import DEVICES
from tests.builders import (
    NOON,
    a_desktop,
    a_device,
    a_domain,
    a_provider,
    an_fcm_address,
    an_input,
)
from tests.flow.push import address_gone, busy, lost, misconfigured, texts
from tests.flow.world import World

MINE = ("Admin-1", "Admin-2", "desk")


def a_world(*hwids: str) -> World:
    """Build a world with two admin phones, an admin desktop and somebody else's phone."""
    world = World(
        [
            a_device("Admin-1", address=an_fcm_address("mine-1")),
            a_device("Admin-2", address=an_fcm_address("mine-2")),
            a_desktop("desk"),
            a_device("phone-1"),
        ]
    )
    world.providers.put_domain(a_domain(admin_hwids=hwids or MINE))
    return world


def fields_of(refusal: InvalidInput) -> dict[str, str]:
    return {each.field: each.code for each in refusal.errors}


@pytest.mark.parametrize("status", [Status.DRAFT, Status.PENDING])
def test_what_is_saved_reaches_all_admin_devices_and_nothing_of_it_changes(status: Status) -> None:
    world = a_world()
    id = world.in_status(status)
    before = world.get(id)
    assert {hwid: it.outcome for hwid, it in world.test(id).items()} == dict.fromkeys(
        MINE, Outcome.DELIVERED
    )
    after = world.get(id)
    same = ("status", "tally", "run", "revision", "claim", "content", "segment", "findings")
    assert [getattr(after, it) for it in same] == [getattr(before, it) for it in same]
    assert {to.value for _, to in world.push.requests} == {"mine-1", "mine-2"}
    assert all(
        texts(payload) == (after.content.title, after.content.body)
        for payload, _ in world.push.requests
    )


def test_the_history_tells_who_sent_a_test_and_to_how_many() -> None:
    world = a_world()
    id = world.in_status(Status.PENDING)
    world.test(id)
    world.test(id, "Admin-1")
    *_, all_of_mine, one = history = world.history(id)
    assert (all_of_mine.move, all_of_mine.actor, all_of_mine.reason) == (
        "test",
        "provider:p1",
        "3 devices",
    )
    assert (one.move, one.reason) == ("test", "1 device")
    assert {one.origin, one.status} == {Status.PENDING}
    assert broken_links(history) == []
    world.approve(id)
    world.drain()
    assert world.status(id) is Status.APPROVED


def test_a_test_is_told_apart_from_the_real_push_and_from_other_tests() -> None:
    world = a_world("Admin-1")
    id = world.in_status(Status.PENDING)
    world.test(id)
    world.test(id)
    world.approve(id)
    world.drain()
    ids = [payload.id for payload, to in world.push.requests if to.value == "mine-1"]
    assert len(set(ids)) == len(ids) == 3
    assert ids[-1] == id


def test_named_devices_are_sent_to_once_each() -> None:
    world = a_world()
    results = world.test(world.in_status(Status.DRAFT), "Admin-2", "Admin-2")
    assert list(results) == ["Admin-2"]
    assert [to.value for _, to in world.push.requests] == ["mine-2"]


@pytest.mark.parametrize("hwid", ["admin-1", "Admin-1 ", "phone-1", "nobody"])
def test_nobody_else_is_sent_to(hwid: str) -> None:
    world = a_world()
    id = world.in_status(Status.PENDING)
    before = world.history(id)
    with pytest.raises(InvalidInput) as refused:
        world.test(id, "Admin-1", hwid)
    assert fields_of(refused.value) == {"hwids.1": "notAdminHwid"}
    assert not world.push.requests
    assert world.history(id) == before


def test_an_unverified_domain_or_one_without_admin_devices_has_nobody_to_send_to() -> None:
    world = a_world()
    id = world.in_status(Status.DRAFT)
    for domain in (a_domain(is_verified=False, admin_hwids=MINE), a_domain()):
        world.providers.put_domain(domain)
        with pytest.raises(InvalidInput) as refused:
            world.test(id)
        assert fields_of(refused.value) == {"hwids": "notAdminHwid"}
    assert not world.push.requests


def test_an_admin_device_that_is_not_on_a_domain_of_the_provider_is_not_reached() -> None:
    world = a_world("elsewhere", "nobody")
    world.add(a_device("elsewhere", domains=("other.com",)))
    results = world.test(world.in_status(Status.DRAFT))
    assert {(it.outcome, it.code) for it in results.values()} == {
        (Outcome.SKIPPED, "unknownDevice")
    }
    assert not world.push.requests


@pytest.mark.parametrize("status", [Status.SENDING, Status.APPROVED, Status.REJECTED])
def test_what_is_decided_cannot_be_tested_any_more(status: Status) -> None:
    world = a_world()
    id = world.in_status(Status.PENDING)
    if status is Status.REJECTED:
        world.reject(id)
    else:
        world.approve(id)
    if status is Status.APPROVED:
        world.drain()
    with pytest.raises(WrongState):
        world.test(id)


def test_another_providers_is_as_if_it_were_not_there() -> None:
    world = a_world()
    with pytest.raises(NotFound):
        world.test(world.in_status(Status.DRAFT), by="p2")


def test_a_draft_without_texts_is_refused_with_what_is_missing_and_needs_no_target() -> None:
    world = a_world("Admin-1")
    bare = world.create(NotificationInput(draft=True))["id"]
    with pytest.raises(InvalidInput) as refused:
        world.test(bare)
    assert fields_of(refused.value) == {"title": "required", "body": "required"}
    words = world.create(NotificationInput(draft=True, title="Sale", body="Now"))["id"]
    assert world.test(words)["Admin-1"].outcome is Outcome.DELIVERED


def test_without_premium_no_test_is_sent() -> None:
    world = a_world()
    id = world.in_status(Status.DRAFT)
    world.providers.put(a_provider(is_premium=False))
    with pytest.raises(Forbidden):
        world.test(id)


def test_while_the_platform_is_stopped_no_test_is_sent() -> None:
    world = a_world()
    id = world.in_status(Status.DRAFT)
    world.stop_switch.turn(True, "o1", "", NOON)
    with pytest.raises(TryAgain):
        world.test(id)
    assert not world.push.requests


# ---- limits ----------------------------------------------------------------------------------


def test_each_device_of_a_test_counts_as_an_admin_send_of_the_hour() -> None:
    world = a_world()
    world.providers.put(a_provider(limits=(("adminSendsPerHour", 4),)))
    id = world.in_status(Status.DRAFT)
    world.test(id)
    with pytest.raises(TooMany) as refused:
        world.test(id, "Admin-1", "Admin-2")
    assert refused.value.code == "adminSendsPerHourReached"
    world.test(id, "Admin-1")
    assert len(world.push.requests) == 3
    world.clock.advance(3600)
    world.test(id)


def test_a_test_takes_no_more_devices_a_day_than_may_be_sent_to_unmoderated() -> None:
    many = [f"admin-{n}" for n in range(MOST_DEVICES_PER_DAY + 1)]
    world = a_world(*many[:10])
    for name, some in (("b.com", many[10:20]), ("c.com", many[20:])):
        world.providers.put_domain(a_domain(name, admin_hwids=tuple(some)))
    id = world.in_status(Status.DRAFT)
    with pytest.raises(InvalidInput) as refused:
        world.test(id)
    assert fields_of(refused.value) == {"hwids": "tooMany"}
    world.test(id, *many[:20])
    with pytest.raises(TooMany) as too_many:
        world.test(id, many[20])
    assert too_many.value.code == "adminDevicesPerDayReached"
    world.test(id, *many[:20])


def test_what_is_refused_takes_no_place() -> None:
    world = a_world()
    world.providers.put(a_provider(limits=(("adminSendsPerHour", 3),)))
    id = world.in_status(Status.DRAFT)
    with pytest.raises(InvalidInput):
        world.test(id, "phone-1")
    assert len(world.test(id)) == 3


# ---- what it comes to ------------------------------------------------------------------------


def test_an_unknown_address_is_told_and_not_dropped(caplog: pytest.LogCaptureFixture) -> None:
    world = a_world("Admin-1", "Admin-2")
    world.push.will("mine-1", address_gone())
    world.push.will("mine-2", misconfigured())
    results = world.test(world.in_status(Status.DRAFT))
    assert {hwid: it.outcome for hwid, it in results.items()} == {
        "Admin-1": Outcome.FAILED,
        "Admin-2": Outcome.FAILED,
    }
    kept = world.devices.get("Admin-1")
    assert kept is not None
    assert kept.address is not None
    assert caplog.records == []


def test_what_is_not_taken_now_failed_and_what_may_have_arrived_is_unknown() -> None:
    world = a_world("Admin-1", "Admin-2")
    world.push.will("mine-1", busy())
    world.push.will("mine-2", lost())
    results = world.test(world.in_status(Status.DRAFT))
    assert results["Admin-1"].outcome is Outcome.FAILED
    assert results["Admin-2"].outcome is Outcome.UNKNOWN
    assert len(world.push.requests) == 2


def test_a_device_without_consent_or_address_is_skipped() -> None:
    world = a_world("Admin-1", "Admin-2")
    world.devices.set_consent("Admin-1", False)
    world.devices.set_address("Admin-2", None)
    results = world.test(world.in_status(Status.DRAFT))
    assert {hwid: (it.outcome, it.code) for hwid, it in results.items()} == {
        "Admin-1": (Outcome.SKIPPED, "consent"),
        "Admin-2": (Outcome.SKIPPED, "noAddress"),
    }
    assert not world.push.requests


def test_a_push_service_that_says_nothing_keeps_nobody_waiting() -> None:
    world = a_world("Admin-1")
    answered = Event()

    class Silent:
        def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
            assert answered.wait(60)
            return [Accepted()] * len(pushes)

    world.parts.senders = MemorySenders({AddressKind.FCM: Silent()})
    id = world.in_status(Status.DRAFT)
    try:
        result = world.test(id, seconds=0.0)["Admin-1"]
    finally:
        answered.set()
    assert (result.outcome, result.code) == (Outcome.UNKNOWN, "answerLost")


def test_a_desktop_shows_the_test_until_something_newer_comes() -> None:
    world = a_world("desk")
    id = world.in_status(Status.PENDING)
    assert world.test(id)["desk"].outcome is Outcome.DELIVERED
    shown = world.devices.pending("desk", world.clock.now())
    assert shown is not None
    assert shown["id"] != id
    world.clock.advance(1)
    world.approve(id)
    world.drain()
    shown = world.devices.pending("desk", world.clock.now())
    assert shown is not None
    assert shown["id"] == id


def test_a_desktop_that_shows_something_newer_keeps_it() -> None:
    world = a_world("desk")
    newer = Slot("real", NOON + timedelta(seconds=30))
    fields = {"pendingNotificationId": newer.id, "pendingNotificationAt": newer.at}
    world.database.commit([Merge(f"{DEVICES}/desk", fields)])
    results = world.test(world.in_status(Status.DRAFT))
    assert (results["desk"].outcome, results["desk"].code) == (Outcome.SKIPPED, "superseded")
    kept = world.devices.get("desk")
    assert kept is not None
    assert kept.slot == newer


def test_an_edit_between_reading_and_sending_is_what_is_sent() -> None:
    world = a_world("Admin-1")
    id = world.in_status(Status.DRAFT)
    world.edit(id, an_input(title="Newer"))
    world.test(id)
    ((payload, _),) = world.push.requests
    assert texts(payload)[0] == "Newer"
