"""The sender around its requests: credentials, processes, threads, and what it logs."""

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest

from local.emulators.background import ServedApp
from local.emulators.hms.server import Config, app
from shared.adapters.push.hms import MOST_AT_ONCE, HmsSender, hms_sender, requests_of
from shared.adapters.push.hms_credentials import HuaweiAccessTokens
from shared.domain.push.answers import AddressGone, Misconfigured, RetryLater
from shared.settings.credentials.hms import HmsAccount
from shared.wire.http11 import Fault, HttpAnswer, Target
from shared.wire.tokens import CredentialsRefused, CredentialsUnavailable
from tests.senders.hms_parts import PATH, HmsSending, addresses, an_account, many, summary
from tests.senders.parts import FixedTokens, a_message, codes, pushes, received

REFUSED = Misconfigured("credentialsRefused")


def from_emulator(account: HmsAccount, url: str) -> HmsSender:
    return hms_sender(account, url, f"{url}/oauth2/v3/token")


@pytest.fixture(scope="module")
def hms() -> Iterator[str]:
    with ServedApp(app()) as served:
        yield served.url


@pytest.mark.parametrize("project", ["", "7"])
def test_a_refused_access_token_is_renewed_once_for_all_and_the_push_goes_out(
    project: str,
) -> None:
    account = an_account(projectId=project)
    with ServedApp(app(Config(issued_tokens_only=True), "s3cret+/&=")) as served:
        sender = from_emulator(account, served.url)
        try:
            assert codes(sender.send(pushes(a_message(), addresses("a")))) == ["accepted"]
            httpx.delete(f"{served.url}/token", timeout=60)
            answers = sender.send(pushes(a_message(), addresses(*many(3500))))
            assert codes(answers) == ["accepted"] * 3500
        finally:
            sender.close()
        sums = summary(served.url)
        assert sums["statuses"] == {"80000000": 3501, "80200003": 4}
        assert (sums["requests"], sums["tokenRequests"]) == (9, 2)
        (entry,) = received(served.url, "a")
        assert entry["project"] == (project or "100")


def test_the_token_of_another_app_is_a_matter_of_configuration() -> None:
    with ServedApp(app(Config(issued_tokens_only=True))) as served:
        other = HuaweiAccessTokens(an_account(appId="200"), f"{served.url}/oauth2/v3/token")
        sender = HmsSender(PATH, other, served.url)
        try:
            assert sender.send(pushes(a_message(), addresses("a", "b"))) == [REFUSED] * 2
        finally:
            sender.close()
        sums = summary(served.url)
        assert (sums["requests"], sums["tokenRequests"]) == (6, 2), "together, and each alone"


def test_a_token_refused_twice_is_a_matter_of_configuration(hms: str) -> None:
    tokens = FixedTokens("one", "two", "three")
    with HmsSending(hms, tokens) as send:
        assert send("token-expired-twice") == [REFUSED]
    assert len(received(hms, "token-expired-twice")) == 2
    assert tokens.refused == ["one"]


def test_a_token_refused_once_is_a_second_request_and_then_accepted(hms: str) -> None:
    tokens = FixedTokens("one", "two")
    with HmsSending(hms, tokens) as send:
        assert codes(send("once-token-expired-x", "illegal-beside")) == ["accepted", "invalidToken"]
    assert len(received(hms, "once-token-expired-x")) == 2
    assert tokens.refused == ["one"]


def test_the_access_token_is_not_renewed_for_what_the_app_may_not_do(hms: str) -> None:
    tokens = FixedTokens("one", "two")
    with HmsSending(hms, tokens) as send:
        assert codes(send("not-permitted-x")) == ["appNotPermitted"]
    assert tokens.refused == []


FAILURES = [
    (CredentialsRefused("no"), REFUSED),
    (CredentialsUnavailable("away"), RetryLater("credentialsUnavailable")),
]


@pytest.mark.parametrize(("failure", "meaning"), FAILURES)
def test_without_an_access_token_nothing_is_sent(
    failure: Exception, meaning: object, hms: str
) -> None:
    with HmsSending(hms, FixedTokens(failure)) as send:
        assert send("no-token-1", "no-token-2") == [meaning] * 2
    assert received(hms, "no-token-1") == []


@pytest.mark.parametrize(("failure", "meaning"), FAILURES)
def test_a_renewal_that_fails_says_so(failure: Exception, meaning: object, hms: str) -> None:
    class Dying(FixedTokens):
        def current(self, refused: str = "") -> str:
            if refused:
                raise failure
            return "one"

    with HmsSending(hms, Dying()) as send:
        assert send("oauth-dying", "fine") == [meaning] * 2


def test_requests_are_cut_by_number_and_by_how_long_their_answer_may_become() -> None:
    assert [len(run) for run in requests_of(many(2500))] == [1000, 1000, 500]
    assert list(requests_of([])) == []
    long = [f"{number:04000}" for number in range(20)]
    runs = list(requests_of(long))
    assert [token for run in runs for token in run] == long
    assert {len(run) for run in runs[:-1]} == {8}


class Counting:
    """``OneShotHttp`` that knows how many requests were under way at once."""

    def __init__(self) -> None:
        self.now = self.most = self.total = 0

    async def post(self, target: Target, body: bytes) -> HttpAnswer | Fault:
        self.total += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return HttpAnswer(200, {}, b'{"code":"80000000"}')

    async def close(self) -> None:
        pass


def test_no_more_than_a_few_requests_are_under_way_at_once() -> None:
    http = Counting()
    sender = HmsSender(PATH, FixedTokens(), http=lambda _: http)
    try:
        assert (
            codes(sender.send(pushes(a_message(), addresses(*many(20_500)))))
            == ["accepted"] * 20_500
        )
    finally:
        sender.close()
    assert (http.total, http.most) == (21, MOST_AT_ONCE)


def test_threads_share_one_sender(hms: str) -> None:
    got: dict[int, list[str]] = {}
    with HmsSending(hms) as send:

        def work(number: int) -> None:
            got[number] = codes(send(*many(40, f"thread-{number}-")))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len([each for each in threading.enumerate() if each.name == "hms"]) == 1
    assert got == {n: ["accepted"] * 40 for n in range(6)}
    assert not [each for each in threading.enumerate() if each.name == "hms"]


def test_nothing_is_started_before_the_first_push_and_a_closed_sender_starts_anew(
    hms: str,
) -> None:
    sending = HmsSending(hms)
    assert sending() == []
    assert not [each for each in threading.enumerate() if each.name == "hms"]
    with sending as send:
        for _ in range(2):
            assert codes(send("anew")) == ["accepted"]
            send.sender.close()
            send.sender.close()


FORKING = """
import os, sys
from tests.senders.hms_parts import HmsSending
from tests.senders.parts import codes

send = HmsSending(sys.argv[1])
assert codes(send("before-the-fork")) == ["accepted"]
if (child := os.fork()) == 0:
    os._exit(0 if codes(send("in-the-child")) == ["accepted"] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert codes(send("after-the-fork")) == ["accepted"]
"""


def test_a_forked_worker_sends_over_connections_of_its_own(hms: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, hms],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stderr == b""
    for token in ("before-the-fork", "in-the-child", "after-the-fork"):
        assert len(received(hms, token)) == 1


def test_no_token_and_no_secret_of_any_kind_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ServedApp(app(app_secret="right")) as served:
        refused = from_emulator(an_account(appSecret="very-secret"), served.url)
        assert refused.send(pushes(a_message(), addresses("secret-address"))) == [REFUSED]
        with HmsSending(served.url, FixedTokens("secret-one", "secret-two")) as send:
            assert send("illegal-secret") == [AddressGone("invalidToken")]
            send("oauth-secret")
            send("sensitive-secret")
    assert "1203" in caplog.text
    assert "credentialsRefused" in caplog.text
    assert "contentRejected" in caplog.text
    assert "secret" not in caplog.text
