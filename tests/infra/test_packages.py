"""Packages: pinned with hashes, the same when tested and when deployed, listed and looked up."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from infra.audit import Audit, read
from infra.bundle import ROOT, build
from infra.lock import DEPLOYED, DEVELOPMENT, FILES
from infra.sbom import sbom

PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;]+)")
ASKED: Mapping[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements(file: str) -> dict[str, list[str]]:
    """Yield each requirement of a file with its hashes."""
    joined = (ROOT / file).read_text().replace("\\\n", " ")
    lines = [line.split() for line in joined.splitlines() if line and not line.startswith("#")]
    return {
        " ".join(word for word in words if not word.startswith("--hash=")): [
            word.removeprefix("--hash=sha256:") for word in words if word.startswith("--hash=")
        ]
        for words in lines
    }


def pins(file: str) -> dict[str, str]:
    """Return the versions by package."""
    found = (PINNED.match(line) for line in requirements(file))
    return {named(it[1]): it[2] for it in found if it}


def named(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def pinned_versions(groups: tuple[str, ...]) -> dict[str, str]:
    lines = [line for group in groups for line in ASKED["dependency-groups"][group]]
    found = (PINNED.fullmatch(line) for line in lines)
    return {named(it[1]): it[2] for it in found if it}


def every_requirements_file() -> list[str]:
    found = {p.relative_to(ROOT).as_posix() for p in ROOT.rglob("requirements*.txt")}
    return sorted(it for it in found if not it.startswith(".") and "node_modules" not in it)


def test_every_requirements_file_is_a_lock_file() -> None:
    assert every_requirements_file() == sorted(FILES)


@pytest.mark.parametrize("file", FILES)
def test_every_package_is_pinned_with_the_hashes_of_its_files(file: str) -> None:
    found = requirements(file)
    assert found
    for requirement, hashes in found.items():
        assert PINNED.match(requirement), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"[0-9a-f]{64}", it) for it in hashes), requirement


@pytest.mark.parametrize("file", FILES)
def test_what_is_asked_for_is_what_is_pinned(file: str) -> None:
    given = FILES[file]
    groups = tuple(given[i + 1] for i, word in enumerate(given) if word == "--group")
    wanted = pinned_versions(groups)
    if "pyproject.toml" in given:
        direct = (PINNED.fullmatch(line) for line in ASKED["project"]["dependencies"])
        wanted |= {named(it[1]): it[2] for it in direct if it}
    assert wanted
    assert wanted.items() <= pins(file).items(), "run `make lock`"


def test_tests_run_against_what_is_deployed() -> None:
    assert pins(DEPLOYED).items() <= pins(DEVELOPMENT).items()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("sbom") / "fanfare-functions.zip"
    build(target)
    return target


def test_the_sbom_is_valid_and_names_the_archive_and_every_package(archive: Path) -> None:
    document = sbom(archive)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None
    (hashed,) = document["metadata"]["component"]["hashes"]
    assert hashed["content"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    listed = {named(it["name"]): it["version"] for it in document["components"]}
    assert listed == pins(DEPLOYED)
    for component in document["components"]:
        assert component["purl"].startswith("pkg:pypi/")
        assert component["externalReferences"][0]["hashes"], component["name"]


def test_the_same_sources_have_the_same_sbom(archive: Path) -> None:
    assert sbom(archive) == sbom(archive)


def test_an_audit_that_reached_no_advisories_says_so() -> None:
    unheard = [{"name": "flask", "skip_reason": "not found"}, {"name": "six", "skip_reason": "?"}]
    found = read({"dependencies": unheard})
    assert not found.reached
    assert found.sentence() == "Not audited: advisories cannot be reached from here."
    assert read({}) == Audit(0, 0, ())


def test_an_audit_names_each_vulnerability_and_its_remedy() -> None:
    found = read(
        {
            "dependencies": [
                {"name": "flask", "version": "1.0", "vulns": []},
                {"name": "jinja2", "version": "2.0", "vulns": [
                    {"id": "PYSEC-1", "fix_versions": ["3.0"]}, {"id": "PYSEC-2"},
                ]},
                {"name": "six", "skip_reason": "not found"},
            ]
        }
    )  # fmt: skip
    assert found.vulnerable == (
        "jinja2 2.0: PYSEC-1, mended in 3.0",
        "jinja2 2.0: PYSEC-2, mended in no version yet",
    )
    assert found.sentence() == "Audited 2 packages: 2 vulnerabilities, 1 without an answer."


def test_continuous_integration_audits_and_tests() -> None:
    steps = (ROOT / ".ci/run").read_text().splitlines()
    assert [it for it in steps if "make" in it] == ["make audit", "exec make test"]


def test_the_hosted_workflow_runs_the_two_commands_of_the_readme() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    (commands,) = re.findall(r"^ *command: (\[.*\])$", workflow, re.MULTILINE)
    assert [command.split()[0] for command in json.loads(commands)] == ["test", "run"]
    assert "- run: make ${{ matrix.command }}" in workflow
