"""``Idempotency-Key``: the same request twice is one notification and one answer."""

import pytest

from shared.domain.errors import InProgress
from shared.domain.notifications.lifecycle import Status
from shared.flow.notifications.once import KeyReused, Once
from tests.builders import a_device, a_domain, a_segment, an_input
from tests.flow.hazard import Blow, Crash
from tests.flow.world import World
from tests.notification_documents import records

TO_ADMIN = an_input(target_segment=a_segment(hwid="Admin-1"))


def once(key: str = "key-1", body: object = "body", by: str = "p1") -> Once:
    return Once.of(by, key, "create", body)


def with_admin() -> World:
    world = World([a_device("Admin-1")])
    world.providers.put_domain(a_domain(admin_hwids=("Admin-1",)))
    return world


def test_a_repeated_request_gets_the_first_answer() -> None:
    world = World()
    first = world.create(once=once())
    world.approve(first["id"])
    assert world.create(once=once()) == first
    assert len(records(world.database)) == 1


def test_the_order_of_names_in_a_body_does_not_make_it_another() -> None:
    assert once(body={"a": 1, "b": 2}) == once(body={"b": 2, "a": 1})


def test_the_same_key_with_another_body_is_refused() -> None:
    world = World()
    world.create(once=once())
    with pytest.raises(KeyReused):
        world.create(once=once(body="another"))
    assert len(records(world.database)) == 1


def test_the_same_key_at_another_endpoint_is_refused() -> None:
    world = World()
    world.create(once=once())
    with pytest.raises(KeyReused):
        world.create(once=Once.of("p1", "key-1", "duplicate", "body"))


def test_the_same_key_of_another_provider_is_another_key() -> None:
    world = World()
    mine, theirs = world.create(once=once()), world.create(once=once(by="p2"), by="p2")
    assert mine["id"] != theirs["id"]


def test_without_keys_every_request_is_its_own() -> None:
    world = World()
    assert world.create()["id"] != world.create()["id"]


def test_an_admin_delivery_is_replayed_with_its_final_answer_and_sent_once() -> None:
    world = with_admin()
    first = world.create(TO_ADMIN, once=once())
    assert first["status"] == Status.APPROVED
    assert world.create(TO_ADMIN, once=once()) == first
    assert world.push.reached(first["id"]) == {"token-Admin-1": 1}


def test_a_repeat_while_the_first_is_being_handled_is_told_so() -> None:
    world = with_admin()
    seen: list[type[Exception]] = []

    def repeat(call: str) -> None:
        if call == "push.send":
            with pytest.raises(InProgress) as refusal:
                world.create(TO_ADMIN, once=once())
            seen.append(refusal.type)

    world.hazard.watch(repeat)
    world.create(TO_ADMIN, once=once())
    assert seen == [InProgress]


def test_two_requests_that_start_together_make_one_notification() -> None:
    world = World()
    rivals: list[object] = []

    def race(call: str) -> None:
        if call == "notifications.create" and not rivals:
            rivals.append(world)
            rivals.append(world.create(once=once()))

    world.hazard.watch(race)
    answer = world.create(once=once())
    assert answer == rivals[1]
    assert len(records(world.database)) == 1


def test_an_abandoned_first_attempt_is_answered_from_the_record() -> None:
    world = with_admin()
    world.hazard.strike_at("push.send", Blow.AFTER)
    with pytest.raises(Crash):
        world.create(TO_ADMIN, once=once())
    with pytest.raises(InProgress):
        world.create(TO_ADMIN, once=once())
    world.clock.advance(30)
    answer = world.create(TO_ADMIN, once=once())
    assert answer["status"] == Status.SENDING
    world.drain()
    assert world.status(answer["id"]) is Status.APPROVED
    assert world.create(TO_ADMIN, once=once()) == answer


@pytest.mark.parametrize("blow", Blow)
def test_a_first_attempt_that_died_writing_can_be_repeated(blow: Blow) -> None:
    world = World()
    world.hazard.strike_at("notifications.create", blow)
    with pytest.raises(Crash):
        world.create(once=once())
    assert world.create(once=once())["status"] == Status.PENDING
    assert len(records(world.database)) == 1
