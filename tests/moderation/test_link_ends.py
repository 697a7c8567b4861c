"""A link is approved together with the place where it ended, and is another one elsewhere."""

from datetime import timedelta

import pytest

from shared.domain.findings.finding import Finding, Severity, finding_of, new_reds
from shared.domain.findings.link_ends import BETWEEN_LOOKS, MOST_LOOKS, LinkEnd, LookedAt
from tests.builders import NOON

STAYED = LinkEnd("url", "a.example", "a.example")
MOVED = LinkEnd("url", "a.example", "b.example")
SILENT = LinkEnd("url", "a.example")
IMAGE = LinkEnd("image", "a.example", "a.example")


@pytest.mark.parametrize(
    ("before", "now", "moved", "lost"),
    [
        ([STAYED], [STAYED], False, False),
        ([MOVED], [MOVED], False, False),
        ([STAYED], [MOVED], True, False),
        ([MOVED], [STAYED], True, False),
        ([STAYED], [SILENT], False, True),
        ([SILENT], [SILENT], False, False),
        ([SILENT], [STAYED], False, False),
        ([SILENT], [MOVED], True, False),
        ([STAYED, IMAGE], [MOVED, IMAGE], True, False),
        ([STAYED, IMAGE], [STAYED, LinkEnd("image", "a.example")], False, True),
        ([IMAGE, SILENT], [IMAGE, SILENT], False, False),
        ([STAYED, SILENT], [SILENT, STAYED], False, False),
        ([STAYED, STAYED], [STAYED, SILENT], False, True),
        ([STAYED, MOVED], [MOVED, STAYED], False, False),
        ([], [STAYED], False, False),
        ([], [SILENT], False, False),
        ([], [], False, False),
        ([STAYED], [], False, False),
    ],
)
def test_a_later_look_is_compared_with_the_one_that_was_approved(
    before: list[LinkEnd], now: list[LinkEnd], moved: bool, lost: bool
) -> None:
    looked = LookedAt(tuple(before))
    assert (bool(looked.moved(now)), looked.lost(now)) == (moved, lost)


def test_what_moved_is_told_with_its_hosts() -> None:
    [told] = LookedAt((STAYED,)).moved([MOVED])
    assert (told.code, told.severity, told.field) == ("leadsElsewhere", Severity.RED, "url")
    assert told.sentence == "a.example leads to b.example, and did not when it was approved."


def test_a_link_that_is_silent_is_looked_at_so_often_and_so_far_apart() -> None:
    looked, now = LookedAt((STAYED,)), NOON
    for _ in range(MOST_LOOKS - 1):
        assert not looked.is_last(now)
        looked = looked.missed(now)
        assert looked.waits(now)
        assert not looked.waits(now + BETWEEN_LOOKS)
        now += BETWEEN_LOOKS
    assert looked.is_last(now)


def test_looks_at_the_same_time_are_one() -> None:
    once = LookedAt((STAYED,)).missed(NOON)
    at_once = once.missed(NOON + timedelta(seconds=1))
    assert at_once == once
    assert not replace_misses(once).is_last(NOON + timedelta(seconds=1))


def replace_misses(result: LookedAt) -> LookedAt:
    return LookedAt(result.ends, MOST_LOOKS - 1, result.again_at)


def test_the_same_red_about_another_host_is_new() -> None:
    seen = finding_of("lookAlikeHost", "url", host="paypa1.com", like="paypal")
    other = finding_of("lookAlikeHost", "url", host="g00gle.com", like="google")
    assert new_reds([seen], [seen]) == ()
    assert new_reds([other, seen], [seen]) == (other,)


def test_a_red_of_an_older_record_counts_for_any_host() -> None:
    older = Finding("lookAlikeHost", Severity.RED, "url", "paypa1.com looks like paypal …")
    assert new_reds([finding_of("lookAlikeHost", "url", host="a.test", like="b")], [older]) == ()
