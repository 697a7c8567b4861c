"""``make bench``: measure everything, print a table, write ``.local/bench.json``."""

import argparse
import platform
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import apns, desktops, fanout, memory, sender, urgent
from benchmarks.summary import Figure, Runs, keep, line, summary

OUT = Path(__file__).parents[1] / ".local" / "bench.json"
SUITES: Mapping[str, Callable[[], Runs]] = {
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
    "plan_cpu_us_per_device": "planning: µs of CPU per device",
    "send_cpu_us_per_device": "sending, all in: µs of CPU per device",
    "plan_reads_per_device": "planning: billed reads per targeted device",
    "writes_per_mobile_device": "billed writes per phone, plan and send",
    "cpu_per_device_100k_vs_10k": "CPU per device, 100,000 ÷ 10,000 devices",
    "plan_memory_100k_vs_10k": "peak memory of planning, 100,000 ÷ 10,000",
    "send_memory_100k_vs_10k": "peak memory of sending, 100,000 ÷ 10,000",
    "usd_per_million_mobile": "list price of a million pushes to phones, in dollars",
}


def main() -> None:
    """Measure the suites asked for; figures of the others stay as they were."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", help=f"some of {', '.join(SUITES)}; default: all")
    asked = list(dict.fromkeys(parser.parse_args().suites or SUITES))
    if unknown := set(asked) - SUITES.keys():
        parser.error(f"there is no suite {', '.join(sorted(unknown))}; {', '.join(SUITES)}")
    figures: dict[str, Figure] = {}
    for number, suite in enumerate(asked, start=1):
        print(f"[{number}/{len(asked)}] Measuring {suite} …", flush=True)
        began = time.monotonic()
        figures |= summary(SUITES[suite]())
        print(f"  {suite} took {time.monotonic() - began:.0f} s", flush=True)
    print(f"{'':<63}median   least – most")
    for key, figure in figures.items():
        print(line(MEANINGS.get(key, key), figure))
    keep(
        figures,
        OUT,
        whole=set(asked) == SUITES.keys(),
        machine=f"{platform.machine()}, Python {platform.python_version()}",
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    print(f"Written to {OUT.relative_to(OUT.parents[1])}")


if __name__ == "__main__":
    main()
