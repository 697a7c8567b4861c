"""Firestore's words in its REST API: values, queries and writes, as plain JSON-ready dicts.

Only what our hot path uses. A version or a moment of the store has nanoseconds that a
``datetime`` cannot hold; it stays the text it came as, or the next comparison would fail.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Raw = dict[str, Any]
"""JSON of the REST API: a value, a document, a query or a write."""

NAME = "__name__"


class Foreign:
    """A value of a kind that we never store: bytes, a reference, a place on earth."""

    __slots__ = ()


FOREIGN = Foreign()


class Timestamp(str):
    """A moment as the store wrote it. ``moment`` gives up its nanoseconds."""

    __slots__ = ()

    @property
    def moment(self) -> datetime:
        """As a ``datetime``, to the microsecond."""
        return moment(self)


def moment(text: str) -> datetime:
    """A moment of the store as an aware ``datetime``."""
    return datetime.fromisoformat(text)


def written(at: datetime) -> str:
    """A ``datetime`` as the store writes moments."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


# ---- values ----------------------------------------------------------------------------------


def encode(value: object) -> Raw:
    """A Python value as a Firestore value; raises ``TypeError`` for a type we do not store."""
    match value:
        case None:
            return {"nullValue": None}
        case bool():
            return {"booleanValue": value}
        case int():
            return {"integerValue": str(value)}
        case float():
            return {"doubleValue": value}
        case Timestamp():
            return {"timestampValue": value}
        case str():
            return {"stringValue": str(value)}
        case datetime():
            return {"timestampValue": written(value)}
        case Mapping():
            return {"mapValue": {"fields": {str(k): encode(v) for k, v in value.items()}}}
        case Sequence() if not isinstance(value, bytes | bytearray):
            return {"arrayValue": {"values": [encode(v) for v in value]}}
    raise TypeError(f"cannot store a {type(value).__name__}")


def decode(value: Raw, time: Callable[[str], object] = Timestamp) -> Any:
    """A Firestore value as a Python value; moments as ``time`` makes them."""
    ((kind, content),) = value.items()
    match kind:
        case "integerValue":
            return int(content)
        case "timestampValue":
            return time(content)
        case "mapValue":
            return decode_fields(content, time)
        case "arrayValue":
            return [decode(each, time) for each in content.get("values", ())]
        case "doubleValue":
            return float(content)
        case "stringValue" | "booleanValue" | "nullValue":
            return content
        case _:
            return FOREIGN


def decode_fields(document: Raw, time: Callable[[str], object] = Timestamp) -> dict[str, Any]:
    """All fields of a document, or of a map."""
    return {name: decode(value, time) for name, value in document.get("fields", {}).items()}


def id_of(document: Raw) -> str:
    """The last part of a document's name."""
    name: str = document["name"]
    return name[name.rindex("/") + 1 :]


# ---- queries ---------------------------------------------------------------------------------


def where(path: str, op: str, value: object) -> Raw:
    """One condition on one field."""
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
    """All of ``filters``; ``-field`` orders downwards; ``after`` holds encoded cursor values.

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
