"""The Cloud Tasks emulator, called by the unmodified client and delivering to a real server."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import grpc
import httpx
import jwt
import pytest
from aiohttp import web
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from local.background import Served
from local.stand_ins import tasks_queue
from local.stand_ins.tasks import Options, TasksEmulator
from local.stand_ins.tasks_delivery import HttpCall, retry_after_seconds, session
from local.stand_ins.tasks_queue import NameTaken, Queue, QueuedTask
from local.stand_ins.tasks_rules import Chance, Faults, QueueSettings

PARENT = "projects/demo-tasks/locations/europe-west1"
PATIENCE_SECONDS = 15.0


@dataclass
class Delivery:
    """One request the handler got."""

    at: float
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Handler:
    """A task handler that notes what it gets and answers by script, 200 when it has none."""

    deliveries: list[Delivery] = field(default_factory=list)
    script: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    answer_headers: dict[str, str] = field(default_factory=dict)
    hold_seconds: float = 0.0
    released: bool = False
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.deliveries.append(
            Delivery(time.time(), request.raw_path, dict(request.headers), body),
        )
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        end = time.monotonic() + self.hold_seconds
        while time.monotonic() < end and not self.released:  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.01)
        self.at_once -= 1
        status = self.script[request.path].pop(0) if self.script[request.path] else 200
        return web.Response(status=status, headers=self.answer_headers)

    @property
    def paths(self) -> list[str]:
        return [delivery.path for delivery in self.deliveries]

    def header(self, name: str) -> list[str | None]:
        return [delivery.headers.get(name) for delivery in self.deliveries]


@pytest.fixture
def handler() -> Iterator[Handler]:
    handler = Handler()
    with Served(handler.app()) as served:
        handler.url = served.url
        yield handler


@pytest.fixture(scope="module")
def emulator() -> Iterator[TasksEmulator]:
    declared = {"declared": QueueSettings(rate_per_second=7.0)}
    with TasksEmulator(Options(admin_port=0, queues=declared, short_deadlines=True)) as emulator:
        yield emulator


@contextlib.contextmanager
def connected(address: str) -> Iterator[tasks_v2.CloudTasksClient]:
    transport = CloudTasksGrpcTransport(channel=grpc.insecure_channel(address))
    with tasks_v2.CloudTasksClient(transport=transport) as client:
        yield client


@pytest.fixture(scope="module")
def client(emulator: TasksEmulator) -> Iterator[tasks_v2.CloudTasksClient]:
    with connected(emulator.address) as client:
        yield client


@pytest.fixture
def no_faults(emulator: TasksEmulator) -> Iterator[None]:
    yield
    emulator.set_faults(Faults())


def a_queue(client: tasks_v2.CloudTasksClient, **settings: Any) -> str:
    """A queue that retries fast, under a name of its own."""
    retry = {"min_backoff": timedelta(seconds=0.02), "max_backoff": timedelta(seconds=0.05)}
    name = f"{PARENT}/queues/q{uuid.uuid4().hex}"
    queue = {
        "name": name,
        "retry_config": retry | settings.get("retry", {}),
        "rate_limits": settings.get("rates", {}),
    }
    client.create_queue({"parent": PARENT, "queue": queue})
    return name


def a_task(url: str, **changes: Any) -> dict[str, Any]:
    return {"http_request": {"url": url, "body": b"{}"}} | changes


def moment(value: Any) -> datetime:
    """A time as proto-plus gives it, which is a datetime whatever its annotation says."""
    assert isinstance(value, datetime)
    return value


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; how long it takes is nobody's promise."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def settled(emulator: TasksEmulator, queue: str) -> dict[str, int]:
    """The queue's counters once nothing waits or runs."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (counts := emulator.stats()[queue])["waiting"] + counts["running"]:
        assert time.monotonic() < end, counts
        time.sleep(0.01)
    return counts


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


# when they come again


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
    gone = Served(Handler().app())
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
    with httpx.Client(base_url=emulator.admin_url) as admin:
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
        "local.stand_ins.tasks",
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
