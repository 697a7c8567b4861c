"""Values as the API writes them, and as the database in memory holds them.

The product's own codec reads a stored null as no value. A store must give back what was written, so
a null stays one here, and a value of a kind that we never store stays as it came.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from shared.adapters.firestore.rest_values import Foreign, Raw
from shared.adapters.memory.database import NULL, Null


def held(value: Raw) -> Any:
    """Read a value of the API as it is held."""
    ((kind, content),) = value.items()
    if (reader := _READERS.get(kind)) is not None:
        return reader(content)
    return Foreign(value)


def held_fields(container: Raw) -> dict[str, Any]:
    """Read all fields of a document, or of a map."""
    return {name: held(value) for name, value in container.get("fields", _NOTHING).items()}


def shown(value: Any) -> Raw:
    """Write a held value as the API does."""
    return _WRITERS[type(value)](value)


def shown_fields(fields: Mapping[str, Any]) -> Raw:
    """Write the fields of a document, or of a map."""
    return {
        name: {"stringValue": value} if type(value) is str else _WRITERS[type(value)](value)
        for name, value in fields.items()
    }


def moment(text: str) -> str:
    """Write a moment as the database does: clients write the same one with fewer digits."""
    at = datetime.fromisoformat(text)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _shown_moment(at: datetime) -> Raw:
    """Write a moment with no, three or six digits after the second, as protocol buffers do."""
    whole = "milliseconds" if at.microsecond else "seconds"
    digits = "microseconds" if at.microsecond % 1000 else whole
    text = at.astimezone(UTC).isoformat(timespec=digits)
    return {"timestampValue": text.replace("+00:00", "Z")}


def _shown_float(value: float) -> Raw:
    if math.isfinite(value):
        return {"doubleValue": value}
    return {"doubleValue": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}


def _shown_foreign(value: Foreign) -> Raw:
    return value.raw or {"nullValue": None}


_NOTHING: Raw = {}
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "stringValue": str,
    "booleanValue": bool,
    "integerValue": int,
    "doubleValue": float,
    "timestampValue": datetime.fromisoformat,
    "nullValue": lambda _: NULL,
    "mapValue": held_fields,
    "arrayValue": lambda content: [held(each) for each in content.get("values", ())],
}
_WRITERS: Mapping[type, Callable[[Any], Raw]] = {
    str: lambda value: {"stringValue": value},
    bool: lambda value: {"booleanValue": value},
    int: lambda value: {"integerValue": str(value)},
    float: _shown_float,
    datetime: _shown_moment,
    Null: lambda _: {"nullValue": None},
    dict: lambda value: {"mapValue": {"fields": shown_fields(value)}},
    list: lambda value: {"arrayValue": {"values": [shown(each) for each in value]}},
    Foreign: _shown_foreign,
}
