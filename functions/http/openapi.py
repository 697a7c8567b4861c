"""OpenAPI 3.1 out of a door's table of routes and the models in it: never written by hand."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from functions.http.api import JSON, PROBLEM, Door, Route
from functions.http.bodies import MayBeLeftOut, Nothing
from functions.http.callers import anyone
from functions.http.errors import TABLE
from shared.domain.content.content import CompleteInput, NotificationInput

Fields = dict[str, Any]
Mode = Literal["validation", "serialization"]

_REFS = "#/components/schemas/"
_CHOICES: Mapping[type[BaseModel], tuple[type[BaseModel], ...]] = {
    NotificationInput: (CompleteInput, NotificationInput)
}
"""What a body may be read as, where it says so itself."""

_PROBLEM: Fields = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri"},
        "code": {"type": "string"},
        "details": {"type": "object"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}


def description(door: Door) -> Fields:
    """The whole document."""
    schemas, definitions = _schemas(door.routes)
    paths: dict[str, Fields] = {}
    for route in door.routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Fanfare {door.function}", "version": "1"},
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": {**definitions, "Problem": _PROBLEM},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(routes: Iterable[Route]) -> tuple[Mapping[Any, Fields], Fields]:
    wanted: dict[tuple[type[BaseModel], Mode], None] = {}
    for route in routes:
        for model in _models(route):
            wanted[model, "validation"] = None
        if route.answer:
            wanted[route.answer, "serialization"] = None
    schemas, definitions = models_json_schema(list(wanted), ref_template=_REFS + "{model}")
    return schemas, _for_everyone(definitions.get("$defs", {}))


def _models(route: Route) -> tuple[type[BaseModel], ...]:
    return _CHOICES[route.given] if route.choose else (route.given,)


def _operation(route: Route, schemas: Mapping[Any, Fields]) -> Fields:
    operation: Fields = {
        "operationId": route.handler.__name__,
        "summary": (route.handler.__doc__ or "").strip().splitlines()[0],
        "parameters": [*_in_path(route), *_in_query(route), *_in_header(route)],
        "responses": _responses(route, schemas),
        "security": [] if route.who is anyone else [{"bearer": []}],
    }
    if route.method != "GET" and route.given is not Nothing:
        options = [schemas[model, "validation"] for model in _models(route)]
        schema = options[0] if len(options) == 1 else {"anyOf": options}
        operation["requestBody"] = {
            "content": {JSON: {"schema": schema}},
            "required": not issubclass(route.given, MayBeLeftOut),
        }
    return operation


def _in_path(route: Route) -> list[Fields]:
    names = re.findall(r"{(\w+)}", route.template)
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]


def _in_query(route: Route) -> list[Fields]:
    if route.method != "GET":
        return []
    schema = _for_everyone(route.given.model_json_schema(ref_template=_REFS + "{model}"))
    return [
        {"name": name, "in": "query", "schema": _without_null(each)}
        for name, each in schema.get("properties", {}).items()
    ]


def _without_null(schema: Fields) -> Fields:
    """Return the schema of a query parameter, which cannot say null."""
    rest: list[Fields] = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(rest) != 1:
        return schema
    kept = {name: value for name, value in schema.items() if name != "anyOf"}
    return {name: value for name, value in kept.items() if value is not None} | rest[0]


def _in_header(route: Route) -> list[Fields]:
    text = {"type": "string", "minLength": 1, "maxLength": 255}
    return [{"name": name, "in": "header", "schema": text} for name in route.headers]


def _responses(route: Route, schemas: Mapping[Any, Fields]) -> Fields:
    success: Fields = {"description": "Done"}
    if route.answer:
        success["content"] = {JSON: {"schema": schemas[route.answer, "serialization"]}}
    refused = {
        "description": "Refused or failed",
        "content": {PROBLEM: {"schema": {"$ref": f"{_REFS}Problem"}}},
    }
    statuses = sorted({row.status for row in TABLE.values()})
    return {str(route.status): success, **{str(status): refused for status in statuses}}


def _for_everyone(value: Any) -> Any:
    """Without what only Python understands in a pattern."""
    if isinstance(value, list):
        return [_for_everyone(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: each.replace(r"\Z", "$")
        if name == "pattern" and isinstance(each, str)
        else _for_everyone(each)
        for name, each in value.items()
    }
