"""Delivery within the request, to the one device of an admin HWID: its caller waits to see it.

Nothing rests on it. Should the request end early, the event and its tasks come anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.domain.delivery.ledger import BatchId
from shared.domain.errors import TryAgain
from shared.domain.notifications.notification import NotificationId
from shared.flow.delivery.queues import ADMIN_HEAD_START, SEND_BATCH
from shared.ports import Clock, Task, Tasks
from shared.wiring import Parts, inspecting, parts, retry_policy

if TYPE_CHECKING:
    from shared.stores.audience import Audience
    from shared.stores.ledger import Ledger
    from shared.stores.providers import Providers
    from shared.stores.runs import Runs
    from shared.stores.send_schedules import SendSchedules

INLINE_SECONDS = 20
"""The time a request may deliver to an admin HWID itself before it leaves the rest to the tasks."""


def deliver_now(id: NotificationId) -> None:
    """Plan and send in this request: one device, chosen by its admin HWID.

    Whatever cannot be finished here is left to the event and its tasks, which come anyway. A
    refused configuration is given no time to pass: whoever waits for the answer can ask again.
    """
    from shared.flow.delivery.count import finish
    from shared.flow.delivery.plan import plan
    from shared.flow.delivery.send import send_batch

    p = parts()
    until = p.clock.now() + timedelta(seconds=INLINE_SECONDS)
    tasks = _HeadStart(p)
    try:
        needs = _PlanNeeds(
            p.audience, p.clock, p.send_schedules, p.ledger, p.providers, p.runs, tasks
        )
        plan(id, inspect=inspecting(p), until=until, settle=False, needs=needs)
        if not tasks.batches:
            finish(id, needs=p)
        for batch in tasks.batches:
            send_batch(
                id,
                batch,
                until=until,
                policy=replace(retry_policy(p), shortest_waits=0),
                lease=p.settings.lease,
                needs=p,
            )
    except TryAgain:
        return


@dataclass(frozen=True, slots=True)
class _PlanNeeds:
    """Parts of a plan whose batches are not left to the queue."""

    audience: Audience
    clock: Clock
    send_schedules: SendSchedules
    ledger: Ledger
    providers: Providers
    runs: Runs
    tasks: Tasks


class _HeadStart:
    """A queue whose tasks come later: the caller sends the batches itself, unless it has died."""

    def __init__(self, p: Parts) -> None:
        self._parts = p
        self.batches: list[BatchId] = []

    def enqueue(self, tasks: Iterable[Task]) -> None:
        later = [
            replace(task, not_before=self._parts.clock.now() + ADMIN_HEAD_START) for task in tasks
        ]
        self._parts.tasks.enqueue(later)
        self.batches += [
            BatchId(str(task.payload["batchId"])) for task in later if task.function == SEND_BATCH
        ]
