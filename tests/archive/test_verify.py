"""What a verification finds: everything that was altered, removed, added or forged, by its name."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.memory.archive import MemoryArchive, MemoryExports
from shared.adapters.memory.fanout import MemoryLedger
from shared.domain.archive import (
    MOST_UNPACKED,
    Export,
    Kind,
    Place,
    Unreadable,
    opened,
    place_of,
)
from shared.domain.archive_life import Life
from shared.domain.archive_manifest import Head, Signature, following, name_of, read
from shared.domain.delivery import Batch, Outcome, Record
from shared.domain.errors import Defect, NotFound, TryAgain
from shared.domain.lifecycle import Status
from shared.domain.notification import NotificationId
from shared.flow.export import seal
from shared.flow.replay import replay
from shared.flow.verify import Verifier
from shared.flow.witness import queue_manifest
from shared.ports import ArchiveFault, Put
from tests.archive.parts import N1, N2, World, closed_batches
from tests.flow.hazard import guarded


def an_object(world: World, kind: Kind, id: str = "n1") -> str:
    names: list[str] = sorted(world.archive.objects)
    return next(n for n in names if f"kind={kind}/" in n and f"/{id}-" in n)


def rewritten(world: World, name: str, change: Callable[[list[str]], None]) -> None:
    """Somebody with the right to write edits an object."""
    lines = gzip.decompress(world.archive.objects[name]).decode().split("\n")
    change(lines)
    world.archive.objects[name] = gzip.compress("\n".join(lines).encode())


def found(world: World, code: str, *, deep: bool = False) -> list[str]:
    return [it.where for it in world.verify(deep=deep).wrong if it.code == code]


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
    assert found(world, "altered") == [f"{name} line 3"]
    assert "counters" in world.codes()


def test_an_altered_actor_breaks_the_history_at_its_number() -> None:
    world = World().archived()
    name = an_object(world, Kind.TRANSITIONS)

    def change(lines: list[str]) -> None:
        lines[1] = lines[1].replace("moderator:m1", "moderator:m2")

    rewritten(world, name, change)
    assert found(world, "altered") == [f"{name} line 2"]
    told = [it.what for it in world.verify().wrong if it.code == "brokenHistory"]
    assert told == ["transition 2 does not follow from the one before it"]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b"", lambda b: b"\0" + b[1:]])
def test_a_damaged_object_is_named(kind: Kind, damage: Callable[[bytes], bytes]) -> None:
    world = World().archived()
    name = an_object(world, kind)
    world.archive.objects[name] = damage(world.archive.objects[name])
    assert name in {where.split(" line ")[0] for where in found(world, "altered")}


@pytest.mark.parametrize("kind", Kind)
def test_a_missing_object_is_named(kind: Kind) -> None:
    world = World().archived()
    name = an_object(world, kind)
    del world.archive.objects[name]
    assert found(world, "missing") == [name]


def test_a_notification_that_is_gone_altogether_is_missed() -> None:
    world = World().archived(N1, N2)
    gone = [name for name in world.archive.objects if "/n2-" in name]
    for name in gone:
        del world.archive.objects[name]
    assert found(world, "missing") == sorted(gone)


def test_an_object_nobody_exported_is_named() -> None:
    world = World().archived()
    other = World().archived(N2)
    name = an_object(other, Kind.OUTCOMES, "n2")
    world.archive.objects[name] = other.archive.objects[name]
    assert found(world, "unlisted") == [name]
    world.archive.objects["notes.txt"] = b"hello"
    assert found(world, "unknown") == ["notes.txt"]


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
    assert found(world, "altered") == [name]


def _halves(content: bytes) -> tuple[bytes, bytes]:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[:3]), b"".join(lines[3:])


def test_an_object_that_unpacks_without_end_does_not_choke_its_reader() -> None:
    world = World().archived()
    name = an_object(world, Kind.OUTCOMES)
    world.archive.objects[name] = gzip.compress(bytes(MOST_UNPACKED + 1), 1)
    assert found(world, "altered") == [name]


def test_two_objects_that_changed_places_are_both_named() -> None:
    world = World().archived(N1, N2)
    one, two = (an_object(world, Kind.OUTCOMES, id) for id in (N1, N2))
    objects = world.archive.objects
    objects[one], objects[two] = objects[two], objects[one]
    assert {one, two} <= {where.split(" line ")[0] for where in found(world, "altered")}
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
    assert found(world, "unknown") == [name]


# ---- manifests -----------------------------------------------------------------------------------


def forge(world: World, number: int, change: Callable[[dict[str, Any]], None]) -> None:
    facts = json.loads(world.archive.objects[name_of(number)])
    change(facts)
    world.archive.objects[name_of(number)] = json.dumps(facts).encode()


def three_days() -> World:
    world = World()
    for id in ("n1", "n2", "n3"):
        world.archived(NotificationId(id))
    return world


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
    assert name_of(2) in found(world, "forgedManifest")


def test_a_manifest_with_a_hash_of_its_own_is_forged() -> None:
    world = three_days()
    forged = replace(read(world.archive.objects[name_of(2)]), objects=()).sealed()
    world.archive.objects[name_of(2)] = forged.text()
    assert name_of(3) in found(world, "forgedManifest")


def test_a_whole_chain_written_anew_does_not_end_where_firestore_says() -> None:
    world = three_days()
    head = None
    for number in (1, 2, 3):
        true = read(world.archive.objects[name_of(number)])
        objects = [it for it in true.objects if Kind.OUTCOMES not in it.name]
        forged = following(head, true.day, objects, true.sealed_at)
        world.archive.objects[forged.name] = forged.text()
        head = forged.head
    assert name_of(3) in found(world, "forgedManifest")
    assert any("no manifest lists" in it.what for it in world.verify().wrong)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_missing_manifest_is_named(number: int) -> None:
    world = three_days()
    del world.archive.objects[name_of(number)]
    assert name_of(number) in found(world, "missing")


def test_a_manifest_beyond_the_last_is_not_believed() -> None:
    world = World().archived()
    head = world.exports.head()
    forged = following(head, head.day, (), world.clock.now())
    world.archive.objects[forged.name] = forged.text()
    assert found(world, "forgedManifest") == [name_of(2)]


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
    assert name_of(1) in found(world, "forgedManifest")


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
    assert found(world, "forgedManifest") == [name_of(1)]
    unsigned = World().archived(N1)
    unsigned.signer = WaxSeal("ours")
    assert found(unsigned, "forgedManifest") == [name_of(1)]


def test_with_a_key_no_unsigned_manifest_is_taken_over() -> None:
    world = World().archived()
    world.exports.last = None
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

    def asked() -> bool:
        return queue_manifest(exports=world.exports, tasks=world.tasks, clock=world.clock)

    assert asked()
    assert asked()
    assert len(world.tasks.tasks) == 1
    world.clock.advance(3600)
    assert asked()
    assert len(world.tasks.tasks) == 2
    assert world.tasks.tasks[0].payload == {"day": "2025-12-31"}
    world.close_day()
    assert not asked()
    world.clock.set(world.clock.now().replace(hour=0, minute=5) + timedelta(days=1))
    assert not asked()
    world.clock.advance(600)
    assert asked()


def test_what_ended_after_an_early_manifest_is_in_one_the_next_day() -> None:
    world = World()
    world.witness.close_day(world.clock.now().date())
    world.ended()
    world.export()
    world.next_day()
    assert queue_manifest(exports=world.exports, tasks=world.tasks, clock=world.clock)
    (manifest,) = world.close_day()
    assert (manifest.sequence, len(manifest.objects)) == (2, 3)
    assert not queue_manifest(exports=world.exports, tasks=world.tasks, clock=world.clock)
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
    assert found(world, "forgedManifest") == [link.name]


def test_a_link_of_a_day_to_come_does_not_end_the_chain_for_good() -> None:
    world = World().archived()
    forged = following(world.exports.head(), date(9999, 12, 31), (), world.clock.now())
    world.archive.objects[forged.name] = forged.text()
    world.next_day()
    with pytest.raises(ArchiveFault, match="day is yet to come"):
        world.close_day()
    assert found(world, "forgedManifest") == [name_of(2)]


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
    assert name_of(2) in found(world, "forgedManifest")


def test_a_manifest_that_says_a_thing_twice_is_forged() -> None:
    world = three_days()
    text = world.archive.objects[name_of(2)]
    world.archive.objects[name_of(2)] = text.replace(b'"objects"', b'"objects": [], "objects"', 1)
    assert name_of(2) in found(world, "forgedManifest")


# ---- meanwhile -----------------------------------------------------------------------------------


@pytest.mark.parametrize("happens", ["export", "close_day"])
@pytest.mark.parametrize("number", range(1, 16))
def test_what_is_archived_during_a_verification_is_no_finding(happens: str, number: int) -> None:
    world = World().archived()
    world.ended(N2)
    if happens == "close_day":
        world.export(N2)
        world.next_day()
    calls: list[str] = []

    def meanwhile(name: str) -> None:
        calls.append(name)
        if len(calls) == number:
            world.hazard.forget_watchers()
            world.export(N2) if happens == "export" else world.close_day()

    world.hazard.watch(meanwhile)
    watched = Verifier(
        guarded(world.archive, "archive", world.hazard),
        guarded(world.exports, "exports", world.hazard),
        world.notifications,
        world.ledger,
    )
    assert watched.verify().wrong == [], calls[-1]


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
    exports = guarded(world.exports, "exports", world.hazard)
    watched = Verifier(world.archive, exports, world.notifications, world.ledger)
    assert watched.verify().wrong == []


# ---- firestore -----------------------------------------------------------------------------------


def test_firestore_with_other_counters_is_found_out() -> None:
    world = World().archived()
    world.notifications.documents["n1"]["deliveredCount"] += 1
    assert found(world, "counters") == ["n1"]


def test_firestore_with_another_end_is_found_out() -> None:
    world = World().archived()
    world.notifications.documents["n1"]["status"] = str(Status.STOPPED)
    assert found(world, "status") == ["n1"]


def test_firestore_with_another_history_is_found_out() -> None:
    world = World().archived()
    world.notifications.documents["n1"]["historyHash"] = "0" * 64
    assert found(world, "history") == ["n1"]


def test_a_transition_altered_in_firestore_is_named_by_its_number() -> None:
    world = World().archived()
    world.notifications._history["n1"][1]["actor"] = "moderator:somebody-else"
    (wrong,) = world.verify().wrong
    assert (wrong.code, wrong.where) == ("history", "n1")
    assert "transition 2" in wrong.what


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [("title", "Another", "content"), ("moderatorId", "m9", "moderatorId")],
)
def test_a_record_altered_in_firestore_is_told_with_its_field(
    field: str, value: str, told: str
) -> None:
    world = World().archived()
    assert world.notifications.documents["n1"][field] != value
    world.notifications.documents["n1"][field] = value
    (wrong,) = world.verify().wrong
    assert (wrong.code, wrong.where) == ("record", "n1")
    assert wrong.what.endswith(f"than the archive: {told}")


def test_what_nobody_can_read_in_firestore_does_not_hide_what_else_is_wrong() -> None:
    class Spoilt(MemoryExports):
        def get(self, id: NotificationId) -> Export | None:
            if id == N2:
                raise Defect("exports/n2 cannot be read")
            return super().get(id)

        def head(self) -> Head | None:
            raise Defect("platform/archive cannot be read")

    world = World().archived(N1, N2, NotificationId("n3"))
    spoilt = Spoilt()
    spoilt.marks = world.exports.marks
    world.exports = spoilt
    world.notifications.documents["n1"]["status"] = "who knows"
    rewritten(world, an_object(world, Kind.OUTCOMES, "n3"), lambda lines: lines.__delitem__(0))
    assert found(world, "unreadable") == ["platform/archive", "n1", "exports/n2"]
    assert any("/n3-" in where for where in found(world, "altered"))


def test_outcomes_added_to_the_ledger_are_found_in_a_deep_look() -> None:
    world = World().archived(devices=0)
    for batch in closed_batches(N1, 3):
        world.ledger.by_batch[N1, str(batch.id)] = world.ledger._stored(batch)
    assert world.codes() == set()
    assert found(world, "ledger", deep=True) == ["n1"]


@pytest.mark.parametrize(
    ("said", "codes"), [("delivered", set()), ("unknown", {"ledger", "counters"})]
)
def test_lines_of_an_older_version_say_the_same_with_fewer_fields(
    said: str, codes: set[str]
) -> None:
    """A field may be added to the format, and what was archived before stays as it is."""
    world = World()
    world.ended()
    mark = world.export()
    assert mark is not None
    name = an_object(world, Kind.OUTCOMES)
    place = place_of(name)
    assert place is not None
    lines = [json.loads(line) for line in opened(world.archive.objects.pop(name)).splitlines()]
    older = [{field: it[field] for field in it if field != "locale"} for it in lines]
    older[0]["outcome"] = said
    sealed, content = seal(place, [json.dumps(it) for it in older])
    world.archive.objects[sealed.name] = content
    objects = tuple(sealed if it.name == name else it for it in mark.objects)
    world.exports.write(replace(mark, objects=objects))
    world.next_day()
    world.close_day()
    assert world.codes(deep=True) == codes


def test_what_waits_for_its_export_is_counted() -> None:
    world = World().archived()
    world.ended(N2)
    assert (world.verify().unexported, world.codes()) == (1, set())


def test_a_notification_removed_from_firestore_is_found_out() -> None:
    world = World().archived()
    del world.notifications.documents["n1"]
    assert found(world, "gone") == ["n1"]
    assert world.codes() == {"gone"}


def test_an_export_rewritten_in_firestore_is_found_out() -> None:
    world = World().archived()
    world.exports.marks["n1"] = replace(world.exports.marks["n1"], objects=())
    assert found(world, "noMark") == sorted(n for n in world.archive.objects if place_of(n))


def test_a_batch_that_nobody_can_read_is_told_as_one() -> None:
    class Spoilt(MemoryLedger):
        def batches(self, id: NotificationId, after: str = "") -> Iterator[Batch]:
            raise ValueError("5 is not a valid BatchState")

    world = World().archived()
    world.ledger = Spoilt()
    assert found(world, "ledger", deep=True) == ["n1"]


def test_an_export_removed_from_firestore_is_found_out() -> None:
    world = World().archived()
    del world.exports.marks["n1"]
    assert found(world, "noMark") == ["n1"]


def test_a_ledger_that_was_rewritten_with_the_same_sums_is_found_by_its_line() -> None:
    world = World().archived(devices=5)
    ((key, batch),) = world.ledger.by_batch.items()
    swapped = (batch.records[2], batch.records[1], batch.records[0], *batch.records[3:])
    world.ledger.by_batch[key] = replace(batch, records=swapped)
    assert world.codes() == set()
    name = an_object(world, Kind.OUTCOMES)
    assert found(world, "ledger", deep=True) == [f"{name} line 1"]


# ---- replay --------------------------------------------------------------------------------------


def test_a_life_is_told_from_the_archive_alone() -> None:
    world = World().archived(N1, N2)
    life = Life()
    assert list(replay(N1, world.archive, life)) == []
    assert [it.move for it in life.entries] == ["submit", "approve", "complete"]
    assert (life.status, life.tally.delivered, life.platforms) == (
        Status.APPROVED,
        4,
        {"android": 7},
    )
    assert life.final is not None
    assert life.final.line["content"]["title"] == "Sale"


def test_a_replay_hands_out_the_outcomes_one_by_one() -> None:
    world = World().archived()
    seen: list[tuple[str, Record]] = []
    list(replay(N1, world.archive, Life(lambda line, it: seen.append((line["platform"], it)))))
    assert [it.outcome for _, it in seen][:3] == [
        Outcome.DELIVERED,
        Outcome.DELIVERED,
        Outcome.FAILED,
    ]


def test_a_replay_says_what_does_not_fit() -> None:
    world = World().archived()
    rewritten(world, an_object(world, Kind.OUTCOMES), lambda lines: lines.__delitem__(0))
    codes = {it.code for it in replay(N1, world.archive, Life())}
    assert codes == {"altered", "counters"}


def test_lines_of_another_notification_are_not_taken_for_its_own() -> None:
    world = World().archived(N1, N2)
    theirs = world.archive.objects.pop(an_object(world, Kind.TRANSITIONS, N2))
    ours = an_object(world, Kind.TRANSITIONS, N1)
    del world.archive.objects[ours]
    place = place_of(ours)
    assert place is not None
    world.archive.objects[place.name(sha256(opened(theirs)).hexdigest())] = theirs
    told = {it.what for it in replay(N1, world.archive, Life())}
    assert "it is about another notification than its object's name says" in told


def test_a_second_record_of_the_same_notification_is_told_in_its_replay() -> None:
    world = World().archived()
    other = World()
    other.ended(provider="a")
    other.export()
    world.archive.objects |= {n: c for n, c in other.archive.objects.items() if place_of(n)}
    codes = {it.code for it in replay(N1, world.archive, Life())}
    assert "twice" in codes


def test_a_notification_that_is_not_in_the_archive_cannot_be_replayed() -> None:
    with pytest.raises(NotFound):
        list(replay(N1, World().archive, Life()))


# ---- anything at all -----------------------------------------------------------------------------

ARCHIVED = dict(World().archived(N1, N2, devices=9).archive.objects)


def tampered(objects: dict[str, bytes]) -> World:
    """The same notifications in Firestore, and these objects in the archive."""
    world = World().archived(N1, N2, devices=9)
    world.archive.objects = objects
    return world


def meaning(name: str, content: bytes) -> bytes:
    """What an object says, without how it is packed or written."""
    if name.endswith(".json"):
        return json.dumps(json.loads(content), sort_keys=True).encode()
    return opened(content)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_flipped_bit_that_changes_what_is_said_is_found(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(ARCHIVED)))
    true = ARCHIVED[name]
    flipped = bytearray(true)
    flipped[data.draw(st.integers(0, len(true) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    world = tampered({**ARCHIVED, name: bytes(flipped)})
    try:
        same = meaning(name, bytes(flipped)) == meaning(name, true)
    except (Unreadable, ValueError):
        same = False
    assert same == (world.codes() == set())


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_any_edit_of_lines_is_found_and_names_the_object(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(n for n in ARCHIVED if n.endswith(".gz"))))
    lines = gzip.decompress(ARCHIVED[name]).decode().split("\n")[:-1]
    edited = list(lines)
    at = data.draw(st.integers(0, len(lines) - 1))
    match data.draw(st.sampled_from(["drop", "repeat", "swap", "edit"])):
        case "drop":
            del edited[at]
        case "repeat":
            edited.insert(at, edited[at])
        case "swap":
            edited[0], edited[at] = edited[at], edited[0]
        case "edit":
            edited[at] = edited[at].replace('"at":"2026', '"at":"2027', 1).replace(":1,", ":3,", 1)
    if edited == lines:
        return
    content = gzip.compress("".join(f"{line}\n" for line in edited).encode())
    world = tampered({**ARCHIVED, name: content})
    assert name in {where.split(" line ")[0] for where in found(world, "altered")}


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(10**9), 10**9)
    | st.text(max_size=9)
    | st.sampled_from(["delivered", "2026-01-01T12:00:00", "0001-01-01T00:00:00+23:59"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_is_put_in_a_line_is_found_and_ends_neither_verification_nor_replay(
    data: st.DataObject,
) -> None:
    name = data.draw(st.sampled_from(sorted(n for n in ARCHIVED if n.endswith(".gz"))))
    lines = gzip.decompress(ARCHIVED[name]).split(b"\n")
    at = data.draw(st.integers(0, len(lines) - 2))
    facts = json.loads(lines[at])
    facts[data.draw(st.sampled_from(sorted(facts)))] = data.draw(ANYTHING)
    lines[at] = json.dumps(facts).encode()
    if gzip.decompress(ARCHIVED[name]) == b"\n".join(lines):
        return
    world = tampered({**ARCHIVED, name: gzip.compress(b"\n".join(lines))})
    assert name in {where.split(" line ")[0] for where in found(world, "altered", deep=True)}
    place = place_of(name)
    assert place is not None
    assert list(replay(place.notification_id, world.archive, Life()))


def test_an_object_nobody_exported_that_cannot_be_read_is_named_in_a_deep_look_too() -> None:
    world = World().archived()
    name = an_object(world, Kind.OUTCOMES)
    twin = name.replace(name[-26:-10], "0" * 16)
    world.archive.objects[twin] = b"not packed"
    assert twin in found(world, "altered", deep=True)
