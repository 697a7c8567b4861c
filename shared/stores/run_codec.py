"""Runs, as part of the document of the notification whose only run it is.

A notification's document tells of its run from the beginning on: without one, that nothing is
planned and nobody was counted.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.domain.audience.filters import Segment
from shared.domain.delivery.run import FailureReason, Run, RunStatus
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification
from shared.domain.tally import DIMENSIONS, TOTALS, Tally
from shared.stores.codec import Fields, Reader

PLAN_DOMAINS, LOST_DOMAINS = "planDomains", "lostDomains"
RUN_STATUSES: Mapping[Status, RunStatus] = {
    Status.SENDING: RunStatus.SENDING,
    Status.APPROVED: RunStatus.COMPLETED,
    Status.FAILED: RunStatus.FAILED,
    Status.STOPPED: RunStatus.STOPPED,
}
"""What the status of a notification says of its only run; in any other there is none yet."""


def outcome_fields(run: Run | None) -> Fields:
    """Write what a notification's document says of the outcome of its only run."""
    return {
        "sendingAt": run and run.sending_at,
        "endedAt": run and run.ended_at,
        "failureReason": None if run is None else run.failure_reason and str(run.failure_reason),
        "countedAt": run and run.counted_at,
        **tally_fields(run.tally if run else Tally()),
    }


def plan_fields(run: Run | None) -> Fields:
    """Write what a notification's document says of the plan of its only run."""
    return {
        "planParts": run.parts if run else 0,
        PLAN_DOMAINS: list(run.domains) if run else [],
        LOST_DOMAINS: (list(run.lost_domains) or None) if run else None,
        "readAt": run.read_at if run else "",
        "wakeAt": run and run.wake_at,
        "sweeps": run.sweeps if run else 0,
    }


def only_run_from(it: Notification, reader: Reader) -> Run | None:
    """Read the only run of a notification; ``None`` before it is to be sent."""
    run = Run(
        id=it.id,
        provider_id=it.provider_id,
        content=it.content,
        segment=it.segment or Segment(),
        created_at=it.created_at,
        urgent=it.auto_approved,
        sending_at=reader.time("sendingAt"),
        ended_at=reader.time("endedAt"),
        failure_reason=reader.choice_or_none("failureReason", FailureReason),
        parts=reader.number("planParts"),
        domains=reader.texts(PLAN_DOMAINS),
        lost_domains=lost_domains_from(reader),
        read_at=reader.text("readAt"),
        tally=_tally_from(reader),
        counted_at=reader.time("countedAt"),
        wake_at=reader.time("wakeAt"),
        sweeps=reader.number("sweeps"),
    )
    status = RUN_STATUSES.get(it.status) if it.status else None
    return None if status is None else replace(run, status=status)


def tally_fields(sums: Tally) -> Fields:
    """Write the counters of a run."""
    counters = {f"{name}Count": number for name, number in sums.totals.items()}
    return {**counters, **sums.dimensions}


def _tally_from(reader: Reader) -> Tally:
    totals = {name: reader.number(f"{name}Count") for name in TOTALS}
    return Tally.of(totals, {name: reader.counts(name) for name in DIMENSIONS})


def lost_domains_from(reader: Reader) -> tuple[str, ...]:
    """Read which domains were taken from its provider while it is sent."""
    return reader.texts(LOST_DOMAINS)


def is_planned_on(domain: str, document: Mapping[str, Any]) -> bool:
    """Tell whether a plan has the domain; one that cannot be read has none."""
    planned = document.get(PLAN_DOMAINS)
    return isinstance(planned, list) and domain in planned
