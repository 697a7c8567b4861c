"""How records look as the API's JSON; how they look as documents is in the contract tests."""

from datetime import timedelta

import pytest

from shared.adapters.clock import FixedClock, SystemClock
from shared.domain.errors import Defect
from shared.stores.codec import difference
from shared.stores.notification_codec import notification_from
from tests.adapters.records import NOON


def test_a_time_without_a_zone_is_a_defect() -> None:
    document = {"status": "draft", "createdAt": NOON.replace(tzinfo=None)}
    with pytest.raises(Defect, match="createdAt has no time zone"):
        notification_from("n1", document)


def test_only_what_differs_is_written_and_what_is_absent_removed() -> None:
    stored = {"same": 1, "other": 1, "gone": 1, "theirs": 1}
    wanted = {"same": 1, "other": 2, "gone": None, "absent": None, "new": 3}
    assert difference(stored, wanted) == {"other": 2, "gone": None, "new": 3}


def test_a_fixed_clock_does_only_what_it_is_told() -> None:
    clock = FixedClock(NOON, chance=0.25)
    assert (clock.now(), clock.now(), clock.chance()) == (NOON, NOON, 0.25)
    assert clock.advance(1.5) == NOON + timedelta(seconds=1.5)
    clock.advance(timedelta(days=1))
    assert clock.now() == NOON + timedelta(days=1, seconds=1.5)
    clock.set(NOON)
    clock.set_chance(0.75)
    assert (clock.now(), clock.chance()) == (NOON, 0.75)
    assert [clock.new_id(), clock.new_id()] == ["id000000000000000001", "id000000000000000002"]


def test_ids_of_the_real_clock_are_twenty_characters_that_never_come_again() -> None:
    clock = SystemClock()
    new = {clock.new_id() for _ in range(1000)}
    assert len(new) == 1000
    assert all(len(id) == 20 and id.isalnum() and id.isascii() for id in new)
    assert 0 <= clock.chance() < 1
    assert clock.now().utcoffset() == timedelta(0)
