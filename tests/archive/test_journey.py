"""From a notification sent on the local stack to its verified archive, and to a forgery found.

The real functions, the Firestore emulator, the queue and the tick; the archive is a folder.
"""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import demo
from local.journey import Person, sign_in
from local.stack_file import Stack
from tests.conftest import eventually
from tests.journeys.test_core_journey import NOTIFICATIONS, created, ended

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]


@pytest.fixture
def people(stack: Stack) -> Iterator[tuple[Person, Person]]:
    """Sign in a provider and a moderator."""
    both = sign_in(stack, demo.AURORA.email), sign_in(stack, demo.MIRA.email)
    yield both
    for person in both:
        person.close()


def fanfare(stack: Stack, *arguments: str) -> tuple[int, str]:
    told = subprocess.run(
        [sys.executable, "-m", "cli.main", "archive", *arguments],
        env={**os.environ, **stack.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    return told.returncode, told.stdout + told.stderr


def objects_of(stack: Stack, id: str) -> dict[str, Path]:
    found = stack.archive.glob(f"kind=*/provider=*/dt=*/{id}-*.ndjson.gz")
    return {path.relative_to(stack.archive).parts[0]: path for path in found}


def test_a_notification_is_archived_verified_and_a_forgery_is_found(
    stack: Stack, people: tuple[Person, Person]
) -> None:
    provider, moderator = people
    id = created(provider)["id"]
    moderator.ask("approve-notification", {"id": id})
    final = ended(provider, id)
    eventually(lambda: len(objects_of(stack, id)) == 3, f"{id} is archived", seconds=60)
    eventually(lambda: fanfare(stack, "seal")[0] == 0, "a manifest is written")

    code, told = fanfare(stack, "verify", "--deep")
    assert (code, "Firestore agrees" in told) == (0, True), told

    code, told = fanfare(stack, "replay", id, "--device", demo.ADMIN_HWID)
    assert code == 0, told
    assert f"{demo.ADMIN_HWID}: " in told
    assert "pending → sending" in told
    assert f"{final['targetedCount']:,}" in told

    path = objects_of(stack, id)["kind=outcomes"]
    whole = path.read_bytes()
    lines = gzip.decompress(whole).split(b"\n")
    lines[4] = lines[4].replace(b"delivered", b"skipped").replace(b"failed", b"delivered")
    path.chmod(0o644)
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    try:
        code, told = fanfare(stack, "verify")
        assert code == 1
        assert f"{path.name} line 5" in told
        path.unlink()
        code, told = fanfare(stack, "verify")
        assert code == 1
        assert "WRONG  missing" in told
    finally:
        path.write_bytes(whole)
    assert fanfare(stack, "verify")[0] == 0


def test_a_cancelled_one_is_archived_as_well(stack: Stack, people: tuple[Person, Person]) -> None:
    provider, _ = people
    id = created(provider)["id"]
    provider.call("POST", f"{NOTIFICATIONS}/{id}/cancel")
    wanted = {"kind=notifications", "kind=transitions"}
    eventually(lambda: set(objects_of(stack, id)) == wanted, f"{id} is archived", seconds=60)
    code, told = fanfare(stack, "replay", id)
    assert (code, "pending → cancelled" in told) == (0, True), told
