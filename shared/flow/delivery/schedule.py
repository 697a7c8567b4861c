"""Moments for a big audience's batches: within the provider's rate, and slowly at first.

The queues hold the platform's rate. That one provider's million does not fill them is held here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from shared.domain.delivery.ledger import BATCH_SIZE, PlanPart
from shared.domain.delivery.ramp import LONGEST_DELAY, SMALL_AUDIENCE, Ramp, delay_seconds
from shared.domain.delivery.run import Run
from shared.domain.delivery.send_schedule import SendSchedule
from shared.domain.providers.provider import Limit, Provider
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.runs import Runs
    from shared.stores.send_schedules import SendSchedules


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def send_schedules(self) -> SendSchedules: ...
    @property
    def runs(self) -> Runs: ...


def scheduled(
    parts: list[PlanPart],
    run: Run,
    provider: Provider,
    devices: int,
    *,
    needs: Needs,
) -> list[PlanPart]:
    """Schedule the parts; a small audience takes its share of the rate, but no delay.

    Not for an urgent run, which goes to one device.
    """
    if not devices:
        return parts
    now, small = needs.clock.now(), devices < SMALL_AUDIENCE
    per_second = max(1, provider.limit(Limit.DEVICES_PER_MINUTE)) / 60 / BATCH_SIZE
    batches = -(-devices // BATCH_SIZE)
    seconds = batches / per_second if small else delay_seconds(batches, per_second)
    length = min(LONGEST_DELAY, timedelta(seconds=seconds))
    over = _over(
        needs.send_schedules.change(provider.uid, lambda it: it),
        run.id,
        now,
        needs.runs,
    )
    schedule = needs.send_schedules.change(
        provider.uid,
        lambda it: it.without(over, now).reserved(run.id, now, length, waits=not small),
    )
    stretch = schedule.of(run.id)
    if small or stretch is None:
        return parts
    return [
        replace(part, ramp=Ramp(stretch.starts_at, per_second, first, len(parts)))
        for first, part in enumerate(parts)
    ]


def _over(schedule: SendSchedule, own: str, now: datetime, runs: Runs) -> set[str]:
    """Find the runs that ended before their time: the provider who stopped a mistake need
    not wait for its rest.
    """
    ahead = [s.run_id for s in schedule.stretches if s.ends_at > now and s.run_id != own]
    return set(ahead) - runs.sending(ahead)
