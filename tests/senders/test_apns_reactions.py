"""Apple's answers, row by row."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.emulators.apns.answers import REASONS
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from shared.domain.push.apns import REACTIONS, UNKNOWN_REASONS, Reaction, Step, meaning
from shared.wire.http11 import HttpAnswer


def reaction(http: int, headers: Mapping[str, str], body: bytes) -> Reaction:
    return meaning(HttpAnswer(http, headers, body))


BUG = Reaction(Unsendable("invalidMessage"))
REFUSED = Misconfigured("credentialsRefused")
OTHER_PLACE = Reaction(Misconfigured("wrongEnvironment"), Step.OTHER_ENVIRONMENT)
MOMENT = datetime(2026, 1, 1, 12, 0, 0, 123_000, tzinfo=UTC)
MILLISECONDS = 1_767_268_800_123

ROWS: list[tuple[int, str, Reaction]] = [
    (400, "BadDeviceToken", Reaction(AddressGone("invalidToken"), Step.OTHER_ENVIRONMENT)),
    (400, "DeviceTokenNotForTopic", Reaction(AddressGone("tokenNotForTopic"))),
    (400, "BadCollapseId", BUG),
    (400, "BadExpirationDate", BUG),
    (400, "BadMessageId", BUG),
    (400, "BadPriority", BUG),
    (400, "DuplicateHeaders", BUG),
    (400, "InvalidPushType", BUG),
    (400, "MissingDeviceToken", BUG),
    (400, "MissingTopic", BUG),
    (400, "PayloadEmpty", BUG),
    (404, "BadPath", BUG),
    (405, "MethodNotAllowed", BUG),
    (400, "BadTopic", Reaction(Misconfigured("topicRefused"))),
    (400, "TopicDisallowed", Reaction(Misconfigured("topicRefused"))),
    (400, "IdleTimeout", Reaction(RetryLater("unavailable"), Step.RECONNECT)),
    (403, "ExpiredProviderToken", Reaction(REFUSED, Step.NEW_TOKEN)),
    (403, "InvalidProviderToken", Reaction(REFUSED)),
    (403, "MissingProviderToken", Reaction(REFUSED)),
    (403, "BadCertificate", Reaction(REFUSED)),
    (403, "Forbidden", Reaction(REFUSED)),
    (403, "BadCertificateEnvironment", OTHER_PLACE),
    (403, "BadEnvironmentKeyInToken", OTHER_PLACE),
    (403, "UnrelatedKeyIdInToken", Reaction(REFUSED, Step.RECONNECT_AND_SEND)),
    (410, "Unregistered", Reaction(AddressGone("unregistered", MOMENT))),
    (410, "ExpiredToken", Reaction(AddressGone("unregistered", MOMENT))),
    (413, "PayloadTooLarge", Reaction(Unsendable("payloadTooBig"))),
    (429, "TooManyRequests", Reaction(RetryLater("deviceBusy", 60.0))),
    (
        429,
        "TooManyProviderTokenUpdates",
        Reaction(RetryLater("tooManyTokenUpdates", 1200.0), Step.KEEP_TOKEN),
    ),
    (500, "InternalServerError", Reaction(RetryLater("internal", ambiguous=True))),
    (503, "ServiceUnavailable", Reaction(RetryLater("unavailable"))),
    (503, "Shutdown", Reaction(RetryLater("unavailable"), Step.RECONNECT)),
]

UNHEARD_OF: list[tuple[int, bytes, Answer]] = [
    (400, b'{"reason":"ReasonOfTomorrow"}', Rejected("unknownError")),
    (403, b'{"reason":"ReasonOfTomorrow"}', REFUSED),
    (403, b"", REFUSED),
    (410, b"", Rejected("unknownError")),
    (410, b'{"reason":"ReasonOfTomorrow"}', Rejected("unknownError")),
    (413, b"", Unsendable("payloadTooBig")),
    (429, b"", RetryLater("deviceBusy", 60.0)),
    (500, b"<p>", RetryLater("internal", ambiguous=True)),
    (502, b"<p>", RetryLater("unavailable", ambiguous=True)),
    (503, b"", RetryLater("unavailable")),
    (204, b"", RetryLater("answerLost", ambiguous=True)),
    (302, b"", Misconfigured("unexpectedAnswer")),
    (0, b"", RetryLater("unavailable", ambiguous=True)),
]


def body(reason: str) -> bytes:
    return json.dumps({"reason": reason, "timestamp": MILLISECONDS}).encode()


@pytest.mark.parametrize(("http", "reason", "expected"), ROWS)
def test_each_reason_has_its_reaction(http: int, reason: str, expected: Reaction) -> None:
    assert reaction(http, {}, body(reason)) == expected


def test_every_row_of_the_table_is_tested_here_and_offered_by_the_emulator() -> None:
    assert {(http, reason) for http, reason, _ in ROWS} == set(REACTIONS) == set(REASONS)


@pytest.mark.parametrize(("http", "body", "expected"), UNHEARD_OF)
def test_a_reason_nobody_has_heard_of_is_judged_by_its_status(
    http: int, body: bytes, expected: Answer
) -> None:
    assert reaction(http, {}, body) == Reaction(expected)


def test_every_status_of_that_table_is_reached() -> None:
    reached = {Reaction(answer) for _, _, answer in UNHEARD_OF}
    assert set(UNKNOWN_REASONS.values()) <= reached


def test_an_accepted_notification_brings_its_receipt() -> None:
    assert reaction(200, {"apns-id": "a"}, b"").answer == Accepted("a")
    assert reaction(200, {}, b"").answer == Accepted()


@pytest.mark.parametrize("timestamp", [None, "1767268800123", 1.5, True, 10**30, -(10**30)])
def test_a_moment_that_is_none_is_left_out(timestamp: object) -> None:
    body = json.dumps({"reason": "Unregistered", "timestamp": timestamp}).encode()
    assert reaction(410, {}, body).answer == AddressGone("unregistered")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
SHAPES = st.fixed_dictionaries({"reason": JSON, "timestamp": JSON})


@given(http=st.integers(0, 999), body=st.binary() | (JSON | SHAPES).map(json.dumps).map(str.encode))
def test_no_answer_is_too_strange_to_react_to(http: int, body: bytes) -> None:
    assert isinstance(reaction(http, {}, body).answer, Answer)


@given(http=st.integers(201, 599), reason=st.text())
def test_only_apples_own_word_can_call_an_address_dead(http: int, reason: str) -> None:
    assert not isinstance(reaction(http, {}, body(reason)).answer, AddressGone)


@pytest.mark.parametrize(
    ("reason", "step"), [("ServiceUnavailable", Step.NONE), ("Shutdown", Step.RECONNECT)]
)
def test_the_time_apple_asks_everybody_to_wait_is_kept(reason: str, step: Step) -> None:
    answer = reaction(503, {"retry-after": "20"}, body(reason))
    assert answer == Reaction(RetryLater("unavailable", 20.0), step)


def test_a_busy_devices_wait_is_ours_to_choose() -> None:
    busy = reaction(429, {"retry-after": "1"}, body("TooManyRequests"))
    assert busy.answer == RetryLater("deviceBusy", 60.0)
