"""A document as a page in Markdown, for people who read it on a code host."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from functions.http.api import JSON
from functions.http.routes import Protocol, Route
from shared.domain.codes import PROBLEMS
from tests.docs.openapi.documents import DOORS, FOLDER, Document, Door, document, shown_of
from tests.docs.openapi.examples import presentable
from tests.docs.openapi.operations import codes_of
from tests.recorded.pages import page as indented

HEADER = "<!-- Written by `make docs` from the table of routes; not by hand. -->"
INDEX = FOLDER / "README.md"
TOKENS = {
    "idToken": "TOKEN",
    "moderatorToken": "MODERATOR",
    "operatorToken": "OPERATOR",
    "deviceSecret": "SECRET",
}
"""Variables of ``docs/api.md`` that hold a credential of each kind."""

OF_ALL = (
    "malformed",
    "noSuchEndpoint",
    "tooLarge",
    "unsupportedMediaType",
    "invalidInput",
    "internal",
    "tryAgain",
)
"""Codes that say nothing about one call; their remedies stand once on a page."""

PATTERNS = {
    r"^[A-Za-z0-9_-]{1,128}$": "1–128 of `A`–`Z`, `a`–`z`, `0`–`9`, `_`, `-`",
    r"^(?!\.{1,2}$)(?!__.*__$)[^/\x00-\x1f\x7f]{1,121}$": (
        "1–121 characters, no `/`, no control characters, not `.`, `..` or `__…__`"
    ),
    r"^[A-Za-z0-9]{2,8}$": "2–8 letters or digits",
    r"^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$": "language-Script-TERRITORY, the "
    "latter two if need be",
    r"^[!-~]{32,128}$": "32–128 visible ASCII characters",
    r"^(?!\.{1,2}(?:/|$))(?!__)[^/]{1,128}$": "1–128 characters, no `/`, not `.`, `..` or `__…`",
    r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,255}$": (
        "at most 64 characters, `@`, at most 255"
    ),
    r"^[a-z0-9-]{1,64}$": "1–64 of `a`–`z`, `0`–`9`, `-`",
}
"""What a pattern asks for, in words."""

Operation = tuple[Route, str, Document]
"""A row with its path and what the document says of it."""


def pages() -> Iterator[tuple[Path, str]]:
    """Yield each page with its file, the index first."""
    yield INDEX, _index()
    for door in DOORS:
        yield FOLDER / f"{door.name}.md", page(door)


def page(door: Door) -> str:
    """Write the page of a door."""
    found = document(door)
    operations = list(_operations(door, found))
    parts = [
        f"# {door.name}",
        HEADER,
        found["info"]["description"].replace("`docs/api.md`", "[api.md](../api.md)"),
        f"For tools: [{door.name}.json]({door.name}.json). All pages: [README.md](README.md).",
        "## Credentials",
        *_credentials(found),
        "## Operations",
        _table(("operation", "what it does"), map(_line, operations)),
        "### Refusals of all calls",
        _table(("`code`", "what to do"), _refusals_of_all(door)),
    ]
    for tag in found["tags"]:
        parts.append(f"## {tag['name']}")
        for operation in operations:
            if operation[2]["tags"] == [tag["name"]]:
                parts += _operation(door, found, operation)
    parts += ["## Models", *_models(found["components"]["schemas"])]
    return "\n\n".join(parts) + "\n"


def _index() -> str:
    rows = (
        (
            f"[{door.name}]({door.name}.md)",
            f"[{door.name}.json]({door.name}.json)",
            door.title.removeprefix("Fanfare for "),
            str(len(door.rows)),
        )
        for door in DOORS
    )
    parts = ["# Reference", HEADER, _WHAT, _table(("page", "document", "for", "calls"), rows)]
    return "\n\n".join([*parts, _HELD, _LEFT_OUT]) + "\n"


_WHAT = (
    "Every call that a person, a server or a device can make, out of the tables and models by "
    "which the functions check and answer. [api.md](../api.md) tells the same as a story, with a "
    "curl for each call that runs on the local stack; [authorisation.md](../authorisation.md) says "
    "who gets which status."
)
_HELD = (
    "The documents are OpenAPI 3.1. `make docs` writes them and these pages; tests hold every "
    "recorded and every fuzzed answer of the functions against them."
)
_LEFT_OUT = (
    "Left out are the functions that only Google's services call (events, tasks, the clock) and "
    "`telegram-webhook`: nobody else gets past their 401, and what they take is defined by Google "
    "and by Telegram."
)


# ---- operations ----------------------------------------------------------------------------------


def _operations(door: Door, document: Document) -> Iterator[Operation]:
    for row in door.rows:
        path = row.template if row.protocol is Protocol.REST else f"/{row.function}"
        yield row, path, document["paths"][path][row.method.lower()]


def _line(operation: Operation) -> Sequence[str]:
    row, path, said = operation
    return f"[`{row.method} {path}`](#{_anchor(f'{row.method} {path}')})", said["summary"]


def _refusals_of_all(door: Door) -> Iterator[Sequence[str]]:
    possible = {code for row in door.rows for code in codes_of(row)}
    yield from ((f"`{code}`", PROBLEMS[code].remedy) for code in OF_ALL if code in possible)


def _credentials(document: Document) -> Iterator[str]:
    rows = (
        (f"`{name}`", scheme["description"])
        for name, scheme in document["components"]["securitySchemes"].items()
    )
    yield "Each is sent as `Authorization: Bearer …`."
    yield _table(("scheme", "what it is"), rows)
    yield (
        "The commands below use the variables of [api.md](../api.md#addresses): `GATEWAY`, the "
        "address of the functions, and `TOKEN`, `MODERATOR`, `OPERATOR` and `SECRET`, which hold a "
        "credential each. Ids and names in them are examples."
    )


def _operation(door: Door, document: Document, operation: Operation) -> Iterator[str]:
    row, path, said = operation
    yield f"### `{row.method} {path}`"
    yield f"**{said['summary']}** {said['description']}"
    yield from _command(door, operation)
    if parameters := said.get("parameters"):
        yield "Parameters:"
        yield _table(("name", "in", "type and limits", "what it is"), map(_parameter, parameters))
    if sent := said.get("requestBody"):
        need = "" if sent["required"] else " It may be left out."
        yield f"Body: {_kind(sent['content'][JSON]['schema'])}.{need}"
    yield _table(
        ("status", "answer", "headers"),
        (_success(int(status), it) for status, it in said["responses"].items() if status < "4"),
    )
    refused = list(_refusals(document["components"]["responses"], said["responses"]))
    if own := [row for row in refused if row[1] not in OF_ALL]:
        rows = ((status, f"`{code}`", PROBLEMS[code].remedy) for status, code in own)
        yield _table(("status", "`code`", "what to do"), rows)
    shared = ", ".join(f"{status} `{code}`" for status, code in refused if code in OF_ALL)
    yield f"As [all calls](#refusals-of-all-calls): {shared}."


def _command(door: Door, operation: Operation) -> Iterator[str]:
    """Show the first example as a curl, with its answer."""
    row, path, said = operation
    shown = shown_of(row)[0]
    url = shown.path if row.protocol is Protocol.REST else path
    parts = [f'curl -s "$GATEWAY{door.base}{url}"']
    if row.method != ("GET" if shown.body is None else "POST"):
        parts[0] = parts[0].replace("curl -s", f"curl -s -X {row.method}")
    if schemes := [name for need in said["security"][:1] for name in need]:
        parts.append(f'-H "Authorization: Bearer ${TOKENS[schemes[0]]}"')
    if shown.body is not None:
        parts.append(f"--json {_quoted(shown.body)}")
    yield f"```bash\n{_folded(parts)}\n```"
    yield f"`{shown.status}`"
    if shown.answer is not None:
        yield f"```json\n{indented(_shortened(presentable(shown.answer))).rstrip()}\n```"


def _shortened(value: Any) -> Any:
    """Cut long lists of objects after the first."""
    if isinstance(value, dict):
        return {name: _shortened(each) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    short = [_shortened(each) for each in value]
    return [short[0], "…"] if len(value) > 1 and isinstance(value[0], dict) else short


def _quoted(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > 80:
        text = indented(value).rstrip()
    return "'" + text.replace("'", "'\\''") + "'"


def _folded(parts: Sequence[str]) -> str:
    line = " ".join(parts)
    return line if len(line) <= 110 and "\n" not in line else " \\\n  ".join(parts)


def _parameter(parameter: Document) -> Sequence[str]:
    need = "required, " if parameter.get("required") else ""
    kind = f"{need}{_kind(parameter['schema'])}"
    return f"`{parameter['name']}`", parameter["in"], kind, parameter["description"]


def _success(status: int, response: Document) -> Sequence[str]:
    (content,) = response.get("content", {"": None}).values()
    answer = _kind(content["schema"]) if content else "no body"
    if status == 304:
        answer = response["description"]
    return str(status), answer, ", ".join(f"`{name}`" for name in response.get("headers", {}))


def _refusals(shared: Document, responses: Document) -> Iterator[tuple[str, str]]:
    for status, response in responses.items():
        if status >= "4":
            name = response.get("$ref", "").rpartition("/")[2]
            for code in _codes(shared[name] if name else response):
                yield status, code


def _codes(response: Document) -> Sequence[str]:
    """Read the codes out of a response's schema."""
    ((form, content),) = response["content"].items()
    schema = content["schema"]
    if form == JSON:
        schema = schema["properties"]["error"]
        return schema["allOf"][1]["properties"]["details"]["properties"]["code"]["enum"]  # type: ignore[no-any-return]
    return schema["allOf"][1]["properties"]["code"]["enum"]  # type: ignore[no-any-return]


# ---- models --------------------------------------------------------------------------------------


def _models(schemas: Document) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f"### {name}"
        yield schema["description"]
        if properties := schema.get("properties"):
            required = set(schema.get("required", ()))
            yield _table(
                ("field", "", "type and limits", "what it is"),
                (_field(field, each, field in required) for field, each in properties.items()),
            )
        elif schema.get("properties") is None:
            yield f"{_sentence(_kind(schema))}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _field(name: str, schema: Document, required: bool) -> Sequence[str]:
    need = "required" if required else ""
    if (default := schema.get("default")) is not None:
        need = f"`{json.dumps(default)}`"
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    shown = {"anyOf": kinds} if kinds and not required else schema
    return f"`{name}`", need, _kind(shown), schema["description"]


def _kind(schema: Document) -> str:
    """Put the type of a value with its limits in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    if "anyOf" in schema:
        kinds = [_kind(each) for each in schema["anyOf"]]
        return " or ".join(dict.fromkeys(kinds))
    if schema.get("required") == ["data"]:
        return f"`data`: {_kind(schema['properties']['data'])}"
    if schema.get("required") == ["result"]:
        return f"`result`: {_kind(schema['properties']['result'])}"
    return ", ".join((_type(schema), *_limits(schema)))


def _type(schema: Document) -> str:
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{value}`" for value in values)
    match schema.get("type"):
        case "array":
            inner = _kind(schema["items"])
            return f"list of ({inner})" if ", " in inner else f"list of {inner}"
        case "object":
            values = schema.get("additionalProperties")
            return f"object of {_kind(values)} by name" if isinstance(values, dict) else "object"
        case str(plain):
            return {"integer": "whole number", "boolean": "true or false"}.get(plain, plain)
    return "anything"


def _limits(schema: Document) -> Iterator[str]:
    for least, most, what in (
        ("minLength", "maxLength", "characters"),
        ("minItems", "maxItems", "entries"),
        ("minimum", "maximum", ""),
    ):
        if limits := _range(schema.get(least), schema.get(most)):
            yield f"{limits} {what}".strip()
    if form := schema.get("format"):
        yield str(form)
    if pattern := schema.get("pattern"):
        yield PATTERNS[pattern]


def _range(least: int | None, most: int | None) -> str:
    match least, most:
        case None, None:
            return ""
        case _, None:
            return f"at least {least:,}"
        case None, _:
            return f"at most {most:,}"
    return f"{least:,}–{most:,}"


# ---- Markdown ------------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _anchor(title: str) -> str:
    """Return the name under which code hosts link to a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
