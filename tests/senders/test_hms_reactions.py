"""Huawei's answers, row by row."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from shared.domain.push.hms import REACTIONS, meaning, named
from shared.wire.http11 import HttpAnswer
from tests.senders.hms_parts import many

GONE = AddressGone("invalidToken")
PARTLY = RetryLater("partialUnknown", ambiguous=True)
LOST = RetryLater("answerLost", ambiguous=True)
INVALID = Unsendable("invalidMessage")
REFUSED = Misconfigured("credentialsRefused")
SLOWER = RetryLater("trafficControl", 10.0, of_app=True)
UNAVAILABLE = RetryLater("unavailable", ambiguous=True)
PAGE = b"<!DOCTYPE html><title>Error</title>"


def reactions(http: int, body: bytes, tokens: Sequence[str]) -> dict[str, Answer]:
    return meaning(HttpAnswer(http, {}, body), tokens)


def an_answer(code: object, msg: object = "in words") -> bytes:
    return json.dumps({"code": code, "msg": msg, "requestId": "r"}).encode()


ROWS: list[tuple[int, bytes, Answer]] = [
    (200, an_answer("80000000", "Success"), Accepted("r")),
    (200, an_answer(80000000), Accepted("r")),
    (500, an_answer("80000000"), Accepted("r")),
    (200, b'{"code":"80000000"}', Accepted()),
    (200, an_answer("80100000"), PARTLY),
    (200, an_answer("80300007"), GONE),
    (400, an_answer("80300007"), GONE),
    *((200, an_answer(f"801000{n}"), INVALID) for n in ("01", "02", "03", "13", "18")),
    (400, an_answer("80100003"), INVALID),
    (200, an_answer("80100004"), Unsendable("expired")),
    (200, an_answer("80100016"), Unsendable("contentRejected")),
    (200, an_answer("80100022"), Unsendable("contentRejected")),
    (200, an_answer("80100017"), SLOWER),
    *((200, an_answer(f"802000{n}"), REFUSED) for n in ("01", "03", "05")),
    (401, an_answer("80200003"), REFUSED),
    (200, an_answer("80300002"), Misconfigured("appNotPermitted")),
    (200, an_answer("80300037"), Misconfigured("appNotPermitted")),
    (200, an_answer("80300008"), Unsendable("payloadTooBig")),
    (200, an_answer("80300010"), INVALID),
    (200, an_answer("80300011"), Unsendable("urgencyNotPermitted")),
    (200, an_answer("80300013"), Misconfigured("receiptAddressRefused")),
    (200, an_answer("80600003"), RetryLater("unavailable")),
    (500, an_answer("81000001"), RetryLater("internal", ambiguous=True)),
    *((200, an_answer(f"820000{n:02}"), INVALID) for n in range(1, 14)),
    (401, b"", REFUSED),
    (401, an_answer("80399999"), REFUSED),
    (403, PAGE, REFUSED),
    (404, PAGE, Misconfigured("appNotFound")),
    (408, b"", LOST),
    (429, b"", SLOWER),
    (500, PAGE, RetryLater("internal", ambiguous=True)),
    (502, PAGE, UNAVAILABLE),
    (504, b"", UNAVAILABLE),
    (503, b"", SLOWER),
    (503, an_answer("80399999"), SLOWER),
    (200, PAGE, LOST),
    (200, b"", LOST),
    (200, b"{}", LOST),
    (200, an_answer(None), LOST),
    (200, an_answer("Success"), LOST),
    (200, an_answer("800000000"), LOST),
    (200, an_answer("８００００００００"[:8]), LOST),
    (200, b"[" * 60_000, LOST),
    (302, b"", Misconfigured("unexpectedAnswer")),
    (400, PAGE, INVALID),
    (413, b"", INVALID),
    (600, b"", UNAVAILABLE),
    (200, an_answer("80399999"), Rejected("unknownError")),
    (403, an_answer("80399999"), Rejected("unknownError")),
]


@pytest.mark.parametrize(("http", "body", "expected"), ROWS)
def test_each_answer_has_its_reaction(http: int, body: bytes, expected: Answer) -> None:
    assert reactions(http, body, ["a", "b"]) == {"a": expected, "b": expected}


def fitting(code: str, http: int) -> Iterator[tuple[int, bytes]]:
    """Yield answers that a row of the table fits; a row above it may fit some of them as well."""
    codes = ["", "80399999"] if code == "*" else [code.ljust(8, "0") if code else ""]
    for status in range(100, 700):
        if http in (0, status, status // 100):
            yield from ((status, json.dumps({"code": it}).encode()) for it in codes)


@pytest.mark.parametrize(("code", "http", "expected"), REACTIONS)
def test_every_row_of_the_table_decides_and_is_hidden_by_none_above_it(
    code: str, http: int, expected: Answer
) -> None:
    assert any(reactions(*it, ["a"]) == {"a": expected} for it in fitting(code, http))
    assert [it[:2] for it in REACTIONS].count((code, http)) == 1


# ---- some of them -----------------------------------------------------------------------------


def partly(**fields: Any) -> bytes:
    return an_answer("80100000", json.dumps(fields))


OK = Accepted("r")


def test_listed_addresses_are_gone_and_the_others_were_taken() -> None:
    body = partly(success=2, failure=1, illegal_tokens=["b"])
    assert reactions(200, body, ["a", "b", "c"]) == {"a": OK, "b": GONE, "c": OK}


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("tokenFormatError", GONE),
        ("noRight", GONE),
        ("tokenPlatformNotSupport", GONE),
        ("noPushTypeRight", Rejected("tokenRefused")),
        ("disableSendHuaweiMsgBecauseOfPenalty", Rejected("tokenRefused")),
        ("reasonOfTomorrow", Rejected("tokenRefused")),
    ],
)
def test_only_a_reason_that_lies_in_the_address_makes_it_gone(reason: str, meaning: Answer) -> None:
    body = partly(illegalTokens={reason: ["b"], "tokenFormatError ": []}, failure=1)
    assert reactions(200, body, ["a", "b"]) == {"a": OK, "b": meaning}


def test_reasons_count_as_well_where_no_address_was_taken() -> None:
    told = json.dumps({"illegalTokens": {"noPushTypeRight": ["a"]}, "failure": 1})
    answers = reactions(200, an_answer("80300007", told), ["a", "b"])
    assert answers == {"a": Rejected("tokenRefused"), "b": GONE}


@pytest.mark.parametrize(
    "fields", [{"illegal_tokens": ["b"]}, {"illegalTokens": {"noRight": ["b"]}}]
)
def test_the_details_may_come_without_a_count_or_as_json_proper(fields: dict[str, Any]) -> None:
    expected = {"a": OK, "b": GONE}
    assert reactions(200, partly(**fields), ["a", "b"]) == expected
    assert reactions(200, an_answer("80100000", fields), ["a", "b"]) == expected
    assert reactions(200, partly(**fields, failure="1"), ["a", "b"]) == expected


@pytest.mark.parametrize(
    "msg",
    [
        "Some tokens are illegal",
        "",
        "{",
        "[]",
        None,
        7,
        "[" * 60_000,
        '{"illegal_tokens": "b"}',
        '{"illegal_tokens": [7]}',
        '{"illegalTokens": ["b"]}',
        '{"success":1,"failure":1,"illegal_tokens":[]}',
        '{"success":2,"failure":0,"illegal_tokens":[]}',
        '{"success":1,"failure":1,"illegal_tokens":["somebody else"]}',
    ],
)
def test_where_it_is_not_known_which_were_taken_all_are_in_doubt(msg: object) -> None:
    assert reactions(200, an_answer("80100000", msg), ["a", "b"]) == {"a": PARTLY, "b": PARTLY}


@pytest.mark.parametrize("listed", [["b"], ["b", "somebody else"]])
def test_a_list_that_does_not_add_up_leaves_the_others_in_doubt(listed: list[str]) -> None:
    body = partly(success=1, failure=2, illegal_tokens=listed)
    assert reactions(200, body, ["a", "b", "c"]) == {"a": PARTLY, "b": GONE, "c": PARTLY}


# ---- all of them ------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [False, True])
def test_a_list_names_addresses_one_by_one_and_the_sentence_about_all_of_them_none(
    listed: bool,
) -> None:
    tokens = many(50)
    body = partly(failure=50, illegal_tokens=tokens) if listed else an_answer("80300007")
    assert reactions(200, body, tokens) == dict.fromkeys(tokens, GONE)
    assert named(HttpAnswer(200, {}, body)) == (set(tokens) if listed else set())


def test_one_good_address_among_many_shows_that_the_app_is_right() -> None:
    tokens = many(1000)
    answers = reactions(200, partly(failure=999, illegal_tokens=tokens[1:]), tokens)
    assert answers == {tokens[0]: OK, **dict.fromkeys(tokens[1:], GONE)}


# ---- anything ---------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
DETAILS = st.fixed_dictionaries(
    {},
    optional={"illegal_tokens": JSON, "illegalTokens": JSON, "failure": JSON, "success": JSON},
)
SHAPES = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["80000000", "80100000", "80300007", "80200003"]) | JSON,
        "msg": JSON | DETAILS | DETAILS.map(json.dumps),
        "requestId": JSON,
    }
)


@given(
    http=st.integers(0, 999),
    body=st.binary() | (JSON | SHAPES).map(json.dumps).map(str.encode),
    tokens=st.lists(st.text(), unique=True),
)
def test_no_answer_is_too_strange_to_react_to(http: int, body: bytes, tokens: list[str]) -> None:
    answers = reactions(http, body, tokens)
    assert list(answers) == tokens
    assert all(isinstance(answer, Answer) for answer in answers.values())


@given(
    http=st.integers(0, 999), body=st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode)
)
def test_only_huaweis_own_code_can_call_an_address_dead(http: int, body: bytes) -> None:
    assert not isinstance(reactions(http, body, ["a"])["a"], AddressGone)
