"""What becomes of a target whose device is read again before it is pushed to."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.audience.device import AddressKind, PushAddress, Reach
from shared.domain.delivery.ledger import RECEIPT_SHOWN, UNTRIED, Outcome, Record, Target
from shared.domain.delivery.read_again import as_it_is_now, stale
from shared.domain.delivery.recording import recorded
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from tests.builders import NOON, a_target, an_fcm_address

NEW = an_fcm_address("token-new")
APNS = PushAddress(AddressKind.APNS, "token-apple", "sandbox")
DOUBT = Record(Outcome.OPEN, "TIMEOUT", ambiguous=True)
DESKTOP = a_target("pc", platform="linux")
MAC = a_target("mac", platform="macos")
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(("seconds", "old"), [(-1, False), (0, False), (1, True)])
def test_what_was_read_is_stale_after_a_quarter_of_an_hour(seconds: int, old: bool) -> None:
    at = NOON + timedelta(minutes=15, seconds=seconds)
    assert stale(NOON, at) is old


def test_a_device_that_is_as_it_was_is_pushed_to_as_planned() -> None:
    target = a_target()
    assert as_it_is_now(target, UNTRIED, Reach(target.address), NOON) == target


@pytest.mark.parametrize("address", [NEW, APNS])
def test_a_device_with_another_address_is_pushed_to_there(address: PushAddress) -> None:
    target = a_target()
    found = as_it_is_now(target, UNTRIED, Reach(address), NOON)
    assert found == replace(target, address=address)


WITHDRAWN: list[tuple[Reach | None, str]] = [
    (None, "deviceGone"),
    (Reach(None, consent=False), "consent"),
    (Reach(NEW, consent=False), "consent"),
    (Reach(None), "noAddress"),
    (Reach(an_fcm_address("x" * 10_000)), "noAddress"),
]


@pytest.mark.parametrize(("reach", "code"), WITHDRAWN)
def test_a_device_that_is_not_to_be_pushed_to_any_more_is_skipped(
    reach: Reach | None, code: str
) -> None:
    found = as_it_is_now(a_target(), UNTRIED, reach, NOON)
    assert found == Record(Outcome.SKIPPED, code, at=NOON)


@pytest.mark.parametrize(("reach", "code"), WITHDRAWN)
@pytest.mark.parametrize("target", [a_target(), DESKTOP])
def test_what_may_have_been_sent_before_is_unknown_and_not_skipped(
    target: Target, reach: Reach | None, code: str
) -> None:
    found = as_it_is_now(target, DOUBT, reach, NOON)
    assert found == Record(Outcome.UNKNOWN, "answerLost", at=NOON, ambiguous=True), code


@pytest.mark.parametrize(("reach", "code"), WITHDRAWN[:3])
def test_a_desktop_that_was_shown_it_has_got_it(reach: Reach | None, code: str) -> None:
    last = Record(Outcome.OPEN, "UNAVAILABLE", receipt=RECEIPT_SHOWN, at=NOON)
    found = as_it_is_now(DESKTOP, last, reach, NOON + SECOND)
    assert found == Record(Outcome.DELIVERED, receipt=RECEIPT_SHOWN, at=NOON), code


@pytest.mark.parametrize("target", [DESKTOP, MAC])
def test_a_desktop_without_an_address_any_more_is_left_to_its_document(target: Target) -> None:
    found = as_it_is_now(target, UNTRIED, Reach(None), NOON)
    assert found == replace(target, address=None)
    assert isinstance(found, Target)
    assert found.polls


addresses = st.none() | st.sampled_from([NEW, APNS, an_fcm_address("token-phone-1")])
reaches = st.none() | st.builds(Reach, addresses, st.booleans())
records = st.sampled_from(
    [UNTRIED, DOUBT, Record(Outcome.OPEN, "UNAVAILABLE", receipt=RECEIPT_SHOWN)]
)


@given(reaches, records, st.sampled_from(["android", "ios", "linux", "macos"]))
def test_nobody_is_pushed_to_who_did_not_say_so(
    reach: Reach | None, last: Record, platform: str
) -> None:
    found = as_it_is_now(a_target(platform=platform), last, reach, NOON)
    if isinstance(found, Target):
        assert reach is not None
        assert reach.consent
        assert found.address == reach.address
    else:
        assert found.outcome is not Outcome.OPEN


# ---- what an answer of another address says --------------------------------------------------

REFUSALS: list[Answer] = [
    Rejected("INVALID"),
    AddressGone("UNREGISTERED"),
    Unsendable("TOO_BIG"),
    Misconfigured("credentialsRefused"),
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_refusal_says_nothing_of_what_another_address_may_have_taken(answer: Answer) -> None:
    word = recorded(answer, NOON, DOUBT, moved=True)
    assert (word.outcome, word.code, word.ambiguous) == (Outcome.UNKNOWN, "answerLost", True)
    assert word.receipt == getattr(answer, "code", "")
    assert word.dropped is isinstance(answer, AddressGone)


@pytest.mark.parametrize("answer", REFUSALS)
def test_without_a_doubt_a_refusal_by_another_address_is_one(answer: Answer) -> None:
    assert recorded(answer, NOON, UNTRIED, moved=True) == recorded(answer, NOON, UNTRIED)


@pytest.mark.parametrize(
    "answer", [Accepted("r"), RetryLater("busy"), RetryLater("lost", ambiguous=True)]
)
def test_any_other_answer_of_another_address_counts_as_it_is(answer: Answer) -> None:
    assert recorded(answer, NOON, DOUBT, moved=True) == recorded(answer, NOON, DOUBT)
