"""A notification and the moves it can make.

Every method returns a ``Change``: the notification after the move, and the history entry that
must be written with it in the same transaction. Nothing here reads a clock or a store.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NewType

from shared.domain.actors import SYSTEM, Actor, Role
from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content, missing_parts, missing_texts
from shared.domain.delivery.run import (
    SWEEP_AFTER,
    FailureReason,
    Run,
    RunChange,
    RunEvent,
)
from shared.domain.errors import InvalidInput, NotFound, WrongState
from shared.domain.findings.finding import Finding, new_reds
from shared.domain.findings.link_ends import Inspection, LinkEnd, LookedAt
from shared.domain.notifications.history import ChainHead, Entry, Note
from shared.domain.notifications.lifecycle import (
    EDITABLE,
    TERMINAL,
    Move,
    Status,
    after,
    refused,
)
from shared.domain.notifications.review import (
    CLAIM_LEASE,
    Cancellation,
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

ADMIN_HWID = "adminHwid"


@dataclass(frozen=True, slots=True)
class Notification:
    """Provider's message to devices, with its review and its life.

    ``run`` is the one distribution of a notification that is sent once, from the moment it is to be
    sent. ``estimated_devices`` is the audience as it was when submitted, or last approved, and
    ``looked_at`` where its links ended when submitted; records of older versions have neither.
    ``version`` is the store's, not ours.
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
    cancellation: Cancellation | None = None
    run: Run | None = None
    export_at: datetime | None = None
    head: ChainHead = field(default_factory=ChainHead)
    version: str = ""

    @property
    def decided(self) -> bool:
        """True once there is nothing left for moderators to decide."""
        return self.status is not Status.PENDING

    @property
    def waits_since(self) -> datetime:
        """The moment it was submitted; an edit does not turn that clock back."""
        return self.submitted_at or self.created_at

    @property
    def tally(self) -> Tally:
        """The sums of its run; nothing before it is sent."""
        return self.run.tally if self.run else Tally()

    def save_draft(self, by: Actor, at: datetime) -> "Change":
        """Create a draft."""
        return self._moved(Move.CREATE, by, at)

    def submit(
        self, by: Actor, at: datetime, *, admin_hwid: bool, check: "SubmissionCheck | None" = None
    ) -> "Change":
        """Submit it to moderation, or straight to sending when the target is an admin HWID."""
        if faults := missing_parts(self.content, self.segment):
            raise InvalidInput(faults)
        stamped = replace(self, submitted_at=at)
        if not admin_hwid:
            return stamped._moved(Move.SUBMIT, by, at, to=Status.PENDING)._with_check(check, at)
        approved = replace(stamped, auto_approved=True, auto_approve_reason=ADMIN_HWID)
        submitted = approved._moved(Move.SUBMIT, by, at, to=Status.SENDING, reason=ADMIN_HWID)
        return submitted._with_check(check, at)

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
        decided = replace(self, moderated_at=at, moderator_id=by.id)
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
        withdrawn = replace(self, cancellation=Cancellation(at, str(Role.PROVIDER)))
        return withdrawn._moved(Move.CANCEL, by, at)

    def edit(
        self,
        by: Actor,
        at: datetime,
        content: Content,
        segment: Segment | None,
        check: "SubmissionCheck | None" = None,
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
        return revised._entered(Note.EDIT, self.status, by, at)._with_check(check, at)

    def tested(self, by: Actor, at: datetime, devices: int) -> "Change":
        """Enter that it is sent to so many of the provider's own devices as a test; nothing else of
        it changes. Raises ``WrongState`` once it is decided, ``InvalidInput`` without its texts.
        """
        if self.status not in EDITABLE:
            raise refused(self.status, Note.TEST)
        if faults := missing_texts(self.content):
            raise InvalidInput(faults)
        many = "1 device" if devices == 1 else f"{devices} devices"
        return self._entered(Note.TEST, self.status, by, at, many)

    def add_findings(self, findings: Iterable[Finding], at: datetime) -> "Change":
        """Add the findings of a later look to what is known."""
        new = self._unknown_of(findings)
        if not new:
            return Change(self, None)
        return replace(self, findings=(*self.findings, *new))._enter_findings(new, at)

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
            return self._failed(self._unknown_of((*inspection.findings, *moved)), at)
        if lost:
            return Change(replace(self, looked_at=before.missed(at)), None)
        return self.add_findings(inspection.findings, at)

    def stop(self, by: Actor, at: datetime, reason: str = "") -> "Change":
        """Stop the distribution; what was sent stays sent and counted."""
        if self.run is None:
            return self._moved(Move.STOP, by, at, reason=reason)
        return self.follow(self.run.stop(by, at, reason))

    def follow(self, change: RunChange) -> "Change":
        """Follow a change of its run: what the end of a run means for the notification.

        That of the only run is its own end.
        """
        it, entry = replace(self, run=change.run), change.history_entry
        if entry is None:
            return Change(it, None)
        if entry.event is RunEvent.DOMAIN_LOST:
            return it._entered(Note.DOMAIN_LOST, self.status, entry.by, entry.at, entry.reason)
        return it._moved(Move(entry.event), entry.by, entry.at, reason=entry.reason)

    def unknown(self) -> NotFound:
        """Make the refusal for somebody to whom this notification does not belong."""
        return NotFound(f"there is no notification {self.id}")

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

    def _enter_findings(self, findings: Iterable[Finding], at: datetime) -> "Change":
        return self._entered(Note.FINDINGS, self.status, SYSTEM, at, named(findings))

    def _moved(
        self, move: Move, by: Actor, at: datetime, *, to: Status | None = None, reason: str = ""
    ) -> "Change":
        origin = self.status
        status = after(origin, move, to)
        run = self._begun(at) if status is Status.SENDING else self.run
        export_at = at if status in TERMINAL else None
        moved = replace(self, status=status, run=run, export_at=export_at, claim=None)
        return moved._entered(move, origin, by, at, reason)

    def _begun(self, at: datetime) -> Run:
        """Begin the only run, with content and segment as they are approved."""
        return Run(
            id=self.id,
            provider_id=self.provider_id,
            content=self.content,
            segment=self.segment or Segment(),
            created_at=self.created_at,
            urgent=self.auto_approved,
            sending_at=at,
            wake_at=at + SWEEP_AFTER,
        )

    def _failed(self, findings: tuple[Finding, ...], at: datetime) -> "Change":
        """Fail its run for what was found right before it began."""
        if self.run is None:
            raise refused(self.status, Move.FAIL)
        reason, what = FailureReason.LINK_CHANGED, named(findings)
        failed = self.run.fail(SYSTEM, at, reason, self.run.tally, what)
        return replace(self, findings=(*self.findings, *findings)).follow(failed)

    def _entered(
        self, move: str, origin: Status | None, by: Actor, at: datetime, reason: str = ""
    ) -> "Change":
        if self.status is None:
            raise refused(None, move)
        entry = Entry(
            number=self.head.count + 1,
            move=str(move),
            origin=origin,
            status=self.status,
            actor=str(by),
            at=at,
            reason=reason,
            revision=self.revision,
            previous=self.head.hash,
        ).sealed()
        return Change(replace(self, head=ChainHead(entry.number, entry.hash)), entry)


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
    later_entries: tuple[Entry, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries to write, in order."""
        return (self.entry, *self.later_entries) if self.entry else ()

    def _with_check(self, check: SubmissionCheck | None, at: datetime) -> "Change":
        """With what was seen, which is an entry of its own when there are findings."""
        if check is None:
            return self
        checked = replace(
            self.notification,
            findings=check.findings,
            looked_at=LookedAt(check.ends),
            estimated_devices=check.devices,
        )
        change = (
            checked._enter_findings(check.findings, at) if check.findings else Change(checked, None)
        )
        return Change(change.notification, self.entry, (*self.later_entries, *change.entries))


def named(findings: Iterable[Finding]) -> str:
    """Name findings by field and code, for the history."""
    return ", ".join(f"{finding.field} {finding.code}" for finding in findings)
