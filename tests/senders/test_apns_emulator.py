"""The emulator judges requests as Apple does, and a library that is not ours gets on with it."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from aioapns import APNs, NotificationRequest, PushType
from aioapns.connection import APNsProductionClientProtocol

from local.emulators.apns.answers import FAULT_TABLE, FAULTS, PASSING, UNREGISTERED_AT_MS
from local.emulators.apns.server import ServedApns
from local.emulators.apns.service import Apns, Config
from shared.domain.push.answers import Accepted, Misconfigured, RetryLater
from tests.senders.apns_parts import (
    KEY_ID,
    P8,
    PUBLIC,
    TEAM_ID,
    TOPIC,
    Sending,
    Tokens,
    key_pair,
    minted,
    received,
    summary,
)

TOKEN = "ab" * 32
ALERT = {"aps": {"alert": "Hello"}}


@pytest.fixture(scope="module")
def apns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApns]:
    service = Apns(keys={KEY_ID: PUBLIC})
    with ServedApns(service, ca_file=tmp_path_factory.mktemp("apns") / "ca.pem") as served:
        yield served


@pytest.fixture
def http(apns: ServedApns) -> Iterator[httpx.Client]:
    """Create another independent client, one connection a test."""
    trust = ssl.create_default_context(cafile=apns.ca_file)
    with httpx.Client(
        http2=True, http1=False, base_url=apns.url, verify=trust, timeout=60
    ) as client:
        yield client


def a_token(**claims: Any) -> str:
    said = {"iss": TEAM_ID, "iat": int(time.time())} | claims
    given = {name: it for name, it in said.items() if it is not None}
    return jwt.encode(given, P8, algorithm="ES256", headers={"kid": KEY_ID})


def post(
    http: httpx.Client, path: str = f"/3/device/{TOKEN}", payload: object = ALERT, **headers: str
) -> tuple[int, str]:
    """Return status and reason; ``apns_id=…`` is the header apns-id, an empty value omits it."""
    given = {
        "authorization": f"bearer {a_token()}",
        "apns_topic": TOPIC,
        "apns_push_type": "alert",
        **headers,
    }
    told = {name.replace("_", "-"): value for name, value in given.items() if value}
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    answer = http.post(path, content=content, headers=told)
    assert answer.headers["apns-id"]
    return answer.status_code, answer.json()["reason"] if answer.content else ""


def test_a_good_request_is_accepted(http: httpx.Client) -> None:
    assert post(http) == (200, "")
    assert post(http, f"/sandbox/3/device/{TOKEN}") == (200, "")
    quiet = {"aps": {"content-available": 1}}
    assert post(http, payload=quiet, apns_push_type="background", apns_priority="5") == (200, "")


A_DAY = 86_400
"""Far more than a whole run takes: these tokens are made when the tests are collected."""

REFUSALS: list[tuple[dict[str, Any], int, str]] = [
    ({"path": "/3/devices/ab"}, 404, "BadPath"),
    ({"path": "/3/device/"}, 400, "MissingDeviceToken"),
    ({"authorization": ""}, 403, "MissingProviderToken"),
    ({"authorization": f"Bearer {a_token()}"}, 403, "MissingProviderToken"),
    ({"authorization": "bearer a.b.c"}, 403, "InvalidProviderToken"),
    ({"authorization": f"bearer {a_token(iat=None)}"}, 403, "InvalidProviderToken"),
    ({"authorization": f"bearer {a_token(iss='')}"}, 403, "InvalidProviderToken"),
    (
        {"authorization": f"bearer {a_token(iat=int(time.time()) + A_DAY)}"},
        403,
        "InvalidProviderToken",
    ),
    (
        {"authorization": f"bearer {a_token(iat=int(time.time()) - A_DAY)}"},
        403,
        "ExpiredProviderToken",
    ),
    ({"apns_topic": ""}, 400, "MissingTopic"),
    ({"apns_topic": "no topic"}, 400, "BadTopic"),
    ({"apns_id": "8F0C0B9E-1111-2222-3333-444455556666"}, 400, "BadMessageId"),
    ({"apns_expiration": "soon"}, 400, "BadExpirationDate"),
    ({"apns_priority": "7"}, 400, "BadPriority"),
    ({"apns_push_type": "background", "apns_priority": "10"}, 400, "BadPriority"),
    ({"apns_push_type": "shout"}, 400, "InvalidPushType"),
    ({"apns_collapse_id": "x" * 65}, 400, "BadCollapseId"),
    ({"payload": b""}, 400, "PayloadEmpty"),
    ({"payload": b"{}"}, 400, "PayloadEmpty"),
    ({"payload": b"{"}, 400, "PayloadEmpty"),
    ({"payload": {"aps": {"alert": "x" * 4096}}}, 413, "PayloadTooLarge"),
    ({"payload": {"aps": {"allert": "Hello"}}}, 400, "NotShown"),
    ({"apns_push_type": "background", "apns_priority": "5"}, 400, "NotShown"),
]


@pytest.mark.parametrize(("changes", "status", "reason"), REFUSALS)
def test_a_bad_request_is_refused_in_apples_words(
    changes: dict[str, Any], status: int, reason: str, http: httpx.Client
) -> None:
    assert post(http, **changes) == (status, reason)


def test_only_post_will_do(http: httpx.Client) -> None:
    assert http.get(f"/3/device/{TOKEN}").json() == {"reason": "MethodNotAllowed"}


def test_a_token_of_another_key_is_refused(http: httpx.Client) -> None:
    forged = jwt.encode(
        {"iss": TEAM_ID, "iat": int(time.time())},
        key_pair()[0],
        algorithm="ES256",
        headers={"kid": KEY_ID},
    )
    assert post(http, authorization=f"bearer {forged}") == (403, "InvalidProviderToken")


def test_another_key_on_the_same_connection_is_refused(http: httpx.Client) -> None:
    assert post(http) == (200, "")
    claims = {"iss": TEAM_ID, "iat": int(time.time())}
    other = jwt.encode(claims, P8, algorithm="ES256", headers={"kid": "OTHER12345"})
    assert post(http, authorization=f"bearer {other}") == (403, "UnrelatedKeyIdInToken")


def test_a_voip_payload_may_be_larger(http: httpx.Client) -> None:
    large = {"aps": {"alert": "x" * 4500}}
    assert post(http, payload=large, apns_push_type="voip") == (200, "")


def test_a_410_brings_its_moment_in_milliseconds(http: httpx.Client) -> None:
    headers = {"authorization": f"bearer {a_token()}", "apns-topic": TOPIC}
    answer = http.post("/3/device/unregistered-1", json=ALERT, headers=headers)
    assert answer.json() == {"reason": "Unregistered", "timestamp": UNREGISTERED_AT_MS}


def test_tokens_that_change_too_often_are_refused(tmp_path: Path) -> None:
    service = Apns(Config(token_update_seconds=1200))
    first, second = minted(), minted()
    with ServedApns(service, ca_file=tmp_path / "ca.pem") as apns:
        with Sending(apns, Tokens(first)) as send:
            assert isinstance(send("one")[0], Accepted)
        with Sending(apns, Tokens(second)) as send:
            assert send("two") == [RetryLater("tooManyTokenUpdates", 1200.0)]
        with Sending(apns, Tokens(first)) as send:
            assert isinstance(send("three")[0], Accepted)


def test_faults_are_dealt_out_by_a_seed(tmp_path: Path) -> None:
    service = Apns(Config(fault_ratio=0.3, seed=7, faults=("too-many-requests-",)))
    with ServedApns(service, ca_file=tmp_path / "ca.pem") as apns, Sending(apns) as send:
        answers = send(*(f"t{n}" for n in range(100)))
    assert 10 < answers.count(RetryLater("deviceBusy", 60.0)) < 60


# ---- the admin port ------------------------------------------------------------------------------


def test_prefixes_are_listed(apns: ServedApns) -> None:
    listed = httpx.get(f"{apns.admin}/prefixes", timeout=60).json()
    assert [it["prefix"] for it in listed["prefixes"]] == [it.prefix for it in FAULTS]
    assert listed["firstAttemptOnly"] == "once-"
    assert set(PASSING) <= set(FAULT_TABLE.by_prefix)


def test_what_was_received_is_told_and_forgotten(apns: ServedApns) -> None:
    with Sending(apns) as send:
        send("told", "bad-topic-told")
    (refused,) = received(apns, "bad-topic-told")
    assert (refused["status"], refused["reason"], refused["taken"]) == (400, "BadTopic", False)
    by_notification = {"notification": "n" * 20, "limit": "1"}
    newest = httpx.get(f"{apns.admin}/received", params=by_notification, timeout=60).json()[
        "received"
    ]
    assert [it["token"] for it in newest] == ["bad-topic-told"]
    assert (
        httpx.get(f"{apns.admin}/received", params={"limit": "no"}, timeout=60).status_code == 400
    )
    assert httpx.delete(f"{apns.admin}/received", timeout=60).status_code == 204
    assert summary(apns)["total"] == 0


def test_a_plain_client_may_ask_at_the_senders_port_as_well(apns: ServedApns) -> None:
    trusting = ssl.create_default_context(cafile=apns.ca_file)
    with httpx.Client(base_url=apns.url, verify=trusting, timeout=60) as client:
        client.get("/received").raise_for_status()
        assert client.get("/received/summary").json() == summary(apns)
        assert client.post(f"/3/device/{TOKEN}").status_code == 404


def test_the_configuration_can_be_changed_and_undone(apns: ServedApns) -> None:
    changed = httpx.post(f"{apns.admin}/_config", json={"latency_seconds": 0.01}, timeout=60).json()
    assert changed["latency_seconds"] == 0.01
    assert httpx.post(f"{apns.admin}/_config", json={"latency": 1}, timeout=60).status_code == 400
    assert (
        httpx.post(f"{apns.admin}/_config", json={"faults": ["no-"]}, timeout=60).status_code == 400
    )
    assert httpx.post(f"{apns.admin}/_config", json={}, timeout=60).json()["latency_seconds"] == 0
    assert httpx.get(f"{apns.admin}/_config", timeout=60).json()["token_update_seconds"] == 0


def test_it_runs_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "public.pem").write_text(PUBLIC)
    files = ["--ca-file", str(tmp_path / "ca.pem"), "--p12-file", str(tmp_path / "c.p12")]
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "local.emulators.apns.server",
            *files,
            "--key",
            f"{KEY_ID}={tmp_path}/public.pem",
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        assert httpx.get(f"{words[-1]}/received/summary", timeout=60).json()["total"] == 0
        assert words[4].startswith("https://127.0.0.1:")
        assert (tmp_path / "c.p12").stat().st_size > 100
        os.kill(process.pid, signal.SIGTERM)
    assert process.returncode == 0


# ---- a foreign client ----------------------------------------------------------------------------


@pytest.fixture
def foreign(apns: ServedApns, monkeypatch: pytest.MonkeyPatch) -> ServedApns:
    """Create an aioapns client, whose address can only be changed through its protocol's class."""
    monkeypatch.setattr(APNsProductionClientProtocol, "APNS_SERVER", "127.0.0.1")
    monkeypatch.setattr(APNsProductionClientProtocol, "APNS_PORT", urlsplit(apns.url).port)
    return apns


def test_aioapns_sends_and_understands_the_answers(foreign: ServedApns) -> None:
    async def send(*tokens: str) -> list[tuple[str, str | None]]:
        client = APNs(
            key=P8,
            key_id=KEY_ID,
            team_id=TEAM_ID,
            topic=TOPIC,
            ssl_context=ssl.create_default_context(cafile=foreign.ca_file),
        )
        answers = []
        for token in tokens:
            request = NotificationRequest(
                token, ALERT, time_to_live=60, priority=10, push_type=PushType.ALERT
            )
            got = await client.send_notification(request)
            answers.append((got.status, got.description))
        client.pool.close()
        await asyncio.sleep(0.05)
        return answers

    assert asyncio.run(send(TOKEN, "unregistered-9", "bad-device-token-9", TOKEN)) == [
        ("200", None),
        ("410", "Unregistered"),
        ("400", "BadDeviceToken"),
        ("200", None),
    ]


def test_nobody_may_send_at_all_without_saying_who_they_are(apns: ServedApns) -> None:
    with Sending(apns, Tokens("")) as send:
        assert send(TOKEN) == [Misconfigured("credentialsRefused")]
