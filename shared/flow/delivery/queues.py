"""The tasks and their names, and the queue that each waits in.

A task carries ids only, never an address or a secret. Its name is derived from what it is for, so
that enqueuing twice is (best effort) enqueuing once; correctness never rests on that.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum

from shared.domain.delivery.ledger import Batch, BatchId, PlanPart
from shared.domain.delivery.run import Run
from shared.domain.notifications.notification import Notification
from shared.ports import Task

ADMIN_HEAD_START = timedelta(seconds=20)
"""Delay of an auto-approved notification's tasks: the request that created it delivers it."""

BULK_PARTS = 2
"""An audience cut into this many parts or more waits in the bulk queue."""


class Queue(StrEnum):
    """The queues Terraform provisions and the local stack opens."""

    PLAN = "plan"
    URGENT = "send-urgent"
    NORMAL = "send-normal"
    BULK = "send-bulk"
    EXPORT = "export"


PLAN_FANOUT = "plan-fanout"
SEND_BATCH = "send-batch"
EXPORT_EVENTS = "export-events"


def plan_task(
    run: Run,
    *,
    part: PlanPart | None = None,
    looks: int = 0,
    not_before: datetime | None = None,
) -> Task:
    """Plan a run, again after so many looks at its links, or go on with one part of it."""
    where = part.place if part is not None else f"look{looks}" if looks else "all"
    payload: dict[str, object] = {"notificationId": run.id}
    if part is not None:
        payload["part"] = part.low
    return Task(
        name=f"{run.id}-plan-{where}-{run.sweeps}",
        queue=Queue.URGENT if run.urgent else Queue.PLAN,
        function=PLAN_FANOUT,
        payload=payload,
        not_before=not_before,
    )


def send_task(
    run: Run,
    batch: BatchId,
    *,
    suffix: str = "first",
    not_before: datetime | None = None,
) -> Task:
    """Send what is open in a batch."""
    return Task(
        name=f"{run.id}-{batch}-{suffix}",
        queue=_sending_queue(run),
        function=SEND_BATCH,
        payload={"notificationId": run.id, "batchId": batch},
        not_before=not_before,
    )


def follow_up(run: Run, batch: Batch) -> Task:
    """Form the next attempt at what is left of a batch, at the time the batch says."""
    return send_task(
        run,
        batch.id,
        suffix=f"attempt{batch.attempt}-{batch.sweeps}",
        not_before=batch.retry_at,
    )


def export_task(notification: Notification, suffix: str) -> Task:
    """Archive a notification that ended."""
    return Task(
        name=f"{notification.id}-export-{suffix}",
        queue=Queue.EXPORT,
        function=EXPORT_EVENTS,
        payload={"notificationId": notification.id},
    )


def manifest_task(day: date, suffix: str) -> Task:
    """List in a manifest what was archived until the end of a day."""
    return Task(
        name=f"manifest-{day.isoformat()}-{suffix}",
        queue=Queue.EXPORT,
        function=EXPORT_EVENTS,
        payload={"day": day.isoformat()},
    )


def _sending_queue(run: Run) -> Queue:
    if run.urgent:
        return Queue.URGENT
    return Queue.BULK if run.parts >= BULK_PARTS else Queue.NORMAL
