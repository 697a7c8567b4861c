"""SDKs send ``undefined`` as null: every optional input of every call takes null.

The bodies are drawn from the models themselves, so that a new field is covered.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from functions.http.bodies import EmptyRequest
from functions.http.openapi import description
from functions.http.routes import Route
from shared.domain.inputs import Input
from shared.wiring import replaced
from tests.doors.conftest import a_body, bearer, client, errors_of
from tests.doors.fuzzing import CALLABLES, CREDENTIALS, REST, a_furnished_fanfare
from tests.doors.test_junk import place
from tests.parts import MemoryParts

Body = dict[str, Any]

TAKING = [
    pytest.param(function, route, model, id=f"{function} {route.method} {route.template} {model}")
    for function, rows in REST.items()
    for route in rows
    if route.method != "GET"
    for model in route.inputs
]
CALLS = [
    pytest.param(function, model, id=f"{function} {model.__name__}")
    for function, route in CALLABLES.items()
    for model in route.inputs
]


@pytest.fixture
def world() -> Iterator[MemoryParts]:
    parts = a_furnished_fanfare()
    with replaced(parts):
        yield parts


def nulls(model: type[BaseModel]) -> Body:
    """Yield null for every field, and such an object for every nested one."""
    found: Body = {}
    for name, field in model.model_fields.items():
        inner, listed = nested(field.annotation)
        value = nulls(inner) if inner else None
        found[field.alias or name] = [value] if inner and listed else value
    return found


def only_nulls(model: type[BaseModel]) -> Body:
    return {field.alias or name: None for name, field in model.model_fields.items()}


def required(model: type[BaseModel], *, within: str = "", deep: bool = False) -> set[str]:
    """Yield the places that need a value."""
    places = set()
    for name, field in model.model_fields.items():
        place = f"{within}{field.alias or name}"
        inner, listed = nested(field.annotation) if deep else (None, False)
        if inner:
            places |= required(inner, within=f"{place}.{'0.' if listed else ''}", deep=True)
        elif field.is_required():
            places.add(place)
    return places


def nested(annotation: Any) -> tuple[type[Input] | None, bool]:
    """Return the model inside a field, and whether the field is a list of them."""
    if isinstance(annotation, type) and issubclass(annotation, Input):
        return annotation, False
    for inner in get_args(annotation):
        if (found := nested(inner)[0]) is not None:
            return found, Ellipsis in get_args(annotation)
    return None, False


def sent(function: str, route: Route, body: Body) -> Any:
    path = place(route).replace("/approved", "/draft")
    known = bearer(CREDENTIALS[function]())
    return client(function).open(path, method=route.method, json=body, headers=known)


@pytest.mark.parametrize(("function", "route", "model"), TAKING)
@pytest.mark.parametrize("deep", [False, True], ids=["", "inside as well"])
def test_only_what_is_required_misses_its_value(
    world: MemoryParts, function: str, route: Route, model: type[BaseModel], deep: bool
) -> None:
    body = nulls(model) if deep else only_nulls(model)
    missing = required(model, deep=deep)
    if "draft" in body and "title" not in missing and route.choice:
        body["draft"] = True
    response = sent(function, route, body)
    if missing:
        assert errors_of(response) == dict.fromkeys(missing, "required")
    else:
        assert response.status_code not in {400, 422, 500}, response.text


@pytest.mark.parametrize(("function", "model"), CALLS)
def test_a_callable_takes_them_too(
    world: MemoryParts, function: str, model: type[BaseModel]
) -> None:
    known = bearer(CREDENTIALS[function]())
    body = {"data": only_nulls(model)}
    if model.__name__ == "TemplateRejection":
        body["data"]["template"] = "a-template"
    response = client(function).open("/", method="POST", json=body, headers=known)
    faults = response.get_json().get("error", {}).get("details", {}).get("errors", [])
    told = {each["field"]: each["code"] for each in faults}
    assert told == dict.fromkeys(required(model), "required")
    assert response.status_code == (400 if told else 200)


@pytest.mark.parametrize("function", REST)
def test_openapi_says_so_of_every_optional_field(function: str) -> None:
    schemas: Mapping[str, Body] = description(function, REST[function])["components"]["schemas"]
    for route in REST[function]:
        if route.method == "GET" or route.input is EmptyRequest:
            continue
        for model in route.inputs:
            schema = schemas[model.__name__]
            needed = set(schema.get("required", ()))
            for name, described in schema["properties"].items():
                takes_null = {"type": "null"} in described.get("anyOf", ())
                assert takes_null is (name not in needed), (model, name)


def test_a_model_within_others_stays_as_it_was_built() -> None:
    class Inner(Input):
        size: int = 1

    built = copy.deepcopy(Inner.__pydantic_core_schema__)

    class Outer(Input):
        inner: Inner | None = None
        more: tuple[Inner, ...] = ()

    assert Inner.__pydantic_core_schema__ == built
    outer = Outer.model_validate_json('{"inner": {"size": null}, "more": [{"size": null}]}')
    assert outer == Outer(inner=Inner(), more=(Inner(),))


def test_a_query_cannot_say_null_and_is_not_described_so() -> None:
    paths = description("provider-api", REST["provider_api"])["paths"]
    for parameter in paths["/v1/notifications"]["get"]["parameters"]:
        assert "anyOf" not in parameter["schema"], parameter


def providers_and_domains(world: MemoryParts) -> Body:
    """Return the stored documents that an operator writes."""
    documents = world.stored()["documents"]
    found = {n: it for n, it in documents.items() if n.startswith(("providers/", "domains/"))}
    assert found
    return found


def test_null_leaves_what_an_operator_does_not_mean_as_it_was(world: MemoryParts) -> None:
    known = bearer(CREDENTIALS["operator_api"]())
    before = providers_and_domains(world)
    for path, body in {
        "/v1/providers/p1": {"isPremium": None, "plan": None, "limits": None, "members": None},
        "/v1/domains/example.com": {"isVerified": None, "adminHwids": None, "providerId": None},
        "/v1/moderation": {"secondApprovalAbove": None, "slaSeconds": None, "templates": None},
    }.items():
        answer = client("operator_api").open(path, method="PUT", json=body, headers=known)
        assert answer.status_code == 200, answer.text
    assert providers_and_domains(world) == before


def test_null_in_an_edit_still_clears_and_still_is_no_draft(world: MemoryParts) -> None:
    known = bearer(CREDENTIALS["provider_api"]())
    body = {"image": None, "body": None, "draft": None}
    path = "/v1/notifications/draft"
    edited = client("provider_api").open(path, method="PATCH", json=body, headers=known)
    assert edited.status_code == 200, edited.text
    assert edited.get_json()["body"] is None
    assert edited.get_json()["title"] is not None


def test_a_request_with_nulls_is_the_same_under_its_idempotency_key(world: MemoryParts) -> None:
    known = bearer(CREDENTIALS["provider_api"]()) | {"Idempotency-Key": "k1"}
    nothing: Body = {"image": None, "draft": None, "forceTimer": None}
    first, again = (
        client("provider_api").post("/v1/notifications", json=body, headers=known)
        for body in (a_body(), a_body(**nothing, targetSegment={"region": None, "platform": None}))
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()


def test_a_null_in_a_list_is_a_wrong_entry_and_in_an_unknown_field_is_unknown(
    world: MemoryParts,
) -> None:
    known = bearer(CREDENTIALS["provider_api"]())
    segment: Body = {"region": ["ru", None], "country": None}
    body = a_body(targetSegment=segment, subtitle=None)
    response = client("provider_api").post("/v1/notifications", json=body, headers=known)
    assert errors_of(response) == {
        "targetSegment.region.1": "wrongType",
        "targetSegment.country": "unknownField",
        "subtitle": "unknownField",
    }
