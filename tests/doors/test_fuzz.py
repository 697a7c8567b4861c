"""Every door takes whatever its own document allows, or nearly, and answers as documented.

The cases are drawn from the documents in ``docs/openapi``, which say of each operation with which
statuses and codes it answers: valid ones, and such with one thing wrong. ``FUZZ_EXAMPLES=2000``
goes deeper; see ``fuzzing``.
"""

from functools import cache
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.specs.openapi import checks

from functions.http.errors import TABLE
from shared.wiring import replaced
from tests.docs.openapi.documents import DOORS, document
from tests.doors.conftest import bearer, client
from tests.doors.fuzzing import (
    CALLABLES,
    CREDENTIALS,
    FOREIGN,
    HERE,
    REST,
    AnswerView,
    a_furnished_fanfare,
    fuzzed,
    sound,
    sound_callable,
)

pytestmark = pytest.mark.slow

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
MODES = {"as described": GenerationMode.POSITIVE, "with a fault": GenerationMode.NEGATIVE}
BODY_FIRST = {400, 401, 413, 415, 422}
"""What may be said before it is looked whose record it is."""


@cache
def operations(function: str) -> dict[str, Any]:
    """List what of ``function`` is documented, by method and path."""
    name = function.replace("_", "-")
    door = next(door for door in DOORS if name in door.functions)
    schema = schemathesis.openapi.from_dict(without_security(document(door)))
    schema.config.checks.negative_data_rejection.expected_statuses = [
        str(row.status) for row in TABLE.values()
    ]
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    own = [each for each in found if function in REST or each.path == f"/{name}"]
    return {each.label: each for each in own}


def without_security(whole: dict[str, Any]) -> dict[str, Any]:
    """Leave the credentials out: every case is sent with a good one."""
    paths = {
        path: {
            method: {name: value for name, value in described.items() if name != "security"}
            for method, described in methods.items()
        }
        for path, methods in whole["paths"].items()
    }
    return {**whole, "paths": paths}


EVERY_OPERATION = [
    pytest.param(function, label, id=f"{function} {label}")
    for function in (*REST, *CALLABLES)
    for label in operations(function)
]


def checks_of(case: Case[Any]) -> list[Any]:
    """Take a case for faulty only if it still is with the path that it was given."""
    assert case.meta
    faulty = any(part.mode.is_negative for part in case.meta.components.values())
    return [each for each in CHECKS if faulty or each is not checks.negative_data_rejection]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("function", "label"), EVERY_OPERATION)
def test_every_answer_is_as_described(function: str, label: str, mode: str) -> None:
    operation = operations(function)[label]
    credential = bearer(CREDENTIALS[function]())

    @fuzzed
    @given(
        case=operation.as_strategy(
            generation_mode=MODES[mode], feedback=FeedbackSources(constants_value_source=None)
        ),
        data=st.data(),
    )
    def run(case: Case[Any], data: st.DataObject) -> None:
        for name in case.path_parameters:
            if data.draw(st.booleans(), label=f"{name} that is there"):
                case.path_parameters[name] = data.draw(st.sampled_from(HERE[name]))
        case.headers.update(credential)
        held_against = checks_of(case)
        world = a_furnished_fanfare()
        with replaced(world):
            before = world.stored()
            app = client(function).application
            response = case.call(base_url="http://fanfare.example", app=app)
            case.validate_response(response, checks=held_against)
        headers = {name.title(): values[0] for name, values in response.headers.items()}
        headers["WWW-Authenticate"] = headers.pop("Www-Authenticate", "")
        headers["X-Content-Type-Options"] = headers.pop("X-Content-Type-Options")
        told = AnswerView(response.status_code, headers, response.text)
        (sound if function in REST else sound_callable)(told)
        if told.status >= 400 and label != "DELETE /v1/moderators/{uid}":
            assert world.stored() == before
        if function == "provider_api" and str(case.path_parameters.get("id")).startswith(FOREIGN):
            assert told.status in {404, *BODY_FIRST}

    try:
        run()
    except Unsatisfiable:  # nothing can be wrong with a request that takes nothing
        assert mode == "with a fault"
