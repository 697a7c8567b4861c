"""The Cloud Tasks API over gRPC: its methods on queues and tasks, as the client calls them.

Methods this emulator lacks are answered UNIMPLEMENTED by gRPC itself. Unlike production, the
name of a deleted queue is free again at once.
"""

import bisect
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import grpc
from google.cloud import tasks_v2
from google.longrunning import operations_pb2

from local.emulators.tasks.messages import (
    QUEUE_NAME,
    Refused,
    invalid,
    queue_message,
    read_queue,
    read_task,
    task_message,
    unimplemented,
)
from local.emulators.tasks.queue import NameTaken, Queue, QueuedTask
from local.emulators.tasks.rules import Chance, QueueSettings

SERVICE = "google.cloud.tasks.v2.CloudTasks"
LARGEST_BATCH = 100
LARGEST_PAGE = 1000

Method = Callable[[Any], Awaitable[Any]]


@dataclass(slots=True)
class CloudTasks:
    """Queues, and the methods of the API on them."""

    client: aiohttp.ClientSession
    chance: Chance
    declared: Mapping[str, QueueSettings] = field(default_factory=dict)
    """Settings by short queue name; such a queue is created when first used."""
    create_queues: bool = False
    """Whether any other unknown queue is created as well."""
    short_deadlines: bool = False
    """Whether a dispatch deadline may be shorter than production allows."""
    queues: dict[str, Queue] = field(default_factory=dict)

    def open_queue(self, name: str, settings: QueueSettings) -> Queue:
        """Create a queue under its full name and let it dispatch."""
        if not QUEUE_NAME.fullmatch(name):
            raise invalid(f"{name!r} is not projects/PROJECT/locations/LOCATION/queues/QUEUE")
        queue = self.queues[name] = Queue(name, settings, self.client, self.chance)
        queue.open()
        return queue

    async def close(self) -> None:
        """Stop every queue."""
        for queue in self.queues.values():
            await queue.close()

    def stats(self) -> dict[str, dict[str, int]]:
        """Return the counters of every queue, by full name."""
        return {name: queue.stats() for name, queue in sorted(self.queues.items())}

    async def create_queue(self, request: tasks_v2.CreateQueueRequest) -> tasks_v2.Queue:
        """Answer CreateQueue."""
        name = request.queue.name
        if not name.startswith(f"{request.parent}/queues/"):
            raise invalid(f"queue {name!r} is not under {request.parent!r}")
        if name in self.queues:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"queue {name} exists")
        return queue_message(self.open_queue(name, read_queue(request.queue)))

    async def get_queue(self, request: tasks_v2.GetQueueRequest) -> tasks_v2.Queue:
        """Answer GetQueue."""
        return queue_message(self._queue(request.name))

    async def list_queues(self, request: tasks_v2.ListQueuesRequest) -> tasks_v2.ListQueuesResponse:
        """Answer ListQueues, without filters."""
        if request.filter:
            raise unimplemented("a filter on ListQueues")
        names = [name for name in self.queues if name.startswith(f"{request.parent}/queues/")]
        page, token = _page(names, request.page_size, request.page_token)
        queues = [queue_message(self.queues[name]) for name in page]
        return tasks_v2.ListQueuesResponse(queues=queues, next_page_token=token)

    async def update_queue(self, request: tasks_v2.UpdateQueueRequest) -> tasks_v2.Queue:
        """Answer UpdateQueue, which also creates."""
        queue = self.queues.get(request.queue.name)
        if queue is None:
            return queue_message(self.open_queue(request.queue.name, read_queue(request.queue)))
        wanted = request.queue
        if request.update_mask.paths:
            wanted = queue_message(queue)
            request.update_mask.MergeMessage(
                tasks_v2.Queue.pb(request.queue),
                tasks_v2.Queue.pb(wanted),
                replace_message_field=True,
            )
        queue.configure(read_queue(wanted))
        return queue_message(queue)

    async def delete_queue(self, request: tasks_v2.DeleteQueueRequest) -> None:
        """Answer DeleteQueue; delete its tasks, too."""
        queue = self._queue(request.name)
        del self.queues[request.name]
        await queue.close()

    async def purge_queue(self, request: tasks_v2.PurgeQueueRequest) -> tasks_v2.Queue:
        """Answer PurgeQueue."""
        queue = self._queue(request.name)
        queue.purge()
        return queue_message(queue)

    async def pause_queue(self, request: tasks_v2.PauseQueueRequest) -> tasks_v2.Queue:
        """Answer PauseQueue."""
        queue = self._queue(request.name)
        queue.pause(paused=True)
        return queue_message(queue)

    async def resume_queue(self, request: tasks_v2.ResumeQueueRequest) -> tasks_v2.Queue:
        """Answer ResumeQueue."""
        queue = self._queue(request.name)
        queue.pause(paused=False)
        return queue_message(queue)

    async def create_task(self, request: tasks_v2.CreateTaskRequest) -> tasks_v2.Task:
        """Answer CreateTask."""
        queue = self._queue(request.parent)
        task = read_task(request, short_deadlines=self.short_deadlines)
        try:
            queue.add(task)
        except NameTaken as taken:
            raise Refused(
                grpc.StatusCode.ALREADY_EXISTS,
                f"a task of this name exists, or existed too recently: {request.task.name}",
            ) from taken
        return task_message(queue, task, request.response_view)

    async def batch_create_tasks(self, request: tasks_v2.BatchCreateTasksRequest) -> Any:
        """Answer BatchCreateTasks: an operation that is done; its metadata has single refusals."""
        self._queue(request.parent)
        if len(request.requests) > LARGEST_BATCH:
            raise invalid(f"more than {LARGEST_BATCH} tasks in one batch")
        if any(one.parent != request.parent for one in request.requests):
            raise invalid(f"every task of the batch must be for {request.parent!r}")
        started, created, failed = datetime.now(UTC), [], {}
        for index, one in enumerate(request.requests):
            try:
                created.append(await self.create_task(one))
            except Refused as refused:
                failed[index] = {"code": refused.code.value[0], "message": str(refused)}
        metadata = tasks_v2.BatchCreateTasksMetadata(
            start_time=started,
            end_time=datetime.now(UTC),
            state=tasks_v2.BatchCreateTasksMetadata.State.SUCCEEDED,
            failed_requests=failed,
        )
        tasks = tasks_v2.BatchCreateTasksResponse(tasks=created)
        operation = operations_pb2.Operation(
            name=f"{request.parent}/operations/{request.request_id or uuid.uuid4()}", done=True
        )
        operation.response.Pack(tasks_v2.BatchCreateTasksResponse.pb(tasks))
        operation.metadata.Pack(tasks_v2.BatchCreateTasksMetadata.pb(metadata))
        return operation

    async def get_task(self, request: tasks_v2.GetTaskRequest) -> tasks_v2.Task:
        """Answer GetTask."""
        queue, task = self._task(request.name)
        return task_message(queue, task, request.response_view)

    async def list_tasks(self, request: tasks_v2.ListTasksRequest) -> tasks_v2.ListTasksResponse:
        """Answer ListTasks, in the order of their names."""
        queue = self._queue(request.parent)
        page, token = _page(list(queue.tasks), request.page_size, request.page_token)
        tasks = [task_message(queue, queue.tasks[key], request.response_view) for key in page]
        return tasks_v2.ListTasksResponse(tasks=tasks, next_page_token=token)

    async def delete_task(self, request: tasks_v2.DeleteTaskRequest) -> None:
        """Answer DeleteTask, whether the task is waiting or under way."""
        queue, task = self._task(request.name)
        queue.remove(task.id)

    async def run_task(self, request: tasks_v2.RunTaskRequest) -> tasks_v2.Task:
        """Answer RunTask: send at once, past every limit."""
        queue, task = self._task(request.name)
        queue.run_now(task)
        return task_message(queue, task, request.response_view)

    def _queue(self, name: str) -> Queue:
        if queue := self.queues.get(name):
            return queue
        settings = self.declared.get(name.rpartition("/")[2])
        if settings is None and self.create_queues:
            settings = QueueSettings()
        if settings is None:
            raise _not_found(f"queue {name} does not exist: create it, or declare it with --queue")
        return self.open_queue(name, settings)

    def _task(self, name: str) -> tuple[Queue, QueuedTask]:
        parent, _, key = name.partition("/tasks/")
        queue = self._queue(parent)
        if key not in queue.tasks:
            raise _not_found(f"task {name} does not exist, or is done")
        return queue, queue.tasks[key]


def _not_found(message: str) -> Refused:
    return Refused(grpc.StatusCode.NOT_FOUND, message)


def _page(names: list[str], size: int, after: str) -> tuple[list[str], str]:
    """Return one page of the sorted names and the token of the next: the last name of this page."""
    names.sort()
    start = bisect.bisect_right(names, after)
    end = start + min(size or LARGEST_PAGE, LARGEST_PAGE)
    return names[start:end], names[end - 1] if end < len(names) else ""


def handlers(api: CloudTasks) -> grpc.GenericRpcHandler:
    """Build the gRPC methods, by the names the client calls."""
    t = tasks_v2
    queue, task = t.Queue.serialize, t.Task.serialize
    table: dict[str, tuple[Method, Any, Callable[[Any], bytes]]] = {
        "CreateQueue": (api.create_queue, t.CreateQueueRequest, queue),
        "GetQueue": (api.get_queue, t.GetQueueRequest, queue),
        "ListQueues": (api.list_queues, t.ListQueuesRequest, t.ListQueuesResponse.serialize),
        "UpdateQueue": (api.update_queue, t.UpdateQueueRequest, queue),
        "DeleteQueue": (api.delete_queue, t.DeleteQueueRequest, _empty),
        "PurgeQueue": (api.purge_queue, t.PurgeQueueRequest, queue),
        "PauseQueue": (api.pause_queue, t.PauseQueueRequest, queue),
        "ResumeQueue": (api.resume_queue, t.ResumeQueueRequest, queue),
        "CreateTask": (api.create_task, t.CreateTaskRequest, task),
        "BatchCreateTasks": (api.batch_create_tasks, t.BatchCreateTasksRequest, _operation),
        "GetTask": (api.get_task, t.GetTaskRequest, task),
        "ListTasks": (api.list_tasks, t.ListTasksRequest, t.ListTasksResponse.serialize),
        "DeleteTask": (api.delete_task, t.DeleteTaskRequest, _empty),
        "RunTask": (api.run_task, t.RunTaskRequest, task),
    }
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            name: grpc.unary_unary_rpc_method_handler(
                _refusing(call),
                request_deserializer=request.deserialize,
                response_serializer=serialize,
            )
            for name, (call, request, serialize) in table.items()
        },
    )


def _refusing(
    call: Method,
) -> Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]:
    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await call(request)
        except Refused as refused:
            await context.abort(refused.code, str(refused))

    return answer


def _empty(_: None) -> bytes:
    return b""


def _operation(operation: Any) -> bytes:
    return bytes(operation.SerializeToString())
