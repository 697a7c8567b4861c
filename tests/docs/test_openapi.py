"""The documents in ``docs/openapi`` are current, whole, valid, and true of what is recorded."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from functions.device.api import DOOR as DEVICE
from functions.http.openapi import description
from functions.http.routes import Protocol, Route
from functions.main import DOORS as FUNCTIONS
from functions.operator.door import DOOR as OPERATOR
from functions.provider.door import DOOR as PROVIDER
from shared.domain.codes import PROBLEMS
from tests.docs.openapi import documents, examples, page
from tests.docs.openapi.documents import DOORS, FOLDER, Document, Door, document, text_of
from tests.docs.openapi.examples import Exchange, of_row
from tests.docs.openapi.fields import FIELDS, PATH
from tests.docs.openapi.operations import CALLERS, GUARDS, OPERATIONS, codes_of

ROWS = [pytest.param(door, row, id=row.endpoint) for door in DOORS for row in door.rows]
EACH_ROW = pytest.mark.parametrize(("door", "row"), ROWS)
EACH_DOOR = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)

OF_SERVICES = {
    "on-notification-written",
    "on-device-written",
    "plan-fanout",
    "send-batch",
    "export-events",
    "tick",
    "telegram-webhook",
}
"""Functions that only Google's services or Telegram call."""

OF_NO_ROW = {
    "methodNotAllowed": "a method that a path does not have is no operation",
    "twoModeratorsNeeded": "only of the command `fanfare approve`",
    "tooMany": "each limit has a code of its own",
}

OF_MANY = {
    "internal",
    "tryAgain",
    "malformed",
    "tooLarge",
    "unsupportedMediaType",
    "invalidInput",
    "noSuchEndpoint",
    "keyEnded",
    "accountClosed",
    "sessionEnded",
    "appCheckFailed",
    "secondFactorRequired",
}
"""Codes that follow from the caller, the function or what a row takes; tests of their own call
every row for them.
"""


def operation(door: Door, row: Route) -> Document:
    path = row.template if row.protocol is Protocol.REST else f"/{row.function}"
    found: Document = document(door)["paths"][path][row.method.lower()]
    return found


def response(door: Door, row: Route, status: int) -> Document | None:
    """Find how a status is described, wherever that stands."""
    found: Document | None = operation(door, row)["responses"].get(str(status))
    name = (found or {}).get("$ref", "").rpartition("/")[2]
    return components(door)["responses"][name] if name else found


def responses(door: Door, row: Route) -> Iterator[tuple[int, Document]]:
    for status in operation(door, row)["responses"]:
        found = response(door, row, int(status))
        assert found
        yield int(status), found


def components(door: Door) -> dict[str, Document]:
    found: dict[str, Document] = document(door)["components"]
    return found


def faults(door: Door, schema: Document, value: object) -> list[str]:
    """List where a value is not as described; a field that is not described is a fault."""
    whole: Document = {"allOf": [schema], "components": components(door)}
    if isinstance(value, dict):
        whole["unevaluatedProperties"] = False
    return [fault.message for fault in OAS31Validator(whole).iter_errors(value)]


def schema_of(described: Mapping[str, Any]) -> Document:
    (content,) = described["content"].values()
    found: Document = content["schema"]
    return found


# ---- current -------------------------------------------------------------------------------------


@EACH_DOOR
def test_a_document_is_the_one_of_the_tables(door: Door) -> None:
    file = FOLDER / f"{door.name}.json"
    assert file.read_text(encoding="utf-8") == text_of(document(door)), f"{file}: make docs"


def test_the_pages_are_those_of_the_documents() -> None:
    for file, text in page.pages():
        assert file.read_text(encoding="utf-8") == text, f"{file}: make docs"


def test_nothing_else_is_in_the_folder() -> None:
    written = {path for path, _ in (*documents.documents(), *page.pages())}
    assert set(FOLDER.iterdir()) == written


# ---- whole ---------------------------------------------------------------------------------------


def test_every_function_is_described_or_is_for_a_service_only() -> None:
    described = {function for door in DOORS for function in door.functions}
    assert described | OF_SERVICES == {name.replace("_", "-") for name in FUNCTIONS}
    assert not described & OF_SERVICES


def test_the_words_are_about_rows_callers_and_fields_that_are_there() -> None:
    assert OPERATIONS.keys() == {row.endpoint for row in examples.ROWS}
    assert CALLERS.keys() == {row.who for row in examples.ROWS}
    guarded = {table.function for table in (DEVICE, OPERATOR, PROVIDER) if table._guard}
    assert GUARDS.keys() == guarded
    schemas = {
        (name, field)
        for door in DOORS
        for name, schema in description(door.name, door.rows)["components"]["schemas"].items()
        for field in schema.get("properties", ())
    }
    said = {
        f"{model}.{field}" if f"{model}.{field}" in FIELDS else field for model, field in schemas
    }
    assert said == FIELDS.keys()
    assert PATH.keys() == {
        name for row in examples.ROWS for name in re.findall(r"{(\w+)}", row.template)
    }


def test_every_code_is_one_of_a_row() -> None:
    assert PROBLEMS.keys() - OF_NO_ROW.keys() == {
        code for door in DOORS for row in door.rows for code in codes_of(row)
    }


@EACH_ROW
def test_an_operation_has_everything_that_its_callers_need(door: Door, row: Route) -> None:
    found = operation(door, row)
    assert all(found[name] for name in ("summary", "description", "operationId", "tags"))
    assert found["summary"].endswith(".")
    assert all(each["description"] for each in found.get("parameters", ()))
    for each in found.get("parameters", ()):
        assert each["in"] != "path" or "example" in each, each["name"]
    for need in found["security"]:
        assert need.keys() <= components(door)["securitySchemes"].keys()
    statuses = set()
    for status, described in responses(door, row):
        statuses.add(status // 100)
        assert described["description"]
        if status in {204, 304}:
            assert "content" not in described
        else:
            assert schema_of(described)
            (content,) = described["content"].values()
            assert content["examples"], status
    assert {2, 4, 5} - {4 if row.template == "/openapi.json" else 0} <= statuses
    if body := found.get("requestBody"):
        (content,) = body["content"].values()
        assert content["examples"]


@EACH_DOOR
def test_every_model_and_field_is_described(door: Door) -> None:
    for name, schema in components(door)["schemas"].items():
        assert schema["description"], name
        assert all(each["description"] for each in schema.get("properties", {}).values()), name


@EACH_DOOR
def test_operations_have_ids_and_tags_of_their_own(door: Door) -> None:
    found = [operation(door, row) for row in door.rows]
    assert Counter(each["operationId"] for each in found).most_common(1)[0][1] == 1
    tags = [each["name"] for each in document(door)["tags"]]
    assert {tag for each in found for tag in each["tags"]} == set(tags)
    assert len(tags) == len(set(tags))


# ---- valid ---------------------------------------------------------------------------------------


@EACH_DOOR
def test_a_document_is_openapi(door: Door) -> None:
    found = document(door)
    assert found["openapi"].startswith("3.1")
    validate(found)


@EACH_DOOR
def test_everything_that_is_referred_to_is_there_and_everything_there_is_referred_to(
    door: Door,
) -> None:
    found = document(door)
    referred = set(re.findall(r'"#/components/(\w+/[^"]+)"', text_of(found)))
    kept = {
        f"{kind}/{name}"
        for kind, each in found["components"].items()
        if kind != "securitySchemes"
        for name in each
    }
    assert referred == kept
    used = {name for row in door.rows for need in operation(door, row)["security"] for name in need}
    assert used == found["components"]["securitySchemes"].keys()


@EACH_ROW
def test_every_example_is_as_described(door: Door, row: Route) -> None:
    found = operation(door, row)
    described = [it for _, it in responses(door, row) if "content" in it]
    for each in (*described, *filter(None, [found.get("requestBody")])):
        (content,) = each["content"].values()
        for name, example in content["examples"].items():
            shared = example.get("$ref", "").rpartition("/")[2]
            value = (components(door)["examples"][shared] if shared else example)["value"]
            assert faults(door, content["schema"], value) == [], name
    for each in found.get("parameters", ()):
        if "example" in each:
            assert faults(door, each["schema"], each["example"]) == [], each["name"]


# ---- true ----------------------------------------------------------------------------------------


@EACH_ROW
def test_every_recorded_answer_is_as_described(door: Door, row: Route) -> None:
    assert of_row(row) or row.template == "/openapi.json"
    for each in of_row(row):
        described = response(door, row, each.status)
        assert described, f"{each.about}: {each.status} is not described"
        if "content" not in described:
            assert each.answer is None, each.about
            continue
        assert faults(door, schema_of(described), each.answer) == [], each.about
        assert headers_of(each) <= described.get("headers", {}).keys(), each.about


@EACH_DOOR
def test_what_is_asked_of_no_operation_is_refused_in_the_same_shape(door: Door) -> None:
    of_rows = [each for row in door.rows for each in of_row(row)]
    others = [
        each
        for function in door.functions
        for each in examples.of_function(function)
        if each not in of_rows
    ]
    shape = "Problem" if door.base else "CallableError"
    assert others
    for each in others:
        if each.status == 204:  # what a browser asks first
            assert each.answer is None
            continue
        assert each.code in {"noSuchEndpoint", "methodNotAllowed", "malformed"}, each.about
        told = each.answer if door.base else each.answer["error"]
        schema = {"$ref": f"#/components/schemas/{shape}"}
        assert faults(door, schema, told) == [], each.about


def headers_of(exchange: Exchange) -> set[str]:
    """Name the headers of an answer that say something about it."""
    told = {"Location", "Retry-After", "WWW-Authenticate", "ETag"}
    return {name for name in exchange.headers if name in told}


@EACH_ROW
def test_every_recorded_request_that_was_taken_is_as_described(door: Door, row: Route) -> None:
    found = operation(door, row)
    queries = {it["name"] for it in found.get("parameters", ()) if it["in"] == "query"}
    headers = {it["name"] for it in found.get("parameters", ()) if it["in"] == "header"}
    for each in (it for it in of_row(row) if it.status < 300):
        assert each.query.keys() <= queries, each.about
        assert not (each.sent.keys() & {"Idempotency-Key"}) - headers
        if each.body is not None and not _wrapped(each.body):
            assert faults(door, schema_of(found["requestBody"]), each.body) == [], each.about


def _wrapped(value: object) -> bool:
    """Tell whether an SDK has wrapped whole numbers, which is the protocol's and not ours."""
    return "type.googleapis.com" in str(value)


NOT_RECORDED = {"looksAtOnceReached"}
"""Said only after real seconds of waiting; ``tests/flow`` has it."""


@EACH_ROW
def test_every_code_of_a_row_is_recorded_of_it(door: Door, row: Route) -> None:
    recorded = {each.code for each in of_row(row)}
    assert set(codes_of(row)) - OF_MANY - recorded <= NOT_RECORDED


@EACH_DOOR
def test_what_is_refused_alike_everywhere_is_recorded_of_some_row(door: Door) -> None:
    shown = components(door)["examples"]
    assert shown.keys() <= {code for row in door.rows for code in codes_of(row)}


# ---- the document that is served -----------------------------------------------------------------


def test_the_served_document_says_the_same_in_fewer_words() -> None:
    door = next(door for door in DOORS if door.name == PROVIDER.function)
    served = description(PROVIDER.function, PROVIDER.routes)
    whole = document(door)
    assert served["paths"].keys() == whole["paths"].keys()
    for row in door.rows:
        short = served["paths"][row.template][row.method.lower()]
        long = operation(door, row)
        assert _says_as_much(
            short, long, but={"parameters", "requestBody", "responses", "security"}
        )
        assert long["responses"].keys() <= short["responses"].keys()
        assert [_place(it) for it in short["parameters"]] == [
            _place(it) for it in long.get("parameters", ())
        ]
        assert bool(short["security"]) == bool(long["security"])
        for status in map(str, (row.status, *row.others)):
            shorter, longer = short["responses"][status], long["responses"][status]
            assert ("content" in shorter) == ("content" in longer)
            if "content" in shorter:
                assert schema_of(shorter) == schema_of(longer)
    for name, schema in whole["components"]["schemas"].items():
        plain = served["components"]["schemas"][name]
        assert plain.get("properties", {}).keys() == schema.get("properties", {}).keys()
        assert plain.get("required") == schema.get("required")


def _says_as_much(short: Document, long: Document, *, but: set[str]) -> bool:
    return all(long[name] == value for name, value in short.items() if name not in but)


def _place(parameter: Document) -> tuple[str, str]:
    return parameter["name"], parameter["in"]
