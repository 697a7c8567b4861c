"""Moderators' verbs: read the queue, claim, release, approve, reject.

The decision is one conditional write. A cancel that came first leaves no row in the lifecycle
table, and the moderator is told so. The inputs of a decision besides the notification itself (its
provider, the policy, its audience) are read before that write, and hold for one revision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Protocol

from shared.domain.actors import Actor
from shared.domain.errors import FieldError, InvalidInput
from shared.domain.findings.finding import Severity
from shared.domain.human_text import has_control_characters, is_blank, mentions
from shared.domain.notifications.lifecycle import Move
from shared.domain.notifications.notification import (
    MOST_COMMENT_CHARACTERS,
    Change,
    Notification,
    NotificationId,
)
from shared.domain.notifications.queries import Page, QueueQuery
from shared.domain.notifications.review import ReviewPolicy, approvals_needed
from shared.flow.moderation.reviewers import Reviewers
from shared.ports import Clock, Standings

if TYPE_CHECKING:
    from shared.stores.notifications import Notifications
    from shared.stores.providers import Providers

if TYPE_CHECKING:
    from shared.stores.moderators import Moderators
    from shared.stores.review_policies import ReviewPolicies

CountDevices = Callable[[Notification], int]
"""Count of the devices that a notification would target now; raises ``TryAgain`` when it cannot be
told.
"""
QUEUE_LENGTH = 100
_AT_LEAST = {
    Severity.INFO: frozenset(Severity),
    Severity.WARNING: frozenset({Severity.WARNING, Severity.RED}),
    Severity.RED: frozenset({Severity.RED}),
}


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def moderators(self) -> Moderators: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def review_policies(self) -> ReviewPolicies: ...
    @property
    def standings(self) -> Standings: ...


class ClaimHolder(StrEnum):
    """Holder of the claim on a notification, as a moderator sees it."""

    MINE = "mine"
    FREE = "free"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class ModerationQuery:
    """Filters and page of the queue; ``severity`` keeps notifications with a finding that grave or
    graver.
    """

    provider_id: str = ""
    severity: Severity | None = None
    claimed: ClaimHolder | None = None
    text: str = ""
    page_size: int = QUEUE_LENGTH
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class QueuedNotification:
    """Notification that waits for a decision, with its age and the time by which it should be
    decided.
    """

    notification: Notification
    age: timedelta
    due_at: datetime
    overdue: bool
    approvals_needed: int


def queue(query: ModerationQuery, *, by: Actor, needs: Needs) -> Page[QueuedNotification]:
    """List the notifications that wait for a decision, the longest wait first; without the claims
    of people who are no moderators any more.
    """
    now, policy = needs.clock.now(), needs.review_policies.get()
    moderates = cache(_reviewers(needs).moderates)

    def as_of_now(it: Notification) -> Notification:
        claim = it.claim
        if claim is None or not claim.keeps_out(by.id, now) or moderates(claim.moderator_id):
            return it
        return replace(it, claim=None)

    def shows(it: Notification) -> bool:
        return (
            _has(it, query.severity)
            and (query.claimed is None or _claimed(as_of_now(it), by, now) is query.claimed)
            and _says(it, query.text)
        )

    waiting = QueueQuery(query.provider_id, shows, query.page_size, query.page_token)
    page = needs.notifications.queue(waiting)
    items = tuple(queued(as_of_now(it), policy, now) for it in page.items)
    return Page(items, page.next_token)


def queued(notification: Notification, policy: ReviewPolicy, now: datetime) -> QueuedNotification:
    """Calculate by the policy how long a notification waits, until when, and for how many
    approvals.
    """
    since = notification.waits_since
    due_at = since + policy.sla
    needed = approvals_needed(notification, policy)
    return QueuedNotification(notification, now - since, due_at, now > due_at, needed)


def claim(id: NotificationId, *, by: Actor, email: str = "", needs: Needs) -> Notification:
    """Claim a notification to read it undisturbed for ten minutes; a repeat begins them anew."""
    _, lapsed = _check_independent(id, by, email, needs)
    now = needs.clock.now()
    return needs.notifications.change(id, lambda it: it.take(by, now, lapsed=lapsed))


def release(id: NotificationId, *, by: Actor, needs: Needs) -> Notification:
    """Release a claim, so that another moderator may read the notification. Operators may release
    anybody's claim.
    """
    now = needs.clock.now()
    return needs.notifications.change(id, lambda it: it.release(by, now))


def approve(
    id: NotificationId,
    *,
    by: Actor,
    email: str = "",
    revision: int | None = None,
    needs: Needs,
    count_devices: CountDevices,
) -> Notification:
    """Approve a notification: the write itself is the event that starts the distribution.

    The audience is counted again, because it may have grown since the notification was submitted:
    where two approvals are needed by now, the first leaves the notification pending, and counts
    while the person who gave it is a moderator and does not belong to the provider. Raises
    ``TryAgain`` when the audience cannot be counted. ``email`` is the address in ``by``'s token.
    """
    seen, lapsed = _check_independent(id, by, email, needs)
    seen.check_decision(Move.APPROVE, by, needs.clock.now(), revision, lapsed=lapsed)
    devices = count_devices(seen)
    policy, now = needs.review_policies.get(), needs.clock.now()

    def change(it: Notification) -> Change:
        counted = it.recounted(devices)
        return counted.approve(by, now, revision=revision, policy=policy, lapsed=lapsed)

    return needs.notifications.change(id, change)


def reject(
    id: NotificationId,
    comment: str,
    *,
    by: Actor,
    email: str = "",
    template: str | None = None,
    revision: int | None = None,
    needs: Needs,
) -> Notification:
    """Reject a notification with a comment that says why: a template's, the moderator's own, or
    both in this order.
    """
    reason = _checked(
        _from_template(template, needs.review_policies.get()) if template else "", comment
    )
    _, lapsed = _check_independent(id, by, email, needs)
    now = needs.clock.now()
    return needs.notifications.change(
        id, lambda it: it.reject(by, now, reason, revision=revision, lapsed=lapsed)
    )


def _check_independent(
    id: NotificationId, by: Actor, email: str, needs: Needs
) -> tuple[Notification, frozenset[str]]:
    """Return the notification, and the other people whose claim or endorsement of it does not count
    any more; raises ``Forbidden`` where ``by`` belongs to the provider.
    """
    it = needs.notifications.get(id)
    provider = needs.providers.get(it.provider_id)
    reviewers = _reviewers(needs)
    reviewers.check_independent(provider, by, email)
    return it, reviewers.lapsed(it, provider, by)


def _reviewers(needs: Needs) -> Reviewers:
    return Reviewers(needs.standings, needs.moderators)


def _from_template(id: str, policy: ReviewPolicy) -> str:
    template = policy.template(id)
    if template is None:
        sentence = f"there is no template {id}; the queue lists those there are"
        raise InvalidInput([FieldError("template", "unknownTemplate", sentence)])
    return template.comment


def _checked(*parts: str) -> str:
    comment = "\n".join(part.strip() for part in parts if not is_blank(part))
    if not comment:
        sentence = "say why: the provider reads this comment"
        raise InvalidInput([FieldError("comment", "required", sentence)])
    if has_control_characters(comment):
        sentence = "must not contain control characters"
        raise InvalidInput([FieldError("comment", "controlCharacter", sentence)])
    if len(comment) > MOST_COMMENT_CHARACTERS:
        sentence = f"must be at most {MOST_COMMENT_CHARACTERS} characters"
        raise InvalidInput([FieldError("comment", "tooLong", sentence)])
    return comment


def _has(it: Notification, severity: Severity | None) -> bool:
    grave = _AT_LEAST[severity] if severity else None
    return grave is None or any(finding.severity in grave for finding in it.findings)


def _claimed(it: Notification, by: Actor, now: datetime) -> ClaimHolder:
    if it.claim is None or it.claim.until <= now:
        return ClaimHolder.FREE
    return ClaimHolder.MINE if it.claim.moderator_id == by.id else ClaimHolder.OTHERS


def _says(it: Notification, text: str) -> bool:
    content = it.content
    return mentions(text, (content.title, content.body, content.url, it.provider_email))
