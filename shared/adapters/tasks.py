"""Cloud Tasks, through Google's client.

A lost answer to a create is repeated with the same name: the task is then either new or already
there, and both are fine. De-duplication by name is an optimisation; nothing depends on it.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import orjson
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from google.protobuf import duration_pb2, timestamp_pb2

from shared.domain.errors import TryAgain
from shared.ports import Task
from shared.settings import Settings

PARALLEL_CALLS = 8
BEYOND_HANDLER = timedelta(seconds=30)
"""The dispatch deadline outlives the handler, so that its answer is still heard."""
_PASSING = (
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.ResourceExhausted,
    exceptions.InternalServerError,
    exceptions.Aborted,
    exceptions.RetryError,
)


class CloudTasks:
    """Client that creates tasks for this project's functions, with an OIDC token for exactly one
    function.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = _client(settings)
        self._account = settings.account("tasks")

    def enqueue(self, tasks: Iterable[Task]) -> None:
        todo = list(tasks)
        if len(todo) == 1:
            self._create(todo[0])
        elif todo:
            with ThreadPoolExecutor(PARALLEL_CALLS) as pool:
                list(pool.map(self._create, todo))

    def _create(self, task: Task) -> None:
        queue = self._client.queue_path(self._settings.project, self._settings.region, task.queue)
        try:
            self._client.create_task(parent=queue, task=self._described(task, queue), timeout=20)
        except exceptions.AlreadyExists:
            return
        except _PASSING as fault:
            raise TryAgain(f"queue {task.queue} takes no tasks right now") from fault

    def _described(self, task: Task, queue: str) -> tasks_v2.Task:
        url = self._settings.function_url(task.function)
        described = tasks_v2.Task(
            name=f"{queue}/tasks/{task.name}",
            http_request=tasks_v2.HttpRequest(
                url=url,
                http_method=tasks_v2.HttpMethod.POST,
                headers={"Content-Type": "application/json"},
                body=orjson.dumps(task.payload),
                oidc_token=tasks_v2.OidcToken(service_account_email=self._account, audience=url),
            ),
            dispatch_deadline=duration_pb2.Duration(seconds=self._deadline_seconds),
        )
        if task.not_before is not None:
            at = timestamp_pb2.Timestamp()
            at.FromDatetime(task.not_before)
            described.schedule_time = at
        return described

    @property
    def _deadline_seconds(self) -> int:
        return self._settings.handler_seconds + int(BEYOND_HANDLER.total_seconds()) * 2


def _client(settings: Settings) -> tasks_v2.CloudTasksClient:
    if settings.cloud_tasks is None:
        return tasks_v2.CloudTasksClient()
    channel = grpc.insecure_channel(settings.cloud_tasks)
    return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
