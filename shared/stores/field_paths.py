"""Paths to fields: ``tally.delivered`` is a field inside a map; an odd name stands in backticks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_PART = re.compile(r"`((?:[^`\\]|\\.)*)`|([^`.]+)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r"[\\`]")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def split(path: str) -> Sequence[str]:
    """Split a path into the names along it, outermost first."""
    if "." not in path and "`" not in path:
        return (path,)
    return tuple(plain or _ESCAPED.sub(r"\1", odd) for odd, plain in _PART.findall(path))


def quoted(name: str) -> str:
    """Form the path to the field of this name, whatever the name holds."""
    if _PLAIN.fullmatch(name):
        return name
    escaped = _TO_ESCAPE.sub(r"\\\g<0>", name)
    return f"`{escaped}`"


def at_path(fields: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path; ``None`` where there is none."""
    if "." not in path and "`" not in path:
        return fields.get(path)
    value: Any = fields
    for name in split(path):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def put_at(fields: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path, making maps on the way; ``None`` removes it.

    The maps on the way are copied, so that a holder of the old ones does not see the change.
    """
    last = path
    if "." in path or "`" in path:
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
