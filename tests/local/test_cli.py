"""``fanfare`` says what is wrong, and what to do about it, in a sentence of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.main import main
from local.stack_file import ROOT
from shared.domain.notifications.notification import NotificationId, SubmissionCheck
from shared.domain.tally import Tally
from tests.builders import MODERATOR, NOON, OPERATOR, PROVIDER, a_notification, ran
from tests.local.conftest import Fanfare
from tests.parts import MemoryParts, merge_device

N1 = NotificationId("n1")


@pytest.fixture
def pending(world: MemoryParts) -> NotificationId:
    new = a_notification(N1, status=None)
    world.notifications.create(
        new.submit(PROVIDER, NOON, admin_hwid=False, check=SubmissionCheck((), 3))
    )
    return N1


# -- wrong input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "say why: the provider reads this comment"),
        (("-c", " "), "say why: the provider reads this comment"),
        (("-c", "x" * 1001), "comment must be at most 1000 characters"),
        (("-t", "nope"), "template"),
    ],
)
def test_a_rejection_that_cannot_be_says_why(
    fanfare: Fanfare, pending: str, arguments: Sequence[str], sentence: str
) -> None:
    refused = fanfare("reject", pending, "--revision", "1", *arguments)
    assert refused.exit_code == 1
    assert sentence in refused.output
    assert (
        fanfare("reject", pending, "--revision", "1", "-c", "no source").output
        == "n1 is rejected\n"
    )


@pytest.mark.parametrize(
    "address", ["zzz", "s4://bucket", "s3:///folder", "file://host", "http://h/"]
)
def test_an_archive_that_cannot_be_is_not_a_forged_one(fanfare: Fanfare, address: str) -> None:
    refused = fanfare("archive", "verify", "--from", address)
    assert refused.exit_code == 2
    assert "s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or file:///FOLDER" in refused.output
    assert "WRONG" not in refused.output


def test_a_revision_is_a_number_from_one_on(fanfare: Fanfare, pending: str) -> None:
    assert fanfare("approve", pending, "--revision", "0").exit_code == 2


# -- what is told ----------------------------------------------------------------------------------


def test_the_queue_can_be_read_by_programs(fanfare: Fanfare, pending: str) -> None:
    assert [it["id"] for it in json.loads(fanfare("status", "--json").output)] == [pending]


def test_the_queue_says_when_there_is_more_of_it(world: MemoryParts, fanfare: Fanfare) -> None:
    for number in range(101):
        new = a_notification(f"n{number}", status=None)
        world.notifications.create(new.submit(PROVIDER, NOON, admin_hwid=False))
    told = fanfare("status")
    assert told.stderr == "more than 100 wait; these wait longest\n"
    assert len(told.stdout.splitlines()) == 100
    assert len(json.loads(fanfare("status", "--json").stdout)) == 100
    world.notifications.change(N1, lambda it: it.cancel(PROVIDER, NOON))
    assert fanfare("status").stderr == ""


def test_it_says_which_version_it_is(fanfare: Fanfare) -> None:
    assert fanfare("--version").output.startswith("fanfare, version ")


def test_a_domain_is_shown_with_who_changed_its_admin_hwids(
    world: MemoryParts, fanfare: Fanfare
) -> None:
    world.clock.set(NOON)
    hwids = ("desk-7", "odd\x1b[2J")
    world.providers.change_domain(
        "example.com", lambda it: replace(it, admin_hwids=hwids), by=PROVIDER, at=NOON
    )
    shown = fanfare("domain", "example.com").output
    assert "admin HWIDs: desk-7, odd" in shown
    assert "provider:p1  +desk-7" in shown
    assert "\x1b" not in shown
    world.providers.delete_domain("example.com", by=OPERATOR, at=NOON)
    gone = fanfare("domain", "example.com").output
    assert "there is no such domain now" in gone
    assert "operator:o1  -desk-7" in gone


def test_a_device_that_nobody_knows_is_called_that(fanfare: Fanfare, pending: str) -> None:
    told = fanfare("explain", pending, "nobody")
    assert told.output == "not targeted: none of the provider's devices has this hwid\n"


def test_a_device_that_lost_its_secret_is_reset(world: MemoryParts, fanfare: Fanfare) -> None:
    merge_device(world.database, "AA:BB", {"platform": "linux"})
    for _ in range(2):
        told = fanfare("device", "reset", "AA:BB")
        assert told.output == "reset: the next registration of this hwid needs no proof\n"
    assert world.devices.get("AA:BB") is None
    for unknown in ("nobody", "a/b", "."):
        assert fanfare("device", "reset", unknown).exit_code == 1


def test_counters_that_differ_in_nothing_but_their_codes_are_shown(
    world: MemoryParts, fanfare: Fanfare, pending: NotificationId
) -> None:
    world.notifications.change(pending, lambda it: it.approve(MODERATOR, NOON))
    world.notifications.change(
        pending, lambda it: it.follow(ran(it).counted(Tally(errors={"consent": 2}), NOON))
    )
    mended = fanfare("reconcile", pending)
    assert "  consent           2         0   mended\n" in mended.output
    assert mended.output.endswith("the record was set right\n")
    assert fanfare("reconcile", pending).output.endswith("the record agrees with the ledger\n")


def test_every_command_is_told_in_one_whole_sentence() -> None:
    for command in _commands(main):
        said = command.get_short_help_str(limit=66)
        assert not said.endswith("..."), f"{command.name}: {said}"


def test_every_option_says_what_it_is_for() -> None:
    for command in _commands(main):
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{command.name} {option.opts}"


def _commands(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from _commands(command)


# -- what it works on ------------------------------------------------------------------------------


def ended(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "GOOGLE_CLOUD_PROJECT"}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        env=kept | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_empty_project_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "")
    told = CliRunner().invoke(main, ["--stack-file", str(tmp_path / "stack.json"), "status"])
    assert told.exit_code == 2
    assert "No stack is running" in told.output


@pytest.mark.parametrize(
    "arguments", [("status", "--help"), ("archive", "verify", "-h"), ("archive",), ("cost", "-h")]
)
def test_help_needs_no_stack(
    arguments: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    told = CliRunner().invoke(main, ["--stack-file", str(tmp_path / "stack.json"), *arguments])
    assert "Usage: " in told.output
    assert "No stack is running" not in told.output
    assert "Options:" in told.output


def test_a_stack_that_was_killed_is_not_asked(tmp_path: Path) -> None:
    left = tmp_path / "stack.json"
    left.write_text("{}")
    told = CliRunner().invoke(main, ["--stack-file", str(left), "status"])
    assert told.exit_code == 2
    assert "No stack is running" in told.output


@pytest.mark.slow
def test_missing_credentials_are_told_in_a_sentence(tmp_path: Path) -> None:
    told = ended(
        "status",
        GOOGLE_CLOUD_PROJECT="somebodys-project",
        GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "gone.json"),
    )
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    assert "gcloud auth application-default login" in told.stderr


@pytest.mark.parametrize("arguments", [("status",), ("telegram", "chats"), ("archive", "verify")])
def test_a_wrong_setting_is_told_in_a_sentence(arguments: Sequence[str]) -> None:
    told = ended(*arguments, GOOGLE_CLOUD_PROJECT="No Such")
    assert told.returncode == 1
    assert told.stderr.startswith("Error: cannot start: GOOGLE_CLOUD_PROJECT: must look like ")
