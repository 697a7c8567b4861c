"""Every task the flow makes is one that Cloud Tasks takes, as strictly as its emulator can be."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache

import grpc
import orjson
import pytest
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from local.emulators.tasks.messages import LARGEST_TASK_BYTES
from local.emulators.tasks.rules import QueueSettings
from local.emulators.tasks.server import Options, TasksEmulator
from shared.adapters.tasks import BEYOND_HANDLER, CloudTasks
from shared.flow.delivery.queues import Queue
from shared.ports import Task
from shared.settings import MOST_HANDLER_SECONDS, Settings, read
from tests.builders import a_domain, a_segment, an_input
from tests.flow.crowd import a_crowded_world

PROJECT, REGION = "demo-tasks", "europe-west1"
FUNCTIONS = "https://functions.example/v1"
ADMIN = "phone-0"
NAME = re.compile(r"projects/[^/]+/locations/[^/]+/queues/[a-z-]+/tasks/[A-Za-z0-9_-]{1,500}")


@cache
def tasks_of_the_flow() -> tuple[list[Task], set[str]]:
    """Make tasks of plans with one part and with many, of batches, later attempts and an admin's
    device; and list what must stand in none of them.
    """
    found: list[Task] = []
    secrets: set[str] = set()
    for times in (1, 200):
        world = a_crowded_world(page_size=20, times=times)
        world.providers.put_domain(a_domain(admin_hwids=(ADMIN,)))
        world.sent()
        world.create(an_input(target_segment=a_segment(hwid=ADMIN)))
        world.drain()
        found += world.tasks_seen
        for hwid, device in world.targets.items():
            secrets |= {hwid, device.address.value if device.address else hwid}
    return list({task.name: task for task in found}.values()), secrets


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """Make the settings of a project whose tasks are taken, and kept."""
    queues = {str(queue): QueueSettings() for queue in Queue}
    with TasksEmulator(Options(queues=queues)) as emulator:
        yield read(
            {
                "GOOGLE_CLOUD_PROJECT": PROJECT,
                "FANFARE_REGION": REGION,
                "FANFARE_FUNCTIONS_URL": FUNCTIONS,
                "CLOUD_TASKS_BASE_URL": emulator.address,
            }
        )


@pytest.fixture(scope="module")
def tasks_by_name(settings: Settings) -> dict[str, tasks_v2.Task]:
    """Return what the emulator holds of every task of the flow, by the task's name."""
    channel = grpc.insecure_channel(str(settings.cloud_tasks))
    with tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel)) as client:
        for queue in Queue:
            client.pause_queue(name=parent(queue))
        CloudTasks(settings).enqueue(tasks_of_the_flow()[0])
        full = {"response_view": tasks_v2.Task.View.FULL}
        listed = [
            task
            for queue in Queue
            for task in client.list_tasks(request={"parent": parent(queue), **full})
        ]
    return {task.name.rpartition("/")[2]: task for task in listed}


def parent(queue: str) -> str:
    return f"projects/{PROJECT}/locations/{REGION}/queues/{queue}"


def test_every_task_is_taken_under_its_own_name(tasks_by_name: dict[str, tasks_v2.Task]) -> None:
    made, _ = tasks_of_the_flow()
    assert {task.name for task in made} == tasks_by_name.keys()
    assert {task.function for task in made} == {"plan-fanout", "send-batch"}
    for task in made:
        name = tasks_by_name[task.name].name
        assert NAME.fullmatch(name)
        assert name == f"{parent(task.queue)}/tasks/{task.name}"


def test_every_task_calls_its_function_with_a_token_for_it_alone(
    tasks_by_name: dict[str, tasks_v2.Task], settings: Settings
) -> None:
    for task in tasks_of_the_flow()[0]:
        request = tasks_by_name[task.name].http_request
        assert request.url == f"{FUNCTIONS}/{task.function}"
        assert request.http_method == tasks_v2.HttpMethod.POST
        assert request.headers["Content-Type"] == "application/json"
        assert request.oidc_token.audience == request.url
        assert request.oidc_token.service_account_email == settings.account("tasks")


def test_every_task_is_small_and_says_nothing_of_devices(
    tasks_by_name: dict[str, tasks_v2.Task],
) -> None:
    made, secrets = tasks_of_the_flow()
    for task in made:
        body = tasks_by_name[task.name].http_request.body
        assert orjson.loads(body) == task.payload
        assert tasks_v2.Task.pb(tasks_by_name[task.name]).ByteSize() < LARGEST_TASK_BYTES // 50
        assert not {value for value in secrets if f'"{value}"'.encode() in body}


def test_a_handler_ends_before_its_task_is_delivered_again(
    tasks_by_name: dict[str, tasks_v2.Task], settings: Settings
) -> None:
    for task in tasks_by_name.values():
        seconds = task.dispatch_deadline.total_seconds()  # type: ignore[attr-defined]
        assert settings.handler_seconds < seconds <= 30 * 60


def test_the_longest_handler_allowed_has_a_deadline_that_cloud_tasks_takes() -> None:
    assert timedelta(seconds=MOST_HANDLER_SECONDS) + 2 * BEYOND_HANDLER <= timedelta(minutes=30)
