"""CONTRIBUTING.md lists the files that a change touches: those that name an existing example."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("shared", "functions", "cli", "panel", "local", "infra")
A_CLIENT = ROOT / "cli" / "desktop"
"""Says of itself what it likes, as any client does."""
WRITTEN = {".py", ".js", ".ts", ".html", ".tf", ".toml", ".json"}


@dataclass(frozen=True)
class Row:
    """Kind of change, an existing example of it, and the files it touches."""

    change: str
    example: str
    files: frozenset[str]

    @property
    def product(self) -> frozenset[str]:
        """Files of the product, the demo's included."""
        return frozenset(it for it in self.files if it.partition("/")[0] in PRODUCT)


def rows() -> Iterator[Row]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("<!-- changes -->")[2].partition("<!-- /changes -->")[0]
    for line in table.strip().splitlines()[2:]:
        change, example, *files = (cell.strip() for cell in line.strip("|").split("|"))
        named = re.findall(r"`([\w./*-]+\.\w+|[\w./*-]+/)`", " ".join(files))
        yield Row(change, example.strip("`"), frozenset(named))


ROWS = list(rows())


def naming(example: str) -> frozenset[str]:
    """Find the product's files in whose text or path the example stands, in either spelling."""
    snake = re.sub(r"([A-Z])", lambda it: f"_{it[1].lower()}", example)
    word = re.compile(rf"\b({re.escape(example)}|{re.escape(snake)})\b", re.IGNORECASE)
    found = (
        path
        for folder in PRODUCT
        for path in (ROOT / folder).rglob("*")
        if path.suffix in WRITTEN
        and A_CLIENT not in path.parents
        and (word.search(path.read_text(encoding="utf-8")) or example in _words(path))
    )
    return frozenset(path.relative_to(ROOT).as_posix() for path in found)


def _words(path: Path) -> list[str]:
    return re.split(r"[^a-zA-Z]", path.relative_to(ROOT).as_posix())


def test_the_table_is_read() -> None:
    assert len(ROWS) >= 6
    assert sum(bool(row.example) for row in ROWS) >= 2


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.change)
def test_every_listed_file_is_there(row: Row) -> None:
    assert row.files
    assert [it for it in sorted(row.files) if not list(ROOT.glob(it.rstrip("/")))] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.example], ids=lambda row: row.change)
def test_the_example_stands_in_the_listed_files_and_in_no_other(row: Row) -> None:
    assert naming(row.example) == row.product
