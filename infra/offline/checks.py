"""The real providers' checks beyond the schema itself.

Terraform checks names, types, nesting and what is required. Which values an argument may have, and
which arguments exclude each other, only the provider knows; ``supplement.json`` has the rules that
matter here, and the schema the values.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]

Json = dict[str, Any]
Place = tuple[str | int, ...]
UNKNOWN = msgpack.ExtType(0, b"\x00")


@dataclass(frozen=True, slots=True)
class Fault:
    """Description of a fault, and its place."""

    summary: str
    detail: str
    place: Place = ()


def is_unknown(value: object) -> bool:
    """Tell whether the value will only be known when the change is applied."""
    if isinstance(value, list):
        return any(is_unknown(each) for each in value)
    return isinstance(value, msgpack.ExtType)


def faults(block: Json, supplement: Mapping[str, Any], config: Any) -> Iterator[Fault]:
    """Yield everything wrong with the configuration of one resource."""
    yield from _values(block, config, ())
    for rule in supplement.get("rules", ()):
        for place, found in _reached(config, list(filter(None, rule.get("at", "").split(".")))):
            yield from _broken(rule, found, place)


def _values(block: Json, config: Any, place: Place) -> Iterator[Fault]:
    if not isinstance(config, dict):
        return
    for name, argument in block["arguments"].items():
        value, here = config.get(name), (*place, name)
        settable = argument.get("optional") or argument.get("required")
        if value is not None and not settable:
            yield Fault(
                "Value for unconfigurable attribute", f'"{name}" is decided by Google', here
            )
        allowed = argument.get("values")
        for each in value if isinstance(value, list) else [value]:
            if allowed and isinstance(each, str) and each and each not in allowed:
                yield Fault("Invalid value", f"{name} must be one of {allowed}, not {each}", here)
    for name, nested in block["blocks"].items():
        for deeper, found in _reached(config, [name]):
            yield from _values(nested, found, (*place, *deeper))


def _reached(value: Any, path: Sequence[str], place: Place = ()) -> Iterator[tuple[Place, Json]]:
    """Yield every block at this path, with its place."""
    if isinstance(value, list):
        for n, each in enumerate(value):
            yield from _reached(each, path, (*place, n))
    elif isinstance(value, dict):
        if not path:
            yield place, value
        else:
            yield from _reached(value.get(path[0]), path[1:], (*place, path[0]))


def _broken(rule: Json, block: Json, place: Place) -> Iterator[Fault]:
    if "matches" in rule:
        value = block.get(rule["field"])
        if isinstance(value, str) and not re.search(rule["matches"], value):
            yield Fault("Invalid value", rule["say"], (*place, rule["field"]))
        return
    kind, names = next((k, v) for k, v in rule.items() if k in {"exactly_one", "at_most_one"})
    unsure = [name for name in names if is_unknown(block.get(name))]
    given = [name for name in names if block.get(name) not in (None, []) and name not in unsure]
    if len(given) > 1 or (kind == "exactly_one" and not given and not unsure):
        words = kind.replace("_", " ")
        yield Fault("Invalid combination of arguments", f"{words} of {names}, not {given}", place)
