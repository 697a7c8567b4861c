"""``make chaos``: break it on purpose, for longer than a test may take, and tell what came of it.

Two things in a simulated cloud, over the real verbs: the whole journey with the process dying at
every external call in turn, once and twice, and storms in which handlers die, events and tasks are
lost, repeated, late, disordered and overlapping. What must never happen is counted; it exits with 1
when anything did. The same through real processes is ``tests/journeys/test_rough_weather.py``.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.flow.hazard import Blow
from tests.flow.storm import Weather, weather
from tests.flow.test_crash_points import MANY_BATCHES, ONE_BATCH, calls_of, every_call

OUT = Path(__file__).parents[1] / ".local" / "chaos.json"
SEEDS = 150
FORBIDDEN = ("lost", "counter_mismatches", "unhandled_errors", "stuck", "other_faults")


def main() -> int:
    """Run everything, print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="storms (%(default)s)")
    asked = parser.parse_args()
    faults: Counter[str] = Counter(dict.fromkeys(FORBIDDEN, 0))
    points = _crash_points(faults)
    storms = _storms(asked.seeds, faults)
    calls = sum(storm.calls for storm in storms)
    struck = sum(storm.crashes + storm.losses + storm.stalls for storm in storms)
    figures = {
        "sends": sum(storm.sent for storm in storms),
        "seeds": len(storms),
        "fault_ratio": round(struck / calls, 4),
        "crash_points": points,
        "double_accepts_total": sum(storm.sent_again for storm in storms),
        **{name: faults[name] for name in FORBIDDEN},
    }
    for name, figure in figures.items():
        print(f"{name:<24}{figure:>12,}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"Written to {OUT.relative_to(OUT.parents[1])}")
    return 1 if any(faults.values()) else 0


def _crash_points(faults: Counter[str]) -> int:
    """How many (call, kind of death, once or twice) were tried."""
    points = 0
    for shape in (ONE_BATCH, MANY_BATCHES):
        calls = calls_of(shape)
        for blow in Blow:
            for again in (False, True):
                print(f"dying {blow} each of {calls} calls{', twice' if again else ''} …")
                _count(every_call(shape, blow, again=again).values(), faults)
                points += calls
    return points


def _storms(seeds: int, faults: Counter[str]) -> list[Weather]:
    storms = []
    for seed in range(seeds):
        if seed % 25 == 0:
            print(f"storm {seed} of {seeds} …")
        try:
            storm = weather(seed)
        except AssertionError:  # the cloud does not come to rest
            faults["stuck"] += 1
        except Exception as error:  # noqa: BLE001 - to be counted, whatever it is
            print(f"seed {seed}: {error!r}")
            faults["unhandled_errors"] += 1
        else:
            _count(storm.wrong.values(), faults)
            storms.append(storm)
    return storms


def _count(wrong: Iterable[list[str]], faults: Counter[str]) -> None:
    """Sort broken promises, told in words, by what they are about."""
    for told in wrong:
        for sentence in told:
            print(f"  broken: {sentence}")
            faults[_kind(sentence)] += 1


def _kind(sentence: str) -> str:
    if "lost" in sentence or "never got it" in sentence:
        return "lost"
    if "counts" in sentence:
        return "counter_mismatches"
    if "still" in sentence or "open" in sentence:
        return "stuck"
    return "other_faults"


if __name__ == "__main__":
    sys.exit(main())
