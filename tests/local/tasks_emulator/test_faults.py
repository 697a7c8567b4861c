"""Faults on request, the admin port, and the command."""

import signal
import subprocess
import sys
import time
from datetime import timedelta

import httpx
import pytest
from google.cloud import tasks_v2

from local.emulators.tasks.rules import Faults
from local.emulators.tasks.server import Options, TasksEmulator
from tests.local.tasks_emulator.parts import (
    PARENT,
    PATIENCE_SECONDS,
    Handler,
    a_queue,
    a_task,
    connected,
    settled,
    until,
)

# what goes wrong on purpose


@pytest.mark.usefixtures("no_faults")
def test_duplicated_deliveries_arrive_one_to_three_times_more(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    emulator.set_faults(Faults(duplicate=1.0, seed=1))
    queue = a_queue(client)
    for _ in range(5):
        client.create_task({"parent": queue, "task": a_task(handler.url)})
    counts = settled(emulator, queue)
    assert counts["done"] == 5
    assert 5 <= counts["duplicates"] <= 15
    until(lambda: len(handler.deliveries) == 5 + counts["duplicates"])


@pytest.mark.usefixtures("no_faults")
def test_a_lost_answer_makes_a_finished_task_run_again(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    emulator.set_faults(Faults(drop_answer=1.0))
    queue = a_queue(client, retry={"max_attempts": 3})
    client.create_task({"parent": queue, "task": a_task(handler.url)})
    counts = settled(emulator, queue)
    assert (counts["attempts"], counts["lost_answers"], counts["gave_up"]) == (3, 3, 1)
    assert handler.header("X-CloudTasks-TaskExecutionCount") == ["0", "0", "0"]


@pytest.mark.usefixtures("no_faults")
def test_shuffled_tasks_all_arrive_in_another_order(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    emulator.set_faults(Faults(shuffle=True, seed=3))
    queue = a_queue(client, rates={"max_concurrent_dispatches": 1})
    paths = [f"/{number}" for number in range(20)]
    client.pause_queue(name=queue)
    for path in paths:
        client.create_task({"parent": queue, "task": a_task(handler.url + path)})
    client.resume_queue(name=queue)
    settled(emulator, queue)
    assert sorted(handler.paths) == sorted(paths)
    assert handler.paths != paths


@pytest.mark.usefixtures("no_faults")
def test_the_admin_port_shows_counters_and_takes_faults(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client)
    with httpx.Client(base_url=emulator.admin_url, timeout=60) as admin:
        set_to = admin.post("/faults", json={"delay_seconds": 0.3, "seed": 7}).json()
        assert (set_to["delay_seconds"], set_to["duplicate"]) == (0.3, 0.0)
        assert admin.get("/faults").json() == set_to
        assert admin.post("/faults", json={"duplicate": 2}).status_code == 400
        assert admin.post("/faults", json={"typo": 1}).status_code == 400
        started = time.time()
        client.create_task({"parent": queue, "task": a_task(handler.url)})
        settled(emulator, queue)
        assert admin.get("/stats").json()[queue] == {
            "waiting": 0,
            "running": 0,
            "done": 1,
            "attempts": 1,
            "gave_up": 0,
            "duplicates": 0,
            "lost_answers": 0,
        }
    assert handler.deliveries[0].at - started >= 0.3


# as a process


def test_the_command_says_when_it_is_ready_and_ends_cleanly_on_sigterm() -> None:
    command = [
        sys.executable,
        "-m",
        "local.emulators.tasks.server",
        "--admin-port",
        "0",
        "--queue",
        "send:5:2:1:9:3",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it:
        assert it.stdout
        assert it.stderr
        line = it.stdout.readline()
        with connected(line.removeprefix("Cloud Tasks emulator at ").partition(",")[0]) as client:
            queue = client.get_queue(name=f"{PARENT}/queues/send")
        it.send_signal(signal.SIGTERM)
        assert it.wait(timeout=PATIENCE_SECONDS) == 0
        assert it.stdout.read() == it.stderr.read() == ""
    assert queue.rate_limits.max_concurrent_dispatches == 2
    assert queue.retry_config.max_backoff == timedelta(seconds=9)
    assert queue.retry_config.max_attempts == 3
    assert httpx.URL(line.rpartition(" ")[2].strip()).port


def test_a_port_in_use_is_reported_to_whoever_starts_the_emulator(emulator: TasksEmulator) -> None:
    port = int(emulator.address.rpartition(":")[2])
    with pytest.raises(RuntimeError, match=str(port)):
        TasksEmulator(Options(port=port)).start()
