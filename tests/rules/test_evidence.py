"""When what some addresses are answered is believed of others."""

from collections.abc import Sequence
from dataclasses import replace

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
from shared.domain.delivery.ledger import BatchId, Newness, Outcome, Record, Target
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
from tests.builders import a_batch

REFUSED = Misconfigured("credentialsRefused")
INVALID = Unsendable("invalidMessage")
GROUP = Group(AddressKind.FCM, "", "android")
APPLE = Group(AddressKind.APNS, "production", "ios")
ID, OTHER = NotificationId("n1"), NotificationId("n2")


def evidence_of(*answers: Answer) -> Evidence:
    """Collect answers, each from another address."""
    return Evidence().after((f"a{n}", answer) for n, answer in enumerate(answers))


# ---- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [REFUSED, INVALID])
@pytest.mark.parametrize(("count", "believed"), [(19, False), (20, True), (500, True)])
def test_a_refusal_is_believed_of_others_from_twenty_addresses_on(
    answer: Misconfigured | Unsendable, count: int, believed: bool
) -> None:
    assert evidence_of(*[answer] * count).agreed == (answer.code if believed else "")


def test_not_if_one_was_accepted_whenever_that_was() -> None:
    refused = [REFUSED] * 50
    assert evidence_of(Accepted(), *refused).agreed == ""
    assert evidence_of(*refused, Accepted()).agreed == ""


def test_not_if_they_were_refused_for_different_reasons() -> None:
    assert evidence_of(*[REFUSED] * 50, INVALID).agreed == ""


def test_not_if_it_was_always_the_same_address() -> None:
    assert Evidence().after([("a", REFUSED)] * 50).agreed == ""


@pytest.mark.parametrize(
    "answer", [AddressGone("unregistered"), RetryLater("unavailable"), Rejected("unknownError")]
)
def test_what_is_about_an_address_or_will_pass_is_believed_of_nobody_else(answer: Answer) -> None:
    assert evidence_of(*[answer] * 50).agreed == ""
    assert evidence_of(*[REFUSED] * 20, answer).agreed == REFUSED.code


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
    batch = a_batch([*targets, *(t for t, _ in nowhere)], [*records, *(r for _, r in nowhere)])
    assert recorded_evidence(batch) == {GROUP: Evidence(accepted=2, unknown=2)}
    newness = {0: Newness.NEW, 1: Newness.RENEWED, 3: Newness.NEW, 4: Newness.KNOWN, 6: Newness.NEW}
    compared = replace(batch, newness=newness)
    found = recorded_evidence(compared)
    assert found == {GROUP: Evidence(2, 2, newer=(2, 1, 1, 1))}
    undecided = recorded_evidence(compared, undecided=True)
    assert undecided == {GROUP: Evidence(2, 3, newer=(2, 2, 1, 2))}


# ---- what a process remembers ------------------------------------------------------------------


def test_what_one_batch_heard_is_known_to_the_others_of_its_notification_only() -> None:
    memory = ProcessRunMemory()
    memory.note(ID, BatchId("b1"), {GROUP: evidence_of(*[REFUSED] * 12)})
    memory.note(
        ID,
        BatchId("b2"),
        {GROUP: Evidence().after((f"b{n}", REFUSED) for n in range(8))},
    )
    assert memory.evidence(ID, GROUP).agreed == REFUSED.code
    assert memory.evidence(ID, APPLE) == memory.evidence(OTHER, GROUP) == Evidence()


def test_a_batch_that_tells_more_later_counts_once() -> None:
    memory = ProcessRunMemory()
    for accepted, unknown in ((3, 1), (5, 1), (5, 4)):
        memory.note(ID, BatchId("b1"), {GROUP: Evidence(accepted, unknown)})
    memory.note(ID, BatchId("b2"), {GROUP: Evidence(1, 1)})
    found = memory.evidence(ID, GROUP)
    assert (found.accepted, found.unknown) == (6, 5)


def test_the_same_address_in_many_batches_is_one_witness() -> None:
    memory = ProcessRunMemory()
    for n in range(50):
        memory.note(ID, BatchId(f"b{n}"), {GROUP: evidence_of(REFUSED)})
    assert memory.evidence(ID, GROUP).agreed == ""


def test_only_the_notifications_sent_last_are_remembered() -> None:
    memory = ProcessRunMemory()
    for n in range(MOST_NOTIFICATIONS + 1):
        memory.note(NotificationId(f"n{n}"), BatchId("b"), {GROUP: Evidence(1)})
        memory.note(ID, BatchId("b"), {GROUP: Evidence(1)})
    assert memory.evidence(NotificationId("n0"), GROUP) == Evidence()
    assert memory.evidence(ID, GROUP) == Evidence(1)


# ---- unknown addresses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unknown", "good", "believed"),
    [(19, 0, False), (20, 0, True), (10, 10, False), (11, 10, True), (1, 49, False)],
)
def test_addresses_are_kept_when_more_than_half_of_twenty_are_unknown(
    unknown: int, good: int, believed: bool
) -> None:
    answers = [AddressGone("senderIdMismatch")] * unknown
    found = judged(GROUP, Evidence(good, unknown), answers)
    assert found == (Rejected("wrongApp") if believed else None)


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
    assert memory.service_evidence(ID, GROUP.service) == Evidence(21, 42)
    assert memory.service_evidence(OTHER, GROUP.service) == Evidence()


NEWER = Evidence(900, 70, newer=(40, 61, 2, 60))


def test_of_new_addresses_there_is_evidence_of_their_own() -> None:
    found = [NEWER.among(newness) for newness in Newness]
    assert found == [NEWER, Evidence(40, 61), Evidence(2, 60)]
    assert [it.flooded for it in found] == [False, True, True]


@pytest.mark.parametrize(
    ("accepted", "unknown", "unclear"),
    [(0, 19, True), (0, 20, False), (15, 5, False), (14, 6, True), (6, 14, True), (5, 15, False)],
)
def test_a_verdict_on_new_addresses_is_unclear_while_they_are_few_or_divided(
    accepted: int, unknown: int, unclear: bool
) -> None:
    assert Evidence(accepted, unknown).is_unclear is unclear


def test_what_a_batch_tells_of_new_addresses_counts_once() -> None:
    memory = ProcessRunMemory()
    memory.note(ID, BatchId("b1"), {GROUP: Evidence(9, 2, newer=(3, 2, 1, 1))})
    memory.note(ID, BatchId("b1"), {GROUP: NEWER})
    memory.note(ID, BatchId("b1"), {GROUP: Evidence(900)})
    assert memory.evidence(ID, GROUP) == replace(NEWER, unknown=0)
    memory.note(ID, BatchId("b2"), {APPLE._replace(kind=GROUP.kind): NEWER})
    assert memory.evidence(ID, GROUP).newer == NEWER.newer
    assert memory.service_evidence(ID, GROUP.service).newer == (80, 122, 4, 120)


def test_the_ledger_is_believed_where_it_tells_more_of_new_addresses() -> None:
    memory, batch = ProcessRunMemory(), BatchId("b1")
    memory.note(ID, batch, {GROUP: Evidence(900, 70)})
    memory.recall(ID, {batch: {GROUP: NEWER}})
    memory.recall(ID, {batch: {GROUP: Evidence(900, 70)}})
    assert memory.evidence(ID, GROUP) == NEWER


def test_a_batch_is_silent_until_the_ledger_kept_something_of_it() -> None:
    memory, told = ProcessRunMemory(), {GROUP: Evidence(1)}
    assert memory.silent(ID) == set()
    memory.recall(ID, {BatchId("b1"): {}, BatchId("b2"): told})
    assert (memory.silent(ID), memory.silent(OTHER)) == ({"b1"}, set())
    memory.recall(ID, {BatchId("b1"): told, BatchId("b2"): told})
    assert memory.silent(ID) == set()


def test_the_earlier_notification_is_looked_for_once_in_each_process() -> None:
    memory, looks = ProcessRunMemory(), list[int]()

    def earlier_notification() -> NotificationId | None:
        looks.append(1)
        return None if len(looks) > 1 else OTHER

    assert [memory.earlier(ID, earlier_notification) for _ in range(3)] == [OTHER] * 3
    assert [memory.earlier(OTHER, earlier_notification) for _ in range(3)] == [None] * 3
    for n in range(MOST_NOTIFICATIONS):
        memory.earlier(NotificationId(f"n{n}x"), earlier_notification)
    memory.earlier(ID, earlier_notification)
    assert len(looks) == 3 + MOST_NOTIFICATIONS


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
