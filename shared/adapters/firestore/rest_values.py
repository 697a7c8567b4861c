"""Firestore's REST API as plain JSON-ready dicts: values, queries and writes.

Only what we use. A version has nanoseconds that a ``datetime`` cannot hold; it stays the text it
came as, or the next comparison would fail.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Raw = dict[str, Any]
"""JSON of the REST API: a value, a document, a query or a write."""

NAME = "__name__"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A value of a kind that we never store: bytes, a reference, a place on earth. ``raw`` is the
    value in the API's words, where it came by the API.
    """

    raw: Raw | None = None


FOREIGN = Foreign()


def written(at: datetime) -> str:
    """Write a ``datetime`` as the store writes moments."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


# ---- values ----------------------------------------------------------------------------------


_SAME_IN_JSON: Mapping[type, str] = {
    str: "stringValue",
    bool: "booleanValue",
    float: "doubleValue",
    type(None): "nullValue",
}


def encode(value: object) -> Raw:
    """Write a Python value as a Firestore value; raises ``TypeError`` for a type that we do not
    store.
    """
    if (kind := _SAME_IN_JSON.get(type(value))) is not None:
        return {kind: value}
    match value:
        case int():
            return {"integerValue": str(value)}
        case str():
            return {"stringValue": str(value)}
        case datetime():
            return {"timestampValue": written(value)}
        case Mapping():
            return {"mapValue": {"fields": {str(k): encode(v) for k, v in value.items()}}}
        case Foreign() if value.raw is not None:
            return value.raw
        case Sequence() if not isinstance(value, bytes | bytearray):
            return {"arrayValue": {"values": [encode(v) for v in value]}}
    raise TypeError(f"cannot store a {type(value).__name__}")


def decode(value: Raw) -> Any:
    """Read a Firestore value as a Python value."""
    ((kind, content),) = value.items()
    if (reader := _READERS.get(kind)) is not None:
        return reader(content)
    return content if kind in _SAME_IN_PYTHON else Foreign(value)


def decode_fields(document: Raw) -> dict[str, Any]:
    """Read all fields of a document, or of a map."""
    found = {}
    for name, value in document.get("fields", _NO_FIELDS).items():
        # Most values on a page are texts, and a call for each would cost as much as the page.
        text = value.get("stringValue")
        found[name] = decode(value) if text is None else text
    return found


def _listed(content: Raw) -> list[Any]:
    return [decode(each) for each in content.get("values", ())]


_NO_FIELDS: Raw = {}
_SAME_IN_PYTHON = {"stringValue", "booleanValue", "nullValue"}
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "integerValue": int,
    "timestampValue": datetime.fromisoformat,
    "mapValue": decode_fields,
    "arrayValue": _listed,
    "doubleValue": float,
}


# ---- queries ---------------------------------------------------------------------------------


def where(path: str, op: str, value: object) -> Raw:
    """Build one condition on one field."""
    return {"fieldFilter": {"field": {"fieldPath": path}, "op": op, "value": encode(value)}}


def query(
    collection: str,
    *filters: Raw,
    order: Sequence[str] = (),
    select: Sequence[str] = (),
    limit: int = 0,
    after: Sequence[Raw] = (),
    everywhere: bool = False,
) -> Raw:
    """Build a query with all of ``filters``; ``-field`` orders downwards; ``after`` holds encoded
    cursor values.

    ``everywhere`` asks every collection of that name, whatever it is below.
    """
    source = {"collectionId": collection} | ({"allDescendants": True} if everywhere else {})
    asked: Raw = {"from": [source]}
    if len(filters) == 1:
        asked["where"] = filters[0]
    elif filters:
        asked["where"] = {"compositeFilter": {"op": "AND", "filters": list(filters)}}
    if order:
        asked["orderBy"] = [_ordered(field) for field in order]
    if select:
        asked["select"] = {"fields": [{"fieldPath": path} for path in select]}
    if limit:
        asked["limit"] = limit
    if after:
        asked["startAt"] = {"values": list(after), "before": False}
    return asked


def _ordered(field: str) -> Raw:
    direction = "DESCENDING" if field.startswith("-") else "ASCENDING"
    return {"field": {"fieldPath": field.removeprefix("-")}, "direction": direction}


# ---- writes ----------------------------------------------------------------------------------


def write(
    name: str,
    fields: Mapping[str, Any],
    mask: Sequence[str] | None = None,
    *,
    version: str = "",
    exists: bool | None = None,
) -> Raw:
    """Write encoded ``fields``; with a ``mask`` only these paths, removing those not given.

    ``version`` or ``exists`` is the condition under which it may happen.
    """
    wanted: Raw = {"update": {"name": name, "fields": fields}}
    if mask is not None:
        wanted["updateMask"] = {"fieldPaths": mask}
    if version:
        wanted["currentDocument"] = {"updateTime": version}
    elif exists is not None:
        wanted["currentDocument"] = {"exists": exists}
    return wanted
