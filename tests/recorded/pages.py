"""Recorded JSON as pages that people can review: short values on one line, names in their order."""

import json
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WIDTH = 100

Json = Any
Fields = Mapping[str, Any]
"""Fields of a document in the form of Firestore's REST API, with the type of each value."""
Documents = Mapping[str, Fields]
"""By path: ``pendingNotifications/n1/history/000001``."""


def page(value: Json) -> str:
    """Write ``value`` for a file; what fits on a line stands on one."""
    return _written(value, 0) + "\n"


def load(path: Path) -> Json:
    """Read a recording; nothing where there is none yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def changes(path: Path, value: Json) -> list[str]:
    """Compare a recording with what it would be now, as the lines of a diff."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    name = str(path.relative_to(HERE))
    lines = unified_diff(
        before.splitlines(),
        page(value).splitlines(),
        f"recorded/{name}",
        f"now/{name}",
        lineterm="",
    )
    return list(lines)


def save(path: Path, value: Json) -> None:
    """Record ``value`` from now on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(value), encoding="utf-8")


def _written(value: Json, depth: int, before: int = 0) -> str:
    """Write a value; ``before`` is how much stands on the line already."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + 2 * depth + before < WIDTH or not isinstance(value, dict | list) or not value:
        return line
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    inner = ",\n".join("  " * (depth + 1) + each for each in _entries(value, depth + 1))
    return f"{opened}\n{inner}\n{'  ' * depth}{closed}"


def _entries(value: Mapping[str, Json] | list[Json], depth: int) -> Iterator[str]:
    if isinstance(value, list):
        yield from (_written(each, depth) for each in value)
        return
    for name, each in value.items():
        key = json.dumps(name, ensure_ascii=False) + ": "
        yield key + _written(each, depth, len(key))
