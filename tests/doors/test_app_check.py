"""The devices' door where App Check is required: only apps of this project come in."""

import uuid
from collections.abc import Iterator

import httpx
import pytest
from werkzeug.test import TestResponse

from local.emulators.auth import server as emulator
from local.emulators.background import ServedApp
from shared.settings import read
from tests.doors.conftest import bearer, client
from tests.doors.test_authorisation import CALLERS, documented, request_of
from tests.doors.test_authorisation import furnished as furnished
from tests.parts import ENVIRONMENT, PROJECT, MemoryParts

APP = "1:1234567890:web:abc"
ENDPOINTS = [name for name in documented() if name.startswith("device-api ")]


@pytest.fixture(scope="module")
def google() -> Iterator[ServedApp]:
    with ServedApp(emulator.app(PROJECT)) as served:
        yield served


@pytest.fixture
def required(furnished: MemoryParts, google: ServedApp) -> MemoryParts:
    furnished.settings = read(
        {
            **ENVIRONMENT,
            "FIREBASE_AUTH_EMULATOR_HOST": google.address,
            "FANFARE_APP_CHECK": "required",
        }
    )
    return furnished


def app_token(google: ServedApp, project: str = PROJECT) -> str:
    path = f"/firebaseappcheck.googleapis.com/v1/projects/{project}/apps/{APP}:exchangeDebugToken"
    with httpx.Client(base_url=google.url, trust_env=False, timeout=60) as rest:
        return str(rest.post(path, json={"debugToken": str(uuid.uuid4())}).json()["token"])


def answer_to(endpoint: str, caller: str, jwt: str | None) -> TestResponse:
    function, method, path, sent = request_of(endpoint)
    credential = CALLERS[caller](function)
    headers = {**(bearer(credential) if credential else {})}
    if jwt is not None:
        headers["X-Firebase-AppCheck"] = jwt
    return client("device_api").open(path, method=method, headers=headers, **sent)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_without_an_apps_token_nobody_comes_in_whoever_they_are(
    required: MemoryParts, endpoint: str, caller: str
) -> None:
    before = required.stored()
    refused = answer_to(endpoint, caller, None)
    assert (refused.status_code, refused.get_json()["code"]) == (401, "appCheckFailed")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert required.stored() == before


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_with_an_apps_token_everybody_gets_what_the_table_says(
    required: MemoryParts, google: ServedApp, endpoint: str, caller: str
) -> None:
    answer = answer_to(endpoint, caller, app_token(google))
    assert answer.status_code == documented()[endpoint][caller], answer.text


@pytest.mark.parametrize("jwt", ["", " ", "garbage", "a.b.c", "é", "x" * 9000])
def test_a_token_that_is_none_is_refused_in_our_words(required: MemoryParts, jwt: str) -> None:
    refused = answer_to(ENDPOINTS[0], "device", jwt)
    problem = refused.get_json()
    assert (refused.status_code, problem["code"]) == (401, "appCheckFailed")
    assert "App Check" in problem["detail"]


def test_a_token_of_another_projects_app_is_refused(
    required: MemoryParts, google: ServedApp
) -> None:
    refused = answer_to(ENDPOINTS[0], "device", app_token(google, "demo-other"))
    assert (refused.status_code, refused.get_json()["code"]) == (401, "appCheckFailed")
    assert "another project" in refused.get_json()["detail"]


def test_while_googles_keys_are_out_of_reach_it_is_to_be_tried_again(
    required: MemoryParts, google: ServedApp
) -> None:
    shown = app_token(google)
    required.settings = required.settings.model_copy(update={"auth_emulator": "127.0.0.1:9"})
    again = answer_to(ENDPOINTS[0], "device", shown)
    assert (again.status_code, again.get_json()["code"]) == (503, "tryAgain")
    assert int(again.headers["Retry-After"]) >= 1


def test_by_default_no_app_is_asked_for_anything(furnished: MemoryParts) -> None:
    for shown in (None, "garbage"):
        assert answer_to("device-api POST /v1/devices", "device", shown).status_code == 200


def test_a_browser_may_send_the_header(required: MemoryParts) -> None:
    said = client("device_api").options("/v1/devices", headers={"Origin": "https://panel.example"})
    assert said.status_code == 204
    assert "X-Firebase-AppCheck" in said.headers["Access-Control-Allow-Headers"]


def test_an_apps_token_is_in_no_log(
    required: MemoryParts, google: ServedApp, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = app_token(google)

    class Broken:
        def verify(self, token: str) -> None:
            raise RuntimeError(f"cannot read {token}")

    required.__dict__["app_check"] = Broken()
    assert answer_to(ENDPOINTS[0], "device", shown).status_code == 500
    assert shown not in capsys.readouterr().out


def test_a_path_that_is_not_there_is_said_to_be_so(required: MemoryParts) -> None:
    assert client("device_api").get("/v1/nothing").status_code == 404
