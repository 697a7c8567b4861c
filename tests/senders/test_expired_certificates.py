"""A server whose certificate has run out, or is not valid yet, gets no request of FCM's or Huawei's
senders, nor of those who fetch their access tokens: what is to be sent waits until that is mended.
"""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from local.emulators.apns.certificates import ApnsCa
from local.emulators.test_ca import LIFETIME
from shared.adapters.push.hms_credentials import HuaweiAccessTokens
from shared.domain.push.answers import Accepted, Answer, RetryLater
from shared.wire.http11 import KeptConnections
from shared.wire.tokens import CredentialsUnavailable
from tests.senders.hms_parts import OK as HMS_OK
from tests.senders.hms_parts import HmsSending, an_account
from tests.senders.parts import OK, Misbehaving, Sending, answer

NOT_SENT = RetryLater("notSent")
TIMES = {
    "expired": datetime.now(UTC) - LIFETIME - timedelta(days=1),
    "not valid yet": datetime.now(UTC) + timedelta(days=1),
}
SENDERS: dict[str, tuple[Callable[..., Sending | HmsSending], bytes]] = {
    "fcm": (Sending, OK),
    "hms": (HmsSending, HMS_OK),
}


@pytest.fixture(scope="module")
def ca() -> ApnsCa:
    return ApnsCa()


@pytest.fixture(scope="module")
def trust(ca: ApnsCa) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=ca.pem.decode())


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("at", TIMES.values(), ids=TIMES)
def test_nothing_is_sent_to_a_server_out_of_its_dates(
    at: datetime, sender: str, ca: ApnsCa, trust: ssl.SSLContext
) -> None:
    sending, good = SENDERS[sender]
    with (
        Misbehaving(answer(good), tls=ca.server_context_of(at)) as server,
        sending(server.url, trust=trust) as send,
    ):
        answers: list[Answer] = send("one")
        assert answers == [NOT_SENT]
        assert server.requests == []


@pytest.mark.parametrize("sender", SENDERS)
def test_and_everything_to_one_within_them(sender: str, ca: ApnsCa, trust: ssl.SSLContext) -> None:
    sending, good = SENDERS[sender]
    with (
        Misbehaving(answer(good), tls=ca.server_context_of()) as server,
        sending(server.url, trust=trust) as send,
    ):
        assert isinstance(send("one")[0], Accepted)


@pytest.mark.parametrize("at", TIMES.values(), ids=TIMES)
def test_no_secret_is_told_to_a_token_endpoint_out_of_its_dates(
    at: datetime, ca: ApnsCa, trust: ssl.SSLContext
) -> None:
    with Misbehaving(answer(), tls=ca.server_context_of(at)) as server:
        tokens = HuaweiAccessTokens(
            an_account(), server.url, http=lambda base: KeptConnections(base, trust=trust)
        )
        with pytest.raises(CredentialsUnavailable):
            tokens.current()
        assert server.requests == []
