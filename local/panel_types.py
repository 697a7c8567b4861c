"""The panel's types, written from the table of routes: ``make docs`` writes ``panel/types.d.ts``.

The panel is plain JavaScript; editors and ``tsc --checkJs`` read the types through its JSDoc.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from functions.http.openapi import description
from functions.table import routes

FILE = Path(__file__).parent.parent / "panel" / "types.d.ts"
FUNCTION = "provider-api"
HEADER = "// Written from the table of routes by `make docs`; not by hand.\n"

_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}
_REFS = "#/components/schemas/"


def types() -> str:
    """Write the types of everything that ``provider-api`` takes and answers."""
    document = description(FUNCTION, [route for route in routes() if route.function == FUNCTION])
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    named = {name: each for name, each in schemas.items() if each.get("properties") != {}}
    return "\n".join([HEADER, *(_declaration(name, each) for name, each in named.items())])


def _declaration(name: str, schema: Mapping[str, Any]) -> str:
    if "properties" not in schema:
        return f"export type {name} = {_type(schema)};\n"
    lines = "".join(f"  {line};\n" for line in _members(schema))
    return f"export interface {name} {{\n{lines}}}\n"


def _members(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, each in schema["properties"].items():
        yield f"{name}{'' if name in required else '?'}: {_type(each)}"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REFS)
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " | ".join(f'"{value}"' for value in values)
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    return _by_name(schema)


def _by_name(schema: Mapping[str, Any]) -> str:
    match schema.get("type"):
        case "null":
            return "null"
        case "array":
            inner = _type(schema["items"])
            return f"({inner})[]" if "|" in inner else f"{inner}[]"
        case "object" if "properties" in schema:
            return f"{{ {'; '.join(_members(schema))} }}"
        case "object":
            values = schema.get("additionalProperties")
            return f"Record<string, {_type(values) if isinstance(values, dict) else 'unknown'}>"
        case str(plain):
            return _PLAIN[plain]
    return "unknown"


if __name__ == "__main__":
    FILE.write_text(types(), encoding="utf-8")
