"""`firebase emulators:start` in this folder: what firebase.json and .firebaserc name is there."""

import json
from pathlib import Path
from typing import Any

from local.starting import PROJECT, REGION

ROOT = Path(__file__).parents[2]


def read(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def test_the_project_is_that_of_the_local_stack_and_nobodys() -> None:
    assert read(".firebaserc")["projects"] == {"default": PROJECT}
    assert PROJECT.startswith("demo-")


def test_every_target_has_a_site_in_the_project() -> None:
    sites = read(".firebaserc")["targets"][PROJECT]["hosting"]
    assert list(sites) == [read("firebase.json")["hosting"]["target"]]
    assert sites["panel"] == [PROJECT]


def test_every_file_and_folder_that_it_names_is_there() -> None:
    named = read("firebase.json")
    for file in named["firestore"].values():
        assert (ROOT / file).is_file(), file
    assert (ROOT / named["hosting"]["public"] / "index.html").is_file()


def test_every_emulator_is_on_this_machine_only_at_a_port_of_its_own() -> None:
    emulators = read("firebase.json")["emulators"]
    started = [each for each in ("auth", "firestore", "hosting") if emulators[each]]
    assert {emulators[each]["host"] for each in started} == {"127.0.0.1"}
    assert len({emulators[each]["port"] for each in started}) == len(started)
    assert emulators["singleProjectMode"]


def test_the_pages_of_the_documentation_have_its_ports() -> None:
    emulators = read("firebase.json")["emulators"]
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    _, _, section = page.partition("### Google's own emulators")
    section, _, _ = section.partition("\n## ")
    for name in ("auth", "firestore", "hosting"):
        assert f"127.0.0.1:{emulators[name]['port']}" in section, name


def test_calls_go_to_the_region_of_the_functions() -> None:
    for rewrite in read("firebase.json")["hosting"]["rewrites"]:
        assert rewrite["run"] == {"serviceId": "provider-api", "region": REGION}
