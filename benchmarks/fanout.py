"""What planning and sending cost per device, and whether that grows with the audience.

A small and a large audience are seeded into the Firestore emulator; each is planned and sent by
processes of their own, whose CPU time and peak memory the operating system counts. Reads are
counted on the wire: documents in query answers, and one per thousand counted.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from local import demo
from local.background import Served
from local.fcm import app as fcm_app
from local.firestore import FirestoreEmulator
from local.seed import seed_devices
from shared.domain.content import Content
from shared.domain.history import Actor, Role
from shared.domain.notification import Notification, NotificationId
from shared.domain.targeting import Segment
from shared.settings import Settings, read
from shared.wiring import GoogleParts

SMALL = 10_000
LARGE = int(os.environ.get("BENCH_DEVICES", "100000"))
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took, all in."""

    devices: int
    cpu_seconds: float
    peak_bytes: int
    reads: int
    writes: int


def measure(say: object = print) -> dict[str, float]:
    """The figures, by the keys of ``.local/bench.json``."""
    tell = say if callable(say) else print
    with _emulator() as environment:
        small = _audience(environment, SMALL, tell)
        large = _audience(environment, LARGE, tell)
    plans = {size: costs[0] for size, costs in ((SMALL, small), (LARGE, large))}
    sends = {size: costs[1] for size, costs in ((SMALL, small), (LARGE, large))}
    cpu = {
        size: (plans[size].cpu_seconds + sends[size].cpu_seconds) / plans[size].devices
        for size in (SMALL, LARGE)
    }
    return {
        "plan_cpu_us_per_device": 1e6 * plans[LARGE].cpu_seconds / plans[LARGE].devices,
        "plan_reads_per_device": plans[LARGE].reads / plans[LARGE].devices,
        "writes_per_mobile_device": (plans[LARGE].writes + sends[LARGE].writes)
        / plans[LARGE].devices,
        "cpu_per_device_100k_vs_10k": cpu[LARGE] / cpu[SMALL],
        "plan_memory_100k_vs_10k": plans[LARGE].peak_bytes / plans[SMALL].peak_bytes,
        "send_memory_100k_vs_10k": sends[LARGE].peak_bytes / sends[SMALL].peak_bytes,
    }


def _figures(small: tuple[Cost, Cost], large: tuple[Cost, Cost]) -> dict[str, float]:
    plan, send = large
    devices = plan.devices

    def cpu(costs: tuple[Cost, Cost]) -> float:
        return sum(cost.cpu_seconds for cost in costs) / costs[0].devices

    return {
        "plan_cpu_us_per_device": 1e6 * plan.cpu_seconds / devices,
        "send_cpu_us_per_device": 1e6 * send.cpu_seconds / devices,
        "plan_reads_per_device": plan.reads / devices,
        "writes_per_mobile_device": (plan.writes + send.writes) / devices,
        "cpu_per_device_100k_vs_10k": cpu(large) / cpu(small),
        "plan_memory_100k_vs_10k": plan.peak_bytes / small[0].peak_bytes,
        "send_memory_100k_vs_10k": send.peak_bytes / small[1].peak_bytes,
    }


@contextmanager
def _services() -> Iterator[dict[str, str]]:
    """Firestore, queues that dispatch nothing, and FCM, each outside the measured process."""
    queues = {queue: QueueSettings(max_concurrent=0) for queue in ("plan", *_SENDING)}
    with ExitStack() as stack:
        firestore = stack.enter_context(FirestoreEmulator())
        tasks = stack.enter_context(TasksEmulator(Options(queues=queues)))
        fcm = stack.enter_context(Served(fcm_app()))
        yield {
            **os.environ,
            "FIRESTORE_EMULATOR_HOST": firestore.address,
            "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1",
            "CLOUD_TASKS_BASE_URL": tasks.address,
            "FCM_BASE_URL": fcm.url,
            "GOOGLE_OAUTH_TOKEN_URL": f"{fcm.url}/token",
        }
