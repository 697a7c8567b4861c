"""With which earlier notification a batch is compared, and what its ledger tells of addresses."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.domain.audience.device import AddressKind, PushAddress, partition_of
from shared.domain.audience.filters import Segment, TargetPlatform
from shared.domain.delivery.ledger import RECEIPT_SHOWN, Newness, Outcome, Record, Target, sort_key
from shared.domain.delivery.newness import comparable, key_range, newness
from shared.domain.delivery.run import Run
from shared.domain.notifications.lifecycle import Status
from tests.builders import NOON, a_batch, a_notification, a_segment, a_target, ran

DAY = timedelta(days=1)
REACHED = Record(Outcome.DELIVERED, receipt="r", at=NOON)


def sent(id: str, days_ago: int, segment: Segment | None = None, *domains: str) -> Run:
    return replace(
        ran(a_notification(id, Status.APPROVED)),
        sending_at=NOON - days_ago * DAY,
        segment=segment or Segment(),
        domains=domains or ("a.example", "b.example"),
    )


ALL, APPLE = a_segment(), a_segment(platform=TargetPlatform.IOS)
ONE_SITE = a_segment(domain="a.example")


@pytest.mark.parametrize(
    ("this", "earlier", "chosen"),
    [
        (ALL, [], None),
        (ALL, [sent("later", -1), sent("this", 0)], None),
        (ALL, [sent("old", 3), sent("last", 1)], "last"),
        (ALL, [sent("last", 1), sent("old", 3)], "last"),
        (None, [sent("all", 3), sent("apple", 1, APPLE)], "all"),
        (ALL, [sent("empty", 3, ALL), sent("apple", 1, APPLE)], "empty"),
        (
            APPLE,
            [
                sent("apple", 3, APPLE),
                sent("android", 1, a_segment(platform=TargetPlatform.ANDROID)),
            ],
            "apple",
        ),
        (
            APPLE,
            [sent("all", 3), sent("android", 1, a_segment(platform=TargetPlatform.ANDROID))],
            "all",
        ),
        (ALL, [sent("old", 3, APPLE), sent("apple", 1, APPLE)], "apple"),
        (ALL, [sent("both", 3), sent("one", 1, ONE_SITE)], "both"),
        (ONE_SITE, [sent("both", 3), sent("one", 1, ONE_SITE)], "one"),
        (ONE_SITE, [sent("both", 3), sent("other", 1, a_segment(domain="b.example"))], "both"),
        (ONE_SITE, [sent("other", 1, None, "b.example")], None),
        (ALL, [replace(sent("own", 1), urgent=True)], None),
        (ALL, [replace(sent("odd", 1), sending_at=None)], None),
    ],
)
def test_it_is_the_last_that_went_to_all_of_them_or_else_the_last_that_met_them(
    this: Segment | None, earlier: list[Run], chosen: str | None
) -> None:
    found = comparable(sent("this", 0, this), earlier)
    assert (found and found.id) == chosen


def at(hwid: str, since: datetime | None) -> Target:
    return a_target(hwid, address=PushAddress(AddressKind.FCM, hwid, "", since))


@pytest.mark.parametrize(
    ("then", "since", "expected"),
    [
        (REACHED, NOON - DAY, Newness.KNOWN),
        (REACHED, NOON, Newness.KNOWN),
        (REACHED, None, Newness.KNOWN),
        (REACHED, NOON + DAY, Newness.RENEWED),
        (replace(REACHED, at=None), NOON + DAY, Newness.KNOWN),
        (replace(REACHED, receipt=""), NOON - DAY, Newness.KNOWN),
        (replace(REACHED, receipt=RECEIPT_SHOWN), NOON - DAY, Newness.NEW),
        (Record(Outcome.FAILED, "wrongApp", at=NOON), NOON - DAY, Newness.NEW),
        (Record(Outcome.UNKNOWN, "answerLost", at=NOON), NOON - DAY, Newness.NEW),
        (Record(Outcome.SKIPPED, "stopped", at=NOON), NOON - DAY, Newness.NEW),
    ],
)
def test_an_address_is_known_where_its_device_was_reached_since_it_registered(
    then: Record, since: datetime | None, expected: Newness
) -> None:
    others = a_batch([a_target("other"), at("phone", None)], [REACHED, then])
    assert newness(a_batch([at("phone", since)]), [others]) == {0: expected}
    assert newness(a_batch([at("phone", since)]), []) == {0: Newness.NEW}


def test_a_device_without_address_has_none_that_is_new() -> None:
    batch = a_batch([a_target("bare", address=None), at("phone", NOON)])
    assert newness(batch, []) == {1: Newness.NEW}


def test_a_batch_reaches_from_its_first_to_its_last_device() -> None:
    hwids = sorted(["a", "b", "c"], key=lambda it: sort_key(partition_of(it), it))
    low, high = key_range(a_batch([a_target(hwid) for hwid in hwids]))
    assert (low.partition("|")[2], high.partition("|")[2]) == (hwids[0], hwids[-1])
