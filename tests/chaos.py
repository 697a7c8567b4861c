"""``make chaos``: break it on purpose, for longer than a test may take, and tell what came of it.

Three things over the real verbs. The whole journey with the process dying at every external call
in turn, once and twice, and with each call failing in every way it can. Storms in which handlers
die, events and tasks are lost, repeated, late, disordered and overlapping. Crossings: the real
senders, over networks that fail, to emulators that tell what they took. Every storm and crossing
has one odd document in each collection that others write. What must never happen is counted; it
exits with 1 when anything did. The same through real processes is
``tests/journeys/test_rough_weather.py``.
"""

import argparse
import json
import logging
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.chaos_network.crossing import cross
from tests.chaos_network.services import afloat
from tests.flow.hazard import Fault
from tests.flow.storm import weather
from tests.flow.test_count import test_fifty_finishers_at_once_make_one_end_and_no_error
from tests.flow.test_crash_points import (
    CRASHES,
    MANY_BATCHES,
    ONE_BATCH,
    OUTAGES,
    every_call,
)
from tests.flow.waits import shorten_waits

OUT = Path(__file__).parents[1] / ".local" / "chaos.json"
STORMS = 150
"""Of seven notifications each: more than a thousand, every event and task up to three times."""
CROSSINGS = 24
STORMS_PER_JOB, CROSSINGS_PER_JOB, FINISHES = 25, 6, 20
PROCESSES = 2
WIDTH = 36

FORBIDDEN = (
    "lost",
    "double_accepts_without_replace_key",
    "counter_mismatches",
    "unhandled_errors",
    "stuck",
)


@dataclass(slots=True)
class Damage:
    """Result of a job: sums, and broken promises in words, by what they are about."""

    what: str
    sums: Counter[str] = field(default_factory=Counter)
    forbidden: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def note(self, seed: object, wrong: Iterable[list[str]]) -> None:
        """Keep broken promises."""
        for sentence in (each for some in wrong for each in some):
            self.forbidden[_kind(sentence)] += 1
            self.lines.append(f"{self.what} {seed}: {sentence}")

    @contextmanager
    def watching(self, seed: object) -> Iterator[None]:
        """Note whatever is raised, and whatever asyncio says that nobody else heard."""
        overheard = Overheard()
        logging.getLogger("asyncio").addHandler(overheard)
        try:
            yield
        except AssertionError as broken:  # the cloud does not come to rest
            self.note(seed, [[f"still going: {broken}"]])
        except Exception as error:  # noqa: BLE001 - to be counted, whatever it is
            self.note(seed, [[f"unhandled: {error!r}"]])
        finally:
            logging.getLogger("asyncio").removeHandler(overheard)
            self.note(seed, [overheard.answers])


class Overheard(logging.Handler):
    """Errors that had nobody to go to."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.answers: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.answers.append(f"unhandled: {record.getMessage()} {record.exc_info}")


def main() -> int:
    """Run everything, print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--storms", type=int, default=STORMS, help="storms (%(default)s)")
    parser.add_argument("--seeds", type=int, default=CROSSINGS, help="crossings (%(default)s)")
    asked = parser.parse_args()
    began = time.monotonic()
    sums: Counter[str] = Counter()
    forbidden: Counter[str] = Counter()
    for found in _done([*_crossings(asked.seeds), *_storms(asked.storms), *_crash_points()]):
        sums += found.sums
        forbidden += found.forbidden
        minutes, seconds = divmod(int(time.monotonic() - began), 60)
        told = "; ".join(found.lines) or "all promises kept"
        print(f"{minutes}:{seconds:02} {found.what}: {told}")
    _print("besides", {name: sums[name] for name in sums if name not in ("sends", "crash_points")})
    figures = _figures(sums, forbidden)
    _print("figures", figures)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"Written to {OUT.relative_to(OUT.parents[1])}")
    return 1 if forbidden else 0


def _figures(sums: Mapping[str, int], forbidden: Mapping[str, int]) -> Mapping[str, float]:
    """Collect the figures. Sends, faults and double accepts are those of the crossings, where push
    services can be asked.
    """
    return {
        "sends": sums["sends"],
        "seeds": sums["crossings"],
        "fault_ratio": round(sums["faults"] / max(1, sums["sends"]), 4),
        "crash_points": sums["crash_points"],
        "lost": forbidden["lost"],
        "double_accepts_without_replace_key": forbidden["double_accepts_without_replace_key"],
        "double_accepts_total": sums["double_accepts"],
        "counter_mismatches": forbidden["counter_mismatches"],
        "unhandled_errors": forbidden["unhandled_errors"],
        "stuck": forbidden["stuck"],
    }


def _print(title: str, figures: Mapping[str, float]) -> None:
    print(f"\n{title}")
    for name, figure in figures.items():
        print(f"  {name:<{WIDTH}}{figure:>12,}")


def _done(jobs: Iterable[Callable[[], Damage]]) -> Iterator[Damage]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_hush) as pool:
        for future in as_completed([pool.submit(job) for job in jobs]):
            yield future.result()


def _hush() -> None:
    """Silence the logs of senders and emulators: of so many faults they say nothing new. Have
    nobody wait for real before a write is tried again.
    """
    logging.getLogger().addHandler(logging.NullHandler())
    shorten_waits(pytest.MonkeyPatch())


# ---- jobs ----------------------------------------------------------------------------------------


def _crash_points() -> Iterator[Callable[[], Damage]]:
    shapes: Mapping[str, Mapping[str, int]] = {"large": ONE_BATCH, "small": MANY_BATCHES}
    for name, shape in shapes.items():
        for fault in (*CRASHES, *OUTAGES):
            yield partial(crash, f"{fault}, {name} batches", shape, fault)


def crash(what: str, shape: Mapping[str, int], fault: Fault) -> Damage:
    """Have every call of the journey fail so, one at a time."""
    found = Damage(what)
    with found.watching("anywhere"):
        struck = every_call(shape, fault)
        for number, wrong in struck.wrong.items():
            found.note(f"at call {number}", [wrong])
        found.sums["crash_points"] = len(struck.calls)
    return found


def _storms(storms: int) -> Iterator[Callable[[], Damage]]:
    for first in range(0, storms, STORMS_PER_JOB):
        yield partial(storm, range(first, min(storms, first + STORMS_PER_JOB)))


def storm(seeds: Iterable[int]) -> Damage:
    """Let storms pass; and have fifty finish one notification at once, which only threads can."""
    found = Damage("storm")
    for seed in seeds:
        with found.watching(seed):
            passed = weather(seed)
            found.note(seed, passed.wrong.values())
            found.sums += Counter(
                storms=1,
                notifications_in_storms=passed.notifications,
                sends_in_storms=passed.sent,
                crashes_in_storms=passed.crashes,
                lost_events_and_tasks_in_storms=passed.losses,
            )
    for _ in range(FINISHES):
        with found.watching("fifty finishers"):
            test_fifty_finishers_at_once_make_one_end_and_no_error()
            found.sums["notifications_with_fifty_finishers"] += 1
    return found


def _crossings(seeds: int) -> Iterator[Callable[[], Damage]]:
    for first in range(0, seeds, CROSSINGS_PER_JOB):
        yield partial(crossing, range(first, min(seeds, first + CROSSINGS_PER_JOB)))


def crossing(seeds: Iterable[int]) -> Damage:
    """Send over networks that fail."""
    found = Damage("crossing")
    with tempfile.TemporaryDirectory() as folder, afloat(Path(folder)) as sea:
        for seed in seeds:
            with found.watching(seed):
                made = cross(sea, seed)
                bare = made.accepted_again["withoutReplaceKey"]
                found.note(seed, made.wrong.values())
                found.forbidden += Counter(double_accepts_without_replace_key=bare)
                found.sums += Counter(
                    crossings=1,
                    sends=made.sends,
                    faults=made.faults,
                    double_accepts=sum(made.accepted_again.values()),
                    crashes_in_crossings=made.crashes,
                )
        found.sums += _dealt(sea)
    return found


def _dealt(sea: Any) -> Counter[str]:
    return Counter(
        {
            f"{kind}: {name}": times
            for kind, network in sea.services.networks.items()
            for name, times in network.dealt.items()
        }
    )


def _kind(sentence: str) -> str:
    """Name the figure that a sentence counts for: without one, it is an unhandled error."""
    if "lost" in sentence or "never got it" in sentence:
        return "lost"
    if "counts" in sentence:
        return "counter_mismatches"
    if "still" in sentence or "open" in sentence:
        return "stuck"
    return "unhandled_errors"


if __name__ == "__main__":
    sys.exit(main())
