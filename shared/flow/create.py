"""How a notification comes to be: saved, submitted, edited, duplicated.

Creating under an ``Idempotency-Key`` writes the notification and the kept answer in one commit;
the id follows from provider and key, so that two simultaneous requests cannot both win.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.domain.content import Content, NotificationInput, oversize
from shared.domain.errors import FieldError, Forbidden, InProgress, InvalidInput, Refusal
from shared.domain.history import Actor, Role
from shared.domain.lifecycle import Status, refused
from shared.domain.notification import Change, Notification, NotificationId
from shared.domain.provider import Domain, Plan, Provider, check_entitled, is_admin_hwid, verified
from shared.domain.targeting import Segment
from shared.ports import AlreadyThere, Clock, Notifications, Providers, Replay

Answer = Mapping[str, object]
Render = Callable[[Notification], Answer]
DeliverNow = Callable[[NotificationId], None]

ABANDONED_AFTER = timedelta(seconds=30)
"""After this long without an answer, the first request with a key is taken to have died."""


class KeyReused(Refusal):
    """The ``Idempotency-Key`` was used before, with another body."""

    code = "idempotencyKeyReused"


@dataclass(frozen=True, slots=True)
class Once:
    """An ``Idempotency-Key`` of one provider and the fingerprint of the body sent with it."""

    key: str
    fingerprint: str

    @staticmethod
    def of(provider_id: str, key: str, operation: str, body: object) -> "Once":
        """``operation`` tells apart the endpoints that honour keys."""
        canonical = json.dumps([operation, body], sort_keys=True, ensure_ascii=True)
        return Once(
            hashlib.sha256(f"{provider_id}\n{key}".encode()).hexdigest(),
            hashlib.sha256(canonical.encode()).hexdigest(),
        )

    @property
    def notification_id(self) -> NotificationId:
        """The id of whatever is created under this key."""
        return NotificationId(self.key[:20])


def create(
    given: NotificationInput,
    *,
    provider_id: str,
    once: Once | None,
    notifications: Notifications,
    providers: Providers,
    clock: Clock,
    render: Render,
    deliver_now: DeliverNow,
) -> Answer:
    """Save a draft, or submit: to moderation, or at once when the target is an admin HWID.

    Returns the answer to give. Raises ``Forbidden`` (premium, plan), ``InvalidInput``,
    ``KeyReused``, ``InProgress``.
    """
    if once and (kept := _kept_answer(once, notifications, clock, render)):
        return kept
    provider, domains = entitled(provider_id, providers)
    check_fields(given.content(), given.target_segment, provider, domains)
    fresh = Notification(
        id=once.notification_id if once else NotificationId(clock.new_id()),
        provider_id=provider.uid,
        provider_email=provider.email,
        content=given.content(),
        segment=given.target_segment,
        status=None,
        created_at=clock.now(),
    )
    change = _first(fresh, domains, clock, draft=given.draft)
    at_once = change.notification.status is Status.SENDING
    replay = None
    if once:
        answer = None if at_once else render(change.notification)
        replay = Replay(once.key, once.fingerprint, fresh.id, fresh.created_at, answer)
    try:
        notifications.create(change, replay)
    except AlreadyThere:
        if once and (kept := _kept_answer(once, notifications, clock, render)):
            return kept
        raise KeyReused("this Idempotency-Key was used long ago; take a new key") from None
    if not at_once:
        return render(change.notification)
    return _delivered(fresh.id, once, notifications, render, deliver_now)


def submit(
    id: NotificationId,
    *,
    provider_id: str,
    notifications: Notifications,
    providers: Providers,
    clock: Clock,
    deliver_now: DeliverNow,
) -> Notification:
    """A draft goes to moderation, or straight to its admin HWID."""
    owned(notifications.get(id), provider_id)
    provider, domains = entitled(provider_id, providers)
    by, now = Actor(Role.PROVIDER, provider_id), clock.now()

    def change(it: Notification) -> Change:
        owned(it, provider_id)
        check_fields(it.content, it.segment, provider, domains)
        return it.submit(by, now, admin_hwid=_to_admin_hwid(it.segment, domains))

    submitted = notifications.change(id, change)
    if submitted.status is Status.SENDING:
        deliver_now(id)
        return notifications.get(id)
    return submitted


def edit(
    id: NotificationId,
    given: NotificationInput,
    *,
    provider_id: str,
    notifications: Notifications,
    providers: Providers,
    clock: Clock,
) -> Notification:
    """Change a draft, or a pending one, which then is a new revision to be read again."""
    provider, domains = entitled(provider_id, providers)
    by, now = Actor(Role.PROVIDER, provider_id), clock.now()

    def change(it: Notification) -> Change:
        owned(it, provider_id)
        merged = given.edited(it.content, it.segment)
        if it.status is Status.PENDING and _to_admin_hwid(merged.target_segment, domains):
            raise refused(it.status, "edit")
        check_fields(merged.content(), merged.target_segment, provider, domains)
        return it.edit(by, now, merged.content(), merged.target_segment)

    return notifications.change(id, change)


def duplicate(
    id: NotificationId,
    *,
    provider_id: str,
    notifications: Notifications,
    providers: Providers,
    clock: Clock,
) -> Notification:
    """A new draft with the content and target of any notification of the provider's."""
    source = owned(notifications.get(id), provider_id)
    provider, _ = entitled(provider_id, providers)
    fresh = Notification(
        id=NotificationId(clock.new_id()),
        provider_id=provider.uid,
        provider_email=provider.email,
        content=source.content,
        segment=source.segment,
        status=None,
        created_at=clock.now(),
    )
    change = fresh.save_draft(Actor(Role.PROVIDER, provider_id), fresh.created_at)
    notifications.create(change)
    return change.notification


def delete_draft(id: NotificationId, *, provider_id: str, notifications: Notifications) -> None:
    """Drafts alone can be deleted; everything else is a record of what happened."""

    def check(it: Notification) -> None:
        owned(it, provider_id)
        if it.status is not Status.DRAFT:
            raise refused(it.status, "delete")

    notifications.delete(id, check)


def owned(notification: Notification, provider_id: str) -> Notification:
    """The notification, if it is this provider's; else it does not exist for the caller."""
    if notification.provider_id != provider_id:
        raise notification.unknown()
    return notification


def entitled(uid: str, providers: Providers) -> tuple[Provider, Sequence[Domain]]:
    """The provider and its domains; raises ``Forbidden`` unless it may send."""
    provider = known_provider(uid, providers)
    domains = providers.domains_of(uid)
    check_entitled(provider, domains)
    return provider, domains


def known_provider(uid: str, providers: Providers) -> Provider:
    """Raises ``Forbidden`` for an account that is not a provider's."""
    provider = providers.get(uid)
    if provider is None:
        raise Forbidden("This account is not registered as a provider.", code="notAProvider")
    return provider


def check_fields(
    content: Content, segment: Segment | None, provider: Provider, domains: Sequence[Domain]
) -> None:
    """The rules beyond single fields: own domains, plan, and what fits into a push."""
    if faults := oversize(content):
        raise InvalidInput(faults)
    if segment and segment.domain and segment.domain not in verified(domains):
        sentence = f"{segment.domain} is not one of your verified domains"
        raise InvalidInput([FieldError("targetSegment.domain", "foreignDomain", sentence)])
    if content.force_timer is not None and provider.plan is not Plan.ENTERPRISE:
        raise Forbidden("forceTimer needs the Enterprise plan.", code="enterpriseRequired")


def _first(fresh: Notification, domains: Sequence[Domain], clock: Clock, *, draft: bool) -> Change:
    by, now = Actor(Role.PROVIDER, fresh.provider_id), clock.now()
    if draft:
        return fresh.save_draft(by, now)
    return fresh.submit(by, now, admin_hwid=_to_admin_hwid(fresh.segment, domains))


def _to_admin_hwid(segment: Segment | None, domains: Sequence[Domain]) -> bool:
    return segment is not None and is_admin_hwid(segment.hwid, domains)


def _kept_answer(
    once: Once, notifications: Notifications, clock: Clock, render: Render
) -> Answer | None:
    replay = notifications.replay(once.key)
    if replay is None:
        return None
    if replay.fingerprint != once.fingerprint:
        raise KeyReused("this Idempotency-Key was used before with another body; take a new key")
    if replay.answer is not None:
        return replay.answer
    if clock.now() - replay.created_at < ABANDONED_AFTER:
        raise InProgress("the first request with this Idempotency-Key is still being handled")
    return _answered(replay.notification_id, once, notifications, render)


def _delivered(
    id: NotificationId,
    once: Once | None,
    notifications: Notifications,
    render: Render,
    deliver_now: DeliverNow,
) -> Answer:
    deliver_now(id)
    return _answered(id, once, notifications, render)


def _answered(
    id: NotificationId, once: Once | None, notifications: Notifications, render: Render
) -> Answer:
    answer = render(notifications.get(id))
    if once:
        notifications.keep_answer(once.key, answer)
    return answer
