"""A life told from the archive alone, and what does not fit in it."""

from hashlib import sha256

import pytest

from shared.domain.archive.life import Life
from shared.domain.archive.objects import Kind, opened, place_of
from shared.domain.delivery.ledger import Outcome, Record
from shared.domain.errors import NotFound
from shared.domain.notifications.lifecycle import Status
from shared.flow.archive.replay import replay
from tests.archive.parts import N1, N2, World
from tests.archive.tampering import an_object, rewritten


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
