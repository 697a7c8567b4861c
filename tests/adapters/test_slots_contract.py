"""A desktop's slot: written once, never set back to something older, decided by what is there."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.audience.device import Slot
from shared.domain.delivery.ledger import Outcome, Record
from shared.domain.errors import Defect
from shared.domain.notifications.notification import Notification
from shared.domain.push.desktop import SlotWrite
from shared.flow.delivery.render import Renderer
from shared.stores import change as changing
from shared.stores.device_codec import DEVICES
from shared.stores.slots import ROUNDS, Slots
from tests.adapters.fanout import (
    BadLine,
    Documents,
    a_sending_notification,
    as_document,
    device_document,
    put_devices,
    slot_document,
)
from tests.builders import NOON, a_desktop, ran, some_content, with_run

OLDER, NEWER = NOON - timedelta(seconds=1), NOON + timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Bench:
    """Slots, and the documents they are in."""

    slots: Slots
    put: Callable[[Documents], None]
    read: Callable[[str], dict[str, Any] | None]
    version: Callable[[str], str]

    def has(self, *hwids: str, **fields: Any) -> None:
        self.put({hwid: as_document(a_desktop(hwid), **fields) for hwid in hwids})

    def show(self, notification: Notification, *writes: SlotWrite) -> list[Record]:
        """Show it; the records without their time, which every decided one must have."""
        records = list(self.slots.show(Renderer(ran(notification)).slot(NOON), writes))
        assert all(record.at for record in records if record.outcome is not Outcome.OPEN)
        return [replace(record, at=None) for record in records]

    def planned(self, hwid: str, slot: Slot | None = None) -> SlotWrite:
        """Return the slot as it stands in a batch that was planned just now."""
        return SlotWrite(hwid, self.version(hwid), slot)


@pytest.fixture
def firestore(rest: FirestoreRest, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(changing, "LONGEST_WAIT_SECONDS", 0.001)

    def version(hwid: str) -> str:
        found = rest.get(rest.name(DEVICES, hwid))
        return str(found["updateTime"]) if found else ""

    return Bench(
        Slots(RestDatabase(rest)),
        lambda documents: put_devices(rest, documents),
        lambda hwid: device_document(rest, hwid),
        version,
    )


@pytest.fixture(params=["memory", "firestore"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "firestore":
        firestore: Bench = request.getfixturevalue("firestore")
        return firestore
    database = MemoryDatabase()

    def put(documents: Documents) -> None:
        for hwid, document in documents.items():
            database.hold(f"{DEVICES}/{hwid}", document)

    def version(hwid: str) -> str:
        found = database.get(f"{DEVICES}/{hwid}")
        return found.version if found else ""

    return Bench(
        Slots(database),
        put,
        lambda hwid: database.collection(DEVICES).get(hwid),
        version,
    )


DELIVERED = Record(Outcome.DELIVERED)
SUPERSEDED = Record(Outcome.SKIPPED, "superseded")


def shown_by(document: dict[str, Any] | None) -> dict[str, Any]:
    """Return the polling fields alone, without their common beginning."""
    beginning = "pendingNotification"
    fields = (document or {}).items()
    return {k.removeprefix(beginning): v for k, v in fields if k.startswith(beginning)}


def test_a_desktop_is_given_everything_it_shows_and_keeps_everything_else(bench: Bench) -> None:
    bench.has("pc", fcmToken="t1")
    before = bench.read("pc")
    content = some_content(
        url="https://example.com/sale",
        force_timer=5,
        image="https://example.com/i.png",
        expiry_seconds=60,
    )
    notification = a_sending_notification(content=content)
    assert bench.show(notification, bench.planned("pc")) == [DELIVERED]
    assert shown_by(bench.read("pc")) == {
        "Id": "n1",
        "Title": "Sale",
        "Body": "Everything must go",
        "At": NOON,
        "Url": "https://example.com/sale",
        "UrlButtonName": "Open",
        "ForceTimer": 5,
        "Image": "https://example.com/i.png",
        "ExpiresAt": NOON + timedelta(minutes=1),
    }
    assert before is not None
    assert before.items() <= (bench.read("pc") or {}).items()


def test_nothing_of_the_last_notification_is_left(bench: Bench) -> None:
    left = {
        "pendingNotificationUrl": "https://old",
        "pendingNotificationForceTimer": 9,
        "pendingNotificationExpiresAt": NEWER,
    }
    bench.has("pc", **slot_document(Slot("n0", OLDER)), **left)
    writes = [bench.planned("pc", Slot("n0", OLDER))]
    assert bench.show(a_sending_notification(), *writes) == [DELIVERED]
    expected = {"Id": "n1", "Title": "Sale", "Body": "Everything must go", "At": NOON}
    assert shown_by(bench.read("pc")) == expected


def test_a_repeat_is_delivered_and_changes_nothing(bench: Bench) -> None:
    bench.has("pc")
    planned = bench.planned("pc")
    bench.show(a_sending_notification(), planned)
    first = bench.read("pc")
    assert bench.show(a_sending_notification(), planned) == [DELIVERED]
    assert bench.show(a_sending_notification(), bench.planned("pc")) == [DELIVERED]
    assert bench.read("pc") == first


@pytest.mark.parametrize("there", [Slot("n2", NEWER), Slot("n2", NOON), Slot("", NEWER)])
def test_a_late_write_never_replaces_a_newer_one(bench: Bench, there: Slot) -> None:
    bench.has("pc")
    planned = bench.planned("pc")
    bench.has("pc", **slot_document(there))
    assert bench.show(a_sending_notification(), planned) == [SUPERSEDED]
    assert bench.read("pc") == as_document(a_desktop("pc"), **slot_document(there))


@pytest.mark.parametrize("version", [True, False])
def test_not_even_when_the_newer_one_was_there_at_planning_time(
    bench: Bench, version: bool
) -> None:
    newer = Slot("n2", NEWER)
    bench.has("pc", **slot_document(newer))
    write = bench.planned("pc", newer) if version else SlotWrite("pc", bench.version("pc"))
    assert bench.show(a_sending_notification(), write) == [SUPERSEDED]


@pytest.mark.parametrize("there", [Slot("n0", NOON), Slot("n2", OLDER), Slot("", OLDER)])
def test_an_older_one_that_came_meanwhile_is_replaced(bench: Bench, there: Slot) -> None:
    bench.has("pc")
    planned = bench.planned("pc")
    bench.has("pc", **slot_document(there))
    assert bench.show(a_sending_notification(), planned) == [DELIVERED]
    assert shown_by(bench.read("pc"))["Id"] == "n1"


def test_a_document_that_changed_otherwise_is_written_all_the_same(bench: Bench) -> None:
    bench.has("pc")
    planned = bench.planned("pc")
    bench.has("pc", locale="ru_RU")
    assert bench.show(a_sending_notification(), planned) == [DELIVERED]
    assert (bench.read("pc") or {})["locale"] == "ru_RU"


def test_a_desktop_that_withdrew_its_consent_meanwhile_is_shown_nothing(bench: Bench) -> None:
    bench.has("pc")
    planned = bench.planned("pc")
    bench.put({"pc": as_document(a_desktop("pc", consent=False))})
    withdrawn = Record(Outcome.SKIPPED, "consent")
    assert bench.show(a_sending_notification(), planned) == [withdrawn]
    assert shown_by(bench.read("pc")) == {}


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        ({"consent": "yes"}, "unreadable"),
        ({"consent": 1}, "unreadable"),
        ({"domainsUnreadable": True}, "unreadable"),
        ({"consent": False, "domainsUnreadable": True}, "unreadable"),
    ],
)
def test_a_desktop_that_turned_odd_meanwhile_is_shown_nothing_and_told_so(
    bench: Bench, odd: dict[str, object], code: str
) -> None:
    bench.has("pc")
    planned = bench.planned("pc")
    bench.put({"pc": as_document(a_desktop("pc")) | odd})
    assert bench.show(a_sending_notification(), planned) == [Record(Outcome.SKIPPED, code)]
    assert shown_by(bench.read("pc")) == {}


@pytest.mark.parametrize("odd", ["soon", 1_772_366_400_000, 17.5, True, ["2026"], {"at": 1}, ""])
@pytest.mark.parametrize("id", ["n2", 7, {"id": "n2"}])
def test_a_slot_whose_time_cannot_be_read_is_written(bench: Bench, odd: object, id: object) -> None:
    bench.has("pc", pendingNotificationId=id, pendingNotificationAt=odd)
    write = SlotWrite("pc", bench.version("pc"))
    assert bench.show(a_sending_notification(), write) == [DELIVERED]
    assert shown_by(bench.read("pc"))["At"] == NOON


@pytest.mark.parametrize("looked_at", [True, False])
def test_a_slot_of_a_time_to_come_does_not_keep_a_desktop_silent_until_then(
    bench: Bench, looked_at: bool
) -> None:
    """Somebody wrote it by a clock that is wrong; a clock a little ahead is believed."""
    far, near = (datetime.now(UTC) + timedelta(minutes=m) for m in (90, 10))
    for at, expected in ((far, DELIVERED), (near, SUPERSEDED)):
        slot = Slot("n2", at)
        bench.has("pc", **slot_document(slot))
        planned = bench.planned("pc", slot) if looked_at else SlotWrite("pc", "")
        assert bench.show(a_sending_notification(), planned) == [expected]


def test_a_device_that_is_gone_is_skipped_and_not_created(bench: Bench) -> None:
    bench.has("pc")
    write = SlotWrite("gone", bench.version("pc"), None)
    assert bench.show(a_sending_notification(), write) == [Record(Outcome.SKIPPED, "deviceGone")]
    assert bench.read("gone") is None


def test_every_desktop_gets_its_own_record_in_order(bench: Bench) -> None:
    bench.has("a", "c", "d")
    writes = [bench.planned(hwid) for hwid in "acd"]
    bench.has("c", **slot_document(Slot("n2", NEWER)))
    gone = SlotWrite("b", writes[0].read_version, None)
    records = bench.show(a_sending_notification(), writes[0], gone, *writes[1:])
    assert [r.code or r.outcome for r in records] == [
        "delivered",
        "deviceGone",
        "superseded",
        "delivered",
    ]
    assert bench.show(a_sending_notification()) == []


def test_a_notification_that_is_not_being_sent_is_shown_nowhere(bench: Bench) -> None:
    bench.has("pc")
    with pytest.raises(Defect):
        bench.show(with_run(a_sending_notification(), sending_at=None), SlotWrite("pc", "v"))
    assert shown_by(bench.read("pc")) == {}


# ---- what only Firestore has -------------------------------------------------------------------


def test_five_hundred_go_in_one_request_and_more_in_several(
    firestore: Bench, line: BadLine
) -> None:
    hwids = [f"pc{n:03d}" for n in range(501)]
    firestore.has(*hwids[:500])
    version = firestore.version("pc000")
    line.requests.clear()
    writes = [SlotWrite(hwid, version, None) for hwid in hwids]
    records = firestore.show(a_sending_notification(), *writes)
    assert records == [*[DELIVERED] * 500, Record(Outcome.SKIPPED, "deviceGone")]
    assert [line.sent(":batchWrite"), line.sent(":batchGet")] == [2, 1]


@pytest.mark.parametrize("fault", ["mute", "drop", "late"])
def test_lost_answers_end_in_one_write_each(firestore: Bench, line: BadLine, fault: str) -> None:
    firestore.has("a", "b")
    writes = [firestore.planned("a"), firestore.planned("b")]
    line.next(":batchWrite", fault)
    assert firestore.show(a_sending_notification(), *writes) == [DELIVERED, DELIVERED]
    assert shown_by(firestore.read("b"))["Id"] == "n1"


def test_what_cannot_be_looked_at_stays_open_and_what_is_known_is_kept(
    firestore: Bench, line: BadLine
) -> None:
    firestore.has("a", "b")
    planned = [firestore.planned("a"), firestore.planned("b")]
    firestore.has("b", locale="ru_RU")
    line.next(":batchGet", *["drop"] * 99)
    records = firestore.show(a_sending_notification(), *planned)
    assert records == [DELIVERED, Record(Outcome.OPEN, "unavailable")]


def test_endless_contention_leaves_it_open(firestore: Bench, line: BadLine) -> None:
    firestore.has("a")
    planned = firestore.planned("a")
    line.next(":batchWrite", *[_refusing()] * ROUNDS)
    assert firestore.show(a_sending_notification(), planned) == [Record(Outcome.OPEN, "contention")]
    assert line.sent(":batchWrite") == ROUNDS


def _refusing() -> httpx.Response:
    return httpx.Response(200, json={"writeResults": [{}], "status": [{"code": 9}]})


def test_no_hwid_is_logged(
    firestore: Bench, line: BadLine, caplog: pytest.LogCaptureFixture
) -> None:
    firestore.has("secret-hwid")
    line.next(":batchGet", *["drop"] * 99)
    with caplog.at_level(logging.DEBUG):
        firestore.show(a_sending_notification(), SlotWrite("secret-hwid", ""))
    assert "secret-hwid" not in caplog.text
