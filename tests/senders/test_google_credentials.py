"""Access tokens: fetched early, once, by one; and what a failure to get one means."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import google.auth.exceptions
import httpx
import jwt
import pytest
from aiohttp import web
from google.auth.credentials import Credentials

from local.emulators.background import ServedApp
from local.emulators.fcm.server import app
from local.emulators.fcm.tokens import GRANT, TokenEndpoint
from shared.wire.tokens import (
    EARLY_SECONDS,
    PAUSE_SECONDS,
    CredentialsRefused,
    CredentialsUnavailable,
    GoogleAccessTokens,
)
from tests.senders.conftest import AccountFile


class Minting(Credentials):
    """Google's credentials, with tokens t1, t2, … that live as long as they are told."""

    def __init__(self, clock: Callable[[], float], lifetime: float = 3600.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._clock = clock
        self._lifetime = lifetime
        self.minted = 0
        self.failing: Exception | None = None

    def refresh(self, request: object) -> None:
        if self.failing:
            raise self.failing
        self.minted += 1
        self.token = f"t{self.minted}"
        until = datetime.fromtimestamp(self._clock() + self._lifetime, UTC)
        self.expiry = until.replace(tzinfo=None)


class Hands:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def minting(lifetime: float = 3600.0) -> tuple[GoogleAccessTokens, Minting, Hands]:
    clock = Hands()
    credentials = Minting(clock, lifetime)
    return GoogleAccessTokens(load=lambda: credentials, clock=clock), credentials, clock


def test_a_token_is_used_until_five_minutes_before_its_end() -> None:
    tokens, _, clock = minting()
    assert tokens.current() == "t1"
    clock.now += 3600 - EARLY_SECONDS - 1
    assert tokens.current() == "t1"
    clock.now += 1
    assert tokens.current() == "t2"


def test_a_token_that_was_refused_is_replaced_at_once() -> None:
    tokens, credentials, _ = minting()
    assert tokens.current() == "t1"
    assert tokens.current(refused="t1") == "t2"
    assert tokens.current(refused="t1") == "t2"
    assert credentials.minted == 2


def test_a_short_lived_token_is_not_asked_for_again_and_again() -> None:
    tokens, credentials, clock = minting(lifetime=EARLY_SECONDS - 60)
    assert {tokens.current() for _ in range(5)} == {"t1"}
    clock.now += PAUSE_SECONDS
    assert tokens.current() == "t2"
    assert credentials.minted == 2


def test_while_a_token_is_good_a_failure_to_renew_it_early_is_no_failure() -> None:
    tokens, credentials, clock = minting()
    tokens.current()
    credentials.failing = google.auth.exceptions.TransportError("away")
    clock.now += 3600 - EARLY_SECONDS + 1
    assert tokens.current() == "t1"
    clock.now += EARLY_SECONDS
    with pytest.raises(CredentialsUnavailable):
        tokens.current()


def test_a_refused_token_is_never_handed_out_again() -> None:
    tokens, credentials, _ = minting()
    tokens.current()
    credentials.failing = google.auth.exceptions.TransportError("away")
    with pytest.raises(CredentialsUnavailable):
        tokens.current(refused="t1")


def test_of_many_who_need_a_token_one_fetches_it() -> None:
    tokens, credentials, _ = minting()
    mint, ready = credentials.refresh, threading.Barrier(8)
    got: list[str] = []

    def slowly(request: object) -> None:
        time.sleep(0.05)
        mint(request)

    def ask() -> None:
        ready.wait()
        got.append(tokens.current())

    credentials.refresh = slowly  # type: ignore[method-assign]
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert got == ["t1"] * 8
    assert credentials.minted == 1


# ---- against a token endpoint -----------------------------------------------------------------


def real_tokens(monkeypatch: pytest.MonkeyPatch, account: str, url: str) -> GoogleAccessTokens:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", account)
    return GoogleAccessTokens(token_url=url)


def test_a_service_account_gets_its_token_from_where_we_say(
    account_file: AccountFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = account_file("https://127.0.0.1:1/not-here")
    with ServedApp(app(service_account=account)) as served:
        tokens = real_tokens(monkeypatch, str(account), f"{served.url}/token")
        assert tokens.current().startswith("ya29.")


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (400, '{"error":"invalid_grant","error_description":"gone"}', CredentialsRefused),
        (401, '{"error":"invalid_client"}', CredentialsRefused),
        (400, '{"error":"something_new"}', CredentialsUnavailable),
        (400, '{"error":{"code":400}}', CredentialsUnavailable),
        (404, "<html>not found</html>", CredentialsUnavailable),
        (200, "<html>please sign in</html>", CredentialsUnavailable),
        (200, "[]", CredentialsUnavailable),
        (200, "{}", CredentialsUnavailable),
        (200, '{"access_token": 7, "expires_in": 3599}', CredentialsUnavailable),
        (200, '{"access_token": "a\\r\\nX: y", "expires_in": 3599}', CredentialsUnavailable),
        (200, '{"access_token": "t", "expires_in": "soon"}', CredentialsUnavailable),
    ],
)
def test_only_the_endpoints_own_word_means_refused(
    status: int,
    body: str,
    meaning: type[Exception],
    account_file: AccountFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    endpoint = web.Application()
    endpoint.add_routes([web.post("/token", answer)])
    with ServedApp(endpoint) as served:
        tokens = real_tokens(monkeypatch, str(account_file("")), f"{served.url}/token")
        with pytest.raises(meaning):
            tokens.current()


NOT_THE_CLOCK = "Invalid JWT Signature."
THE_CLOCK = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    " Check your iat and exp values in the JWT claim."
)


@pytest.mark.parametrize(
    ("answer", "ahead", "meaning", "sentence"),
    [
        (THE_CLOCK, 0, CredentialsUnavailable, "clock"),
        (THE_CLOCK, 900, CredentialsUnavailable, "900 seconds ahead of"),
        (THE_CLOCK, -900, CredentialsUnavailable, "900 seconds behind"),
        (NOT_THE_CLOCK, 900, CredentialsUnavailable, "Set it (NTP)"),
        (NOT_THE_CLOCK, 30, CredentialsRefused, ""),
        ("Invalid grant: account not found", 0, CredentialsRefused, ""),
        (7, 0, CredentialsRefused, ""),
    ],
)
def test_a_refusal_because_of_our_clock_passes_and_says_what_to_do(
    answer: object,
    ahead: int,
    meaning: type[Exception],
    sentence: str,
    account_file: AccountFile,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Hands()

    async def refuse(_: web.Request) -> web.Response:
        date = formatdate(clock.now - ahead, usegmt=True)
        body = {"error": "invalid_grant", "error_description": answer}
        return web.json_response(body, status=400, headers={"Date": date})

    endpoint = web.Application()
    endpoint.add_routes([web.post("/token", refuse)])
    with ServedApp(endpoint) as served:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account_file("")))
        tokens = GoogleAccessTokens(token_url=f"{served.url}/token", clock=clock)
        with pytest.raises(meaning):
            tokens.current()
    assert sentence in caplog.text
    assert ("clock" in caplog.text) is (meaning is CredentialsUnavailable)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Jan 2026"])
def test_a_date_that_says_nothing_of_our_clock_accuses_nobody(
    date: str, account_file: AccountFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": "invalid_grant"}, status=400, headers={"Date": date})

    endpoint = web.Application()
    endpoint.add_routes([web.post("/token", refuse)])
    with ServedApp(endpoint) as served:
        tokens = real_tokens(monkeypatch, str(account_file("")), f"{served.url}/token")
        with pytest.raises(CredentialsRefused):
            tokens.current()


def test_a_token_endpoint_that_is_away_is_not_a_refusal(
    account_file: AccountFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)
    tokens = real_tokens(monkeypatch, str(account_file("")), "http://127.0.0.1:1/token")
    with pytest.raises(CredentialsUnavailable):
        tokens.current()


@pytest.mark.parametrize("content", ["", "{}", '{"type": "service_account"}', None])
def test_a_credentials_file_that_is_none_is_refused(
    content: str | None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "account.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CredentialsRefused):
        real_tokens(monkeypatch, str(path), "http://127.0.0.1:1").current()


def test_having_no_credentials_yet_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Credentials:
        raise google.auth.exceptions.DefaultCredentialsError("none")

    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(CredentialsUnavailable):
        GoogleAccessTokens(load=nowhere).current()


# ---- the emulator's own strictness ------------------------------------------------------------

GOOD = {
    "iss": "sender@demo-p.iam.gserviceaccount.com",
    "scope": "https://www.googleapis.com/auth/firebase.messaging",
    "aud": "https://oauth2.googleapis.com/token",
    "iat": 0,
    "exp": 3600,
}


@pytest.fixture
def endpoint(account_file: AccountFile) -> Iterator[str]:
    with ServedApp(app(service_account=account_file(""))) as served:
        yield f"{served.url}/token"


def asserted(key: str, **claims: Any) -> str:
    now = int(time.time())
    told = {k: v for k, v in {**GOOD, **claims}.items() if v is not None}
    for name in {"iat", "exp"} & told.keys():
        told[name] += now
    return jwt.encode(told, key, algorithm="RS256")


def grant(endpoint: str, assertion: str, kind: str = GRANT) -> httpx.Response:
    return httpx.post(endpoint, data={"grant_type": kind, "assertion": assertion}, timeout=60)


def test_a_good_assertion_gets_a_token_for_an_hour(endpoint: str, private_key: str) -> None:
    answer = grant(endpoint, asserted(private_key))
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 3599
    assert grant(endpoint, asserted(private_key, aud=endpoint)).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody@else"},
        {"iss": None},
        {"scope": "https://www.googleapis.com/auth/drive"},
        {"aud": "https://example.com"},
        {"iat": -7200, "exp": -3600},
        {"exp": 7200},
        {"exp": None},
    ],
)
def test_a_wrong_assertion_gets_none(
    claims: dict[str, Any], endpoint: str, private_key: str
) -> None:
    answer = grant(endpoint, asserted(private_key, **claims))
    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_grant", "invalid_scope"}


def test_another_grant_or_another_key_gets_none(endpoint: str, private_key: str) -> None:
    assert grant(endpoint, asserted(private_key), "password").status_code == 400
    assert grant(endpoint, "not.a.jwt").status_code == 400
    head, claims, _ = asserted(private_key).split(".")
    assert grant(endpoint, f"{head}.{claims}.{'A' * 342}").status_code == 400


def test_without_an_account_any_signature_will_do(private_key: str) -> None:
    assertion = asserted(private_key)
    issued = TokenEndpoint().issue({"grant_type": GRANT, "assertion": assertion}, "")
    assert issued["token_type"] == "Bearer"
