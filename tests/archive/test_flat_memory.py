"""100,000 outcomes in the memory of 10,000, and what the export of so many costs."""

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.adapters.memory.archive import MemoryArchive
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.archive.cost import ExportOperations, export_operations
from shared.domain.delivery.ledger import Batch, tally
from shared.domain.delivery.run import RunId
from shared.domain.notifications.notification import NotificationId
from shared.domain.tally import Tally
from shared.flow.archive.verify import Verifier
from shared.ports import Put
from shared.stores.ledger import Ledger
from tests.archive.parts import N1, World, closed_batches
from tests.builders import MODERATOR, NOON, PROVIDER, a_notification, ran


class SyntheticLedger(Ledger):
    """So many devices that exist only while they are looked at."""

    def __init__(self, devices: int) -> None:
        super().__init__(MemoryDatabase())
        self._devices = devices

    def batches(self, id: RunId, after: str = "") -> Iterator[Batch]:
        return (b for b in closed_batches(NotificationId(id), self._devices) if str(b.id) > after)

    def tally(self, id: RunId) -> Tally:
        return sum((tally(batch.records) for batch in self.batches(id)), Tally())


@dataclass
class Bottomless(MemoryArchive):
    """Takes everything in and keeps nothing but the count."""

    size: int = 0

    def put_new(self, name: str, content: bytes) -> Put:
        self.size += len(content)
        return Put.WRITTEN


def a_sent_one(devices: int, archive: Any) -> World:
    world = World(archive=archive, ledger=SyntheticLedger(devices))
    sums = world.ledger.tally(N1)
    world.notifications.create(a_notification("n1", None).submit(PROVIDER, NOON, admin_hwid=False))
    world.notifications.change(N1, lambda it: it.approve(MODERATOR, NOON))
    world.notifications.change(N1, lambda it: it.follow(ran(it).complete(PROVIDER, NOON, sums)))
    return world


def peak_of(devices: int) -> int:
    world = a_sent_one(devices, Bottomless())
    tracemalloc.start()
    try:
        mark = world.export()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert mark is not None
    assert sum(it.lines for it in mark.objects) == devices + 4
    return peak


@pytest.mark.slow
def test_a_hundred_thousand_outcomes_need_no_more_memory_than_ten_thousand() -> None:
    peak_of(500)
    small, large = peak_of(10_000), peak_of(100_000)
    assert large < 1.2 * small, f"{large:,} against {small:,} bytes"
    assert large < 32 * 1024 * 1024


@pytest.mark.slow
def test_their_verification_reads_one_object_at_a_time() -> None:
    peaks = []
    for devices in (20_000, 60_000):
        world = a_sent_one(devices, MemoryArchive())
        world.export()
        verifier = Verifier(world.archive, world.exports, world.notifications, world.ledger)
        tracemalloc.start()
        report = verifier.verify(deep=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert report.wrong == []
    assert peaks[1] < 1.2 * peaks[0], peaks


# ---- what it costs -------------------------------------------------------------------------------


def counted(devices: int) -> ExportOperations:
    """Count what an export really asked of its ports, in billed operations."""
    world = a_sent_one(devices, MemoryArchive())
    reading: Counter[str] = Counter()
    batches = world.ledger.batches

    def noted(id: RunId, after: str = "") -> Iterator[Batch]:
        for batch in batches(id, after):
            reading["batch"] += 1
            yield batch

    world.ledger.batches = noted
    assert world.export() is not None
    asked = Counter(name.rpartition("/")[2] for name in world.hazard.trace)
    history = len(world.notifications.history(N1))
    return ExportOperations(
        objects=asked["archive.put_new"],
        reads=asked["get"] + reading["batch"] + history,
        writes=asked["commit"],
        stored_bytes=sum(len(it) for it in world.archive.objects.values()),
    )


def test_the_cost_is_printed_with_that_of_the_notification() -> None:
    told = CliRunner().invoke(main, ["cost", "--devices", "1000000"])
    it = export_operations(1_000_000)
    assert f"{it.objects} objects" in told.output
    assert f"${it.dollars:.6f}" in told.output
    assert 0 < it.dollars < 0.01


@pytest.mark.parametrize("devices", [0, 1, 500, 501, 10_000, 10_001, 25_000])
def test_the_cost_told_is_the_cost_counted(devices: int) -> None:
    told, real = export_operations(devices), counted(devices)
    queued = 1  # the tick reads and writes the notification when it enqueues its task
    assert told.objects == real.objects
    assert told.reads == real.reads + 2 * queued
    assert told.writes == real.writes + queued
    assert told.tasks == 2
    assert real.stored_bytes <= told.stored_bytes
