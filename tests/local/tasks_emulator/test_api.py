"""The API as the unmodified client calls it: queues and tasks, and what production would refuse."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2

from local.emulators.tasks.server import Options, TasksEmulator
from tests.local.tasks_emulator.parts import (
    PARENT,
    PATIENCE_SECONDS,
    Handler,
    a_queue,
    a_task,
    connected,
    moment,
    settled,
    until,
)

# what is refused


@pytest.mark.parametrize(
    "change",
    [
        {"name": "elsewhere/tasks/t"},
        {"name": "{queue}/tasks/not.allowed"},
        {"schedule_time": datetime.now(UTC) + timedelta(days=31)},
        {"dispatch_deadline": timedelta(minutes=31)},
        {"http_request": {"url": "ftp://127.0.0.1/"}},
        {"http_request": {"url": "http://127.0.0.1/" + "x" * 2083}},
        {"http_request": {"url": "http://127.0.0.1/", "body": b"x" * 102_400}},
        {"http_request": {"url": "http://127.0.0.1/", "body": b"x", "http_method": "GET"}},
        {"http_request": {"url": "http://127.0.0.1/", "oidc_token": {"audience": "somebody"}}},
        {"http_request": {"url": "http://127.0.0.1/", "headers": {"X-Long": "x" * 81_920}}},
    ],
    ids=[
        *("parent", "id", "schedule", "deadline", "scheme"),
        *("url", "size", "get-with-body", "account", "headers"),
    ],
)
def test_a_task_production_would_refuse_is_refused(
    client: tasks_v2.CloudTasksClient, change: dict[str, Any]
) -> None:
    queue = a_queue(client)
    task = a_task("http://127.0.0.1:9/") | change
    if "name" in task:
        task["name"] = task["name"].format(queue=queue)
    with pytest.raises(exceptions.InvalidArgument):
        client.create_task({"parent": queue, "task": task})
    assert not list(client.list_tasks(parent=queue))


def test_a_field_the_api_does_not_know_is_refused(client: tasks_v2.CloudTasksClient) -> None:
    queue = a_queue(client)
    task = tasks_v2.Task(a_task("http://127.0.0.1:9/"))
    tasks_v2.Task.pb(task).MergeFromString(b"\xf8\x07\x01")
    with pytest.raises(exceptions.InvalidArgument, match="127"):
        client.create_task({"parent": queue, "task": task})


def test_what_is_not_emulated_is_refused_rather_than_ignored(
    client: tasks_v2.CloudTasksClient,
) -> None:
    queue = a_queue(client)
    with pytest.raises(exceptions.MethodNotImplemented):
        client.create_task({"parent": queue, "task": {"app_engine_http_request": {}}})
    with pytest.raises(exceptions.MethodNotImplemented):
        client.get_iam_policy(request={"resource": queue})


def test_unknown_queues_and_tasks_are_not_found(client: tasks_v2.CloudTasksClient) -> None:
    queue = f"{PARENT}/queues/nowhere"
    with pytest.raises(exceptions.NotFound):
        client.create_task({"parent": queue, "task": a_task("http://127.0.0.1:9/")})
    with pytest.raises(exceptions.NotFound):
        client.get_queue(name=queue)
    with pytest.raises(exceptions.NotFound):
        client.run_task(name=f"{a_queue(client)}/tasks/none")


def test_an_emulator_told_to_creates_queues_and_keeps_to_production_deadlines(
    handler: Handler,
) -> None:
    queue = f"{PARENT}/queues/new"
    with TasksEmulator(Options(create_queues=True)) as emulator, connected(emulator.address) as it:
        it.create_task({"parent": queue, "task": a_task(handler.url)})
        emulator.wait_until_idle()
        rates = it.get_queue(name=queue).rate_limits
        assert (rates.max_dispatches_per_second, rates.max_concurrent_dispatches) == (500, 1000)
        short = a_task(handler.url, dispatch_deadline=timedelta(seconds=14))
        with pytest.raises(exceptions.InvalidArgument):
            it.create_task({"parent": queue, "task": short})
    assert len(handler.deliveries) == 1


# queues and tasks as records


def test_a_declared_queue_stands_in_every_project(client: tasks_v2.CloudTasksClient) -> None:
    for project in ("demo-a", "demo-b"):
        queue = client.get_queue(name=f"projects/{project}/locations/l/queues/declared")
        assert queue.rate_limits.max_dispatches_per_second == 7


def test_queues_are_created_once_updated_listed_and_deleted(
    client: tasks_v2.CloudTasksClient,
) -> None:
    parent = f"projects/p{uuid.uuid4().hex}/locations/l"
    names = [f"{parent}/queues/{letter}" for letter in "abc"]
    for name in names:
        client.create_queue({"parent": parent, "queue": {"name": name}})
    with pytest.raises(exceptions.AlreadyExists):
        client.create_queue({"parent": parent, "queue": {"name": names[0]}})
    assert [q.name for q in client.list_queues(request={"parent": parent, "page_size": 2})] == names
    changed = client.update_queue(
        {
            "queue": {"name": names[0], "rate_limits": {"max_dispatches_per_second": 3}},
            "update_mask": {"paths": ["rate_limits.max_dispatches_per_second"]},
        }
    )
    assert changed.rate_limits.max_dispatches_per_second == 3
    assert changed.rate_limits.max_concurrent_dispatches == 1000
    assert changed.retry_config.max_backoff == timedelta(hours=1)
    client.delete_queue(name=names[0])
    assert [queue.name for queue in client.list_queues(parent=parent)] == names[1:]


def test_a_task_is_shown_with_its_body_only_when_asked_in_full(
    client: tasks_v2.CloudTasksClient,
) -> None:
    queue = a_queue(client)
    name = f"{queue}/tasks/t"
    due = datetime.now(UTC) + timedelta(days=1)
    client.create_task(
        {"parent": queue, "task": a_task("http://127.0.0.1:9/", name=name, schedule_time=due)}
    )
    basic = client.get_task(name=name)
    full = client.get_task(request={"name": name, "response_view": "FULL"})
    assert (basic.http_request.body, full.http_request.body) == (b"", b"{}")
    assert full.http_request.http_method == tasks_v2.HttpMethod.POST
    assert full.dispatch_deadline == timedelta(minutes=10)
    assert abs(moment(full.schedule_time) - due) < timedelta(milliseconds=1)


def test_a_task_shows_its_attempts(client: tasks_v2.CloudTasksClient, handler: Handler) -> None:
    queue = a_queue(client, retry={"min_backoff": timedelta(hours=1), "max_backoff": "3600s"})
    handler.script["/"] = [500]
    name = f"{queue}/tasks/t"
    client.create_task({"parent": queue, "task": a_task(handler.url, name=name)})
    until(lambda: client.get_task(name=name).response_count)
    task = client.get_task(name=name)
    assert (task.dispatch_count, task.response_count) == (1, 1)
    assert task.last_attempt.response_status.message == "HTTP_500"
    assert task.first_attempt.dispatch_time == task.last_attempt.dispatch_time
    assert moment(task.schedule_time) > datetime.now(UTC) + timedelta(minutes=50)


def test_tasks_are_listed_in_pages_and_purged_together(
    client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client)
    client.pause_queue(name=queue)
    names = [f"{queue}/tasks/t{number}" for number in range(5)]
    for name in reversed(names):
        client.create_task({"parent": queue, "task": a_task(handler.url, name=name)})
    listed = client.list_tasks(request={"parent": queue, "page_size": 2})
    assert [task.name for task in listed] == names
    assert client.purge_queue(name=queue).purge_time
    client.resume_queue(name=queue)
    assert not list(client.list_tasks(parent=queue))
    assert not handler.deliveries


def test_a_batch_creates_what_it_can_and_reports_the_rest(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client)
    requests = [
        {"parent": queue, "task": a_task(f"{handler.url}/{n}", name=f"{queue}/tasks/{n}")}
        for n in ("a", "b", "a")
    ]
    operation = client.batch_create_tasks(request={"parent": queue, "requests": requests})
    result = operation.result(timeout=PATIENCE_SECONDS)
    assert [task.name[-1] for task in result.tasks] == ["a", "b"]
    assert list(operation.metadata.failed_requests) == [2]
    settled(emulator, queue)
    assert sorted(handler.paths) == ["/a", "/b"]
