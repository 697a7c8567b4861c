"""The moderators' callables: read the queue, approve, reject.

They are called by the moderator console through the official SDKs, so the envelope, the status
words and their HTTP codes are the protocol's own.
"""

from collections.abc import Sequence
from functools import cache
from typing import Annotated

from flask import Request, Response
from pydantic import Field, StringConstraints

from functions._callable import answered
from functions._callers import Caller, moderator
from functions._fields import NotificationIdText, Required
from functions._http import Given, Nothing
from shared.adapters.documents import to_json
from shared.domain.notification import MOST_COMMENT_CHARACTERS, Notification, NotificationId
from shared.domain.provider import verified
from shared.domain.targeting import Segment
from shared.flow.moderate import approve, queue, reject
from shared.wiring import parts


class Approval(Given):
    """Yes to a notification, as it was in the revision that was read."""

    id: NotificationIdText
    revision: Annotated[int, Field(ge=1)] | None = None


class Rejection(Given):
    """No to a notification, and why."""

    id: NotificationIdText
    comment: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=MOST_COMMENT_CHARACTERS),
        Required,
    ]


def moderation_queue(request: Request) -> Response:
    """What waits for a decision, oldest first."""
    return answered(request, "moderation-queue", moderator, Nothing, _queue)


def approve_notification(request: Request) -> Response:
    """Start the distribution."""
    return answered(request, "approve-notification", moderator, Approval, _approve)


def reject_notification(request: Request) -> Response:
    """Send it back with a comment."""
    return answered(request, "reject-notification", moderator, Rejection, _reject)


def _queue(caller: Caller, given: Nothing) -> object:
    del caller, given
    p = parts()

    @cache
    def domains_of(provider_id: str) -> Sequence[str]:
        return verified(p.providers.domains_of(provider_id))

    return [
        _for_moderator(each, domains_of(each.provider_id))
        for each in queue(notifications=p.notifications)
    ]


def _for_moderator(notification: Notification, domains: Sequence[str]) -> dict[str, object]:
    """With ``domains``: where it would be seen if it were approved now."""
    segment = notification.segment or Segment()
    return {**to_json(notification), "domains": list(segment.domains_of(domains))}


def _approve(caller: Caller, given: Approval) -> object:
    p = parts()
    approved = approve(
        NotificationId(given.id),
        by=caller.actor,
        revision=given.revision,
        notifications=p.notifications,
        clock=p.clock,
    )
    return _decided(approved)


def _reject(caller: Caller, given: Rejection) -> object:
    p = parts()
    rejected = reject(
        NotificationId(given.id),
        given.comment,
        by=caller.actor,
        notifications=p.notifications,
        clock=p.clock,
    )
    return _decided(rejected)


def _decided(notification: Notification) -> dict[str, object]:
    return {"id": notification.id, "status": str(notification.status)}
