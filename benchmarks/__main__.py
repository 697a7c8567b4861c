"""``make bench``: measure everything, print a table, write ``.local/bench.json``."""

import argparse
import json
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import apns, fanout, sender

OUT = Path(__file__).parents[1] / ".local" / "bench.json"
SUITES = {"sender": sender.measure, "apns": apns.measure, "fanout": fanout.measure}
MEANINGS = {
    "sender_cpu_vs_send_each": "CPU of firebase-admin send_each ÷ ours, per message",
    "sender_cpu_vs_send_each_async": "CPU of firebase-admin send_each_async ÷ ours, per message",
    "sender_rate_50ms_vs_send_each": "messages/s of ours ÷ send_each, FCM taking 50 ms",
    "apns_cpu_vs_aioapns": "CPU of aioapns ÷ ours, per message",
    "plan_cpu_us_per_device": "planning: µs of CPU per device",
    "send_cpu_us_per_device": "sending, all in: µs of CPU per device",
    "plan_reads_per_device": "planning: billed reads per targeted device",
    "writes_per_mobile_device": "billed writes per phone, plan and send",
    "cpu_per_device_100k_vs_10k": "CPU per device, 100,000 ÷ 10,000 devices",
    "plan_memory_100k_vs_10k": "peak memory of planning, 100,000 ÷ 10,000",
    "send_memory_100k_vs_10k": "peak memory of sending, 100,000 ÷ 10,000",
}


def main() -> None:
    """Measure the suites asked for; what is not measured keeps no figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", help=f"some of {', '.join(SUITES)}; default: all")
    asked = parser.parse_args().suites or list(SUITES)
    figures: dict[str, float] = {}
    for suite in asked:
        print(f"Measuring {suite} …", flush=True)
        figures |= SUITES[suite]()
    for key, value in figures.items():
        print(f"{MEANINGS.get(key, key):<58}{value:>10.3f}")
    OUT.parent.mkdir(exist_ok=True)
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    told = {**figures, "machine": machine, "date": datetime.now(UTC).isoformat(timespec="seconds")}
    OUT.write_text(json.dumps(told, indent=2) + "\n")
    print(f"Written to {OUT.relative_to(OUT.parents[1])}")


if __name__ == "__main__":
    main()
