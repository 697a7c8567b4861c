"""The gateway with a tiny table of functions: its paths, its events, its clock, its faults."""

import base64
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.cloud.firestore_v1 import Client
from google.events.cloud.firestore_v1 import Document, DocumentEventData
from werkzeug.test import Client as Browser

from local.deployment import Place, deployed, doors
from local.emulators.eventarc import Backoff, Event, Eventarc, Faults
from local.firestore import FirestoreEmulator
from local.gateway import Gateway
from local.processes import Child, free_ports, require_free
from tests.conftest import eventually

FUNCTIONS = '''\
"""A table of doors like the product's, with one module behind it."""
import importlib

DOORS = {
    "say_hello": "tiny_doors", "show_seen": "tiny_doors",
    "on_device_written": "tiny_doors", "on_notification_written": "tiny_doors",
    "tick": "tiny_doors",
}

def __getattr__(name):
    if name in DOORS:
        return getattr(importlib.import_module(DOORS[name]), name)
    raise AttributeError(name)
'''

DOORS = """\
import flask
from google.events.cloud.firestore import DocumentEventData

SEEN = []
FAIL = {}

def say_hello(request):
    return {"path": request.path, "base": request.base_url}

def show_seen(request):
    return {"seen": SEEN}

def on_device_written(event):
    hwid = event["document"].split("/")[1]
    SEEN.append({
        "hwid": hwid,
        "id": event["id"],
        "source": event["source"],
        "bearer": flask.request.headers["Authorization"].removeprefix("Bearer "),
        "name": DocumentEventData.deserialize(event.data).value.name,
    })
    failures = int(hwid.removeprefix("fails-")) if hwid.startswith("fails-") else 0
    FAIL[hwid] = FAIL.get(hwid, 0) + 1
    if FAIL[hwid] <= failures:
        raise RuntimeError("not yet")

def on_notification_written(event):
    SEEN.append({"notification": event["document"]})

def tick(request):
    SEEN.append({"tick": request.headers["Authorization"].removeprefix("Bearer ")})
    return "done"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "tiny_doors.py").write_text(DOORS)
    main = tmp_path / "main.py"
    main.write_text(FUNCTIONS)
    return main


@pytest.fixture
def loads_functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Restore the interpreter and the environment, which loading functions changes."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("main", "tiny_doors"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "FANFARE_FUNCTIONS_URL"):
        monkeypatch.setenv(name, "")
    yield
    for name in ("main", "tiny_doors"):
        sys.modules.pop(name, None)


@pytest.fixture
def gateway(source: Path, loads_functions: None) -> Gateway:
    place = Place.of("demo-p", "europe-west1", "127.0.0.1:8080", {})
    return Gateway(source, doors(source), place, backoff=Backoff(3, 0.01, 0.02))


@pytest.fixture
def browser(gateway: Gateway) -> Browser:
    return Browser(gateway.app)


def updates(browser: Browser) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = browser.get("/show-seen").get_json()["seen"]
    return found


def claims(token: str) -> dict[str, Any]:
    header, body, signature = token.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "none", "typ": "JWT"}
    assert signature == ""
    told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=="))
    return told


# -- the front door --------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "/demo-p/europe-west1"])
@pytest.mark.parametrize(
    ("path", "arrives"), [("", "/"), ("/", "/"), ("/v1/notifications/n1", "/v1/notifications/n1")]
)
def test_a_function_sees_the_path_behind_its_name(
    browser: Browser, prefix: str, path: str, arrives: str
) -> None:
    answer = browser.get(f"{prefix}/say-hello{path}")
    assert answer.get_json()["path"] == arrives


def test_the_gateway_lists_its_functions(browser: Browser) -> None:
    functions = browser.get("/").get_json()["functions"]
    assert functions["say-hello"] == "http://127.0.0.1:8080/demo-p/europe-west1/say-hello"
    assert set(functions) == {
        "say-hello", "show-seen", "on-device-written", "on-notification-written", "tick",
    }  # fmt: skip


def test_an_unknown_function_is_not_found(browser: Browser) -> None:
    assert browser.get("/no-such-function").status_code == 404


def test_a_function_of_another_gateway_is_called_through_this_one(
    source: Path, loads_functions: None, tmp_path: Path
) -> None:
    port = free_ports(1)[0]
    other = Child(
        "workers",
        [
            *(sys.executable, "-m", "local.gateway", "--port", str(port), "--project", "demo-p"),
            *("--source", str(source), "--tick-seconds", "0", "--only", "say-hello,not-there"),
        ],
        log=tmp_path / "workers.log",
        cwd=Path(__file__).parents[2],
    )
    place = Place.of("demo-p", "europe-west1", "127.0.0.1:8080", {})
    away = {"say-hello": f"127.0.0.1:{port}", "not-there": "127.0.0.1:1"}
    front = Browser(Gateway(source, doors(source), place, proxied=away).app)
    try:
        assert front.get("/say-hello").status_code == 502
        other.wait_until(lambda: _answers(f"http://127.0.0.1:{port}"))
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=60).json()["functions"].keys() == {
            "say-hello"
        }
        answer = front.get("/demo-p/europe-west1/say-hello/v1?b=1", headers={"Host": "front:1"})
        base = "http://front:1/demo-p/europe-west1/say-hello/v1"
        assert answer.get_json() == {"path": "/v1", "base": base}
        assert front.get("/show-seen").get_json() == {"seen": []}
        listed = front.get("/").get_json()["functions"]
        assert {"say-hello", "show-seen"} <= listed.keys()
        assert "not-there" not in listed
    finally:
        other.end()


def test_names_are_deployed_with_hyphens() -> None:
    assert deployed("on_device_written") == "on-device-written"


# -- the clock -------------------------------------------------------------------------------------


def test_the_clock_calls_tick_as_the_scheduler(browser: Browser) -> None:
    assert browser.post("/_tick").get_json() == {"status": 200}
    told = claims(updates(browser)[0]["tick"])
    assert told["iss"] == "https://accounts.google.com"
    assert told["email"] == "fanfare-scheduler@demo-p.iam.gserviceaccount.com"
    assert told["aud"] == "http://127.0.0.1:8080/demo-p/europe-west1/tick"
    assert told["exp"] > told["iat"]


def test_the_clock_runs_by_itself(source: Path, loads_functions: None) -> None:
    place = Place.of("demo-p", "europe-west1", "127.0.0.1:8080", {})
    gateway = Gateway(source, doors(source), place, tick_seconds=0.01)
    gateway.start()
    eventually(lambda: len(updates(Browser(gateway.app))) > 2, "three ticks")
    gateway.scheduler.stop()


def test_there_is_no_clock_without_tick(source: Path, loads_functions: None) -> None:
    place = Place.of("demo-p", "europe-west1", "127.0.0.1:8080", {})
    gateway = Gateway(source, ["say_hello"], place, tick_seconds=0.01)
    gateway.start()
    assert Browser(gateway.app).post("/_tick").status_code == 404


# -- arriving events -------------------------------------------------------------------------------


def arrive(browser: Browser, hwid: str, *, project: str = "demo-p") -> int:
    """Bring an event as the emulator brings it."""
    body = DocumentEventData.serialize(DocumentEventData(value=Document(name=f"devices/{hwid}")))
    return browser.post(
        f"/functions/projects/{project}/triggers/on-device-written",
        headers={
            "ce-id": "e1",
            "ce-specversion": "1.0",
            "ce-type": "google.cloud.firestore.document.v1.written",
            "ce-source": "//firestore.googleapis.com/projects/projects/demo-p/databases/(default)",
            "ce-document": f"devices/{hwid}",
            "content-type": "application/protobuf",
        },
        data=base64.b64encode(body),
    ).status_code


def test_an_event_arrives_as_eventarc_brings_it(gateway: Gateway, browser: Browser) -> None:
    gateway.eventarc.start()
    assert arrive(browser, "d1") == 204
    eventually(lambda: len(updates(browser)) == 1, "the event")
    event = updates(browser)[0]
    assert event["name"] == "devices/d1"
    assert event["source"] == "//firestore.googleapis.com/projects/demo-p/databases/(default)"
    told = claims(event["bearer"])
    assert told["email"] == "fanfare-events@demo-p.iam.gserviceaccount.com"
    assert told["aud"] == "http://127.0.0.1:8080/demo-p/europe-west1/on-device-written"


def test_events_of_another_project_are_not_found(browser: Browser) -> None:
    assert arrive(browser, "d1", project="demo-other") == 404


def test_a_failing_function_is_tried_again_until_it_answers(
    gateway: Gateway, browser: Browser
) -> None:
    gateway.eventarc.start()
    arrive(browser, "fails-2")
    eventually(lambda: gateway.eventarc.state()["delivered"] == 1, "the third attempt")
    assert [event["id"] for event in updates(browser)] == ["e1"] * 3


def test_a_function_that_never_answers_is_given_up(gateway: Gateway, browser: Browser) -> None:
    gateway.eventarc.start()
    arrive(browser, "fails-9")
    eventually(lambda: gateway.eventarc.state()["given_up"] == 1, "the last attempt")
    assert len(updates(browser)) == 3
    assert gateway.eventarc.state()["waiting"] == 0


def test_faults_are_set_over_http(gateway: Gateway, browser: Browser) -> None:
    assert browser.post("/_faults", json={"drop": True, "seed": 7}).status_code == 200
    assert gateway.eventarc.faults == Faults(drop=1.0, seed=7)
    assert browser.post("/_faults", json={}).status_code == 200
    assert gateway.eventarc.faults == Faults()


@pytest.mark.parametrize(
    "faults", [{"explode": 1}, {"drop": 2}, {"drop": "often"}, {"drop": None}, [], 1]
)
def test_faults_that_make_no_sense_are_refused(browser: Browser, faults: object) -> None:
    assert browser.post("/_faults", json=faults).status_code == 400


# -- Eventarc by itself ----------------------------------------------------------------------------


def an_event(number: int) -> Event:
    return Event("on-device-written", {"ce-id": str(number)}, b"")


class Deliveries:
    """Notes what was delivered, in order."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def __call__(self, event: Event) -> int:
        self.ids.append(int(event.headers["ce-id"]))
        return 200


def delivered(faults: Faults, events: int = 30) -> list[int]:
    deliveries = Deliveries()
    eventarc = Eventarc(deliveries, threads=1)
    eventarc.faults = faults
    for number in range(events):
        eventarc.accept(an_event(number))
    eventarc.start()
    eventually(lambda: eventarc.state()["waiting"] == 0, "all events")
    return deliveries.ids


def test_without_faults_every_event_arrives_once_and_in_order() -> None:
    assert delivered(Faults()) == list(range(30))


def test_duplicated_events_arrive_two_or_three_times() -> None:
    ids = delivered(Faults(duplicate=1.0, seed=1))
    assert {ids.count(number) for number in range(30)} == {2, 3}


def test_some_events_may_be_duplicated() -> None:
    ids = delivered(Faults(duplicate=0.5, seed=1))
    assert {ids.count(number) for number in range(30)} == {1, 2, 3}


def test_shuffled_events_arrive_all_but_out_of_order() -> None:
    ids = delivered(Faults(shuffle=1.0, seed=1))
    assert sorted(ids) == list(range(30))
    assert ids != list(range(30))


def test_dropped_events_never_arrive() -> None:
    assert delivered(Faults(drop=1.0)) == []


def test_the_same_seed_gives_the_same_faults() -> None:
    faults = Faults(duplicate=0.3, drop=0.3, seed=5)
    assert delivered(faults) == delivered(faults)


def test_whoever_brings_an_event_waits_while_there_is_no_room() -> None:
    may_go_on = threading.Event()

    def deliver(_: Event) -> int:
        may_go_on.wait()
        return 200

    eventarc = Eventarc(deliver, room=2, threads=1)
    eventarc.start()
    for number in range(2):
        eventarc.accept(an_event(number))
    third = threading.Thread(target=eventarc.accept, args=(an_event(3),))
    third.start()
    third.join(0.2)
    assert third.is_alive()
    may_go_on.set()
    third.join()
    eventually(lambda: eventarc.state()["delivered"] == 3, "the third event")


def test_a_call_that_breaks_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Event] = []

    def deliver(event: Event) -> int:
        calls.append(event)
        if len(calls) == 1:
            raise OSError("broken pipe")
        return 200

    eventarc = Eventarc(deliver, backoff=Backoff(3, 0.01, 0.01))
    eventarc.start()
    eventarc.accept(an_event(1))
    eventually(lambda: eventarc.state()["delivered"] == 1, "the second attempt")
    assert "broken pipe" in caplog.text


def test_the_pause_doubles_up_to_its_bound() -> None:
    backoff = Backoff(attempts=10, first_seconds=0.5, longest_seconds=10)
    assert [backoff.after(attempt) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 10, 10]


# -- as it is served -------------------------------------------------------------------------------


@pytest.fixture(params=["firestore_emulator", "embedded_store"])
def firestore(request: pytest.FixtureRequest) -> FirestoreEmulator:
    found: FirestoreEmulator = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def served(
    firestore: FirestoreEmulator, project: str, source: Path, tmp_path: Path
) -> Iterator[str]:
    """Serve a gateway that the real emulator, or the embedded store, sends its events to; yield its
    base URL.
    """
    if firestore.functions is None:
        pytest.skip("the emulator named by FIRESTORE_EMULATOR_HOST sends its events elsewhere")
    require_free("the gateway", firestore.functions)
    host, _, port = firestore.functions.rpartition(":")
    gateway = Child(
        "gateway",
        [
            *(sys.executable, "-m", "local.gateway", "--host", host, "--port", port),
            *("--project", project, "--source", str(source), "--tick-seconds", "0"),
            *("--firestore", firestore.address),
        ],
        log=tmp_path / "gateway.log",
        cwd=Path(__file__).parents[2],
    )
    url = f"http://{firestore.functions}"
    try:
        gateway.wait_until(lambda: _answers(url))
        yield url
    finally:
        gateway.end()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=60).is_success
    except httpx.TransportError:
        return False


def seen_by(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        httpx.get(f"{url}/show-seen", timeout=60).raise_for_status().json()["seen"]
    )
    return found


@pytest.mark.slow
def test_a_real_write_becomes_an_event(
    served: str,
    project: str,
    firestore: FirestoreEmulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore.address)
    client = Client(project=project)
    try:
        client.document("devices/fails-1").set({"platform": "linux"})
        client.document("pendingNotifications/n1").set({"status": "draft"})
        client.document("providers/p1").set({"isPremium": True})
        eventually(lambda: len(seen_by(served)) == 3, "a retried event and another one")

        httpx.post(
            f"{served}/_faults", json={"duplicate": 1, "seed": 1}, timeout=60
        ).raise_for_status()
        client.document("devices/d2").set({"platform": "linux"})
        eventually(
            lambda: len([it for it in seen_by(served) if it.get("hwid") == "d2"]) >= 2,
            "the duplicated event",
        )
    finally:
        client.close()
    events = seen_by(served)
    first = [event for event in events if event.get("hwid") == "fails-1"]
    assert {"notification": "pendingNotifications/n1"} in events
    assert len(first) == 2
    assert len({event["id"] for event in first}) == 1
    name = f"projects/{project}/databases/(default)/documents/devices/fails-1"
    assert first[0]["name"] == name
    assert (
        first[0]["source"] == f"//firestore.googleapis.com/projects/{project}/databases/(default)"
    )


@pytest.mark.slow
def test_triggers_may_be_registered_later(
    firestore_emulator: FirestoreEmulator, project: str, source: Path, tmp_path: Path
) -> None:
    port = free_ports(1)[0]
    gateway = Child(
        "gateway",
        [
            *(sys.executable, "-m", "local.gateway", "--port", str(port), "--project", project),
            *("--source", str(source), "--firestore", firestore_emulator.address),
            *("--tick-seconds", "0", "--no-triggers"),
        ],
        log=tmp_path / "gateway.log",
        cwd=Path(__file__).parents[2],
    )
    url = f"http://127.0.0.1:{port}"
    try:
        gateway.wait_until(lambda: _answers(url))
        assert httpx.post(f"{url}/_triggers", timeout=60).json() == {
            "on-device-written": "devices/{hwid}",
            "on-notification-written": "pendingNotifications/{id}",
        }
    finally:
        gateway.end()
    assert not gateway.is_left()
