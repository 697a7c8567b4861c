"""Providers' verbs on notifications: create, submit, edit, duplicate, delete a draft.

Creating under an ``Idempotency-Key`` writes the notification and the kept answer in one commit. A
submission is inspected first, which takes seconds; so the record is read, inspected, and written
only if it is still what was inspected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from shared.domain.actors import Actor, Role
from shared.domain.audience.filters import Segment
from shared.domain.content.content import NotificationInput
from shared.domain.errors import Refusal, TryAgain, WrongState
from shared.domain.notifications.lifecycle import Status, refused
from shared.domain.notifications.notification import (
    Change,
    Notification,
    NotificationId,
    SubmissionCheck,
)
from shared.domain.notifications.replay import Replay
from shared.domain.providers.places import Taker
from shared.domain.providers.provider import Domain, Provider, is_admin_hwid
from shared.flow.notifications.content_rules import check_fields
from shared.flow.notifications.drafts import check_drafts
from shared.flow.notifications.once import Answer, KeyReused, Once, Render, answered, kept_answer
from shared.flow.notifications.submission import (
    Checks,
    Place,
    count_devices,
    look,
    take_place,
    turn_to_look,
)
from shared.flow.providers.entitled import entitled, owned
from shared.ports import AlreadyThere, Clock, Rates

if TYPE_CHECKING:
    from shared.stores.notifications import Notifications
    from shared.stores.providers import Providers

DeliverNow = Callable[[NotificationId], None]

LOOKS = 5
"""Attempts at a submission or an edit whose content is edited meanwhile."""


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def rates(self) -> Rates: ...


def create(
    request: NotificationInput,
    *,
    provider_id: str,
    once: Once | None,
    needs: Needs,
    checks: Checks,
    render: Render,
    deliver_now: DeliverNow,
) -> Answer:
    """Save a draft, or submit: to moderation, or at once when the target is an admin HWID.

    Returns the answer to give. Raises ``Forbidden`` (premium, plan), ``InvalidInput``,
    ``TooMany``, ``KeyReused``, ``InProgress``.
    """
    if once and (kept := kept_answer(once, render, needs=needs)):
        return kept
    provider, domains = entitled(provider_id, needs.providers)
    check_fields(request.content(), request.target_segment, provider, domains)
    fresh = Notification(
        id=once.notification_id if once else NotificationId(needs.clock.new_id()),
        provider_id=provider.uid,
        provider_email=provider.email,
        content=request.content(),
        segment=request.target_segment,
        status=None,
        created_at=needs.clock.now(),
    )
    if request.draft:
        check_drafts(provider, notifications=needs.notifications, rates=checks.rates)
        saved = fresh.save_draft(Actor(Role.PROVIDER, provider_id), fresh.created_at)
        change, place = saved, None
    else:
        taker = Taker(fresh.id, needs.clock.new_id())
        submit, place = _submitted(fresh, taker, provider, domains, checks, needs=needs)
        change = submit(fresh)
    at_once = change.notification.status is Status.SENDING
    replay = None
    if once:
        answer = None if at_once else render(change.notification)
        replay = Replay(once.key, once.fingerprint, fresh.id, fresh.created_at, answer)
    try:
        needs.notifications.create(change, replay)
    except AlreadyThere:
        if place:
            place.give_back(checks.usage)
        if once and (kept := kept_answer(once, render, needs=needs)):
            return kept
        raise KeyReused("this Idempotency-Key was used long ago; take a new key") from None
    if not at_once:
        return render(change.notification)
    return _delivered(fresh.id, once, needs.notifications, render, deliver_now)


def submit(
    id: NotificationId, *, provider_id: str, needs: Needs, checks: Checks, deliver_now: DeliverNow
) -> Notification:
    """Submit a draft: to moderation, or straight to its admin HWID."""
    seen = owned(needs.notifications.get(id), provider_id)
    provider, domains = entitled(provider_id, needs.providers)
    taker = Taker(id, needs.clock.new_id())
    for _ in range(LOOKS):
        check_fields(seen.content, seen.segment, provider, domains)
        change, place = _submitted(seen, taker, provider, domains, checks, needs=needs)
        try:
            submitted = needs.notifications.change(id, partial(_if_unchanged, seen, change))
        except _EditedMeanwhile as edited:
            place.give_back(checks.usage)
            seen = owned(edited.notification, provider_id)
            continue
        except Refusal:
            place.give_back(checks.usage)
            raise
        if submitted.status is Status.SENDING:
            deliver_now(id)
            return needs.notifications.get(id)
        return submitted
    raise TryAgain("it is edited faster than it can be checked")


def edit(
    id: NotificationId,
    request: NotificationInput,
    *,
    provider_id: str,
    needs: Needs,
    checks: Checks,
) -> Notification:
    """Change a draft, or a pending notification, which then is a new revision to be read again."""
    provider, domains = entitled(provider_id, needs.providers)
    by = Actor(Role.PROVIDER, provider_id)
    before = owned(needs.notifications.get(id), provider_id)
    for _ in range(LOOKS):
        merged = request.edited(before.content, before.segment)
        content, segment = merged.content(), merged.target_segment
        if before.status is Status.PENDING and _to_admin_hwid(segment, domains):
            raise WrongState(
                "what is pending cannot be edited to go to an admin HWID, which takes no "
                "moderation; cancel it and create it anew",
                details={"status": str(before.status), "move": "edit"},
            )
        check_fields(content, segment, provider, domains)
        change = partial(
            Notification.edit, by=by, at=needs.clock.now(), content=content, segment=segment
        )
        new = change(before).notification
        place = None
        if new.revision > before.revision:
            check, place = _revised(new, provider, domains, checks, needs.clock)
            change = partial(change, at=needs.clock.now(), check=check)
        try:
            return needs.notifications.change(id, partial(_if_unchanged, before, change))
        except _EditedMeanwhile as edited:
            if place:
                place.give_back(checks.usage)
            before = owned(edited.notification, provider_id)
        except Refusal:
            if place:
                place.give_back(checks.usage)
            raise
    raise TryAgain("it is edited faster than it can be checked")


def duplicate(id: NotificationId, *, provider_id: str, needs: Needs) -> Notification:
    """Create a draft with the content and target of any notification of the provider's."""
    source = owned(needs.notifications.get(id), provider_id)
    provider, _ = entitled(provider_id, needs.providers)
    check_drafts(provider, notifications=needs.notifications, rates=needs.rates)
    fresh = Notification(
        id=NotificationId(needs.clock.new_id()),
        provider_id=provider.uid,
        provider_email=provider.email,
        content=source.content,
        segment=source.segment,
        status=None,
        created_at=needs.clock.now(),
    )
    change = fresh.save_draft(Actor(Role.PROVIDER, provider_id), fresh.created_at)
    needs.notifications.create(change)
    return change.notification


def delete_draft(id: NotificationId, *, provider_id: str, notifications: Notifications) -> None:
    """Delete a draft; any other notification is a record of what happened, and is refused."""

    def check(it: Notification) -> None:
        owned(it, provider_id)
        if it.status is not Status.DRAFT:
            raise refused(it.status, "delete")

    notifications.delete(id, check)


class _EditedMeanwhile(Exception):
    """Change of a notification since it was inspected."""

    def __init__(self, notification: Notification) -> None:
        super().__init__("edited meanwhile")
        self.notification = notification


def _if_unchanged(
    before: Notification, change: Callable[[Notification], Change], it: Notification
) -> Change:
    if (it.revision, it.content, it.segment, it.status) != (
        before.revision,
        before.content,
        before.segment,
        before.status,
    ):
        raise _EditedMeanwhile(it)
    return change(it)


def _submitted(
    it: Notification,
    taker: Taker,
    provider: Provider,
    domains: Sequence[Domain],
    checks: Checks,
    *,
    needs: Needs,
) -> tuple[Callable[[Notification], Change], Place]:
    """Take the submission's place, and only then inspect the content, which takes time; returns the
    move and the place.
    """
    admin_hwid = _to_admin_hwid(it.segment, domains)
    by = Actor(Role.PROVIDER, it.provider_id)
    now = needs.clock.now()
    submit = partial(Notification.submit, by=by, at=now, admin_hwid=admin_hwid)
    submit(it)  # refuses what is not complete, or submitted already, before it costs a place
    with turn_to_look(it, taker, domains, checks, needs.clock):
        place = take_place(
            provider,
            taker,
            now,
            admin_hwid=admin_hwid,
            notifications=needs.notifications,
            usage=checks.usage,
        )
        with place.given_back_on_failure(checks.usage):
            if admin_hwid and it.segment and it.segment.hwid:
                count_devices(provider, [it.segment.hwid], now, checks.usage)
            check = look(it, domains, checks, needs.clock, admin_hwid=admin_hwid)
    return partial(submit, at=needs.clock.now(), check=check), place


def _revised(
    new: Notification,
    provider: Provider,
    domains: Sequence[Domain],
    checks: Checks,
    clock: Clock,
) -> tuple[SubmissionCheck, Place]:
    """Take a place for a new revision, and inspect it. Moderators read each revision anew, so each
    counts like a submission, once: an edit that died and is made again is of the same revision.
    """
    request, now, usage = clock.new_id(), clock.now(), checks.usage
    mine = Taker(f"{new.id}.{new.revision}", request)
    with turn_to_look(new, Taker(new.id, request), domains, checks, clock):
        place = take_place(provider, mine, now, admin_hwid=False, notifications=None, usage=usage)
        with place.given_back_on_failure(usage):
            return look(new, domains, checks, clock, admin_hwid=False), place


def _to_admin_hwid(segment: Segment | None, domains: Sequence[Domain]) -> bool:
    return segment is not None and is_admin_hwid(segment.hwid, domains)


def _delivered(
    id: NotificationId,
    once: Once | None,
    notifications: Notifications,
    render: Render,
    deliver_now: DeliverNow,
) -> Answer:
    deliver_now(id)
    return answered(id, once, notifications, render)
