"""The clients' samples call what there is, by its names, and read what is sent, by its keys."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import tree_sitter
import tree_sitter_kotlin
import tree_sitter_swift

from cli.desktop.commands import listen
from cli.desktop.door import APP_CHECK
from cli.desktop.reports import SENTENCES
from functions.device.answers import PendingNotification
from functions.device.api import AddressInput, ConsentInput, DeviceInput
from functions.http import cors
from functions.table import routes
from shared.domain import codes
from tests.clients.payloads import apns_body, fcm_message, hms_message, slot, web_push
from tests.docs.reference import quoted

CLIENTS = Path(__file__).parents[2] / "docs" / "clients"
KOTLIN = sorted((CLIENTS / "android").glob("*.kt"))
SWIFT = sorted((CLIENTS / "ios").glob("*.swift"))
SCRIPTS = sorted((CLIENTS / "browser").glob("*.js"))
PAGE = CLIENTS / "browser" / "index.html"
SAMPLES: Mapping[str, list[Path]] = {"android": KOTLIN, "ios": SWIFT, "browser": SCRIPTS}
CALLS = {
    "android": CLIENTS / "android" / "Fanfare.kt",
    "ios": CLIENTS / "ios" / "Fanfare.swift",
    "browser": CLIENTS / "browser" / "fanfare.js",
}
DEVICES = "/v1/devices"
SAID = {
    *("hwid", "platform", "domains", "locale", "timeZone", "appVersion", "pushAddress"),
    *("deviceSecret", "kind", "value", "consent"),
}

_CALL = re.compile(
    r'\b(?:send|tellIfKnown|toldOrUnknown)\(\s*"(?P<method>[A-Z]+)",\s*'
    r'(?:(?:this\.)?own\(\w+, "(?P<own>[^"]*)"\)|(?P<all>"/v1/devices"|this\.devices))'
)
_HEADER = re.compile(
    r'setRequestProperty\("([\w-]+)"|forHTTPHeaderField: "([\w-]+)"|headers\.get\("([\w-]+)"|'
    r'headers\["([\w-]+)"|headers\.(\w+)'
)
_KEYS: Mapping[str, re.Pattern[str]] = {
    "android": re.compile(r'\.put\("(\w+)"'),
    "ios": re.compile(r'"(\w+)":'),
    "browser": re.compile(r"(?:{ |, |^ {6})(\w+)(?:: |,$)", re.MULTILINE),
}
_READ: Mapping[str, re.Pattern[str]] = {
    "android": re.compile(r'data\["(\w+)"\]|getStringExtra\("(\w+)"\)|notification\.(\w+)\b'),
    "ios": re.compile(r'(?:push|userInfo|aps|alert)\??\["(\w+)"\]'),
    "browser": re.compile(r"\bdata\.(\w+)|\bnotification\??\.(\w+)"),
}


def text(sample: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in SAMPLES[sample])


def groups(pattern: re.Pattern[str], source: str) -> Iterator[str]:
    for found in pattern.finditer(source):
        yield from filter(None, found.groups())


# -- what is called --------------------------------------------------------------------------------


def endpoints(sample: str) -> set[tuple[str, str]]:
    found = _CALL.finditer(text(sample))
    return {
        (it["method"], DEVICES if it["all"] else f"{DEVICES}/{{hwid}}{it['own']}") for it in found
    }


def door() -> set[tuple[str, str]]:
    return {(row.method, row.template) for row in routes() if row.function == "device-api"}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_registers_moves_consents_and_leaves_by_calls_there_are(sample: str) -> None:
    paths = {DEVICES: "POST", "/token": "POST", "/consent": "POST", "": "DELETE"}
    needed = {(m, p if p == DEVICES else f"{DEVICES}/{{hwid}}{p}") for p, m in paths.items()}
    assert endpoints(sample) == needed <= door()


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_call_is_hidden_from_this_test(sample: str) -> None:
    """Paths stand in the arguments of calls that are recognised, or in the one place they come
    from.
    """
    source = text(sample)
    paths = re.findall(r"\"/(?:token|consent|pending|v\d\w*)|/v1/devices", source)
    called = [
        it for it in _CALL.finditer(source) if it["all"] != "this.devices" and it["own"] != ""
    ]
    assert len(paths) == len(called) + 1


@pytest.mark.parametrize("sample", SAMPLES)
def test_headers_are_those_that_the_door_hears_and_lets_pages_send(sample: str) -> None:
    named = set(groups(_HEADER, CALLS[sample].read_text(encoding="utf-8")))
    known = set(cors._HEADERS.split(", ")) | set(cors._EXPOSED.split(", "))
    assert named <= known
    assert {"Authorization", "Content-Type", APP_CHECK} <= named


# -- what is said ----------------------------------------------------------------------------------


def required(*models: Any) -> set[str]:
    return {str(name) for it in models for name in it.model_json_schema().get("required", ())}


def fields(*models: Any) -> set[str]:
    return {str(field.alias or name) for it in models for name, field in it.model_fields.items()}


@pytest.mark.parametrize("sample", SAMPLES)
def test_fields_are_those_of_the_calls(sample: str) -> None:
    said = set(groups(_KEYS[sample], bodies(sample)))
    assert said == SAID | ({"environment"} if sample == "ios" else set())
    assert said <= fields(DeviceInput, AddressInput, ConsentInput)
    assert said >= required(DeviceInput, AddressInput, ConsentInput)


def bodies(sample: str) -> str:
    """Return the source, of which in JavaScript only that where the bodies of calls are written:
    there all records look alike.
    """
    source = CALLS[sample].read_text(encoding="utf-8")
    if sample != "browser":
        return source
    about = re.findall(r"  about\(.*?\n  }", source, re.DOTALL)
    return "\n".join([*about, *re.findall(r'/(?:token|consent)"\), ({[^}]*})', source)])


@pytest.mark.parametrize(("sample", "platforms"), [("android", 1), ("ios", 1), ("browser", 5)])
def test_a_platform_is_one_there_is(sample: str, platforms: int) -> None:
    known = set(DeviceInput.model_json_schema()["$defs"]["Platform"]["enum"])
    source = CALLS[sample].read_text(encoding="utf-8")
    said = set(re.findall(r'"(\w+)"', source)) & known
    assert len(said) == platforms


@pytest.mark.parametrize("sample", SAMPLES)
def test_codes_that_are_branched_on_are_codes(sample: str) -> None:
    source = CALLS[sample].read_text(encoding="utf-8")
    named = set(re.findall(r'code ===? "(\w+)"', source))
    assert named == {"unauthenticated", "notFound"} <= set(codes.PROBLEMS)


# -- what is read ----------------------------------------------------------------------------------

ALWAYS = {"notificationId", "url", "urlButtonName"}


def test_an_android_reads_keys_that_it_is_sent() -> None:
    message = fcm_message()
    sent = {*message["data"], *message["notification"]}
    read = {{"imageUrl": "image"}.get(it, it) for it in groups(_READ["android"], text("android"))}
    assert ALWAYS | {"title", "body", "image", "forceTimer"} == read <= sent


def test_an_iphone_reads_keys_that_it_is_sent() -> None:
    body = apns_body()
    sent = {*body, *body["aps"], *body["aps"]["alert"]}
    read = set(groups(_READ["ios"], text("ios")))
    assert read == {"aps", "alert", "title", "body", "url", "urlButtonName", "image", "forceTimer"}
    assert read <= sent
    assert body["aps"]["mutable-content"] == 1


def test_a_service_worker_reads_keys_that_it_is_sent() -> None:
    push = web_push(fcm_message())
    worker = (CLIENTS / "browser" / "service-worker.js").read_text(encoding="utf-8")
    before = worker.partition("function read(")[2].partition("\n}\n")[0]
    read = set(groups(_READ["browser"], before))
    assert read == ALWAYS | {"title", "body", "image", "forceTimer"}
    assert read <= {*push["data"], *push["notification"]}


def test_the_table_of_keys_is_that_of_the_renderers() -> None:
    rows = table((CLIENTS / "README.md").read_text(encoding="utf-8"), "keys")
    fcm, apns, hms, document, pending = (
        set(quoted(" ".join(it))) for it in list(zip(*rows, strict=True))[1:]
    )
    assert fcm == set(fcm_message()["data"])
    assert apns == set(apns_body()) - {"aps"}
    assert hms == set(re.findall(r'"(\w+)":', hms_message()["data"]))
    assert document == set(slot())
    assert pending == fields(PendingNotification)


# -- what is told ----------------------------------------------------------------------------------


def table(page: str, name: str) -> list[list[str]]:
    """Return the rows of the table behind ``<!-- name -->``, without its heading."""
    found = re.search(rf"<!-- {name} -->\n\n((?:\|.*\n)+)", page)
    assert found
    lines = found[1].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_events_are_those_that_are_told_with_their_values() -> None:
    rows = table((CLIENTS / "desktop" / "README.md").read_text(encoding="utf-8"), "events")
    told = {quoted(row[0])[0]: set(quoted(row[1])) for row in rows}
    values = {it: set(re.findall(r"{(\w+)", sentence)) for it, sentence in SENTENCES.items()}
    assert told == values | {"shown": {*values["shown"], "at"}}


def test_options_of_the_desktops_page_are_options() -> None:
    page = (CLIENTS / "desktop" / "README.md").read_text(encoding="utf-8")
    options = {name for it in listen.params for name in it.opts}
    page = re.sub(r"systemctl.*", "", page)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page)) <= options


@pytest.mark.parametrize("folder", ["android", "ios", "browser"])
def test_a_readme_names_every_file_and_no_other(folder: str) -> None:
    page = (CLIENTS / folder / "README.md").read_text(encoding="utf-8")
    files = {it.name for it in (CLIENTS / folder).iterdir()} - {"README.md"}
    rows = page.partition("| file |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([\w-]+\.\w+)`", rows)) == files


# -- whether it can be read ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grammar", "files"), [(tree_sitter_kotlin, KOTLIN), (tree_sitter_swift, SWIFT)]
)
def test_kotlin_and_swift_parse(grammar: ModuleType, files: list[Path]) -> None:
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    assert [it.name for it in files if parser.parse(it.read_bytes()).root_node.has_error] == []
    assert parser.parse(b"fun func { ( class").root_node.has_error


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda it: str(it.name))
def test_scripts_parse(script: Path, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node, to parse JavaScript")
    is_module = script.name != "service-worker.js"
    copy = tmp_path / (f"{script.stem}.mjs" if is_module else script.name)
    copy.write_bytes(script.read_bytes())
    ended = subprocess.run([node, "--check", copy], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_page_has_what_its_script_looks_for() -> None:
    page, script = PAGE.read_text(encoding="utf-8"), text("browser")
    assert set(re.findall(r'getElementById\("(\w+)"\)', script)) == set(
        re.findall(r'id="(\w+)"', page)
    )
    for module in re.findall(r'from "\./([\w.]+)"', script):
        assert (CLIENTS / "browser" / module).is_file()


def test_the_manifest_names_classes_that_are_there() -> None:
    root = ET.parse(CLIENTS / "android" / "AndroidManifest.xml").getroot()
    name = "{http://schemas.android.com/apk/res/android}name"
    parts = [it.get(name, "") for tag in ("activity", "service") for it in root.iter(tag)]
    assert parts == [".MainActivity", ".PushService"]
    for part in parts:
        assert f"class {part[1:]} " in text("android").replace("(", " ").replace(":", " ")


@pytest.mark.parametrize("path", [*KOTLIN, *SWIFT, *SCRIPTS, PAGE], ids=lambda it: it.name)
def test_no_line_is_too_wide_to_be_read(path: Path) -> None:
    wide = [it for it in path.read_text(encoding="utf-8").splitlines() if len(it) > 120]
    assert wide == []
