"""FCM's answers, row by row."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from shared.domain.push.fcm import _DEVICES_QUOTA, _PROJECTS_QUOTA, _TOKEN, REACTIONS, meaning
from shared.wire.http11 import HttpAnswer

FCM = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def reaction(http: int, headers: Mapping[str, str], body: bytes) -> Answer:
    return meaning(HttpAnswer(http, headers, body))


def error(
    status: str = "", code: str = "", message: str = "", field: str = "", **more: Any
) -> bytes:
    details: list[dict[str, Any]] = []
    if more:
        kind = "firebase.fcm.v1.ApnsError" if "reason" in more else "rpc.QuotaFailure"
        details.append({"@type": f"type.googleapis.com/google.{kind}", **more})
    if field:
        details.append({"@type": BAD_REQUEST, "fieldViolations": [{"field": field}]})
    if code:
        details.append({"@type": FCM, "errorCode": code})
    return json.dumps(
        {"error": {"status": status, "message": message, "details": details}}
    ).encode()


def quota(subject: str, description: str) -> bytes:
    violations = [7, {}, {"subject": subject, "description": description}]
    return error("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", violations=violations)


def apples(http: object, reason: object, code: str = "INVALID_ARGUMENT") -> bytes:
    return error("INVALID_ARGUMENT", code, statusCode=http, reason=reason)


NOT_A_TOKEN = "The registration token is not a valid FCM registration token"
PAGE = b"<!DOCTYPE html><title>Error</title>"

ROWS: list[tuple[int, bytes, Answer]] = [
    (200, b'{"name":"projects/p/messages/0:1%a"}', Accepted("0:1%a")),
    (404, error("NOT_FOUND", "UNREGISTERED"), AddressGone("unregistered")),
    (404, error("NOT_FOUND"), Misconfigured("projectNotFound")),
    (404, PAGE, Misconfigured("projectNotFound")),
    (400, error("INVALID_ARGUMENT", "INVALID_ARGUMENT", NOT_A_TOKEN), AddressGone("invalidToken")),
    (
        400,
        error("INVALID_ARGUMENT", "INVALID_ARGUMENT", field="message.token"),
        AddressGone("invalidToken"),
    ),
    (400, error("INVALID_ARGUMENT", field="message.token"), AddressGone("invalidToken")),
    (400, error("INVALID_ARGUMENT", "INVALID_ARGUMENT"), Unsendable("invalidMessage")),
    (400, error("INVALID_ARGUMENT", field="message.data[0].value"), Unsendable("invalidMessage")),
    (400, error("INVALID_ARGUMENT", message="Message too big"), Unsendable("invalidMessage")),
    (400, PAGE, Unsendable("invalidMessage")),
    (403, error("PERMISSION_DENIED", "SENDER_ID_MISMATCH"), AddressGone("senderIdMismatch")),
    (403, error("PERMISSION_DENIED"), Misconfigured("credentialsRefused")),
    (403, PAGE, Misconfigured("credentialsRefused")),
    (
        401,
        error("UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
        Misconfigured("thirdPartyAuth"),
    ),
    (401, error("UNAUTHENTICATED"), Misconfigured("credentialsRefused")),
    (401, b"", Misconfigured("credentialsRefused")),
    (429, error("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), RetryLater("quotaExceeded", 60.0)),
    (429, error("RESOURCE_EXHAUSTED"), RetryLater("quotaExceeded", 60.0)),
    (429, PAGE, RetryLater("quotaExceeded", 60.0)),
    (429, error("", "CODE_OF_TOMORROW"), RetryLater("quotaExceeded", 60.0)),
    (429, quota("device:abc", "Per device."), RetryLater("deviceBusy", 60.0)),
    (429, quota("", "Messages per device and project."), RetryLater("deviceBusy", 60.0)),
    (429, quota("projects/p", "Per token."), RetryLater("quotaExceeded", 60.0, of_app=True)),
    (429, quota("", "Project quota."), RetryLater("quotaExceeded", 60.0, of_app=True)),
    (429, quota("7", "Topic rate."), RetryLater("quotaExceeded", 60.0)),
    (400, apples(410, "Unregistered"), AddressGone("unregistered")),
    (400, apples(None, "ExpiredToken"), AddressGone("unregistered")),
    (400, apples(400, "BadDeviceToken"), AddressGone("invalidToken")),
    (400, apples(400, "DeviceTokenNotForTopic"), AddressGone("tokenNotForTopic")),
    (401, apples(403, "BadEnvironmentKeyInToken"), Misconfigured("wrongEnvironment")),
    (401, apples(403, "BadCertificateEnvironment"), Misconfigured("wrongEnvironment")),
    (401, apples(403, "ExpiredProviderToken"), Misconfigured("thirdPartyAuth")),
    (401, apples(403, "InvalidProviderToken"), Misconfigured("thirdPartyAuth")),
    (400, apples(400, "BadTopic"), Misconfigured("topicRefused")),
    (400, apples(413, "PayloadTooLarge"), Unsendable("payloadTooBig")),
    (429, apples(429, "TooManyRequests"), RetryLater("deviceBusy", 60.0)),
    (503, apples(503, "Shutdown"), RetryLater("unavailable")),
    (400, apples(400, "ReasonOfTomorrow"), Unsendable("invalidMessage")),
    (404, apples(None, 7, code="UNREGISTERED"), AddressGone("unregistered")),
    (500, error("INTERNAL", "INTERNAL"), RetryLater("internal", ambiguous=True)),
    (500, error("INTERNAL", "UNSPECIFIED_ERROR"), RetryLater("internal", ambiguous=True)),
    (500, PAGE, RetryLater("internal", ambiguous=True)),
    (503, error("UNAVAILABLE", "UNAVAILABLE"), RetryLater("unavailable")),
    (503, PAGE, RetryLater("unavailable")),
    (502, PAGE, RetryLater("unavailable", 30.0, ambiguous=True)),
    (504, error("DEADLINE_EXCEEDED"), RetryLater("unavailable", ambiguous=True)),
    (504, PAGE, RetryLater("unavailable", ambiguous=True)),
    (409, error("ABORTED"), RetryLater("unavailable")),
    (499, error("CANCELLED"), RetryLater("answerLost", ambiguous=True)),
    (408, b"", RetryLater("answerLost", ambiguous=True)),
    (400, error("INVALID_ARGUMENT", "UNSPECIFIED_ERROR"), Rejected("unknownError")),
    (404, error("NOT_FOUND", "CODE_OF_TOMORROW"), Rejected("unknownError")),
    (405, b"", Unsendable("invalidMessage")),
    (413, PAGE, Unsendable("invalidMessage")),
    (302, b"", Misconfigured("unexpectedAnswer")),
    (200, PAGE, RetryLater("answerLost", ambiguous=True)),
    (200, b"{}", RetryLater("answerLost", ambiguous=True)),
    (200, b'{"name": 7}', RetryLater("answerLost", ambiguous=True)),
    (204, b"", RetryLater("answerLost", ambiguous=True)),
    (507, b"", RetryLater("unavailable", ambiguous=True)),
]


@pytest.mark.parametrize(("http", "body", "expected"), ROWS)
def test_each_answer_has_its_reaction(http: int, body: bytes, expected: Answer) -> None:
    assert reaction(http, {}, body) == expected


WORDS = {
    _TOKEN: error("INVALID_ARGUMENT", field="message.token"),
    _DEVICES_QUOTA: quota("device:abc", ""),
    _PROJECTS_QUOTA: quota("projects/p", ""),
    "": PAGE,
    "*": error(code="CODE_OF_TOMORROW"),
}


def fitting(http: int, word: str) -> Iterator[tuple[int, bytes]]:
    """Yield answers that a row of the table fits; a row above it may fit some of them as well."""
    body = WORDS.get(word) or error(code=word)
    for status in range(100, 700):
        if http in (0, status, status // 100):
            yield status, body


@pytest.mark.parametrize(("http", "word", "expected"), REACTIONS)
def test_every_row_of_the_table_decides_and_is_hidden_by_none_above_it(
    http: int, word: str, expected: Answer
) -> None:
    assert any(reaction(status, {}, body) == expected for status, body in fitting(http, word))
    assert [it[:2] for it in REACTIONS].count((http, word)) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("1.5", 1.5),
        ("0.0", 0.0),
        ("4000.5", 3_600.0),
        ("Thursday, 01-Jan-26 12:00:10 GMT", 10.0),
        ("Thu Jan  1 12:00:10 2026", 10.0),
        ("Thu, 01 Jan 2026 12:01:30 GMT", 90.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("99999999999999999999999999", 3_600.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3_600.0),
    ],
)
def test_retry_after_is_honoured_as_seconds_and_as_a_date(header: str, seconds: float) -> None:
    headers = {"retry-after": header, "date": "Thu, 01 Jan 2026 12:00:00 GMT"}
    answer = reaction(429, headers, error("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"))
    assert answer == RetryLater("quotaExceeded", seconds)


@pytest.mark.parametrize(
    "header", ["", "soon", "-5", "1.", ".5", "1e3", "1,5", "٣", "nan", "inf", "Thu, 99 Jan 2026"]
)
def test_a_retry_after_that_says_nothing_leaves_the_default(header: str) -> None:
    answer = reaction(429, {"retry-after": header}, b"")
    assert answer == RetryLater("quotaExceeded", 60.0)


def retry_info(delay: object, kind: str = "google.rpc.RetryInfo") -> bytes:
    detail = {"@type": f"type.googleapis.com/{kind}", "retryDelay": delay}
    status = {"code": 503, "status": "UNAVAILABLE", "details": [{"@type": "x"}, detail]}
    return json.dumps({"error": status}).encode()


@pytest.mark.parametrize(
    ("delay", "seconds"), [("3.5s", 3.5), ("0s", 0.0), ("0.000000001s", 1e-9), ("86400s", 3_600.0)]
)
def test_a_wait_in_the_body_is_honoured_where_the_headers_name_none(
    delay: str, seconds: float
) -> None:
    assert reaction(503, {}, retry_info(delay)) == RetryLater("unavailable", seconds)
    assert reaction(503, {"retry-after": "7"}, retry_info(delay)) == RetryLater("unavailable", 7.0)


@pytest.mark.parametrize("delay", ["", "s", "3.5", "-1s", "1m", 3, None, {"seconds": 3}, "٣s"])
def test_a_wait_in_the_body_that_says_nothing_leaves_the_default(delay: object) -> None:
    assert reaction(503, {}, retry_info(delay)) == RetryLater("unavailable")
    assert reaction(503, {}, retry_info("3s", "google.rpc.ErrorInfo")) == RetryLater("unavailable")


def test_a_date_without_the_servers_own_date_leaves_the_default() -> None:
    headers = {"retry-after": "Thu, 01 Jan 2026 12:01:30 GMT"}
    assert reaction(503, headers, b"") == RetryLater("unavailable")


def test_a_wait_is_kept_with_the_doubt() -> None:
    answer = reaction(500, {"retry-after": "9"}, b"")
    assert answer == RetryLater("internal", 9.0, ambiguous=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
SHAPES = st.fixed_dictionaries(
    {"error": JSON | st.fixed_dictionaries({"status": JSON, "message": JSON, "details": JSON})}
)


@given(http=st.integers(0, 999), body=st.binary() | (JSON | SHAPES).map(json.dumps).map(str.encode))
def test_no_answer_is_too_strange_to_react_to(http: int, body: bytes) -> None:
    assert isinstance(reaction(http, {"retry-after": "x"}, body), Answer)


def test_a_body_nested_beyond_reason_is_garbage() -> None:
    assert reaction(500, {}, b"[" * 60_000) == RetryLater("internal", ambiguous=True)


@given(
    http=st.integers(300, 599),
    status=st.sampled_from(["NOT_FOUND", "INVALID_ARGUMENT", "PERMISSION_DENIED", "UNKNOWN", ""]),
    message=st.text(),
)
def test_only_fcm_itself_can_call_an_address_dead(http: int, status: str, message: str) -> None:
    answer = reaction(http, {}, error(status, message=message))
    assert not isinstance(answer, AddressGone) or NOT_A_TOKEN in message
