"""The minute tick of Cloud Scheduler: whatever got stuck is set going again."""

import functions_framework
from flask import Request

from functions._edge import service_door
from functions._log import log, trace_of
from shared.flow.sweep import sweep
from shared.wiring import parts


@functions_framework.http
@service_door("tick", "scheduler")
def tick(request: Request) -> None:
    """Find what has waited too long for an event or a task that was lost."""
    p = parts()
    swept = sweep(notifications=p.notifications, ledger=p.ledger, tasks=p.tasks, clock=p.clock)
    if swept.notifications or swept.parts or swept.batches:
        log(
            "WARNING",
            f"swept {swept.notifications} notifications, {swept.parts} parts, "
            f"{swept.batches} batches",
            trace=trace_of(request),
        )
