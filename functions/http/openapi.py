"""OpenAPI 3.1 out of the table of routes and the models in it: never written by hand.

It describes any rows, of REST and of callables; ``provider-api`` serves the document of its own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from functions.http.api import JSON, PROBLEM
from functions.http.bodies import EmptyRequest, OptionalRequest
from functions.http.callers import anyone
from functions.http.routes import Protocol, Route

Fields = dict[str, Any]
Mode = Literal["validation", "serialization"]

_REFS = "#/components/schemas/"
_NO_FIELDS: Fields = {
    "additionalProperties": False,
    "description": "For what takes no input: any is a fault.",
    "properties": {},
    "title": "Nothing",
    "type": "object",
}
"""A request without fields, by the name under which it was published."""

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


_CALLABLE_ERROR: Fields = {
    "type": "object",
    "required": ["status", "message", "details"],
    "properties": {
        "status": {"type": "string"},
        "message": {"type": "string"},
        "details": {
            "type": "object",
            "required": ["code"],
            "properties": {"code": {"type": "string"}},
        },
    },
}


def description(name: str, routes: Sequence[Route]) -> Fields:
    """Describe these routes in one document."""
    schemas, definitions = _schemas(routes)
    paths: dict[str, Fields] = {}
    for route in routes:
        describe = _rest if route.protocol is Protocol.REST else _callable
        paths.setdefault(_path(route), {})[route.method.lower()] = describe(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Fanfare {name}", "version": "1"},
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": {**definitions, **_refusals(routes)},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _path(route: Route) -> str:
    return route.template if route.protocol is Protocol.REST else f"/{route.function}"


def _schemas(routes: Sequence[Route]) -> tuple[Mapping[Any, Fields], Fields]:
    wanted: dict[tuple[type[BaseModel], Mode], None] = {}
    for route in routes:
        for model in route.inputs:
            if model is not EmptyRequest:
                wanted[model, "validation"] = None
        if route.answer:
            wanted[route.answer, "serialization"] = None
    schemas, definitions = models_json_schema(list(wanted), ref_template=_REFS + "{model}")
    found: Fields = _for_everyone(definitions.get("$defs", {}))
    if any(route.input is EmptyRequest for route in routes):
        found = dict(sorted({**found, "Nothing": _NO_FIELDS}.items()))
    return schemas, found


def _refusals(routes: Iterable[Route]) -> Fields:
    """Describe the refusals of those protocols that are in use."""
    shapes = {
        Protocol.REST: ("Problem", _PROBLEM),
        Protocol.CALLABLE: ("CallableError", _CALLABLE_ERROR),
    }
    return dict(shapes[protocol] for protocol in dict.fromkeys(it.protocol for it in routes))


def _rest(route: Route, schemas: Mapping[Any, Fields]) -> Fields:
    operation: Fields = {
        **_named(route),
        "parameters": [*_in_path(route), *_in_query(route), *_in_header(route)],
        "responses": _rest_responses(route, schemas),
        "security": _security(route),
    }
    if route.method != "GET" and route.input is not EmptyRequest:
        options = _options(route, schemas)
        schema = options[0] if len(options) == 1 else {"anyOf": options}
        operation["requestBody"] = {
            "content": {JSON: {"schema": schema}},
            "required": not issubclass(route.input, OptionalRequest),
        }
    return operation


def _callable(route: Route, schemas: Mapping[Any, Fields]) -> Fields:
    fields = [it for model in route.inputs for it in model.model_fields.values()]
    nothing = [] if any(it.is_required() for it in fields) else [{"type": "null"}]
    data = {"anyOf": [*_options(route, schemas), *nothing]}
    result = schemas[route.answer, "serialization"] if route.answer else {}
    refused = _enveloped("Refused or failed", "error", {"$ref": f"{_REFS}CallableError"})
    sent = {**_envelope("data", data), "additionalProperties": False}
    return {
        **_named(route),
        "requestBody": {"content": {JSON: {"schema": sent}}, "required": True},
        "responses": {
            str(route.status): _enveloped("Done", "result", result),
            **{str(status): refused for status in route.faults},
        },
        "security": _security(route),
    }


def _named(route: Route) -> Fields:
    return {"operationId": route.operation, "summary": route.summary}


def _security(route: Route) -> list[Fields]:
    return [] if route.who is anyone else [{"bearer": []}]


def _options(route: Route, schemas: Mapping[Any, Fields]) -> list[Fields]:
    return [schemas[model, "validation"] for model in route.inputs]


def _envelope(name: str, schema: Fields) -> Fields:
    return {"type": "object", "required": [name], "properties": {name: schema}}


def _enveloped(description: str, name: str, schema: Fields) -> Fields:
    return {"description": description, "content": {JSON: {"schema": _envelope(name, schema)}}}


def _in_path(route: Route) -> list[Fields]:
    names = re.findall(r"{(\w+)}", route.template)
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]


def _in_query(route: Route) -> list[Fields]:
    if route.method != "GET":
        return []
    schema = _for_everyone(route.input.model_json_schema(ref_template=_REFS + "{model}"))
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


def _rest_responses(route: Route, schemas: Mapping[Any, Fields]) -> Fields:
    success: Fields = {"description": "Done"}
    if route.answer:
        success["content"] = {JSON: {"schema": schemas[route.answer, "serialization"]}}
    unchanged: Fields = {"description": "Not modified"}
    refused = {
        "description": "Refused or failed",
        "content": {PROBLEM: {"schema": {"$ref": f"{_REFS}Problem"}}},
    }
    return {
        str(route.status): success,
        **{str(status): unchanged if status == 304 else success for status in route.others},
        **{str(status): refused for status in route.faults},
    }


def _for_everyone(value: Any) -> Any:
    """Take out of patterns what only Python understands."""
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
