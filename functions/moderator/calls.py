"""The moderators' callables: read the queue, claim, release, approve, reject, and look back.

They are called by the moderator console through the official SDKs, so the envelope, the status
words and their HTTP codes are the protocol's own.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated

from pydantic import Field

from functions.http.bodies import RequestModel
from functions.http.callables import Callables
from functions.http.callers import moderator
from functions.http.fields import Comment, Days, NotificationIdText, ShortText, VisibleText
from functions.http.routes import Call, Choice, Reply
from functions.moderator.answers import (
    ApprovalAnswer,
    ClaimedAnswer,
    DecidedAnswer,
    ModerationStatsAnswer,
    QueueAnswer,
    queue_page_json,
    queued_json,
)
from shared.domain.findings.finding import Severity
from shared.domain.notifications.notification import NotificationId
from shared.domain.providers.provider import verified
from shared.flow.moderation import moderate
from shared.flow.moderation.stats import stats
from shared.flow.providers.rates import check_searches
from shared.wiring import counting, parts

DOOR = Callables()

MOST_CHANGES = 200
"""Limit of listed changes of domains' admin HWIDs: the latest are listed."""

TemplateId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]


class QueueInput(RequestModel):
    """A part of the queue; without any field the oldest hundred."""

    provider_id: ShortText = ""
    severity: Severity | None = None
    claimed: moderate.ClaimHolder | None = None
    q: ShortText = ""
    page_size: Annotated[int, Field(ge=1, le=moderate.QUEUE_LENGTH)] = moderate.QUEUE_LENGTH
    page_token: Annotated[str, Field(max_length=1024)] = ""


class OneNotification(RequestModel):
    """The notification to claim or to release."""

    id: NotificationIdText


class Approval(RequestModel):
    """An approval of a notification, as it was in the revision that was read."""

    id: NotificationIdText
    revision: Annotated[int, Field(ge=1)] | None = None


class Rejection(RequestModel):
    """A rejection of a notification, and why."""

    id: NotificationIdText
    comment: Annotated[Comment, VisibleText]
    template: TemplateId | None = None
    revision: Annotated[int, Field(ge=1)] | None = None


class TemplateRejection(Rejection):
    """A rejection for the reason a template gives; a comment may add to it."""

    comment: Comment = ""


class StatsInput(RequestModel):
    """The days to look back."""

    days: Days = 30


def _rejection(data: Mapping[str, object]) -> type[Rejection]:
    return Rejection if data.get("template") is None else TemplateRejection


@DOOR.callable(who=moderator, input=QueueInput, answer=QueueAnswer)
def moderation_queue(call: Call[QueueInput]) -> Reply:
    """List what waits for a decision, oldest first."""
    p, wanted = parts(), call.input
    if wanted.q:
        check_searches(call.caller.id, p.rates)

    @cache
    def domains_of(provider_id: str) -> Sequence[str]:
        return verified(p.providers.domains_of(provider_id))

    wish = moderate.ModerationQuery(
        provider_id=wanted.provider_id,
        severity=wanted.severity,
        claimed=wanted.claimed,
        text=wanted.q,
        page_size=wanted.page_size,
        page_token=wanted.page_token,
    )
    page = moderate.queue(wish, by=call.caller.actor, needs=p)
    shown = [queued_json(each, domains_of(each.notification.provider_id)) for each in page.items]
    if not wanted.model_fields_set:
        return Reply(shown)
    return Reply(queue_page_json(shown, page, p.review_policies.get()))


@DOOR.callable(who=moderator, input=OneNotification, answer=ClaimedAnswer)
def claim_notification(call: Call[OneNotification]) -> Reply:
    """Have a notification to oneself for ten minutes."""
    p = parts()
    claimed = moderate.claim(
        NotificationId(call.input.id),
        by=call.caller.actor,
        email=call.caller.email,
        needs=p,
    )
    return Reply(ClaimedAnswer.of(claimed))


@DOOR.callable(who=moderator, input=OneNotification, answer=DecidedAnswer)
def release_notification(call: Call[OneNotification]) -> Reply:
    """Leave a claimed notification to others again."""
    p = parts()
    released = moderate.release(NotificationId(call.input.id), by=call.caller.actor, needs=p)
    return Reply(DecidedAnswer.of(released))


@DOOR.callable(who=moderator, input=Approval, answer=ApprovalAnswer)
def approve_notification(call: Call[Approval]) -> Reply:
    """Start the distribution, or be the first of two to approve."""
    p = parts()
    approved = moderate.approve(
        NotificationId(call.input.id),
        by=call.caller.actor,
        email=call.caller.email,
        revision=call.input.revision,
        count_devices=counting(p),
        needs=p,
    )
    return Reply(ApprovalAnswer.of(approved))


@DOOR.callable(
    who=moderator,
    input=Rejection,
    answer=DecidedAnswer,
    choice=Choice((Rejection, TemplateRejection), _rejection),
)
def reject_notification(call: Call[Rejection]) -> Reply:
    """Send a notification back with a comment."""
    p = parts()
    rejected = moderate.reject(
        NotificationId(call.input.id),
        call.input.comment,
        by=call.caller.actor,
        email=call.caller.email,
        template=call.input.template,
        revision=call.input.revision,
        needs=p,
    )
    return Reply(DecidedAnswer.of(rejected))


@DOOR.callable(who=moderator, input=StatsInput, answer=ModerationStatsAnswer)
def moderation_stats(call: Call[StatsInput]) -> Reply:
    """Tell who decided how, and how fast; and who changed what goes round them."""
    p = parts()
    found = stats(call.input.days, needs=p)
    changes = p.providers.admin_hwids_changes(found.since, MOST_CHANGES)
    return Reply(ModerationStatsAnswer.of(found, changes))
