"""Every row of Apple's table through the wire: the answer, and how many requests it took."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from local.emulators.apns.answers import FAULTS
from local.emulators.apns.server import ServedApns
from local.emulators.apns.service import Apns, Config
from shared.adapters.push.apns import PRODUCTION, SANDBOX
from shared.adapters.push.apns_credentials import (
    Certificate,
    CredentialsUnavailable,
)
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from shared.settings.credentials import CredentialsRefused
from shared.settings.credentials.p12 import P12Certificate
from tests.senders.apns_parts import TOPIC, Sending, Tokens, minted, received, summary
from tests.senders.parts import SHORT_SECONDS, a_message

LOST = RetryLater("answerLost", ambiguous=True)
NOT_SENT = RetryLater("notSent")
GONE = AddressGone("unregistered", datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC))
BUG = Unsendable("invalidMessage")
REFUSED = Misconfigured("credentialsRefused")

EXPECTED: dict[str, Answer] = {
    "bad-collapse-id-": BUG,
    "bad-device-token-": AddressGone("invalidToken"),
    "bad-expiration-date-": BUG,
    "bad-message-id-": BUG,
    "bad-priority-": BUG,
    "bad-topic-": Misconfigured("topicRefused"),
    "device-token-not-for-topic-": AddressGone("tokenNotForTopic"),
    "duplicate-headers-": BUG,
    "idle-timeout-": RetryLater("unavailable"),
    "invalid-push-type-": BUG,
    "missing-device-token-": BUG,
    "missing-topic-": BUG,
    "payload-empty-": BUG,
    "topic-disallowed-": Misconfigured("topicRefused"),
    "bad-certificate-": REFUSED,
    "bad-certificate-environment-": Misconfigured("wrongEnvironment"),
    "bad-environment-key-in-token-": Misconfigured("wrongEnvironment"),
    "expired-provider-token-": REFUSED,
    "forbidden-": REFUSED,
    "invalid-provider-token-": REFUSED,
    "missing-provider-token-": REFUSED,
    "unrelated-key-id-in-token-": REFUSED,
    "bad-path-": BUG,
    "method-not-allowed-": BUG,
    "expired-token-": GONE,
    "unregistered-": GONE,
    "payload-too-large-": Unsendable("payloadTooBig"),
    "too-many-provider-token-updates-": RetryLater("tooManyTokenUpdates", 1200.0),
    "too-many-requests-": RetryLater("deviceBusy", 60.0),
    "internal-server-error-": RetryLater("internal", ambiguous=True),
    "service-unavailable-": RetryLater("unavailable"),
    "shutdown-": RetryLater("unavailable"),
    "new-reason-": Rejected("unknownError"),
    "no-reason-": Rejected("unknownError"),
    "bad-gateway-": RetryLater("unavailable", ambiguous=True),
    "sandbox-only-": AddressGone("invalidToken"),
    "sandbox-key-": Misconfigured("wrongEnvironment"),
    "production-only-": Accepted(),
    "refused-": NOT_SENT,
    "reset-stream-": LOST,
    "half-": LOST,
    "goaway-below-": NOT_SENT,
    "goaway-at-": LOST,
    "goaway-answered-": Accepted(),
    "closed-": LOST,
    "reset-": LOST,
    "babble-": LOST,
    "huge-": LOST,
}
SENT_TWICE = {"expired-provider-token-", "unrelated-key-id-in-token-"}
NEW_CONNECTION = {
    "idle-timeout-",
    "shutdown-",
    "unrelated-key-id-in-token-",
    "goaway-below-",
    "goaway-at-",
    "goaway-answered-",
    "closed-",
    "reset-",
    "babble-",
}

names = (f"t{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def apns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApns]:
    with ServedApns(ca_file=tmp_path_factory.mktemp("apns") / "ca.pem") as served:
        yield served


@pytest.fixture
def send(apns: ServedApns) -> Iterator[Sending]:
    with Sending(apns, Tokens(minted(), minted())) as sending:
        yield sending


def nameless(answer: Answer) -> Answer:
    return Accepted() if isinstance(answer, Accepted) else answer


def test_the_emulator_offers_no_answer_that_is_not_tested_here() -> None:
    assert {fault.prefix for fault in FAULTS} == {"slow-", *EXPECTED}


@pytest.mark.parametrize("prefix", EXPECTED)
def test_an_answer_leads_to_its_reaction_in_one_request(
    prefix: str, send: Sending, apns: ServedApns
) -> None:
    token = f"{prefix}{next(names)}"
    before = summary(apns)["connections"]
    assert nameless(send(token)[0]) == EXPECTED[prefix]
    assert len(received(apns, token)) == (2 if prefix in SENT_TWICE else 1)
    assert isinstance(send("next")[0], Accepted)
    opened = summary(apns)["connections"] - before
    assert opened == (2 if prefix in NEW_CONNECTION else 1)


def test_an_answer_that_takes_too_long_is_lost(apns: ServedApns) -> None:
    token = f"slow-{next(names)}"
    with Sending(apns, answer_seconds=SHORT_SECONDS) as send:
        assert send(token) == [LOST]
        assert isinstance(send("next")[0], Accepted), "the connection lives on"
    assert len(received(apns, token)) == 1


@pytest.mark.parametrize("prefix", sorted(set(EXPECTED) - NEW_CONNECTION))
def test_one_bad_answer_leaves_its_neighbours_alone(prefix: str, send: Sending) -> None:
    token = next(names)
    before, _, after = send(f"a{token}", f"{prefix}{token}", f"b{token}")
    assert isinstance(before, Accepted)
    assert isinstance(after, Accepted)


@pytest.mark.parametrize("prefix", sorted(NEW_CONNECTION))
def test_whoever_has_not_been_sent_moves_to_the_next_connection(
    prefix: str, send: Sending, apns: ServedApns
) -> None:
    """The first goes alone, so the others have not been written when their connection ends."""
    token = next(names)
    answers = send(f"{prefix}{token}", *(f"{token}-{n}" for n in range(20)))
    assert all(isinstance(it, Accepted) for it in answers[1:])
    assert [len(received(apns, f"{token}-{n}")) for n in range(20)] == [1] * 20


def test_answers_come_in_the_order_of_the_addresses(send: Sending) -> None:
    prefix = next(names)
    asked = [f"unregistered-{prefix}-{n}" if n % 3 else f"{prefix}-{n}" for n in range(120)]
    gone = [isinstance(answer, AddressGone) for answer in send(*asked)]
    assert gone == [bool(n % 3) for n in range(120)]


def test_every_attempt_carries_the_same_replace_key(send: Sending, apns: ServedApns) -> None:
    token = f"once-closed-{next(names)}"
    message = a_message("notification-of-once")
    assert send(token, message=message) == [LOST]
    assert isinstance(send(token, message=message)[0], Accepted)
    entries = received(apns, token)
    assert [it["replaceKey"] for it in entries] == ["notification-of-once"] * 2
    assert len({it["headers"]["apns-id"] for it in entries}) == 1
    assert summary(apns)["acceptedAgain"]["withReplaceKey"][token] == 2
    assert summary(apns)["acceptedAgain"]["withoutReplaceKey"] == {}


def test_what_is_sent_is_what_apple_wants(send: Sending, apns: ServedApns) -> None:
    token = "ab" * 32
    expires = datetime(2026, 1, 2, tzinfo=UTC)
    (answer,) = send(token, message=a_message(expires_at=expires))
    (entry,) = received(apns, token)
    headers = entry["headers"]
    assert answer == Accepted(headers["apns-id"])
    assert headers.pop("authorization").startswith("bearer ")
    assert headers.pop("apns-id")
    assert headers == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": apns.url.removeprefix("https://"),
        ":path": f"/3/device/{token}",
        "apns-topic": TOPIC,
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-collapse-id": "n" * 20,
        "apns-expiration": str(int(expires.timestamp())),
        "content-length": headers["content-length"],
    }
    assert entry["payload"]["aps"]["alert"] == {"title": "Sale", "body": "Everything must go"}


@pytest.mark.parametrize("impossible", ["", "a/b", "x" * 513, "half a pair \ud83d"])
def test_an_address_apple_cannot_know_is_gone_without_a_request(
    impossible: str, send: Sending, apns: ServedApns
) -> None:
    total = summary(apns)["total"]
    assert send(impossible) == [AddressGone("invalidToken")]
    assert summary(apns)["total"] == total


def test_nobody_to_send_to_is_nothing_to_do(send: Sending) -> None:
    assert send() == []


# ---- tokens, connections, environments ---------------------------------------------------------


def test_an_expired_token_is_renewed_and_the_request_sent_once_more(apns: ServedApns) -> None:
    old, new = minted(), minted()
    tokens, token = Tokens(old, new), f"once-expired-provider-token-{next(names)}"
    with Sending(apns, tokens) as send:
        assert isinstance(send(token)[0], Accepted)
    assert tokens.refused == [old]
    assert [it["headers"]["authorization"] for it in received(apns, token)] == [old, new]


def test_without_a_newer_token_an_expired_one_is_for_people_to_see_to(apns: ServedApns) -> None:
    class Stuck(Tokens):
        def authorization(self, refused: str = "") -> str:
            if refused:
                raise CredentialsRefused("the clock is wrong")
            return super().authorization()

    token = f"expired-provider-token-{next(names)}"
    with Sending(apns, Stuck(minted())) as send:
        assert send(token) == [REFUSED]
    assert len(received(apns, token)) == 1


def test_a_key_unrelated_to_the_connection_goes_out_on_another(apns: ServedApns) -> None:
    token = f"once-unrelated-key-id-in-token-{next(names)}"
    with Sending(apns) as send:
        assert isinstance(send(token)[0], Accepted)
    first, second = received(apns, token)
    assert first["connection"] != second["connection"]


def test_too_many_new_tokens_stop_the_minting(apns: ServedApns) -> None:
    tokens = Tokens(minted())
    with Sending(apns, tokens) as send:
        send(f"too-many-provider-token-updates-{next(names)}")
    assert tokens.writes == 1


@pytest.mark.parametrize(
    ("raised", "answer"),
    [
        (CredentialsRefused("no"), REFUSED),
        (CredentialsUnavailable("not now"), RetryLater("credentialsUnavailable")),
    ],
)
def test_without_a_token_nothing_is_sent(
    raised: Exception, answer: Answer, apns: ServedApns
) -> None:
    token = next(names)
    with Sending(apns, Tokens(raised)) as send:
        assert send(token) == [answer]
    assert received(apns, token) == []


@pytest.mark.parametrize(
    ("prefix", "environment", "hosts"),
    [
        ("sandbox-only-", SANDBOX, [SANDBOX]),
        ("production-only-", PRODUCTION, [PRODUCTION]),
        ("production-only-", "unknown", [PRODUCTION]),
        ("sandbox-only-", "unknown", [PRODUCTION, SANDBOX]),
        ("bad-device-token-", "unknown", [PRODUCTION, SANDBOX]),
        ("bad-device-token-", "", [PRODUCTION, SANDBOX]),
        ("bad-certificate-environment-", "", [PRODUCTION, SANDBOX]),
        ("sandbox-key-", "", [PRODUCTION, SANDBOX]),
        ("unregistered-", "", [PRODUCTION]),
        ("sandbox-only-", PRODUCTION, [PRODUCTION]),
    ],
)
def test_the_other_environment_is_tried_once_and_only_if_nobody_knows(
    prefix: str, environment: str, hosts: list[str], send: Sending, apns: ServedApns
) -> None:
    token = f"{prefix}{next(names)}"
    (answer,) = send(token, environment=environment)
    entries = received(apns, token)
    assert [it["environment"] for it in entries] == hosts
    assert isinstance(answer, Accepted) == (entries[-1]["status"] == 200)


def test_an_environment_without_credentials_is_not_tried(apns: ServedApns) -> None:
    with Sending(apns, environments=[PRODUCTION]) as send:
        token = next(names)
        assert send(token, environment=SANDBOX) == [Rejected("environmentNotServed")]
        assert received(apns, token) == []
        gone = f"bad-device-token-{token}"
        assert send(gone, environment="unknown") == [Rejected("environmentNotServed")]


def test_the_first_request_of_a_connection_goes_alone_and_the_rest_side_by_side(
    tmp_path: Path,
) -> None:
    service = Apns(Config(latency_seconds=0.25))
    with ServedApns(service, ca_file=tmp_path / "ca.pem") as apns, Sending(apns) as send:
        assert all(isinstance(it, Accepted) for it in send(*(f"t{n}" for n in range(101))))
        told = summary(apns)
        entries = httpx.get(f"{apns.admin}/received", params={"limit": 200}, timeout=60).json()[
            "received"
        ]
    assert (told["connections"], told["early"]) == (1, 0)
    times = sorted(entry["at"] for entry in entries)
    assert times[1] - times[0] > 0.2, "alone"
    assert times[40] - times[1] < 0.2, "side by side"
    assert times[60] - times[1] > 0.2, "fifty at most"


def test_a_client_certificate_needs_no_token(apns: ServedApns) -> None:
    p12 = apns.ca.client_p12(TOPIC, "secret")
    token = next(names)
    with Sending(apns, Certificate(P12Certificate(p12, "secret", TOPIC))) as send:
        assert isinstance(send(token, f"{token}b")[0], Accepted)
    assert "authorization" not in received(apns, token)[0]["headers"]


def test_a_certificate_that_expired_is_told_apart_from_a_network_fault(apns: ServedApns) -> None:
    ago = datetime.now(UTC) - timedelta(days=400)
    p12 = apns.ca.client_p12(TOPIC, "secret", ago)
    with Sending(apns, Certificate(P12Certificate(p12, "secret", TOPIC))) as send:
        assert send(next(names)) == [REFUSED]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_goes_wrong_no_answer_lies(seed: int, tmp_path: Path) -> None:
    service = Apns(Config(fault_ratio=0.2, seed=seed))
    tokens = [f"t{n}" for n in range(200)]
    with ServedApns(service, ca_file=tmp_path / "ca.pem") as apns, Sending(apns) as send:
        answers = dict(zip(tokens, send(*tokens), strict=True))
        entries = httpx.get(f"{apns.admin}/received", params={"limit": 10_000}, timeout=60).json()[
            "received"
        ]
        assert summary(apns)["early"] == 0
    taken = {it["token"] for it in entries if it["taken"]}
    assert len(entries) == len({it["token"] for it in entries}), "nothing was sent twice"
    for token, answer in answers.items():
        in_doubt = isinstance(answer, RetryLater) and answer.ambiguous
        assert in_doubt or isinstance(answer, Accepted) == (token in taken)
    assert any(answer != NOT_SENT for answer in answers.values())
