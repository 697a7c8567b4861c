"""A notification's moves: what each writes on the record, and in its history."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.delivery.run import SWEEP_AFTER, FailureReason, RunChange, verdict
from shared.domain.errors import InvalidInput, WrongState
from shared.domain.notifications.history import broken_links
from shared.domain.notifications.lifecycle import TERMINAL, Status
from shared.domain.notifications.notification import Change, Notification
from shared.domain.notifications.review import Cancellation
from shared.domain.tally import Tally
from tests.builders import (
    MODERATOR,
    NOON,
    OPERATOR,
    PROVIDER,
    a_notification,
    a_segment,
    ran,
    some_content,
)

LATER = NOON + timedelta(minutes=3)


def entry_of(change: Change) -> tuple[object, ...]:
    assert change.entry is not None
    entry = change.entry
    return entry.move, entry.origin, entry.status, entry.actor, entry.at, entry.reason


def test_a_submitted_notification_waits_for_a_moderator() -> None:
    change = a_notification(status=None).submit(PROVIDER, NOON, admin_hwid=False)
    assert change.notification.status is Status.PENDING
    assert not change.notification.auto_approved
    assert entry_of(change) == ("submit", None, "pending", "provider:p1", NOON, "")


def test_one_to_an_admin_hwid_is_approved_by_itself_and_says_why() -> None:
    change = a_notification(status=None).submit(PROVIDER, NOON, admin_hwid=True)
    it = change.notification
    assert (it.status, it.auto_approved, it.auto_approve_reason) == ("sending", True, "adminHwid")
    assert (ran(it).sending_at, it.moderator_id) == (NOON, None)
    assert entry_of(change) == ("submit", None, "sending", "provider:p1", NOON, "adminHwid")


def test_what_lacks_a_part_cannot_be_submitted() -> None:
    bare = replace(a_notification(status=None), content=some_content(title=None), segment=None)
    with pytest.raises(InvalidInput) as refusal:
        bare.submit(PROVIDER, NOON, admin_hwid=False)
    assert [(f.field, f.code) for f in refusal.value.errors] == [
        ("title", "required"),
        ("targetSegment", "required"),
    ]


def test_an_approval_says_who_and_when() -> None:
    change = a_notification().approve(MODERATOR, LATER, revision=1)
    it = change.notification
    assert (it.status, it.moderator_id, it.moderated_at) == ("sending", "m1", LATER)
    assert (ran(it).sending_at, it.auto_approved) == (LATER, False)
    assert entry_of(change) == ("approve", "pending", "sending", "moderator:m1", LATER, "")


@pytest.mark.parametrize("seconds", [60, 31_536_000])
def test_its_time_runs_from_when_sending_begins(seconds: int) -> None:
    it = replace(a_notification(), content=some_content(expiry_seconds=seconds))
    assert it.run is None
    sending = it.approve(MODERATOR, LATER, revision=1).notification
    assert ran(sending).expires_at == LATER + timedelta(seconds=seconds)


def test_without_an_expiry_it_never_expires() -> None:
    assert (
        ran(a_notification().approve(MODERATOR, LATER, revision=1).notification).expires_at is None
    )


def test_a_rejection_of_a_revision_that_is_no_more_is_refused() -> None:
    edited = replace(a_notification(), revision=2)
    with pytest.raises(WrongState) as refusal:
        edited.reject(MODERATOR, LATER, "too loud", revision=1)
    assert refusal.value.code == "staleRevision"
    assert edited.reject(MODERATOR, LATER, "too loud", revision=2).notification.status == "rejected"


def test_a_rejection_carries_its_comment() -> None:
    it = a_notification().reject(MODERATOR, LATER, "too loud").notification
    assert (it.status, it.moderator_comment, it.moderator_id) == ("rejected", "too loud", "m1")
    assert it.moderated_at == LATER


def test_a_cancellation_says_when_and_by_whom() -> None:
    it = a_notification().cancel(PROVIDER, LATER).notification
    assert (it.status, it.cancellation) == ("cancelled", Cancellation(LATER, "provider"))


def test_an_edit_of_a_pending_one_is_a_new_revision_with_an_entry() -> None:
    new = some_content(title="New")
    change = a_notification().edit(PROVIDER, LATER, new, a_segment())
    assert change.notification.revision == 2
    assert change.notification.content == new
    assert change.entry is not None
    assert (change.entry.move, change.entry.revision) == ("edit", 2)


def test_an_edit_that_changes_nothing_is_none() -> None:
    it = a_notification()
    assert it.edit(PROVIDER, LATER, it.content, it.segment) == Change(it, None)


def test_an_edit_of_a_draft_is_no_transition() -> None:
    change = a_notification(status=Status.DRAFT).edit(PROVIDER, LATER, some_content(), None)
    assert (change.notification.revision, change.entry) == (1, None)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.DRAFT, Status.PENDING}))
def test_nothing_decided_can_be_edited(status: Status) -> None:
    with pytest.raises(WrongState):
        a_notification(status=status).edit(PROVIDER, LATER, some_content(), a_segment())


def test_a_pending_one_cannot_be_edited_into_a_fragment() -> None:
    with pytest.raises(InvalidInput):
        a_notification().edit(PROVIDER, LATER, some_content(body=None), a_segment())


def test_an_approval_of_an_older_revision_is_refused() -> None:
    new = some_content(title="New")
    edited = a_notification().edit(PROVIDER, LATER, new, a_segment()).notification
    with pytest.raises(WrongState) as refusal:
        edited.approve(MODERATOR, LATER, revision=1)
    assert refusal.value.code == "staleRevision"
    assert refusal.value.details == {"status": "pending", "revision": 2}


def test_a_stale_approval_of_what_is_already_cancelled_hears_of_the_cancellation() -> None:
    cancelled = replace(a_notification().cancel(PROVIDER, LATER).notification, revision=2)
    with pytest.raises(WrongState) as refusal:
        cancelled.approve(MODERATOR, LATER, revision=1)
    assert refusal.value.code == "cancelled"


def test_only_what_is_being_sent_or_was_stopped_is_ever_woken_up() -> None:
    pending = a_notification()
    sending = pending.approve(MODERATOR, NOON).notification
    assert (pending.run, ran(sending).wake_at) == (None, NOON + SWEEP_AFTER)
    assert ran(sending).complete(PROVIDER, LATER, Tally()).run.wake_at is None
    stopped = ran(sending.stop(OPERATOR, LATER).notification)
    assert (stopped.wake_at, stopped.rested().run.wake_at) == (LATER + SWEEP_AFTER, None)


def test_an_end_says_when_and_how() -> None:
    sending = a_notification(status=Status.SENDING)
    sums = Tally(targeted=2, failed=2, errors={"unregistered": 2})
    failed = sending.follow(
        ran(sending).fail(PROVIDER, LATER, FailureReason.EVERY_PUSH_FAILED, sums)
    ).notification
    assert (failed.status, failed.tally) == ("failed", sums)
    assert (ran(failed).failure_reason, ran(failed).ended_at) == ("everyPushFailed", LATER)


def test_a_whole_life_is_one_sound_chain() -> None:
    changes = [a_notification(status=None).save_draft(PROVIDER, NOON)]

    def then(change: Change) -> Notification:
        changes.append(change)
        return change.notification

    it = then(changes[0].notification.submit(PROVIDER, NOON, admin_hwid=False))
    it = then(it.edit(PROVIDER, NOON, some_content(title="New"), a_segment()))
    it = then(it.approve(MODERATOR, NOON, revision=2))
    it = then(it.follow(ran(it).complete(PROVIDER, NOON, Tally(targeted=1, delivered=1))))
    entries = [change.entry for change in changes if change.entry]
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]
    assert broken_links(entries) == []
    assert (it.head.count, it.head.hash) == (5, entries[-1].hash)
    assert it.status in TERMINAL


def test_how_the_audience_is_cut_is_fixed_once() -> None:
    cut = ran(a_notification(status=Status.SENDING)).cut(4, ("a.com",), "t1").run
    assert (cut.parts, cut.domains, cut.read_at) == (4, ("a.com",), "t1")
    assert cut.cut(2, ("b.com",), "t2").run == cut


def test_what_is_not_being_sent_is_not_cut() -> None:
    stopped = ran(a_notification(status=Status.STOPPED))
    assert stopped.cut(4, ("a.com",), "t1").run == stopped


def test_a_domain_is_lost_once_while_it_is_sent_on_it() -> None:
    it = a_notification(status=Status.SENDING)
    sending = ran(it).cut(1, ("a.com", "b.com"), "t1").run
    lost = sending.lose(["b.com", "c.com"], OPERATOR, NOON)
    assert lost.run.lost_domains == ("b.com",)
    followed = it.follow(lost)
    assert (followed.notification.status, followed.notification.run) == (it.status, lost.run)
    assert followed.entry is not None
    assert (followed.entry.move, followed.entry.reason) == ("domainLost", "b.com")
    assert lost.run.lose(["b.com"], OPERATOR, NOON) == RunChange(lost.run)
    ended = sending.stop(OPERATOR, NOON).run
    assert ended.lose(["b.com"], OPERATOR, NOON) == RunChange(ended)


@pytest.mark.parametrize(
    ("sums", "reason"),
    [
        (Tally(targeted=3, delivered=1, failed=2), None),
        (Tally(targeted=2, unknown=1, failed=1), None),
        (Tally(), FailureReason.NO_AUDIENCE),
        (Tally(targeted=2, skipped=2), FailureReason.NO_AUDIENCE),
        (
            Tally(targeted=2, skipped=2, errors={"domainLost": 1, "consent": 1}),
            FailureReason.NO_VERIFIED_DOMAIN,
        ),
        (Tally(targeted=2, failed=2, errors={"x": 2}), FailureReason.EVERY_PUSH_FAILED),
        (
            Tally(targeted=3, failed=2, skipped=1, errors={"credentialsRefused": 2, "consent": 1}),
            FailureReason.CREDENTIALS_REFUSED,
        ),
        (
            Tally(targeted=2, failed=2, errors={"credentialsRefused": 1, "x": 1}),
            FailureReason.EVERY_PUSH_FAILED,
        ),
    ],
)
def test_a_distribution_fails_only_when_certainly_nobody_got_it(
    sums: Tally, reason: FailureReason | None
) -> None:
    assert verdict(sums) == reason
