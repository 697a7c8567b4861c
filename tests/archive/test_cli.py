"""``fanfare archive``: what an operator reads, and the exit code a script looks at."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.adapters.archive.folder import FolderArchive
from shared.domain.archive.remedies import REMEDIES
from shared.flow.archive.verify_chain import FORGED
from shared.wiring import replaced
from tests.archive.parts import N1, N2, World
from tests.parts import memory_parts

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-fanfare")
    parts = replace(memory_parts(), archive=FolderArchive(tmp_path / "archive"))
    world = World(
        archive=parts.archive,
        notifications=parts.notifications,
        database=parts.database,
        tasks=parts.tasks,
        clock=parts.clock,
    )
    with replaced(parts):
        yield world


def fanfare(*arguments: str) -> tuple[int, str]:
    told = CliRunner().invoke(main, ["archive", *arguments])
    return told.exit_code, told.output


def outcomes_in(folder: Path) -> Path:
    (path,) = (folder / "archive").glob("kind=outcomes/**/n1-*.gz")
    path.chmod(0o644)
    return path


def test_an_archive_that_is_as_it_was_is_told_so(world: World) -> None:
    world.archived(N1, N2)
    code, told = fanfare("verify", "--deep")
    assert (code, "1 manifests, 6 objects, 22 lines, 2 notifications" in told) == (0, True), told
    assert "Firestore agrees" in told
    assert "signatures: none checked, no key configured (FANFARE_ARCHIVE_KMS_KEY)\n" in told


def test_what_waits_for_its_export_is_told(world: World) -> None:
    world.archived(N1)
    world.ended(N2)
    assert "1 notifications that ended wait for their export\n" in fanfare("verify")[1]


def test_there_is_a_remedy_for_everything_that_can_be_wrong() -> None:
    verbs = ROOT / "shared/flow/archive"
    files = [*verbs.glob("verify*.py"), verbs / "replay.py"]
    text = "".join(f.read_text() for f in [*files, ROOT / "shared/domain/archive/life.py"])
    asked = set(re.findall(r'(?:note|Discrepancy|yield)\(?\s*"([a-zA-Z]+)",', text))
    assert {"altered", "ledger", "record", "missing", "gone"} <= asked
    assert asked | {FORGED} <= set(REMEDIES)


def test_what_is_wrong_is_named_and_the_exit_code_is_one(world: World, tmp_path: Path) -> None:
    world.archived()
    outcomes_in(tmp_path).write_bytes(b"")
    code, told = fanfare("verify")
    assert code == 1
    assert "WRONG  altered  kind=outcomes/provider=p1/dt=2026-01-01/n1-00001-" in told
    assert told.count("\naltered: Put the true object back") == 1


def test_a_name_in_the_archive_cannot_write_what_a_terminal_obeys(
    world: World, tmp_path: Path
) -> None:
    world.archived()
    (tmp_path / "archive" / "x\nall is well \x1b[2J").write_bytes(b"")
    code, told = fanfare("verify")
    assert code == 1
    assert "unknown  x ⏎ all is well ⟨U+001B⟩[2J: nothing of ours" in told


def test_a_copy_is_verified_where_it_is(world: World, tmp_path: Path) -> None:
    world.archived()
    copy = tmp_path / "a copy"
    (tmp_path / "archive").rename(copy)
    code, told = fanfare("verify", "--from", copy.as_uri())
    assert (code, "Firestore agrees" in told) == (0, True), told
    assert fanfare("verify")[0] == 1


def test_one_that_ended_is_exported_and_sealed_at_once(world: World) -> None:
    world.ended(N1, devices=12)
    code, told = fanfare("export", "n1")
    assert (code, "12 lines  kind=outcomes/" in told) == (0, True), told
    code, told = fanfare("verify")
    assert (code, "3 objects wait for the next manifest" in told) == (0, True)
    code, told = fanfare("seal")
    assert (code, "kind=manifests/00000001.json  3 objects" in told) == (0, True), told
    assert fanfare("seal")[1] == "everything is listed already\n"


def test_a_whole_life_is_told(world: World) -> None:
    world.archived()
    code, told = fanfare("replay", "n1", "--device", "hwid-000000002")
    assert code == 0, told
    for part in (
        "n1  approved  by provider p1",
        "Everything must go",
        "new → pending          provider:p1",
        "pending → sending      moderator:m1",
        "delivered            4",
        "unregistered                 1",
        "on android           7",
        "hwid-000000002: failed, unregistered, 2026-01-01T12:00:00Z, batch 0000-00-00000",
    ):
        assert part in told
    assert "not targeted" in fanfare("replay", "n1", "--device", "another")[1]


def test_a_life_that_was_altered_is_told_with_what_is_wrong(world: World, tmp_path: Path) -> None:
    world.archived()
    outcomes_in(tmp_path).unlink()
    code, told = fanfare("replay", "n1")
    assert (code, "WRONG  counters" in told) == (1, True)


@pytest.mark.parametrize(("kind", "field"), [("notifications", "content"), ("outcomes", "device")])
def test_a_line_without_a_field_is_told_as_far_as_it_goes(
    world: World, tmp_path: Path, kind: str, field: str
) -> None:
    world.archived()
    (path,) = (tmp_path / "archive").glob(f"kind={kind}/**/n1-*.gz")
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    for line in lines:
        del line[field]
    path.chmod(0o644)
    path.write_bytes(gzip.compress("".join(json.dumps(it) + "\n" for it in lines).encode()))
    code, told = fanfare("replay", "n1", "--device", "hwid-000000002")
    assert (code, "pending → sending" in told, "WRONG  altered" in told) == (1, True, True)


def test_one_that_is_not_there_is_told_so(world: World) -> None:
    code, told = fanfare("replay", "n9")
    assert (code, "Error: the archive has no notification n9" in told) == (1, True)


def test_without_an_archive_it_is_said_how_to_have_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-fanfare")
    with replaced(memory_parts()):
        code, told = fanfare("verify")
    assert (code, "set FANFARE_ARCHIVE" in told) == (1, True)
