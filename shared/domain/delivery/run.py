"""A run: one distribution of what was approved, from its first plan to its last count.

A run knows nothing of the notification's life. What happened to it is told by a ``RunChange``, and
what that means for the notification is decided there (``Notification.follow``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias, final

from shared.domain.actors import Actor
from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content
from shared.domain.tally import Tally

RunId: TypeAlias = str
"""Of a notification that is sent once, the notification's id: it has one run."""

SWEEP_AFTER = timedelta(minutes=5)
"""How long a sending or stopped run may stay without progress before the sweeper looks at it."""


class RunStatus(StrEnum):
    """State of a run. The sums of one that ended may still be brought up to date."""

    SENDING = "sending"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


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


class RunEvent(StrEnum):
    """Event of a run that the notification's history tells."""

    COMPLETE = "complete"
    FAIL = "fail"
    STOP = "stop"
    DOMAIN_LOST = "domainLost"


@final
@dataclass(frozen=True, slots=True)
class Run:
    """One distribution, with content and segment as they were approved.

    ``parts``, ``domains`` and ``read_at`` (the store's word for a moment) fix, once, into how many
    ranges the audience is cut, on which domains, and as of when it is read: planning again then
    plans the same. Those of ``domains`` that were taken from the provider since are
    ``lost_domains``. ``urgent`` is what goes to an admin's one device without moderation.
    """

    id: RunId
    provider_id: str
    content: Content
    segment: Segment
    created_at: datetime
    urgent: bool = False
    status: RunStatus = RunStatus.SENDING
    sending_at: datetime | None = None
    ended_at: datetime | None = None
    failure_reason: FailureReason | None = None
    parts: int = 0
    domains: tuple[str, ...] = ()
    lost_domains: tuple[str, ...] = ()
    read_at: str = ""
    tally: Tally = field(default_factory=Tally)
    counted_at: datetime | None = None
    wake_at: datetime | None = None
    sweeps: int = 0

    @property
    def is_sending(self) -> bool:
        """True until the run ended, in whichever way."""
        return self.status is RunStatus.SENDING

    @property
    def began_at(self) -> datetime:
        """The moment that the audience is chosen by; records of older versions may lack it."""
        return self.sending_at or self.created_at

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
    def prevented(self) -> int:
        """The number of devices a stop kept it from; what is on its way may yet get through."""
        if self.status is not RunStatus.STOPPED:
            return 0
        return self.tally.errors.get("stopped", 0) + self.tally.open

    # ---- planning ----------------------------------------------------------------------------

    def cut(self, parts: int, domains: tuple[str, ...], read_at: str) -> "RunChange":
        """Freeze the plan (parts, domains, snapshot); later calls have no effect."""
        if self.parts or not self.is_sending:
            return RunChange(self)
        return RunChange(replace(self, parts=parts, domains=domains, read_at=read_at))

    def lose(self, domains: Iterable[str], by: Actor, at: datetime) -> "RunChange":
        """Exclude these of its domains from what is still to be sent."""
        kept = set(self.domains).difference(self.lost_domains)
        new = tuple(domain for domain in domains if domain in kept)
        if not new or not self.is_sending:
            return RunChange(self)
        poorer = replace(self, lost_domains=(*self.lost_domains, *new))
        return RunChange(poorer, RunHistoryEntry(RunEvent.DOMAIN_LOST, by, at, ", ".join(new)))

    # ---- counting ----------------------------------------------------------------------------

    def counted(self, sums: Tally, at: datetime) -> "RunChange":
        """Replace the sums by those of the ledger."""
        return RunChange(replace(self, tally=sums, counted_at=at))

    def waking(self, next_look: datetime, now: datetime) -> "RunChange":
        """Count a sweep, if one was due, and set the moment of the next one."""
        if self.wake_at is None or self.wake_at > now:
            return RunChange(self)
        return RunChange(replace(self, wake_at=next_look, sweeps=self.sweeps + 1))

    def rested(self) -> "RunChange":
        """Clear ``wake_at``: the sweeper ignores it from now on."""
        return RunChange(replace(self, wake_at=None))

    # ---- ends --------------------------------------------------------------------------------

    def complete(self, by: Actor, at: datetime, sums: Tally) -> "RunChange":
        """Complete a distribution that at least one device got, or may have."""
        ended = self._ended(RunStatus.COMPLETED, at)
        return RunChange(
            replace(ended, tally=sums, counted_at=at), RunHistoryEntry(RunEvent.COMPLETE, by, at)
        )

    def fail(
        self, by: Actor, at: datetime, reason: FailureReason, sums: Tally, what: str = ""
    ) -> "RunChange":
        """Fail it as nobody got it; ``what`` was found that it failed for."""
        ended = self._ended(RunStatus.FAILED, at)
        failed = replace(ended, tally=sums, counted_at=at, failure_reason=reason)
        said = f"{reason}: {what}" if what else str(reason)
        return RunChange(failed, RunHistoryEntry(RunEvent.FAIL, by, at, said))

    def stop(self, by: Actor, at: datetime, reason: str = "") -> "RunChange":
        """Stop the distribution; what was sent stays sent and counted."""
        stopped = self._ended(RunStatus.STOPPED, at)
        wakes = replace(stopped, wake_at=at + SWEEP_AFTER)  # until its last batch is counted
        return RunChange(wakes, RunHistoryEntry(RunEvent.STOP, by, at, reason))

    def _ended(self, status: RunStatus, at: datetime) -> "Run":
        return replace(self, status=status, ended_at=at, wake_at=None)


@dataclass(frozen=True, slots=True)
class RunHistoryEntry:
    """Entry for the notification's history: an event of a run, by whom, when and why."""

    event: RunEvent
    by: Actor
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunChange:
    """A run to be written, and what the history of its notification tells of that, if anything."""

    run: Run
    history_entry: RunHistoryEntry | None = None


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
