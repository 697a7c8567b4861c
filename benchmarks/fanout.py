"""The cost of planning and sending per device, beside the design one would write first.

In every round a small audience is planned and sent, the naive design works on some of the same
devices, and a large audience is planned and sent, to see whether anything grows. Every piece of
work has a process of its own, whose CPU time and peak memory the operating system counts. Reads,
writes and tasks are counted on the wire, as they are billed. Our devices and ledger are in the
embedded store; the naive design reads and writes the same devices in the emulator.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.fixture import Services, approved, phones, run, seed, services
from benchmarks.summary import Runs, ratios
from shared.domain.delivery.cost import Operations, dollars_per_million

ROUNDS = 5
SMALL = 10_000
NAMED = 100_000
"""The size that the keys name; a run with another large size leaves those keys out."""
LARGE = int(os.environ.get("BENCH_DEVICES", NAMED))
NAIVE = 1_000
"""Devices of one naive round; it takes some milliseconds for each."""
NAIVE_PROJECT = "demo-bench-naive"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one process."""

    devices: int
    cpu_seconds: float
    peak_bytes: int
    reads: int
    writes: int
    tasks: int

    @property
    def us_per_device(self) -> float:
        """Microseconds of CPU."""
        return 1e6 * self.cpu_seconds / self.devices


@dataclass(frozen=True, slots=True)
class Fanout:
    """Whole fan-out: planned, then sent."""

    plan: Cost
    send: Cost

    @property
    def us_per_device(self) -> float:
        """Microseconds of CPU, of our functions."""
        return self.plan.us_per_device + self.send.us_per_device

    @property
    def operations(self) -> Operations:
        """Billed operations. Each task is created once and dispatched once."""
        both = (self.plan, self.send)
        return Operations(
            devices=self.plan.devices,
            reads=sum(cost.reads for cost in both),
            writes=sum(cost.writes for cost in both),
            task_operations=2 * (1 + sum(cost.tasks for cost in both)),
            cpu_seconds=sum(cost.cpu_seconds for cost in both),
        )


def measure(say: Say = print) -> Runs:
    """Measure the figures, by the keys of ``.local/bench.json``."""
    small, naive, large = [], [], []
    with services(with_store=True) as running:
        for devices in (SMALL, LARGE):
            seed(running.in_store(_project(devices)), phones(devices))
        seed(running.of(NAIVE_PROJECT), phones(NAIVE))
        say(f"  {SMALL:,} and {LARGE:,} phones seeded")
        for number in range(ROUNDS):
            small.append(_fanout(running, SMALL, number))
            cost = run("benchmarks.naive", NAIVE, environment=running.of(NAIVE_PROJECT))
            naive.append(1e6 * cost["cpu_seconds"] / cost["devices"])
            large.append(_fanout(running, LARGE, number))
            told = (small[-1].us_per_device, large[-1].us_per_device, naive[-1])
            say("  {:.0f} and {:.0f} µs of CPU a device; naive {:.0f} µs".format(*told))
    return _figures(small, naive, large)


def _project(devices: int) -> str:
    return f"demo-bench-{devices}"


def _fanout(running: Services, devices: int, number: int) -> Fanout:
    project, id = _project(devices), f"round{number}"
    approved(project, id)
    plan, send = (
        Cost(**run("benchmarks.worker", work, id, environment=running.of(project)))
        for work in ("plan", "send")
    )
    if plan.devices != devices:
        raise RuntimeError(f"{plan.devices} devices were planned instead of {devices}")
    return Fanout(plan, send)


def _figures(small: Sequence[Fanout], naive: Sequence[float], large: Sequence[Fanout]) -> Runs:
    ours = [each.us_per_device for each in small]
    found = {
        "path_cpu_vs_naive": ratios(naive, ours),
        "plan_cpu_us_per_device": [each.plan.us_per_device for each in large],
        "send_cpu_us_per_device": [each.send.us_per_device for each in large],
        "plan_reads_per_device": [each.plan.reads / each.plan.devices for each in large],
        "writes_per_mobile_device": [
            (each.plan.writes + each.send.writes) / each.plan.devices for each in large
        ],
        "cpu_per_device_100k_vs_10k": ratios([each.us_per_device for each in large], ours),
        "plan_memory_100k_vs_10k": ratios(
            [each.plan.peak_bytes for each in large], [each.plan.peak_bytes for each in small]
        ),
        "send_memory_100k_vs_10k": ratios(
            [each.send.peak_bytes for each in large], [each.send.peak_bytes for each in small]
        ),
        "usd_per_million_mobile": [dollars_per_million(each.operations) for each in large],
    }
    as_named = all(each.plan.devices == NAMED for each in large)
    return {key: runs for key, runs in found.items() if as_named or "100k" not in key}
