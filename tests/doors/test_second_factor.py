"""The doors of moderators and operators where a second factor is required."""

from collections.abc import Callable, Mapping

import pytest
from werkzeug.test import TestResponse

from shared.settings import read
from tests.doors.conftest import bearer, client
from tests.doors.test_authorisation import BOT, CALLERS, documented, request_of
from tests.doors.test_authorisation import furnished as furnished
from tests.parts import ENVIRONMENT, MemoryParts, forged, token

ENDPOINTS = list(documented())
TOTP = {"sign_in_provider": "password", "sign_in_second_factor": "totp"}
WITH_FACTOR: Mapping[str, Callable[[str], str]] = {
    "moderator": lambda _: token("m1", moderator=True, firebase=TOTP),
    "operator": lambda _: token("o1", operator=True, firebase=TOTP),
}


@pytest.fixture
def required(furnished: MemoryParts) -> MemoryParts:
    furnished.settings = read({**ENVIRONMENT, **BOT, "FANFARE_MFA": "required"})
    return furnished


def answer_to(endpoint: str, credential: str) -> TestResponse:
    function, method, path, sent = request_of(endpoint)
    headers = {**sent.pop("headers", {}), **(bearer(credential) if credential else {})}
    return client(function.replace("-", "_")).open(path, method=method, headers=headers, **sent)


def is_theirs(endpoint: str, caller: str) -> bool:
    """Tell whether an endpoint is this role's own, and not everybody's."""
    row = documented()[endpoint]
    return row[caller] < 400 <= row["nobody"]


@pytest.mark.parametrize("caller", WITH_FACTOR)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_without_it_moderators_and_operators_are_refused_where_they_have_a_right(
    required: MemoryParts, endpoint: str, caller: str
) -> None:
    before = required.stored()
    answer = answer_to(endpoint, CALLERS[caller](endpoint.split(" ")[0]))
    if is_theirs(endpoint, caller):
        assert answer.status_code == 403, answer.text
        assert code_of(answer) == "secondFactorRequired"
        assert required.stored() == before
    else:
        assert answer.status_code == documented()[endpoint][caller], answer.text


@pytest.mark.slow
@pytest.mark.parametrize("caller", sorted(CALLERS.keys() - WITH_FACTOR.keys()))
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_all_others_get_what_the_table_says(
    required: MemoryParts, endpoint: str, caller: str
) -> None:
    answer = answer_to(endpoint, CALLERS[caller](endpoint.split(" ")[0]))
    assert answer.status_code == documented()[endpoint][caller], answer.text


@pytest.mark.parametrize("caller", WITH_FACTOR)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_with_it_they_get_what_the_table_says(
    required: MemoryParts, endpoint: str, caller: str
) -> None:
    answer = answer_to(endpoint, WITH_FACTOR[caller](endpoint))
    assert answer.status_code == documented()[endpoint][caller], answer.text


@pytest.mark.parametrize(
    "firebase",
    [
        None,
        "totp",
        [],
        {"sign_in_provider": "password"},
        {"sign_in_second_factor": ""},
        {"sign_in_second_factor": None},
        {"sign_in_second_factor": True},
        {"second_factor_identifier": "abc"},
    ],
)
@pytest.mark.parametrize(
    ("entry_point", "role"), [("moderation_queue", "moderator"), ("operator_api", "operator")]
)
def test_what_does_not_name_a_second_factor_is_none(
    required: MemoryParts, entry_point: str, role: str, firebase: object
) -> None:
    credential = token("m1" if role == "moderator" else "o1", firebase=firebase, **{role: True})
    if role == "moderator":
        answer = answer_to("moderation-queue POST /", credential)
    else:
        answer = answer_to("operator-api GET /v1/stop", credential)
    assert (answer.status_code, code_of(answer)) == (403, "secondFactorRequired")


def test_a_factor_makes_nobody_a_moderator_and_no_forger_known(required: MemoryParts) -> None:
    other = answer_to("moderation-queue POST /", token("p1", firebase=TOTP))
    assert (other.status_code, code_of(other)) == (403, "moderatorOnly")
    claimed = answer_to("operator-api GET /v1/stop", token("p1", firebase=TOTP, operator=True))
    assert (claimed.status_code, code_of(claimed)) == (403, "operatorOnly")
    made_up = answer_to("operator-api GET /v1/stop", forged("o1", firebase=TOTP, operator=True))
    assert made_up.status_code == 401


def code_of(answer: TestResponse) -> str:
    body = answer.get_json()
    return str(body["error"]["details"]["code"] if "error" in body else body["code"])
