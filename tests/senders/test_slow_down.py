"""One refusal slows the whole app, and a send has a budget of time: through the wire."""

import itertools
import json
import math

import pytest

from shared.adapters.push.fcm import FcmSender
from shared.adapters.push.hms import HmsSender
from shared.domain.push.answers import Accepted, Answer, RetryLater
from shared.domain.push.pace import SEVERAL, Window
from tests.senders.hms_parts import PATH
from tests.senders.parts import (
    FixedTokens,
    Misbehaving,
    a_message,
    addresses,
    answer,
    codes,
    pushes,
)

ONE_AT_A_TIME = Window(1, floor=1, ceiling=1)
names = (f"t{n}" for n in itertools.count())


def http(status: int, *headers: str, body: bytes = b"{}") -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def quota(subject: str, description: str) -> bytes:
    """Build a refusal for want of quota, with the detail that says whose."""
    violations = [{"subject": subject, "description": description}]
    detail = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations}
    return json.dumps({"error": {"status": "RESOURCE_EXHAUSTED", "details": [detail]}}).encode()


OK = http(200, body=b'{"name":"projects/p/messages/1"}')
TAKEN = http(200, body=b'{"code":"80000000","msg":"Success","requestId":"r"}')
REFUSALS = {
    "429 with a time": (http(429, "Retry-After: 30"), "quotaExceeded", 30.0),
    "429 without": (http(429), "quotaExceeded", 60.0),
    "503 with a time": (http(503, "Retry-After: 7"), "unavailable", 7.0),
}


def fcm(url: str, window: Window = ONE_AT_A_TIME) -> FcmSender:
    return FcmSender("demo-p", FixedTokens(), url, window=window)


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_fcm_refusing_several_is_asked_for_nobody_until_the_time_it_named(
    refusal: tuple[bytes, str, float],
) -> None:
    given, code, seconds = refusal
    with Misbehaving(answer(OK), *[answer(given)] * SEVERAL, answer(OK)) as server:
        sender = fcm(server.url)
        try:
            first = sender.send(pushes(a_message(), addresses(*"abcdefgh")))
            second = sender.send(pushes(a_message("another" * 2), addresses("i", "j")))
        finally:
            sender.close()
        assert len(server.requests) == 1 + SEVERAL
    assert codes(first) == ["accepted", *[code] * SEVERAL, "noTurn", "noTurn"]
    assert codes(second) == ["noTurn", "noTurn"]
    assert first[1] == RetryLater(code, seconds)
    for waiting in (*first[1 + SEVERAL :], *second):
        assert isinstance(waiting, RetryLater)
        assert not waiting.tried
        assert 0 < (waiting.retry_after_seconds or 0) <= seconds


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_fcm_refusing_one_is_asked_for_the_others(refusal: tuple[bytes, str, float]) -> None:
    given, code, seconds = refusal
    with Misbehaving(answer(OK), answer(given), answer(OK)) as server:
        sender = fcm(server.url)
        try:
            first = sender.send(pushes(a_message(), addresses(*"abcd")))
            again = sender.send(pushes(a_message("another" * 2), addresses("b", "e")))
        finally:
            sender.close()
    assert codes(first) == ["accepted", code, "accepted", "accepted"]
    assert first[1] == RetryLater(code, seconds)
    assert codes(again) == ["accepted", "accepted"]


def test_a_quota_that_names_the_project_is_everybodys_at_once() -> None:
    body = quota("projects/demo-p", "Messages per minute")
    with Misbehaving(answer(http(429, body=body)), answer(OK)) as server:
        sender = fcm(server.url)
        try:
            answers = sender.send(pushes(a_message(), addresses(*"abc")))
        finally:
            sender.close()
        assert len(server.requests) == 1
    assert codes(answers) == ["quotaExceeded", "noTurn", "noTurn"]


@pytest.mark.parametrize(
    "slow_answer", [http(503), http(500), http(502), http(504, "Retry-After: 5")]
)
def test_fcm_faltering_without_naming_a_time_is_still_asked_for_the_others(
    slow_answer: bytes,
) -> None:
    with Misbehaving(answer(slow_answer), answer(OK)) as server:
        sender = fcm(server.url)
        try:
            answers = sender.send(pushes(a_message(), addresses("a", "b", "c")))
        finally:
            sender.close()
        assert len(server.requests) == 3
    assert [isinstance(each, Accepted) for each in answers] == [False, True, True]


@pytest.mark.parametrize("status", [429, 503])
def test_huaweis_traffic_control_slows_the_whole_app(status: int) -> None:
    with Misbehaving(answer(http(status)), answer(TAKEN)) as server:
        sender = HmsSender(PATH, FixedTokens(), server.url)
        try:
            first = sender.send(pushes(a_message(), addresses("a", "b")))
            second = sender.send(pushes(a_message(), addresses("c")))
        finally:
            sender.close()
        assert len(server.requests) == 1
    assert first == [RetryLater("trafficControl", 10.0, of_app=True)] * 2
    assert codes(second) == ["noTurn"]


def test_what_huawei_may_have_taken_stays_in_doubt_when_the_halves_have_to_wait() -> None:
    partly = http(200, body=b'{"code":"80100000","msg":"not to be read","requestId":"r"}')
    with Misbehaving(answer(partly), answer(http(503)), answer(TAKEN)) as server:
        sender = HmsSender(PATH, FixedTokens(), server.url, window=ONE_AT_A_TIME)
        try:
            answers = sender.send(pushes(a_message(), addresses("a", "b", "c", "d")))
        finally:
            sender.close()
        assert len(server.requests) == 2
    assert codes(answers) == ["trafficControl"] * 2 + ["partialUnknown"] * 2
    assert all(isinstance(each, RetryLater) and each.ambiguous and each.tried for each in answers)


@pytest.mark.parametrize("sends", [FcmSender, HmsSender])
def test_without_time_nothing_is_sent_and_all_of_it_is_for_later(sends: type) -> None:
    with Misbehaving(answer(OK)) as server:
        place = PATH if sends is HmsSender else "demo-p"
        sender = sends(place, FixedTokens(), server.url)
        try:
            answers: list[Answer] = list(sender.send(pushes(a_message(), addresses("a", "b")), 0.0))
        finally:
            sender.close()
        assert server.requests == []
    assert answers == [RetryLater("noTurn", tried=False)] * 2


def test_an_address_nobody_can_know_is_gone_whatever_the_time() -> None:
    with Misbehaving(answer(OK)) as server:
        sender = fcm(server.url)
        try:
            answers = sender.send(pushes(a_message(), addresses("", "a")), 0.0)
        finally:
            sender.close()
    assert codes(answers) == ["invalidToken", "noTurn"]


def test_time_without_end_is_what_a_send_has_otherwise() -> None:
    with Misbehaving(answer(OK)) as server:
        sender = fcm(server.url, Window(10))
        try:
            answers = sender.send(
                pushes(a_message(), addresses(*(next(names) for _ in range(30)))), math.inf
            )
        finally:
            sender.close()
    assert codes(answers) == ["accepted"] * 30
