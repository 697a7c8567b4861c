"""``make bench``: measure everything, print a table, write ``.local/bench.json``."""

import argparse
import json
import platform
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import apns, desktops, fanout, memory, sender, urgent

OUT = Path(__file__).parents[1] / ".local" / "bench.json"
SUITES = {
    "sender": sender.measure,
    "apns": apns.measure,
    "desktops": desktops.measure,
    "urgent": urgent.measure,
    "memory": memory.measure,
    "fanout": fanout.measure,
}
MEANINGS = {
    "sender_cpu_vs_send_each": "CPU of firebase-admin send_each ÷ ours, per message",
    "sender_cpu_vs_send_each_async": "CPU of firebase-admin send_each_async ÷ ours, per message",
    "sender_cpu_vs_h2load": "CPU of ours ÷ h2load, the floor, per message",
    "sender_rate_50ms_vs_send_each": "messages/s of ours ÷ send_each, FCM taking 50 ms",
    "apns_cpu_vs_aioapns": "CPU of aioapns ÷ ours, per message",
    "desktop_write_cpu_us": "writing a desktop: µs of CPU",
    "urgent_latency_busy_vs_idle": "an urgent push beside a fan-out ÷ on the idle system",
    "memory_1m_vs_10k": "peak memory, 1,000,000 ÷ 10,000 devices",
    "path_cpu_vs_naive": "CPU of the naive design ÷ ours, whole path",
    "plan_cpu_us_per_device": "planning: µs of CPU per device (one measurement)",
    "send_cpu_us_per_device": "sending, all in: µs of CPU per device (one measurement)",
    "plan_reads_per_device": "planning: billed reads per targeted device",
    "writes_per_mobile_device": "billed writes per phone, plan and send",
    "cpu_per_device_100k_vs_10k": "CPU per device, 100,000 (one measurement) ÷ 10,000 devices",
    "plan_memory_100k_vs_10k": "peak memory of planning, 100,000 ÷ 10,000",
    "send_memory_100k_vs_10k": "peak memory of sending, 100,000 ÷ 10,000",
    "usd_per_million_mobile": "list price of a million pushes to phones, in dollars",
}


def main() -> None:
    """Measure the suites asked for; figures of the others stay as they were."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", help=f"some of {', '.join(SUITES)}; default: all")
    asked = parser.parse_args().suites or list(SUITES)
    figures: dict[str, float] = {}
    for suite in asked:
        print(f"Measuring {suite} …", flush=True)
        began = time.monotonic()
        figures |= SUITES[suite]()
        print(f"  {suite} took {time.monotonic() - began:.0f} s", flush=True)
    for key, value in figures.items():
        print(f"{MEANINGS.get(key, key):<64}{value:>10.3f}")
    keep(figures, whole=set(asked) == set(SUITES))
    print(f"Written to {OUT.relative_to(OUT.parents[1])}")


def keep(figures: dict[str, float], *, whole: bool, out: Path = OUT) -> None:
    """Only a whole run forgets what it did not measure; ``date`` is that of the last run."""
    known: dict[str, object] = {} if whole or not out.exists() else json.loads(out.read_text())
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    now = datetime.now(UTC).isoformat(timespec="seconds")
    out.parent.mkdir(exist_ok=True)
    out.write_text(
        json.dumps({**known, **figures, "machine": machine, "date": now}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
