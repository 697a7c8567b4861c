"""What a verification finds among the objects: altered, removed, added or forged, by its name."""

import gzip
from collections.abc import Callable
from datetime import date

import pytest

from shared.domain.archive.life import Life
from shared.domain.archive.manifest import name_of
from shared.domain.archive.objects import MOST_UNPACKED, Kind, Place
from shared.domain.notifications.notification import NotificationId
from shared.flow.archive.replay import replay
from shared.flow.archive.verify import Verifier
from tests.archive.parts import N1, N2, World
from tests.archive.tampering import an_object, places_of, rewritten
from tests.flow.hazard import guarded


def test_an_archive_nobody_touched_agrees_with_firestore() -> None:
    report = World().archived(N1, N2, devices=23).verify(deep=True)
    assert report.wrong == []
    assert (report.manifests, report.objects, report.notifications) == (1, 6, 2)
    assert report.lines == 2 * (23 + 3 + 1)


def test_what_was_sealed_today_is_verified_before_its_manifest_is_written() -> None:
    world = World()
    world.ended()
    world.export()
    report = world.verify()
    assert (report.wrong, report.waiting, report.objects) == ([], 3, 3)
    del world.archive.objects[an_object(world, Kind.OUTCOMES)]
    assert "missing" in world.codes()


def test_an_empty_archive_is_fine() -> None:
    assert World().verify().wrong == []


# ---- lines and objects ---------------------------------------------------------------------------


def test_an_altered_outcome_is_named_by_its_line() -> None:
    world = World().archived()
    name = an_object(world, Kind.OUTCOMES)

    def change(lines: list[str]) -> None:
        lines[2] = lines[2].replace('"failed"', '"delivered"')

    rewritten(world, name, change)
    assert places_of(world, "altered") == [f"{name} line 3"]
    assert "counters" in world.codes()


def test_an_altered_actor_breaks_the_history_at_its_number() -> None:
    world = World().archived()
    name = an_object(world, Kind.TRANSITIONS)

    def change(lines: list[str]) -> None:
        lines[1] = lines[1].replace("moderator:m1", "moderator:m2")

    rewritten(world, name, change)
    assert places_of(world, "altered") == [f"{name} line 2"]
    told = [it.what for it in world.verify().wrong if it.code == "brokenHistory"]
    assert told == ["transition 2 does not follow from the one before it"]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b"", lambda b: b"\0" + b[1:]])
def test_a_damaged_object_is_named(kind: Kind, damage: Callable[[bytes], bytes]) -> None:
    world = World().archived()
    name = an_object(world, kind)
    world.archive.objects[name] = damage(world.archive.objects[name])
    assert name in {where.split(" line ")[0] for where in places_of(world, "altered")}


@pytest.mark.parametrize("kind", Kind)
def test_a_missing_object_is_named(kind: Kind) -> None:
    world = World().archived()
    name = an_object(world, kind)
    del world.archive.objects[name]
    assert places_of(world, "missing") == [name]


def test_a_notification_that_is_gone_altogether_is_missed() -> None:
    world = World().archived(N1, N2)
    gone = [name for name in world.archive.objects if "/n2-" in name]
    for name in gone:
        del world.archive.objects[name]
    assert places_of(world, "missing") == sorted(gone)


def test_an_object_nobody_exported_is_named() -> None:
    world = World().archived()
    other = World().archived(N2)
    name = an_object(other, Kind.OUTCOMES, "n2")
    world.archive.objects[name] = other.archive.objects[name]
    assert places_of(world, "unlisted") == [name]
    world.archive.objects["notes.txt"] = b"hello"
    assert places_of(world, "unknown") == ["notes.txt"]


def test_an_object_nobody_exported_that_cannot_be_read_is_named_in_a_deep_look_too() -> None:
    world = World().archived()
    name = an_object(world, Kind.OUTCOMES)
    twin = name.replace(name[-26:-10], "0" * 16)
    world.archive.objects[twin] = b"not packed"
    assert twin in places_of(world, "altered", deep=True)


def test_a_second_object_of_a_number_is_named_and_not_counted() -> None:
    """So looks what an export leaves that died while a version with other lines was deployed."""
    world = World().archived()
    name = an_object(world, Kind.OUTCOMES)
    twin = name.replace(name[-26:-10], "0" * 16)
    world.archive.objects[twin] = world.archive.objects[name]
    assert [(it.code, it.where) for it in world.verify().wrong] == [("unlisted", twin)]
    assert "twice" in {it.code for it in replay(N1, world.archive, Life())}


@pytest.mark.parametrize(
    "packed",
    [
        lambda whole: whole + gzip.compress(b""),
        lambda whole: whole + b"\0" * 8,
        lambda whole: b"".join(gzip.compress(it) for it in _halves(gzip.decompress(whole))),
    ],
)
def test_an_object_packed_so_that_readers_may_differ_is_named(
    packed: Callable[[bytes], bytes],
) -> None:
    world = World().archived()
    name = an_object(world, Kind.OUTCOMES)
    world.archive.objects[name] = packed(world.archive.objects[name])
    assert places_of(world, "altered") == [name]


def _halves(content: bytes) -> tuple[bytes, bytes]:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[:3]), b"".join(lines[3:])


def test_an_object_that_unpacks_without_end_does_not_choke_its_reader() -> None:
    world = World().archived()
    name = an_object(world, Kind.OUTCOMES)
    world.archive.objects[name] = gzip.compress(bytes(MOST_UNPACKED + 1), 1)
    assert places_of(world, "altered") == [name]


def test_two_objects_that_changed_places_are_both_named() -> None:
    world = World().archived(N1, N2)
    one, two = (an_object(world, Kind.OUTCOMES, id) for id in (N1, N2))
    objects = world.archive.objects
    objects[one], objects[two] = objects[two], objects[one]
    assert {one, two} <= {where.split(" line ")[0] for where in places_of(world, "altered")}
    told = [it.what for it in world.verify().wrong if "another notification" in it.what]
    assert len(told) == 2
    assert told[0].endswith("; and 6 lines more cannot be ours")


@pytest.mark.parametrize("id", ["a/b", "..", "__x__", "nobody"])
def test_an_object_of_a_notification_that_nobody_has_is_one_finding(id: str) -> None:
    world = World().archived()
    name = Place(Kind.OUTCOMES, "p1", date(2026, 1, 1), NotificationId(id), 1).name("0" * 64)
    world.archive.objects[name] = world.archive.objects[an_object(world, Kind.OUTCOMES)]
    assert [(it.code, it.where) for it in world.verify().wrong] == [("unlisted", name)]


@pytest.mark.parametrize(
    "name",
    [
        "kind=manifests/00000000.json",
        "kind=manifests/\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff11.json",
        "kind=outcomes/provider=%701/dt=2026-01-01/n1-00001-0123456789abcdef.ndjson.gz",
        "kind=outcomes/provider=p1/dt=2026-01-01/n1-000001-0123456789abcdef.ndjson.gz",
    ],
)
def test_a_name_that_is_only_nearly_ours_is_named(name: str) -> None:
    world = World().archived()
    world.archive.objects[name] = world.archive.objects[name_of(1)]
    assert places_of(world, "unknown") == [name]


# ---- meanwhile -----------------------------------------------------------------------------------


@pytest.mark.parametrize("happens", ["export", "close_day"])
@pytest.mark.parametrize("number", range(1, 13))
def test_what_is_archived_during_a_verification_is_no_finding(happens: str, number: int) -> None:
    world = World().archived()
    world.ended(N2)
    if happens == "close_day":
        world.export(N2)
        world.next_day()
    calls = world.hazard.calls

    def meanwhile() -> None:
        world.export(N2) if happens == "export" else world.close_day()

    world.hazard.before(calls + number, meanwhile)
    watched = Verifier(
        guarded(world.archive, "archive", world.hazard),
        world.watched(world.exports, "exports"),
        world.notifications,
        world.ledger,
    )
    assert watched.verify().wrong == [], world.hazard.trace[calls:]


@pytest.mark.parametrize("written", [1, 2, 3])
def test_an_export_that_ends_during_a_verification_is_no_finding(written: int) -> None:
    """It had written some of its objects when they were listed, and the rest with its mark."""
    world = World().archived()
    world.ended(N2)
    whole = World(notifications=world.notifications, ledger=world.ledger)
    whole.clock.set(world.clock.now())
    whole.export(N2)
    early = list(whole.archive.objects.items())[:written]
    world.archive.objects.update(early)
    looks: list[str] = []

    def meanwhile(name: str) -> None:
        looks.append(name)
        if name == "exports.get" and looks.count(name) == 2:
            world.hazard.forget_watchers()
            world.export(N2)

    world.hazard.watch(meanwhile)
    exports = world.watched(world.exports, "exports")
    watched = Verifier(world.archive, exports, world.notifications, world.ledger)
    assert watched.verify().wrong == []
