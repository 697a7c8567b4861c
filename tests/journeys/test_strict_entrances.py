"""A stack that asks for more: apps that prove themselves, people with a second factor.

An operator is invited, sets a password by the link, and enrols an authenticator app, before any of
their calls is accepted; a device comes in with its app's token only.
"""

import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local import demo
from local.emulators.auth.second_factor import number
from local.stack_file import ROOT, Stack
from local.starting import running_stack
from tests.conftest import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]

APP = "1:1234567890:web:abc"
PASSWORD = "only its owner knows"


@pytest.fixture(scope="module")
def strict() -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FANFARE_APP_CHECK", "required")
        patch.setenv("FANFARE_MFA", "required")
        with running_stack(devices=1, tick_seconds=0) as stack:
            yield stack


@pytest.fixture
def gateway(strict: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=strict.gateway, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def google(strict: Stack) -> Iterator[httpx.Client]:
    """Yield a client of the sign-in emulator, which also signs for App Check."""
    with httpx.Client(base_url=f"http://{strict.auth}", timeout=60, trust_env=False) as client:
        yield client


def of_app(google: httpx.Client, project: str) -> dict[str, str]:
    """Return the header of an app of this project."""
    path = f"/firebaseappcheck.googleapis.com/v1/projects/{project}/apps/{APP}:exchangeDebugToken"
    got = google.post(path, json={"debugToken": str(uuid.uuid4())})
    return {"X-Firebase-AppCheck": got.raise_for_status().json()["token"]}


def test_a_device_comes_in_with_its_apps_token_only(
    strict: Stack, gateway: httpx.Client, google: httpx.Client
) -> None:
    device = {"hwid": f"strict-{uuid.uuid4()}", "platform": "linux", "domains": ["a.example"]}
    for shown in ({}, {"X-Firebase-AppCheck": "garbage"}, of_app(google, "demo-other")):
        refused = gateway.post("/device-api/v1/devices", json=device, headers=shown)
        assert (refused.status_code, refused.json()["code"]) == (401, "appCheckFailed")

    proof = of_app(google, strict.project)
    registered = gateway.post("/device-api/v1/devices", json=device, headers=proof)
    assert registered.status_code == 201, registered.text
    secret = {"Authorization": f"Bearer {registered.json()['deviceSecret']}"}
    pending = f"/device-api/v1/devices/{device['hwid']}/pending"
    assert gateway.get(pending, headers=secret).status_code == 401
    assert gateway.get(pending, headers={**secret, **proof}).status_code == 200

    google.post("/emulator/v1/appCheckKeys").raise_for_status()
    assert gateway.get(pending, headers={**secret, **proof}).status_code == 200


def invited(strict: Stack, email: str) -> str:
    """Invite an operator as the guide says; return the link."""
    told = subprocess.run(
        [sys.executable, "-m", "cli.main", "account", "invite", email, "--operator"],
        cwd=ROOT,
        env={**os.environ, **strict.environment()},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (link,) = re.findall(r"^http\S+$", told.stdout, re.MULTILINE)
    return str(link)


def ask(google: httpx.Client, path: str, **body: Any) -> Any:
    answer = google.post(f"/identitytoolkit.googleapis.com/{path}?key=k", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def enrolled(google: httpx.Client, id_token: str) -> str:
    """Enrol an authenticator app; return the ID token of a sign-in with it."""
    started = ask(
        google, "v2/accounts/mfaEnrollment:start", idToken=id_token, totpEnrollmentInfo={}
    )
    session = started["totpSessionInfo"]
    shown = number(session["sharedSecretKey"], time.time())
    info = {"sessionInfo": session["sessionInfo"], "verificationCode": shown}
    done = ask(
        google, "v2/accounts/mfaEnrollment:finalize", idToken=id_token, totpVerificationInfo=info
    )
    return str(done["idToken"])


def test_an_invited_operator_enrols_a_second_factor_before_any_call_is_accepted(
    strict: Stack, gateway: httpx.Client, google: httpx.Client
) -> None:
    email = f"{uuid.uuid4()}@fanfare.example"
    page = google.get(invited(strict, email))
    (code,) = re.findall(r'name="oobCode" value="([^"]+)"', page.text)
    google.post("/emulator/action", data={"oobCode": code, "newPassword": PASSWORD})
    tokens: list[str] = []

    def stop_switch(id_token: str) -> httpx.Response:
        return gateway.get("/operator-api/v1/stop", headers={"Authorization": f"Bearer {id_token}"})

    def signed_in() -> bool:
        """Sign in; a new password ends the sessions of its own second, too."""
        told = ask(google, "v1/accounts:signInWithPassword", email=email, password=PASSWORD)
        tokens.append(told["idToken"])
        return stop_switch(tokens[-1]).status_code != 401

    eventually(signed_in, "a sign-in after the second of the new password", 60)
    refused = stop_switch(tokens[-1])
    assert (refused.status_code, refused.json()["code"]) == (403, "secondFactorRequired")
    assert stop_switch(enrolled(google, tokens[-1])).status_code == 200


def test_a_moderator_is_held_to_it_and_a_provider_is_not(
    gateway: httpx.Client, google: httpx.Client
) -> None:
    def signed_in(email: str) -> dict[str, str]:
        told = ask(google, "v1/accounts:signInWithPassword", email=email, password=demo.PASSWORD)
        return {"Authorization": f"Bearer {told['idToken']}"}

    moderator = signed_in(demo.MIRA.email)
    refused = gateway.post("/moderation-queue", json={"data": {}}, headers=moderator)
    assert refused.status_code == 403
    assert refused.json()["error"]["details"]["code"] == "secondFactorRequired"
    assert gateway.get("/provider-api/v1/me", headers=signed_in(demo.AURORA.email)).is_success
