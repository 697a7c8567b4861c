"""What a handler sees of its tasks, how often under one name, and when."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2

from local.emulators.tasks import queue as tasks_queue
from local.emulators.tasks.delivery import HttpCall, session
from local.emulators.tasks.queue import NameTaken, Queue, QueuedTask
from local.emulators.tasks.rules import Chance, QueueSettings
from local.emulators.tasks.server import TasksEmulator
from tests.local.tasks_emulator.parts import Handler, a_queue, a_task, moment, settled, until

# what a handler sees


def test_a_task_is_delivered_as_it_was_made_and_ends_with_a_2xx(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client)
    handler.script["/work"] = [204]
    request = {
        "url": f"{handler.url}/work?a=%2F",
        "http_method": tasks_v2.HttpMethod.PUT,
        "headers": {"Content-Type": "application/json", "X-Mine": "yes"},
        "body": b'{"n":1}',
    }
    client.create_task({"parent": queue, "task": {"http_request": request}})
    assert settled(emulator, queue)["done"] == 1
    (delivery,) = handler.deliveries
    assert (delivery.path, delivery.body) == ("/work?a=%2F", b'{"n":1}')
    assert delivery.headers["Content-Type"] == "application/json"
    assert delivery.headers["X-Mine"] == "yes"


def test_the_queues_headers_name_the_task_and_cannot_be_forged(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client)
    forged = {"x-cloudtasks-taskname": "other", "User-Agent": "me", "X-CloudTasks-Mine": "1"}
    task = a_task(handler.url, name=f"{queue}/tasks/mine")
    task["http_request"]["headers"] = forged
    created = client.create_task({"parent": queue, "task": task})
    settled(emulator, queue)
    headers = handler.deliveries[0].headers
    assert headers["X-CloudTasks-QueueName"] == queue.rpartition("/")[2]
    assert headers["X-CloudTasks-TaskName"] == "mine"
    assert headers["X-CloudTasks-TaskRetryCount"] == "0"
    assert headers["X-CloudTasks-TaskExecutionCount"] == "0"
    eta = float(headers["X-CloudTasks-TaskETA"])
    assert eta == pytest.approx(moment(created.schedule_time).timestamp(), abs=0.001)
    assert headers["User-Agent"] == "Google-Cloud-Tasks"
    assert headers["Content-Type"] == "application/octet-stream"
    assert not {"X-CloudTasks-Mine", "X-CloudTasks-TaskRetryReason"} & headers.keys()


def test_an_oidc_token_speaks_for_the_service_account(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client, rates={"max_concurrent_dispatches": 1})
    account = "sender@demo-tasks.iam.gserviceaccount.com"
    for token in (
        {"service_account_email": account, "audience": "https://send-batch"},
        {"service_account_email": account},
    ):
        task = a_task(f"{handler.url}/send")
        task["http_request"]["oidc_token"] = token
        client.create_task({"parent": queue, "task": task})
        settled(emulator, queue)
    tokens = [(header or "").removeprefix("Bearer ") for header in handler.header("Authorization")]
    assert [jwt.get_unverified_header(token)["alg"] for token in tokens] == ["none", "none"]
    first, second = (jwt.decode(t, options={"verify_signature": False}) for t in tokens)
    assert first["iss"] == "https://accounts.google.com"
    assert (first["email"], first["email_verified"]) == (account, True)
    assert first["exp"] - first["iat"] == 3600
    assert first["sub"]
    assert (first["aud"], second["aud"]) == ("https://send-batch", f"{handler.url}/send")


# names


def test_a_name_is_used_once_even_after_the_task_is_done_or_deleted(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client)
    task = a_task(handler.url, name=f"{queue}/tasks/once")
    client.create_task({"parent": queue, "task": task})
    settled(emulator, queue)
    later = a_task(
        handler.url,
        name=f"{queue}/tasks/later",
        schedule_time=datetime.now(UTC) + timedelta(hours=1),
    )
    client.create_task({"parent": queue, "task": later})
    client.delete_task(name=f"{queue}/tasks/later")
    for used in (task, later):
        with pytest.raises(exceptions.AlreadyExists):
            client.create_task({"parent": queue, "task": used})
    assert len(handler.deliveries) == 1


def test_a_name_is_free_again_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def add_delete_add() -> None:
        async with session() as http:
            queue = Queue("q", QueueSettings(), http, Chance())
            for _ in range(2):
                call = HttpCall("POST", "http://127.0.0.1:9/", {}, b"", 1.0)
                queue.add(QueuedTask("n", call, created=0.0, due=0.0))
                queue.remove("n")

    with pytest.raises(NameTaken):
        asyncio.run(add_delete_add())
    monkeypatch.setattr(tasks_queue, "TOMBSTONE_SECONDS", 0.0)
    asyncio.run(add_delete_add())


def test_a_task_without_a_name_gets_one(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client)
    names = {
        client.create_task({"parent": queue, "task": a_task(handler.url)}).name for _ in range(2)
    }
    settled(emulator, queue)
    assert len(names) == 2
    assert all(name.startswith(f"{queue}/tasks/") for name in names)


# when tasks go out


def test_tasks_go_out_at_their_scheduled_time_and_in_its_order(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client, rates={"max_concurrent_dispatches": 1})
    client.pause_queue(name=queue)
    now = datetime.now(UTC)
    for name, seconds in (("late", 0.4), ("soon", 0.2), ("past", -60)):
        due = now + timedelta(seconds=seconds)
        client.create_task(
            {"parent": queue, "task": a_task(f"{handler.url}/{name}", schedule_time=due)}
        )
    client.resume_queue(name=queue)
    settled(emulator, queue)
    assert handler.paths == ["/past", "/soon", "/late"]
    assert handler.deliveries[2].at >= now.timestamp() + 0.4


def test_a_queue_never_dispatches_faster_than_its_rate(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client, rates={"max_dispatches_per_second": 10})
    client.pause_queue(name=queue)
    for _ in range(15):
        client.create_task({"parent": queue, "task": a_task(handler.url)})
    resumed_at = time.time()
    client.resume_queue(name=queue)
    assert settled(emulator, queue)["done"] == 15
    ten_at_once_then_one_each = 5 * 0.1
    assert handler.deliveries[14].at - resumed_at >= ten_at_once_then_one_each - 0.01


def test_a_queue_never_runs_more_at_once_than_it_may(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    handler.hold_seconds = 0.05
    queue = a_queue(client, rates={"max_concurrent_dispatches": 2})
    for _ in range(7):
        client.create_task({"parent": queue, "task": a_task(handler.url)})
    assert settled(emulator, queue)["done"] == 7
    assert handler.most_at_once <= 2


def test_a_paused_queue_holds_its_tasks_until_resumed_except_those_run_by_hand(
    emulator: TasksEmulator, client: tasks_v2.CloudTasksClient, handler: Handler
) -> None:
    queue = a_queue(client)
    paused = client.pause_queue(name=queue)
    assert paused.state == tasks_v2.Queue.State.PAUSED
    for name in ("a", "b"):
        task = a_task(f"{handler.url}/{name}", name=f"{queue}/tasks/{name}")
        client.create_task({"parent": queue, "task": task})
    client.run_task(name=f"{queue}/tasks/b")
    until(lambda: emulator.stats()[queue]["done"] == 1)
    assert handler.paths == ["/b"]
    resumed = client.resume_queue(name=queue)
    assert resumed.state == tasks_v2.Queue.State.RUNNING
    settled(emulator, queue)
    assert handler.paths == ["/b", "/a"]
