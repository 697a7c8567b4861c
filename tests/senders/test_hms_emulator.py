"""The emulator for Huawei Push Kit, as strangers see it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from local.emulators.background import ServedApp
from local.emulators.hms.answers import ILLEGALS, REPLIES
from local.emulators.hms.server import app
from tests.senders.hms_parts import many, summary
from tests.senders.parts import received

SEND = "/v1/100/messages:send"
BEARER = {"Authorization": "Bearer anything"}
TAP = {"click_action": {"type": 3}}


@pytest.fixture(scope="module")
def hms() -> Iterator[str]:
    with ServedApp(app()) as served:
        yield served.url


@pytest.fixture
def client(hms: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hms, headers=BEARER, timeout=60) as client:
        yield client


def a_body(**message: Any) -> dict[str, Any]:
    return {
        "token": ["right"],
        "notification": {"title": "Title", "body": "Body"},
        "android": {"notification": TAP},
        **message,
    }


def post(client: httpx.Client, **message: Any) -> httpx.Response:
    given = {name: value for name, value in a_body(**message).items() if value is not None}
    return client.post(SEND, json={"validate_only": False, "message": given})


def a_message(**fields: Any) -> dict[str, Any]:
    return {"android": {"notification": {**TAP, **fields}}}


# ---- what it accepts --------------------------------------------------------------------------

ACCEPTED: dict[str, dict[str, Any]] = {
    "a notification": {},
    "data alone": {"notification": None, "android": None, "data": "anything"},
    "texts for Android only": {"notification": None, **a_message(title="T", body="B")},
    "a topic": {"token": None, "topic": "news"},
    "a condition": {"token": None, "condition": "'a' in topics"},
    "a thousand addresses": {"token": many(1000, "x" * 140)},
    "an intent": a_message(click_action={"type": 1, "intent": "intent://a#Intent;scheme=b;end"}),
    "an action": a_message(click_action={"type": 1, "action": "com.example.OPEN"}),
    "a link": a_message(click_action={"type": 2, "url": "https://example.com"}),
    "big texts": a_message(style=1, big_title="T", big_body="B"),
    "every offline message": {"android": {"notification": TAP, "collapse_key": -1}},
    "the longest life": {"android": {"notification": TAP, "ttl": "1296000s"}},
    "a part of a second": {"android": {"notification": TAP, "ttl": "3.5s"}},
    "a badge": a_message(badge={"add_num": 1, "class": "com.example.Main", "set_num": 9}),
    "everything for others": {"apns": {"payload": {"aps": {}}}, "webpush": {"headers": {}}},
    "4096 bytes": {"data": "x" * 3800},
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({"token": []}, "80300010"),
    "no recipient": ({"token": None}, "80300010"),
    "one address too many": ({"token": many(1001)}, "80300010"),
    "an address by itself": ({"token": "right"}, "80300010"),
    "an empty address": ({"token": ["a", ""]}, "80300010"),
    "a number as address": ({"token": [7]}, "80300010"),
    "token misspelt": ({"token": None, "tokens": ["a"]}, "80300010"),
    "two kinds of recipient": ({"topic": "news"}, "80100001"),
    "a field nobody knows": ({"andriod": {}}, "80100003"),
    "a field nobody knows, further in": (a_message(titel="T"), "80100003"),
    "no click_action": ({"android": {"notification": {"tag": "t"}}}, "80100003"),
    "nothing for Android": ({"android": None}, "80100003"),
    "a tap that leads nowhere": (a_message(click_action={"type": 2}), "80100003"),
    "a link that is not secure": (
        a_message(click_action={"type": 2, "url": "http://example.com"}),
        "80100003",
    ),
    "an intent without one": (a_message(click_action={"type": 1}), "80100003"),
    "a kind of tap nobody knows": (a_message(click_action={"type": 5}), "80100003"),
    "no body": ({"notification": {"title": "T"}}, "80100003"),
    "data that is an object": ({"data": {"a": "b"}}, "80100003"),
    "style 1 without big texts": (a_message(style=1), "80100003"),
    "text as number to replace by": (a_message(notify_id="7"), "80100003"),
    "a negative number to replace by": (a_message(notify_id=-1), "80100003"),
    "an unknown importance": (a_message(importance="MAX"), "80100003"),
    "a picture that is not secure": (
        {"notification": {"title": "T", "body": "B", "image": "http://example.com/i.png"}},
        "80100003",
    ),
    "a group beyond the last": (
        {"android": {"notification": TAP, "collapse_key": 101}},
        "80100013",
    ),
    "a life without a unit": ({"android": {"notification": TAP, "ttl": "60"}}, "80100001"),
    "too long a life": ({"android": {"notification": TAP, "ttl": "1296001s"}}, "80100001"),
    "a life that is over": ({"android": {"notification": TAP, "ttl": "0s"}}, "80100004"),
    "too big a body": ({"data": "x" * 4000}, "80300008"),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED)
def test_a_right_body_is_accepted(body: dict[str, Any], client: httpx.Client) -> None:
    answer = post(client, **body)
    assert answer.status_code == 200
    assert (answer.json()["code"], answer.json()["msg"]) == ("80000000", "Success"), answer.text
    assert answer.json()["requestId"]


@pytest.mark.parametrize(("body", "code"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_body_is_refused(body: dict[str, Any], code: str, client: httpx.Client) -> None:
    answer = post(client, **body)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"massage":{}}', b'{"message":[]}'])
def test_what_is_not_a_request_is_refused(body: bytes, client: httpx.Client) -> None:
    assert client.post(SEND, content=body).json()["code"] in {"80100003", "80300010"}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YTpi", "token"])
def test_nobody_sends_without_a_bearer_token(header: str | None, hms: str) -> None:
    headers = {"Authorization": header} if header is not None else {}
    answer = httpx.post(hms + SEND, json={"message": a_body()}, headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (401, "80200001")


def test_validate_only_checks_and_sends_nothing(client: httpx.Client, hms: str) -> None:
    body = {"validate_only": True, "message": a_body(token=["only-looking"])}
    assert client.post(SEND, json=body).json()["code"] == "80000000"
    assert [entry["taken"] for entry in received(hms, "only-looking")] == [False]


# ---- how it says which addresses are illegal ----------------------------------------------------


def test_illegal_addresses_are_told_as_json_within_json(client: httpx.Client) -> None:
    answer = post(client, token=["a", "illegal-b", "c"]).json()
    assert answer["code"] == "80100000"
    assert orjson.loads(answer["msg"]) == {
        "success": 2,
        "failure": 1,
        "illegal_tokens": ["illegal-b"],
    }


def test_reasons_are_told_where_one_is_asked_for(client: httpx.Client) -> None:
    answer = post(client, token=["a", "illegal-b", "no-right-c", "format-d"]).json()
    assert answer["code"] == "80100000"
    assert orjson.loads(answer["msg"]) == {
        "illegalTokens": {"noRight": ["no-right-c"], "tokenFormatError": ["illegal-b", "format-d"]},
        "failure": 3,
    }


def test_where_all_are_illegal_there_is_a_code_of_its_own(client: httpx.Client) -> None:
    for tokens in (["illegal-a", "unreadable-b"], ["no-right-a"]):
        assert post(client, token=tokens).json()["code"] == "80300007"


# ---- what it is asked for ---------------------------------------------------------------------


def test_the_prefixes_are_listed(client: httpx.Client) -> None:
    listed = client.get("/prefixes").json()
    assert [row["prefix"] for row in listed["requests"]] == [reply.prefix for reply in REPLIES]
    assert [row["prefix"] for row in listed["addresses"]][:-1] == [row.prefix for row in ILLEGALS]
    assert listed["firstAttemptOnly"] == "once-"


def test_a_once_prefix_answers_so_only_the_first_time(client: httpx.Client) -> None:
    said = [post(client, token=["once-sensitive-x"]).json()["code"] for _ in range(3)]
    assert said == ["80100016", "80000000", "80000000"]


def test_prefixes_that_begin_alike_are_told_apart(client: httpx.Client) -> None:
    assert post(client, token=["oauth-x"]).status_code == 200
    assert post(client, token=["oauth-http-x"]).status_code == 401


def test_what_was_received_can_be_filtered_and_limited(client: httpx.Client) -> None:
    for number in range(3):
        post(client, token=["filtered"], data=f'{{"notificationId":"n{number}"}}')
    listed = client.get("/received", params={"token": "filtered"}).json()["received"]
    assert [(e["notification"], e["attempt"]) for e in listed] == [("n0", 1), ("n1", 2), ("n2", 3)]
    newest = client.get("/received", params={"token": "filtered", "limit": 1}).json()["received"]
    assert newest == listed[-1:]
    assert client.get("/received", params={"limit": "all"}).status_code == 400


def test_the_summary_tells_repeats_with_a_replace_key_from_those_without() -> None:
    with (
        ServedApp(app()) as served,
        httpx.Client(base_url=served.url, headers=BEARER, timeout=60) as client,
    ):
        data = '{"notificationId":"n1"}'
        for _ in range(2):
            post(client, token=["keyed"], data=data, **a_message(tag="n1", notify_id=7))
            post(client, token=["half-keyed"], data=data, **a_message(tag="n1"))
        post(client, token=["illegal-a", "b"], data="no JSON")
        client.post(SEND, content=b"{")
        assert summary(served.url) == {
            "requests": 6,
            "tokenRequests": 0,
            "total": 7,
            "accepted": 5,
            "statuses": {"80000000": 5, "80100003": 1, "80300007": 1},
            "tokens": 4,
            "acceptedTokens": 3,
            "acceptedAgain": {
                "withReplaceKey": {"keyed": 2},
                "withoutReplaceKey": {"half-keyed": 2},
            },
        }
        client.delete("/received")
        assert summary(served.url)["total"] == summary(served.url)["requests"] == 0


def test_faults_come_in_the_ratio_asked_for_and_again_with_the_same_seed() -> None:
    def statuses(client: httpx.Client, seed: int) -> list[int]:
        wish = {"fault_ratio": 0.3, "seed": seed, "faults": ["internal-", "unavailable-"]}
        assert client.post("/_config", json=wish).status_code == 200
        return [post(client, token=[f"t{n}"]).status_code for n in range(100)]

    with (
        ServedApp(app()) as served,
        httpx.Client(base_url=served.url, headers=BEARER, timeout=60) as client,
    ):
        first, again, other = statuses(client, 7), statuses(client, 7), statuses(client, 8)
        assert first == again != other
        assert 15 <= first.count(500) + first.count(503) <= 45
        assert client.post("/_config", json={}).json()["fault_ratio"] == 0
        assert post(client).status_code == 200


@pytest.mark.parametrize("wrong", [{"latency": 1}, {"fault_ratio": 2}, {"faults": ["nonsense-"]}])
def test_a_configuration_it_does_not_know_is_refused(
    wrong: dict[str, Any], client: httpx.Client
) -> None:
    assert client.post("/_config", json=wrong).status_code == 400
    assert client.get("/_config").json()["fault_ratio"] == 0


def test_latency_is_what_was_asked_for() -> None:
    with (
        ServedApp(app()) as served,
        httpx.Client(base_url=served.url, headers=BEARER, timeout=60) as client,
    ):
        client.post("/_config", json={"latency_seconds": 0.1})
        started = time.monotonic()
        post(client)
        assert time.monotonic() - started >= 0.1


def test_the_command_line_explains_itself() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "local.emulators.hms.server", "--help"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"/received/summary" in ran.stdout


def test_the_command_line_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "local.emulators.hms.server", "--app-secret", "right"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            url = running.stdout.readline().split()[-1]
            form = {"grant_type": "client_credentials", "client_id": "1", "client_secret": "right"}
            answer = httpx.post(f"{url}/oauth2/v2/token", data=form, timeout=60)
            assert rb"\/" in answer.content
            assert answer.json()["token_type"] == "Bearer"
        finally:
            running.terminate()
    assert running.returncode == 0
