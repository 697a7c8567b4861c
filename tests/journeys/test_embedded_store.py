"""The first notification, and what the README does next, on the embedded store: no emulator."""

import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from local import demo, journey
from local.stack_file import Stack
from local.starting import running_stack
from tests.conftest import eventually
from tests.journeys.test_device_generations import ALLOWED, Installation

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("embedded stack")]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    file = tmp_path_factory.mktemp("embedded") / "stack.json"
    with running_stack(devices=200, store="embedded", stack_file=file, say=_quiet) as running:
        yield running


def _quiet(_: str) -> None:
    return


def fanfare(stack: Stack, *arguments: str) -> str:
    """Return what a command says that succeeds."""
    file = str(stack.folder / "stack.json")
    named = {name: value for name, value in os.environ.items() if name != "GOOGLE_CLOUD_PROJECT"}
    told = subprocess.run(
        [sys.executable, "-m", "cli.main", "--stack-file", file, *arguments],
        env=named,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def archived(stack: Stack, id: str) -> bool:
    return len(list(stack.archive.glob(f"kind=*/provider=*/dt=*/{id}-*.ndjson.gz"))) == 3


def seen_in_the_panel(stack: Stack, email: str, id: str) -> int:
    """Return the status of the call by which the panel polls a notification."""
    person = journey.sign_in(stack, email)
    try:
        url = f"{stack.panel}/v1/notifications/{id}"
        return person.client.get(url, timeout=60).status_code
    finally:
        person.close()


def test_a_notification_is_sent_counted_explained_and_archived(stack: Stack) -> None:
    told: list[str] = []
    final = journey.run(stack, told.append)
    id = final["id"]
    assert any("approves it" in line for line in told)
    assert final["deliveredCount"] > 0
    eventually(lambda: archived(stack, id), f"{id} is archived", seconds=120)
    fanfare(stack, "archive", "seal")
    assert "Firestore agrees" in fanfare(stack, "archive", "verify", "--deep")
    assert id in fanfare(stack, "status", id)
    assert "approved" in fanfare(stack, "history", id)
    assert "delivered" in fanfare(stack, "explain", id, demo.ADMIN_HWID)
    page = httpx.get(stack.panel, timeout=60, trust_env=False)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert seen_in_the_panel(stack, demo.AURORA.email, id) == 200
    assert seen_in_the_panel(stack, demo.BOREALIS.email, id) == 404


def test_a_desktop_reads_its_own_document_and_a_provider_none(stack: Stack) -> None:
    """By themselves, past the functions: as ``firestore.rules`` has it."""
    desktop = Installation(stack, "Mac #1")
    assert desktop.register() == 201
    assert desktop.asks() == ALLOWED
    provider = journey.sign_in(stack, demo.AURORA.email)
    documents = (
        f"http://{stack.firestore}/v1/projects/{stack.project}/databases/(default)/documents"
    )
    theirs = {"Authorization": provider.client.headers["Authorization"]}
    for path in (f"devices/{demo.ADMIN_HWID}", f"providers/{demo.AURORA.uid}", "domains/none"):
        assert httpx.get(f"{documents}/{path}", headers=theirs, timeout=60).status_code == 403
    provider.close()
