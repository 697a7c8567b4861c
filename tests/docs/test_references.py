"""What README and docs point to is there: files, headings, and the commands they tell to run."""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.main import main as fanfare
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
DOCUMENTS = [*(ROOT / page for page in PAGES), *sorted((ROOT / "docs").rglob("*.md"))]

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_NAMED = re.compile(r"(?:tests|functions|shared|local|cli|infra|benchmarks)/[\w./*-]+")


def name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """Yield file and heading of every link that stays in the repository."""
    for target in _LINK.findall(_FENCED.sub("", document.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", target):
            path, _, heading = target.partition("#")
            yield (document.parent / path if path else document).resolve(), heading


def headings(document: Path) -> set[str]:
    """Return headings as GitHub names them in links."""
    text = _FENCED.sub("", document.read_text(encoding="utf-8"))
    shown = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in shown}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_leads_to_a_file_and_a_heading_that_are_there(document: Path) -> None:
    lost = [
        f"{path}#{heading}"
        for path, heading in links(document)
        if not path.exists() or (heading and heading not in headings(path))
    ]
    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_file_named_in_a_document_is_there(document: Path) -> None:
    spans = re.findall(r"`([^`\n]+)`", _FENCED.sub("", document.read_text(encoding="utf-8")))
    named = {span for span in spans if _NAMED.fullmatch(span)}
    assert [each for each in sorted(named) if not list(ROOT.glob(each.rstrip("/")))] == []


def test_every_setting_is_in_the_table_of_settings() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert {it.alias for it in Settings.model_fields.values()} - set(
        re.findall(r"`(\w+)`", table)
    ) == set()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def commands(document: Path) -> Iterator[str]:
    """Yield the lines that are code."""
    text = document.read_text(encoding="utf-8")
    for block in _FENCED.findall(text):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", _FENCED.sub("", text))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_command_a_document_names_is_there(document: Path) -> None:
    for command in commands(document):
        if found := re.match(r"make ([a-z-]+)", command):
            assert found[1] in targets(), command
        if found := re.match(r"(?:\.venv/bin/)?fanfare ([a-z]+)", command):
            assert found[1] in fanfare.commands, command
        if found := re.match(r"(?:\.venv/bin/)?python -m ([\w.]+)", command):
            assert find_spec(found[1]), command


def test_every_target_of_the_makefile_is_described_and_phony() -> None:
    phony = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[0].split()
    described = re.findall(r"^([a-z-]+):.*## \S", MAKEFILE, re.MULTILINE)
    assert sorted(phony) == sorted(targets())
    assert sorted({*described, "clean"}) == sorted(targets())


def test_everything_the_makefile_runs_is_there() -> None:
    modules = re.findall(r"-m ([\w.]+)", MAKEFILE)
    tools = re.findall(r"\$\(VENV\)/bin/([\w-]+)", MAKEFILE)
    scripts = re.findall(r"\$\(PY\) ([\w/]+\.py)", MAKEFILE)
    assert modules
    assert tools
    assert [each for each in modules if not find_spec(each)] == []
    assert [each for each in tools if not (Path(sys.prefix) / "bin" / each).exists()] == []
    assert [each for each in scripts if not (ROOT / each).is_file()] == []


def test_the_fanfare_command_is_what_the_project_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"fanfare": f"{fanfare.callback.__module__}:main"}
