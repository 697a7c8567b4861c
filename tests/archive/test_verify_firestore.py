"""What a verification finds in Firestore, which the archive is the witness against."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.domain.archive.manifest import Head
from shared.domain.archive.objects import Export, Kind, opened, place_of
from shared.domain.delivery.ledger import Batch
from shared.domain.delivery.run import RunId
from shared.domain.errors import Defect
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.flow.archive.export import seal
from shared.ports.database import Delete, Update
from shared.stores.exports import Exports
from shared.stores.ledger import Ledger
from tests.archive.parts import N1, N2, World, closed_batches
from tests.archive.tampering import an_object, places_of, rewritten
from tests.notification_documents import alter, alter_entry, records, remove
from tests.parts import put_batches


def test_firestore_with_other_counters_is_found_out() -> None:
    world = World().archived()
    delivered = records(world.database)["n1"]["deliveredCount"]
    alter(world.database, "n1", deliveredCount=delivered + 1)
    assert places_of(world, "counters") == ["n1"]


def test_firestore_with_another_end_is_found_out() -> None:
    world = World().archived()
    alter(world.database, "n1", status=str(Status.STOPPED))
    assert places_of(world, "status") == ["n1"]


def test_firestore_with_another_history_is_found_out() -> None:
    world = World().archived()
    alter(world.database, "n1", historyHash="0" * 64)
    assert places_of(world, "history") == ["n1"]


def test_a_transition_altered_in_firestore_is_named_by_its_number() -> None:
    world = World().archived()
    alter_entry(world.database, "n1", 2, actor="moderator:somebody-else")
    (wrong,) = world.verify().wrong
    assert (wrong.code, wrong.where) == ("history", "n1")
    assert "transition 2" in wrong.what


@pytest.mark.parametrize(
    ("field", "value", "difference"),
    [("title", "Another", "content"), ("moderatorId", "m9", "moderatorId")],
)
def test_a_record_altered_in_firestore_is_told_with_its_field(
    field: str, value: str, difference: str
) -> None:
    world = World().archived()
    assert records(world.database)["n1"][field] != value
    alter(world.database, "n1", **{field: value})
    (wrong,) = world.verify().wrong
    assert (wrong.code, wrong.where) == ("record", "n1")
    assert wrong.what.endswith(f"than the archive: {difference}")


def test_what_nobody_can_read_in_firestore_does_not_hide_what_else_is_wrong() -> None:
    class Spoilt(Exports):
        def get(self, id: NotificationId) -> Export | None:
            if id == N2:
                raise Defect("exports/n2 cannot be read")
            return super().get(id)

        def head(self) -> Head | None:
            raise Defect("platform/archive cannot be read")

    world = World().archived(N1, N2, NotificationId("n3"))
    world.exports = Spoilt(world.database)
    alter(world.database, "n1", status="who knows")
    rewritten(world, an_object(world, Kind.OUTCOMES, "n3"), lambda lines: lines.__delitem__(0))
    assert places_of(world, "unreadable") == ["platform/archive", "n1", "exports/n2"]
    assert any("/n3-" in where for where in places_of(world, "altered"))


def test_outcomes_added_to_the_ledger_are_found_in_a_deep_look() -> None:
    world = World().archived(devices=0)
    put_batches(world.database, *closed_batches(N1, 3))
    assert world.codes() == set()
    assert places_of(world, "ledger", deep=True) == ["n1"]


@pytest.mark.parametrize(
    ("old_line", "codes"), [("delivered", set()), ("unknown", {"ledger", "counters"})]
)
def test_lines_of_an_older_version_say_the_same_with_fewer_fields(
    old_line: str, codes: set[str]
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
    older[0]["outcome"] = old_line
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
    remove(world.database, "n1")
    assert places_of(world, "gone") == ["n1"]
    assert world.codes() == {"gone"}


def test_an_export_rewritten_in_firestore_is_found_out() -> None:
    world = World().archived()
    world.database.commit([Update("exports/n1", {"objects": []})])
    assert places_of(world, "noMark") == sorted(n for n in world.archive.objects if place_of(n))


def test_a_batch_that_nobody_can_read_is_told_as_one() -> None:
    class Spoilt(Ledger):
        def batches(self, id: RunId, after: str = "") -> Iterator[Batch]:
            raise ValueError("5 is not a valid BatchState")

    world = World().archived()
    world.ledger = Spoilt(world.database)
    assert places_of(world, "ledger", deep=True) == ["n1"]


def test_an_export_removed_from_firestore_is_found_out() -> None:
    world = World().archived()
    world.database.commit([Delete("exports/n1")])
    assert places_of(world, "noMark") == ["n1"]


def test_a_ledger_that_was_rewritten_with_the_same_sums_is_found_by_its_line() -> None:
    world = World().archived(devices=5)
    (batch,) = world.ledger.batches(N1)
    swapped = (batch.records[2], batch.records[1], batch.records[0], *batch.records[3:])
    put_batches(world.database, replace(batch, records=swapped))
    assert world.codes() == set()
    name = an_object(world, Kind.OUTCOMES)
    assert places_of(world, "ledger", deep=True) == [f"{name} line 1"]
