"""What planning and sending cost per device, beside the design one would write first.

A small audience is planned and sent several times, each time next to the naive design at work on
some of the same devices; a large one once, to see whether anything grows. Every piece of work has a
process of its own, whose CPU time and peak memory the operating system counts. Reads, writes and
tasks are counted on the wire, as they are billed.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.fixture import Services, approved, phones, run, seed, services
from benchmarks.shards import seed_shards
from shared.domain.cost import Operations, dollars_per_million

ROUNDS = 5
SMALL = 10_000
LARGE = int(os.environ.get("BENCH_DEVICES", "100000"))
NAIVE = 1_000
"""Devices of one naive round; it takes some milliseconds for each."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took."""

    devices: int
    cpu_seconds: float
    peak_bytes: int
    reads: int
    writes: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Fanout:
    """A whole one: planned, then sent."""

    plan: Cost
    send: Cost

    @property
    def us_per_device(self) -> float:
        """Of CPU, of our functions."""
        return 1e6 * (self.plan.cpu_seconds + self.send.cpu_seconds) / self.plan.devices

    @property
    def operations(self) -> Operations:
        """What is billed. Each task is created once and dispatched once."""
        both = (self.plan, self.send)
        return Operations(
            devices=self.plan.devices,
            reads=sum(cost.reads for cost in both),
            writes=sum(cost.writes for cost in both),
            task_operations=2 * (1 + sum(cost.tasks for cost in both)),
            cpu_seconds=sum(cost.cpu_seconds for cost in both),
        )


def measure(say: Say = print) -> dict[str, float]:
    """The figures, by the keys of ``.local/bench.json``."""
    with services() as running:
        small, naive = _rounds(running, say)
        large = _once(running, LARGE, say)
    return _figures(small, naive, large)


def _rounds(running: Services, say: Say) -> tuple[list[Fanout], list[float]]:
    project = f"demo-bench-{SMALL}"
    seed(running.of(project), phones(SMALL))
    ours, naive = [], []
    for number in range(ROUNDS):
        ours.append(_fanout(project, f"round{number}", running.of(project)))
        cost = run("benchmarks.naive", NAIVE, environment=running.of(project))
        naive.append(1e6 * cost["cpu_seconds"] / cost["devices"])
        say(f"  {ours[-1].us_per_device:8.0f} µs of CPU a device; naive {naive[-1]:8.0f} µs")
    return ours, naive


def _once(running: Services, size: int, say: Say) -> Fanout:
    project = f"demo-bench-{size}"
    spread = seed_shards(running, project, phones(size))
    say(f"  {size:,} phones seeded")
    found = _fanout(project, "once", {**running.of(project), **spread})
    say(f"  {found.us_per_device:8.0f} µs of CPU a device, of {size:,}")
    return found


def _fanout(project: str, id: str, environment: Mapping[str, str]) -> Fanout:
    approved(project, id)
    plan, send = (
        Cost(**run("benchmarks.worker", work, id, environment=environment))
        for work in ("plan", "send")
    )
    return Fanout(plan, send)


def _figures(small: Sequence[Fanout], naive: Sequence[float], large: Fanout) -> dict[str, float]:
    devices = large.plan.devices
    pairs = zip(naive, small, strict=True)
    return {
        "path_cpu_vs_naive": median(theirs / ours.us_per_device for theirs, ours in pairs),
        "plan_cpu_us_per_device": 1e6 * large.plan.cpu_seconds / devices,
        "send_cpu_us_per_device": 1e6 * large.send.cpu_seconds / devices,
        "plan_reads_per_device": large.plan.reads / devices,
        "writes_per_mobile_device": (large.plan.writes + large.send.writes) / devices,
        "cpu_per_device_100k_vs_10k": large.us_per_device
        / median(each.us_per_device for each in small),
        "plan_memory_100k_vs_10k": large.plan.peak_bytes
        / median(each.plan.peak_bytes for each in small),
        "send_memory_100k_vs_10k": large.send.peak_bytes
        / median(each.send.peak_bytes for each in small),
        "usd_per_million_mobile": dollars_per_million(large.operations),
    }
