"""The documents of all doors that a person or a program calls, as they stand in ``docs/openapi``.

``functions.http.openapi`` describes the rows by the models that check and answer; here words,
examples and exact refusals are added. Not among them are the functions that only Google's services
or Telegram call: nobody else gets past their 401, and what they take is defined by those services.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from functions.http.api import JSON, PROBLEM, Account, Id
from functions.http.errors import STATUSES, TABLE
from functions.http.openapi import description
from functions.http.routes import Protocol, Route
from shared.domain.audience.device import HWID_PATTERN
from shared.domain.codes import FIELD_FAULTS, PROBLEMS
from tests.docs.openapi import examples
from tests.docs.openapi.fields import FIELDS, PATH
from tests.docs.openapi.operations import (
    CALLERS,
    GUARDS,
    OPERATIONS,
    REQUEST_HEADERS,
    SCHEMES,
    codes_of,
)

FOLDER = Path(__file__).parents[3] / "docs" / "openapi"
Document = dict[str, Any]

_REFS = "#/components/"
_REGION = {
    "region": {"default": "europe-west1", "description": "Region of the functions."},
    "project": {"default": "PROJECT", "description": "Google Cloud project."},
}
_LOCAL = {"port": {"default": "8080", "description": "`gateway` in `.local/stack.json`."}}


@dataclass(frozen=True, slots=True)
class Door:
    """The functions of one document."""

    name: str
    title: str
    text: str
    functions: tuple[str, ...]

    @property
    def rows(self) -> list[Route]:
        """The rows, in the order of ``OPERATIONS``."""
        order = list(OPERATIONS)
        rows = [row for row in examples.ROWS if row.function in self.functions]
        return sorted(rows, key=lambda row: order.index(row.endpoint))

    @property
    def base(self) -> str:
        """The part of addresses that is the same for all operations."""
        return f"/{self.name}" if self.name in self.functions else ""


DOORS: Sequence[Door] = (
    Door(
        "provider-api",
        "Fanfare for providers",
        "Everything that a provider's panel or server does: write notifications, submit them to "
        "moderation, follow them, take them back. The function serves a shorter form of this "
        "document at `/openapi.json`.",
        ("provider-api",),
    ),
    Door(
        "device-api",
        "Fanfare for devices",
        "What an app on a phone, a browser or a desktop calls: register, keep the push address "
        "current, give or withdraw consent, read what is pending, leave.",
        ("device-api",),
    ),
    Door(
        "operator-api",
        "Fanfare for operators",
        "What whoever runs the platform decides: who may send, on which domains, who moderates; "
        "and the emergency stop.",
        ("operator-api",),
    ),
    Door(
        "moderator-callables",
        "Fanfare for moderators",
        "The functions of the moderator console. They speak the protocol of Firebase callables, so "
        'any official SDK calls them by name; over HTTP each is a POST of `{"data": …}` that is '
        'answered with `{"result": …}` or `{"error": …}`.',
        tuple(row.function for row in examples.ROWS if row.protocol is Protocol.CALLABLE),
    ),
)


def documents() -> Iterator[tuple[Path, Document]]:
    """Yield each document with its file."""
    for door in DOORS:
        yield FOLDER / f"{door.name}.json", document(door)


def text_of(document: Document) -> str:
    """Write a document: the same for the same tables."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


@cache
def document(door: Door) -> Document:
    """Describe a door."""
    plain = description(door.name, door.rows)
    schemes = dict.fromkeys(it for row in door.rows for it in schemes_of(row))
    return {
        "openapi": plain["openapi"],
        "info": {
            **plain["info"],
            "title": door.title,
            "description": f"{door.text}\n\n{_for_all(door)}",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": _servers(door),
        "tags": [{"name": tag} for tag in dict.fromkeys(map(_tag, door.rows))],
        "paths": _paths(door, plain["paths"]),
        "components": {
            "schemas": _schemas(door, plain["components"]["schemas"]),
            "responses": dict(_shared_responses(door)),
            "headers": dict(_headers(door)),
            "examples": dict(_refused_examples(door)),
            "securitySchemes": {
                name: {"type": "http", "scheme": "bearer", **SCHEMES[name]} for name in schemes
            },
        },
    }


# ---- the whole -----------------------------------------------------------------------------------


def _for_all(door: Door) -> str:
    rest = door.base != ""
    refused = _OF_REST if rest else _OF_CALLABLES
    return f"{_OF_BODIES} {refused} {_TOLD_AT_LENGTH}"


_OF_BODIES = (
    "Bodies are JSON objects in UTF-8 of at most 64 KiB; unknown fields are refused, and null in a "
    "field that need not be given is as if it were left out, unless the call says otherwise. Times "
    "are RFC 3339 in UTC. Answers may gain fields; ignore those you do not know. After a 500 "
    "(once), a 503 or a 429 the request may be repeated: wait as `Retry-After` says."
)
_OF_REST = (
    "Refusals are problems of RFC 9457; branch on `code`, never on a sentence. Any other method at "
    "a path is refused with 405."
)
_OF_CALLABLES = (
    "Branch on `error.details.code`, never on a sentence. Any other method is refused with 400."
)
_TOLD_AT_LENGTH = "The whole story, with a curl for each call, is in `docs/api.md`."


def _servers(door: Door) -> list[Document]:
    return [
        {
            "url": "https://{region}-{project}.cloudfunctions.net" + door.base,
            "description": "Google Cloud",
            "variables": _REGION,
        },
        {
            "url": "http://127.0.0.1:{port}" + door.base,
            "description": "The local stack (`make run`)",
            "variables": _LOCAL,
        },
    ]


def _tag(route: Route) -> str:
    return OPERATIONS[route.endpoint].tag


# ---- operations ----------------------------------------------------------------------------------


def _paths(door: Door, plain: Mapping[str, Document]) -> Document:
    paths: Document = {}
    for row in door.rows:
        rest = row.protocol is Protocol.REST
        path, method = (row.template if rest else f"/{row.function}"), row.method.lower()
        paths.setdefault(path, {})[method] = _operation(row, plain[path][method])
    return paths


def _operation(route: Route, plain: Document) -> Document:
    said = OPERATIONS[route.endpoint]
    shown = shown_of(route)
    operation: Document = {
        "tags": [said.tag],
        "operationId": plain["operationId"],
        "summary": plain["summary"],
        "description": f"{_rest_of(route)}{said.text}\n\nCalled by {CALLERS[route.who].words}.",
        "security": _security(route),
    }
    parameters = [_parameter(route, each, shown) for each in plain.get("parameters", ())]
    if guard := GUARDS.get(route.function):
        header = {"name": guard.header, "in": "header", "description": guard.words}
        parameters.append({**header, "schema": {"type": "string"}})
    if parameters:
        operation["parameters"] = parameters
    if sent := plain.get("requestBody"):
        operation["requestBody"] = _request_body(sent, shown)
    operation["responses"] = {
        **{
            str(status): _success(route, status, plain["responses"][str(status)], shown)
            for status in sorted((route.status, *route.others))
        },
        **{str(status): _refusal(route, status, codes) for status, codes in refusals_of(route)},
    }
    return operation


def _rest_of(route: Route) -> str:
    """Return what the handler's own words say beyond the summary."""
    whole = _plain_quotes(" ".join((route.handler.__doc__ or "").split()))
    more = whole.removeprefix(_plain_quotes(route.summary)).strip()
    return f"{more} " if more else ""


def schemes_of(route: Route) -> tuple[str, ...]:
    """Name the security schemes of a row, any of which will do."""
    return (*CALLERS[route.who].schemes, *OPERATIONS[route.endpoint].schemes)


def _security(route: Route) -> list[Document]:
    needed: list[Document] = [{name: []} for name in schemes_of(route)]
    free = not CALLERS[route.who].schemes
    return [{}, *needed] if free and needed else needed


def _parameter(route: Route, plain: Document, exchanges: Sequence[examples.Exchange]) -> Document:
    name, place = plain["name"], plain["in"]
    if place == "path":
        kept = {**plain, "description": PATH[name], "schema": _in_path(route, name)}
        if name == "id" and "keys" in route.template:
            kept["description"] = "Id of the key."
        values = examples.path_values(route, exchanges[0].path)
        return {**kept, "example": values[name]}
    if place == "header":
        return {**plain, "description": REQUEST_HEADERS[name]}
    said = {**plain, "description": _field(route.input.__name__, name)}
    done = (it for it in examples.of_row(route) if it.status < 300)
    for value in (each.query[name] for each in done if name in each.query):
        return {**said, "example": int(value) if "integer" in str(plain["schema"]) else value}
    return said


def _in_path(route: Route, name: str) -> Document:
    """Describe a part of the path by what the door's table takes there."""
    pattern = {"hwid": HWID_PATTERN.pattern.replace(r"\Z", "$")}.get(name)
    if f"<id:{name}>" in route.path:
        pattern = f"^{Id.regex}$"
    if f"<account:{name}>" in route.path:
        pattern = f"^{Account.regex}$"
    return {"type": "string", "pattern": pattern} if pattern else {"type": "string"}


def _request_body(plain: Document, exchanges: Sequence[examples.Exchange]) -> Document:
    schema = plain["content"][JSON]["schema"]
    content: Document = {"schema": schema}
    if sent := [each for each in exchanges if each.body is not None]:
        content["examples"] = {_slug(it): {"summary": it.about, "value": it.body} for it in sent}
    return {"required": plain["required"], "content": {JSON: content}}


def _success(
    route: Route, status: int, plain: Document, exchanges: Sequence[examples.Exchange]
) -> Document:
    said: Document = {"description": _DONE.get(status, "Done.")}
    if headers := OPERATIONS[route.endpoint].headers:
        said["headers"] = {
            name: {"description": text, "required": True, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    if "content" in plain:
        ((form, content),) = plain["content"].items()
        values = [it for it in exchanges if it.status == status]
        said["content"] = {
            form: {
                "schema": content["schema"],
                "examples": {
                    _slug(it): {"summary": it.about, "value": examples.presentable(it.answer)}
                    for it in values
                },
            }
        }
    return said


_DONE = {
    201: "Done; something new was made.",
    204: "Done; the answer has no body.",
    304: "The client has this state of it already.",
}


def shown_of(route: Route) -> list[examples.Exchange]:
    """Choose the recorded exchanges to show for a row: each kind of success at least once."""
    done = [each for each in examples.of_row(route) if each.status < 300]
    if wanted := OPERATIONS[route.endpoint].examples:
        named = {each.about: each for each in done}
        return [named[about] for about in wanted]
    return done[:1] or [_itself(route)]


def _itself(route: Route) -> examples.Exchange:
    """Make the example of the one row whose answer is this document, which is recorded whole."""
    assert route.template == "/openapi.json", route.endpoint
    whole = description(route.function, [route])
    short = {**whole, "paths": {}, "components": {}}
    return examples.Exchange("shortened", route.template, None, 200, short, {}, {})


# ---- refusals ------------------------------------------------------------------------------------

_WORDS = {row.status: row.word for row in reversed(list(TABLE.values()))}
"""The protocol's word for each status; the first counts, since a callable gives no other."""


def status_of(protocol: Protocol, code: str) -> int:
    """Look up the HTTP status with which a code comes."""
    status = PROBLEMS[code].status
    return status if protocol is Protocol.REST else STATUSES[_WORDS[status]]


def refusals_of(route: Route) -> list[tuple[int, list[str]]]:
    """List the statuses with which a row may refuse or fail, each with its codes."""

    def status(code: str) -> int:
        return status_of(route.protocol, code)

    return [(it, list(codes)) for it, codes in groupby(sorted(codes_of(route), key=status), status)]


def _refusal(route: Route, status: int, codes: Sequence[str]) -> Document:
    """Describe a refusal: one with a single code is the same wherever it may come."""
    if len(codes) == 1:
        return {"$ref": f"{_REFS}responses/{codes[0]}"}
    return _response(route.protocol, status, codes, examples.refusals(route.function))


def _response(
    protocol: Protocol,
    status: int,
    codes: Sequence[str],
    exchange_by_code: Mapping[str, examples.Exchange],
) -> Document:
    rest = protocol is Protocol.REST
    said: Document = {"description": "\n".join(f"- `{it}`: {PROBLEMS[it].remedy}." for it in codes)}
    if headers := dict(_refusal_headers(protocol, status, codes)):
        said["headers"] = headers
    shown = {
        code: {"$ref": f"{_REFS}examples/{code}"} for code in codes if code in exchange_by_code
    }
    schema = _problem(status, codes) if rest else _callable_error(codes)
    said["content"] = {PROBLEM if rest else JSON: {"schema": schema, "examples": shown}}
    return said


def _problem(status: int, codes: Sequence[str]) -> Document:
    exact = {"status": {"const": status}, "code": {"enum": list(codes)}}
    return {"allOf": [{"$ref": f"{_REFS}schemas/Problem"}, {"properties": exact}]}


def _callable_error(codes: Sequence[str]) -> Document:
    words = sorted({_WORDS[PROBLEMS[code].status] for code in codes})
    exact = {
        "status": {"enum": words},
        "details": {"properties": {"code": {"enum": list(codes)}}},
    }
    error = {"allOf": [{"$ref": f"{_REFS}schemas/CallableError"}, {"properties": exact}]}
    return {
        "type": "object",
        "required": ["error"],
        "properties": {"error": error},
        "additionalProperties": False,
    }


def _refusal_headers(
    protocol: Protocol, status: int, codes: Sequence[str]
) -> Iterator[tuple[str, Document]]:
    if status == 401 and protocol is Protocol.REST:
        yield "WWW-Authenticate", {"$ref": f"{_REFS}headers/WWW-Authenticate"}
    if status in {429, 503}:
        yield "Retry-After", {"$ref": f"{_REFS}headers/Retry-After"}
    if "inProgress" in codes:
        yield "Retry-After", {"$ref": f"{_REFS}headers/Retry-After-In-Progress"}


def _shared_responses(door: Door) -> Iterator[tuple[str, Document]]:
    """Yield the refusals that have one code, by their code."""
    single: dict[str, tuple[Route, int]] = {}
    for row in door.rows:
        for status, codes in refusals_of(row):
            if len(codes) == 1:
                single.setdefault(codes[0], (row, status))
    for code in (it for it in PROBLEMS if it in single):
        row, status = single[code]
        yield code, _response(row.protocol, status, [code], examples.refusals(row.function))


def _headers(door: Door) -> Iterator[tuple[str, Document]]:
    seconds = {"type": "integer", "minimum": 1}
    wait = "Seconds to wait before the request is repeated."
    yield "Retry-After", {"description": wait, "required": True, "schema": seconds}
    if any("inProgress" in codes_of(row) for row in door.rows):
        text = f"With `inProgress`. {wait}"
        yield "Retry-After-In-Progress", {"description": text, "schema": seconds}
    if door.base:
        text = "How to prove who one is."
        known = {"type": "string", "const": "Bearer"}
        yield "WWW-Authenticate", {"description": text, "required": True, "schema": known}


def _refused_examples(door: Door) -> Iterator[tuple[str, Document]]:
    """Yield a recorded refusal for each code that a row of the door may answer with."""
    known: dict[str, examples.Exchange] = {}
    for function in door.functions:
        known = {**examples.refusals(function), **known}
    possible = {code for row in door.rows for code in codes_of(row)}
    for code in PROBLEMS:
        if code in known and code in possible:
            yield code, {"value": known[code].answer}


# ---- models --------------------------------------------------------------------------------------


def _schemas(door: Door, plain: Mapping[str, Document]) -> Document:
    partial = {
        model.__name__
        for row in door.rows
        if row.method in {"PUT", "PATCH"}
        for model in row.inputs
    }
    return {
        name: _schema(name, each, defaults=name not in partial | _PARTIAL)
        for name, each in plain.items()
        if name
        not in {"Nothing", *(row.input.__name__ for row in door.rows if row.method == "GET")}
    }


_PARTIAL = {"LimitsInput"}
"""Models within others of which only what is sent counts, as of all that PUT and PATCH take."""


def _schema(name: str, plain: Document, *, defaults: bool) -> Document:
    schema: Document = {"description": _MODELS.get(name, ""), **plain}
    schema["description"] = _plain_quotes(schema["description"])
    if "properties" in plain:
        schema["properties"] = {
            each: {"description": _field(name, each), **_without_noise(schema, defaults=defaults)}
            for each, schema in plain["properties"].items()
        }
    if name == "Problem":
        schema["properties"]["errors"]["items"] = _field_fault(
            plain["properties"]["errors"]["items"]
        )
    return schema


def _without_noise(plain: Document, *, defaults: bool) -> Document:
    """Drop the title that repeats the name, and a default that says nothing or does not count."""
    kept = {name: value for name, value in plain.items() if name != "title"}
    if not defaults or kept.get("default") in (None, "", []):
        kept.pop("default", None)
    return kept


_MODELS = {
    "Problem": "A refusal or a failure, as RFC 9457 has it.",
    "CallableError": "A refusal or a failure, as the protocol of callables has it.",
}


def _field_fault(plain: Document) -> Document:
    words = {
        "field": "The field at fault, as a path: `targetSegment.region.0`.",
        "code": f"One of {', '.join(f'`{code}`' for code in FIELD_FAULTS)}.",
        "message": "What is wrong with it, for people; it may change.",
    }
    described = {
        name: {"description": words[name], **each} for name, each in plain["properties"].items()
    }
    return {**plain, "properties": described}


def _field(model: str, name: str) -> str:
    return FIELDS.get(f"{model}.{name}") or FIELDS[name]


def _plain_quotes(text: str) -> str:
    """Turn the quotes of docstrings into Markdown's, and lines into paragraphs."""
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    return "\n\n".join(paragraphs).replace("``", "`")


def _slug(exchange: examples.Exchange) -> str:
    return re.sub(r"[^a-z0-9]+", "-", exchange.about.lower()).strip("-")
