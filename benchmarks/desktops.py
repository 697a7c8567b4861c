"""The cost of writing a notification into a desktop's document: the slots alone, a chunk at a time.

Each round takes desktops that were not written to since they were read, as a batch finds them.
"""

import json
import sys
import time
from datetime import UTC, datetime

from benchmarks.fixture import approved, desktops, run, seed, services
from benchmarks.summary import Runs
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.domain.delivery.ledger import CHUNK_SIZE, Outcome
from shared.domain.push.desktop import SlotWrite
from shared.flow.delivery.render import Renderer
from shared.ports.database import Database
from shared.stores.device_codec import DEVICES
from shared.stores.names import document_name
from shared.stores.slots import Slots
from shared.wiring import GoogleParts

PROJECT, ID = "demo-bench-desktops", "desktops"
ROUNDS, EACH, WARM_UP = 5, 2_000, 500


def measure() -> Runs:
    """Measure the figure ``make bench`` keeps; print the rounds."""
    with services() as running:
        environment = running.of(PROJECT)
        seed(environment, desktops(WARM_UP + ROUNDS * EACH))
        approved(PROJECT, ID)
        costs: list[float] = run("benchmarks.desktops", "play", environment=environment)
    print("  " + ", ".join(f"{cost:.1f}" for cost in costs) + " µs of CPU a desktop")
    return {"desktop_write_cpu_us": costs}


def play() -> list[float]:
    """Measure in a process of its own: microseconds of CPU a desktop, of each round."""
    p = GoogleParts()
    rest = FirestoreRest(p.settings.project, p.settings.firestore_emulator)
    database = RestDatabase(rest)
    slots = Slots(database)
    rendered = Renderer(p.runs.get(ID)).slot(datetime.now(UTC))
    hwids = [hwid for hwid, _ in desktops(WARM_UP + ROUNDS * EACH)]

    def round_of(some: list[str]) -> float:
        writes = _planned(database, some)
        before = time.process_time()
        for at in range(0, len(writes), CHUNK_SIZE):
            records = slots.show(rendered, writes[at : at + CHUNK_SIZE])
            if any(record.outcome is not Outcome.DELIVERED for record in records):
                raise RuntimeError("a desktop was not written")
        return 1e6 * (time.process_time() - before) / len(some)

    round_of(hwids[:WARM_UP])
    return [round_of(hwids[at : at + EACH]) for at in range(WARM_UP, len(hwids), EACH)]


def _planned(database: Database, hwids: list[str]) -> list[SlotWrite]:
    names = {document_name(DEVICES, hwid): hwid for hwid in hwids}
    found = database.get_many(list(names), ["platform"]).documents
    return [SlotWrite(hwid, found[name].version, None) for name, hwid in names.items()]


if __name__ == "__main__":
    print(json.dumps(play() if sys.argv[1:] else measure()))
