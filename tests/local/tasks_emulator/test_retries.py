"""A task comes again until it is done or given up, and how long it waits in between."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from google.cloud import tasks_v2

from local.emulators.background import ServedApp
from local.emulators.tasks.delivery import retry_after_seconds
from local.emulators.tasks.rules import QueueSettings
from local.emulators.tasks.server import TasksEmulator
from tests.local.tasks_emulator.parts import (
    PATIENCE_SECONDS,
    Handler,
    a_queue,
    a_task,
    settled,
    until,
)


def test_backoff_doubles_and_then_grows_evenly_up_to_its_maximum() -> None:
    settings = QueueSettings(min_backoff_seconds=10, max_backoff_seconds=300, max_doublings=3)
    pauses = [settings.backoff_seconds(attempts) for attempts in range(1, 9)]
    assert pauses == [10, 20, 40, 80, 160, 240, 300, 300]
    assert QueueSettings(max_doublings=10**9).backoff_seconds(10**9) == 3600


@pytest.mark.parametrize(
    ("max_attempts", "max_seconds", "attempts", "age", "exhausted"),
    [
        (3, 0, 2, 99, False),
        (3, 0, 3, 0, True),
        (3, 60, 5, 59, False),
        (3, 60, 2, 61, False),
        (3, 60, 3, 60, True),
        (-1, 60, 99, 59, False),
        (-1, 60, 1, 60, True),
        (-1, 0, 10**6, 10**6, False),
    ],
)
def test_a_task_is_given_up_only_when_both_attempts_and_time_are_used_up(
    max_attempts: int, max_seconds: float, attempts: int, age: float, exhausted: bool
) -> None:
    settings = QueueSettings(max_attempts=max_attempts, max_retry_seconds=max_seconds)
    assert settings.exhausted(attempts, age) is exhausted


def test_a_failing_task_comes_again_telling_its_past_and_is_then_given_up(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client, retry={"max_attempts": 4})
    handler.script["/fails"] = [500, 404, 302, 503]
    client.create_task({"parent": queue, "task": a_task(f"{handler.url}/fails")})
    counts = settled(emulator, queue)
    assert (counts["attempts"], counts["gave_up"], counts["done"]) == (4, 1, 0)
    assert handler.header("X-CloudTasks-TaskRetryCount") == ["0", "1", "2", "3"]
    assert handler.header("X-CloudTasks-TaskExecutionCount") == ["0", "0", "1", "2"]
    assert handler.header("X-CloudTasks-TaskPreviousResponse") == [None, "500", "404", "302"]
    assert handler.header("X-CloudTasks-TaskRetryReason")[1:] == [
        "HTTP_500",
        "HTTP_404",
        "HTTP_302",
    ]


def test_a_handler_that_is_down_is_tried_again(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client, retry={"max_attempts": 2})
    gone = ServedApp(Handler().app())
    with gone:
        pass
    client.create_task({"parent": queue, "task": a_task(gone.url)})
    assert settled(emulator, queue)["attempts"] == 2


def test_a_handlers_retry_after_is_waited_for(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    handler.script["/busy"] = [503]
    handler.answer_headers = {"Retry-After": "1"}
    queue = a_queue(client)
    client.create_task({"parent": queue, "task": a_task(f"{handler.url}/busy")})
    settled(emulator, queue)
    first, second = handler.deliveries
    assert second.at - first.at >= 1.0


def test_retry_after_is_read_in_both_forms_and_ignored_in_any_other() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 60 < retry_after_seconds(at) <= 90
    assert retry_after_seconds("7") == 7
    assert [retry_after_seconds(odd) for odd in ("", "soon", "-3", "1e9")] == [0, 0, 0, 0]


def test_after_the_deadline_the_task_runs_again_beside_the_handler_still_at_work(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    handler.hold_seconds = PATIENCE_SECONDS
    queue = a_queue(client, retry={"max_attempts": 2})
    task = a_task(handler.url, dispatch_deadline=timedelta(seconds=0.2))
    client.create_task({"parent": queue, "task": task})
    assert settled(emulator, queue)["gave_up"] == 1
    handler.released = True
    assert handler.most_at_once == 2
    assert handler.header("X-CloudTasks-TaskRetryReason") == [None, "DEADLINE_EXCEEDED"]
    assert handler.header("X-CloudTasks-TaskPreviousResponse") == [None, None]


def test_deleting_a_task_under_way_ends_its_retries(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    handler.hold_seconds = PATIENCE_SECONDS
    handler.script["/"] = [500]
    queue = a_queue(client)
    client.create_task({"parent": queue, "task": a_task(handler.url, name=f"{queue}/tasks/t")})
    until(lambda: handler.deliveries)
    client.delete_task(name=f"{queue}/tasks/t")
    handler.released = True
    counts = settled(emulator, queue)
    assert (counts["attempts"], counts["done"], counts["gave_up"]) == (1, 0, 0)
