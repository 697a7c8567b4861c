"""The smallest request that a model takes, made from its JSON schema."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Json = Any


def smallest(model: type[BaseModel], **values: Json) -> Json:
    """Make a request with the required fields only, each as short as may be; some are ``known``."""
    schema = model.model_json_schema()
    return _value(schema, schema.get("$defs", {})) | {
        name: value for name, value in values.items() if name in schema["properties"]
    }


def _value(schema: Mapping[str, Json], inner: Mapping[str, Json]) -> Json:
    if "$ref" in schema:
        return _value(inner[schema["$ref"].rpartition("/")[2]], inner)
    if "anyOf" in schema:
        return _value(schema["anyOf"][0], inner)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema["type"]:
        case "object":
            required = schema.get("required", ())
            return {name: _value(schema["properties"][name], inner) for name in required}
        case "array":
            return [_value(schema["items"], inner)] * schema.get("minItems", 0)
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return True
    return "x" * max(1, schema.get("minLength", 1))
