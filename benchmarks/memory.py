"""Whether memory grows with the audience: a million devices beside ten thousand.

The audience is synthetic, behind the same port, and so is the push service; batches and their
ledger are in the Firestore emulator. All devices are planned, and all batches sent, one after the
other in one process, through the doors that Cloud Tasks calls.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import flask

from benchmarks.fixture import approved, run, services
from benchmarks.metering import peak_bytes
from benchmarks.worker import batches, handled, metered, plan
from functions.tasks import send_batch
from shared.domain.delivery import Accepted, Answer, Target, sort_key
from shared.domain.device import PARTITIONS, AddressKind, Platform, PushAddress
from shared.domain.notification import NotificationId
from shared.domain.targeting import AudienceQuery, PartitionRange
from shared.flow.queues import SEND_BATCH
from shared.ports import AudiencePage, Counted, Message
from shared.wiring import GoogleParts, replaced

SMALL, LARGE = 10_000, 1_000_000
ID = "memory"


def measure() -> dict[str, float]:
    """The figure ``make bench`` keeps; each size once, in a process of its own."""
    peaks = {}
    with services() as running:
        for devices in (SMALL, LARGE):
            project = f"demo-bench-memory-{devices}"
            approved(project, ID)
            cost = run("benchmarks.memory", devices, environment=running.of(project))
            peaks[devices] = cost["peak_bytes"]
            told = f"{cost['planned']:,} devices planned, {cost['sent']} batches sent"
            print(f"  {told}: {peaks[devices] / 2**20:.0f} MiB at most", flush=True)
    return {"memory_1m_vs_10k": peaks[LARGE] / peaks[SMALL]}


class SyntheticAudience:
    """So many phones, made up when they are read; evenly spread over the partitions."""

    def __init__(self, devices: int) -> None:
        self._devices = devices

    def count(self, query: AudienceQuery) -> Counted:
        """All of them, whatever is asked."""
        del query
        return Counted(self._devices, "")

    def page(
        self, query: AudienceQuery, partitions: PartitionRange, after: str, limit: int, read_at: str
    ) -> AudiencePage:
        """In the order of their numbers, which is that of their sort keys."""
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
    """A push service that takes everything."""

    def send(
        self, message: Message, addresses: Sequence[PushAddress], within_seconds: float = 0.0
    ) -> Sequence[Answer]:
        """At once."""
        del message, within_seconds
        return [Accepted("taken")] * len(addresses)


def main(devices: int) -> Mapping[str, Any]:
    """Plan all, send all; what it took at most."""
    p, id, sent = GoogleParts(), NotificationId(ID), 0
    metered(p)
    p.__dict__ |= {
        "audience": SyntheticAudience(devices),
        "senders": {AddressKind.FCM: Accepting()},
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
