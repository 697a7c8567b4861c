"""Junk on the wire: what no description has, and every door still answers in its own words."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from functions.http.callers import anyone
from functions.http.routes import Route
from functions.operator.moderation import delete_moderator
from functions.provider.insight import explain
from shared.wiring import replaced
from tests.doors.conftest import a_body, bearer, client
from tests.doors.fuzzing import (
    CALLABLES,
    CREDENTIALS,
    HERE,
    REST,
    AnswerView,
    a_furnished_fanfare,
    fuzzed,
    sound,
    sound_callable,
)
from tests.doors.junk import HEADERS, JUNK, NAMES, TOKENS
from tests.parts import MemoryParts

JSON = {"Content-Type": "application/json"}
ODD_METHODS = ("TRACE", "CONNECT", "PROPFIND", "LOCK", "X" * 50)
LIST = "/v1/notifications"


@pytest.fixture
def world() -> Iterator[MemoryParts]:
    parts = a_furnished_fanfare()
    with replaced(parts):
        yield parts


def ask(function: str, method: str, path: str, **sent: Any) -> TestResponse:
    headers: Mapping[str, str] = sent.pop("headers", {})
    known = {**bearer(CREDENTIALS[function]()), **headers}
    return client(function).open(path, method=method, headers=known, **sent)


def answer_view(response: TestResponse) -> AnswerView:
    return AnswerView(response.status_code, response.headers, response.text)  # type: ignore[arg-type]


def place(route: Route, name: str | None = None) -> str:
    """Fill the route's path with existing names, or with ``name`` in its last place."""
    names = re.findall(r"{(\w+)}", route.template)
    path = route.template
    for each in names:
        chosen = name if name and each == names[-1] else HERE[each][0]
        path = path.replace("{" + each + "}", chosen)
    return path


ROUTES = [
    pytest.param(function, route, id=f"{function} {route.method} {route.template}")
    for function, rows in REST.items()
    for route in rows
]
NAMING = [each for each in ROUTES if "{" in each.values[1].template]  # type: ignore[union-attr]
GUARDED = [each for each in ROUTES if each.values[1].who is not anyone]  # type: ignore[union-attr]


# ---- bodies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "route"), ROUTES)
def test_a_junk_body_is_refused_and_changes_nothing(
    world: MemoryParts, function: str, route: Route
) -> None:
    before = world.stored()
    for junk in JUNK:
        if not junk.strip() or route.method == "GET":
            continue
        answer = answer_view(ask(function, route.method, place(route), data=junk, headers=JSON))
        sound(answer)
        assert answer.status in {400, 413, 422}, (junk[:40], answer.text)
    assert world.stored() == before


@pytest.mark.parametrize("function", CALLABLES)
def test_a_callable_refuses_junk_in_its_envelope(world: MemoryParts, function: str) -> None:
    before = world.stored()
    for junk in JUNK:
        answer = answer_view(ask(function, "POST", "/", data=junk, headers=JSON))
        sound_callable(answer)
        assert answer.status == 400, (junk[:40], answer.text)
    assert world.stored() == before


@fuzzed
@given(raw=st.binary(max_size=200), kind=st.sampled_from(["application/json", "text/plain", ""]))
def test_any_bytes_are_answered(raw: bytes, kind: str) -> None:
    with replaced(a_furnished_fanfare()):
        for function, path in (("provider_api", LIST), ("device_api", "/v1/devices")):
            sound(
                answer_view(ask(function, "POST", path, data=raw, headers={"Content-Type": kind}))
            )
        for function in CALLABLES:
            sent = {"Content-Type": kind}
            sound_callable(answer_view(ask(function, "POST", "/", data=raw, headers=sent)))


TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)
LINKS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["https", "HTTPS", "http", "myapp", "data", "1"]),
    st.sampled_from(["", "a@", "a:b@", "[", "[::1]", "0x7f.1", "xn--", "xn--a.", "\u0430pple."]),
    TEXTS,
    st.sampled_from(["", ":0", ":99999", ":x", "/", "?#", "\u202e", "%00", "..", "\\\\"]),
)


@fuzzed
@given(title=TEXTS, body=TEXTS, url=LINKS, image=LINKS, button=TEXTS, domain=TEXTS, version=TEXTS)
def test_any_text_and_any_link_are_taken_or_refused_by_name(
    title: str, body: str, url: str, image: str, button: str, domain: str, version: str
) -> None:
    segment = {"domain": domain, "appVersion": version}
    given = {"title": title, "body": body, "url": url, "image": image, "urlButtonName": button}
    with replaced(a_furnished_fanfare()):
        for sent in (
            given,
            {"url": url},
            {"title": title or "x", "body": body or "x"},
            {"targetSegment": segment},
        ):
            answer = answer_view(ask("provider_api", "POST", LIST, json=a_body(**sent)))
            sound(answer)
            assert answer.status in {201, 422}, answer.text


# ---- paths and methods -----------------------------------------------------------------------


@pytest.mark.parametrize(("function", "route"), NAMING)
def test_a_junk_name_in_a_path_names_nothing(
    world: MemoryParts, function: str, route: Route
) -> None:
    before = world.stored()
    for name in NAMES:
        answer = answer_view(ask(function, route.method, place(route, name)))
        sound(answer)
        if route.handler is explain and answer.status == 200:
            assert answer.json["misses"] == ["device"]
        else:
            assert answer.status >= 400, (name, answer.text)
    if route.handler is not delete_moderator:  # what is taken from them is, account or not
        assert world.stored() == before


@pytest.mark.parametrize("function", REST)
@pytest.mark.parametrize(
    "path",
    [
        "/..",
        "/v1",
        "/v1/",
        "/v1//notifications",
        "//v1/me",
        "/v1/me/",
        "/v1/me;a=b",
        "/v1/../v1/me",
        "/v1/%6de/x",
        "/V1/ME",
        "/v1/notifications/draft/",
        "/v1/notifications/draft/submit/",
        "/v1/me%0A",
        "/%0A",
        "/robots.txt",
        "/favicon.ico",
        "/" + "a/" * 2_000,
        "/\N{PARTY POPPER}",
        "/%FF",
        "/.git/config",
    ],
)
def test_a_path_that_is_none_is_a_problem(world: MemoryParts, function: str, path: str) -> None:
    before = world.stored()
    for method in ("GET", "POST"):
        answer = answer_view(ask(function, method, path))
        sound(answer)
        assert answer.status in {404, 405}, answer
    assert world.stored() == before


@pytest.mark.parametrize(("function", "route"), ROUTES)
def test_a_method_that_is_not_taken_is_told_which_are(
    world: MemoryParts, function: str, route: Route
) -> None:
    path = place(route)
    taken = {each.method for each in REST[function] if each.template == route.template}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", *ODD_METHODS} - taken:
        answer = answer_view(ask(function, method, path))
        assert answer.status == 405, (method, answer.text)
        sound(answer)
        assert taken <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("function", CALLABLES)
def test_a_callable_is_called_with_post(world: MemoryParts, function: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE", *ODD_METHODS):
        answer = answer_view(ask(function, method, "/", json={"data": {}}))
        sound_callable(answer)
        assert answer.status == 400


# ---- headers, tokens, queries ----------------------------------------------------------------


@pytest.mark.parametrize("headers", HEADERS, ids=lambda it: next(iter(it.items()))[0])
def test_junk_headers_break_nothing(world: MemoryParts, headers: Mapping[str, str]) -> None:
    for function, method, path in (
        ("provider_api", "GET", "/v1/me"),
        ("provider_api", "POST", LIST),
        ("device_api", "POST", "/v1/devices"),
        ("operator_api", "PUT", "/v1/stop"),
    ):
        sound(answer_view(ask(function, method, path, data=b"{}", headers={**JSON, **headers})))
    for function in CALLABLES:
        sent = {**JSON, **headers}
        sound_callable(answer_view(ask(function, "POST", "/", data=b'{"data":{}}', headers=sent)))


@pytest.mark.parametrize(("function", "route"), GUARDED)
def test_a_junk_token_is_nobodys(world: MemoryParts, function: str, route: Route) -> None:
    for junk in TOKENS:
        answer = answer_view(ask(function, route.method, place(route), headers=bearer(junk)))
        sound(answer)
        assert answer.status == 401, (junk[:40], answer.text)


@pytest.mark.parametrize("function", CALLABLES)
def test_a_junk_token_calls_nothing(world: MemoryParts, function: str) -> None:
    for junk in TOKENS:
        answer = answer_view(ask(function, "POST", "/", json={"data": {}}, headers=bearer(junk)))
        sound_callable(answer)
        assert answer.status == 401, (junk[:40], answer.text)


def page_token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "forged",
    [
        "x",
        "=",
        "%00",
        "\N{PARTY POPPER}",
        "x" * 1025,
        page_token("."),
        page_token("1."),
        page_token("1.a/b"),
        page_token("1.."),
        page_token("1.__x__"),
        page_token("1." + "\N{PARTY POPPER}" * 376),
        page_token("x.a"),
        page_token("1e3.a"),
        page_token(" 1.a"),
        page_token("9" * 30 + ".a"),
        page_token("-" + "9" * 17 + ".a"),
        page_token("1_0.a"),
    ],
)
def test_a_forged_page_token_is_a_fault_of_its_field(world: MemoryParts, forged: str) -> None:
    answer = answer_view(ask("provider_api", "GET", LIST, query_string={"pageToken": forged}))
    sound(answer)
    assert answer.status == 422, answer.text
    assert [each["field"] for each in answer.json["errors"]] == ["pageToken"]
    queue = ask("moderation_queue", "POST", "/", json={"data": {"pageToken": forged}})
    sound_callable(answer_view(queue))
    assert queue.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "pageSize=9" + "9" * 400,
        "pageSize=-1",
        "pageSize=1e2",
        "pageSize=%D9%A1",
        "pageSize=1&pageSize=2",
        "pageSize",
        "q=%00",
        "q=" + "x" * 201,
        "q[]=x",
        "page_size=1",
        "status=APPROVED",
        "kind=",
        "&".join(f"a{number}=1" for number in range(2_000)),
        "%FF=%FF",
        "__proto__=1",
    ],
)
def test_a_junk_query_is_a_fault_of_its_field(world: MemoryParts, query: str) -> None:
    answer = answer_view(ask("provider_api", "GET", f"{LIST}?{query}"))
    sound(answer)
    assert answer.status == 422, answer.text
    assert 1 <= len(answer.json["errors"]) <= 100


@fuzzed
@given(key=st.text(st.characters(max_codepoint=255), max_size=300))
def test_an_idempotency_key_of_any_shape_is_taken_or_refused(key: str) -> None:
    visible = 1 <= len(key) <= 255 and key.isascii() and key.isprintable()
    parts = a_furnished_fanfare()
    sendable = "\n" not in key and "\r" not in key
    if not sendable:
        return
    with replaced(parts):
        headers = {"Idempotency-Key": key}
        first = ask("provider_api", "POST", LIST, json=a_body(), headers=headers)
        again = ask("provider_api", "POST", LIST, json=a_body(), headers=headers)
        other = ask("provider_api", "POST", LIST, json=a_body(title="Else"), headers=headers)
    for answer in (first, again, other):
        sound(answer_view(answer))
    statuses = (first.status_code, again.status_code, other.status_code)
    assert statuses == ((201, 201, 422) if visible else (400, 400, 400))
    if visible:
        assert again.data == first.data
