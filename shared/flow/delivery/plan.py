"""From a run that is to be sent to batches that can be sent.

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
from shared.domain.audience.targeting import (
    AudienceQuery,
    DeviceCount,
    PartitionRange,
    audience_queries,
    partition_ranges,
)
from shared.domain.delivery.ledger import UNTRIED, Batch, PlanPart, Target, batch_id, slices
from shared.domain.delivery.run import FailureReason, Run, RunChange, RunId
from shared.domain.errors import LostLease, TryAgain
from shared.domain.notifications.notification import Change, Notification, NotificationId
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
    from shared.stores.runs import Runs
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
    def providers(self) -> Providers: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def tasks(self) -> Tasks: ...


class AnnounceNeeds(Protocol):
    """Parts of the container that an announcement uses."""

    @property
    def clock(self) -> Clock: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def tasks(self) -> Tasks: ...


def announce(id: NotificationId, *, needs: AnnounceNeeds) -> None:
    """Enqueue the plan of a notification that was written, if its run has none yet.

    Events come twice, late and out of order, so the record is read again. An urgent run is being
    delivered by the request that created the notification, and that request gets a head start.
    """
    run = needs.notifications.get(id).run
    if run is None or not run.is_sending or run.parts:
        return
    head_start = ADMIN_HEAD_START if run.urgent else timedelta(0)
    needs.tasks.enqueue([plan_task(run, not_before=needs.clock.now() + head_start)])


def plan(
    id: RunId, *, needs: Needs, inspect: Inspect, until: datetime, settle: bool = True
) -> None:
    """Check entitlement and content again, cut the audience, and plan it: here if small, else by
    tasks. With ``settle=False`` the caller sends the batches, and so settles the run.
    """
    notification, run = needs.runs.with_notification(id)
    if run is None or not run.is_sending:
        return
    devices: int | None = None
    if not run.parts:
        domains = _entitled_domains(run, needs.providers)
        if isinstance(domains, FailureReason):
            _fail(run, domains, needs=needs)
            return
        if not _still_fit(notification, run, domains, inspect, needs=needs):
            return
        run, devices = _cut(run, verified(domains), needs=needs)
        if not run.is_sending:
            return
    if devices is None:
        devices = _devices(_counted(run, run.domains, needs.audience))
    parts = _parts(run, needs.clock)
    if not run.urgent:  # an admin's one device is sent to within this request
        run = checked(run, needs=needs)
        provider = needs.providers.get(run.provider_id) or Provider(run.provider_id)
        parts = scheduled(parts, run, provider, devices, needs=needs)
    needs.ledger.open_parts(parts)
    if len(parts) > 1:
        needs.tasks.enqueue(plan_task(run, part=part) for part in parts)
        return
    plan_part(id, parts[0].low, until=until, settle=settle, needs=needs)


def plan_part(id: RunId, low: int, *, needs: Needs, until: datetime, settle: bool = True) -> None:
    """Plan one range, from wherever it is; continue in a new task when time runs out."""
    run = needs.runs.get(id)
    part = needs.ledger.part(id, low)
    if part is None:
        raise TryAgain(f"part {low} of {id} is not opened yet", retry_after_seconds=5)
    queries = _queries(run, run.domains)
    try:
        while not part.done:
            needs.tasks.enqueue(
                send_task(run, batch, not_before=part.due(batch)) for batch in part.unannounced
            )
            if not run.is_sending:
                part = needs.ledger.advance(_done(part), [])
                break
            if needs.clock.now() >= until:
                needs.tasks.enqueue([plan_task(run, part=part)])
                return
            part = _next_page(part, run, queries, needs=needs)
            run = needs.runs.get(id)
    except LostLease:
        raise TryAgain(f"another task plans part {low} of {id}", retry_after_seconds=5) from None
    if settle:
        finish(id, needs=needs)


def _next_page(
    part: PlanPart, run: Run, queries: Sequence[AudienceQuery], *, needs: Needs
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
        _batch(part, run, number, targets, now)
        for number, targets in enumerate(
            slices(page.targets, weigh=_stored_bytes), start=part.batches
        )
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


def _stored_bytes(planned: tuple[str, Target]) -> int:
    return planned[1].stored_bytes


def _batch(
    part: PlanPart,
    run: Run,
    number: int,
    targets: Sequence[tuple[str, Target]],
    now: datetime,
) -> Batch:
    id = batch_id(part.low, part.stream, number)
    return Batch(
        id=id,
        run_id=run.id,
        stream=part.stream,
        partition=part.low,
        first_key=targets[0][0],
        targets=tuple(target for _, target in targets),
        records=(UNTRIED,) * len(targets),
        wake_at=max(now, part.due(id) or now) + BATCH_SWEEP_AFTER,
        created_at=now,
    )


def _done(part: PlanPart) -> PlanPart:
    return replace(part, done=True, unannounced=(), wake_at=None)


def _entitled_domains(run: Run, providers: Providers) -> Sequence[Domain] | FailureReason:
    """Return the domains, or why nothing may be sent (any more): also when the domain that the run
    is for is verified no longer.
    """
    provider = providers.get(run.provider_id)
    if provider is None or not provider.is_premium:
        return FailureReason.PREMIUM_LAPSED
    domains = providers.domains_of(run.provider_id)
    return (
        domains if run.segment.domains_of(verified(domains)) else FailureReason.NO_VERIFIED_DOMAIN
    )


def _still_fit(
    notification: Notification,
    run: Run,
    domains: Sequence[Domain],
    inspect: Inspect,
    *,
    needs: Needs,
) -> bool:
    """Look once more, for links may lead elsewhere by now, and say whether sending may begin.

    Where less can be looked at than before, another task looks again a little later. What was not
    moderated was looked at by the request that sends it. Once a task has cut the audience, sending
    has begun and nothing found here counts.
    """
    if run.urgent:
        return True
    if not _is_to_look_later(notification, run, needs.clock):
        inspection, now = inspect(run.content, domains), needs.clock.now()

        def change(it: Notification) -> Change:
            if it.run is None or not it.run.is_sending or it.run.parts:
                return Change(it, None)
            return it.looked_again(inspection, now)

        notification, run = needs.runs.review(run.id, change)
    if not run.is_sending:
        return False
    looked = notification.looked_at
    if looked is None or not _is_to_look_later(notification, run, needs.clock):
        return True
    needs.tasks.enqueue([plan_task(run, looks=looked.misses, not_before=looked.again_at)])
    return False


def _is_to_look_later(notification: Notification, run: Run, clock: Clock) -> bool:
    looked = notification.looked_at
    return looked is not None and looked.waits(clock.now()) and not run.parts


def _queries(run: Run, domains: Sequence[str]) -> tuple[AudienceQuery, ...]:
    return audience_queries(run.segment, domains, run.began_at)


def _cut(run: Run, domains: tuple[str, ...], *, needs: Needs) -> tuple[Run, int]:
    counted = _counted(run, domains, needs.audience)
    devices = _devices(counted)
    parts = len(partition_ranges(devices, devices_each=DEVICES_PER_PART))
    read_at = counted[0].read_at if counted else ""
    return needs.runs.change(run.id, lambda it: it.cut(parts, domains, read_at)), devices


def _counted(run: Run, domains: Sequence[str], audience: Audience) -> list[DeviceCount]:
    return [audience.count(query) for query in _queries(run, domains)]


def _devices(counted: Sequence[DeviceCount]) -> int:
    return sum(count.devices for count in counted)


def _parts(run: Run, clock: Clock) -> list[PlanPart]:
    ranges = partition_ranges(run.parts, devices_each=1, most=run.parts)
    wake_at = clock.now() + PART_SWEEP_AFTER
    return [PlanPart(run.id, r.low, r.high, run.read_at, wake_at=wake_at) for r in ranges]


def _fail(run: Run, reason: FailureReason, *, needs: Needs) -> None:
    now = needs.clock.now()

    def change(it: Run) -> RunChange:
        if not it.is_sending or it.parts:
            return RunChange(it)
        return it.fail(SYSTEM, now, reason, it.tally)

    needs.runs.change(run.id, change)
