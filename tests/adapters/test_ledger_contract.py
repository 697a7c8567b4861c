"""The ledger: one writer wins, nothing written is lost, sums are those of the records."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.firestore.rest_values import Raw, encode, write
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.audience.device import AddressKind, AppId, PushAddress, Slot
from shared.domain.delivery.evidence import Evidence, Group
from shared.domain.delivery.ledger import (
    CHUNK_SIZE,
    UNTRIED,
    Batch,
    BatchId,
    BatchState,
    Newness,
    Outcome,
    PlanPart,
    Record,
    batch_id,
    slices,
    sort_key,
)
from shared.domain.delivery.ramp import Ramp
from shared.domain.errors import Defect, LostLease, NotFound, TryAgain
from shared.domain.notifications.notification import NotificationId
from shared.domain.tally import Tally
from shared.stores import change as changing
from shared.stores.ledger import Ledger
from tests.adapters.fanout import BadLine
from tests.builders import NOON, a_batch, a_target

N1, N2 = NotificationId("n1"), NotificationId("n2")
LATER = NOON + timedelta(minutes=5)
DELIVERED = Record(Outcome.DELIVERED, receipt="projects/p/messages/1", at=NOON)
GONE = Record(Outcome.FAILED, "UNREGISTERED", at=NOON, dropped=True)
OPEN_STILL = Record(Outcome.OPEN, "UNAVAILABLE", at=NOON, ambiguous=True, not_before=LATER)


@pytest.fixture
def firestore(rest: FirestoreRest) -> Ledger:
    return Ledger(RestDatabase(rest))


@pytest.fixture(params=["memory", "firestore"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        return Ledger(MemoryDatabase())
    ledger: Ledger = request.getfixturevalue("firestore")
    return ledger


def a_part(id: str = "n1", low: int = 0, **changes: Any) -> PlanPart:
    part = PlanPart(id, low, low + 16, "2026-01-01T12:00:00.123456789Z", wake_at=LATER)
    return replace(part, **changes)


def opened(ledger: Ledger, id: str = "n1", low: int = 0) -> PlanPart:
    ledger.open_parts([a_part(id, low)])
    return next(part for part in ledger.parts(NotificationId(id)) if part.low == low)


def test_a_part_keeps_its_schedule(ledger: Ledger) -> None:
    ramp = Ramp(NOON, 2.5, first=3, step=8)
    ledger.open_parts([a_part(ramp=ramp), a_part(low=16)])
    first, second = ledger.parts(NotificationId("n1"))
    assert (first.ramp, second.ramp) == (ramp, None)
    assert ledger.advance(replace(first, batches=7), []).ramp == ramp
    assert ledger.parts(NotificationId("n1"))[0].ramp == ramp


def planned(ledger: Ledger, *batches: Batch) -> list[Batch]:
    """Return batches in the ledger, as they are read from it."""
    part = opened(ledger, batches[0].run_id)
    ledger.advance(replace(part, batches=part.batches + len(batches)), batches)
    return [ledger.batch(b.run_id, b.id) for b in batches]


def of_size(devices: int, number: int = 0, **changes: Any) -> Batch:
    targets = [a_target(f"b{number}h{n:03d}") for n in range(devices)]
    return a_batch(targets, id=batch_id(0, 0, number), **changes)


def unversioned(batch: Batch) -> Batch:
    return replace(batch, version="")


# ---- parts -------------------------------------------------------------------------------------


def test_parts_are_opened_once_and_kept_as_they_are(ledger: Ledger) -> None:
    ledger.open_parts([a_part(low=16), a_part()])
    first, _ = ledger.parts(N1)
    moved = ledger.advance(replace(first, cursor="0003|h1"), [])
    ledger.open_parts([a_part(), a_part(low=16), a_part(low=32)])
    assert [part.low for part in ledger.parts(N1)] == [0, 16, 32]
    assert ledger.parts(N1)[0] == moved
    assert [ledger.part(N1, low) for low in (0, 8)] == [moved, None]


def test_there_is_nothing_below_a_notification_that_was_never_planned(ledger: Ledger) -> None:
    ledger.open_parts([])
    assert list(ledger.parts(N1)) == []
    assert list(ledger.batches(N1)) == []
    assert list(ledger.batches_around(N1, "0000|h")) == []
    assert (ledger.open_batches(N1), ledger.sums(N1), ledger.tally(N1)) == (0, Tally(), Tally())


def test_a_parts_progress_and_its_batches_are_written_together(ledger: Ledger) -> None:
    part = opened(ledger)
    batch = of_size(3)
    advanced = replace(
        part, stream=2, cursor="0007|h", batches=1, unannounced=(batch.id,), sweeps=1
    )
    written = ledger.advance(advanced, [batch])
    assert list(ledger.parts(N1)) == [written]
    assert unversioned(ledger.batch(N1, batch.id)) == batch
    assert written == replace(advanced, version=written.version)
    assert written.version != part.version


def test_of_two_planners_of_the_same_page_one_wins_and_the_other_writes_nothing(
    ledger: Ledger,
) -> None:
    part = opened(ledger)
    ledger.advance(replace(part, batches=1), [of_size(1, 1)])
    with pytest.raises(LostLease):
        ledger.advance(replace(part, batches=2), [of_size(1, 2)])
    assert [batch.id for batch in ledger.batches(N1)] == [batch_id(0, 0, 1)]
    assert ledger.parts(N1)[0].batches == 1


def test_a_batch_is_never_planned_over(ledger: Ledger) -> None:
    (batch,) = planned(ledger, of_size(1))
    part = ledger.parts(N1)[0]
    with pytest.raises(LostLease):
        ledger.advance(replace(part, batches=7), [of_size(2)])
    assert ledger.batch(N1, batch.id) == batch
    assert ledger.parts(N1)[0] == part


def test_only_what_was_read_is_written_back(ledger: Ledger) -> None:
    with pytest.raises(Defect):
        ledger.advance(a_part(), [])
    with pytest.raises(Defect):
        ledger.write(of_size(1))


# ---- one batch ---------------------------------------------------------------------------------


def test_a_batch_comes_back_as_it_was_planned(ledger: Ledger) -> None:
    sandboxed = PushAddress(AddressKind.APNS, "f00d", "sandbox", NOON)
    batch = a_batch(
        [
            a_target("phone-1", locale="ru_RU", read_version="2026-01-01T12:00:00.123456Z"),
            a_target("phone-2", address=None, consent=False),
            a_target("mac", platform="macos", address=sandboxed, slot=Slot("n0", NOON)),
            a_target('"ü|', platform="haiku", address=None, slot=Slot("", NOON)),
            a_target("phone-3", address=replace(sandboxed, app=AppId("shop"))),
            a_target("phone-4", address=replace(sandboxed, app=AppId("ü")), unreadable=("locale",)),
        ],
        id=BatchId("0016-02-00007"),
        stream=2,
        partition=16,
        first_key="0016|phone-1",
        wake_at=LATER,
    )
    assert [unversioned(read) for read in planned(ledger, batch)] == [batch]


def test_a_batch_that_is_not_there_is_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        ledger.batch(N1, BatchId("0000-00-00000"))


def test_what_is_written_is_read_back(ledger: Ledger) -> None:
    (batch,) = planned(ledger, of_size(120))
    results = {0: DELIVERED, 1: GONE, 49: OPEN_STILL, 119: Record(Outcome.SKIPPED, "consent")}
    written = ledger.write(
        replace(
            batch.recorded(results),
            reached=50,
            attempt=3,
            failed_rounds=2,
            lease_owner="me",
            lease_until=LATER,
            retry_at=NOON,
            wake_at=LATER,
            first_attempt_at=NOON,
            sweeps=2,
        ),
        results,
    )
    assert ledger.batch(N1, batch.id) == written
    assert written.version != batch.version
    assert written.records[1] == GONE


def test_chunks_are_written_one_after_the_other(ledger: Ledger) -> None:
    (batch,) = planned(ledger, of_size(120))
    for positions in list(batch.chunks()):
        results = dict.fromkeys(positions, DELIVERED)
        batch = ledger.write(batch.recorded(results), results)
    assert ledger.batch(N1, batch.id).records == (DELIVERED,) * 120


def test_of_two_senders_with_the_same_version_one_wins(ledger: Ledger) -> None:
    (batch,) = planned(ledger, of_size(2))
    mine = ledger.write(replace(batch, lease_owner="me"))
    with pytest.raises(LostLease):
        ledger.write(replace(batch, lease_owner="you"))
    assert ledger.batch(N1, batch.id) == mine


def test_a_sender_that_lost_its_lease_can_record_nothing_more(ledger: Ledger) -> None:
    (batch,) = planned(ledger, of_size(2))
    mine = ledger.write(replace(batch, lease_owner="me"))
    ledger.write(replace(ledger.batch(N1, batch.id), lease_owner="you"))
    with pytest.raises(LostLease):
        ledger.write(mine.recorded({0: DELIVERED}), [0])
    assert ledger.batch(N1, batch.id).records == (UNTRIED, UNTRIED)


def test_of_many_senders_at_once_exactly_one_wins(ledger: Ledger) -> None:
    (batch,) = planned(ledger, of_size(1))
    won: list[str] = []
    lost: list[str] = []

    def claim(name: str) -> None:
        try:
            ledger.write(replace(batch, lease_owner=name))
        except LostLease:
            lost.append(name)
        else:
            won.append(name)

    threads = [threading.Thread(target=claim, args=(f"s{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 5)
    assert ledger.batch(N1, batch.id).lease_owner == won[0]


def test_a_closed_batch_forgets_addresses_and_keeps_who_was_sent_what(ledger: Ledger) -> None:
    desktop = a_target("pc", platform="linux", address=None, slot=Slot("n0", NOON))
    (batch,) = planned(ledger, a_batch([a_target(), desktop], wake_at=NOON))
    results = {0: DELIVERED, 1: GONE}
    written = ledger.write(batch.recorded(results).closed(), results)
    closed = ledger.batch(N1, batch.id)
    assert closed.state is BatchState.CLOSED
    assert closed.version == written.version
    assert closed.records == (DELIVERED, GONE)
    assert [(t.hwid, t.platform, t.address, t.slot) for t in closed.targets] == [
        ("phone-1", "android", None, None),
        ("pc", "linux", None, None),
    ]
    assert list(ledger.overdue_batches(LATER, 9)) == []


# ---- many batches ------------------------------------------------------------------------------


IPHONES = Group(AddressKind.APNS, "sandbox", "ios")
ANDROID = Group(AddressKind.FCM, "", "android")


def answered(ledger: Ledger) -> Batch:
    """Make a batch that an owner is at work on: five phones, three of them known to be there or
    not.
    """
    address = PushAddress(AddressKind.APNS, "token", "sandbox")
    targets = [a_target(str(n), platform="ios", address=address) for n in range(3)]
    batch = a_batch((*targets, a_target("3"), a_target("4")))
    (batch,) = planned(ledger, batch)
    owned = replace(batch, attempt=1, lease_owner="one", lease_until=LATER)
    unknown = Record(Outcome.FAILED, "unregistered", at=NOON, dropped=True)
    asked_again = Record(Outcome.OPEN, "invalidToken", at=NOON)
    records = {0: DELIVERED, 1: unknown, 2: asked_again, 3: DELIVERED, 4: OPEN_STILL}
    return ledger.write(owned.recorded(records), records)


def test_what_addresses_were_answered_is_told_once_an_owner_gives_its_batch_back(
    ledger: Ledger,
) -> None:
    batch = answered(ledger)
    assert list(ledger.evidence(N1)) == [(batch.id, {})]
    released = replace(batch, lease_owner="", lease_until=None, retry_at=LATER)
    ledger.write(released)
    told = {IPHONES: Evidence(1, 2), ANDROID: Evidence(1, 0)}
    assert list(ledger.evidence(N1)) == [(batch.id, told)]
    assert list(ledger.evidence(N2)) == []


def test_what_addresses_were_answered_is_told_of_each_app_by_itself(ledger: Ledger) -> None:
    ours = PushAddress(AddressKind.APNS, "token", "sandbox")
    of_shop = replace(ours, app=AppId("shop"))
    targets = [a_target(str(n), platform="ios", address=it) for n, it in enumerate([ours, of_shop])]
    (batch,) = planned(ledger, a_batch(targets))
    told = {0: DELIVERED, 1: Record(Outcome.FAILED, "unregistered", at=NOON)}
    ledger.write(replace(batch, attempt=1).recorded(told), told)
    shop = IPHONES._replace(app=AppId("shop"))
    kept = {IPHONES: Evidence(1, 0), shop: Evidence(0, 1)}
    assert list(ledger.evidence(N1)) == [(batch.id, kept)]


def test_what_was_told_stays_while_the_next_owner_works_and_when_addresses_are_forgotten(
    ledger: Ledger,
) -> None:
    batch = answered(ledger)
    batch = ledger.write(replace(batch, lease_owner="", lease_until=None))
    batch = ledger.write(replace(batch, attempt=2, lease_owner="two", lease_until=LATER))
    assert [it for it, _ in ledger.evidence(N1)] == [batch.id]
    ends = {2: GONE, 4: DELIVERED}
    ledger.write(batch.recorded(ends).closed(), ends)
    assert [told[ANDROID] for _, told in ledger.evidence(N1)] == [Evidence(2, 0)]


def test_a_batch_that_closed_and_has_nothing_to_tell_is_left_out(ledger: Ledger) -> None:
    (batch,) = planned(ledger, a_batch([a_target(address=None)]))
    ledger.write(batch.recorded({0: GONE}).closed(), [0])
    assert list(ledger.evidence(N1)) == []


def test_how_new_the_addresses_are_is_told_with_it_and_not_kept_of_each(ledger: Ledger) -> None:
    batch = answered(ledger)
    newness = {0: Newness.NEW, 1: Newness.RENEWED, 2: Newness.NEW, 3: Newness.KNOWN}
    ledger.write(replace(batch, newness=newness, lease_owner="", lease_until=None))
    told = {IPHONES: Evidence(1, 2, newer=(1, 2, 1, 1)), ANDROID: Evidence(1, 0)}
    assert list(ledger.evidence(N1)) == [(batch.id, told)]
    assert ledger.batch(N1, batch.id).newness == {}


def test_what_a_batch_of_an_older_version_told_is_read(
    firestore: Ledger, rest: FirestoreRest
) -> None:
    batch = answered(firestore)
    name = rest.name("pendingNotifications", N1, "batches", batch.id)
    text = '[["apns",["sandbox","ios"],[1,2]]]'
    rest.commit([write(name, {"evidence": encode(text)}, ["evidence"])])
    assert list(firestore.evidence(N1)) == [(batch.id, {IPHONES: Evidence(1, 2)})]


def test_a_batch_whose_evidence_somebody_spoilt_tells_nothing(
    firestore: Ledger, rest: FirestoreRest
) -> None:
    batch = answered(firestore)
    firestore.write(replace(batch, lease_owner="", lease_until=None))
    name = rest.name("pendingNotifications", N1, "batches", batch.id)
    odd = '[["fcm", ["", ""], [1, 2, 3]]]'
    for junk in (7, "{", odd, '[["fcm", 1]]', '[["post", ["", ""], [1, 2]]]', None):
        rest.commit([write(name, {"evidence": encode(junk)}, ["evidence"])])
        assert list(firestore.evidence(N1)) == [(batch.id, {})]


def test_sums_are_those_of_the_records_of_every_batch(ledger: Ledger) -> None:
    first, second = planned(ledger, of_size(60, 1), of_size(3, 2))
    ledger.write(first.recorded({0: DELIVERED, 55: GONE, 56: OPEN_STILL}), [0, 55, 56])
    skipped = Record(Outcome.SKIPPED, "superseded", at=NOON)
    unknown = Record(Outcome.UNKNOWN, "answerLost", at=NOON, ambiguous=True)
    results = {0: GONE, 1: skipped, 2: unknown}
    ledger.write(second.recorded(results).closed(), results)
    planned_elsewhere = planned(ledger, of_size(5, run_id="n2"))
    sums = Tally(targeted=63, delivered=1, failed=2, skipped=1, unknown=1)
    errors = {"UNREGISTERED": 2, "answerLost": 1, "superseded": 1}
    assert ledger.sums(N1) == sums
    assert ledger.tally(N1) == replace(sums, errors=errors)
    assert sum((b.tally for b in ledger.batches(N1)), Tally()) == replace(sums, errors=errors)
    assert ledger.open_batches(N1) == 1
    assert ledger.open_batches(N2) == len(planned_elsewhere)


def test_all_batches_are_read_in_the_order_of_their_ids(ledger: Ledger) -> None:
    batches = planned(ledger, *(of_size(2, n) for n in reversed(range(19))))
    assert list(ledger.batches(N1)) == sorted(batches, key=lambda batch: batch.id)


def test_the_batch_around_a_key_is_found_in_each_stream(ledger: Ledger) -> None:
    def at(stream: int, number: int, partition: int, hwid: str) -> Batch:
        key, id = sort_key(partition, hwid), batch_id(0, stream, number)
        return a_batch([a_target(hwid)], id=id, stream=stream, first_key=key)

    planned(ledger, at(0, 0, 1, "a"), at(0, 1, 5, "m"), at(0, 2, 9, "a"), at(3, 0, 5, "b"))

    def around(partition: int, hwid: str) -> list[str]:
        return [b.id for b in ledger.batches_around(N1, sort_key(partition, hwid))]

    assert around(0, "z") == []
    assert around(5, "m") == [batch_id(0, 0, 1), batch_id(0, 3, 0)]
    assert around(5, "a") == [batch_id(0, 0, 0)]
    assert around(99, "a") == [batch_id(0, 0, 2), batch_id(0, 3, 0)]


def test_the_batches_between_two_keys_are_found_in_each_stream(ledger: Ledger) -> None:
    def at(stream: int, number: int) -> Batch:
        id, hwid = batch_id(0, stream, number), f"{stream}-{number}"
        key = sort_key(10 * number + stream, hwid)
        return a_batch([a_target(hwid)], id=id, stream=stream, first_key=key)

    planned(ledger, *(at(0, number) for number in range(1, 10)), at(2, 4), at(2, 6))

    def between(low: int, high: int, most: int = 12) -> set[str] | None:
        keys = sort_key(low, ""), sort_key(high, "")
        found = ledger.batches_between(N1, *keys, most)
        return None if found is None else {batch.id for batch in found}

    def of(stream: int, *numbers: int) -> set[str]:
        return {batch_id(0, stream, number) for number in numbers}

    assert between(0, 5) == set()
    assert between(0, 15) == of(0, 1)
    assert between(35, 36) == of(0, 3)
    assert between(35, 61) == of(0, 3, 4, 5, 6) | of(2, 4)
    assert between(55, 99) == of(0, 5, 6, 7, 8, 9) | of(2, 4, 6)
    assert between(0, 99) == of(0, *range(1, 10)) | of(2, 4, 6)
    assert between(35, 61, 4) is not None
    assert between(35, 61, 3) is None
    assert between(0, 99, 9) is None
    assert ledger.batches_between(N2, "", "9", 1) == []


def test_a_batch_remembers_what_of_a_device_could_not_be_read(ledger: Ledger) -> None:
    odd = a_target("odd", address=None, consent=False, unreadable=("consent", "pushAddress"))
    (batch,) = planned(ledger, a_batch([a_target(), odd]))
    kept = ledger.batch(N1, batch.id).targets
    assert [target.unreadable for target in kept] == [(), ("consent", "pushAddress")]


def test_overdue_batches_of_any_notification_are_found_the_longest_waiting_first(
    ledger: Ledger,
) -> None:
    planned(ledger, of_size(1, 1, wake_at=LATER), of_size(1, 2, wake_at=NOON), of_size(1, 3))
    planned(ledger, of_size(1, 4, run_id="n2", wake_at=NOON - timedelta(hours=1)))
    assert list(ledger.overdue_batches(NOON, 9)) == [
        (N2, batch_id(0, 0, 4)),
        (N1, batch_id(0, 0, 2)),
    ]
    assert len(ledger.overdue_batches(LATER, 9)) == 3
    assert len(ledger.overdue_batches(LATER, 1)) == 1


def test_overdue_parts_of_any_notification_are_found_until_they_are_done(ledger: Ledger) -> None:
    first, second = opened(ledger), opened(ledger, "n2", 16)
    assert list(ledger.overdue_parts(LATER - timedelta(microseconds=1), 9)) == []
    assert sorted(p.run_id for p in ledger.overdue_parts(LATER, 9)) == ["n1", "n2"]
    ledger.advance(replace(first, done=True, wake_at=None), [])
    assert list(ledger.overdue_parts(LATER, 9)) == [second]


# ---- what only Firestore has -------------------------------------------------------------------


def test_a_write_carries_the_chunks_that_changed_and_no_address(
    firestore: Ledger, line: BadLine
) -> None:
    (batch,) = planned(firestore, of_size(120))
    firestore.write(batch.recorded({CHUNK_SIZE: DELIVERED}), [CHUNK_SIZE])
    (write,) = orjson.loads(line.requests[-1].content)["writes"]
    fields = write["update"]["fields"]
    assert list(fields["ledger"]["mapValue"]["fields"]) == ["c1"]
    assert {"targets", "addresses"}.isdisjoint(fields)
    assert [path for path in write["updateMask"]["fieldPaths"] if "ledger" in path] == ["ledger.c1"]
    assert write["currentDocument"] == {"updateTime": batch.version}


def test_a_batch_of_an_earlier_version_is_read(firestore: Ledger, rest: FirestoreRest) -> None:
    (batch,) = planned(firestore, of_size(2, reached=2, failed_rounds=3))
    name = rest.name("pendingNotifications", N1, "batches", batch.id)
    rest.commit([write(name, {}, ["reached", "fruitless"])])
    found = firestore.batch(N1, batch.id)
    assert (found.reached, found.failed_rounds, found.targets) == (0, 0, batch.targets)


def test_a_full_batch_of_long_tokens_fits_and_one_too_large_is_refused_by_name(
    firestore: Ledger,
) -> None:
    def of_tokens(length: int) -> Batch:
        address = PushAddress(AddressKind.FCM, "t" * length)
        return a_batch([a_target(f"h{n}", address=address) for n in range(500)])

    (batch,) = planned(firestore, of_tokens(1_400))
    results = dict.fromkeys(range(500), replace(DELIVERED, receipt="r" * 80))
    firestore.write(batch.recorded(results), results)
    with pytest.raises(Defect, match="0000-00-00000 of n1 is too large"):
        firestore.advance(firestore.parts(N1)[0], [of_tokens(4_000)])


@pytest.mark.parametrize("odd", ["\U0001f680", "\x01", '"', "é", "t"])
def test_devices_whose_texts_take_more_room_than_characters_still_fit_into_their_batches(
    firestore: Ledger, odd: str
) -> None:
    """Whoever may register a device, or writes its document, could else stop every plan."""
    address = PushAddress(AddressKind.FCM, odd * 1_200)
    crowd = [a_target(f"{odd}{n}", address=address, locale=odd * 50) for n in range(240)]
    assert all(target.fits for target in crowd)
    runs = slices(crowd, weigh=lambda target: target.stored_bytes)
    batches = [a_batch(run, id=batch_id(0, 0, n)) for n, run in enumerate(runs)]
    assert sum(len(batch.targets) for batch in planned(firestore, *batches)) == 240


@pytest.mark.parametrize("fault", ["mute", "drop", "late"])
def test_a_write_whose_answer_is_lost_is_made_exactly_once(
    firestore: Ledger, line: BadLine, fault: str
) -> None:
    (batch,) = planned(firestore, of_size(60))
    line.next(":commit", fault, fault)
    results = {3: DELIVERED, 55: GONE}
    written = firestore.write(
        replace(batch.recorded(results), lease_owner="me", lease_until=LATER), results
    )
    assert firestore.batch(N1, batch.id) == written


@pytest.mark.parametrize("fault", ["mute", "drop", "late"])
def test_a_page_whose_answer_is_lost_is_planned_exactly_once(
    firestore: Ledger, line: BadLine, fault: str
) -> None:
    part = opened(firestore)
    line.next(":commit", fault)
    advanced = firestore.advance(
        replace(part, batches=1, cursor="0001|h", wake_at=None, done=True), [of_size(2)]
    )
    assert list(firestore.parts(N1)) == [advanced]
    assert firestore.advance(replace(advanced, done=False), []).version != advanced.version


def test_a_lost_answer_after_which_another_wrote_is_a_lost_lease(
    firestore: Ledger, line: BadLine
) -> None:
    (batch,) = planned(firestore, of_size(2))

    def another_takes_over() -> None:
        firestore.write(replace(firestore.batch(N1, batch.id), lease_owner="you"))

    line.next(":commit", another_takes_over)
    with pytest.raises(LostLease):
        firestore.write(replace(batch, lease_owner="me"))
    assert firestore.batch(N1, batch.id).lease_owner == "you"


def test_a_write_that_is_not_taken_for_long_is_to_be_tried_again_later(
    firestore: Ledger, line: BadLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "LONGEST_WAIT_SECONDS", 0.001)
    (batch,) = planned(firestore, of_size(1))
    line.next(":commit", *["drop"] * 99)
    with pytest.raises(TryAgain):
        firestore.write(replace(batch, lease_owner="me"))
    assert line.sent(":commit") == changing.TRIES + 1
    assert firestore.batch(N1, batch.id) == batch


def test_a_busy_store_is_asked_again_without_looking(firestore: Ledger, line: BadLine) -> None:
    (batch,) = planned(firestore, of_size(1))
    looked = line.sent(":batchGet")
    busy = {"error": {"code": 409, "status": "ABORTED", "message": "contention"}}
    line.next(":commit", httpx.Response(409, json=busy))
    assert firestore.write(replace(batch, lease_owner="me")).lease_owner == "me"
    assert line.sent(":batchGet") == looked


def test_parts_that_could_not_be_opened_are_to_be_tried_again(
    firestore: Ledger, line: BadLine
) -> None:
    busy = {"writeResults": [{}], "status": [{"code": 14}]}
    line.next(":batchWrite", httpx.Response(200, json=busy))
    with pytest.raises(TryAgain):
        firestore.open_parts([a_part()])
    assert list(firestore.parts(N1)) == []


@pytest.mark.parametrize("odd", [{"low": encode("x")}, {}, {"ramp": encode([1])}])
def test_a_part_that_somebody_spoilt_does_not_keep_the_others_waiting(
    firestore: Ledger, rest: FirestoreRest, odd: Raw
) -> None:
    second = opened(firestore, "n2", 16)
    fields = {"wakeAt": encode(NOON - timedelta(days=1)), **odd}
    rest.commit([write(rest.name("pendingNotifications", "n1", "parts", "0000"), fields)])
    assert list(firestore.overdue_parts(LATER, 9)) == [second]
    with pytest.raises(Defect, match="pendingNotifications/n1/parts/0000 cannot be read"):
        firestore.part(N1, 0)
