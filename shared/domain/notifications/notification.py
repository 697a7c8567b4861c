"""A notification and the moves it can make.

Every method returns a ``Change``: the notification after the move, and the history entry that
must be written with it in the same transaction. Nothing here reads a clock or a store.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from shared.domain.actors import SYSTEM, Actor, Role
from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content, missing_parts
from shared.domain.errors import InvalidInput, NotFound, WrongState
from shared.domain.findings.finding import Finding, new_reds
from shared.domain.findings.link_ends import Inspection, LinkEnd, LookedAt
from shared.domain.notifications.history import GENESIS, Entry, Note
from shared.domain.notifications.lifecycle import (
    EDITABLE,
    SWEPT,
    TERMINAL,
    Move,
    Status,
    after,
    refused,
)
from shared.domain.notifications.review import (
    CLAIM_LEASE,
    Claim,
    Endorsement,
    ReviewPolicy,
    approvals_needed,
    check_claim,
    check_pair,
)
from shared.domain.tally import Tally

NotificationId = NewType("NotificationId", str)

MOST_COMMENT_CHARACTERS = 1000

SWEEP_AFTER = timedelta(minutes=5)
"""How long a sending or stopped one may stay without progress before the sweeper looks at it."""


class FailureReason(StrEnum):
    """Why a notification failed as a whole."""

    PREMIUM_LAPSED = "premiumLapsed"
    NO_VERIFIED_DOMAIN = "noVerifiedDomain"
    NO_AUDIENCE = "noAudience"
    CREDENTIALS_REFUSED = "credentialsRefused"
    EVERY_PUSH_FAILED = "everyPushFailed"
    REDS_FOUND = "newRedFinding"
    """What older versions wrote where ``linkChanged`` is written now."""
    LINK_CHANGED = "linkChanged"


ADMIN_HWID = "adminHwid"


@dataclass(frozen=True, slots=True)
class Notification:
    """The record of ``pendingNotifications/{id}``. ``version`` is the store's, not ours.

    ``plan_parts``, ``plan_domains`` and ``read_at`` (the store's word for a moment) fix, once, into
    how many ranges the audience is cut, on which domains, and as of when it is read: planning
    again then plans the same. Those of ``plan_domains`` that were taken from the provider since
    are ``lost_domains``. ``estimated_devices`` is the audience as it was when submitted, or last
    approved, and ``looked_at`` where its links ended when submitted; records of older versions have
    neither.
    """

    id: NotificationId
    provider_id: str
    provider_email: str
    content: Content
    segment: Segment | None
    status: Status | None
    created_at: datetime
    revision: int = 1
    findings: tuple[Finding, ...] = ()
    looked_at: LookedAt | None = None
    estimated_devices: int | None = None
    claim: Claim | None = None
    endorsements: tuple[Endorsement, ...] = ()
    submitted_at: datetime | None = None
    moderated_at: datetime | None = None
    moderator_id: str | None = None
    moderator_comment: str | None = None
    auto_approved: bool = False
    auto_approve_reason: str | None = None
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None
    sending_at: datetime | None = None
    ended_at: datetime | None = None
    failure_reason: FailureReason | None = None
    tally: Tally = field(default_factory=Tally)
    counted_at: datetime | None = None
    plan_parts: int = 0
    plan_domains: tuple[str, ...] = ()
    lost_domains: tuple[str, ...] = ()
    read_at: str = ""
    wake_at: datetime | None = None
    export_at: datetime | None = None
    sweeps: int = 0
    history_count: int = 0
    history_hash: str = GENESIS
    version: str = ""

    @property
    def decided(self) -> bool:
        """True once there is nothing left for moderators to decide."""
        return self.status is not Status.PENDING

    @property
    def expires_at(self) -> datetime | None:
        """From when on nobody is to get it any more; ``None`` while that is open, or never.

        Counted from when sending begins (scope, "Expiry"), so that a wait for moderators takes
        nothing of it. Sending, retries, push services and desktops all go by this moment.
        """
        if self.sending_at is None or self.content.expiry_seconds is None:
            return None
        return self.sending_at + timedelta(seconds=self.content.expiry_seconds)

    @property
    def waits_since(self) -> datetime:
        """The moment it was submitted; an edit does not turn that clock back."""
        return self.submitted_at or self.created_at

    @property
    def prevented(self) -> int:
        """The number of devices a stop kept it from; what is on its way may yet get through."""
        if self.status is not Status.STOPPED:
            return 0
        return self.tally.errors.get("stopped", 0) + self.tally.open

    def save_draft(self, by: Actor, at: datetime) -> "Change":
        """Create a draft."""
        return self._moved(Move.CREATE, by, at)

    def submit(
        self, by: Actor, at: datetime, *, admin_hwid: bool, looked: "SubmissionCheck | None" = None
    ) -> "Change":
        """Submit it to moderation, or straight to sending when the target is an admin HWID."""
        if faults := missing_parts(self.content, self.segment):
            raise InvalidInput(faults)
        stamped = replace(self, submitted_at=at)
        if not admin_hwid:
            return stamped._moved(Move.SUBMIT, by, at, to=Status.PENDING)._looked(looked, at)
        approved = replace(
            stamped, auto_approved=True, auto_approve_reason=ADMIN_HWID, sending_at=at
        )
        submitted = approved._moved(Move.SUBMIT, by, at, to=Status.SENDING, reason=ADMIN_HWID)
        return submitted._looked(looked, at)

    def take(self, by: Actor, at: datetime, *, lapsed: frozenset[str] = frozenset()) -> "Change":
        """Claim it for a moderator for a while, or for a while longer.

        A claim of one of the ``lapsed``, who may not decide any more, keeps nobody out.
        """
        self._check_decidable(Note.CLAIM, by, at, lapsed)
        claimed = replace(self, claim=Claim(by.id, at + CLAIM_LEASE))
        return claimed._entered(Note.CLAIM, self.status, by, at)

    def release(self, by: Actor, at: datetime) -> "Change":
        """End the claim. Operators may end anybody's; one that is not there is no fault."""
        if self.status is not Status.PENDING or self.claim is None:
            return Change(self, None)
        if by.role is not Role.OPERATOR:
            check_claim(self.claim, by.id, at)
        return replace(self, claim=None)._entered(Note.RELEASE, self.status, by, at)

    def approve(
        self,
        by: Actor,
        at: datetime,
        *,
        revision: int | None = None,
        policy: ReviewPolicy = ReviewPolicy(),  # noqa: B008 - frozen
        lapsed: frozenset[str] = frozenset(),
    ) -> "Change":
        """Approve the revision the moderator saw; a stale one is refused.

        Where two are needed, the first is an endorsement and it stays pending for somebody else.
        That of one of the ``lapsed``, who may not decide any more, does not count.
        """
        self.check_decision(Move.APPROVE, by, at, revision, lapsed=lapsed)
        check_pair(self, policy, by)
        counting = [each for each in self.endorsements if each.moderator_id not in lapsed]
        if approvals_needed(self, policy) > len(counting) + 1:
            return self._endorsed(by, at)
        if approvals_needed(self, policy) > 1:
            self._check_second(by)
        decided = replace(self, moderated_at=at, moderator_id=by.id, sending_at=at)
        return decided._moved(Move.APPROVE, by, at, to=Status.SENDING)

    def recounted(self, devices: int) -> "Notification":
        """Replace the size of its audience, from which follows how many must approve."""
        return replace(self, estimated_devices=devices)

    def reject(
        self,
        by: Actor,
        at: datetime,
        comment: str,
        *,
        revision: int | None = None,
        lapsed: frozenset[str] = frozenset(),
    ) -> "Change":
        """Reject the revision the moderator saw, with the comment the provider will read."""
        self.check_decision(Move.REJECT, by, at, revision, lapsed=lapsed)
        decided = replace(self, moderated_at=at, moderator_id=by.id, moderator_comment=comment)
        return decided._moved(Move.REJECT, by, at, reason=comment)

    def cancel(self, by: Actor, at: datetime) -> "Change":
        """Cancel it for the provider, before it is sent."""
        withdrawn = replace(self, cancelled_at=at, cancelled_by=str(Role.PROVIDER))
        return withdrawn._moved(Move.CANCEL, by, at)

    def edit(
        self,
        by: Actor,
        at: datetime,
        content: Content,
        segment: Segment | None,
        looked: "SubmissionCheck | None" = None,
    ) -> "Change":
        """Change content or target. A pending one gets a new revision and an entry of its own, and
        whatever was claimed or approved of the old one is void.
        """
        if self.status not in EDITABLE:
            raise refused(self.status, Note.EDIT)
        if (content, segment) == (self.content, self.segment):
            return Change(self, None)
        edited = replace(self, content=content, segment=segment)
        if self.status is Status.DRAFT:
            return Change(edited, None)
        if faults := missing_parts(content, segment):
            raise InvalidInput(faults)
        revised = replace(edited, revision=self.revision + 1, claim=None, endorsements=())
        return revised._entered(Note.EDIT, self.status, by, at)._looked(looked, at)

    def found(self, findings: Iterable[Finding], at: datetime) -> "Change":
        """Add the findings of a later look to what is known."""
        new = self._unknown_of(findings)
        if not new:
            return Change(self, None)
        return replace(self, findings=(*self.findings, *new))._told(new, at)

    def looked_again(self, inspection: Inspection, at: datetime) -> "Change":
        """Compare a look right before the send with what was approved.

        A red finding that nobody saw, or a link that leads elsewhere, ends it. So does one that can
        no longer be looked at, however often it is tried. Anything else is recorded.
        """
        before = self.looked_at or LookedAt()
        moved = before.moved(inspection.ends) if self.looked_at else ()
        lost = before.lost(inspection.ends)
        changed = (*new_reds(inspection.findings, self.findings), *moved)
        if changed or (lost and before.is_last(at)):
            findings = self._unknown_of((*inspection.findings, *moved))
            return self.fail(SYSTEM, at, FailureReason.LINK_CHANGED, self.tally, findings)
        if lost:
            return Change(replace(self, looked_at=before.missed(at)), None)
        return self.found(inspection.findings, at)

    def stop(self, by: Actor, at: datetime, reason: str = "") -> "Change":
        """Stop the distribution; what was sent stays sent and counted."""
        return replace(self, ended_at=at)._moved(Move.STOP, by, at, reason=reason)

    def complete(self, by: Actor, at: datetime, sums: Tally) -> "Change":
        """Complete a distribution that at least one device got, or may have."""
        return replace(self, tally=sums, counted_at=at, ended_at=at)._moved(Move.COMPLETE, by, at)

    def fail(
        self,
        by: Actor,
        at: datetime,
        reason: FailureReason,
        sums: Tally,
        findings: tuple[Finding, ...] = (),
    ) -> "Change":
        """Fail it as nobody got it; ``findings`` are those it failed for."""
        failed = replace(
            self,
            tally=sums,
            counted_at=at,
            ended_at=at,
            failure_reason=reason,
            findings=(*self.findings, *findings),
        )
        said = f"{reason}: {named(findings)}" if findings else str(reason)
        return failed._moved(Move.FAIL, by, at, reason=said)

    def counted(self, sums: Tally, at: datetime) -> "Change":
        """Replace the sums by those of the ledger, without any move."""
        return Change(replace(self, tally=sums, counted_at=at), None)

    def rested(self) -> "Change":
        """Clear ``wake_at``: the sweeper ignores it from now on."""
        return Change(replace(self, wake_at=None), None)

    def cut(self, parts: int, domains: tuple[str, ...], read_at: str) -> "Change":
        """Freeze the plan (parts, domains, snapshot); later calls have no effect."""
        if self.plan_parts or self.status is not Status.SENDING:
            return Change(self, None)
        planned = replace(self, plan_parts=parts, plan_domains=domains, read_at=read_at)
        return Change(planned, None)

    def lose(self, domains: Iterable[str], by: Actor, at: datetime) -> "Change":
        """Exclude these of its domains from what is still to be sent."""
        kept = set(self.plan_domains).difference(self.lost_domains)
        new = tuple(domain for domain in domains if domain in kept)
        if not new or self.status is not Status.SENDING:
            return Change(self, None)
        poorer = replace(self, lost_domains=(*self.lost_domains, *new))
        return poorer._entered(Note.DOMAIN_LOST, self.status, by, at, ", ".join(new))

    def unknown(self) -> NotFound:
        """Make the refusal for somebody to whom this notification does not belong."""
        return NotFound(f"there is no notification {self.id}")

    def waking(self, next_look: datetime, now: datetime) -> "Change":
        """Count a sweep, if one was due, and set the moment of the next one."""
        if self.wake_at is None or self.wake_at > now:
            return Change(self, None)
        return Change(replace(self, wake_at=next_look, sweeps=self.sweeps + 1), None)

    def check_decision(
        self,
        move: Move,
        by: Actor,
        at: datetime,
        revision: int | None,
        *,
        lapsed: frozenset[str] = frozenset(),
    ) -> None:
        """Raise ``WrongState`` unless it waits, nobody else reads it, and ``revision`` is this one.

        A decision that names no revision is one of the first, before any edit.
        """
        self._check_decidable(move, by, at, lapsed)
        details = {"status": self.status, "revision": self.revision}
        if revision is None and self.revision > 1:
            raise WrongState(
                f"the provider edited it, and you do not say what you saw: now it is revision "
                f"{self.revision}; read it again, and name that revision",
                code="revisionNeeded",
                details=details,
            )
        if revision not in {None, self.revision}:
            raise WrongState(
                f"the provider edited it meanwhile: you saw revision {revision}, "
                f"now it is {self.revision}; read it again before you decide",
                code="staleRevision",
                details=details,
            )

    def _unknown_of(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        return tuple(finding for finding in findings if finding not in self.findings)

    def _endorsed(self, by: Actor, at: datetime) -> "Change":
        endorsement = Endorsement(by.id, at, self.revision)
        endorsed = replace(self, claim=None, endorsements=(endorsement,))
        return endorsed._entered(Note.ENDORSE, self.status, by, at)

    def _check_second(self, by: Actor) -> None:
        if any(endorsement.moderator_id == by.id for endorsement in self.endorsements):
            raise WrongState(
                "you approved it already; another moderator must approve it too",
                code="secondModeratorNeeded",
                details={"status": self.status, "revision": self.revision},
            )

    def _check_decidable(
        self, move: Move | str, by: Actor, at: datetime, lapsed: frozenset[str]
    ) -> None:
        if self.status is not Status.PENDING:
            raise refused(self.status, move)
        if self.claim and self.claim.moderator_id not in lapsed:
            check_claim(self.claim, by.id, at)

    def _told(self, findings: Iterable[Finding], at: datetime) -> "Change":
        return self._entered(Note.FINDINGS, self.status, SYSTEM, at, named(findings))

    def _moved(
        self, move: Move, by: Actor, at: datetime, *, to: Status | None = None, reason: str = ""
    ) -> "Change":
        origin = self.status
        status = after(origin, move, to)
        wake_at = at + SWEEP_AFTER if status in SWEPT else None
        export_at = at if status in TERMINAL else None
        moved = replace(self, status=status, wake_at=wake_at, export_at=export_at, claim=None)
        return moved._entered(move, origin, by, at, reason)

    def _entered(
        self, move: str, origin: Status | None, by: Actor, at: datetime, reason: str = ""
    ) -> "Change":
        if self.status is None:
            raise refused(None, move)
        entry = Entry(
            number=self.history_count + 1,
            move=str(move),
            origin=origin,
            status=self.status,
            actor=str(by),
            at=at,
            reason=reason,
            revision=self.revision,
            previous=self.history_hash,
        ).sealed()
        return Change(replace(self, history_count=entry.number, history_hash=entry.hash), entry)


@dataclass(frozen=True, slots=True)
class SubmissionCheck:
    """The results of the look at submission: findings, its audience, and where its
    links ended.
    """

    findings: tuple[Finding, ...] = ()
    devices: int | None = None
    ends: tuple[LinkEnd, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A notification to be written, and the history entries that go with it, if any."""

    notification: Notification
    entry: Entry | None
    later: tuple[Entry, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries to write, in order."""
        return (self.entry, *self.later) if self.entry else ()

    def _looked(self, looked: SubmissionCheck | None, at: datetime) -> "Change":
        """With what was seen, which is an entry of its own when there are findings."""
        if looked is None:
            return self
        seen = replace(
            self.notification,
            findings=looked.findings,
            looked_at=LookedAt(looked.ends),
            estimated_devices=looked.devices,
        )
        told = seen._told(looked.findings, at) if looked.findings else Change(seen, None)
        return Change(told.notification, self.entry, (*self.later, *told.entries))


def named(findings: Iterable[Finding]) -> str:
    """Name findings by field and code, for the history."""
    return ", ".join(f"{finding.field} {finding.code}" for finding in findings)


def verdict(sums: Tally) -> FailureReason | None:
    """Judge a finished distribution: ``None`` for success, else why it failed.

    It fails only when certainly nobody got it. Unknown outcomes are given the benefit of the doubt.
    """
    if sums.delivered or sums.unknown:
        return None
    if not sums.failed:
        lost = "domainLost" in sums.errors
        return FailureReason.NO_VERIFIED_DOMAIN if lost else FailureReason.NO_AUDIENCE
    if sums.errors.get("credentialsRefused", 0) == sums.failed:
        return FailureReason.CREDENTIALS_REFUSED
    return FailureReason.EVERY_PUSH_FAILED
