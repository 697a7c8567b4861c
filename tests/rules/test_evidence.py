"""When what some addresses are answered is believed of others."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.push.run_memory import MOST_NOTIFICATIONS, ProcessRunMemory
from shared.domain.audience.device import AddressKind, PushAddress
from shared.domain.delivery.evidence import (
    Evidence,
    Group,
    alarming,
    group_of,
    judged,
    recorded_evidence,
)
from shared.domain.delivery.ledger import BatchId, Outcome, Record, Target
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)

REFUSED = Misconfigured("credentialsRefused")
INVALID = Unsendable("invalidMessage")
GROUP = Group(AddressKind.FCM, "", "android")
APPLE = Group(AddressKind.APNS, "production", "ios")
ID, OTHER = NotificationId("n1"), NotificationId("n2")


def heard(*answers: Answer) -> Evidence:
    """Each from another address."""
    return Evidence().after((f"a{n}", answer) for n, answer in enumerate(answers))


# ---- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [REFUSED, INVALID])
@pytest.mark.parametrize(("count", "believed"), [(19, False), (20, True), (500, True)])
def test_a_refusal_is_believed_of_others_from_twenty_addresses_on(
    answer: Misconfigured | Unsendable, count: int, believed: bool
) -> None:
    assert heard(*[answer] * count).agreed == (answer.code if believed else "")


def test_not_if_one_was_accepted_whenever_that_was() -> None:
    refused = [REFUSED] * 50
    assert heard(Accepted(), *refused).agreed == ""
    assert heard(*refused, Accepted()).agreed == ""


def test_not_if_they_were_refused_for_different_reasons() -> None:
    assert heard(*[REFUSED] * 50, INVALID).agreed == ""


def test_not_if_it_was_always_the_same_address() -> None:
    assert Evidence().after([("a", REFUSED)] * 50).agreed == ""


@pytest.mark.parametrize(
    "answer", [AddressGone("unregistered"), RetryLater("unavailable"), Rejected("unknownError")]
)
def test_what_is_about_an_address_or_will_pass_is_believed_of_nobody_else(answer: Answer) -> None:
    assert heard(*[answer] * 50).agreed == ""
    assert heard(*[REFUSED] * 20, answer).agreed == REFUSED.code


# ---- groups ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "environment", "expected"),
    [
        (AddressKind.APNS, "sandbox", "sandbox"),
        (AddressKind.APNS, "", ""),
        (AddressKind.FCM, "production", ""),
        (AddressKind.HMS, "sandbox", ""),
    ],
)
def test_only_apples_addresses_are_told_apart_by_environment(
    kind: AddressKind, environment: str, expected: str
) -> None:
    group = group_of("ios", PushAddress(kind, "a", environment))
    assert group == Group(kind, expected, "ios")


def test_a_batchs_records_tell_who_was_accepted_by_push_and_who_is_unknown() -> None:
    address = PushAddress(AddressKind.FCM, "a")
    records = [
        Record(Outcome.DELIVERED, receipt="r"),
        Record(Outcome.DELIVERED),
        Record(Outcome.DELIVERED, receipt="shown"),
        Record(Outcome.FAILED, "unregistered"),
        Record(Outcome.FAILED, "wrongApp"),
        Record(Outcome.FAILED, "invalidMessage"),
        Record(Outcome.OPEN, "invalidToken"),
    ]
    targets = [Target(str(n), "android", address=address) for n in range(len(records))]
    nowhere = [(Target("pc", "linux"), Record(Outcome.DELIVERED, receipt="shown"))]
    found = recorded_evidence(
        [*targets, *(t for t, _ in nowhere)], [*records, *(r for _, r in nowhere)]
    )
    assert found == {GROUP: Evidence(accepted=2, unknown=2)}


# ---- what a process remembers ------------------------------------------------------------------


def test_what_one_batch_heard_is_known_to_the_others_of_its_notification_only() -> None:
    memory = ProcessRunMemory()
    memory.note(ID, BatchId("b1"), {GROUP: heard(*[REFUSED] * 12)})
    memory.note(
        ID,
        BatchId("b2"),
        {GROUP: Evidence().after((f"b{n}", REFUSED) for n in range(8))},
    )
    assert memory.heard(ID, GROUP).agreed == REFUSED.code
    assert memory.heard(ID, APPLE) == memory.heard(OTHER, GROUP) == Evidence()


def test_a_batch_that_tells_more_later_counts_once() -> None:
    memory = ProcessRunMemory()
    for accepted, unknown in ((3, 1), (5, 1), (5, 4)):
        memory.note(ID, BatchId("b1"), {GROUP: Evidence(accepted, unknown)})
    memory.note(ID, BatchId("b2"), {GROUP: Evidence(1, 1)})
    found = memory.heard(ID, GROUP)
    assert (found.accepted, found.unknown) == (6, 5)


def test_the_same_address_in_many_batches_is_one_witness() -> None:
    memory = ProcessRunMemory()
    for n in range(50):
        memory.note(ID, BatchId(f"b{n}"), {GROUP: heard(REFUSED)})
    assert memory.heard(ID, GROUP).agreed == ""


def test_only_the_notifications_sent_last_are_remembered() -> None:
    memory = ProcessRunMemory()
    for n in range(MOST_NOTIFICATIONS + 1):
        memory.note(NotificationId(f"n{n}"), BatchId("b"), {GROUP: Evidence(1)})
        memory.note(ID, BatchId("b"), {GROUP: Evidence(1)})
    assert memory.heard(NotificationId("n0"), GROUP) == Evidence()
    assert memory.heard(ID, GROUP) == Evidence(1)


# ---- unknown addresses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unknown", "good", "kept"),
    [(19, 0, False), (20, 0, True), (10, 10, False), (11, 10, True), (1, 49, False)],
)
def test_addresses_are_kept_when_more_than_half_of_twenty_are_unknown(
    unknown: int, good: int, kept: bool
) -> None:
    answers = [AddressGone("senderIdMismatch")] * unknown
    found = judged(GROUP, Evidence(good, unknown), answers)
    assert found == (Rejected("wrongApp") if kept else None)


@pytest.mark.parametrize(("few", "by_the_whole"), [(19, True), (20, False)])
def test_a_group_too_small_to_tell_a_flood_is_judged_by_its_whole_push_service(
    few: int, by_the_whole: bool
) -> None:
    group, whole = Evidence(few, 0), Evidence(few, 100)
    assert group.or_else(whole) == (whole if by_the_whole else group)


def test_what_a_push_service_said_is_the_sum_over_its_groups_and_batches() -> None:
    memory = ProcessRunMemory()
    iphones, macs = GROUP._replace(platform="ios"), GROUP._replace(platform="macos")
    memory.note(ID, BatchId("b1"), {iphones: Evidence(1, 2), APPLE: Evidence(64, 128)})
    memory.note(ID, BatchId("b2"), {iphones: Evidence(4, 8), macs: Evidence(16, 32)})
    assert memory.heard_of_all(ID, AddressKind.FCM) == Evidence(21, 42)
    assert memory.heard_of_all(OTHER, AddressKind.FCM) == Evidence()


@pytest.mark.parametrize(
    ("group", "codes", "expected"),
    [
        (APPLE, ["invalidToken"] * 40, "wrongEnvironment"),
        (APPLE, ["invalidToken"] * 21 + ["unregistered"] * 19, "wrongEnvironment"),
        (APPLE, ["tokenNotForTopic"] * 40, "wrongApp"),
        (Group(AddressKind.APNS, "", "ios"), ["invalidToken"] * 40, "wrongApp"),
        (GROUP, ["invalidToken"] * 40, "wrongApp"),
        (GROUP, ["unregistered"] * 40, "wrongApp"),
    ],
)
def test_it_is_the_environment_where_apple_knows_none_of_the_addresses_that_named_one(
    group: Group, codes: Sequence[str], expected: str
) -> None:
    found = judged(group, Evidence(0, 40), [AddressGone(code) for code in codes])
    assert found == Rejected(expected)


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_alarm_needs_more_than_a_hundredth_and_at_least_three(foreign: int, good: int) -> None:
    records = [Record(Outcome.FAILED, "senderIdMismatch")] * foreign
    records += [Record(Outcome.DELIVERED)] * good + [Record(Outcome.SKIPPED, "consent")] * 50
    expected = foreign if foreign >= 3 and foreign * 100 > foreign + good else 0
    assert alarming(records) == expected
