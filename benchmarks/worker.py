"""One process of ``fanout``: plan a notification, or send all its batches, and tell what it cost.

Its own process, so that the operating system's figures for CPU and peak memory are its own. What
the imports cost is left out of the CPU and is in the memory, as it is in a function.
"""

import json
import resource
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from shared.adapters.firestore_rest import FirestoreRest
from shared.domain.notification import NotificationId
from shared.flow.plan import plan, plan_part
from shared.flow.send import send_batch
from shared.wiring import GoogleParts, retry_policy


class Meter(httpx.HTTPTransport):
    """Counts what Firestore would bill: documents read, thousands counted, documents written."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.writes = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # The emulator sorts all devices for every page: at 100,000 that outlasts our own patience.
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), 300.0)
        response = super().handle_request(request)
        body = response.read()
        path = request.url.path
        if path.endswith((":runQuery", ":batchGet")):
            self.reads += max(1, body.count(b'"updateTime"'))
        elif path.endswith(":runAggregationQuery"):
            self.reads += _counted(body)
        elif path.endswith((":commit", ":batchWrite")):
            self.writes += body.count(b'"updateTime"')
        return response


def _counted(body: bytes) -> int:
    """One read for every thousand index entries of an aggregation."""
    numbers = [
        int(next(iter(value.values())))
        for part in json.loads(body)
        for value in part.get("result", {}).get("aggregateFields", {}).values()
    ]
    return max(1, -(-max(numbers, default=0) // 1000))


def main(work: str, notification_id: str) -> Mapping[str, Any]:
    """Do the work; returns what it cost."""
    p, meter = GoogleParts(), Meter()
    settings = p.settings
    rest = FirestoreRest(settings.project, settings.firestore_emulator, transport=meter)
    p.__dict__["_rest"] = rest
    id = NotificationId(notification_id)
    _ = p.notifications.get(id), p.tasks, p.senders, p.audience, p.ledger, p.slots
    meter.reads = 0
    before = time.process_time()
    {"plan": _plan, "send": _send}[work](p, id)
    return {
        "devices": p.ledger.sums(id).targeted,
        "cpu_seconds": time.process_time() - before,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "reads": meter.reads,
        "writes": meter.writes,
    }


def _plan(p: GoogleParts, id: NotificationId) -> None:
    ports = {
        "notifications": p.notifications,
        "audience": p.audience,
        "ledger": p.ledger,
        "tasks": p.tasks,
        "clock": p.clock,
        "until": p.clock.now() + timedelta(hours=1),
    }
    plan(id, providers=p.providers, **ports)  # type: ignore[arg-type]
    for part in p.ledger.parts(id):
        if not part.done:
            plan_part(id, part.low, **ports)  # type: ignore[arg-type]


def _send(p: GoogleParts, id: NotificationId) -> None:
    for part in p.ledger.parts(id):
        for number in range(part.batches):
            send_batch(
                id,
                _batch_id(part.low, number),
                notifications=p.notifications,
                ledger=p.ledger,
                senders=p.senders,
                slots=p.slots,
                devices=p.devices,
                stop_switch=p.stop_switch,
                tasks=p.tasks,
                clock=p.clock,
                until=p.clock.now() + timedelta(hours=1),
                policy=retry_policy(p),
                lease=p.settings.lease,
            )


def _batch_id(low: int, number: int) -> Any:
    from shared.domain.delivery import batch_id

    return batch_id(low, 0, number)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2])))
