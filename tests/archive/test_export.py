"""The export of a notification: everything once, whatever dies meanwhile, and nothing else."""

import gzip
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.memory.archive import MemoryArchive
from shared.domain.archive.lines import device_of
from shared.domain.archive.objects import MOST_LINES, Kind, place_of
from shared.domain.delivery.ledger import BatchState
from shared.domain.errors import NotFound, TryAgain, WrongState
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.flow.archive.export import (
    MOST_AT_ONCE,
    NEXT_LOOK,
    SETTLED_AFTER,
    ExportQueue,
    queue_exports,
)
from shared.ports import ArchiveFault, Put
from shared.ports.database import LostAnswer
from tests.archive.parts import N1, N2, World, closed_batches
from tests.builders import NOON, PROVIDER, a_notification
from tests.flow.hazard import Blow, Crash, Fault
from tests.flow.waits import shorten_waits
from tests.needs import only
from tests.notification_documents import alter
from tests.parts import put_batches


def lines_of(world: World, kind: Kind) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for name in sorted(world.archive.objects)
        if (place := place_of(name)) and place.kind is kind
        for line in gzip.decompress(world.archive.objects[name]).splitlines()
    ]


def test_every_transition_and_every_outcome_is_one_line() -> None:
    world = World()
    world.ended(devices=7)
    world.export()
    history = lines_of(world, Kind.TRANSITIONS)
    assert [(it["from"], it["to"], it["actor"]) for it in history] == [
        (None, "pending", "provider:p1"),
        ("pending", "sending", "moderator:m1"),
        ("sending", "approved", "provider:p1"),
    ]
    outcomes = lines_of(world, Kind.OUTCOMES)
    assert Counter(it["outcome"] for it in outcomes) == {
        "delivered": 4,
        "failed": 1,
        "skipped": 1,
        "unknown": 1,
    }
    assert outcomes[2]["code"] == "unregistered"
    assert outcomes[0]["device"] == device_of("p1", "hwid-000000000")
    (final,) = lines_of(world, Kind.NOTIFICATIONS)
    assert (final["status"], final["targetedCount"]) == ("approved", 7)


def test_no_hwid_and_no_address_of_the_sender_is_in_the_archive() -> None:
    world = World()
    world.ended()
    world.export()
    everything = b"".join(gzip.decompress(it) for it in world.archive.objects.values())
    assert b"hwid-0" not in everything
    assert b"@" not in everything


def test_names_say_kind_provider_and_day() -> None:
    world = World()
    world.ended()
    world.export()
    assert [name.rpartition("/")[0] for name in sorted(world.archive.objects)] == [
        "kind=notifications/provider=p1/dt=2026-01-01",
        "kind=outcomes/provider=p1/dt=2026-01-01",
        "kind=transitions/provider=p1/dt=2026-01-01",
    ]


@pytest.mark.parametrize("move", ["cancel", "reject"])
def test_what_never_was_sent_is_archived_too(move: str) -> None:
    world = World()
    world.notifications.create(a_notification("n1", None).submit(PROVIDER, NOON, admin_hwid=False))
    world.notifications.change(
        N1,
        lambda it: (
            it.cancel(PROVIDER, NOON) if move == "cancel" else it.reject(PROVIDER, NOON, "no")
        ),
    )
    assert queue(world) == 1
    world.export()
    assert lines_of(world, Kind.OUTCOMES) == []
    assert len(lines_of(world, Kind.TRANSITIONS)) == 2


def queue(world: World) -> int:
    return queued(world).due


def queued(world: World) -> ExportQueue:
    return queue_exports(
        needs=only(notifications=world.notifications, tasks=world.tasks, clock=world.clock)
    )


def test_what_has_not_ended_is_refused() -> None:
    world = World()
    world.notifications.create(a_notification("n1", None).submit(PROVIDER, NOON, admin_hwid=False))
    assert queue(world) == 0
    with pytest.raises(WrongState):
        world.export()
    with pytest.raises(NotFound):
        world.export(NotificationId("none"))
    assert world.archive.objects == {}


def test_tick_enqueues_what_ended_once_and_again_only_after_an_hour() -> None:
    world = World()
    world.ended(N1)
    world.ended(N2)
    assert queue(world) == 2
    assert [task.payload for task in world.tasks.tasks] == [
        {"notificationId": "n1"},
        {"notificationId": "n2"},
    ]
    assert queue(world) == 0
    world.clock.advance(3601)
    world.export(N1)
    assert queue(world) == 1


def test_one_that_cannot_be_read_does_not_keep_the_others_waiting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.ended(N1)
    world.ended(N2)
    alter(world.database, "n1", status="who knows")
    queue(world)
    assert [task.payload for task in world.tasks.tasks] == [{"notificationId": "n2"}]
    assert "cannot be exported: notification n1" in caplog.text


def test_many_that_cannot_be_read_do_not_stand_before_everything_that_ended_later() -> None:
    world = World()
    for number in range(MOST_AT_ONCE):
        id = f"broken-{number:03d}"
        world.notifications.create(
            a_notification(id, None).submit(PROVIDER, NOON, admin_hwid=False)
        )
        world.notifications.change(NotificationId(id), lambda it: it.cancel(PROVIDER, NOON))
        alter(world.database, id, status="who knows")
    world.ended(N1)
    assert queued(world) == ExportQueue(due=MOST_AT_ONCE, unreadable=MOST_AT_ONCE)
    assert world.tasks.tasks == []
    assert queued(world) == ExportQueue(due=1, unreadable=0)
    assert [task.payload for task in world.tasks.tasks] == [{"notificationId": "n1"}]
    world.clock.advance(NEXT_LOOK.total_seconds() + 1)
    assert queued(world).unreadable == MOST_AT_ONCE


class Fickle(MemoryArchive):
    """Takes nothing and claims to have it."""

    def put_new(self, name: str, content: bytes) -> Put:
        return Put.ALREADY_THERE


def test_an_object_that_is_only_said_to_be_there_is_not_taken_as_written() -> None:
    world = World(archive=Fickle())
    world.ended()
    with pytest.raises(TryAgain, match="not any more"):
        world.export()
    mark = world.exports.get(N1)
    assert mark is None or mark.sealed_at is None


def test_exporting_again_writes_nothing_more() -> None:
    world = World()
    world.ended()
    world.export()
    before = dict(world.archive.objects)
    world.export()
    assert world.archive.objects == before
    assert queue(world) == 0


def test_objects_are_bounded_and_numbered() -> None:
    world = World()
    world.ended(devices=25_000)
    mark = world.export()
    assert mark is not None
    outcomes = [it for it in mark.objects if Kind.OUTCOMES in it.name]
    assert [it.lines for it in outcomes] == [MOST_LINES, MOST_LINES, 5_000]
    places = [place_of(it.name) for it in outcomes]
    assert [place.sequence for place in places if place] == [1, 2, 3]


def test_an_export_that_takes_long_hands_over_and_goes_on_where_it_was() -> None:
    world = World()
    world.ended(devices=60, size=1)
    assert world.export(until=world.clock.now()) is None
    assert len(world.archive.objects) == 1
    assert len(world.tasks.tasks) == 1
    assert world.export() is not None
    assert len(lines_of(world, Kind.OUTCOMES)) == 60


def test_a_stopped_one_waits_until_its_last_batch_is_closed() -> None:
    world = World()
    world.ended(devices=0)
    alter(world.database, "n1", status=str(Status.STOPPED))
    (batch,) = closed_batches(N1, 5)
    put_batches(world.database, replace(batch, state=BatchState.OPEN))
    with pytest.raises(TryAgain):
        world.export()
    world.ledger.write(world.ledger.batch(N1, batch.id).closed())
    world.clock.advance(SETTLED_AFTER.total_seconds())
    assert world.export() is not None
    assert world.notifications.get(N1).tally.targeted == 5


# ---- dying ---------------------------------------------------------------------------------------


def run(world: World) -> None:
    """Export and close the day, again and again until both are done."""
    for _ in range(5):
        try:
            for id in (N1, N2):
                world.export(id)
        except (Crash, TryAgain):
            continue
        break
    world.next_day()
    for _ in range(5):
        try:
            world.close_day()
        except (Crash, TryAgain):
            continue
        return


def two_ended() -> World:
    world = World()
    world.ended(N1, devices=45, size=1)
    world.ended(N2, devices=0)
    return world


def calls() -> int:
    world = two_ended()
    run(world)
    assert world.codes(deep=True) == set()
    return world.hazard.calls


@pytest.mark.parametrize("blow", Blow)
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("raises", [Crash, TryAgain, LostAnswer])
def test_dying_at_any_call_exports_everything_exactly_once(
    blow: Blow, again: bool, raises: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_waits(monkeypatch)
    calm = two_ended()
    run(calm)
    for number in range(1, calls() + 1):
        world = two_ended()
        world.hazard.strike(number, Fault(blow, again, raises))
        run(world)
        assert world.hazard.crashes >= 1
        assert world.codes(deep=True) == set(), world.hazard.trace[number - 1]
        objects = {n for n in world.archive.objects if place_of(n)}
        assert objects == {n for n in calm.archive.objects if place_of(n)}
        listed = Counter(
            it["name"]
            for name, text in world.archive.objects.items()
            if name.startswith("kind=manifests/")
            for it in json.loads(text)["objects"]
        )
        assert listed == Counter(objects)


def test_an_object_of_that_name_with_other_content_stops_the_export_with_its_remedy() -> None:
    world = World()
    world.ended()
    world.export()
    name = min(world.archive.objects)
    other = World()
    other.ended()
    other.archive.objects[name] = world.archive.objects[name][:30]
    with pytest.raises(ArchiveFault, match="half-written or altered") as told:
        other.export()
    assert "move it out of the archive" in told.value.remedy
    del other.archive.objects[name]
    other.export()
    assert other.archive.objects == world.archive.objects


def test_two_exports_at_once_come_to_the_same() -> None:
    world = World()
    world.ended(devices=45, size=1)
    rivals = [0]

    def meanwhile(name: str) -> None:
        if name == "archive.put_new" and rivals[0] < 2:
            rivals[0] += 1
            world.export()

    world.hazard.watch(meanwhile)
    with pytest.raises(TryAgain, match="elsewhere"):
        world.export()
    world.hazard.forget_watchers()
    world.export()
    assert len(lines_of(world, Kind.OUTCOMES)) == 45
    assert len(world.archive.objects) == 5


def test_the_same_lines_are_the_same_bytes() -> None:
    first, second = World(), World()
    for world in (first, second):
        world.ended()
        world.export()
    assert first.archive.objects == second.archive.objects
    assert first.archive.put_new(min(first.archive.objects), b"") is Put.ALREADY_THERE


def test_the_day_is_that_of_the_end_however_late_it_is_exported() -> None:
    world = World()
    world.ended()
    world.clock.set(world.clock.now() + timedelta(days=40))
    mark = world.export()
    assert mark is not None
    assert {place.day.isoformat() for it in mark.objects if (place := place_of(it.name))} == {
        "2026-01-01"
    }
