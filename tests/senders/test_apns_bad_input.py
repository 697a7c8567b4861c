"""What Apple, or something in its place, can answer beyond reason; and credentials of every wrong
kind. Each has a clear outcome, costs no address, and leaves nothing secret in a log.
"""

import gzip
import logging
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.emulators.apns.certificates import ApnsCa
from local.emulators.apns.server import ServedApns
from local.emulators.apns.service import Apns
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.push.apns import PRODUCTION, ApnsSender
from shared.adapters.push.apns_credentials import (
    Certificate,
    Credential,
    P8Key,
)
from shared.domain.audience.device import AddressKind, PushAddress
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from shared.domain.push.reactions import CREDENTIALS_UNAVAILABLE
from shared.settings.credentials import CredentialsRefused
from shared.settings.credentials.apns import ApnsCredentials
from shared.settings.credentials.p8 import read_key
from shared.settings.credentials.p12 import P12Certificate
from shared.stores.provider_tokens import TokenShelf
from shared.wire.http2.client import H2Client
from tests.senders.apns_parts import (
    KEY_ID,
    P8,
    PUBLIC,
    TEAM_ID,
    TOPIC,
    SteppingClock,
    Tokens,
    credentials_json,
    key_pair,
    received,
)
from tests.senders.apns_parts import Sending as ApnsSending
from tests.senders.parts import SHORT_SECONDS, a_message, pushes
from tests.senders.test_apns_faults import Peer, Server

REFUSED = Misconfigured("credentialsRefused")
LOST = RetryLater("answerLost", ambiguous=True)
PASSWORD = "the password"


# ---- answers -------------------------------------------------------------------------------------


def answering(status: int, *parts: bytes) -> Callable[[Peer], None]:
    def act(peer: Peer) -> None:
        stream = peer.complete[-1]
        peer.h2.send_headers(stream, [(":status", str(status))])
        for part in parts:
            peer.h2.send_data(stream, part)
        peer.h2.end_stream(stream)

    return act


def packed(status: int, encoding: str, body: bytes) -> Callable[[Peer], None]:
    def act(peer: Peer) -> None:
        stream = peer.complete[-1]
        peer.h2.send_headers(stream, [(":status", str(status)), ("content-encoding", encoding)])
        peer.h2.send_data(stream, body, end_stream=True)

    return act


def unending(peer: Peer) -> None:
    stream = peer.complete[-1]
    peer.h2.send_headers(stream, [(":status", "200")])
    peer.h2.send_data(stream, b'{"rea')


def endless(peer: Peer) -> None:
    stream = peer.complete[-1]
    peer.h2.send_headers(stream, [(":status", "400")])
    for _ in range(8):
        peer.h2.send_data(stream, b" " * 12_000)


PAGE = b"<!DOCTYPE html><html><title>502 Bad Gateway</title></html>"
ANSWERS: dict[str, tuple[Callable[[Peer], None], Answer]] = {
    "garbage": (answering(400, b"\xff\x00\xfe"), Rejected("unknownError")),
    "half of the JSON": (answering(400, b'{"reason":"BadDevi'), Rejected("unknownError")),
    "JSON of another kind": (answering(400, b'["BadDeviceToken"]'), Rejected("unknownError")),
    "a reason that is no text": (answering(400, b'{"reason":410}'), Rejected("unknownError")),
    "nested beyond reason": (answering(400, b"[" * 9_000), Rejected("unknownError")),
    "410 without a reason": (answering(410), Rejected("unknownError")),
    "a page that says 404": (answering(404, PAGE), Rejected("unknownError")),
    "a page that says 403": (answering(403, PAGE), REFUSED),
    "a page that says 413": (answering(413, PAGE), Unsendable("payloadTooBig")),
    "a proxy's page": (answering(502, PAGE), RetryLater("unavailable", ambiguous=True)),
    "an overloaded proxy's page": (answering(503, PAGE), RetryLater("unavailable")),
    "elsewhere": (answering(302, PAGE), Misconfigured("unexpectedAnswer")),
    "a status nobody gives": (answering(299, b"{}"), LOST),
    "many small pieces": (answering(400, *[b" "] * 200, b"{}"), Rejected("unknownError")),
    "compressed": (
        packed(410, "gzip", gzip.compress(b'{"reason":"Unregistered"}')),
        AddressGone("unregistered"),
    ),
    "compressed beyond reading": (packed(410, "br", b"\x0b\x02"), LOST),
    "a bomb": (packed(403, "gzip", gzip.compress(b" " * 30_000_000)), LOST),
    "an unreadable overload": (packed(503, "br", b"\x0b\x02"), RetryLater("unavailable")),
    "no end": (unending, LOST),
    "more than anybody should read": (endless, LOST),
}


def sending_to(server: Server, folder: Path) -> ApnsSender:
    patience = SHORT_SECONDS if server.act is unending else 10.0
    ca = folder / "ca.pem"
    ca.write_bytes(server.ca.pem)
    return ApnsSender(
        TOPIC,
        {PRODUCTION: Tokens("bearer very-secret")},
        {PRODUCTION: f"https://127.0.0.1:{server.port}"},
        ca_file=str(ca),
        client=lambda url, trust: H2Client(url, trust, answer_seconds=patience),
    )


def send_one(sender: ApnsSender, token: str = "secret-device") -> Answer:
    (answer,) = sender.send(pushes(a_message(), [PushAddress(AddressKind.APNS, token)]))
    return answer


@pytest.mark.parametrize(("act", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_beyond_reason_has_an_outcome_and_costs_no_address(
    act: Callable[[Peer], None],
    expected: Answer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="shared")
    with Server(act) as server:
        sender = sending_to(server, tmp_path)
        answer = send_one(sender)
        sender.close()
        assert server.requests == 1
    assert answer == expected
    assert "secret" not in caplog.text


def test_a_success_is_one_whatever_cannot_be_read_of_it(tmp_path: Path) -> None:
    with Server(packed(200, "br", b"\x0b\x02")) as server:
        sender = sending_to(server, tmp_path)
        assert isinstance(send_one(sender), Accepted)
        sender.close()


# ---- credentials ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def apns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApns]:
    ca_file = tmp_path_factory.mktemp("apns") / "ca.pem"
    with ServedApns(Apns(keys={KEY_ID: PUBLIC}), ca_file=ca_file) as served:
        yield served


def p8(key: str = P8, key_id: str = KEY_ID, clock: SteppingClock | None = None) -> Credential:
    shelf = TokenShelf(MemoryDatabase())
    return (
        P8Key(read_key(key), key_id, TEAM_ID, shelf, clock)
        if clock
        else P8Key(read_key(key), key_id, TEAM_ID, shelf)
    )


def skewed(seconds: float) -> SteppingClock:
    return SteppingClock(datetime.now(UTC).timestamp() + seconds)


def a_certificate(ca: ApnsCa, days: float = 0.0) -> Credential:
    p12 = ca.client_p12(TOPIC, PASSWORD, datetime.now(UTC) + timedelta(days=days))
    return Certificate(P12Certificate(p12, PASSWORD, TOPIC))


WRONG: dict[str, Callable[[ServedApns], Credential]] = {
    "a key that Apple does not know": lambda _: p8(key_pair()[0]),
    "no token at all": lambda _: Tokens(""),
    "half a token": lambda _: Tokens("bearer eyJ"),
    "a clock that is two hours ahead": lambda _: p8(clock=skewed(7_200)),
    "a certificate that has expired": lambda it: a_certificate(it.ca, -400),
    "a certificate that is not valid yet": lambda it: a_certificate(it.ca, 1),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_credentials_are_told_as_such_and_cost_no_address(
    wrong: Callable[[ServedApns], Credential], apns: ServedApns, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="shared")
    with ApnsSending(apns, wrong(apns)) as send:
        assert send("secret-device", "unregistered-secret") == [REFUSED] * 2
    assert "credentialsRefused" in caplog.text
    assert "secret-" not in caplog.text
    assert "BEGIN PRIVATE" not in caplog.text
    assert PASSWORD not in caplog.text


def test_a_clock_that_is_two_hours_behind_is_told_and_waited_for(
    apns: ServedApns, caplog: pytest.LogCaptureFixture
) -> None:
    with ApnsSending(apns, p8(clock=skewed(-7_200))) as send:
        assert send("waits-for-the-clock") == [CREDENTIALS_UNAVAILABLE]
    assert "set this machine's clock right" in caplog.text


@pytest.mark.parametrize("seconds", [-1_500, -50, 50])
def test_a_clock_that_is_a_little_off_is_good_enough(seconds: float, apns: ServedApns) -> None:
    with ApnsSending(apns, p8(clock=skewed(seconds))) as send:
        assert isinstance(send("a-little-off")[0], Accepted)


def test_a_certificate_of_an_authority_apple_does_not_know_gets_nothing_through(
    apns: ServedApns,
) -> None:
    with ApnsSending(apns, a_certificate(ApnsCa())) as send:
        (answer,) = send("stranger")
    assert isinstance(answer, RetryLater)
    assert received(apns, "stranger") == []


BROKEN_SECRETS = {
    "no JSON": "not at all",
    "no topic": credentials_json(topic=None),
    "a topic that is none": credentials_json(topic="com.example/../other"),
    "neither key nor certificate": credentials_json(key=None),
    "both": credentials_json(p12="AAAA"),
    "a key without its id": credentials_json(keyId=None),
    "a key without its team": credentials_json(teamId=None),
    "an id that is too long": credentials_json(keyId=f"{KEY_ID}X"),
    "a public key": credentials_json(key=PUBLIC),
    "half a key": credentials_json(key=P8[: len(P8) // 2]),
    "a certificate that is no base64": credentials_json(key=None, p12="%%%"),
    "a certificate that is none": credentials_json(key=None, p12="AAAA", password=PASSWORD),
    "no environment": credentials_json(environments=[]),
    "an environment nobody knows": credentials_json(environments=["staging"]),
}


@pytest.mark.parametrize("text", BROKEN_SECRETS.values(), ids=BROKEN_SECRETS)
def test_a_broken_secret_is_told_at_once_and_keeps_what_is_secret(text: str) -> None:
    with pytest.raises(CredentialsRefused) as refused:
        ApnsCredentials.read(text)
    told = str(refused.value)
    assert told
    assert not any(line in told for line in P8.splitlines()[1:-1])
    assert PASSWORD not in told


# ---- addresses -----------------------------------------------------------------------------------

CONTROL = ["a\r\nb", "a\nb", "nul\x00", "tab\t", "del\x7f", "esc\x1b[2J", "\u2028", "a b", "é"]


def test_addresses_with_control_characters_are_gone_and_their_neighbours_sent(
    apns: ServedApns, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="shared")
    with ApnsSending(apns) as send:
        answers = send("good-one", *CONTROL, "good-two")
    assert answers[1:-1] == [AddressGone("invalidToken")] * len(CONTROL)
    assert isinstance(answers[0], Accepted)
    assert isinstance(answers[-1], Accepted)
    assert not any(odd in caplog.text for odd in CONTROL[2:7])


# ---- the other side's certificate ----------------------------------------------------------------


def test_a_server_whose_certificate_has_expired_gets_no_request(tmp_path: Path) -> None:
    server = Server()
    server.ca = Expired()
    with server:
        sender = sending_to(server, tmp_path)
        assert send_one(sender) == RetryLater("notSent")
        sender.close()
        assert server.requests == 0


class Expired(ApnsCa):
    """Signs servers' certificates that have run out."""

    def server_context(self) -> ssl.SSLContext:
        return self.server_context_of(datetime.now(UTC) - timedelta(days=60))
