"""How records look as the API's JSON; how they look as documents is in the contract tests."""

import json
from dataclasses import fields
from datetime import timedelta, timezone

import pytest

from shared.adapters.clock import FixedClock, SystemClock
from shared.adapters.documents.fields import difference
from shared.adapters.documents.notification import notification_from, to_json
from shared.domain.content.content import Content
from shared.domain.errors import Defect
from shared.domain.notifications.notification import FailureReason
from shared.domain.tally import Tally
from tests.adapters.records import NOON, a_new_notification, a_submission, with_fields


def test_the_json_of_a_notification_has_the_names_of_the_specification() -> None:
    shown = to_json(a_submission(content=Content(title="T", body="B")).notification)
    assert json.loads(json.dumps(shown)) == {
        "id": "n1",
        "title": "T",
        "body": "B",
        "image": None,
        "url": None,
        "urlButtonName": "Open",
        "forceTimer": None,
        "expirySeconds": None,
        "targetSegment": {"platform": "all", "region": ["ru", "by"]},
        "status": "pending",
        "providerId": "p1",
        "providerEmail": "p1@example.com",
        "createdAt": "2026-03-01T12:00:00.123456Z",
        "revision": 1,
        "findings": [],
        "estimatedDevices": None,
        "submittedAt": "2026-03-01T12:00:00.123456Z",
        "moderatedAt": None,
        "moderatorId": None,
        "moderatorComment": None,
        "autoApproved": False,
        "autoApproveReason": None,
        "cancelledAt": None,
        "cancelledBy": None,
        "sendingAt": None,
        "endedAt": None,
        "failureReason": None,
        "targetedCount": 0,
        "deliveredCount": 0,
        "failedCount": 0,
        "skippedCount": 0,
        "unknownCount": 0,
        "errors": {},
        "countedAt": None,
    }


def test_times_are_utc_and_words_are_text_in_json() -> None:
    minsk = timezone(timedelta(hours=3))
    notification = with_fields(
        a_submission(),
        moderated_at=NOON.replace(microsecond=0).astimezone(minsk),
        failure_reason=FailureReason.NO_AUDIENCE,
        tally=Tally(2, 1, 1, errors={"gone": 1}),
    ).notification
    shown = to_json(notification)
    assert shown["moderatedAt"] == "2026-03-01T12:00:00.000000Z"
    assert (shown["failureReason"], type(shown["failureReason"])) == ("noAudience", str)
    assert (shown["targetedCount"], shown["errors"]) == (2, {"gone": 1})


def test_nothing_internal_is_in_the_json() -> None:
    shown = {name.lower() for name in to_json(a_submission().notification)}
    told = {it.name.replace("_", "") for it in fields(a_new_notification())}
    assert told - shown - {"content", "segment", "tally", "version"} == {
        "claim",
        "endorsements",
        "exportat",
        "lookedat",
        "wakeat",
        "sweeps",
        "historycount",
        "historyhash",
        "planparts",
        "plandomains",
        "lostdomains",
        "readat",
    }


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
