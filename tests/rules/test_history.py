"""Nobody can edit what happened without being noticed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.notifications.history import GENESIS, Entry, broken_links, chain_faults
from shared.domain.notifications.lifecycle import Status
from tests.builders import NOON

words = st.text(max_size=12)
facts = st.fixed_dictionaries(
    {
        "move": words,
        "origin": st.sampled_from([None, *Status]),
        "status": st.sampled_from(Status),
        "actor": words,
        "at": st.integers(0, 10**9).map(lambda us: NOON + timedelta(microseconds=us)),
        "reason": words,
        "revision": st.integers(1, 9),
    }
)


def chain_of(rows: Sequence[dict[str, Any]]) -> list[Entry]:
    entries: list[Entry] = []
    for number, row in enumerate(rows, start=1):
        previous = entries[-1].hash if entries else GENESIS
        entries.append(Entry(number=number, previous=previous, **row).sealed())
    return entries


chains = st.lists(facts, min_size=1, max_size=6).map(chain_of)


def tampered(entries: Sequence[Entry], sound: Sequence[Entry]) -> bool:
    """Tell whether it shows that these are not the entries the notification knows the head of."""
    return bool(chain_faults(entries, len(sound), sound[-1].hash))


@given(chains)
def test_an_untouched_chain_is_sound(entries: list[Entry]) -> None:
    assert chain_faults(entries, len(entries), entries[-1].hash) == []


@given(chains, st.data())
def test_an_altered_entry_is_detected(entries: list[Entry], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(entries) - 1))
    altered = replace(entries[at], **data.draw(facts))
    forged = [*entries[:at], altered, *entries[at + 1 :]]
    assert (broken_links(forged) == []) is (altered == entries[at])


@given(chains, st.data())
def test_an_altered_entry_with_a_new_hash_is_detected(
    entries: list[Entry], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(entries) - 1))
    altered = replace(entries[at], **data.draw(facts)).sealed()
    forged = [*entries[:at], altered, *entries[at + 1 :]]
    assert tampered(forged, entries) is (altered != entries[at])


@given(chains, st.data())
def test_a_missing_entry_is_detected(entries: list[Entry], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(entries) - 1))
    assert tampered([*entries[:at], *entries[at + 1 :]], entries)


@given(chains, st.data())
def test_a_chain_that_is_cut_off_at_any_place_is_detected(
    entries: list[Entry], data: st.DataObject
) -> None:
    kept = data.draw(st.integers(0, len(entries) - 1))
    assert tampered(entries[:kept], entries)


@given(chains, st.data())
def test_reordered_entries_are_detected(entries: list[Entry], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(entries))
    assert tampered(shuffled, entries) is (shuffled != entries)


@given(chains, facts, st.data())
def test_an_inserted_entry_is_detected(
    entries: list[Entry], row: dict[str, Any], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(entries)))
    previous = entries[at - 1].hash if at else GENESIS
    stranger = Entry(number=at + 1, previous=previous, **row).sealed()
    assert tampered([*entries[:at], stranger, *entries[at:]], entries)


@given(chains, facts, st.data())
def test_a_chain_written_anew_from_any_place_is_detected_by_its_head(
    entries: list[Entry], row: dict[str, Any], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(entries) - 1))
    kept = [{name: getattr(entry, name) for name in row} for entry in entries]
    forged = chain_of([*kept[:at], row, *kept[at + 1 :]])
    assert broken_links(forged) == []
    assert tampered(forged, entries) is (kept[at] != row)


def test_what_is_wrong_is_told_in_words() -> None:
    entries = chain_of([a_row("submit"), a_row("claim"), a_row("approve")])
    head = entries[-1].hash
    assert chain_faults(entries[:2], 3, head) == [
        "the notification has 3 entries and 2 are there",
        "the chain does not end where the notification says it ends",
    ]
    altered = replace(entries[1], actor="moderator:m2")
    assert chain_faults([entries[0], altered, entries[2]], 3, head) == [
        "entry 2 was altered, or does not follow from the one before it"
    ]
    assert chain_faults([], 0, GENESIS) == []


def a_row(move: str) -> dict[str, Any]:
    return {
        "move": move,
        "origin": Status.PENDING,
        "status": Status.PENDING,
        "actor": "moderator:m1",
        "at": NOON,
        "reason": "",
        "revision": 1,
    }


def test_the_hash_of_an_entry_never_changes_between_versions() -> None:
    entry = Entry(
        number=1,
        move="submit",
        origin=None,
        status=Status.PENDING,
        actor="provider:p1",
        at=NOON,
        reason="Приветствие",
        revision=1,
        previous=GENESIS,
    )
    known = "093a8bdf2725e032e8807c212c16027d10075df02d96ba28498371e009a65e2e"
    assert entry.sealed().hash == known
