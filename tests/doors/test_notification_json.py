"""A notification as the API's JSON; as a document it is in the contract tests."""

import json
from datetime import timedelta, timezone

import pytest

from functions.http.models import Answer
from functions.http.notification import NotificationAnswer, notification_json
from functions.provider.answers import StatsAnswer
from shared.domain.content.content import Content
from shared.domain.delivery.run import FailureReason
from shared.domain.tally import DIMENSIONS, TOTALS, Tally
from shared.stores.notification_codec import notification_fields
from tests.adapters.records import NOON, a_sending, a_submission, with_fields


def test_the_json_of_a_notification_has_the_names_of_the_specification() -> None:
    shown = notification_json(a_submission(content=Content(title="T", body="B")).notification)
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


@pytest.mark.parametrize("answer", [NotificationAnswer, StatsAnswer])
def test_an_answer_with_counters_has_all_of_them(answer: type[Answer]) -> None:
    assert {f"{name}_count" for name in TOTALS} | {*DIMENSIONS} <= set(answer.model_fields)


def test_times_are_utc_and_words_are_text_in_json() -> None:
    minsk = timezone(timedelta(hours=3))
    notification = with_fields(
        a_sending(
            failure_reason=FailureReason.NO_AUDIENCE, tally=Tally(2, 1, 1, errors={"gone": 1})
        ),
        moderated_at=NOON.replace(microsecond=0).astimezone(minsk),
    ).notification
    shown = notification_json(notification)
    assert shown["moderatedAt"] == "2026-03-01T12:00:00.000000Z"
    assert (shown["failureReason"], type(shown["failureReason"])) == ("noAudience", str)
    assert (shown["targetedCount"], shown["errors"]) == (2, {"gone": 1})


def test_nothing_internal_is_in_the_json() -> None:
    notification = a_submission().notification
    shown = {name.lower() for name in notification_json(notification)}
    stored = {name.lower() for name in notification_fields(notification)}
    assert stored - shown == {
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
