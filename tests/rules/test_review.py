"""Claims, second approvals, and who may not decide."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.actors import Actor, Role
from shared.domain.errors import Forbidden, WrongState
from shared.domain.findings.finding import Finding, Severity
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Change, Notification, SubmissionCheck
from shared.domain.notifications.review import (
    CLAIM_LEASE,
    Claim,
    Endorsement,
    ReviewPolicy,
    approvals_needed,
    check_independent,
)
from shared.domain.providers.provider import belongs_to
from tests.builders import (
    MODERATOR,
    NOON,
    OPERATOR,
    PROVIDER,
    a_notification,
    a_provider,
    a_segment,
    some_content,
)

SECOND = Actor(Role.MODERATOR, "m2")
LATER = NOON + timedelta(minutes=3)
RED = Finding("ipHost", Severity.RED, "url", "The address names a machine by number.")
WARNING = Finding("shortener", Severity.WARNING, "url", "It shortens addresses.")


def looked_at(*findings: Finding, devices: int | None = 5) -> Notification:
    new, looked = a_notification(status=None), SubmissionCheck(findings, devices)
    return new.submit(PROVIDER, NOON, admin_hwid=False, check=looked).notification


# ---- claims ----------------------------------------------------------------------------------


def test_a_claim_lasts_ten_minutes_and_is_extended_by_claiming_again() -> None:
    claimed = a_notification().take(MODERATOR, NOON).notification
    assert claimed.claim == Claim("m1", NOON + timedelta(minutes=10))
    again = claimed.take(MODERATOR, LATER).notification
    assert again.claim == Claim("m1", LATER + CLAIM_LEASE)


def test_what_somebody_else_reads_can_be_neither_claimed_nor_decided_nor_released() -> None:
    claimed = a_notification().take(MODERATOR, NOON).notification
    deeds: list[Callable[[], Change]] = [
        lambda: claimed.take(SECOND, LATER),
        lambda: claimed.approve(SECOND, LATER),
        lambda: claimed.reject(SECOND, LATER, "no"),
        lambda: claimed.release(SECOND, LATER),
    ]
    for deed in deeds:
        with pytest.raises(WrongState) as refusal:
            deed()
        assert refusal.value.code == "claimed"
        assert refusal.value.details == {
            "moderatorId": "m1",
            "until": "2026-01-01T12:10:00.000000Z",
        }


def test_a_claim_ends_when_its_time_is_over() -> None:
    claimed = a_notification().take(MODERATOR, NOON).notification
    end = NOON + CLAIM_LEASE
    assert claimed.take(SECOND, end).notification.claim == Claim("m2", end + CLAIM_LEASE)
    assert claimed.approve(SECOND, end).notification.status is Status.SENDING


def test_a_released_one_is_free_and_releasing_twice_changes_nothing() -> None:
    claimed = a_notification().take(MODERATOR, NOON).notification
    released = claimed.release(MODERATOR, LATER).notification
    assert released.claim is None
    assert released.release(MODERATOR, LATER).entry is None
    assert released.take(SECOND, LATER).notification.claim


def test_an_operator_releases_what_anybody_claimed() -> None:
    claimed = a_notification().take(MODERATOR, NOON).notification
    assert claimed.release(OPERATOR, LATER).notification.claim is None


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PENDING}))
def test_only_what_is_pending_can_be_claimed(status: Status) -> None:
    with pytest.raises(WrongState):
        a_notification(status=status).take(MODERATOR, NOON)


def test_whatever_is_decided_is_nobodys_claim() -> None:
    claimed = a_notification().take(MODERATOR, NOON).notification
    assert claimed.approve(MODERATOR, LATER).notification.claim is None
    assert claimed.reject(MODERATOR, LATER, "no").notification.claim is None
    assert claimed.cancel(PROVIDER, LATER).notification.claim is None


# ---- two pairs of eyes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notification", "needed"),
    [
        (looked_at(), 1),
        (looked_at(devices=None), 1),
        (looked_at(WARNING, devices=50_000), 1),
        (looked_at(devices=50_001), 2),
        (looked_at(RED), 2),
        (looked_at(WARNING, RED, devices=90_000), 2),
    ],
)
def test_a_red_finding_or_a_large_audience_asks_for_two(
    notification: Notification, needed: int
) -> None:
    assert approvals_needed(notification, ReviewPolicy()) == needed


def test_the_first_of_two_approvals_leaves_it_pending_for_somebody_else() -> None:
    claimed = looked_at(RED).take(MODERATOR, NOON).notification
    endorsed = claimed.approve(MODERATOR, LATER, revision=1)
    it = endorsed.notification
    assert (it.status, it.claim, it.moderator_id) == (Status.PENDING, None, None)
    assert it.endorsements == (Endorsement("m1", LATER, 1),)
    assert endorsed.entry
    assert (endorsed.entry.move, endorsed.entry.origin, endorsed.entry.status) == (
        "endorse",
        "pending",
        "pending",
    )
    with pytest.raises(WrongState) as refusal:
        it.approve(MODERATOR, LATER)
    assert refusal.value.code == "secondModeratorNeeded"
    approved = it.approve(SECOND, LATER).notification
    assert (approved.status, approved.moderator_id) == (Status.SENDING, "m2")
    assert approved.endorsements == it.endorsements


@pytest.mark.parametrize(
    ("notification", "why"),
    [
        (looked_at(RED), "it has a red finding"),
        (looked_at(devices=50_001), "50,001 devices are more than 50,000"),
        (
            looked_at(RED, devices=60_000),
            "it has a red finding and 60,000 devices are more than 50,000",
        ),
    ],
)
def test_an_operator_is_neither_of_the_two(notification: Notification, why: str) -> None:
    endorsed = notification.approve(MODERATOR, NOON).notification
    for it in (notification, endorsed):
        with pytest.raises(Forbidden) as refusal:
            it.approve(OPERATOR, LATER)
        assert refusal.value.code == "twoModeratorsNeeded"
        assert refusal.value.message == (
            f"two moderators must approve this one: {why}; an operator may reject it"
        )
        assert it.reject(OPERATOR, LATER, "no").notification.status is Status.REJECTED


def test_an_operator_approves_where_one_is_enough() -> None:
    approved = looked_at(WARNING).approve(OPERATOR, LATER).notification
    assert (approved.status, approved.moderator_id) == (Status.SENDING, "o1")


def test_one_is_enough_again_once_the_policy_says_so() -> None:
    policy = ReviewPolicy(second_approval_above=3)
    endorsed = looked_at().approve(MODERATOR, NOON, policy=policy).notification
    assert endorsed.status is Status.PENDING
    assert endorsed.approve(MODERATOR, NOON).notification.status is Status.SENDING


def test_one_moderator_is_enough_to_reject() -> None:
    assert looked_at(RED).reject(MODERATOR, NOON, "no").notification.status is Status.REJECTED


def test_an_edit_voids_the_claim_and_the_first_approval() -> None:
    endorsed = looked_at(RED).approve(MODERATOR, NOON).notification
    claimed = endorsed.take(SECOND, NOON).notification
    new = some_content(title="New")
    edited = claimed.edit(
        PROVIDER, LATER, new, a_segment(), SubmissionCheck((WARNING,), 7)
    ).notification
    assert (edited.revision, edited.claim, edited.endorsements) == (2, None, ())
    assert (edited.findings, edited.estimated_devices) == ((WARNING,), 7)


# ---- findings --------------------------------------------------------------------------------


def test_findings_are_entries_of_their_own() -> None:
    new, looked = a_notification(status=None), SubmissionCheck((RED, WARNING), 5)
    change = new.submit(PROVIDER, NOON, admin_hwid=False, check=looked)
    submitted, told = change.entries
    assert (submitted.move, told.move, told.actor) == ("submit", "findings", "system")
    assert told.reason == "url ipHost, url shortener"
    assert (told.origin, told.status, told.previous) == ("pending", "pending", submitted.hash)
    assert change.notification.head.count == 2


def test_where_nothing_was_found_nothing_is_told() -> None:
    change = a_notification(status=None).submit(
        PROVIDER, NOON, admin_hwid=False, check=SubmissionCheck((), 5)
    )
    assert [entry.move for entry in change.entries] == ["submit"]
    assert change.notification.estimated_devices == 5


def test_a_later_look_adds_what_is_new() -> None:
    it = looked_at(WARNING)
    more = it.add_findings((WARNING, RED), LATER)
    assert more.notification.findings == (WARNING, RED)
    assert [entry.reason for entry in more.entries] == ["url ipHost"]
    assert it.add_findings((WARNING,), LATER).entries == ()


# ---- who may not decide ----------------------------------------------------------------------

PROVIDER_WITH_MEMBERS = replace(a_provider(), members=("m1", "Ann@Example.org"))


@pytest.mark.parametrize(
    ("uid", "email", "belongs"),
    [
        ("p1", "", True),
        ("m1", "", True),
        ("m2", "ann@example.ORG", True),
        ("m2", "P1@example.com", True),
        ("m2", "", False),
        ("M1", "", False),
        ("m2", "other@example.org", False),
    ],
)
def test_a_moderator_belongs_to_a_provider_by_uid_or_e_mail(
    uid: str, email: str, belongs: bool
) -> None:
    assert belongs_to(PROVIDER_WITH_MEMBERS, uid, [email]) is belongs


def test_a_provider_without_an_e_mail_owns_nobody_without_one() -> None:
    assert not belongs_to(a_provider(email=""), "m1", [""])


def test_nobody_decides_on_their_own_provider() -> None:
    with pytest.raises(Forbidden) as refusal:
        check_independent(PROVIDER_WITH_MEMBERS, "m1")
    assert refusal.value.code == "ownProvider"
    check_independent(PROVIDER_WITH_MEMBERS, "m2", ["m2@example.com"])
    check_independent(None, "m1")
