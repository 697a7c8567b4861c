"""What a log shows of tokens, hwids and push addresses: keyed hashes, whatever they are made of."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from functions.http.logs import log, message_of
from shared.domain.errors import Defect, TryAgain
from shared.settings.hidden import hidden
from tests.doors.conftest import Call, a_body, door
from tests.parts import MemoryParts, merge_device, token

ODD = [
    "AA:BB:CC:DD:EE:FF",
    "my phone 4711",
    'the "best" one',
    "it's Anna's",
    "C#-phone",
    "back\\slash",
    "50%25 off?",
    "Стол №7",
    "serial: 4711: x",
    "a+b c&d=e",
    "{hwid} 4711",
    "hmac:0123456789abcdef 4711",
    "q",
]


def repeated(hwid: str) -> Iterator[Exception]:
    """Build errors of all kinds that repeat an hwid in their own words."""
    document = f"projects/p/databases/(default)/documents/devices/{hwid}"
    yield Defect(f"devices/{hwid}: fcmToken is not a str")
    yield Defect(f"deviceSecrets/{hwid}#map: digest is missing")
    yield TryAgain(f"devices/{hwid} is busy")
    yield RuntimeError(f"404 No document to update: {document}")
    yield RuntimeError(f"400 {quote(document)} / {quote(hwid, safe='')}")
    yield KeyError(hwid)
    yield ValueError(f"{hwid!r} {json.dumps(hwid)}")


class Broken:
    """A store of devices in which every call fails, and says why."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*_: object, **__: object) -> None:
            raise self._error

        return call


def callers() -> dict[str, Call]:
    return {
        "device_api": door("device_api", "a-secret-that-is-long"),
        "provider_api": door("provider_api", token("p1")),
        "operator_api": door("operator_api", token("o1", operator=True)),
    }


def calls(hwid: str, notification: str) -> Iterator[tuple[str, str, str, object]]:
    path = f"/v1/devices/{quote(hwid, safe='')}"
    address = {"kind": "fcm", "value": "t"}
    registration = {"hwid": hwid, "platform": "linux", "domains": ["example.com"]}
    yield "device_api", "POST", "/v1/devices", registration
    yield "device_api", "POST", f"{path}/token", address
    yield "device_api", "POST", f"{path}/consent", {"consent": True}
    yield "device_api", "GET", f"{path}/pending", None
    yield "device_api", "DELETE", path, None
    yield "operator_api", "POST", f"{path}/reset", None
    yield "provider_api", "GET", f"/v1/notifications/{notification}{path[3:]}", None


def words(hwid: str) -> set[str]:
    """List what an hwid is recognised by: itself, and its parts."""
    return {hwid, *re.findall(r"\w{3,}|[A-F]{2}", hwid)} - {"hwid", "hmac", "phone", "one", "the"}


@pytest.mark.parametrize("hwid", ODD)
def test_no_error_shows_an_hwid_or_a_part_of_it(
    world: MemoryParts, capsys: pytest.CaptureFixture[str], hwid: str
) -> None:
    known = callers()
    notification = known["provider_api"]("POST", "/v1/notifications", a_body()).get_json()["id"]
    for error in repeated(hwid):
        world.devices = Broken(error)  # type: ignore[assignment]
        for function, method, path, sent in calls(hwid, notification):
            if known[function](method, path, sent).status_code == 200:
                continue  # to explain needs no readable document
            line = capsys.readouterr().out
            entry = json.loads(line)
            shown = f"{entry['message']}\n{log_entry(entry.get('stack_trace', ''))}"
            assert "hmac:" in shown
            for word in words(hwid):
                assert not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", shown), (word, shown)


@pytest.mark.parametrize("hwid", ODD)
def test_no_error_shows_the_document_of_another_device(
    world: MemoryParts, capsys: pytest.CaptureFixture[str], hwid: str
) -> None:
    for error in list(repeated(hwid))[:4]:
        outer = RuntimeError("it broke")
        outer.__cause__ = error
        world.devices = Broken(outer)  # type: ignore[assignment]
        door("device_api", "a-secret-that-is-long")("GET", "/v1/devices/an-asking-one/pending")
        shown = log_entry(json.loads(capsys.readouterr().out)["stack_trace"])
        for word in words(hwid):
            assert not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", shown), (word, shown)


def log_entry(stack_trace: str) -> str:
    """Extract the errors of a stack trace, without the lines of code that raised them."""
    return "\n".join(line for line in stack_trace.splitlines() if not line.startswith("  "))


def test_the_same_hwid_has_the_same_hash_wherever_it_is_logged(
    world: MemoryParts, capsys: pytest.CaptureFixture[str]
) -> None:
    hwid = "AA:BB:CC"
    merge_device(world.database, hwid, {"platform": "linux"})
    operator = door("operator_api", token("o1", operator=True))
    assert operator("POST", f"/v1/devices/{hwid}/reset").status_code == 204
    entry = json.loads(capsys.readouterr().out)
    assert (entry["severity"], entry["actor"]) == ("INFO", "operator:o1")
    assert entry["device"] == hidden(hwid)
    assert message_of(Defect(f"devices/{hwid}: fcmToken is no str")) == (
        f"devices/{hidden(hwid)}: fcmToken is no str"
    )


def test_of_a_defect_the_field_is_told(world: MemoryParts) -> None:
    broken = Defect("devices/a: b: c: consent is not a bool")
    assert message_of(broken).endswith(": consent is not a bool")
    assert message_of(Defect("domains/example.com: broken")) == "domains/example.com: broken"


def test_tokens_secrets_and_addresses_are_hidden_where_an_error_repeats_them(
    world: MemoryParts, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen, value = "a-secret-of-the-devices-own-0123456789", "an-address-of-a-phone"
    world.devices = Broken(ValueError(f"{chosen} {value} {value}"))  # type: ignore[assignment]
    known = {"hwid": "h", "platform": "ios", "domains": ["a.example"], "deviceSecret": chosen}
    sent = {**known, "pushAddress": {"kind": "fcm", "value": value}}
    assert door("device_api", None)("POST", "/v1/devices", sent).status_code == 500
    shown = capsys.readouterr().out
    assert chosen not in shown
    assert value not in shown
    credential = token("p1")
    log("ERROR", f"broken for {credential}", hide=[credential])
    assert credential not in capsys.readouterr().out


@pytest.mark.parametrize("hwid", ["severity", "message", '"', "stack_trace"])
def test_no_hwid_takes_a_line_of_the_log_apart(
    world: MemoryParts, capsys: pytest.CaptureFixture[str], hwid: str
) -> None:
    world.devices = Broken(KeyError(hwid))  # type: ignore[assignment]
    door("device_api", "secret")("GET", f"/v1/devices/{quote(hwid)}/pending")
    entry = json.loads(capsys.readouterr().out)
    assert entry["severity"] == "ERROR"
    assert {"message", "stack_trace"} <= entry.keys()
