"""The handlers of Cloud Tasks: plan a notification's fan-out, send a batch of it.

A task comes at least once and carries ids only. A success answer means: done, or someone else will
do it; 503 means: come again.
"""

import gc
from datetime import datetime, timedelta
from functools import cache

import functions_framework
from flask import Request
from pydantic import Field

from functions.http.bodies import RequestModel, body
from functions.http.errors import service_door
from shared.domain.delivery.ledger import BatchId
from shared.flow.delivery.plan import plan, plan_part
from shared.flow.delivery.send import send_batch as send
from shared.wiring import Parts, inspecting, parts, retry_policy


class PlanTask(RequestModel):
    """A notification to be planned, or one part of it."""

    notification_id: str = Field(min_length=1)
    part: int | None = None


class SendTask(RequestModel):
    """A batch to be sent."""

    notification_id: str = Field(min_length=1)
    batch_id: str = Field(min_length=1)


@functions_framework.http
@service_door("plan-fanout", "tasks")
def plan_fanout(request: Request) -> None:
    """Cut the audience of a notification, or of a part of it, into batches."""
    task, p = body(request, PlanTask), parts()
    id = task.notification_id
    if task.part is None:
        plan(id, inspect=inspecting(p), until=_until(p), needs=p)
    else:
        plan_part(id, task.part, until=_until(p), needs=p)
    _settle_down()


@functions_framework.http
@service_door("send-batch", "tasks")
def send_batch(request: Request) -> None:
    """Send what is open in a batch, and record it."""
    task, p = body(request, SendTask), parts()
    send(
        task.notification_id,
        BatchId(task.batch_id),
        until=_until(p),
        policy=retry_policy(p),
        lease=p.settings.lease,
        needs=p,
    )
    _settle_down()


def _until(p: Parts) -> datetime:
    """Return when to hand over to a new task: well before the function is cut off."""
    return p.clock.now() + timedelta(seconds=p.settings.handler_seconds)


@cache
def _settle_down() -> None:
    """Freeze what is loaded: after the first task every module and client is there to stay.

    A page of devices is tens of thousands of small objects, so the garbage collector runs all the
    time; it need not go through everything else each time, which takes up to a third of a plan's
    CPU.
    """
    gc.freeze()
