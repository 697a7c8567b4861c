"""Who an hwid belongs to, over HTTP, with tokens really exchanged and under Firestore's rules."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from local import demo
from local.journey import Person
from local.stack_file import Stack

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]


class Installation:
    """An app on a device: it registers, signs in, and keeps what it was given."""

    def __init__(self, stack: Stack, hwid: str, address: str = "") -> None:
        self._stack, self._path = stack, f"/v1/devices/{quote(hwid, safe='')}"
        self._documents = f"/v1/projects/{stack.project}/databases/(default)/documents"
        self._body: dict[str, Any] = {
            "hwid": hwid,
            "platform": "macos",
            "domains": [demo.AURORA_DOMAIN],
        }
        if address:
            self._body["pushAddress"] = {"kind": "fcm", "value": address}
        self.secret = self.id_token = self.refresh_token = ""

    def register(self) -> int:
        answer = self._post(f"{self._stack.functions}/device-api/v1/devices", self._body)
        if answer.status_code == 201:
            self.secret = answer.json()["deviceSecret"]
            custom = {"token": answer.json()["customToken"], "returnSecureToken": True}
            signed_in = self._sign_in("accounts:signInWithCustomToken", custom)
            self.id_token, self.refresh_token = signed_in["idToken"], signed_in["refreshToken"]
        return answer.status_code

    def sign_in_again(self) -> None:
        """Refresh the ID token, as an SDK does every hour."""
        url = f"http://{self._stack.auth}/securetoken.googleapis.com/v1/token"
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        self.id_token = httpx.post(url, params={"key": "demo"}, data=form, timeout=60).json()[
            "id_token"
        ]

    def asks(self) -> set[int]:
        """Return how device-api and Firestore answer the device: by secret, by ID token, and of its
        document.
        """
        url = f"{self._stack.functions}/device-api{self._path}/pending"
        document = f"http://{self._stack.firestore}{self._documents}{self._path[3:]}"
        return {
            httpx.get(
                url, headers={"Authorization": f"Bearer {self.secret}"}, timeout=60
            ).status_code,
            httpx.get(
                url, headers={"Authorization": f"Bearer {self.id_token}"}, timeout=60
            ).status_code,
            httpx.get(
                document, headers={"Authorization": f"Bearer {self.id_token}"}, timeout=60
            ).status_code,
        }

    def leave(self) -> None:
        headers = {"Authorization": f"Bearer {self.id_token}"}
        url = f"{self._stack.functions}/device-api{self._path}"
        assert httpx.delete(url, headers=headers, timeout=60).status_code == 204

    def _sign_in(self, call: str, body: Mapping[str, Any]) -> Any:
        url = f"http://{self._stack.auth}/identitytoolkit.googleapis.com/v1/{call}?key=demo"
        return self._post(url, body).json()

    @staticmethod
    def _post(url: str, body: Mapping[str, Any]) -> httpx.Response:
        return httpx.post(url, json=dict(body), timeout=30)


ALLOWED, REFUSED = {200}, {401, 403}


@pytest.mark.parametrize("end", ["leaves", "is reset", "is reinstalled"])
def test_what_a_former_installation_holds_opens_nothing_of_the_next(
    stack: Stack, operator: Person, end: str
) -> None:
    hwid, address = f"Mac #1: {time.time_ns()}", f"mac-{time.time_ns()}"
    former = Installation(stack, hwid, address)
    latter = Installation(stack, hwid, address if end == "is reinstalled" else "")
    endings: Mapping[str, Callable[[], object]] = {
        "leaves": former.leave,
        "is reset": lambda: operator.call(
            "POST", f"/operator-api/v1/devices/{quote(hwid, safe='')}/reset"
        ),
        "is reinstalled": lambda: None,
    }
    assert former.register() == 201
    former.sign_in_again()
    assert former.asks() == ALLOWED
    assert Installation(stack, hwid, "guess").register() == 401
    endings[end]()
    assert latter.register() == 201
    former.sign_in_again()
    assert former.asks() == REFUSED
    assert latter.asks() == ALLOWED
