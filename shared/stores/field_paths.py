"""Paths to fields: ``tally.delivered`` is a field inside a map; an odd name stands in backticks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PART = re.compile(r"`((?:[^`\\]|\\.)*)`|([^`.]+)")
_ESCAPED = re.compile(r"\\(.)")


def split(path: str) -> Sequence[str]:
    """Split a path into the names along it, outermost first."""
    if "." not in path and "`" not in path:
        return (path,)
    return tuple(plain or _ESCAPED.sub(r"\1", quoted) for quoted, plain in _PART.findall(path))


def at_path(fields: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path; ``None`` where there is none."""
    value: Any = fields
    for name in split(path):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def put_at(fields: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path, making maps on the way; ``None`` removes it.

    The maps on the way are copied, so that a holder of the old ones does not see the change.
    """
    *outer, last = split(path)
    for name in outer:
        inner = fields.get(name)
        fields[name] = fields = dict(inner) if isinstance(inner, Mapping) else {}
    if value is None:
        fields.pop(last, None)
    else:
        fields[last] = value


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Build a document's fields from fields by path, without those that are ``None``."""
    whole: dict[str, Any] = {}
    for path, value in fields.items():
        if value is not None:
            put_at(whole, path, value)
    return whole
