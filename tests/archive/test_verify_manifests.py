"""The chain of manifests: which links a verification believes, and a new day takes over."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from shared.adapters.memory.archive import MemoryArchive
from shared.domain.archive.manifest import Head, Signature, following, name_of, read
from shared.domain.archive.objects import Kind
from shared.domain.errors import TryAgain
from shared.domain.notifications.notification import NotificationId
from shared.flow.archive.daily_manifest import queue_manifest
from shared.ports import ArchiveFault, Put
from shared.ports.database import Delete
from tests.archive.parts import N1, N2, World
from tests.archive.tampering import forge, places_of, three_days
from tests.needs import only


def test_manifests_form_a_chain_that_ends_where_firestore_says() -> None:
    world = three_days()
    manifests = [read(world.archive.objects[name_of(n)]) for n in (1, 2, 3)]
    assert [it.previous for it in manifests] == ["", manifests[0].hash, manifests[1].hash]
    assert [it.day.isoformat() for it in manifests] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert world.exports.head().hash == manifests[2].hash
    assert world.codes() == set()


def test_a_manifest_with_another_word_in_it_is_forged() -> None:
    world = three_days()
    forge(world, 2, lambda facts: facts["objects"].pop())
    assert name_of(2) in places_of(world, "forgedManifest")


def test_a_manifest_with_a_hash_of_its_own_is_forged() -> None:
    world = three_days()
    forged = replace(read(world.archive.objects[name_of(2)]), objects=()).sealed()
    world.archive.objects[name_of(2)] = forged.text()
    assert name_of(3) in places_of(world, "forgedManifest")


def test_a_whole_chain_written_anew_does_not_end_where_firestore_says() -> None:
    world = three_days()
    head = None
    for number in (1, 2, 3):
        true = read(world.archive.objects[name_of(number)])
        objects = [it for it in true.objects if Kind.OUTCOMES not in it.name]
        forged = following(head, true.day, objects, true.sealed_at)
        world.archive.objects[forged.name] = forged.text()
        head = forged.head
    assert name_of(3) in places_of(world, "forgedManifest")
    assert any("no manifest lists" in it.what for it in world.verify().wrong)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_missing_manifest_is_named(number: int) -> None:
    world = three_days()
    del world.archive.objects[name_of(number)]
    assert name_of(number) in places_of(world, "missing")


def test_a_manifest_beyond_the_last_is_not_believed() -> None:
    world = World().archived()
    head = world.exports.head()
    forged = following(head, head.day, (), world.clock.now())
    world.archive.objects[forged.name] = forged.text()
    assert places_of(world, "forgedManifest") == [name_of(2)]


def test_a_manifest_of_a_far_number_is_told_in_two_sentences() -> None:
    world = World().archived()
    head = Head(99_999_998, "0" * 64, world.clock.now().date())
    forged = following(head, world.clock.now().date(), (), world.clock.now())
    world.archive.objects[forged.name] = forged.text()
    wrong = world.verify().wrong
    assert [(it.code, it.where) for it in wrong] == [
        ("missing", name_of(2)),
        ("forgedManifest", name_of(99_999_999)),
    ]
    assert "the 99,999,996 after it" in wrong[0].what


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b'{"schema": 2}', b"\xff"])
def test_what_is_no_manifest_is_named(text: bytes) -> None:
    world = World().archived()
    world.archive.objects[name_of(1)] = text
    assert name_of(1) in places_of(world, "forgedManifest")


def test_a_forged_next_manifest_stops_the_chain_and_nothing_is_lost() -> None:
    world = World().archived()
    forged = replace(read(world.archive.objects[name_of(1)]), sequence=2).sealed()
    world.archive.objects[name_of(2)] = forged.text()
    world.ended(N2)
    world.export(N2)
    world.next_day()
    with pytest.raises(ArchiveFault, match="is not ours"):
        world.close_day()
    del world.archive.objects[name_of(2)]
    world.close_day()
    assert world.codes() == set()


class WaxSeal:
    """A signature that is as good as its key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def sign(self, text: bytes) -> Signature:
        return Signature(self._key, "wax", f"{self._key}:{text.decode()}")

    def verifies(self, text: bytes, signature: Signature) -> bool:
        return signature == self.sign(text)


def test_it_is_said_which_signatures_were_checked() -> None:
    unsigned, signed = World().archived(), World(signer=WaxSeal("ours")).archived()
    none = "none checked, no key configured (FANFARE_ARCHIVE_KMS_KEY)"
    assert unsigned.verify().signatures == none
    assert signed.verify().signatures == "1 manifests signed by ours verified"
    signed.signer = None
    assert signed.verify().signatures == f"{none}; 1 manifests carry one"
    unsigned.signer = WaxSeal("ours")
    assert unsigned.verify().signatures == "no manifest is signed by our key"


def test_with_a_key_every_manifest_must_be_signed_by_it() -> None:
    world = World(signer=WaxSeal("ours")).archived(N1)
    assert world.codes() == set()
    world.signer = WaxSeal("theirs")
    assert places_of(world, "forgedManifest") == [name_of(1)]
    unsigned = World().archived(N1)
    unsigned.signer = WaxSeal("ours")
    assert places_of(unsigned, "forgedManifest") == [name_of(1)]


def test_with_a_key_no_unsigned_manifest_is_taken_over() -> None:
    world = World().archived()
    world.database.commit([Delete("platform/archive")])
    world.signer = WaxSeal("ours")
    with pytest.raises(ArchiveFault, match="not signed by our key"):
        world.close_day()


def test_a_manifest_that_is_only_said_to_be_there_is_not_taken_as_written() -> None:
    class Fickle(MemoryArchive):
        def put_new(self, name: str, content: bytes) -> Put:
            return Put.ALREADY_THERE

    world = World(archive=Fickle())
    with pytest.raises(TryAgain, match="not any more"):
        world.close_day()
    assert world.exports.head() is None


def test_two_who_close_the_same_day_write_one_manifest() -> None:
    world = World()
    world.ended()
    world.export()
    world.next_day()
    rivals = iter([world.close_day])

    def meanwhile(name: str) -> None:
        rival = next(rivals, None) if name == "archive.put_new" else None
        if rival:
            assert len(rival()) == 1

    world.hazard.watch(meanwhile)
    assert world.close_day() == []
    assert list(world.archive.names("kind=manifests/")) == [name_of(1)]
    assert world.codes() == set()


def test_a_day_without_anything_has_its_manifest_too() -> None:
    world = World()
    (manifest,) = world.close_day()
    assert manifest.objects == ()
    assert world.close_day() == []


def test_a_day_with_more_than_one_manifest_holds_is_closed_all_the_same() -> None:
    world = World()
    for number in range(501):
        world.ended(NotificationId(f"n{number:03d}"), devices=0)
        world.export(NotificationId(f"n{number:03d}"))
    world.next_day()
    assert [len(it.objects) for it in world.close_day()] == [1000, 2]
    assert world.codes() == set()


def test_tick_asks_for_yesterdays_manifest_once_an_hour_until_it_is_there() -> None:
    world = World()

    def is_asked_for() -> bool:
        return queue_manifest(
            needs=only(exports=world.exports, tasks=world.tasks, clock=world.clock)
        )

    assert is_asked_for()
    assert is_asked_for()
    assert len(world.tasks.tasks) == 1
    world.clock.advance(3600)
    assert is_asked_for()
    assert len(world.tasks.tasks) == 2
    assert world.tasks.tasks[0].payload == {"day": "2025-12-31"}
    world.close_day()
    assert not is_asked_for()
    world.clock.set(world.clock.now().replace(hour=0, minute=5) + timedelta(days=1))
    assert not is_asked_for()
    world.clock.advance(600)
    assert is_asked_for()


def test_what_ended_after_an_early_manifest_is_in_one_the_next_day() -> None:
    world = World()
    world.manifest_writer.close_day(world.clock.now().date())
    world.ended()
    world.export()
    world.next_day()
    assert queue_manifest(needs=only(exports=world.exports, tasks=world.tasks, clock=world.clock))
    (manifest,) = world.close_day()
    assert (manifest.sequence, len(manifest.objects)) == (2, 3)
    assert not queue_manifest(
        needs=only(exports=world.exports, tasks=world.tasks, clock=world.clock)
    )
    assert world.codes() == set()


def test_a_sound_link_that_lists_what_was_not_exported_is_not_taken_over() -> None:
    world = World().archived()
    world.ended(N2)
    mark = world.export(N2)
    assert mark is not None
    head = world.exports.head()
    false = [replace(it, sha256="0" * 64) for it in mark.objects]
    for objects in (false, mark.objects[1:], [*mark.objects, *mark.objects]):
        forged = following(head, head.day, objects, world.clock.now())
        world.archive.objects[forged.name] = forged.text()
        with pytest.raises(ArchiveFault, match="we did not announce it"):
            world.close_day()
    del world.archive.objects[name_of(2)]
    world.next_day()
    world.close_day()
    assert world.codes() == set()


@pytest.mark.parametrize("ours", [False, True])
def test_an_empty_link_is_taken_over_only_if_it_was_announced(ours: bool) -> None:
    world = World().archived()
    head = world.exports.head()
    link = following(head, head.day + timedelta(days=1), (), world.clock.now())
    world.archive.objects[link.name] = link.text()
    world.next_day()
    if ours:
        world.exports.announce(link.sequence, link.hash)
        assert world.close_day() == []
        assert world.codes() == set()
        return
    with pytest.raises(ArchiveFault, match="we did not announce it"):
        world.close_day()
    assert places_of(world, "forgedManifest") == [link.name]


def test_a_link_of_a_day_to_come_does_not_end_the_chain_for_good() -> None:
    world = World().archived()
    forged = following(world.exports.head(), date(9999, 12, 31), (), world.clock.now())
    world.archive.objects[forged.name] = forged.text()
    world.next_day()
    with pytest.raises(ArchiveFault, match="day is yet to come"):
        world.close_day()
    assert places_of(world, "forgedManifest") == [name_of(2)]


def put_in(facts: dict[str, Any], at: str, value: object) -> None:
    *steps, last = at.split(".")
    for step in steps:
        facts = facts[step][0]
    facts[last] = value


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("note", "trust me"),
        ("objects.url", "elsewhere"),
        ("sequence", "2"),
        ("sequence", 2.5),
        ("schema", True),
        ("sealedAt", "2026-01-03T00:30:00"),
        ("objects.name", None),
        ("objects.name", ["a"]),
        ("objects.lines", float("inf")),
    ],
)
def test_a_manifest_that_says_more_or_says_it_otherwise_is_forged(at: str, value: object) -> None:
    world = three_days()
    forge(world, 2, lambda facts: put_in(facts, at, value))
    assert name_of(2) in places_of(world, "forgedManifest")


def test_a_manifest_that_says_a_thing_twice_is_forged() -> None:
    world = three_days()
    text = world.archive.objects[name_of(2)]
    world.archive.objects[name_of(2)] = text.replace(b'"objects"', b'"objects": [], "objects"', 1)
    assert name_of(2) in places_of(world, "forgedManifest")
