"""Every row of Huawei's tables through the wire: an answer per device, and how many requests."""

import itertools
from collections.abc import Iterator

import pytest

from local.emulators.background import ServedApp
from local.emulators.hms.answers import ILLEGALS, REPLIES, UNREADABLE
from local.emulators.hms.server import app
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from tests.senders.hms_parts import HmsSending, many, summary
from tests.senders.parts import SHORT_SECONDS, FixedTokens, a_message, received

GONE = AddressGone("invalidToken")
LOST = RetryLater("answerLost", ambiguous=True)
INVALID = Unsendable("invalidMessage")
REFUSED = Misconfigured("credentialsRefused")

FOR_ALL: dict[str, Answer] = {
    "parameter-": INVALID,
    "sys-message-": INVALID,
    "structure-": INVALID,
    "expired-": Unsendable("expired"),
    "collapse-key-": INVALID,
    "sensitive-": Unsendable("contentRejected"),
    "topic-rate-": RetryLater("trafficControl", 10.0, of_app=True),
    "body-": INVALID,
    "image-": Unsendable("contentRejected"),
    "oauth-": REFUSED,
    "oauth-http-": REFUSED,
    "token-expired-": REFUSED,
    "not-permitted-": Misconfigured("appNotPermitted"),
    "all-invalid-": GONE,
    "too-big-": Unsendable("payloadTooBig"),
    "token-count-": INVALID,
    "priority-": Unsendable("urgencyNotPermitted"),
    "receipt-": Misconfigured("receiptAddressRefused"),
    "punished-": Misconfigured("appNotPermitted"),
    "oauth-away-": RetryLater("unavailable"),
    "inner-": RetryLater("internal", ambiguous=True),
    "topic-": INVALID,
    "new-code-": Rejected("unknownError"),
    "http-400-": INVALID,
    "unauthorized-": REFUSED,
    "not-found-": Misconfigured("appNotFound"),
    "internal-": RetryLater("internal", ambiguous=True),
    "bad-gateway-": RetryLater("unavailable", ambiguous=True),
    "unavailable-": RetryLater("trafficControl", 10.0, of_app=True),
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
RENEWED_ONCE = {"oauth-", "oauth-http-", "token-expired-", "unauthorized-"}

FOR_ONE: dict[str, tuple[Answer, int]] = {
    # its own answer, and how many requests it takes to know everybody's of three
    "illegal-": (GONE, 1),
    "format-": (GONE, 1),
    "no-right-": (GONE, 1),
    "no-push-type-": (Rejected("tokenRefused"), 1),
    "penalty-": (Rejected("tokenRefused"), 1),
    "unlisted-": (GONE, 5),
    "unreadable-": (GONE, 5),
}

names = (f"t{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def hms() -> Iterator[str]:
    with ServedApp(app()) as served:
        yield served.url


@pytest.fixture
def send(hms: str) -> Iterator[HmsSending]:
    """Create a sender for each test: some answers slow down the whole app."""
    with HmsSending(hms, FixedTokens("old", "new")) as sending:
        yield sending


def test_the_emulator_offers_no_answer_that_is_not_tested_here() -> None:
    assert {reply.prefix for reply in REPLIES} == {"slow-", *FOR_ALL}
    assert {illegal.prefix for illegal in (*ILLEGALS, UNREADABLE)} == set(FOR_ONE)


FOR_NOW = {prefix: answer for prefix, answer in FOR_ALL.items() if isinstance(answer, RetryLater)}
REFUSALS = {prefix: answer for prefix, answer in FOR_ALL.items() if prefix not in FOR_NOW}


@pytest.mark.parametrize("prefix", FOR_NOW)
def test_an_answer_that_puts_a_request_off_is_every_addresses_in_one_request(
    prefix: str, send: HmsSending, hms: str
) -> None:
    name = next(names)
    asked = [f"a-{name}", f"{prefix}{name}", f"b-{name}"]
    before = summary(hms)["requests"]
    assert send(*asked) == [FOR_NOW[prefix]] * 3
    assert summary(hms)["requests"] - before == 1
    assert [len(received(hms, token)) for token in asked] == [1] * 3


@pytest.mark.parametrize(
    ("prefix", "position"),
    [*((prefix, 24) for prefix in REFUSALS), ("parameter-", 0), ("parameter-", 49)],
)
def test_what_a_request_is_refused_for_costs_the_one_address_that_it_is_refused_for(
    prefix: str, position: int, send: HmsSending, hms: str
) -> None:
    asked = many(50, f"fine-{next(names)}-")
    asked[position] = f"{prefix}{next(names)}"
    before = summary(hms)["requests"]
    answers = send(*asked)
    assert answers[position] == REFUSALS[prefix]
    assert sum(isinstance(answer, Accepted) for answer in answers) == 49
    times = 2 if prefix in RENEWED_ONCE else 1
    assert summary(hms)["requests"] - before <= 13 + 7 * (times - 1)


@pytest.mark.parametrize("prefix", ["parameter-", "not-permitted-", "all-invalid-", "illegal-"])
def test_what_all_are_refused_for_is_believed_after_a_few_were_asked_alone(
    prefix: str, send: HmsSending, hms: str
) -> None:
    before = summary(hms)["requests"]
    answers = send(*many(1000, f"{prefix}{next(names)}-"))
    refused = [answer for answer in answers if answer != RetryLater("noTurn", tried=False)]
    assert set(refused) == {REFUSALS.get(prefix, GONE)}
    assert 20 <= len(refused) < 40
    assert summary(hms)["requests"] - before > 20


@pytest.mark.parametrize("prefix", FOR_ONE)
def test_an_illegal_address_leaves_its_neighbours_alone(
    prefix: str, send: HmsSending, hms: str
) -> None:
    name = next(names)
    asked = [f"a-{name}", f"{prefix}{name}", f"b-{name}"]
    before = summary(hms)["requests"]
    first, its_own, last = send(*asked)
    assert its_own == FOR_ONE[prefix][0]
    assert isinstance(first, Accepted)
    assert isinstance(last, Accepted)
    assert summary(hms)["requests"] - before == FOR_ONE[prefix][1]


@pytest.mark.parametrize("prefix", FOR_ONE)
def test_an_illegal_address_by_itself_is_known_from_one_request(
    prefix: str, send: HmsSending, hms: str
) -> None:
    token = f"{prefix}{next(names)}"
    assert send(token) == [FOR_ONE[prefix][0]]
    assert len(received(hms, token)) == 1


def test_an_answer_that_takes_too_long_is_lost(hms: str) -> None:
    tokens = [f"slow-{next(names)}", next(names)]
    with HmsSending(hms, answer_seconds=SHORT_SECONDS) as hasty:
        assert hasty(*tokens) == [LOST] * 2
    assert [len(received(hms, token)) for token in tokens] == [1, 1]


def test_an_accepted_message_brings_its_receipt(send: HmsSending, hms: str) -> None:
    token = next(names)
    (answer,) = send(token)
    assert isinstance(answer, Accepted)
    assert answer.receipt.isdigit()
    (entry,) = received(hms, token)
    assert (entry["status"], entry["taken"], entry["project"]) == (80000000, True, "100")
    assert "token" not in entry["message"]


def test_answers_come_in_the_order_of_the_addresses_and_a_repeated_one_is_sent_once(
    send: HmsSending, hms: str
) -> None:
    name = next(names)
    asked = [f"illegal-{name}-{n % 60}" if n % 3 else f"{name}-{n % 60}" for n in range(120)]
    answers = send(*asked)
    assert [answer == GONE for answer in answers] == [bool(n % 3) for n in range(120)]
    assert len(received(hms, asked[0])) == 1


# ---- more than one request --------------------------------------------------------------------


def test_more_than_a_thousand_addresses_are_split_into_requests(send: HmsSending, hms: str) -> None:
    name = next(names)
    asked = [f"illegal-{name}-{n}" if n == 1500 else f"{name}-{n}" for n in range(2001)]
    before = summary(hms)["requests"]
    answers = send(*asked)
    assert summary(hms)["requests"] - before == 3
    assert [position for position, answer in enumerate(answers) if answer == GONE] == [1500]
    assert sum(isinstance(answer, Accepted) for answer in answers) == 2000


def test_one_request_that_fails_leaves_the_others_alone(send: HmsSending) -> None:
    asked = [*many(1000, next(names)), f"sensitive-{next(names)}"]
    answers = send(*asked)
    assert answers[-1] == Unsendable("contentRejected")
    assert all(isinstance(answer, Accepted) for answer in answers[:-1])


def test_the_answer_that_lists_every_long_address_is_read_to_its_end(
    send: HmsSending, hms: str
) -> None:
    name = next(names)
    asked = [*many(999, f"format-{name}-{'x' * 180}"), f"fine-{name}"]
    before = summary(hms)["requests"]
    answers = send(*asked)
    assert isinstance(answers[-1], Accepted)
    assert not [answer for answer in answers if isinstance(answer, RetryLater)]
    assert summary(hms)["requests"] - before == 7


# ---- in doubt ---------------------------------------------------------------------------------


def test_in_doubt_the_halves_are_sent_until_it_is_known_who_was_reached(
    send: HmsSending, hms: str
) -> None:
    name = next(names)
    asked = [f"unreadable-{name}-{n}" if n in (3, 40) else f"{name}-{n}" for n in range(50)]
    before = summary(hms)["requests"]
    answers = send(*asked, message=a_message("in-doubt"))
    assert [n for n, answer in enumerate(answers) if answer == GONE] == [3, 40]
    assert sum(isinstance(answer, Accepted) for answer in answers) == 48
    assert summary(hms)["requests"] - before <= 2 * 2 * 6 + 1
    entries = received(hms, asked[0])
    assert len(entries) > 1
    assert {entry["replaceKey"] for entry in entries} == {"in-doubt"}
    again = summary(hms)["acceptedAgain"]
    assert asked[0] in again["withReplaceKey"]
    assert again["withoutReplaceKey"] == {}


def test_every_attempt_carries_the_same_replace_key(send: HmsSending, hms: str) -> None:
    token = f"once-lost-{next(names)}"
    message = a_message("notification-of-once")
    assert send(token, message=message) == [LOST]
    assert isinstance(send(token, message=message)[0], Accepted)
    entries = received(hms, token)
    assert [entry["replaceKey"] for entry in entries] == ["notification-of-once"] * 2
    assert [entry["attempt"] for entry in entries] == [1, 2]


# ---- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd", ['quote"\\', "nul\x00\x01\x1f", "smile 😀", "ünïcode", " ", "\r\nX: y", "],{}"]
)
def test_any_text_is_an_address_as_far_as_json_goes(odd: str, send: HmsSending, hms: str) -> None:
    token = odd + next(names)
    assert isinstance(send(token)[0], Accepted)
    assert len(received(hms, token)) == 1


@pytest.mark.parametrize("impossible", ["", "x" * 4097, "half a pair \ud83d"])
def test_an_address_huawei_cannot_know_is_gone_without_being_sent(
    impossible: str, send: HmsSending, hms: str
) -> None:
    before = summary(hms)
    assert send(impossible) == [GONE]
    assert summary(hms) == before
    fine, gone = send(next(names), impossible)
    assert isinstance(fine, Accepted)
    assert gone == GONE


def test_nobody_to_send_to_is_nothing_to_do(send: HmsSending) -> None:
    assert send() == []
