"""From an approved notification to batches that can be sent.

The audience is cut once into ranges of device partitions, and read as of one moment of the store.
Planning the same range again therefore plans the same devices. Every page is one write: the batches
it fills and how far the range is. Only then are the batches' tasks enqueued; the names of the last
page's batches stay on the range, so that the task that takes over after a crash enqueues them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from shared.domain.actors import SYSTEM
from shared.domain.audience.filters import Segment
from shared.domain.audience.targeting import (
    AudienceQuery,
    Counted,
    PartitionRange,
    audience_queries,
    partition_ranges,
)
from shared.domain.delivery.ledger import UNTRIED, Batch, PlanPart, Target, batch_id, slices
from shared.domain.errors import LostLease, TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import (
    Change,
    FailureReason,
    Notification,
    NotificationId,
)
from shared.domain.providers.provider import Domain, Provider, verified
from shared.flow.delivery.count import finish
from shared.flow.delivery.lost_domain import checked
from shared.flow.delivery.queues import ADMIN_HEAD_START, plan_task, send_task
from shared.flow.delivery.schedule import scheduled
from shared.ports import Clock, Inspect, Tasks
from shared.ports.database import SnapshotTooOld

if TYPE_CHECKING:
    from shared.stores.audience import Audience
    from shared.stores.ledger import Ledger
    from shared.stores.notifications import Notifications
    from shared.stores.providers import Providers

if TYPE_CHECKING:
    from shared.stores.send_schedules import SendSchedules

PAGE_SIZE = 2_000
DEVICES_PER_PART = 20_000
BATCH_SWEEP_AFTER = timedelta(minutes=15)
PART_SWEEP_AFTER = timedelta(minutes=5)


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def audience(self) -> Audience: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def send_schedules(self) -> SendSchedules: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def tasks(self) -> Tasks: ...


def announce(id: NotificationId, *, needs: Needs) -> None:
    """Enqueue the plan of a notification that was written, if it is to be sent.

    Events come twice, late and out of order, so the record is read again. An auto-approved
    notification is being delivered by the request that created it, and that request gets a head
    start.
    """
    notification = needs.notifications.get(id)
    if notification.status is not Status.SENDING or notification.plan_parts:
        return
    head_start = ADMIN_HEAD_START if notification.auto_approved else timedelta(0)
    needs.tasks.enqueue([plan_task(notification, not_before=needs.clock.now() + head_start)])


def plan(
    id: NotificationId, *, needs: Needs, inspect: Inspect, until: datetime, settle: bool = True
) -> None:
    """Check entitlement and content again, cut the audience, and plan it: here if small, else by
    tasks. With ``settle=False`` the caller sends the batches, and so settles the notification.
    """
    notification = needs.notifications.get(id)
    if notification.status is not Status.SENDING:
        return
    devices: int | None = None
    if not notification.plan_parts:
        domains = _entitled_domains(notification, needs.providers)
        if isinstance(domains, FailureReason):
            _fail(notification, domains, needs=needs)
            return
        if not _still_fit(notification, domains, inspect, needs=needs):
            return
        notification, devices = _cut(notification, verified(domains), needs=needs)
        if notification.status is not Status.SENDING:
            return
    if devices is None:
        devices = _devices(_counted(notification, notification.plan_domains, needs.audience))
    parts = _parts(notification, needs.clock)
    if not notification.auto_approved:  # an admin's one device is sent to within this request
        notification = checked(notification, needs=needs)
        provider = needs.providers.get(notification.provider_id) or Provider(
            notification.provider_id
        )
        parts = scheduled(parts, notification, provider, devices, needs=needs)
    needs.ledger.open_parts(parts)
    if len(parts) > 1:
        needs.tasks.enqueue(plan_task(notification, part=part) for part in parts)
        return
    plan_part(id, parts[0].low, until=until, settle=settle, needs=needs)


def plan_part(
    id: NotificationId, low: int, *, needs: Needs, until: datetime, settle: bool = True
) -> None:
    """Plan one range, from wherever it is; continue in a new task when time runs out."""
    notification = needs.notifications.get(id)
    part = needs.ledger.part(id, low)
    if part is None:
        raise TryAgain(f"part {low} of {id} is not opened yet", retry_after_seconds=5)
    queries = _queries(notification, notification.plan_domains)
    try:
        while not part.done:
            needs.tasks.enqueue(
                send_task(notification, batch, not_before=part.due(batch))
                for batch in part.unannounced
            )
            if notification.status is not Status.SENDING:
                part = needs.ledger.advance(_done(part), [])
                break
            if needs.clock.now() >= until:
                needs.tasks.enqueue([plan_task(notification, part=part)])
                return
            part = _next_page(part, notification, queries, needs=needs)
            notification = needs.notifications.get(id)
    except LostLease:
        raise TryAgain(f"another task plans part {low} of {id}", retry_after_seconds=5) from None
    if settle:
        finish(id, needs=needs)


def _next_page(
    part: PlanPart, notification: Notification, queries: Sequence[AudienceQuery], *, needs: Needs
) -> PlanPart:
    """Make one page of devices into batches; at the end of a query, go on to the next one."""
    if part.stream >= len(queries):
        return needs.ledger.advance(_done(part), [])
    query, now = queries[part.stream], needs.clock.now()
    partitions = PartitionRange(part.low, part.high)
    try:
        page = needs.audience.page(query, partitions, part.cursor, PAGE_SIZE, part.read_at)
    except SnapshotTooOld:
        return needs.ledger.advance(replace(part, read_at=needs.audience.count(query).read_at), [])
    batches = [
        _batch(part, notification, number, run, now)
        for number, run in enumerate(slices(page.targets, weigh=_stored_bytes), start=part.batches)
    ]
    return needs.ledger.advance(
        replace(
            part,
            stream=part.stream if page.last is not None else part.stream + 1,
            cursor=page.last or "",
            batches=part.batches + len(batches),
            unannounced=tuple(batch.id for batch in batches),
            wake_at=now + PART_SWEEP_AFTER,
        ),
        batches,
    )


def _stored_bytes(found: tuple[str, Target]) -> int:
    return found[1].stored_bytes


def _batch(
    part: PlanPart,
    notification: Notification,
    number: int,
    run: Sequence[tuple[str, Target]],
    now: datetime,
) -> Batch:
    id = batch_id(part.low, part.stream, number)
    return Batch(
        id=id,
        notification_id=notification.id,
        stream=part.stream,
        partition=part.low,
        first_key=run[0][0],
        targets=tuple(target for _, target in run),
        records=(UNTRIED,) * len(run),
        wake_at=max(now, part.due(id) or now) + BATCH_SWEEP_AFTER,
        created_at=now,
    )


def _done(part: PlanPart) -> PlanPart:
    return replace(part, done=True, unannounced=(), wake_at=None)


def _entitled_domains(
    notification: Notification, providers: Providers
) -> Sequence[Domain] | FailureReason:
    """Return the domains, or why nothing may be sent (any more): also when the domain that the
    notification is for is verified no longer.
    """
    provider = providers.get(notification.provider_id)
    if provider is None or not provider.is_premium:
        return FailureReason.PREMIUM_LAPSED
    domains = providers.domains_of(notification.provider_id)
    segment = notification.segment or Segment()
    return domains if segment.domains_of(verified(domains)) else FailureReason.NO_VERIFIED_DOMAIN


def _still_fit(
    notification: Notification, domains: Sequence[Domain], inspect: Inspect, *, needs: Needs
) -> bool:
    """Look once more, for links may lead elsewhere by now, and say whether sending may begin.

    Where less can be looked at than before, another task looks again a little later. What was not
    moderated was looked at by the request that sends it. Once a task has cut the audience, sending
    has begun and nothing found here counts.
    """
    if notification.auto_approved:
        return True
    if not _is_to_look_later(notification, needs.clock):
        inspection, now = inspect(notification.content, domains), needs.clock.now()

        def change(it: Notification) -> Change:
            if it.status is not Status.SENDING or it.plan_parts:
                return Change(it, None)
            return it.looked_again(inspection, now)

        notification = needs.notifications.change(notification.id, change)
    if notification.status is not Status.SENDING:
        return False
    if not (looked := notification.looked_at) or not _is_to_look_later(notification, needs.clock):
        return True
    needs.tasks.enqueue([plan_task(notification, looks=looked.misses, not_before=looked.again_at)])
    return False


def _is_to_look_later(notification: Notification, clock: Clock) -> bool:
    looked = notification.looked_at
    return looked is not None and looked.waits(clock.now()) and not notification.plan_parts


def _queries(notification: Notification, domains: Sequence[str]) -> tuple[AudienceQuery, ...]:
    as_of = notification.sending_at or notification.created_at
    return audience_queries(notification.segment or Segment(), domains, as_of)


def _cut(
    notification: Notification, domains: tuple[str, ...], *, needs: Needs
) -> tuple[Notification, int]:
    counted = _counted(notification, domains, needs.audience)
    devices = _devices(counted)
    parts = len(partition_ranges(devices, devices_each=DEVICES_PER_PART))
    read_at = counted[0].read_at if counted else ""
    cut = needs.notifications.change(notification.id, lambda it: it.cut(parts, domains, read_at))
    return cut, devices


def _counted(
    notification: Notification, domains: Sequence[str], audience: Audience
) -> list[Counted]:
    return [audience.count(query) for query in _queries(notification, domains)]


def _devices(counted: Sequence[Counted]) -> int:
    return sum(count.devices for count in counted)


def _parts(notification: Notification, clock: Clock) -> list[PlanPart]:
    ranges = partition_ranges(notification.plan_parts, devices_each=1, most=notification.plan_parts)
    wake_at = clock.now() + PART_SWEEP_AFTER
    return [
        PlanPart(notification.id, r.low, r.high, notification.read_at, wake_at=wake_at)
        for r in ranges
    ]


def _fail(notification: Notification, reason: FailureReason, *, needs: Needs) -> None:
    now = needs.clock.now()

    def change(it: Notification) -> Change:
        if it.status is not Status.SENDING or it.plan_parts:
            return Change(it, None)
        return it.fail(SYSTEM, now, reason, it.tally)

    needs.notifications.change(notification.id, change)
