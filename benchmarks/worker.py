"""One process of ``fanout``: plan a notification, or send all its batches, and report the cost.

Its own process, so that the operating system's figures for CPU and peak memory are its own. The
cost of imports is left out of the CPU and is in the memory, as it is in a function. The work comes
in by the doors that Cloud Tasks calls, one call a task.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import flask

from benchmarks.fixture import STORE
from benchmarks.metering import Meter, OperationCounts, listen, peak_bytes
from functions.service.tasks import plan_fanout, send_batch
from local.emulators.tasks.delivery import oidc_token
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.domain.delivery.ledger import BatchId, batch_id
from shared.domain.notifications.notification import NotificationId
from shared.flow.delivery.queues import PLAN_FANOUT, SEND_BATCH
from shared.ports import Task
from shared.stores.audience import Audience
from shared.stores.ledger import Ledger
from shared.wiring import GoogleParts, Parts, replaced

Door = Callable[[flask.Request], object]


class CountedTasks:
    """Cloud Tasks, and how many tasks were enqueued."""

    def __init__(self, tasks: Any) -> None:
        self._tasks = tasks
        self.enqueued = 0

    def enqueue(self, tasks: Iterable[Task]) -> None:
        """Count and pass on."""
        some = list(tasks)
        self.enqueued += len(some)
        self._tasks.enqueue(some)


def metered(p: GoogleParts) -> tuple[OperationCounts, CountedTasks]:
    """Have everything that is billed counted, before the first of it happens.

    With an embedded store, audience and ledger are there, and the rest in the emulator.
    """
    billed, project, own = OperationCounts(), p.settings.project, p.__dict__
    listen(p._firestore, billed)
    emulator = p.settings.firestore_emulator
    own["_rest"] = FirestoreRest(project, emulator, transport=Meter(billed))
    if store := os.environ.get(STORE):
        database = RestDatabase(FirestoreRest(project, store, transport=Meter(billed)))
        own["audience"], own["ledger"] = Audience(database), Ledger(database)
    own["tasks"] = tasks = CountedTasks(p.tasks)
    return billed, tasks


def main(work: str, notification_id: str) -> Mapping[str, Any]:
    """Do the work; returns what it cost."""
    p = GoogleParts()
    billed, tasks = metered(p)
    id = NotificationId(notification_id)
    _ = p.notifications.get(id), p.senders, p.audience, p.ledger, p.slots, p.identities
    billed.forget()
    with replaced(p), flask.Flask(__name__).app_context():
        before = time.process_time()
        {"plan": plan, "send": send}[work](p, id)
        cpu_seconds = time.process_time() - before
    told = billed.reads, billed.writes
    return {
        "devices": p.ledger.sums(id).targeted,
        "cpu_seconds": cpu_seconds,
        "peak_bytes": peak_bytes(),
        "reads": told[0],
        "writes": told[1],
        "tasks": tasks.enqueued,
    }


def plan(p: Parts, id: NotificationId) -> None:
    """Run the first task, and one for each part."""
    handled(p, PLAN_FANOUT, plan_fanout, {"notificationId": id})
    while left := [part for part in p.ledger.parts(id) if not part.done]:
        for part in left:
            handled(p, PLAN_FANOUT, plan_fanout, {"notificationId": id, "part": part.low})


def send(p: Parts, id: NotificationId) -> None:
    """Run a task for each batch."""
    for name in batches(p, id):
        handled(p, SEND_BATCH, send_batch, {"notificationId": id, "batchId": name})


def batches(p: Parts, id: NotificationId) -> Iterator[BatchId]:
    """List the names of all batches that were planned."""
    for part in p.ledger.parts(id):
        for number in range(part.batches):
            yield batch_id(part.low, 0, number)


def handled(p: Parts, function: str, door: Door, payload: Mapping[str, object]) -> None:
    """Call a door as Cloud Tasks does. Raises when it does not answer with success."""
    settings = p.settings
    token = oidc_token(settings.account("tasks"), settings.function_url(function))
    headers = {"Authorization": f"Bearer {token}"}
    app = flask.current_app
    with app.test_request_context("/", method="POST", json=payload, headers=headers):
        door(flask.request)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2])))
