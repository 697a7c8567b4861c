"""Every row of FCM's table through the wire: the answer, and how many requests it took."""

import itertools
from collections.abc import Iterator

import httpx
import pytest

from local.emulators.apns.answers import REASONS, prefix_of
from local.emulators.background import ServedApp
from local.emulators.fcm.answers import FAULTS
from local.emulators.fcm.server import Config, app
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from shared.domain.push.apns import by_reason
from shared.domain.push.reactions import CREDENTIALS_REFUSED
from tests.senders.parts import SHORT_SECONDS, FixedTokens, Sending, a_message, received

LOST = RetryLater("answerLost", ambiguous=True)
THIRD_PARTY = Misconfigured("thirdPartyAuth")

HANDED_ON: dict[str, Answer] = {
    prefix_of(reason): THIRD_PARTY if answer == CREDENTIALS_REFUSED else answer
    for _, reason in REASONS
    if (answer := by_reason(None, reason))
}

EXPECTED: dict[str, Answer] = {
    "unregistered-": AddressGone("unregistered"),
    "not-found-bare-": Misconfigured("projectNotFound"),
    "invalid-token-": AddressGone("invalidToken"),
    "invalid-token-field-": AddressGone("invalidToken"),
    "invalid-argument-": Unsendable("invalidMessage"),
    "payload-too-big-": Unsendable("invalidMessage"),
    "new-code-": Rejected("unknownError"),
    "sender-mismatch-": AddressGone("senderIdMismatch"),
    "permission-denied-": Misconfigured("credentialsRefused"),
    "third-party-auth-": Misconfigured("thirdPartyAuth"),
    "unauthenticated-": Misconfigured("credentialsRefused"),
    "quota-": RetryLater("quotaExceeded", 30.0),
    "quota-bare-": RetryLater("quotaExceeded", 60.0),
    "quota-date-": RetryLater("quotaExceeded", 90.0),
    "quota-device-": RetryLater("deviceBusy", 60.0),
    "quota-project-": RetryLater("quotaExceeded", 60.0, of_app=True),
    **{f"apns-{prefix}": answer for prefix, answer in HANDED_ON.items()},
    "internal-": RetryLater("internal", ambiguous=True),
    "unspecified-": RetryLater("internal", ambiguous=True),
    "unavailable-": RetryLater("unavailable", 7.0),
    "unavailable-bare-": RetryLater("unavailable"),
    "bad-gateway-": RetryLater("unavailable", 30.0, ambiguous=True),
    "gateway-timeout-": RetryLater("unavailable", ambiguous=True),
    "redirect-": Misconfigured("unexpectedAnswer"),
    "reset-": LOST,
    "closed-": LOST,
    "lost-": LOST,
    "cut-": LOST,
    "babble-": LOST,
    "garbage-": LOST,
    "html-": LOST,
    "huge-": LOST,
}
REFRESHED_ONCE = {"unauthenticated-"}

names = (f"t{n}" for n in itertools.count())


@pytest.fixture
def send(fcm: str) -> Iterator[Sending]:
    """Create a sender for each test: some answers slow down the whole app."""
    with Sending(fcm, FixedTokens("old", "new")) as sending:
        yield sending


@pytest.fixture(scope="module")
def send_hastily(fcm: str) -> Iterator[Sending]:
    with Sending(fcm, answer_seconds=SHORT_SECONDS) as sending:
        yield sending


def test_the_emulator_offers_no_answer_that_is_not_tested_here() -> None:
    assert {fault.prefix for fault in FAULTS} == {"slow-", *EXPECTED}


@pytest.mark.parametrize("prefix", EXPECTED)
def test_an_answer_leads_to_its_reaction_in_one_request(
    prefix: str, send: Sending, fcm: str
) -> None:
    token = f"{prefix}{next(names)}"
    (answer,) = send(token)
    seconds = getattr(EXPECTED[prefix], "retry_after_seconds", None)
    if prefix == "quota-date-":  # the clock may tick over between the two dates
        assert seconds is not None
        assert answer in [RetryLater("quotaExceeded", seconds + late) for late in (-1, 0, 1)]
    else:
        assert answer == EXPECTED[prefix]
    assert len(received(fcm, token)) == (2 if prefix in REFRESHED_ONCE else 1)


def test_an_answer_that_takes_too_long_is_lost(send_hastily: Sending, fcm: str) -> None:
    token = f"slow-{next(names)}"
    assert send_hastily(token) == [LOST]
    assert len(received(fcm, token)) == 1


@pytest.mark.parametrize("prefix", EXPECTED)
def test_one_bad_answer_leaves_its_neighbours_alone(prefix: str, send: Sending) -> None:
    token = next(names)
    before, _, after = send(f"a{token}", f"{prefix}{token}", f"b{token}")
    assert isinstance(before, Accepted)
    assert isinstance(after, Accepted)


def test_an_accepted_message_brings_its_receipt(send: Sending, fcm: str) -> None:
    token = next(names)
    (answer,) = send(token)
    assert isinstance(answer, Accepted)
    assert answer.receipt.startswith("0:")
    (entry,) = received(fcm, token)
    assert (entry["status"], entry["taken"], entry["project"]) == (200, True, "demo-p")


def test_answers_come_in_the_order_of_the_addresses(send: Sending) -> None:
    prefix = next(names)
    asked = [f"unregistered-{prefix}-{n}" if n % 3 else f"{prefix}-{n}" for n in range(120)]
    answers = send(*asked)
    gone = [isinstance(answer, AddressGone) for answer in answers]
    assert gone == [bool(n % 3) for n in range(120)]


def test_every_attempt_carries_the_same_replace_key(send: Sending, fcm: str) -> None:
    token = f"once-lost-{next(names)}"
    message = a_message("notification-of-once")
    assert send(token, message=message) == [LOST]
    assert isinstance(send(token, message=message)[0], Accepted)
    entries = received(fcm, token)
    assert [e["replaceKey"] for e in entries] == ["notification-of-once"] * 2
    assert [e["attempt"] for e in entries] == [1, 2]
    summary = httpx.get(f"{fcm}/received/summary", timeout=60).json()
    assert summary["acceptedAgain"]["withReplaceKey"][token] == 2
    assert summary["acceptedAgain"]["withoutReplaceKey"] == {}


@pytest.mark.parametrize(
    "odd", ['quote"\\', "nul\x00\x01\x1f", "smile 😀", "‮bidi", "ünïcode", " ", "\r\nX: y", "{}"]
)
def test_any_text_is_an_address_as_far_as_json_goes(odd: str, send: Sending, fcm: str) -> None:
    token = odd + next(names)
    assert isinstance(send(token)[0], Accepted)
    assert len(received(fcm, token)) == 1


@pytest.mark.parametrize("impossible", ["", "x" * 4097, "half a pair \ud83d"])
def test_an_address_fcm_cannot_know_is_gone_without_a_request(
    impossible: str, send: Sending, fcm: str
) -> None:
    total = httpx.get(f"{fcm}/received/summary", timeout=60).json()["total"]
    assert send(impossible) == [AddressGone("invalidToken")]
    assert httpx.get(f"{fcm}/received/summary", timeout=60).json()["total"] == total


def test_nobody_to_send_to_is_nothing_to_do(send: Sending) -> None:
    assert send() == []


def test_no_more_than_fifty_are_under_way_at_once() -> None:
    with (
        ServedApp(app(Config(latency_seconds=0.1))) as served,
        Sending(served.url) as send,
    ):
        send(*(f"t{n}" for n in range(120)))
        entries = httpx.get(f"{served.url}/received", params={"limit": 200}, timeout=60).json()[
            "received"
        ]
    times = sorted(entry["at"] for entry in entries)
    assert all(times[n + 50] - times[n] > 0.05 for n in range(70))
