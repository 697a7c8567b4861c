"""Why a device got a notification, or did not."""

from datetime import timedelta

import pytest

from shared.domain.delivery.ledger import Outcome
from shared.domain.notifications.notification import NotificationId
from shared.flow.audience.devices import written
from shared.flow.delivery.explain import Explanation, explain
from tests.builders import NOON, a_desktop, a_device, a_domain, a_segment, an_input
from tests.flow.push import busy, refused
from tests.flow.world import World
from tests.parts import merge_device


def explained(world: World, id: NotificationId, hwid: str) -> Explanation:
    p = world.parts
    return explain(world.get(id), hwid, needs=p)


def turn_odd(world: World, hwid: str, odd: dict[str, object]) -> None:
    """Write these fields as another back end does; the event of that write arrives."""
    merge_device(world.database, hwid, odd)
    written(hwid, devices=world.devices)


def test_a_device_that_got_it_is_explained_by_its_record() -> None:
    world = World([a_device(f"phone-{n}") for n in range(60)], page_size=7)
    world.push.will("token-phone-9", busy(), refused())
    it = world.sent()
    why = explained(world, it.id, "phone-9")
    assert (why.targeted, why.planned, why.is_known) == (True, True, True)
    assert why.record is not None
    assert (why.record.outcome, why.record.code) == (Outcome.FAILED, "INVALID_ARGUMENT")
    assert why.record.at == NOON + timedelta(seconds=15)
    (batch,) = (b for b in world.batches(it.id) if b.id == why.batch)
    assert "phone-9" in {target.hwid for target in batch.targets}
    assert why.attempts == 2


def test_every_device_of_many_batches_parts_and_queries_is_found() -> None:
    regions = tuple(f"{a}{b}" for a in "abcdef" for b in "abcdef")
    there = [a_device(f"phone-{n}", locale=regions[n % 36]) for n in range(60)]
    world = World(there, page_size=7, times=1_000)
    it = world.sent(an_input(target_segment=a_segment(region=regions)))
    assert {batch.stream for batch in world.batches(it.id)} == {0, 1}
    assert all(explained(world, it.id, hwid).targeted for hwid in world.targets)


def test_a_device_left_out_is_explained_by_every_filter_that_missed_it() -> None:
    world = World([a_device(), a_device("phone-2", platform="ios", app_version="1")])
    it = world.sent(an_input(target_segment=a_segment(app_version="2.5.6")))
    why = explained(world, it.id, "phone-2")
    assert (why.targeted, why.misses, why.record) == (False, ("appVersion",), None)


def test_a_device_that_reads_another_language_is_told_so() -> None:
    locales = {"lisbon": "pt_PT", "rio": "pt-BR", "vienna": "de_AT", "unknown": ""}
    world = World([a_device(hwid, locale=locale) for hwid, locale in locales.items()])
    it = world.sent(an_input(target_segment=a_segment(languages=("pt-BR", "is"))))
    told = {hwid: explained(world, it.id, hwid).misses for hwid in locales}
    assert told == dict.fromkeys(locales, ("languages",)) | {"rio": ()}


def test_domains_are_judged_as_they_were_when_it_was_planned() -> None:
    world = World([a_device(), a_device("phone-2", domains=("new.com",))])
    it = world.sent()
    world.providers.put_domain(a_domain("new.com"))
    assert explained(world, it.id, "phone-2").misses == ("domain",)


def test_activity_is_judged_as_of_the_sending() -> None:
    world = World(
        [
            a_device("phone-1", app_version="1"),
            a_device("phone-2", app_version="1", last_active_at=NOON - timedelta(days=8)),
        ]
    )
    it = world.sent(an_input(target_segment=a_segment(active_days=7, app_version="2.5.6")))
    world.clock.advance(timedelta(days=30))
    assert explained(world, it.id, "phone-1").misses == ("appVersion",)
    assert explained(world, it.id, "phone-2").misses == ("activeDays", "appVersion")


def test_an_unknown_device_is_said_to_be_unknown() -> None:
    world = World([a_device()])
    why = explained(world, world.sent().id, "nobody")
    assert (why.targeted, why.is_known, why.misses) == (False, False, ("device",))


def test_a_device_deleted_since_is_still_explained() -> None:
    world = World([a_device()])
    it = world.sent()
    world.devices.delete("phone-1")
    why = explained(world, it.id, "phone-1")
    assert (why.targeted, why.is_known) == (True, False)


def test_before_it_is_planned_the_filters_are_judged_as_of_now() -> None:
    world = World([a_device(), a_device("phone-2", domains=("unverified.com",))])
    world.providers.put_domain(a_domain("unverified.com", is_verified=False))
    id = world.create()["id"]
    assert explained(world, id, "phone-1").misses == ()
    assert not explained(world, id, "phone-1").planned
    assert explained(world, id, "phone-2").misses == ("domain",)


def test_of_a_device_on_another_tenants_domains_alone_nothing_is_told() -> None:
    world = World([a_device(), a_device("phone-2", domains=("other.com",))])
    id = world.create()["id"]
    assert explained(world, id, "phone-2") == explained(world, id, "no-such-device")


def test_a_provider_learns_of_a_device_it_does_not_reach_no_more_than_of_none() -> None:
    world = World([a_device(), a_device("phone-2", domains=("unverified.com",))])
    world.providers.put_domain(a_domain("unverified.com", is_verified=False))
    id = world.create()["id"]
    foreign, none = explained(world, id, "phone-2"), explained(world, id, "no-such-device")
    assert (foreign.is_known, foreign.misses) == (True, ("domain",))
    assert foreign.for_provider() == none.for_provider() == none
    own = explained(world, id, "phone-1")
    assert own.for_provider() == own


def test_of_a_device_that_was_targeted_its_provider_learns_all_whatever_it_misses_today() -> None:
    why = Explanation(targeted=True, planned=True, is_known=True, misses=("domain",), attempts=2)
    assert why.for_provider() == why


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ({"consent": "yes"}, "consent"),
        ({"pushAddress": "token", "fcmToken": None}, "pushAddress"),
        ({"pushAddress": None, "fcmToken": 7}, "fcmToken"),
        ({"pushAddress": {"kind": "pigeon", "value": "t"}, "fcmToken": None}, "pushAddress"),
        ({"domains": "example.com"}, "domains"),
        ({"domains": {"0": "example.com"}}, "domains"),
        ({"pushAddress": None, "fcmToken": None, "platform": 7}, "platform"),
    ],
)
@pytest.mark.parametrize("by_name", [True, False])
def test_a_device_that_cannot_be_read_is_targeted_and_told_which_field_it_was(
    odd: dict[str, object], named: str, by_name: bool
) -> None:
    world = World([a_device("phone-1"), a_device("odd")])
    turn_odd(world, "odd", odd)
    it = world.sent(an_input(target_segment=a_segment(hwid="odd" if by_name else None)))
    why = explained(world, it.id, "odd")
    assert (why.targeted, why.is_known, why.unreadable) == (True, True, (named,))
    assert why.record
    assert (why.record.outcome, why.record.code) == (Outcome.SKIPPED, "unreadable")
    assert "token-odd" not in world.push.reached(it.id)
    if not by_name:
        assert (it.tally.targeted, it.tally.delivered, it.tally.skipped) == (2, 1, 1)


@pytest.mark.parametrize("at", ["soon", 1_772_366_400_000, NOON.replace(tzinfo=None)])
def test_a_desktop_whose_slot_cannot_be_read_gets_its_next_notification(at: object) -> None:
    world = World([a_desktop("odd")])
    turn_odd(world, "odd", {"pendingNotificationAt": at, "pendingNotificationId": "n0"})
    id = world.approved()
    assert explained(world, id, "odd").unreadable == ("pendingNotificationAt",)
    world.drain()
    assert world.get(id).tally.delivered == 1
    assert explained(world, id, "odd").unreadable == ()
    assert world.database.collection("devices")["odd"]["pendingNotificationId"] == id


def test_a_device_on_another_domain_now_gets_nothing_of_the_one_it_left() -> None:
    world = World([a_device("phone-1"), a_device("odd")])
    turn_odd(world, "odd", {"domains": ["other.com"], "platform": 7, "consent": None})
    it = world.sent()
    assert it.tally.targeted == 1
    assert explained(world, it.id, "odd").misses == ("device",)
