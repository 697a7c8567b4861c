"""``fanfare account`` on the sign-in emulator: nobody types a password for somebody else."""

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from local.emulators.auth import server as emulator
from local.emulators.auth.second_factor import number
from local.emulators.background import ServedApp
from shared.settings import read
from tests.local.conftest import Fanfare
from tests.parts import ENVIRONMENT, MemoryParts

PROJECT = "demo-invited"
"""A project of its own: the admin SDK keeps the address of the emulator it met first."""
PASSWORD = "only its owner knows"


@pytest.fixture(scope="module")
def served() -> Iterator[ServedApp]:
    with ServedApp(emulator.app(PROJECT)) as served:
        yield served


@pytest.fixture
def rest(
    served: ServedApp, world: MemoryParts, monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    """Yield a client of the emulator, empty, on which the command works."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", served.address)
    world.settings = read(
        {
            **ENVIRONMENT,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "FIREBASE_AUTH_EMULATOR_HOST": served.address,
        }
    )
    with httpx.Client(base_url=served.url, trust_env=False, timeout=60) as rest:
        rest.delete(f"/emulator/v1/projects/{PROJECT}/accounts")
        yield rest


def sign_in(rest: httpx.Client, email: str, password: str = PASSWORD) -> Any:
    path = "/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=k"
    return rest.post(path, json={"email": email, "password": password}).json()


def follow(rest: httpx.Client, link: str, password: str = PASSWORD) -> httpx.Response:
    """Open the link, and set the password on its page."""
    (code,) = re.findall(r'name="oobCode" value="([^"]+)"', rest.get(link).text)
    return rest.post("/emulator/action", data={"oobCode": code, "newPassword": password})


def link_in(output: str) -> str:
    (link,) = re.findall(r"^http\S+$", output, re.MULTILINE)
    return str(link)


def test_the_first_operator_is_invited_and_sets_the_password(
    fanfare: Fanfare, rest: httpx.Client
) -> None:
    told = fanfare("account", "invite", "olga@example.com", "--operator")
    assert told.exit_code == 0, told.output
    uid, _, rest_of_line = told.output.partition("  ")
    assert rest_of_line.startswith("olga@example.com is new, and an operator\n")
    assert "error" in sign_in(rest, "olga@example.com")
    assert follow(rest, link_in(told.output)).status_code == 200
    claims = jwt.decode(
        sign_in(rest, "olga@example.com")["idToken"], options={"verify_signature": False}
    )
    assert (claims["sub"], claims["operator"], claims["email_verified"]) == (uid, True, True)


def test_inviting_twice_gives_the_same_account_another_link(
    fanfare: Fanfare, rest: httpx.Client
) -> None:
    first = fanfare("account", "invite", "mira@example.com").output
    again = fanfare("account", "invite", "mira@example.com").output
    assert "was there already" in again
    assert first.split()[0] == again.split()[0]
    assert link_in(first) != link_in(again)


def test_the_link_can_be_sent_instead_of_printed(fanfare: Fanfare, rest: httpx.Client) -> None:
    told = fanfare("account", "invite", "nik@example.com", "--mail").output
    assert told.endswith("Google sends the link to nik@example.com\n")
    assert re.findall(r"^http", told, re.MULTILINE) == []
    (mail,) = rest.get(f"/emulator/v1/projects/{PROJECT}/oobCodes").json()["oobCodes"]
    assert mail["email"] == "nik@example.com"


def test_a_forgotten_password_is_set_anew_and_an_unknown_address_is_said_to_be_one(
    fanfare: Fanfare, rest: httpx.Client
) -> None:
    follow(rest, link_in(fanfare("account", "invite", "a@example.com").output), "the first one")
    follow(rest, link_in(fanfare("account", "reset", "a@example.com").output))
    assert "error" in sign_in(rest, "a@example.com", "the first one")
    assert "idToken" in sign_in(rest, "a@example.com")
    for mailed in ((), ("--mail",)):
        refused = fanfare("account", "reset", "nobody@example.com", *mailed)
        assert refused.exit_code == 1
        assert refused.output == "Error: there is no account of nobody@example.com\n"


def test_an_operator_is_demoted_and_keeps_other_claims(
    fanfare: Fanfare, rest: httpx.Client
) -> None:
    told = fanfare("account", "invite", "o@example.com", "--operator").output
    follow(rest, link_in(told))
    uid = told.split()[0]
    accounts = f"/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts:update"
    both = {"localId": uid, "customAttributes": '{"operator": true, "moderator": true}'}
    rest.post(accounts, json=both, headers={"Authorization": "Bearer owner"})
    session = sign_in(rest, "o@example.com")["refreshToken"]
    assert fanfare("account", "demote", "o@example.com").exit_code == 0
    claims = jwt.decode(
        sign_in(rest, "o@example.com")["idToken"], options={"verify_signature": False}
    )
    assert ("operator" in claims, claims["moderator"]) == (False, True)
    renewed = rest.post(
        "/securetoken.googleapis.com/v1/token",
        data={"grant_type": "refresh_token", "refresh_token": session},
    )
    assert renewed.status_code == 400


@pytest.mark.parametrize("action", ["demote", "unenrol", "reset"])
def test_nobody_is_made_by_mistake(fanfare: Fanfare, rest: httpx.Client, action: str) -> None:
    refused = fanfare("account", action, "nobody@example.com")
    assert (refused.exit_code, refused.output) == (
        1,
        "Error: there is no account of nobody@example.com\n",
    )


@pytest.mark.parametrize("email", ["nonsense", "", "a@b@c"])
def test_what_is_no_address_is_refused_in_a_sentence(
    fanfare: Fanfare, rest: httpx.Client, email: str
) -> None:
    refused = fanfare("account", "invite", email)
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: ")
    assert "Traceback" not in refused.output


def test_a_lost_factor_is_removed(fanfare: Fanfare, rest: httpx.Client) -> None:
    follow(rest, link_in(fanfare("account", "invite", "f@example.com").output))
    token = sign_in(rest, "f@example.com")["idToken"]
    factors = "/identitytoolkit.googleapis.com/v2/accounts"
    started = rest.post(
        f"{factors}/mfaEnrollment:start?key=k", json={"idToken": token, "totpEnrollmentInfo": {}}
    ).json()["totpSessionInfo"]
    shown = number(started["sharedSecretKey"], time.time())
    info = {"sessionInfo": started["sessionInfo"], "verificationCode": shown}
    rest.post(
        f"{factors}/mfaEnrollment:finalize?key=k",
        json={"idToken": token, "totpVerificationInfo": info},
    )
    assert "idToken" not in sign_in(rest, "f@example.com")
    assert fanfare("account", "unenrol", "f@example.com").exit_code == 0
    assert "idToken" in sign_in(rest, "f@example.com")
