"""What the minute tick does: find what got stuck, and set it going again.

Events and tasks can be lost, and Cloud Tasks forgets a task that ran out of attempts. Everything
unfinished therefore carries the time (``wake_at``) at which it must be looked at if nothing has
happened by then. Sweeping enqueues again under a new name and moves that time; it decides nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from shared.domain.delivery.ledger import Batch, BatchId, BatchState, PlanPart
from shared.domain.delivery.run import SWEEP_AFTER, RunId, RunStatus
from shared.domain.errors import Defect, LostLease, NotFound
from shared.flow.delivery.count import catch_up, finish
from shared.flow.delivery.queues import plan_task, send_task
from shared.ports import Clock, Tasks

if TYPE_CHECKING:
    from shared.stores.ledger import Ledger
    from shared.stores.runs import Runs

MOST_AT_ONCE = 200
LONGEST_NAP = timedelta(hours=1)

log = logging.getLogger(__name__)


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def tasks(self) -> Tasks: ...


@dataclass(frozen=True, slots=True)
class SweepCounts:
    """Numbers of stuck records, by kind."""

    runs: int
    parts: int
    batches: int


def sweep(*, needs: Needs) -> SweepCounts:
    """Set going again everything whose time has passed; safe to run at any moment, repeatedly."""
    now = needs.clock.now()
    stuck = needs.runs.overdue(now, MOST_AT_ONCE)
    parts = needs.ledger.overdue_parts(now, MOST_AT_ONCE)
    batches = needs.ledger.overdue_batches(now, MOST_AT_ONCE)
    for run_id in stuck:
        with _not_for_all(run_id):
            try:
                _wake_run(run_id, needs=needs)
            except Defect:  # or enough of them would stand before all that gets stuck later
                needs.runs.put_off(run_id, now + LONGEST_NAP)
                raise
    for part in parts:
        with _not_for_all(part.run_id):
            _wake_part(part, now, needs=needs)
    for owner_id, batch_id in batches:
        with _not_for_all(owner_id):
            _wake_batch(owner_id, batch_id, now, needs=needs)
    return SweepCounts(len(stuck), len(parts), len(batches))


@contextmanager
def _not_for_all(run_id: str) -> Iterator[None]:
    """Skip a record that is gone, broken, or another task's by now: it must not keep the others
    waiting.

    What is below a record that is gone is never looked at again: it would be the first of every
    tick.
    """
    try:
        yield
    except (LostLease, NotFound):
        return
    except Defect:
        log.exception("cannot be swept: notification %s", run_id)


def _wake_run(id: RunId, *, needs: Needs) -> None:
    """Wake a run whose event or plan was lost, or whose last batch's finish was."""
    now = needs.clock.now()
    woken = needs.runs.change(id, lambda run: run.waking(now + _nap(run.sweeps), now))
    if woken.status is RunStatus.STOPPED:
        catch_up(id, needs=needs)
        return
    if not woken.is_sending:
        return
    finish(id, needs=needs)
    opened = len(needs.ledger.parts(id))
    if not woken.parts or opened < woken.parts:
        needs.tasks.enqueue([plan_task(woken)])


def _wake_part(part: PlanPart, now: datetime, *, needs: Needs) -> None:
    try:
        run = needs.runs.get(part.run_id)
    except NotFound:
        needs.ledger.advance(replace(part, done=True, unannounced=(), wake_at=None), [])
        raise
    part = needs.ledger.advance(
        replace(part, wake_at=now + _nap(part.sweeps), sweeps=part.sweeps + 1), []
    )
    needs.tasks.enqueue([plan_task(run, part=part)])


def _wake_batch(run_id: RunId, batch_id: BatchId, now: datetime, *, needs: Needs) -> None:
    batch = needs.ledger.batch(run_id, batch_id)
    if not _stuck(batch, now):
        return
    try:
        run = needs.runs.get(run_id)
    except NotFound:
        needs.ledger.write(replace(batch, wake_at=None))
        raise
    batch = needs.ledger.write(
        replace(batch, wake_at=now + _nap(batch.sweeps), sweeps=batch.sweeps + 1)
    )
    needs.tasks.enqueue([send_task(run, batch.id, suffix=f"sweep{batch.sweeps}")])


def _stuck(batch: Batch, now: datetime) -> bool:
    return batch.state is BatchState.OPEN and batch.wake_at is not None and batch.wake_at <= now


def _nap(sweeps: int) -> timedelta:
    """Double the wait for the next look with each fruitless one."""
    return min(LONGEST_NAP, SWEEP_AFTER * float(2 ** min(sweeps, 8)))
