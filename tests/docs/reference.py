"""``docs/api.md`` as its reader takes it: commands, the answer shown after each, and tables.

A step is a ``bash`` block. Its answer is a line that begins with a status in backticks, and the
``json`` block after it, if there is a body.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).parents[2] / "docs" / "api.md"
LEFT_OUT = "…"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"\s*`(\d{3})`")
_CURL = re.compile(r'curl -s( -X (?P<method>[A-Z]+))? "\$(?P<base>[A-Z]+)(?P<path>/[^"?]*)[^"]*"')
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_COUNTER = re.compile(r"(.*C|c)ount|devices")
_MAPS = {"errors", "counts", "byPlatform"}
"""Their names differ from stack to stack, as their numbers do."""


@dataclass(frozen=True)
class Request:
    """One curl: against which of the document's addresses, and what it asks for."""

    base: str
    method: str
    path: str


@dataclass(frozen=True)
class Step:
    """Commands, and what they answer."""

    line: int
    commands: str
    status: int | None
    answer: Any = None

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every curl in it, in order."""
        starts = [found.start() for found in re.finditer(r"curl ", self.commands)]
        each = [self.commands[a:b] for a, b in pairwise([*starts, len(self.commands)])]
        return tuple(map(_request, each))

    def __str__(self) -> str:
        called = f" {self.requests[-1].method} {self.requests[-1].path}" if self.requests else ""
        return f"line {self.line}{called}"


def _request(command: str) -> Request:
    found = _CURL.match(command)
    assert found, f"a curl that cannot be read: {command}"
    method = found["method"] or ("POST" if "--json" in command else "GET")
    return Request(found["base"], method, found["path"])


def steps() -> list[Step]:
    """Read the whole document, from top to bottom."""
    text = REFERENCE.read_text(encoding="utf-8")
    blocks = list(_BLOCK.finditer(text))
    return [
        _step(text, block, following)
        for block, following in zip(blocks, [*blocks[1:], None], strict=True)
        if block[1] == "bash"
    ]


def _step(text: str, block: re.Match[str], following: re.Match[str] | None) -> Step:
    line = text.count("\n", 0, block.start()) + 1
    status = _STATUS.match(text, block.end())
    shown = following and following[1] == "json" and status
    return Step(
        line=line,
        commands=block[2],
        status=int(status[1]) if status else None,
        answer=json.loads(following[2]) if following and shown else None,
    )


def tables(kind: str) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield what follows each ``<!-- kind: name -->``: the name, and the rows of cells."""
    text = REFERENCE.read_text(encoding="utf-8")
    for found in re.finditer(rf"<!-- {kind}: (\w+) -->\n\n((?:\|.*\n)+)", text):
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in found[2].splitlines()
        ]
        yield found[1], [rows[0], *rows[2:]]


def quoted(cell: str) -> list[str]:
    """Return what is in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def differences(example: Any, real: Any, where: str = "") -> Iterator[str]:
    """Yield where an answer is not what the document shows, apart from what it leaves open."""
    if type(example) is not type(real):
        yield f"{where or 'the answer'}: shown {example!r}, really {real!r}"
    elif isinstance(example, dict):
        yield from _in_objects(example, real, where)
    elif isinstance(example, list):
        yield from _in_lists(example, real, where)
    elif example != real and not _left_open(example, real, where):
        yield f"{where}: shown {example!r}, really {real!r}"


def _in_objects(example: Mapping[str, Any], real: Mapping[str, Any], where: str) -> Iterator[str]:
    wanted = [name for name in example if name != LEFT_OUT]
    if missing := [name for name in wanted if name not in real]:
        yield f"{where or 'the answer'}: has no {', '.join(missing)}"
    if (
        LEFT_OUT not in example
        and _name(where) not in _MAPS
        and (more := real.keys() - example.keys())
    ):
        yield f"{where or 'the answer'}: not shown: {', '.join(sorted(more))}"
    for name in wanted:
        if name in real:
            yield from differences(example[name], real[name], f"{where}.{name}".lstrip("."))


def _in_lists(example: list[Any], real: list[Any], where: str) -> Iterator[str]:
    wanted = [each for each in example if each != LEFT_OUT]
    if LEFT_OUT not in example and len(wanted) != len(real):
        yield f"{where}: shown {len(wanted)} entries, really {len(real)}"
    for number, each in enumerate(wanted):
        place = f"{where}[{number}]"
        if not any(not list(differences(each, it, place)) for it in real):
            yield f"{place}: no entry is like {each!r}, really {real!r}"


def _left_open(example: Any, real: Any, where: str) -> bool:
    if isinstance(example, str):
        both_times = _TIME.fullmatch(example) and _TIME.fullmatch(real)
        return LEFT_OUT in example or bool(both_times)
    parent = where.rpartition(".")[0]
    counted = _COUNTER.fullmatch(_name(where)) or _name(parent) in _MAPS
    return isinstance(example, int) and not isinstance(example, bool) and bool(counted)


def _name(where: str) -> str:
    return where.rpartition(".")[2]
