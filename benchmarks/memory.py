"""The growth of memory with the audience: a million devices beside ten thousand.

The audience is synthetic, behind the same port, and so is the push service; batches and their
ledger are in the embedded store. All devices are planned, and all batches sent, one after the
other in one process, through the doors that Cloud Tasks calls. Only its peak memory is read: it
does not matter what else is running, so two pairs run side by side.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import flask

from benchmarks.fixture import Services, approved, run, services
from benchmarks.metering import peak_bytes
from benchmarks.summary import Runs, ratios
from benchmarks.worker import batches, handled, metered, plan
from functions.service.tasks import send_batch
from shared.adapters.memory.senders import MemorySenders
from shared.domain.audience.device import PARTITIONS, AddressKind, Platform, PushAddress
from shared.domain.audience.targeting import AudienceQuery, DeviceCount, PartitionRange
from shared.domain.delivery.ledger import AudiencePage, Target, sort_key
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.answers import Accepted, Answer
from shared.domain.push.rendering import Push
from shared.flow.delivery.queues import SEND_BATCH
from shared.wiring import GoogleParts, replaced

SMALL, LARGE = 10_000, 1_000_000
ROUNDS = 5
PARALLEL = 2
ID = "memory"


def measure() -> Runs:
    """Measure the figure ``make bench`` keeps; every run has a process of its own."""
    with services(with_store=True) as running, ThreadPoolExecutor(PARALLEL) as at_once:
        pairs = list(at_once.map(partial(_pair, running), range(ROUNDS)))
    small, large = zip(*pairs, strict=True)
    return {"memory_1m_vs_10k": ratios(large, small)}


def _pair(running: Services, number: int) -> tuple[float, float]:
    small, large = (_peak(running, number, devices) for devices in (SMALL, LARGE))
    return small, large


def _peak(running: Services, number: int, devices: int) -> float:
    project = f"demo-bench-m{number}-{devices}"
    approved(project, ID)
    cost = run("benchmarks.memory", devices, environment=running.of(project))
    running.forget(project)
    if cost["planned"] != devices:
        raise RuntimeError(f"{cost['planned']} devices were planned instead of {devices}")
    told = f"{devices:,} devices planned, {cost['sent']} batches sent"
    print(f"  {told}: {cost['peak_bytes'] / 2**20:.0f} MiB at most", flush=True)
    return float(cost["peak_bytes"])


class SyntheticAudience:
    """Audience of so many phones, made up when they are read; evenly spread over the partitions."""

    def __init__(self, devices: int) -> None:
        self._devices = devices

    def count(self, query: AudienceQuery) -> DeviceCount:
        """Count all phones, whatever is asked."""
        del query
        return DeviceCount(self._devices, "")

    def page(
        self, query: AudienceQuery, partitions: PartitionRange, after: str, limit: int, read_at: str
    ) -> AudiencePage:
        """Return phones in the order of their numbers, which is that of their sort keys."""
        del query, read_at
        first, end = (-(-at * self._devices // PARTITIONS) for at in _bounds(partitions))
        if after:
            first = int(after.rpartition("-")[2]) + 1
        numbers = range(first, min(end, first + limit))
        targets = tuple(self._phone(number) for number in numbers)
        last = targets[-1][0] if len(targets) == limit else None
        return AudiencePage(targets, last)

    def _phone(self, number: int) -> tuple[str, Target]:
        hwid = f"android-{number:07d}"
        address = PushAddress(AddressKind.FCM, f"token-{number:07d}:{'x' * 140}")
        target = Target(hwid, Platform.ANDROID, "de-DE", address, read_version="2026-01-01")
        return sort_key(number * PARTITIONS // self._devices, hwid), target


def _bounds(partitions: PartitionRange) -> tuple[int, int]:
    return partitions.low, partitions.high


class Accepting:
    """Push service that accepts everything."""

    def send(self, pushes: Sequence[Push], within_seconds: float = 0.0) -> Sequence[Answer]:
        """Take it at once."""
        del within_seconds
        return [Accepted("taken")] * len(pushes)


def main(devices: int) -> Mapping[str, Any]:
    """Plan all, send all; what it took at most."""
    p, id, sent = GoogleParts(), NotificationId(ID), 0
    metered(p)
    p.__dict__ |= {
        "audience": SyntheticAudience(devices),
        "senders": MemorySenders({AddressKind.FCM: Accepting()}),
    }
    with replaced(p), flask.Flask(__name__).app_context():
        plan(p, id)
        for name in batches(p, id):
            handled(p, SEND_BATCH, send_batch, {"notificationId": id, "batchId": name})
            sent += 1
        planned = p.ledger.sums(id).targeted
    return {"planned": planned, "sent": sent, "peak_bytes": peak_bytes()}


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(main(int(sys.argv[1]))))
    else:
        print(json.dumps(measure()))
