"""FCM's message format: its fields and what may stand in them, and no others.

Read from FCM's own discovery document, reduced to names and types (``fcm_v1_schema.json``). Like
all of Google's JSON, a field goes by its name in camelCase or in snake_case.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import orjson
from pydantic.alias_generators import to_snake

from local.emulators.fcm.answers import error

Json = dict[str, object]
_SCHEMA: Mapping[str, Mapping[str, str]] = orjson.loads(
    Path(__file__).with_name("fcm_v1_schema.json").read_bytes()
)["types"]
_FIELDS: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    type_: {
        spelling: (name, to_snake(name), kind)
        for name, kind in fields.items()
        for spelling in (name, to_snake(name))
    }
    for type_, fields in _SCHEMA.items()
}
"""Fields by either spelling: the names in camelCase and, for paths, in snake_case, and the type.
"""
_DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")


class Unacceptable(Exception):
    """Error for a body that is refused. ``code`` is FCM's own, empty where only the API objects."""

    def __init__(self, message: str, field: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code

    def body(self) -> bytes:
        """Build the answer of the service."""
        violations = [(self.field, self.message)] if self.field else []
        return error(400, "INVALID_ARGUMENT", self.message, self.code, violations)


def typed(type_: str, message: object, path: str = "") -> Json:
    """Return ``message`` with its fields in camelCase. Raises ``Unacceptable``."""
    if not isinstance(message, dict):
        raise _wrong_value(path, type_, message)
    fields = _FIELDS[type_]
    known: Json = {}
    for spelling, value in message.items():
        if spelling not in fields:
            at = f" at '{path}'" if path else ""
            sentence = f'Unknown name "{spelling}"{at}: Cannot find field.'
            raise Unacceptable(f"Invalid JSON payload received. {sentence}", path or spelling)
        name, shown, kind = fields[spelling]
        if value is not None:
            known[name] = _value(kind, value, f"{path}.{shown}" if path else shown)
    return known


def _value(kind: str, value: object, path: str) -> object:
    if kind[0] == "#":
        return typed(kind[1:], value, path)
    if kind.startswith("list of "):
        return _list(kind.removeprefix("list of "), value, path)
    if kind == "strings by name":
        return _strings(value, path)
    if kind.startswith("one of "):
        right = isinstance(value, str) and value.upper() in kind.split()
    else:
        right = _IS[kind](value)
    if not right:
        raise _wrong_value(path, kind, value)
    return value


def _list(kind: str, value: object, path: str) -> object:
    if not isinstance(value, list):
        raise _wrong_value(path, "list", value)
    return [_value(kind, item, f"{path}[{i}]") for i, item in enumerate(value)]


def _strings(value: object, path: str) -> object:
    if not isinstance(value, dict):
        raise _wrong_value(path, "map", value)
    for index, item in enumerate(value.values()):
        if not isinstance(item, str):
            raise _wrong_value(f"{path}[{index}].value", "TYPE_STRING", item)
    return value


def _wrong_value(path: str, kind: str, value: object) -> Unacceptable:
    shown = {"string": "TYPE_STRING", "boolean": "TYPE_BOOL", "int32": "TYPE_INT32"}.get(kind, kind)
    return Unacceptable(f"Invalid value at '{path}' ({shown}), {value!r}", path or "request")


def _is_int32(value: object) -> bool:
    if isinstance(value, str):
        return bool(re.fullmatch(r"-?\d{1,10}", value)) and _is_int32(int(value))
    return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_IS: Mapping[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "int32": _is_int32,
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "duration": lambda value: isinstance(value, str) and bool(_DURATION.fullmatch(value)),
    "datetime": _is_time,
}
