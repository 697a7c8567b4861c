"""The sender around its requests: credentials, processes, threads, and what it logs."""

import logging
import os
import subprocess
import sys
import threading

import httpx
import pytest

from local.emulators.background import ServedApp
from local.emulators.fcm.server import Config, app
from shared.adapters.push.fcm import FcmSender, fcm_sender
from shared.domain.push.answers import Accepted, AddressGone, Misconfigured, RetryLater
from shared.settings import read
from shared.wire.tokens import CredentialsRefused, CredentialsUnavailable
from tests.senders.conftest import AccountFile
from tests.senders.parts import (
    FixedTokens,
    Sending,
    a_message,
    addresses,
    codes,
    pushes,
    received,
)

REFUSED = Misconfigured("credentialsRefused")


def test_a_refused_access_token_is_renewed_once_for_all_and_the_push_goes_out(
    account_file: AccountFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = account_file("")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    with ServedApp(app(Config(issued_tokens_only=True), account)) as served:
        settings = read(
            {
                "GOOGLE_CLOUD_PROJECT": "demo-p",
                "FCM_BASE_URL": served.url,
                "GOOGLE_OAUTH_TOKEN_URL": f"{served.url}/token",
            }
        )
        sender = fcm_sender(settings)
        try:
            assert codes(sender.send(pushes(a_message(), addresses("a")))) == ["accepted"]
            httpx.delete(f"{served.url}/token", timeout=60)
            many = addresses(*(f"t{n}" for n in range(30)))
            assert codes(sender.send(pushes(a_message(), many))) == ["accepted"] * 30
        finally:
            sender.close()
        statuses = httpx.get(f"{served.url}/received/summary", timeout=60).json()["statuses"]
        assert statuses == {"200": 31, "401": 30}


def test_a_token_refused_twice_is_a_matter_of_configuration(fcm: str) -> None:
    tokens = FixedTokens("one", "two", "three")
    with Sending(fcm, tokens) as send:
        assert send("unauthenticated-twice") == [REFUSED]
    assert len(received(fcm, "unauthenticated-twice")) == 2
    assert tokens.refused == ["one"]


def test_the_access_token_is_not_renewed_for_apples_or_the_browsers_key(fcm: str) -> None:
    tokens = FixedTokens("one", "two")
    with Sending(fcm, tokens) as send:
        assert codes(send("third-party-auth-x", "permission-denied-x")) == [
            "thirdPartyAuth",
            "credentialsRefused",
        ]
    assert tokens.refused == []


@pytest.mark.parametrize(
    ("failure", "meaning"),
    [
        (CredentialsRefused("no"), REFUSED),
        (CredentialsUnavailable("away"), RetryLater("credentialsUnavailable")),
    ],
)
def test_without_an_access_token_nothing_is_sent(
    failure: Exception, meaning: object, fcm: str
) -> None:
    with Sending(fcm, FixedTokens(failure)) as send:
        assert send("no-token-1", "no-token-2") == [meaning] * 2
    assert received(fcm, "no-token-1") == []


@pytest.mark.parametrize(
    ("failure", "meaning"),
    [
        (CredentialsRefused("no"), REFUSED),
        (CredentialsUnavailable("away"), RetryLater("credentialsUnavailable")),
    ],
)
def test_a_renewal_that_fails_says_so(failure: Exception, meaning: object, fcm: str) -> None:
    class Dying(FixedTokens):
        def current(self, refused: str = "") -> str:
            if refused:
                raise failure
            return "one"

    with Sending(fcm, Dying()) as send:
        assert send("unauthenticated-dying", "fine")[0] == meaning


def test_threads_share_one_sender(fcm: str) -> None:
    got: dict[int, list[str]] = {}
    with Sending(fcm) as send:

        def work(number: int) -> None:
            got[number] = codes(send(*(f"thread-{number}-{n}" for n in range(40))))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        named = [each for each in threading.enumerate() if each.name == "fcm"]
        assert len(named) == 1
    assert got == {n: ["accepted"] * 40 for n in range(6)}
    assert not [each for each in threading.enumerate() if each.name == "fcm"]


def test_nothing_is_started_before_the_first_push() -> None:
    FcmSender("demo-p", FixedTokens())
    assert not [each for each in threading.enumerate() if each.name == "fcm"]


FORKING = """
import os, sys
from tests.senders.parts import Sending, codes

send = Sending(sys.argv[1])
assert codes(send("before-the-fork")) == ["accepted"]
if (child := os.fork()) == 0:
    os._exit(0 if codes(send("in-the-child")) == ["accepted"] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert codes(send("after-the-fork")) == ["accepted"]
"""


def test_a_forked_worker_sends_over_connections_of_its_own(fcm: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, fcm],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stderr == b""
    for token in ("before-the-fork", "in-the-child", "after-the-fork"):
        assert len(received(fcm, token)) == 1


def test_no_token_of_any_kind_is_logged(fcm: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = FixedTokens("very-secret-one", "very-secret-two")
    with Sending(fcm, tokens) as send:
        answers = send("unauthenticated-secret", "invalid-argument-secret", "unregistered-secret")
    assert AddressGone("unregistered") in answers
    assert "credentialsRefused" in caplog.text
    assert "invalidMessage" in caplog.text
    assert "secret" not in caplog.text


def test_a_base_url_may_have_a_path(fcm: str) -> None:
    sender = FcmSender("demo-p", FixedTokens(), f"{fcm}/")
    try:
        (answer,) = sender.send(pushes(a_message(), addresses("with-a-path")))
    finally:
        sender.close()
    assert isinstance(answer, Accepted)
