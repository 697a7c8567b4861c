"""Sums over a ledger: what differs is named, and what was stored before a dimension is read."""

import pytest

from shared.domain import tally as sums
from shared.domain.tally import Tally, stored_dimensions


def test_what_two_tallies_do_not_share_is_named_with_both_sums() -> None:
    one = Tally(3, delivered=2, failed=1, errors={"unregistered": 1})
    other = Tally(3, delivered=2, skipped=1, errors={"consent": 1})
    assert list(one.unlike(other)) == [
        ("failed", 1, 0),
        ("skipped", 0, 1),
        ("errors", {"unregistered": 1}, {"consent": 1}),
    ]
    assert list(one.unlike(one)) == []


def test_a_dimension_that_both_could_have_is_unlike_where_one_is_empty() -> None:
    assert [name for name, *_ in Tally(errors={"a": 1}).unlike(Tally())] == ["errors"]


def test_what_was_stored_from_the_start_must_be_there() -> None:
    assert stored_dimensions({"errors": {"a": 1}, "targeted": 1}) == {"errors": {"a": 1}}
    with pytest.raises(KeyError):
        stored_dimensions({"targeted": 1})


def test_a_dimension_that_came_later_is_empty_in_what_is_older_and_not_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if the codes had been added to the totals only now."""
    monkeypatch.setattr(sums, "_FROM_THE_START", sums.TOTALS)
    assert stored_dimensions({"targeted": 1}) == {"errors": {}}
    assert list(Tally(errors={"a": 1}).unlike(Tally())) == []
    assert [name for name, *_ in Tally(errors={"a": 1}).unlike(Tally(errors={"b": 1}))] == [
        "errors"
    ]
