"""What every store of the policy, the moderators and used-up limits promises."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from shared.domain.errors import Defect
from shared.domain.notifications.review import ReviewPolicy, Template
from shared.domain.providers.places import Taker, Turn
from shared.stores.moderators import Moderator, Moderators
from shared.stores.review_policies import ReviewPolicies
from shared.stores.usage import Usage
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

A, B, C = (Taker(place, "r1") for place in "abc")


def test_there_are_as_many_places_as_the_limit_says(usage: Bench[Usage]) -> None:
    take = partial(usage.store.take, "p1", "perDay", "2026-03-01", 2, NOON + HOUR)
    assert [take(taker=taker) for taker in (A, B, C)] == [True, True, False]
    assert not usage.store.take("p1", "perDay", "2026-03-02", 0, NOON, taker=A)
    assert usage.read("p1.perDay.2026-03-01") == {
        "takers": ["a/r1", "b/r1"],
        "expireAt": NOON + HOUR,
    }


def test_who_has_a_place_is_given_it_again(usage: Bench[Usage]) -> None:
    take = partial(usage.store.take, "p1", "perDay", "2026-03-01", 1, NOON)
    assert [take(taker=A), take(taker=A), take(taker=B)] == [True, True, False]


def test_windows_kinds_and_providers_do_not_share_places(usage: Bench[Usage]) -> None:
    windows = [("p1", "perDay", "1"), ("p1", "perDay", "2"), ("p1", "other", "1")]
    for window in [*windows, ("p2", "perDay", "1")]:
        assert usage.store.take(*window, 1, NOON, taker=A)
        assert not usage.store.take(*window, 1, NOON, taker=B)


def test_a_place_that_is_given_back_is_free(usage: Bench[Usage]) -> None:
    take = partial(usage.store.take, "p1", "perDay", "1", 1, NOON + HOUR)
    usage.store.give_back("p1", "perDay", "1", taker=A)
    assert take(taker=A)
    usage.store.give_back("p1", "perDay", "1", taker=B)
    assert not take(taker=B)
    usage.store.give_back("p1", "perDay", "1", taker=A)
    assert take(taker=B)
    assert (usage.read("p1.perDay.1") or {})["expireAt"] == NOON + HOUR


def test_requests_for_the_same_place_share_it_until_the_last_gives_it_back(
    usage: Bench[Usage],
) -> None:
    take = partial(usage.store.take, "p1", "perDay", "1", 1, NOON)
    another = Taker("a", "r2")
    assert [take(taker=A), take(taker=another)] == [True, True]
    assert usage.store.places("p1", "perDay", "1") == ["a"]
    usage.store.give_back("p1", "perDay", "1", taker=A)
    assert not take(taker=B)
    usage.store.give_back("p1", "perDay", "1", taker=another)
    assert usage.store.places("p1", "perDay", "1") == []
    assert take(taker=B)


def test_a_place_that_an_older_version_wrote_is_a_place(usage: Bench[Usage]) -> None:
    usage.write("p1.perDay.1", {"takers": ["a"], "expireAt": NOON})
    take = partial(usage.store.take, "p1", "perDay", "1", 1, NOON)
    assert [take(taker=A), take(taker=B)] == [True, False]


def test_however_many_ask_at_once_no_more_get_a_place(usage: Bench[Usage]) -> None:
    def take(number: int) -> bool:
        return usage.store.take("p1", "perDay", "1", 4, NOON, taker=Taker(f"t{number}", "r"))

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert sum(pool.map(take, range(8))) == 4


# ---- turns -----------------------------------------------------------------------------------


def test_one_at_a_place_and_so_many_in_all_have_a_turn(usage: Bench[Usage]) -> None:
    begin = partial(usage.store.begin, "p1", "looks", 2, NOON, NOON + HOUR)
    assert [begin(each) for each in (A, A, Taker("a", "r2"), B, C)] == [
        Turn.MINE,
        Turn.MINE,
        Turn.ANOTHERS,
        Turn.MINE,
        Turn.NONE_FREE,
    ]
    assert usage.store.begin("p2", "looks", 2, NOON, NOON + HOUR, A) is Turn.MINE
    usage.store.end("p1", "looks", taker=Taker("a", "r2"))
    assert begin(C) is Turn.NONE_FREE
    usage.store.end("p1", "looks", taker=A)
    usage.store.end("p1", "looks", taker=A)
    assert begin(C) is Turn.MINE


def test_a_turn_lapses_at_its_end(usage: Bench[Usage]) -> None:
    assert usage.store.begin("p1", "looks", 1, NOON, NOON + HOUR, A) is Turn.MINE
    late = NOON + HOUR
    soon = late - timedelta(seconds=1)
    assert usage.store.begin("p1", "looks", 1, soon, late, B) is Turn.NONE_FREE
    assert usage.store.begin("p1", "looks", 1, late, late + HOUR, B) is Turn.MINE
    assert usage.store.begin("p1", "looks", 1, late, late + HOUR, A) is Turn.NONE_FREE
    assert (usage.read("p1.looks") or {})["expireAt"] == late + HOUR


def test_a_turn_that_nobody_took_can_be_ended(usage: Bench[Usage]) -> None:
    usage.store.end("p1", "looks", taker=A)
    assert usage.read("p1.looks") is None


def test_however_many_begin_at_once_no_more_have_a_turn(usage: Bench[Usage]) -> None:
    def begin(number: int) -> Turn:
        place = f"n{number // 2}"
        taker = Taker(place, f"r{number}")
        return usage.store.begin("p1", "looks", 4, NOON, NOON + HOUR, taker)

    with ThreadPoolExecutor(max_workers=8) as pool:
        turns = list(pool.map(begin, range(16)))
    assert turns.count(Turn.MINE) == 4
