"""From what each run came to, to one number a key: the median, with the range it is taken from.

A suite says for every key what each run came to; for a ratio both of its sides were measured in
the same run, one right after the other. A key that no run measured is not there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Runs = Mapping[str, Sequence[float]]
"""Key -> what each run came to."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What the runs came to, all together."""

    median: float
    least: float
    most: float
    runs: int


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """One for each pair; none when one side could not be measured."""
    if not above or not below:
        return []
    return [a / b for a, b in zip(above, below, strict=True)]


def summary(runs: Runs) -> dict[str, Figure]:
    """A figure for each key that was measured."""
    return {
        key: Figure(median(each), min(each), max(each), len(each))
        for key, each in runs.items()
        if each
    }


def line(meaning: str, figure: Figure) -> str:
    """A row of the table."""
    spread = f"{figure.least:.3f} – {figure.most:.3f}"
    return f"{meaning:<60}{figure.median:>9.3f}   {spread:<19} {figure.runs:>2} runs"


def keep(figures: Mapping[str, Figure], out: Path, *, whole: bool, **circumstances: str) -> None:
    """Only a whole run forgets what it did not measure; circumstances are those of the last run.

    Each key has its one number; the ranges are apart, under ``spread``.
    """
    told = {} if whole or not out.exists() else json.loads(out.read_text())
    spread = told.pop("spread", {}) | {key: _range(each) for key, each in figures.items()}
    medians = {key: each.median for key, each in figures.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        json.dumps({**told, **medians, **circumstances, "spread": spread}, indent=2) + "\n"
    )


def _range(figure: Figure) -> dict[str, float]:
    return {"least": figure.least, "most": figure.most, "runs": figure.runs}
