"""What a computer asks of ``device-api``, and the two ways in which that can fail.

A refusal stays what it is when it is asked again; what is away may be back. The sequence of calls
is that of docs/clients/README.md.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx

from cli.desktop.note import Note, from_answer

SECONDS_PER_CALL: Final = 30.0
APP_CHECK: Final = "X-Firebase-AppCheck"
UNKNOWN: Final = "unauthenticated"
"""Code of an answer to a device that the server does not know by this hwid and secret."""


class Away(Exception):
    """Failure that may pass; ``wait`` is how many seconds the server asked to be left alone."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class Refused(Exception):
    """Refusal that repeating does not change."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{detail or 'refused'} ({status} {code})".replace(" )", ")"))
        self.status, self.code = status, code


class DeviceDoor:
    """The calls of one device, which proves itself by its secret."""

    def __init__(self, client: httpx.Client, gateway: str, hwid: str, secret: str) -> None:
        self._client = client
        self._devices = f"{gateway}/device-api/v1/devices"
        self._mine = f"{self._devices}/{quote(hwid, safe='')}"
        self._hwid, self._secret = hwid, secret

    def register(self, about: Mapping[str, Any], *, known: bool) -> str:
        """Register, or refresh what is known of a device that is ``known``; returns its custom
        token.

        The secret is ours from the beginning, so that a registration whose answer is lost can be
        repeated, and one that the server forgot or an operator gave up begins anew.
        """
        body = {**about, "hwid": self._hwid, "deviceSecret": self._secret}
        if known:
            try:
                return self._registered(body, self._proof)
            except Refused as refusal:
                if refusal.code != UNKNOWN:
                    raise
        return self._registered(body, {})

    def pending(self) -> Note | None:
        """Read what this computer is to show, if anything."""
        answer = self._ask("GET", f"{self._mine}/pending", headers=self._proof)
        return from_answer(answer.get("notification"))

    def consent(self, consent: bool) -> None:
        """Give or withdraw consent to be notified."""
        self._ask("POST", f"{self._mine}/consent", headers=self._proof, json={"consent": consent})

    def leave(self) -> None:
        """Have the server forget this computer; one that it does not know is forgotten already."""
        try:
            self._ask("DELETE", self._mine, headers=self._proof)
        except Refused as refusal:
            if refusal.code != UNKNOWN:
                raise

    @property
    def _proof(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret}"}

    def _registered(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        answer = self._ask("POST", self._devices, headers=headers, json=body)
        return str(answer.get("customToken", ""))

    def _ask(self, method: str, url: str, **options: Any) -> Mapping[str, Any]:
        return answer_to(lambda: self._client.request(method, url, **options))


def answer_to(request: Callable[[], httpx.Response]) -> Mapping[str, Any]:
    """Make a request and return the JSON object that answers it; raises ``Away`` or ``Refused``."""
    return read(answered(request))


def answered(request: Callable[[], httpx.Response]) -> httpx.Response:
    """Make a request; raises ``Away`` where nothing answers."""
    try:
        return request()
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as fault:
        raise Refused(0, "address", f"this is no address to ask: {fault}") from None
    except httpx.HTTPError as fault:
        raise Away(f"no answer ({fault or type(fault).__name__})") from None


def read(answer: httpx.Response) -> Mapping[str, Any]:
    """Return an answer's JSON object; raises ``Away`` or ``Refused``."""
    said = _object(answer)
    if answer.is_success:
        if said is None:
            raise Away("the answer is not what this server says; something stands in between")
        return said
    if answer.status_code == 429 or answer.status_code >= 500:
        raise Away(f"the server answered {answer.status_code}", _seconds(answer))
    problem = said or {}
    raise Refused(answer.status_code, str(problem.get("code", "")), _sentences(problem))


def _sentences(problem: Mapping[str, Any]) -> str:
    """Return what was refused, field by field where the server says which."""
    errors = problem.get("errors")
    faults = [it for it in errors if isinstance(it, dict)] if isinstance(errors, list) else []
    messages = "; ".join(f"{it.get('field', '')}: {it.get('message', '')}" for it in faults)
    return messages or str(problem.get("detail", ""))


def _object(answer: httpx.Response) -> Mapping[str, Any] | None:
    if not answer.content:
        return {}
    try:
        said = answer.json()
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _seconds(answer: httpx.Response) -> float | None:
    asked_for = answer.headers.get("Retry-After", "")
    return float(asked_for) if asked_for.isascii() and asked_for.isdecimal() else None
