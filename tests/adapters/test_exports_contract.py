"""The marks of exports, and the queries around them: in memory and in the real emulator."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import httpx
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from local.firestore import FirestoreEmulator
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.memory.archive import MemoryArchive
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.archive.manifest import Head
from shared.domain.archive.objects import Export, SealedObject, exported, exporting
from shared.domain.delivery.ledger import PlanPart
from shared.domain.errors import LostLease
from shared.domain.notifications.notification import NotificationId
from shared.stores.exports import Exports
from shared.stores.ledger import Ledger
from shared.stores.notifications import Notifications
from tests.adapters.fanout import BadLine
from tests.adapters.test_others import not_again
from tests.archive.parts import N1, N2, World, closed_batches
from tests.builders import NOON, PROVIDER, a_notification, ran

SOME = (SealedObject("kind=outcomes/a", "ab" * 32, 500, 70_000), SealedObject("b", "cd" * 32, 0, 0))
LATER = NOON + timedelta(hours=1)


@pytest.fixture(params=["memory", "firestore"])
def exports(request: pytest.FixtureRequest) -> Exports:
    if request.param == "memory":
        return Exports(MemoryDatabase())
    return Exports(RestDatabase(request.getfixturevalue("rest")))


def a_mark(id: str = "n1") -> Export:
    return Export(NotificationId(id), "p1", date(2026, 1, 1))


def test_a_mark_is_read_as_it_was_written(exports: Exports) -> None:
    assert exports.get(N1) is None
    written = exports.write(replace(a_mark(), objects=SOME, cursor="0000-00-00019"))
    assert exports.get(N1) == written
    sealed = exports.write(replace(written, sealed_at=NOON))
    assert exports.get(N1) == sealed
    assert sealed.version != written.version


def test_of_two_who_write_the_second_loses(exports: Exports) -> None:
    first = exports.write(a_mark())
    with pytest.raises(LostLease):
        exports.write(a_mark())
    exports.write(replace(first, cursor="a"))
    with pytest.raises(LostLease):
        exports.write(replace(first, cursor="b"))
    found = exports.get(N1)
    assert found is not None
    assert found.cursor == "a"


def test_what_is_sealed_is_unlisted_until_it_is_listed(exports: Exports) -> None:
    exports.write(replace(a_mark("n1"), sealed_at=LATER))
    exports.write(replace(a_mark("n2"), sealed_at=NOON))
    exports.write(a_mark("n3"))
    assert [it.notification_id for it in exports.unlisted(LATER, 9)] == ["n2", "n1"]
    assert [it.notification_id for it in exports.unlisted(NOON, 9)] == ["n2"]
    assert len(exports.unlisted(LATER, 1)) == 1
    for _ in range(2):
        exports.listed([N2, NotificationId("gone")], 7)
    assert [it.notification_id for it in exports.unlisted(LATER, 9)] == ["n1"]
    found = exports.get(N2)
    assert found is not None
    assert (found.manifest, found.sealed_at) == (7, NOON)
    exports.listed([], 8)


def test_the_head_moves_on_only_from_where_it_was_read(exports: Exports) -> None:
    assert exports.head() is None
    first = exports.advance(Head(1, "a" * 64, date(2026, 1, 1)), "")
    assert exports.head() == first
    with pytest.raises(LostLease):
        exports.advance(Head(1, "b" * 64, date(2026, 1, 1)), "")
    second = exports.advance(Head(2, "c" * 64, date(2026, 1, 2)), first.version)
    with pytest.raises(LostLease):
        exports.advance(Head(2, "d" * 64, date(2026, 1, 2)), first.version)
    assert exports.head() == second


def test_a_manifest_is_announced_by_its_number_and_its_hash(exports: Exports) -> None:
    assert not exports.announced(1, "a" * 64)
    for _ in range(2):
        exports.announce(1, "a" * 64)
    assert exports.announced(1, "a" * 64)
    assert not exports.announced(1, "b" * 64)
    assert not exports.announced(2, "a" * 64)
    assert not exports.announced(1, "a/b")


@pytest.mark.parametrize("id", ["a/b", ".", "..", "__x__", "a\0b"])
def test_of_what_cannot_be_an_id_there_is_no_mark(exports: Exports, id: str) -> None:
    assert exports.get(NotificationId(id)) is None


def test_a_write_whose_answer_is_lost_is_taken_as_written(
    rest: FirestoreRest, line: BadLine
) -> None:
    exports = Exports(RestDatabase(rest))
    line.next(":commit", "mute")
    written = exports.write(replace(a_mark(), sealed_at=LATER))
    assert exports.get(N1) == written
    line.next(":commit", "mute")
    head = exports.advance(Head(1, "a" * 64, date(2026, 1, 1)), "")
    assert exports.head() == head


# ---- what an export reads ------------------------------------------------------------------------


@pytest.fixture(params=["memory", "firestore"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        return Ledger(MemoryDatabase())
    return Ledger(RestDatabase(request.getfixturevalue("rest")))


def with_batches(ledger: Ledger, devices: int) -> Ledger:
    part = PlanPart(N1, 0, 256, "")
    ledger.open_parts([part])
    (opened,) = ledger.parts(N1)
    ledger.advance(replace(opened, done=True), list(closed_batches(N1, devices, size=2)))
    return ledger


def test_batches_can_be_read_from_the_middle(ledger: Ledger) -> None:
    with_batches(ledger, 41)
    ids = [batch.id for batch in ledger.batches(N1)]
    assert len(ids) == 21
    assert [batch.id for batch in ledger.batches(N1, ids[8])] == ids[9:]
    assert list(ledger.batches(N1, ids[-1])) == []


@pytest.fixture(params=["memory", "firestore"])
def notifications(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Notifications]:
    if request.param == "memory":
        yield Notifications(MemoryDatabase())
        return
    emulator: FirestoreEmulator = request.getfixturevalue("firestore_emulator")
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", emulator.address)
    project = request.getfixturevalue("project")
    client = Client(project=project, credentials=AnonymousCredentials())
    yield Notifications(GoogleDatabase(client, not_again))
    client.close()


def test_what_ended_waits_to_be_exported(notifications: Notifications) -> None:
    for id in (N1, N2):
        notifications.create(a_notification(id, None).submit(PROVIDER, NOON, admin_hwid=False))
    assert notifications.unexported(LATER, 9) == []
    notifications.change(N2, lambda it: it.cancel(PROVIDER, NOON))
    notifications.change(N1, lambda it: it.cancel(PROVIDER, LATER))
    assert notifications.unexported(NOON, 9) == [N2]
    assert notifications.unexported(LATER, 9) == [N2, N1]
    assert notifications.unexported(LATER, 1) == [N2]
    notifications.change(N2, lambda it: exporting(it, LATER, NOON))
    assert notifications.unexported(NOON, 9) == []
    notifications.change(N1, exported)
    assert notifications.unexported(LATER, 9) == [N2]
    assert notifications.get(N1).export_at is None


def test_one_that_cannot_be_read_can_be_put_off(notifications: Notifications) -> None:
    notifications.create(a_notification(N1, None).submit(PROVIDER, NOON, admin_hwid=False))
    notifications.change(N1, lambda it: it.cancel(PROVIDER, NOON))
    notifications.put_off_export(N1, LATER)
    notifications.put_off_export(N2, LATER)
    assert notifications.unexported(NOON, 9) == []
    assert notifications.unexported(LATER, 9) == [N1]


def test_a_whole_export_out_of_firestore(
    firestore_emulator: FirestoreEmulator,
    rest: FirestoreRest,
    project: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator.address)
    client = Client(project=project, credentials=AnonymousCredentials())
    ledger = with_batches(Ledger(RestDatabase(rest)), 7)
    world = World(
        archive=MemoryArchive(),
        exports=Exports(RestDatabase(rest)),
        notifications=Notifications(GoogleDatabase(client, not_again)),
        ledger=ledger,
    )
    world.notifications.create(a_notification("n1", None).submit(PROVIDER, NOON, admin_hwid=False))
    world.notifications.change(N1, lambda it: it.approve(PROVIDER, NOON))
    sums = ledger.tally(N1)
    world.notifications.change(N1, lambda it: it.follow(ran(it).complete(PROVIDER, NOON, sums)))
    world.export()
    world.next_day()
    world.close_day()
    report = world.verify(deep=True)
    assert (report.wrong, report.objects, report.lines) == ([], 3, 11)
    client.close()


def test_a_mark_that_cannot_be_one_is_a_defect_and_keeps_no_other_out_of_its_manifest(
    rest: FirestoreRest, caplog: pytest.LogCaptureFixture
) -> None:
    Exports(RestDatabase(rest)).write(replace(a_mark("n2"), sealed_at=NOON))
    url = f"{rest._base}{rest.root}/exports/n1"
    since = {"timestampValue": "2026-01-01T00:00:00Z"}
    body = {"fields": {"day": {"stringValue": "someday"}, "unlistedSince": since}}
    answer = httpx.patch(url, json=body, headers={"Authorization": "Bearer owner"}, timeout=60)
    assert answer.is_success
    with pytest.raises(Exception, match="exports/n1 cannot be read"):
        Exports(RestDatabase(rest)).get(N1)
    assert [it.notification_id for it in Exports(RestDatabase(rest)).unlisted(LATER, 9)] == [N2]
    assert "is in no manifest: exports/n1" in caplog.text
