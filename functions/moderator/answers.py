"""What the moderators' callables answer."""

from collections.abc import Mapping, Sequence

from functions.http.models import Answer, Moment
from shared.adapters.documents.notification import as_json, review_json, to_json
from shared.domain.audience.filters import Segment
from shared.domain.notifications.notification import Notification
from shared.domain.providers.admin_hwids import AdminHwidsChange, mark_of
from shared.flow.moderation.moderate import Queued
from shared.flow.moderation.stats import Record, Stats

Json = Mapping[str, object]


def waiting(it: Queued, domains: Sequence[str]) -> Json:
    """One that waits, with ``domains``: where it would be seen if it were approved now."""
    segment = it.notification.segment or Segment()
    return {
        **to_json(it.notification),
        **review_json(it.notification),
        "domains": list(segment.domains_of(domains)),
        "ageSeconds": int(it.age.total_seconds()),
        "dueAt": as_json(it.due_at),
        "overdue": it.overdue,
        "approvalsNeeded": it.approvals_needed,
    }


def decided(notification: Notification) -> Json:
    """What has become of it."""
    return {"id": notification.id, "status": str(notification.status)}


def approved(notification: Notification) -> Json:
    """What has become of it, and what is still missing."""
    if notification.decided:
        return decided(notification)
    approvals = len(notification.endorsements)
    return {
        **decided(notification),
        "approvals": approvals,
        "approvalsNeeded": approvals + 1,
        "estimatedDevices": notification.estimated_devices,
    }


def claimed(notification: Notification) -> Json:
    """Whose it is, and until when."""
    return {**decided(notification), "claim": review_json(notification)["claim"]}


class ModeratorRecord(Answer):
    """How one moderator decided."""

    moderator_id: str
    approved: int
    rejected: int
    endorsed: int
    median_seconds: int | None


class ProviderRecord(Answer):
    """How it was decided about one provider."""

    provider_id: str
    approved: int
    rejected: int
    median_seconds: int | None


class ListChange(Answer):
    """Who changed a domain's admin HWIDs, of which only marks are shown."""

    domain: str
    provider_id: str
    at: Moment
    by: str
    added: list[str]
    removed: list[str]


class StatsAnswer(Answer):
    """Who decided how, and how fast."""

    since: Moment
    complete: bool
    moderators: list[ModeratorRecord]
    providers: list[ProviderRecord]
    admin_hwids_changes: list[ListChange]


def statistics(told: Stats, changes: Sequence[AdminHwidsChange]) -> Json:
    """The answer about the last days."""
    answer = StatsAnswer(
        since=told.since,
        complete=told.complete,
        moderators=[_of_moderator(each) for each in told.moderators],
        providers=[_of_provider(each) for each in told.providers],
        admin_hwids_changes=[_of_list(each) for each in changes],
    )
    return answer.model_dump(by_alias=True, mode="json")


def _of_moderator(record: Record) -> ModeratorRecord:
    return ModeratorRecord(
        moderator_id=record.name,
        approved=record.approved,
        rejected=record.rejected,
        endorsed=record.endorsed,
        median_seconds=record.median_seconds,
    )


def _of_list(change: AdminHwidsChange) -> ListChange:
    def marks(hwids: Sequence[str]) -> list[str]:
        return [mark_of(change.domain, hwid) for hwid in hwids]

    return ListChange(
        domain=change.domain,
        provider_id=change.provider_id,
        at=change.at,
        by=change.by,
        added=marks(change.added),
        removed=marks(change.removed),
    )


def _of_provider(record: Record) -> ProviderRecord:
    return ProviderRecord(
        provider_id=record.name,
        approved=record.approved,
        rejected=record.rejected,
        median_seconds=record.median_seconds,
    )
