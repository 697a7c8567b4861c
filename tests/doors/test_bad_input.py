"""What cannot be right is refused with every fault named, and nothing is written."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.doors.conftest import Call, a_body, door, errors_of
from tests.parts import MemoryParts, token

EMOJI = "\N{PARTY POPPER}"
FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}"
CREATE = "/v1/notifications"


@pytest.fixture(autouse=True)
def _nothing_is_written(world: MemoryParts) -> Iterator[None]:
    before = world.stored()
    yield
    assert world.stored() == before


def raw(provider: Call, data: bytes, **headers: str) -> TestResponse:
    sent = {"Content-Type": "application/json", **headers}
    return provider("POST", CREATE, data=data, headers=sent)


def problem(response: TestResponse, status: int) -> str:
    shown = response.get_json()
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "code"} <= set(shown)
    assert shown["status"] == status
    return str(shown["code"])


BODY = json.dumps(a_body()).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}{}",
        b"[]",
        b'"title"',
        b"null",
        BODY.replace(b"}", b",}", 1),
        BODY[:-1] + b', "forceTimer": NaN}',
        BODY[:-1] + b', "forceTimer": -Infinity}',
        BODY[:-1] + b', "title": "Sale"}',
        BODY.replace(b"{}", b'{"hwid": "a", "hwid": "b"}'),
        BODY.replace(b"Sale", b"\\ud83c"),
        BODY.replace(b"Sale", b"\xff\xfe"),
        BODY.decode().encode("utf-16"),
        BODY + b"\xef\xbb\xbf",
        b"[" * 30_000,
        b'{"title":' * 7_000,
        BODY[:-1] + b', "forceTimer": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_not_one_well_formed_json_object_is_malformed(provider: Call, data: bytes) -> None:
    assert problem(raw(provider, data), 400) == "malformed"


@pytest.mark.parametrize(
    ("more", "sentence"), [('"title": "b"', "a name is given twice"), ('"forceTimer": NaN', "NaN")]
)
def test_what_parsers_disagree_about_is_told_by_its_name(
    provider: Call, more: str, sentence: str
) -> None:
    response = raw(provider, f'{{"title": "a", {more}}}'.encode())
    assert problem(response, 400) == "malformed"
    assert sentence in response.get_json()["detail"]


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        ("text/plain", ""),
        ("application/x-www-form-urlencoded", ""),
        ("application/json; charset=latin-1", ""),
        ("", ""),
        ("application/json", "gzip"),
    ],
)
def test_another_content_type_is_not_read(provider: Call, kind: str, encoding: str) -> None:
    headers = {"Content-Type": kind, **({"Content-Encoding": encoding} if encoding else {})}
    assert problem(raw(provider, BODY, **headers), 415) == "unsupportedMediaType"


def test_a_body_of_a_megabyte_is_too_large(provider: Call) -> None:
    huge = json.dumps(a_body(body="x" * 1_000_000)).encode()
    assert problem(raw(provider, huge), 413) == "tooLarge"


def test_a_body_that_does_not_say_its_length_is_measured(provider: Call) -> None:
    huge = json.dumps(a_body(body="x" * 70_000)).encode()
    headers = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    unsaid = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    response = provider("POST", CREATE, data=huge, headers=headers, environ_overrides=unsaid)
    assert problem(response, 413) == "tooLarge"


def test_every_fault_is_told_at_once(provider: Call) -> None:
    body = {
        "title": "x" * 101,
        "image": "http://example.com/a.png",
        "url": "javascript:alert(1)",
        "urlButtonName": 5,
        "forceTimer": 11,
        "expirySeconds": 59,
        "draft": 1,
        "subtitle": "no such field",
        "target_segment": {},
        "targetSegment": {
            "platform": "blackberry",
            "region": ["ru", "?", 7],
            "languages": ["de", "xx", "pt_BR", 7, "zh-Qqqq", None],
            "domain": "other.example",
            "activeDays": 0,
            "active_days": 3,
            "appVersion": 2.5,
            "hwid": "a/b",
        },
    }
    assert errors_of(provider("POST", CREATE, body)) == {
        "title": "tooLong",
        "body": "required",
        "image": "notHttps",
        "url": "notLinkable",
        "urlButtonName": "wrongType",
        "forceTimer": "tooBig",
        "expirySeconds": "tooSmall",
        "draft": "wrongType",
        "subtitle": "unknownField",
        "target_segment": "unknownField",
        "targetSegment.platform": "notAllowed",
        "targetSegment.region.1": "badFormat",
        "targetSegment.region.2": "wrongType",
        "targetSegment.languages.1": "unknownLanguage",
        "targetSegment.languages.2": "badFormat",
        "targetSegment.languages.3": "wrongType",
        "targetSegment.languages.4": "unknownLanguage",
        "targetSegment.languages.5": "wrongType",
        "targetSegment.domain": "foreignDomain",
        "targetSegment.activeDays": "tooSmall",
        "targetSegment.active_days": "unknownField",
        "targetSegment.appVersion": "wrongType",
        "targetSegment.hwid": "badFormat",
    }


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"title": ""}, {"title": "required"}),
        ({"title": " \t"}, {"title": "required"}),
        ({"title": None}, {"title": "required"}),
        ({"title": ["Sale"]}, {"title": "wrongType"}),
        ({"title": "a\u0000b"}, {"title": "controlCharacter"}),
        ({"title": EMOJI * 101}, {"title": "tooLong"}),
        ({"title": FAMILY * 34}, {"title": "tooLong"}),
        ({"body": "x" * 501}, {"body": "tooLong"}),
        ({"body": True}, {"body": "wrongType"}),
        ({"image": "https://"}, {"image": "notHttps"}),
        ({"image": "https://a b"}, {"image": "notAUrl"}),
        ({"image": "https://a/" + "x" * 2048}, {"image": "tooLong"}),
        ({"url": "http://example.com"}, {"url": "notLinkable"}),
        ({"forceTimer": 0}, {"forceTimer": "tooSmall"}),
        ({"forceTimer": 1.5}, {"forceTimer": "wrongType"}),
        ({"forceTimer": "5"}, {"forceTimer": "wrongType"}),
        ({"forceTimer": True}, {"forceTimer": "wrongType"}),
        ({"expirySeconds": 59}, {"expirySeconds": "tooSmall"}),
        ({"expirySeconds": 31_536_001}, {"expirySeconds": "tooBig"}),
        ({"expirySeconds": "60"}, {"expirySeconds": "wrongType"}),
        ({"expirySeconds": 60.5}, {"expirySeconds": "wrongType"}),
        ({"expirySeconds": True}, {"expirySeconds": "wrongType"}),
        ({"draft": "yes"}, {"draft": "wrongType"}),
        ({"status": "approved"}, {"status": "unknownField"}),
        ({"providerId": "p2"}, {"providerId": "unknownField"}),
        ({"url_button_name": "x"}, {"url_button_name": "unknownField"}),
        ({"targetSegment": None}, {"targetSegment": "required"}),
        ({"targetSegment": []}, {"targetSegment": "wrongType"}),
        ({"targetSegment": {"platform": "iOS"}}, {"targetSegment.platform": "notAllowed"}),
        ({"targetSegment": {"region": "ru"}}, {"targetSegment.region": "wrongType"}),
        ({"targetSegment": {"region": ["ru"] * 251}}, {"targetSegment.region": "tooMany"}),
        ({"targetSegment": {"languages": "de"}}, {"targetSegment.languages": "wrongType"}),
        ({"targetSegment": {"languages": {}}}, {"targetSegment.languages": "wrongType"}),
        ({"targetSegment": {"languages": ["de"] * 51}}, {"targetSegment.languages": "tooMany"}),
        (
            {"targetSegment": {"languages": ["deu"]}},
            {"targetSegment.languages.0": "unknownLanguage"},
        ),
        ({"targetSegment": {"activeDays": 1e400}}, None),
        ({"targetSegment": {"activeDays": 7.0}}, {"targetSegment.activeDays": "wrongType"}),
        ({"targetSegment": {"hwid": "x" * 122}}, {"targetSegment.hwid": "badFormat"}),
        (
            {"targetSegment": {"domain": "other.example"}},
            {"targetSegment.domain": "foreignDomain"},
        ),
        (
            {"targetSegment": {"domain": "unverified.example"}},
            {"targetSegment.domain": "foreignDomain"},
        ),
    ],
)
def test_one_wrong_field_is_named(
    provider: Call, fields: dict[str, Any], fault: dict[str, str] | None
) -> None:
    response = provider("POST", CREATE, a_body(**fields))
    if fault is None:
        assert problem(response, 400) == "malformed"
    else:
        assert errors_of(response) == fault


def test_what_was_sent_is_not_sent_back(provider: Call) -> None:
    secret = "correct horse battery staple " * 40
    body = {"title": secret, "body": [secret], secret: 1, "image": secret}
    response = provider("POST", CREATE, body)
    assert response.status_code == 422
    assert len(response.text) < 2_000
    assert secret[:100] not in response.text


def test_a_flood_of_faults_is_cut_off(provider: Call) -> None:
    response = provider("POST", CREATE, {f"field{n}": n for n in range(3_000)})
    assert len(response.get_json()["errors"]) == 100


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel".encode().decode("latin-1"), "a\tb"])
def test_an_idempotency_key_is_short_and_printable(provider: Call, key: str) -> None:
    response = provider("POST", CREATE, a_body(), headers={"Idempotency-Key": key})
    assert problem(response, 400) == "malformed"


def test_an_action_without_input_takes_none(provider: Call) -> None:
    assert errors_of(provider("POST", f"{CREATE}/n1/cancel", {"why": "?"})) == {
        "why": "unknownField"
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", CREATE),
        ("PATCH", f"{CREATE}/n1"),
        ("POST", "/v1/estimates"),
        ("POST", "/v1/keys"),
        ("PATCH", "/v1/domains/example.com"),
    ],
)
def test_no_endpoint_reads_what_is_not_json(provider: Call, method: str, path: str) -> None:
    sent = {"Content-Type": "application/json"}
    assert problem(provider(method, path, data=b"", headers=sent), 400) == "malformed"
    assert problem(provider(method, path, data=b"{", headers=sent), 400) == "malformed"
    plain = {"Content-Type": "text/plain"}
    assert problem(provider(method, path, data=b"{}", headers=plain), 415)


@pytest.mark.parametrize(
    "data",
    [
        b'{"data": {"id": {"@type": []}}}',
        b'{"data": {"@type": {}}}',
        b'{"data": ' + b"[" * 900 + b"]" * 900 + b"}",
    ],
)
def test_a_callable_refuses_odd_wrappers_and_bottomless_nesting(
    world: MemoryParts, data: bytes
) -> None:
    moderator = door("approve_notification", token("m1", moderator=True))
    answer = moderator("POST", data=data, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.get_json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
