"""The emulator for FCM, as strangers see it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from local.emulators.background import ServedApp
from local.emulators.fcm.answers import FAULTS
from local.emulators.fcm.server import Config, app
from local.emulators.push.received import DETAILS_KEPT, Entry, RequestLog
from tests.senders.conftest import AccountFile
from tests.senders.parts import received

SEND = "/v1/projects/demo-p/messages:send"
BEARER = {"Authorization": "Bearer anything"}


@pytest.fixture
def client(fcm: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fcm, headers=BEARER, timeout=60) as client:
        yield client


def post(client: httpx.Client, **message: Any) -> httpx.Response:
    return client.post(SEND, json={"message": message})


# ---- a foreign client -------------------------------------------------------------------------

ADMIN = """
import asyncio, json, sys, warnings
import firebase_admin
from firebase_admin import credentials, messaging

warnings.simplefilter("ignore")
base, how, account = sys.argv[1:]
messaging._MessagingService.FCM_URL = base + "/v1/projects/{0}/messages:send"
firebase_admin.initialize_app(credentials.Certificate(account))
tokens = ["fine", "unregistered-a", "sender-mismatch-a", "third-party-auth-a", "quota-bare-a",
          "not-found-bare-a", "invalid-argument-a", "bad-gateway-a"]
messages = [
    messaging.Message(
        token=how + "-" + t if t == "fine" else t,
        notification=messaging.Notification("Title", "Body", "https://example.com/i.png"),
        data={"k": "v"},
        android=messaging.AndroidConfig(
            priority="high", ttl=3600, notification=messaging.AndroidNotification(
                tag="t", color="#ff0000", event_timestamp=None, vibrate_timings_millis=[100, 200],
                light_settings=messaging.LightSettings("#00ff00", 100, 200), priority="max",
                visibility="public", notification_count=3, title_loc_key="k",
                title_loc_args=["a"])),
        apns=messaging.APNSConfig(
            headers={"apns-priority": "10"},
            payload=messaging.APNSPayload(messaging.Aps(badge=1, sound="default"), own={"a": 1})),
        webpush=messaging.WebpushConfig(
            headers={"TTL": "5"}, notification=messaging.WebpushNotification(
                title="T", actions=[messaging.WebpushNotificationAction("a", "A")]),
            fcm_options=messaging.WebpushFCMOptions("https://example.com")),
        fcm_options=messaging.FCMOptions("label"),
    )
    for t in tokens
]
if how == "each":
    answers = messaging.send_each(messages).responses
else:
    answers = asyncio.run(messaging.send_each_async(messages)).responses
print(json.dumps({t: type(a.exception).__name__ if a.exception else a.message_id
                  for t, a in zip(tokens, answers)}))
"""


@pytest.mark.parametrize("how", ["each", "async"])
def test_googles_own_sdk_takes_it_for_fcm(how: str, account_file: AccountFile) -> None:
    key = account_file("")
    with ServedApp(app(Config(issued_tokens_only=True), key)) as served:
        account = account_file(f"{served.url}/token")
        ran = subprocess.run(
            [sys.executable, "-c", ADMIN, served.url, how, str(account)],
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr.decode()
    answers = orjson.loads(ran.stdout)
    assert answers.pop("fine").startswith("projects/demo-p/messages/")
    assert answers == {
        "unregistered-a": "UnregisteredError",
        "sender-mismatch-a": "SenderIdMismatchError",
        "third-party-auth-a": "ThirdPartyAuthError",
        "quota-bare-a": "QuotaExceededError",
        "not-found-bare-a": "NotFoundError",
        "invalid-argument-a": "InvalidArgumentError",
        "bad-gateway-a": "UnknownError",
    }


# ---- what it accepts --------------------------------------------------------------------------

ACCEPTED: dict[str, dict[str, Any]] = {
    "nothing but an address": {},
    "a fid": {"token": None, "fid": "f"},
    "a topic": {"token": None, "topic": "news"},
    "a condition": {"token": None, "condition": "'a' in topics"},
    "both spellings": {"fcm_options": {"analytics_label": "a"}, "android": {"collapseKey": "k"}},
    "null for what is not set": {"notification": {"title": None}, "data": None},
    "a priority in lower case": {"android": {"priority": "high"}},
    "fractions of a second": {"android": {"ttl": "3.5s"}},
    "the longest life": {"android": {"ttl": "2419200s"}},
    "any object for Apple": {"apns": {"payload": {"aps": {"badge": 1}, "own": [1, {"a": None}]}}},
    "numbers as text": {"android": {"notification": {"notification_count": "7"}}},
    "a time": {"android": {"notification": {"event_time": "2026-01-01T00:00:00Z"}}},
    "a data key that only looks reserved": {"data": {"fromage": "a", "google": "b"}},
    "android v2": {"android_v2": {"remote_notification": {"notification": {"id": 7}}}},
    "4096 bytes": {"notification": {"title": "x" * 3900}},
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a field nobody knows": ({"andriod": {}}, "message"),
    "a field nobody knows, further in": ({"android": {"notification": {"titel": ""}}}, "titel"),
    "no address": ({"token": None}, "Recipient"),
    "two addresses": ({"topic": "news"}, "target"),
    "an empty address": ({"token": ""}, "not a valid FCM registration token"),
    "a number as data": ({"data": {"a": 1}}, "message.data[0].value"),
    "an object as data": ({"data": {"a": {}}}, "message.data[0].value"),
    "data that is a list": ({"data": ["a"]}, "message.data"),
    "the reserved from": ({"data": {"from": "x"}}, "from"),
    "the reserved message_type": ({"android": {"data": {"message_type": "x"}}}, "message_type"),
    "a reserved prefix": ({"data": {"google.c.a.e": "1"}}, "google.c.a.e"),
    "another reserved prefix": ({"data": {"gcm.notification.x": "1"}}, "gcm.notification.x"),
    "a number for text": ({"notification": {"title": 1}}, "message.notification.title"),
    "text for yes or no": ({"android": {"direct_boot_ok": "true"}}, "direct_boot_ok"),
    "an unknown priority": ({"android": {"priority": "URGENT"}}, "priority"),
    "a life without a unit": ({"android": {"ttl": "3600"}}, "ttl"),
    "a life as a number": ({"android": {"ttl": 3600}}, "ttl"),
    "too long a life": ({"android": {"ttl": "2419201s"}}, "ttl"),
    "a negative life": ({"android": {"ttl": "-1s"}}, "ttl"),
    "a picture that is no address": ({"notification": {"image": "cat.png"}}, "image"),
    "a link that is not secure": (
        {"webpush": {"fcm_options": {"link": "http://example.com"}}},
        "link",
    ),
    "too long a collapse id": ({"apns": {"headers": {"apns-collapse-id": "x" * 65}}}, "apns"),
    "a label with spaces": ({"fcm_options": {"analytics_label": "a b"}}, "analytics"),
    "a malformed topic": ({"token": None, "topic": "/topics/a b"}, "topic"),
    "both androids": ({"android": {}, "android_v2": {}}, "android_v2"),
    "a count that is none": ({"android": {"notification": {"notification_count": "x"}}}, "count"),
    "a time without a zone": (
        {"android": {"notification": {"event_time": "2026-01-01T00:00:00"}}},
        "event_time",
    ),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_a_right_body_is_accepted(body: dict[str, Any], client: httpx.Client) -> None:
    answer = post(client, **{"token": "right", **body})
    assert answer.status_code == 200, answer.text
    assert answer.json()["name"].startswith("projects/demo-p/messages/")


@pytest.mark.parametrize(("body", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_body_is_refused(body: dict[str, Any], sentence: str, client: httpx.Client) -> None:
    answer = post(client, **{"token": "wrong", **body})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert sentence in answer.text
    assert error["details"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"massage":{}}', b'{"message":[]}'])
def test_what_is_not_a_request_is_refused(body: bytes, client: httpx.Client) -> None:
    assert client.post(SEND, content=body).status_code == 400


@pytest.mark.parametrize(("recipient", "most"), [({"token": "t"}, 4096), ({"topic": "t"}, 2048)])
def test_a_message_too_big_is_refused_without_details(
    recipient: dict[str, str], most: int, client: httpx.Client
) -> None:
    overhead = len(orjson.dumps({"data": {"k": ""}})) + len(b"{}")
    fitting = {"k": "x" * (most - overhead)}
    assert post(client, **recipient, data=fitting).status_code == 200
    answer = post(client, **recipient, data={"k": fitting["k"] + "x"})
    assert answer.status_code == 400
    assert "details" not in answer.json()["error"]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YTpi", "token"])
def test_nobody_sends_without_a_bearer_token(header: str | None, fcm: str) -> None:
    headers = {"Authorization": header} if header is not None else {}
    body = {"message": {"token": "t"}}
    answer = httpx.post(fcm + SEND, json=body, headers=headers, timeout=60)
    assert answer.status_code == 401
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"


def test_validate_only_checks_and_sends_nothing(client: httpx.Client, fcm: str) -> None:
    answer = client.post(SEND, json={"validate_only": True, "message": {"token": "only-looking"}})
    assert answer.json() == {"name": "projects/demo-p/messages/fake_message_id"}
    assert [entry["taken"] for entry in received(fcm, "only-looking")] == [False]


# ---- what it is asked for ---------------------------------------------------------------------


def test_the_prefixes_are_listed(client: httpx.Client) -> None:
    listed = client.get("/prefixes").json()
    assert [row["prefix"] for row in listed["prefixes"]] == [s.prefix for s in FAULTS]
    assert listed["firstAttemptOnly"] == "once-"


def test_a_once_prefix_answers_so_only_the_first_time(client: httpx.Client) -> None:
    statuses = [post(client, token="once-unregistered-x").status_code for _ in range(3)]
    assert statuses == [404, 200, 200]


def test_prefixes_that_begin_alike_are_told_apart(client: httpx.Client) -> None:
    assert "Retry-After" in post(client, token="quota-bar").headers
    assert "Retry-After" not in post(client, token="quota-bare-x").headers


def test_what_was_received_can_be_filtered_and_limited(client: httpx.Client) -> None:
    for number in range(3):
        post(client, token="filtered", data={"notificationId": f"n{number}"})
    listed = client.get("/received", params={"token": "filtered"}).json()["received"]
    assert [(e["notification"], e["attempt"]) for e in listed] == [("n0", 1), ("n1", 2), ("n2", 3)]
    newest = client.get("/received", params={"token": "filtered", "limit": 1}).json()["received"]
    assert newest == listed[-1:]
    for limit in ("all", "\u00b2"):
        assert client.get("/received", params={"limit": limit}).status_code == 400


def test_counts_are_kept_for_all_and_details_for_the_last() -> None:
    kept = RequestLog()
    for number in range(DETAILS_KEPT + 5):
        token = f"t{number}"
        kept.add(Entry(0.0, token, kept.attempt(token), 200, True, "n", "n"))
    assert len(kept.entries(10**6, "", "")) == DETAILS_KEPT
    assert kept.summary()["total"] == kept.summary()["accepted"] == DETAILS_KEPT + 5


def test_the_summary_tells_repeats_with_a_replace_key_from_those_without() -> None:
    with (
        ServedApp(app()) as served,
        httpx.Client(base_url=served.url, headers=BEARER, timeout=60) as client,
    ):
        keyed = {
            "android": {"notification": {"tag": "n1"}},
            "apns": {"headers": {"apns-collapse-id": "n1"}},
            "webpush": {"notification": {"tag": "n1"}},
            "data": {"notificationId": "n1"},
        }
        for _ in range(2):
            post(client, token="keyed", **keyed)
            post(
                client, token="half-keyed", data={"notificationId": "n1"}, android=keyed["android"]
            )
        post(client, token="two-notifications", notification={"title": "a"})
        post(client, token="two-notifications", notification={"title": "b"})
        post(client, token="unregistered-x")
        client.post(SEND, content=b"{")
        summary = client.get("/received/summary").json()
        assert summary == {
            "total": 8,
            "accepted": 6,
            "statuses": {"200": 6, "400": 1, "404": 1},
            "tokens": 4,
            "acceptedTokens": 3,
            "acceptedAgain": {
                "withReplaceKey": {"keyed": 2},
                "withoutReplaceKey": {"half-keyed": 2},
            },
        }
        client.delete("/received")
        assert client.get("/received/summary").json()["total"] == 0


def test_faults_come_in_the_ratio_asked_for_and_again_with_the_same_seed() -> None:
    def statuses(client: httpx.Client, seed: int) -> list[int]:
        wish = {"fault_ratio": 0.3, "seed": seed, "faults": ["internal-", "unavailable-"]}
        assert client.post("/_config", json=wish | {"retry_after_seconds": 1}).status_code == 200
        answers = [post(client, token=f"t{n}") for n in range(100)]
        assert {a.headers["Retry-After"] for a in answers if a.status_code == 503} == {"1"}
        return [a.status_code for a in answers]

    with (
        ServedApp(app()) as served,
        httpx.Client(base_url=served.url, headers=BEARER, timeout=60) as client,
    ):
        first, again, other = statuses(client, 7), statuses(client, 7), statuses(client, 8)
        assert first == again != other
        assert 15 <= first.count(500) + first.count(503) <= 45
        assert client.post("/_config", json={}).json()["fault_ratio"] == 0
        assert post(client, token="t").status_code == 200


@pytest.mark.parametrize("wrong", [{"latency": 1}, {"fault_ratio": 2}, {"faults": ["nonsense-"]}])
def test_a_configuration_it_does_not_know_is_refused(
    wrong: dict[str, Any], client: httpx.Client
) -> None:
    before = client.get("/_config").json()
    assert client.post("/_config", json=wrong).status_code == 400
    assert client.get("/_config").json() == before


def test_latency_is_what_was_asked_for() -> None:
    with (
        ServedApp(app(Config(latency_seconds=0.1))) as served,
        httpx.Client(base_url=served.url, headers=BEARER, timeout=60) as client,
    ):
        started = time.monotonic()
        post(client, token="t")
        assert time.monotonic() - started >= 0.1


def test_the_command_line_explains_itself() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "local.emulators.fcm.server", "--help"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"/received/summary" in ran.stdout
