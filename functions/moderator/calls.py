"""The moderators' callables: read the queue, claim, release, approve, reject, and look back.

They are called by the moderator console through the official SDKs, so the envelope, the status
words and their HTTP codes are the protocol's own.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated

from flask import Request, Response
from pydantic import Field

from functions.http.bodies import Given
from functions.http.callables import answered
from functions.http.callers import Caller, moderator
from functions.http.fields import Comment, Days, NotificationIdText, Required, ShortText
from functions.moderator import answers
from shared.domain.findings.finding import Severity
from shared.domain.notifications.notification import NotificationId
from shared.domain.providers.provider import verified
from shared.flow.moderation import moderate
from shared.flow.moderation.stats import stats
from shared.flow.providers.rates import check_searches
from shared.wiring import counting, parts, reviewers

MOST_CHANGES = 200
"""Of domains' admin HWIDs, the latest."""

TemplateId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]


class QueueInput(Given):
    """What of the queue to see; nothing given means the oldest hundred."""

    provider_id: ShortText = ""
    severity: Severity | None = None
    claimed: moderate.Claimed | None = None
    q: ShortText = ""
    page_size: Annotated[int, Field(ge=1, le=moderate.QUEUE_LENGTH)] = moderate.QUEUE_LENGTH
    page_token: Annotated[str, Field(max_length=1024)] = ""


class OneNotification(Given):
    """Which notification to claim or to release."""

    id: NotificationIdText


class Approval(Given):
    """Yes to a notification, as it was in the revision that was read."""

    id: NotificationIdText
    revision: Annotated[int, Field(ge=1)] | None = None


class Rejection(Given):
    """No to a notification, and why."""

    id: NotificationIdText
    comment: Annotated[Comment, Required]
    template: TemplateId | None = None
    revision: Annotated[int, Field(ge=1)] | None = None


class TemplateRejection(Rejection):
    """No, for the reason a template gives; a comment may add to it."""

    comment: Comment = ""


class StatsInput(Given):
    """How far to look back."""

    days: Days = 30


def moderation_queue(request: Request) -> Response:
    """What waits for a decision, oldest first."""
    return answered(request, "moderation-queue", moderator, QueueInput, _queue)


def claim_notification(request: Request) -> Response:
    """Have a notification to oneself for ten minutes."""
    return answered(request, "claim-notification", moderator, OneNotification, _claim)


def release_notification(request: Request) -> Response:
    """Leave it to others again."""
    return answered(request, "release-notification", moderator, OneNotification, _release)


def approve_notification(request: Request) -> Response:
    """Start the distribution, or be the first of two."""
    return answered(request, "approve-notification", moderator, Approval, _approve)


def reject_notification(request: Request) -> Response:
    """Send it back with a comment."""
    return answered(
        request, "reject-notification", moderator, Rejection, _reject, choose=_rejection
    )


def moderation_stats(request: Request) -> Response:
    """Who decided how, and how fast; and who changed what goes round them."""
    return answered(request, "moderation-stats", moderator, StatsInput, _stats)


def _rejection(data: Mapping[str, object]) -> type[Rejection]:
    return Rejection if data.get("template") is None else TemplateRejection


def _queue(caller: Caller, given: QueueInput) -> object:
    """``{}`` is answered with a plain list; a wish, with a page and the rejection templates."""
    p = parts()
    if given.q:
        check_searches(caller.id, p.rates)

    @cache
    def domains_of(provider_id: str) -> Sequence[str]:
        return verified(p.providers.domains_of(provider_id))

    wish = moderate.QueueWish(
        provider_id=given.provider_id,
        severity=given.severity,
        claimed=given.claimed,
        text=given.q,
        page_size=given.page_size,
        page_token=given.page_token,
    )
    page = moderate.queue(
        wish,
        by=caller.actor,
        notifications=p.notifications,
        reviewers=reviewers(p),
        policies=p.review_policies,
        clock=p.clock,
    )
    shown = [
        answers.waiting(each, domains_of(each.notification.provider_id)) for each in page.items
    ]
    if not given.model_fields_set:
        return shown
    templates = [
        {"id": each.id, "title": each.title, "comment": each.comment}
        for each in p.review_policies.get().templates
    ]
    return {"notifications": shown, "nextPageToken": page.next_token, "templates": templates}


def _claim(caller: Caller, given: OneNotification) -> object:
    p = parts()
    claimed = moderate.claim(
        NotificationId(given.id),
        by=caller.actor,
        email=caller.email,
        notifications=p.notifications,
        providers=p.providers,
        reviewers=reviewers(p),
        clock=p.clock,
    )
    return answers.claimed(claimed)


def _release(caller: Caller, given: OneNotification) -> object:
    p = parts()
    released = moderate.release(
        NotificationId(given.id), by=caller.actor, notifications=p.notifications, clock=p.clock
    )
    return answers.decided(released)


def _approve(caller: Caller, given: Approval) -> object:
    p = parts()
    approved = moderate.approve(
        NotificationId(given.id),
        by=caller.actor,
        email=caller.email,
        revision=given.revision,
        notifications=p.notifications,
        providers=p.providers,
        reviewers=reviewers(p),
        policies=p.review_policies,
        count_devices=counting(p),
        clock=p.clock,
    )
    return answers.approved(approved)


def _reject(caller: Caller, given: Rejection) -> object:
    p = parts()
    rejected = moderate.reject(
        NotificationId(given.id),
        given.comment,
        by=caller.actor,
        email=caller.email,
        template=given.template,
        revision=given.revision,
        notifications=p.notifications,
        providers=p.providers,
        reviewers=reviewers(p),
        policies=p.review_policies,
        clock=p.clock,
    )
    return answers.decided(rejected)


def _stats(caller: Caller, given: StatsInput) -> object:
    del caller
    p = parts()
    told = stats(given.days, notifications=p.notifications, clock=p.clock)
    changes = p.providers.admin_hwids_changes(told.since, MOST_CHANGES)
    return answers.statistics(told, changes)
