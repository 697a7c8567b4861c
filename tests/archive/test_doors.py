"""The door of the archive, and the tick that sends work there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.adapters.memory.archive import MemoryArchive
from shared.flow.delivery.queues import Queue
from shared.ports import ArchiveFault
from shared.settings import Settings
from shared.wiring import replaced
from tests.archive.parts import N1, World
from tests.doors.conftest import door
from tests.notification_documents import alter
from tests.parts import MemoryParts, memory_parts, service_token

ROOT = Path(__file__).parents[2]
TICKS = """
import sys
import functions_framework
from shared.wiring import replaced
from tests.parts import memory_parts, service_token
from shared.settings import read
import os
from tests.notification_documents import alter
parts = memory_parts()
parts.settings = read({**os.environ, "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099"})
with replaced(parts):
    app = functions_framework.create_app("tick", "functions/main.py")
    headers = {"Authorization": "Bearer " + service_token("tick", "scheduler")}
    answer = app.test_client().post("/", json={}, headers=headers)
print(answer.status_code, len(parts.tasks.tasks), "boto3" in sys.modules)
"""


@pytest.fixture
def parts() -> Iterator[MemoryParts]:
    made = memory_parts()
    on: Settings = made.settings.model_copy(update={"archive": "s3://archive/prod"})
    made = replace(made, settings=on, archive=MemoryArchive())
    with replaced(made):
        yield made


def ended(parts: MemoryParts) -> World:
    world = World(
        archive=parts.archive,
        database=parts.database,
        tasks=parts.tasks,
        clock=parts.clock,
    )
    world.ended(N1)
    return world


def called(function: str, body: object, account: str = "tasks") -> TestResponse:
    call = door(function.replace("-", "_"), service_token(function, account))
    answer: TestResponse = call("POST", json=body)
    return answer


def test_what_ended_is_archived_by_the_tick_and_its_task(parts: MemoryParts) -> None:
    world = ended(parts)
    assert called("tick", {}, "scheduler").status_code == 200
    export, manifest = parts.tasks.tasks
    assert (export.queue, export.function) == (Queue.EXPORT, "export-events")
    assert called("export-events", dict(export.payload)).status_code == 200
    assert len(world.archive.objects) == 3
    assert called("export-events", dict(manifest.payload)).status_code == 200
    assert len(world.archive.objects) == 4
    assert world.codes() == set()


def test_what_ended_and_cannot_be_read_is_counted_in_an_error(
    parts: MemoryParts, capsys: pytest.CaptureFixture[str]
) -> None:
    alter(ended(parts).database, "n1", status="who knows")
    assert called("tick", {}, "scheduler").status_code == 200
    told = [line for line in capsys.readouterr().out.splitlines() if "not archived" in line]
    assert len(told) == 1
    assert '"severity": "ERROR"' in told[0]
    assert "tick: defect: 1 of 1 notifications that ended" in told[0]


def test_without_an_archive_nothing_is_asked_and_nothing_done(parts: MemoryParts) -> None:
    parts.settings, parts.archive = parts.settings.model_copy(update={"archive": None}), None
    ended(parts)
    assert called("tick", {}, "scheduler").status_code == 200
    assert parts.tasks.tasks == []
    assert called("export-events", {"notificationId": "n1"}).status_code == 200
    assert parts.database.collection("exports") == {}


class Broken(MemoryArchive):
    def put_new(self, name: str, content: bytes) -> Any:
        raise ArchiveFault("missing", "there is no bucket b", "Create it.")


def test_a_fault_is_logged_with_its_remedy_and_the_task_comes_again(
    parts: MemoryParts, capsys: pytest.CaptureFixture[str]
) -> None:
    parts.archive = Broken()
    ended(parts)
    assert called("export-events", {"notificationId": "n1"}).status_code == 500
    logged = capsys.readouterr().out
    assert '"severity": "ERROR"' in logged
    assert "there is no bucket b. Create it." in logged
    assert parts.notifications.get(N1).export_at is not None


@pytest.mark.parametrize("body", [{}, {"notificationId": "none"}, {"day": "yesterday"}, {"x": 1}])
def test_a_task_that_makes_no_sense_is_not_repeated(parts: MemoryParts, body: object) -> None:
    assert called("export-events", body).status_code == 200
    assert not list(parts.archive.names()) if parts.archive else False


def test_the_tick_never_loads_what_the_archive_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TICKS],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "GOOGLE_CLOUD_PROJECT": "demo-fanfare",
            "FANFARE_ARCHIVE": "s3://archive/prod",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-3:] == ["200", "1", "False"]
