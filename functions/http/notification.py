"""A notification as the API shows it.

It is rendered name by name: in the order that clients have always got, and a page of a hundred
costs no models. ``NotificationAnswer`` describes it, and a test holds the two against each other.
"""

from datetime import datetime

from functions.http.models import (
    Answer,
    Moment,
    plain_kinds,
    sums_json,
    with_dimensions,
    with_fields,
    with_totals,
)
from shared.domain.audience.filters import Segment
from shared.domain.content.content import Content
from shared.domain.delivery.run import FailureReason, Run
from shared.domain.findings.finding import Finding, Severity
from shared.domain.moments import moment_text
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification

Json = dict[str, object]


class FindingAnswer(Answer):
    """What a look at the content turned up."""

    code: str
    severity: Severity
    field: str
    sentence: str


@with_dimensions
@with_totals
@with_fields({**plain_kinds(Content), "url_button_name": str}, behind="id")
class NotificationAnswer(Answer):
    """A notification with everything its provider may see."""

    id: str
    target_segment: Segment | None
    provider_id: str
    provider_email: str
    status: Status
    created_at: Moment
    revision: int
    findings: list[FindingAnswer]
    estimated_devices: int | None
    submitted_at: Moment | None
    moderated_at: Moment | None
    moderator_id: str | None
    moderator_comment: str | None
    auto_approved: bool
    auto_approve_reason: str | None
    cancelled_at: Moment | None
    cancelled_by: str | None
    sending_at: Moment | None
    ended_at: Moment | None
    failure_reason: FailureReason | None
    counted_at: Moment | None


class StoppedAnswer(NotificationAnswer):
    """A notification that was stopped: ``deliveredCount`` were sent, and so many were not.

    What is on its way at that moment still counts as prevented; it follows within seconds.
    """

    prevented_count: int


def notification_json(it: Notification) -> Json:
    """Render a notification, with times as text."""
    return {
        "id": it.id,
        **it.content.model_dump(by_alias=True),
        "urlButtonName": it.content.button,
        "targetSegment": None if it.segment is None else _segment_json(it.segment),
        "findings": [_finding_json(each) for each in it.findings],
        "providerId": it.provider_id,
        "providerEmail": it.provider_email,
        "status": it.status and str(it.status),
        "createdAt": moment_text(it.created_at),
        "revision": it.revision,
        "estimatedDevices": it.estimated_devices,
        "submittedAt": moment_or_null(it.submitted_at),
        "moderatedAt": moment_or_null(it.moderated_at),
        "moderatorId": it.moderator_id,
        "moderatorComment": it.moderator_comment,
        "autoApproved": it.auto_approved,
        "autoApproveReason": it.auto_approve_reason,
        "cancelledAt": moment_or_null(it.cancellation and it.cancellation.at),
        "cancelledBy": it.cancellation and it.cancellation.by,
        **_run_json(it.run),
        **sums_json(it.tally),
    }


def stopped_json(stopped: Notification) -> Json:
    """Render a notification that was stopped."""
    prevented = stopped.run.prevented if stopped.run else 0
    return {**notification_json(stopped), "preventedCount": prevented}


def _run_json(run: Run | None) -> Json:
    """Render how far its run is."""
    reason = run and run.failure_reason
    return {
        "sendingAt": moment_or_null(run and run.sending_at),
        "endedAt": moment_or_null(run and run.ended_at),
        "failureReason": reason and str(reason),
        "countedAt": moment_or_null(run and run.counted_at),
    }


def moment_or_null(at: datetime | None) -> str | None:
    """Render a time that may be missing."""
    return None if at is None else moment_text(at)


def _finding_json(finding: Finding) -> Json:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "field": finding.field,
        "sentence": finding.sentence,
    }


def _segment_json(segment: Segment) -> Json:
    """Render the filters that a segment gives."""
    filters = segment.model_dump(by_alias=True, mode="json", exclude_none=True)
    return {name: value for name, value in filters.items() if value != []}
