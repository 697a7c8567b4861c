"""The ledger's arithmetic, and that an outcome, once recorded, stays."""

from collections.abc import Iterable
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.delivery.ledger import (
    BATCH_SIZE,
    CHUNK_SIZE,
    UNTRIED,
    Batch,
    BatchState,
    Outcome,
    PlanPart,
    Record,
    batch_id,
    slices,
    sort_key,
    tally,
)
from shared.domain.tally import ENDS, TOTALS, Tally
from tests.builders import NOON, a_batch, a_target

records = st.builds(
    Record,
    outcome=st.sampled_from(Outcome),
    code=st.sampled_from(["", "unregistered", "consent", "exhausted"]),
    receipt=st.sampled_from(["", "r1"]),
)
ledgers = st.lists(records, max_size=80)


def batch_of(of: list[Record]) -> Batch:
    return a_batch([a_target(f"phone-{n}") for n in range(len(of))] or (), of or ())


@given(ledgers)
def test_every_targeted_device_is_counted_in_exactly_one_way(some: list[Record]) -> None:
    sums = tally(some)
    parts = (sums.delivered, sums.failed, sums.skipped, sums.unknown, sums.open)
    assert sums.targeted == len(some) == sum(parts)
    assert sums.open == sum(record.outcome is Outcome.OPEN for record in some)


def test_every_outcome_but_an_open_one_is_a_total() -> None:
    assert set(ENDS) == {str(outcome) for outcome in Outcome if outcome is not Outcome.OPEN}
    assert set(TOTALS) == {"targeted", *ENDS}


@given(ledgers)
def test_a_tally_is_what_its_sums_by_dimension_say(some: list[Record]) -> None:
    sums = tally(some)
    assert Tally.of(sums.totals, sums.dimensions) == sums
    assert {*sums.totals, *sums.dimensions} == {each.name for each in fields(Tally)}


def test_a_tally_without_one_of_its_totals_is_none() -> None:
    with pytest.raises(KeyError):
        Tally.of({"targeted": 1})


@given(ledgers)
def test_errors_count_every_outcome_that_is_not_a_delivery(some: list[Record]) -> None:
    sums = tally(some)
    assert sum(sums.errors.values()) == sums.failed + sums.skipped + sums.unknown


@given(st.lists(ledgers, max_size=5))
def test_the_sums_of_batches_add_up_to_the_sum_of_all_records(batches: list[list[Record]]) -> None:
    everything = [record for batch in batches for record in batch]
    assert sum((tally(batch) for batch in batches), Tally()) == tally(everything)


@given(ledgers, st.dictionaries(st.integers(0, 79), records))
def test_an_outcome_is_never_replaced(some: list[Record], results: dict[int, Record]) -> None:
    known = {p: r for p, r in results.items() if p < len(some)}
    before = batch_of(some)
    after = before.recorded(known)
    for position, record in enumerate(some):
        if record.outcome is not Outcome.OPEN:
            assert after.records[position] == record
        else:
            assert after.records[position] == known.get(position, record)


@given(ledgers, st.integers(0, 90))
def test_chunks_hold_every_open_device_once_and_no_other(some: list[Record], reached: int) -> None:
    batch = replace(batch_of(some), records=tuple(some), reached=reached)
    chunks = list(batch.chunks())
    assert sorted(p for chunk in chunks for p in chunk) == batch.open_positions()
    assert all(0 < len(chunk) <= CHUNK_SIZE for chunk in chunks)
    assert all(some[p].outcome is Outcome.OPEN for chunk in chunks for p in chunk)


def test_a_closed_batch_has_no_owner_and_nothing_to_wake_up_for() -> None:
    held = a_batch(lease_owner="x", lease_until=NOON, retry_at=NOON, wake_at=NOON)
    assert held.closed() == a_batch(state=BatchState.CLOSED)


@pytest.mark.parametrize(
    ("devices", "sizes"),
    [(0, []), (1, [1]), (500, [500]), (501, [500, 1]), (2000, [500] * 4)],
)
def test_a_page_is_cut_into_batches_of_five_hundred(devices: int, sizes: list[int]) -> None:
    assert [len(run) for run in slices(range(devices))] == sizes
    assert BATCH_SIZE == 500


def test_a_chunk_is_at_most_fifty_devices() -> None:
    assert [len(chunk) for chunk in batch_of([UNTRIED] * 120).chunks()] == [50, 50, 20]


def test_chunks_go_on_where_the_last_owner_was_and_then_from_the_start() -> None:
    batch = replace(batch_of([UNTRIED] * 120), reached=100)
    assert [(chunk[0], chunk[-1]) for chunk in batch.chunks()] == [(100, 119), (0, 49), (50, 99)]


DONE = Record(Outcome.DELIVERED, at=NOON)


@pytest.mark.parametrize(
    ("records", "reached", "positions"),
    [
        ([UNTRIED] * 120, 0, range(50)),
        ([UNTRIED] * 3, 0, range(3)),
        ([UNTRIED] * 120, 50, range(50, 100)),
        ([UNTRIED] * 120, 100, range(100, 120)),
        ([UNTRIED] * 120, 120, range(50)),
        ([DONE] * 50 + [UNTRIED] * 70, 0, range(50, 100)),
        ([UNTRIED] * 10 + [DONE] * 110, 50, range(10)),
        ([DONE] * 50, 50, []),
    ],
)
def test_whoever_died_was_at_the_chunk_behind_the_last_that_was_recorded(
    records: list[Record], reached: int, positions: Iterable[int]
) -> None:
    assert replace(batch_of(records), reached=reached).in_doubt() == list(positions)


@given(st.lists(st.booleans(), max_size=260), st.integers(0, 300), st.data())
def test_wherever_an_owner_dies_all_of_its_chunk_is_in_doubt(
    open_: list[bool], reached: int, data: st.DataObject
) -> None:
    batch = replace(batch_of([UNTRIED if it else DONE for it in open_]), reached=reached)
    for chunk in list(batch.chunks()):
        assert set(chunk) <= set(batch.in_doubt())
        ended = data.draw(st.sets(st.sampled_from(chunk)))
        batch = replace(batch.recorded(dict.fromkeys(ended, DONE)), reached=chunk[-1] + 1)


@given(st.integers(0, 1023), st.integers(0, 1023), st.text(), st.text())
def test_sort_keys_order_by_partition_first(a: int, b: int, x: str, y: str) -> None:
    if a != b:
        assert (sort_key(a, x) < sort_key(b, y)) is (a < b)
    else:
        assert (sort_key(a, x) < sort_key(b, y)) is (x < y)


def test_a_batch_is_named_by_its_place() -> None:
    assert batch_id(512, 1, 7) == "0512-01-00007"


def test_every_step_of_planning_a_part_has_a_place_of_its_own() -> None:
    part = PlanPart("n1", 0, 512, read_at="t1")
    steps = [
        part,
        replace(part, cursor="0001|a"),
        replace(part, cursor="0001|b"),
        replace(part, stream=1),
        replace(part, sweeps=1),
        replace(part, read_at="t2"),
        replace(part, low=512, high=1024),
    ]
    assert len({step.place for step in steps}) == len(steps)
