"""The reduction of all runs' values to one number a key: the median, with its range.

A suite gives for every key the value of each run; for a ratio both of its sides were measured in
the same run, one right after the other. A key that no run measured is absent.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Runs = Mapping[str, Sequence[float]]
"""Values of all runs, by key."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Median and range of all runs."""

    median: float
    least: float
    most: float
    runs: int


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Compute one ratio for each pair; none when one side could not be measured."""
    if not above or not below:
        return []
    return [a / b for a, b in zip(above, below, strict=True)]


def summary(runs: Runs) -> dict[str, Figure]:
    """Compute a figure for each key that was measured."""
    return {
        key: Figure(median(each), min(each), max(each), len(each))
        for key, each in runs.items()
        if each
    }


def line(meaning: str, figure: Figure) -> str:
    """Format a row of the table."""
    spread = f"{figure.least:.3f} – {figure.most:.3f}"
    return f"{meaning:<60}{figure.median:>9.3f}   {spread:<19} {figure.runs:>2} runs"


def keep(figures: Mapping[str, Figure], out: Path, *, whole: bool, **circumstances: str) -> None:
    """Write figures to the file; those that were not measured stay in it, unless the run was a
    whole one.

    Circumstances are those of the last run. Each key has its one number; the ranges are apart,
    under ``spread``.
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
