"""Huawei's access tokens: fetched early, once, by one; and what a failure to get one means."""

import asyncio
import threading
from urllib.parse import parse_qs

import httpx
import orjson
import pytest

from local.emulators.background import ServedApp
from local.emulators.hms.server import app
from shared.adapters.push.hms_credentials import HuaweiAccessTokens
from shared.settings.credentials import CredentialsRefused as UnusableSecret
from shared.settings.credentials.hms import HmsAccount
from shared.wire.http11 import Fault, HttpAnswer, KeptConnections, Target
from shared.wire.tokens import (
    EARLY_SECONDS,
    PAUSE_SECONDS,
    CredentialsRefused,
    CredentialsUnavailable,
)
from tests.senders.hms_parts import an_account, summary
from tests.senders.parts import Misbehaving, answer, close, keep_quiet

AWAY = Fault("away", ambiguous=False)


class Endpoint:
    """``OneShotHttp`` to an endpoint that gives t1, t2, … unless told to give something else."""

    def __init__(self, lifetime: object = 3600) -> None:
        self.lifetime = lifetime
        self.tokens = 0
        self.instead: HttpAnswer | Fault | None = None
        self.seconds = 0.0

    async def post(self, target: Target, body: bytes) -> HttpAnswer | Fault:
        await asyncio.sleep(self.seconds)
        if self.instead:
            return self.instead
        self.tokens += 1
        said = {"access_token": f"t{self.tokens}", "expires_in": self.lifetime}
        return HttpAnswer(200, {}, orjson.dumps(said))

    async def close(self) -> None:
        pass


class Hands:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def getting(lifetime: object = 3600) -> tuple[HuaweiAccessTokens, Endpoint, Hands]:
    clock, endpoint = Hands(), Endpoint(lifetime)
    return HuaweiAccessTokens(an_account(), http=lambda _: endpoint, clock=clock), endpoint, clock


def test_a_token_is_used_until_five_minutes_before_its_end() -> None:
    tokens, _, clock = getting()
    assert tokens.current() == "t1"
    clock.now += 3600 - EARLY_SECONDS - 1
    assert tokens.current() == "t1"
    clock.now += 1
    assert tokens.current() == "t2"


def test_a_token_that_was_refused_is_replaced_at_once_and_once() -> None:
    tokens, endpoint, _ = getting()
    assert tokens.current() == "t1"
    assert tokens.current(refused="t1") == "t2"
    assert tokens.current(refused="t1") == "t2"
    assert endpoint.tokens == 2


def test_a_short_lived_token_is_not_asked_for_again_and_again() -> None:
    tokens, endpoint, clock = getting(EARLY_SECONDS - 60)
    assert {tokens.current() for _ in range(5)} == {"t1"}
    clock.now += PAUSE_SECONDS
    assert tokens.current() == "t2"
    assert endpoint.tokens == 2


@pytest.mark.parametrize("lifetime", [None, "soon", -5, 0, {}])
def test_a_lifetime_that_says_nothing_is_an_hour(lifetime: object) -> None:
    tokens, endpoint, clock = getting(lifetime)
    tokens.current()
    clock.now += 3600 - EARLY_SECONDS - 1
    tokens.current()
    assert endpoint.tokens == 1


def test_while_a_token_is_good_a_failure_to_renew_it_early_is_no_failure() -> None:
    tokens, endpoint, clock = getting()
    tokens.current()
    endpoint.instead = AWAY
    clock.now += 3600 - EARLY_SECONDS + 1
    assert tokens.current() == "t1"
    clock.now += EARLY_SECONDS
    with pytest.raises(CredentialsUnavailable):
        tokens.current()


def test_a_refused_token_is_never_handed_out_again() -> None:
    tokens, endpoint, _ = getting()
    tokens.current()
    endpoint.instead = AWAY
    with pytest.raises(CredentialsUnavailable):
        tokens.current(refused="t1")


def test_of_many_who_need_a_token_one_fetches_it() -> None:
    tokens, endpoint, _ = getting()
    endpoint.seconds = 0.05
    ready = threading.Barrier(8)
    got: list[str] = []

    def ask() -> None:
        ready.wait()
        got.append(tokens.current())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert got == ["t1"] * 8
    assert endpoint.tokens == 1


# ---- over the wire ----------------------------------------------------------------------------


def http(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def test_the_secret_goes_out_as_a_form_and_the_token_is_read_as_json() -> None:
    good = http(200, rb'{"access_token":"DA\/x+y=","expires_in":3600,"token_type":"Bearer"}')
    with Misbehaving(answer(good)) as server:
        tokens = HuaweiAccessTokens(an_account(), f"{server.url}/oauth2/v3/token")
        assert tokens.current() == "DA/x+y="
        head, _, form = server.requests[0].decode().partition("\r\n\r\n")
    assert head.startswith("POST /oauth2/v3/token HTTP/1.1\r\n")
    assert "Content-Type: application/x-www-form-urlencoded" in head
    assert parse_qs(form, strict_parsing=True) == {
        "grant_type": ["client_credentials"],
        "client_id": ["100"],
        "client_secret": ["s3cret+/&="],
    }


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (400, b'{"error":1203,"sub_error":12031,"error_description":"no"}', CredentialsRefused),
        (401, b'{"error":"invalid_client"}', CredentialsRefused),
        (400, b'{"error":"temporarily_unavailable"}', CredentialsUnavailable),
        (400, b'{"error":"too_many_requests"}', CredentialsUnavailable),
        (400, b'{"error":31204,"error_description":"flow control"}', CredentialsUnavailable),
        (400, b'{"error":{"code":1203}}', CredentialsUnavailable),
        (400, b"{}", CredentialsUnavailable),
        (400, b"<html>", CredentialsUnavailable),
        (403, b'{"error":1203}', CredentialsUnavailable),
        (404, b"<html>not found</html>", CredentialsUnavailable),
        (429, b'{"error":"rate"}', CredentialsUnavailable),
        (500, b'{"error":"server_error"}', CredentialsUnavailable),
        (503, b"", CredentialsUnavailable),
        (302, b"", CredentialsUnavailable),
        (200, b"<html>please sign in</html>", CredentialsUnavailable),
        (200, b"[]", CredentialsUnavailable),
        (200, b"[" * 60_000, CredentialsUnavailable),
        (200, b'{"access_token":7}', CredentialsUnavailable),
        (200, b'{"access_token":""}', CredentialsUnavailable),
        (200, b'{"access_token":"a\\r\\nX: y"}', CredentialsUnavailable),
        (200, b'{"error":1203}', CredentialsUnavailable),
    ],
)
def test_only_the_endpoints_own_word_means_refused(
    status: int, body: bytes, meaning: type[Exception]
) -> None:
    with Misbehaving(answer(http(status, body))) as server:
        with pytest.raises(meaning):
            HuaweiAccessTokens(an_account(), server.url).current()
        assert len(server.requests) == 1


def test_a_token_endpoint_that_is_away_or_silent_is_not_a_refusal() -> None:
    with pytest.raises(CredentialsUnavailable):
        HuaweiAccessTokens(an_account(), "http://127.0.0.1:1/token").current()
    with Misbehaving(close, keep_quiet) as server:
        tokens = HuaweiAccessTokens(
            an_account(), server.url, http=lambda url: KeptConnections(url, answer_seconds=0.2)
        )
        for _ in range(2):
            with pytest.raises(CredentialsUnavailable):
                tokens.current()
        assert len(server.requests) == 2


def test_the_emulator_gives_tokens_for_its_secret_only() -> None:
    with ServedApp(app(app_secret="s3cret+/&=")) as served:
        url = f"{served.url}/oauth2/v3/token"
        assert "/" in HuaweiAccessTokens(an_account(), url).current()
        with pytest.raises(CredentialsRefused, match="1203"):
            HuaweiAccessTokens(an_account(appSecret="another"), url).current()
        assert httpx.post(url, data={"grant_type": "password"}, timeout=60).json()["error"] == 1101
        assert summary(served.url)["tokenRequests"] == 3


# ---- the account ------------------------------------------------------------------------------


def test_an_account_sends_for_one_app_or_for_a_project() -> None:
    one = HmsAccount.read('{"appId": "100", "appSecret": "s"}')
    project = HmsAccount.read('{"appId": "100", "appSecret": "s", "projectId": "7"}')
    assert one.send_path == "/v1/100/messages:send"
    assert project.send_path == "/v2/7/messages:send"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "JSON"),
        ("[]", "object"),
        ('{"appSecret": "hush-hush"}', "appId"),
        ('{"appId": "100"}', "appSecret"),
        ('{"appId": "100", "appSecret": ""}', "appSecret"),
        ('{"appId": "1/../2", "appSecret": "hush-hush"}', "appId"),
        ('{"appId": "100", "appSecret": "hush-hush", "project": "7"}', "project"),
        ('{"appId": "100", "appSecret": ["hush-hush"]}', "appSecret"),
    ],
)
def test_what_is_wrong_with_an_account_is_named_without_its_secret(text: str, named: str) -> None:
    with pytest.raises(UnusableSecret, match=named) as refusal:
        HmsAccount.read(text)
    assert "hush-hush" not in str(refusal.value)


def test_an_account_does_not_show_its_secret() -> None:
    assert "s3cret" not in repr(an_account())
