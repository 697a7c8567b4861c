"""What every store of the policy, the moderators and used-up limits promises."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from shared.domain.errors import Defect
from shared.domain.review import ReviewPolicy, Template
from shared.ports import Moderator, Moderators, ReviewPolicies, Usage
from tests.adapters.conftest import Bench
from tests.adapters.records import NOON

HOUR = timedelta(hours=1)
MIRA = Moderator("m1", NOON, telegram_user_id=77, name="Mira", email="mira@example.com")


# ---- the policy ------------------------------------------------------------------------------


def test_the_policy_is_as_delivered_until_somebody_decides(policies: ReviewPolicies) -> None:
    assert policies.get() == ReviewPolicy(50_000, HOUR, ())
    decided = ReviewPolicy(10, timedelta(minutes=5), (Template("loud", "Loud", "Do not shout."),))
    policies.put(decided)
    assert policies.get() == decided
    policies.put(ReviewPolicy())
    assert policies.get() == ReviewPolicy()


def test_moderators_are_reminded_once_in_a_period(policies: ReviewPolicies) -> None:
    assert policies.take_reminder(NOON, NOON - HOUR)
    assert not policies.take_reminder(NOON, NOON - HOUR)
    soon = NOON + timedelta(minutes=59)
    assert not policies.take_reminder(soon, soon - HOUR)
    assert policies.take_reminder(NOON + HOUR, NOON)


def test_of_many_who_would_remind_at_once_one_does(policies: ReviewPolicies) -> None:
    with ThreadPoolExecutor(max_workers=6) as pool:
        took = list(pool.map(lambda _: policies.take_reminder(NOON, NOON - HOUR), range(6)))
    assert sorted(took) == [False] * 5 + [True]


# ---- moderators ------------------------------------------------------------------------------


def test_a_moderator_is_known_by_uid_and_by_telegram(moderators: Bench[Moderators]) -> None:
    assert (moderators.store.get("m1"), moderators.store.by_telegram(77)) == (None, None)
    moderators.store.put(MIRA)
    moderators.store.put(Moderator("m2", NOON))
    assert moderators.store.get("m1") == MIRA == moderators.store.by_telegram(77)
    assert moderators.store.get("m2") == Moderator("m2", NOON)
    assert moderators.store.by_telegram(78) is None
    assert moderators.read("m1") == {
        "telegramUserId": 77,
        "name": "Mira",
        "email": "mira@example.com",
        "at": NOON,
    }


def test_a_moderator_who_is_no_more_is_unknown_at_once(moderators: Bench[Moderators]) -> None:
    moderators.store.put(MIRA)
    moderators.store.put(Moderator("m1", NOON, name="Mira"))
    assert moderators.store.by_telegram(77) is None
    moderators.store.put(MIRA)
    moderators.store.delete("m1")
    moderators.store.delete("m1")
    assert (moderators.store.get("m1"), moderators.store.by_telegram(77)) == (None, None)


def test_it_is_remembered_who_was_removed_until_they_are_back(
    moderators: Bench[Moderators],
) -> None:
    assert not moderators.store.was_removed("m1")
    moderators.store.put(MIRA)
    assert not moderators.store.was_removed("m1")
    moderators.store.delete("m1")
    moderators.store.delete("m2")
    assert moderators.store.was_removed("m1")
    assert moderators.store.was_removed("m2")
    assert moderators.read("m1") == {"removed": True}, "nothing else is kept of them"
    moderators.store.put(MIRA)
    assert not moderators.store.was_removed("m1")
    assert moderators.store.by_telegram(77) == MIRA


def test_a_broken_moderator_is_a_defect(moderators: Bench[Moderators]) -> None:
    moderators.write("m1", {"telegramUserId": "77", "at": NOON})
    with pytest.raises(Defect):
        moderators.store.get("m1")


# ---- limits ----------------------------------------------------------------------------------


def test_there_are_as_many_places_as_the_limit_says(usage: Bench[Usage]) -> None:
    take = partial(usage.store.take, "p1", "perDay", "2026-03-01", 2, NOON + HOUR)
    assert [take(taker=taker) for taker in ("a", "b", "c")] == [True, True, False]
    assert not usage.store.take("p1", "perDay", "2026-03-02", 0, NOON, taker="a")
    assert usage.read("p1.perDay.2026-03-01") == {
        "takers": ["a", "b"],
        "expireAt": NOON + HOUR,
    }


def test_who_has_a_place_is_given_it_again(usage: Bench[Usage]) -> None:
    take = partial(usage.store.take, "p1", "perDay", "2026-03-01", 1, NOON)
    assert [take(taker="a"), take(taker="a"), take(taker="b")] == [True, True, False]


def test_windows_kinds_and_providers_do_not_share_places(usage: Bench[Usage]) -> None:
    windows = [("p1", "perDay", "1"), ("p1", "perDay", "2"), ("p1", "other", "1")]
    for window in [*windows, ("p2", "perDay", "1")]:
        assert usage.store.take(*window, 1, NOON, taker="a")
        assert not usage.store.take(*window, 1, NOON, taker="b")


def test_a_place_that_is_given_back_is_free(usage: Bench[Usage]) -> None:
    take = partial(usage.store.take, "p1", "perDay", "1", 1, NOON + HOUR)
    usage.store.give_back("p1", "perDay", "1", taker="a")
    assert take(taker="a")
    usage.store.give_back("p1", "perDay", "1", taker="b")
    assert not take(taker="b")
    usage.store.give_back("p1", "perDay", "1", taker="a")
    assert take(taker="b")
    assert (usage.read("p1.perDay.1") or {})["expireAt"] == NOON + HOUR


def test_however_many_ask_at_once_no_more_get_a_place(usage: Bench[Usage]) -> None:
    def take(number: int) -> bool:
        return usage.store.take("p1", "perDay", "1", 4, NOON, taker=f"t{number}")

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert sum(pool.map(take, range(8))) == 4
