"""What Firestore would refuse to have as a name is refused before: memory takes any.

Firestore's own refusal is an ``InvalidArgument``, which says that our code is wrong; it must never
be what somebody sent.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from functions._provider_insight import explain
from functions._rest import Route
from local.firestore import FirestoreEmulator
from shared.settings import read
from shared.wiring import GoogleParts, replaced
from tests.builders import a_domain, an_enterprise_provider
from tests.doors.conftest import bearer, client
from tests.doors.fuzzing import sound, sound_callable
from tests.doors.junk import NAMES
from tests.doors.test_junk import LIST, NAMING, ask, page_token, place, told
from tests.parts import ENVIRONMENT, service_token, token

pytestmark = pytest.mark.slow

IDS = (
    ".",
    "..",
    "__x__",
    "a/b",
    "a/b/c",
    "/",
    "a\x00b",
    "a\nb",
    "x" * 1501,
    "\N{PARTY POPPER}" * 376,
    "\N{PARTY POPPER}" * 375,
    " ",
    "*",
    "~",
)


@pytest.fixture(scope="module")
def fanfare(firestore_emulator: FirestoreEmulator) -> Iterator[GoogleParts]:
    nobody = "http://127.0.0.1:9"  # junk gets nothing enqueued or sent
    environment = {
        **ENVIRONMENT,
        "FIRESTORE_EMULATOR_HOST": firestore_emulator.address,
        "CLOUD_TASKS_BASE_URL": nobody,
        "FCM_BASE_URL": nobody,
    }
    with pytest.MonkeyPatch.context() as known:
        known.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator.address)
        parts = GoogleParts(read(environment))
        parts.providers.put(an_enterprise_provider("p1"))
        parts.providers.put_domain(a_domain("example.com", "p1"))
        yield parts
        parts._rest.close()
        parts._firestore.close()


@pytest.fixture(autouse=True)
def _on_firestore(fanfare: GoogleParts) -> Iterator[None]:
    with replaced(fanfare):
        yield


@pytest.mark.parametrize(("function", "route"), NAMING)
def test_a_name_that_firestore_refuses_names_nothing(function: str, route: Route) -> None:
    if "moderators" in route.template:
        return  # asks for the account first
    for name in NAMES:
        answer = told(ask(function, route.method, place(route, name)))
        sound(answer)
        assert answer.status >= 400 or route.handler is explain, (name, answer.text)


@pytest.mark.parametrize("id", IDS)
def test_a_page_token_that_firestore_refuses_is_a_fault(id: str) -> None:
    forged = page_token(f"1.{id}")
    answer = told(ask("provider_api", "GET", LIST, query_string={"pageToken": forged}))
    sound(answer)
    queue = ask("moderation_queue", "POST", "/", json={"data": {"pageToken": forged}})
    sound_callable(told(queue))


@pytest.mark.parametrize("uid", IDS)
def test_an_account_of_a_name_that_firestore_refuses_is_no_providers(uid: str) -> None:
    answer = told(ask("provider_api", "GET", "/v1/me", headers=bearer(token(uid[:128]))))
    sound(answer)
    assert answer.status in {401, 403, 404}


@pytest.mark.parametrize("id", IDS)
def test_a_task_for_a_name_that_firestore_refuses_is_done_with(id: str) -> None:
    tasks: Mapping[str, tuple[Mapping[str, Any], ...]] = {
        "plan-fanout": ({"notificationId": id}, {"notificationId": id, "part": 1}),
        "send-batch": (
            {"notificationId": id, "batchId": "0000-00-00000"},
            {"notificationId": "n", "batchId": id},
            {"notificationId": id, "batchId": id},
        ),
    }
    for function, bodies in tasks.items():
        for body in bodies:
            answer = client(function.replace("-", "_")).post(
                "/", json=body, headers=bearer(service_token(function))
            )
            assert answer.status_code == 200, (function, body, answer.text)
