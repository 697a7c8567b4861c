"""From the ledger to the run's counters and its end.

Counters are set, never incremented: every call computes them anew from what the batches say, so
it does not matter how often or in which order calls come. A distribution is over when every part
is planned and no batch is open, looked at in this order: planned parts cannot add a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from shared.domain.actors import SYSTEM
from shared.domain.delivery.ledger import PlanPart
from shared.domain.delivery.run import Run, RunChange, RunId, verdict
from shared.domain.tally import Tally
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.ledger import Ledger
    from shared.stores.runs import Runs

LIVE_EVERY = timedelta(seconds=5)
"""How often the counters follow a running distribution of many batches."""
FEW_BATCHES = 3
"""With so few open, the next one to finish may be minutes away: the counters follow each time."""

LONGEST_HANDLER = timedelta(minutes=30)
"""No handler lives longer than Cloud Tasks would listen to it."""


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def runs(self) -> Runs: ...


def finish(id: RunId, *, needs: Needs) -> Run | None:
    """Settle the run if its distribution is over; else bring its counters up to date."""
    if open_batches := needs.ledger.open_batches(id):
        _follow(id, crowded=open_batches > FEW_BATCHES, needs=needs)
        return None
    parts = needs.ledger.parts(id)
    if not parts or not all(part.done for part in parts) or needs.ledger.open_batches(id):
        return None
    return recount(id, over=True, needs=needs)


def recount(id: RunId, *, needs: Needs, over: bool = False) -> Run:
    """Set the counters to what the batches' own sums say; end the run when ``over``.

    A later count by another task must not be overwritten: if the counters moved since before we
    looked at the ledger, we look again.
    """
    while True:
        before = needs.runs.get(id).tally
        sums = needs.ledger.tally(id)
        settled = partial(_settled, before=before, sums=sums, now=needs.clock.now(), over=over)
        try:
            return needs.runs.change(id, settled)
        except _Overtaken:
            continue


class _Overtaken(Exception):
    """Overtaken count: the counters moved meanwhile."""


def _settled(run: Run, *, before: Tally, sums: Tally, now: datetime, over: bool) -> RunChange:
    if run.tally not in (before, sums):
        raise _Overtaken
    if over and run.is_sending:
        reason = verdict(sums)
        if reason is None:
            return run.complete(SYSTEM, now, sums)
        return run.fail(SYSTEM, now, reason, sums)
    counted = RunChange(run) if run.tally == sums else run.counted(sums, now)
    return counted.run.rested() if over else counted


def catch_up(id: RunId, *, needs: Needs) -> Run:
    """Bring the counters of a stopped run up to date; it comes to rest once nothing is
    under way.

    Its batches close and count themselves. This call is for those that died between the two.
    """
    run, parts = needs.runs.get(id), needs.ledger.parts(id)
    over = _planned(run, parts, needs.clock.now()) and not needs.ledger.open_batches(id)
    return recount(id, over=over, needs=needs)


def _planned(run: Run, parts: Sequence[PlanPart], now: datetime) -> bool:
    """Tell whether no batch can be added. Parts not opened when the run was stopped may be
    by a handler that began before.
    """
    cut = 0 < run.parts <= len(parts)
    late = run.ended_at is None or now - run.ended_at >= LONGEST_HANDLER
    return (cut or late) and all(part.done for part in parts)


def reconcile(id: RunId, *, needs: Needs) -> tuple[Run, Tally]:
    """Recompute every counter from each single record, and mend the run if it differs.

    Returns the run as it was before, and the sums of the records.
    """
    before = needs.runs.get(id)
    sums = sum((batch.tally for batch in needs.ledger.batches(id)), Tally())
    if before.tally != sums:
        now = needs.clock.now()

        def change(run: Run) -> RunChange:
            return run.counted(sums, now) if run.tally == before.tally else RunChange(run)

        needs.runs.change(id, change)
    return before, sums


def _follow(id: RunId, *, crowded: bool, needs: Needs) -> None:
    now = needs.clock.now()
    seen = needs.runs.get(id)
    if crowded and seen.counted_at is not None and now - seen.counted_at < LIVE_EVERY:
        return
    sums = needs.ledger.sums(id)

    def change(run: Run) -> RunChange:
        if not run.is_sending or run.counted_at != seen.counted_at:
            return RunChange(run)
        return run.counted(sums, now)

    needs.runs.change(id, change)
