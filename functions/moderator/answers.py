"""Answers of the moderators' callables."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from pydantic import ConfigDict, RootModel

from functions.http.models import Answer, Moment
from functions.http.notification import (
    Json,
    NotificationAnswer,
    moment_or_null,
    notification_json,
)
from shared.domain.audience.filters import Segment
from shared.domain.moments import moment_text
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification
from shared.domain.notifications.queries import Page
from shared.domain.notifications.review import Claim, Endorsement, ReviewPolicy
from shared.domain.providers.admin_hwids import AdminHwidsChange, mark_of
from shared.flow.moderation.moderate import QueuedNotification
from shared.flow.moderation.stats import Record, Stats

T = TypeVar("T")


class ClaimAnswer(Answer):
    """A moderator's claim, and until when it lasts."""

    moderator_id: str
    until: Moment


class EndorsementAnswer(Answer):
    """The first of two approvals."""

    moderator_id: str
    at: Moment
    revision: int


class QueuedAnswer(NotificationAnswer):
    """A notification that waits for a decision."""

    claim: ClaimAnswer | None
    endorsements: list[EndorsementAnswer]
    domains: list[str]
    age_seconds: int
    due_at: Moment
    overdue: bool
    approvals_needed: int


class TemplateAnswer(Answer):
    """A rejection that need not be written again."""

    id: str
    title: str
    comment: str


class QueuePage(Answer):
    """A page of the queue, and the rejection templates."""

    notifications: list[QueuedAnswer]
    next_page_token: str | None
    templates: list[TemplateAnswer]


class _Either(RootModel[T], Generic[T]):
    """An answer of several shapes, built when it is first used, as all are."""

    model_config = ConfigDict(defer_build=True)


class QueueAnswer(_Either[list[QueuedAnswer] | QueuePage]):
    """The plain list for ``{}``, else a page."""


class DecidedAnswer(Answer):
    """A notification's status after a call about it."""

    id: str
    status: Status

    @classmethod
    def of(cls, it: Notification) -> "DecidedAnswer":
        """Answer with what has become of a notification."""
        return cls(id=it.id, status=it.status)


class ClaimedAnswer(DecidedAnswer):
    """A notification that was claimed."""

    claim: ClaimAnswer | None

    @classmethod
    def of(cls, it: Notification) -> "ClaimedAnswer":
        """Answer with whose a notification is, and until when."""
        claim = it.claim and ClaimAnswer(moderator_id=it.claim.moderator_id, until=it.claim.until)
        return cls(id=it.id, status=it.status, claim=claim)


class ApprovalAnswer(DecidedAnswer):
    """A notification that was approved; while a second approval is missing, with both numbers."""

    approvals: int = 0
    approvals_needed: int = 0
    estimated_devices: int | None = None

    @classmethod
    def of(cls, it: Notification) -> "ApprovalAnswer":
        """Answer with what has become of a notification, and what is still missing."""
        if it.decided:
            return cls(id=it.id, status=it.status)
        approvals = len(it.endorsements)
        return cls(
            id=it.id,
            status=it.status,
            approvals=approvals,
            approvals_needed=approvals + 1,
            estimated_devices=it.estimated_devices,
        )


class ModeratorRecord(Answer):
    """One moderator's decisions."""

    moderator_id: str
    approved: int
    rejected: int
    endorsed: int
    median_seconds: int | None

    @classmethod
    def of(cls, record: Record) -> "ModeratorRecord":
        """Answer about one moderator."""
        return cls(
            moderator_id=record.name,
            approved=record.approved,
            rejected=record.rejected,
            endorsed=record.endorsed,
            median_seconds=record.median_seconds,
        )


class ProviderRecord(Answer):
    """The decisions about one provider."""

    provider_id: str
    approved: int
    rejected: int
    median_seconds: int | None

    @classmethod
    def of(cls, record: Record) -> "ProviderRecord":
        """Answer about one provider."""
        return cls(
            provider_id=record.name,
            approved=record.approved,
            rejected=record.rejected,
            median_seconds=record.median_seconds,
        )


class ListChange(Answer):
    """A change of a domain's admin HWIDs, of which only marks are shown."""

    domain: str
    provider_id: str
    at: Moment
    by: str
    added: list[str]
    removed: list[str]

    @classmethod
    def of(cls, change: AdminHwidsChange) -> "ListChange":
        """Answer about one change."""

        def marks(hwids: Sequence[str]) -> list[str]:
            return [mark_of(change.domain, hwid) for hwid in hwids]

        return cls(
            domain=change.domain,
            provider_id=change.provider_id,
            at=change.at,
            by=change.by,
            added=marks(change.added),
            removed=marks(change.removed),
        )


class ModerationStatsAnswer(Answer):
    """The decisions of the last days, and who changed what goes round them."""

    since: Moment
    complete: bool
    moderators: list[ModeratorRecord]
    providers: list[ProviderRecord]
    admin_hwids_changes: list[ListChange]

    @classmethod
    def of(cls, stats: Stats, changes: Sequence[AdminHwidsChange]) -> "ModerationStatsAnswer":
        """Answer about the last days."""
        return cls(
            since=stats.since,
            complete=stats.complete,
            moderators=[ModeratorRecord.of(each) for each in stats.moderators],
            providers=[ProviderRecord.of(each) for each in stats.providers],
            admin_hwids_changes=[ListChange.of(each) for each in changes],
        )


def queued_json(it: QueuedNotification, domains: Sequence[str]) -> Json:
    """Render one that waits; it would be seen on ``domains`` if it were approved now."""
    notification = it.notification
    return {
        **notification_json(notification),
        "claim": notification.claim and _claim_json(notification.claim),
        "endorsements": [_endorsement_json(each) for each in notification.endorsements],
        "domains": list((notification.segment or Segment()).domains_of(domains)),
        "ageSeconds": int(it.age.total_seconds()),
        "dueAt": moment_or_null(it.due_at),
        "overdue": it.overdue,
        "approvalsNeeded": it.approvals_needed,
    }


def queue_page_json(
    rows: Sequence[Json], page: Page[QueuedNotification], policy: ReviewPolicy
) -> Json:
    """Render a page of the queue."""
    templates = [
        {"id": each.id, "title": each.title, "comment": each.comment} for each in policy.templates
    ]
    return {"notifications": rows, "nextPageToken": page.next_token, "templates": templates}


def _claim_json(claim: Claim) -> Json:
    return {"moderatorId": claim.moderator_id, "until": moment_text(claim.until)}


def _endorsement_json(endorsement: Endorsement) -> Json:
    return {
        "moderatorId": endorsement.moderator_id,
        "at": moment_text(endorsement.at),
        "revision": endorsement.revision,
    }
