"""``fanfare device listen`` as a person runs it: a process, at the real functions."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import demo
from local.journey import Person
from local.stack_file import ROOT, Stack
from tests.journeys.test_core_journey import created, ended

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]

PATIENCE_SECONDS = 300
TITLE = "Rain \"until\" noon; $(id) 'and' <b>sun</b> 🌧"
TO_LINUX = {"body": "Then the sun.", "targetSegment": {"platform": "linux"}}


class Listening:
    """A computer's process and the events that it tells."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> dict[str, Any]:
        """Return the next event; fails when the process ends instead."""
        event = self._events.get(timeout=PATIENCE_SECONDS)
        assert event is not None, "it has ended"
        return event

    def interrupted(self) -> int:
        """Press Ctrl-C; return the exit code."""
        self._process.send_signal(signal.SIGINT)
        assert self.next() == {"event": "ended"}
        return self._process.wait(PATIENCE_SECONDS)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._events.put(json.loads(line))
        self._events.put(None)


class Desktop:
    """An installation on a computer, which may listen again and again."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.hwid = f"Desk №7: {time.time_ns()}"
        self._stack = stack
        self._argv = [
            *(sys.executable, "-m", "cli.main", "device", "listen", "--json", "--terminal"),
            *("--hwid", self.hwid, "--domain", demo.AURORA_DOMAIN, "--state", str(folder)),
        ]

    @contextmanager
    def listening(self, *options: str) -> Iterator[Listening]:
        with subprocess.Popen(
            [*self._argv, "--every", "1", *options],
            cwd=ROOT,
            env={**os.environ, **self._stack.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        ) as process:
            try:
                listening = Listening(process)
                assert listening.next()["event"] == "registered"
                yield listening
            finally:
                process.kill()

    def look(self, *options: str) -> tuple[list[str], str]:
        """Look once; return the names of the events after the registration, and what is shown."""
        ended = subprocess.run(
            [*self._argv, "--once", *options],
            cwd=ROOT,
            env={**os.environ, **self._stack.environment()},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        events = [json.loads(line)["event"] for line in ended.stdout.splitlines()]
        assert events[0] == "registered"
        return events[1:], ended.stderr

    def let_expire(self) -> None:
        """Have a minute pass for what is in its slot."""
        documents = f"projects/{self._stack.project}/databases/(default)/documents"
        field = "pendingNotificationExpiresAt"
        write = {
            "update": {
                "name": f"{documents}/devices/{self.hwid}",
                "fields": {field: {"timestampValue": "2026-01-01T00:00:00Z"}},
            },
            "updateMask": {"fieldPaths": [field]},
        }
        answer = httpx.post(
            f"http://{self._stack.firestore}/v1/{documents}:commit",
            json={"writes": [write]},
            headers={"Authorization": "Bearer owner"},
            timeout=60,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text


@pytest.fixture
def desktop(stack: Stack, tmp_path: Path) -> Desktop:
    return Desktop(stack, tmp_path)


def sent(provider: Person, moderator: Person, title: str, **more: Any) -> str:
    id = str(created(provider, {"title": title, **TO_LINUX, **more})["id"])
    assert moderator.ask("approve-notification", {"id": id})["status"] != "pending"
    return id


def test_what_is_sent_is_shown_once_counted_and_not_shown_when_it_is_over(
    desktop: Desktop, provider: Person, moderator: Person
) -> None:
    with desktop.listening() as listening:
        first = sent(provider, moderator, TITLE)
        shown = listening.next()
        assert (shown["event"], shown["id"], shown["by"]) == ("shown", first, "the terminal")
        assert shown["title"] == TITLE
        assert ended(provider, first)["deliveredCount"] > 0
        why = provider.call("GET", f"/provider-api/v1/notifications/{first}/devices/{desktop.hwid}")
        assert (why["targeted"], why["outcome"]) == (True, "delivered")
        assert listening.interrupted() == 0
    assert desktop.look() == (["nothing"], "")
    second = sent(provider, moderator, "Sun since noon", expirySeconds=3600)
    ended(provider, second)
    desktop.let_expire()
    assert desktop.look() == (["nothing"], "")


def test_a_computer_that_reads_its_own_document_sees_the_same_and_when_it_is_over(
    desktop: Desktop, stack: Stack, provider: Person, moderator: Person
) -> None:
    with desktop.listening("--document", stack.project) as listening:
        id = sent(
            provider, moderator, "Sun", expirySeconds=3600, url="https://news.aurora.example/sun"
        )
        shown = listening.next()
        assert (shown["event"], shown["id"], shown["title"]) == ("shown", id, "Sun")
        desktop.let_expire()
        assert listening.next() == {"event": "withdrawn", "id": id}
        assert listening.interrupted() == 0
