"""Rights that were taken away, over HTTP, with accounts as an administrator changes them."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jwt
import pytest

from local import demo
from local.seed import create_account
from local.stack_file import Stack

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]

Call = Callable[..., httpx.Response]


@pytest.fixture
def call(stack: Stack) -> Iterator[Call]:
    """Call any function, with any bearer token."""
    with httpx.Client(base_url=stack.gateway, timeout=30, trust_env=False) as client:

        def request(bearer: str, method: str, path: str, body: object = None) -> httpx.Response:
            headers = {"Authorization": f"Bearer {bearer}"}
            return client.request(method, path, headers=headers, json=body)

        yield request


class Administrator:
    """User with the project's own sign-in console."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._base = f"http://{stack.auth}/identitytoolkit.googleapis.com/v1"

    def account(self, role: str, *claims: str) -> tuple[str, str]:
        """Create an account with these claims; return its uid and an ID token."""
        uid = f"{role}-{time.time_ns()}"
        person = demo.Person(uid, f"{uid}@fanfare.example", role, claims)
        create_account(self._stack.auth, self._stack.project, person)
        return uid, self.sign_in(person.email)

    def sign_in(self, email: str) -> str:
        body = {"email": email, "password": demo.PASSWORD}
        return self._token("signInWithPassword", body)

    def sign_in_with_custom_token(self, uid: str, **claims: Any) -> str:
        audience = (
            "https://identitytoolkit.googleapis.com/"
            "google.identity.identitytoolkit.v1.IdentityToolkit"
        )
        token = jwt.encode({"aud": audience, "uid": uid, "claims": claims}, "", algorithm="none")
        return self._token("signInWithCustomToken", {"token": token})

    def change(self, uid: str, **fields: object) -> None:
        path = f"/projects/{self._stack.project}/accounts:update"
        headers = {"Authorization": "Bearer owner"}
        body = {"localId": uid, **fields}
        httpx.post(self._base + path, json=body, headers=headers, timeout=60).raise_for_status()

    def _token(self, name: str, body: object) -> str:
        answer = httpx.post(
            f"{self._base}/accounts:{name}", params={"key": "any"}, json=body, timeout=60
        )
        return str(answer.raise_for_status().json()["idToken"])


@pytest.fixture
def administrator(stack: Stack) -> Administrator:
    return Administrator(stack)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"customAttributes": json.dumps({})}, 403),
        ({"disableUser": True}, 401),
        ({"validSince": int(time.time()) + 3600}, 401),
    ],
    ids=["dismissed", "disabled", "signed out"],
)
def test_an_operator_s_token_ends_with_their_right(
    call: Call, administrator: Administrator, change: Any, status: int
) -> None:
    uid, token = administrator.account("operator", "operator")
    path = f"/operator-api/v1/providers/{demo.BOREALIS.uid}"
    assert call(token, "GET", path).status_code == 200
    administrator.change(uid, **change)
    assert call(token, "PUT", path, {"isPremium": True}).status_code == status


def test_a_custom_token_s_claims_open_no_staff_door(
    call: Call, administrator: Administrator
) -> None:
    uid, _ = administrator.account("provider")
    minted = administrator.sign_in_with_custom_token(uid, operator=True, moderator=True)
    assert call(minted, "GET", "/operator-api/v1/stop").status_code == 403
    assert call(minted, "POST", "/moderation-queue", {"data": {}}).status_code == 403


def test_a_removed_moderator_s_claim_keeps_nobody_out(
    call: Call, administrator: Administrator
) -> None:
    first, of_first = administrator.account("moderator", "moderator")
    _, of_second = administrator.account("moderator", "moderator")
    provider = administrator.sign_in(demo.AURORA.email)
    operator = administrator.sign_in(demo.OLGA.email)
    body = {"title": "Hello", "body": "World", "targetSegment": {"hwid": "nobody's"}}
    id = call(provider, "POST", "/provider-api/v1/notifications", body).json()["id"]
    data = {"data": {"id": id}}
    assert call(of_first, "POST", "/claim-notification", data).status_code == 200
    assert call(of_second, "POST", "/claim-notification", data).status_code == 400
    path = f"/operator-api/v1/moderators/{first}"
    assert call(operator, "DELETE", path).status_code == 204
    assert call(of_first, "POST", "/moderation-queue", {"data": {}}).status_code in {401, 403}
    assert call(of_second, "POST", "/claim-notification", data).status_code == 200
    data["data"]["comment"] = "a test"
    assert call(of_second, "POST", "/reject-notification", data).status_code == 200


def test_a_disabled_provider_makes_no_key_and_an_operator_takes_the_others_away(
    call: Call, administrator: Administrator
) -> None:
    uid, token = administrator.account("provider")
    operator = administrator.sign_in(demo.OLGA.email)
    provider, keys = f"/operator-api/v1/providers/{uid}", "/provider-api/v1/keys"
    assert call(operator, "PUT", provider, {"isPremium": True}).status_code == 200
    key = call(token, "POST", keys, {"name": "server"}).json()
    assert call(key["key"], "GET", "/provider-api/v1/me").status_code == 200
    administrator.change(uid, disableUser=True)
    assert call(token, "POST", keys, {"name": "more"}).json()["code"] == "accountClosed"
    [listed] = call(operator, "GET", f"{provider}/keys").json()["keys"]
    assert (listed["id"], listed["createdBy"]) == (key["id"], uid)
    assert call(operator, "DELETE", f"{provider}/keys/{key['id']}").status_code == 204
    assert call(key["key"], "GET", "/provider-api/v1/me").status_code == 401
