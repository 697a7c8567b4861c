"""Conversion between the API's messages and our own records, and the checks of the former.

What production refuses is refused here with the same status. What this emulator lacks (App Engine
targets, OAuth tokens, queue-level HTTP targets) is refused as UNIMPLEMENTED, never silently
dropped.
"""

import re
import uuid
from datetime import UTC, datetime, timedelta

import grpc
from google.cloud import tasks_v2
from google.protobuf.unknown_fields import UnknownFieldSet

from local.emulators.tasks.delivery import HttpCall
from local.emulators.tasks.queue import Attempt, Queue, QueuedTask
from local.emulators.tasks.rules import QueueSettings

LARGEST_TASK_BYTES = 100 * 1024
LARGEST_HEADERS_BYTES = 80 * 1024
LONGEST_URL = 2083
FASTEST_PER_SECOND = 500
MOST_CONCURRENT = 5000
FURTHEST_SCHEDULE = timedelta(days=30)
SHORTEST_DEADLINE = timedelta(seconds=15)
DEFAULT_DEADLINE = timedelta(minutes=10)
LONGEST_DEADLINE = timedelta(minutes=30)
QUEUE_ID = r"[A-Za-z0-9-]{1,100}"
QUEUE_NAME = re.compile(rf"projects/[A-Za-z0-9.:-]+/locations/[A-Za-z0-9-]+/queues/{QUEUE_ID}")
TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")
ACCOUNT = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
WITH_BODY = {tasks_v2.HttpMethod.POST, tasks_v2.HttpMethod.PUT, tasks_v2.HttpMethod.PATCH}


class Refused(Exception):
    """Error that is answered with a status other than OK."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid(message: str) -> Refused:
    """Create the refusal of something that can never be."""
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message)


def unimplemented(message: str) -> Refused:
    """Create the refusal of what Cloud Tasks can do and this emulator cannot."""
    return Refused(grpc.StatusCode.UNIMPLEMENTED, f"not part of this emulator: {message}")


def read_queue(queue: tasks_v2.Queue) -> QueueSettings:
    """Read a queue's settings, with the API's default for whatever is not given."""
    if "http_target" in queue:
        raise unimplemented("http_target on a queue")
    limits, retry, default = queue.rate_limits, queue.retry_config, QueueSettings()
    try:
        settings = QueueSettings(
            rate_per_second=limits.max_dispatches_per_second or default.rate_per_second,
            max_concurrent=limits.max_concurrent_dispatches or default.max_concurrent,
            min_backoff_seconds=_seconds(retry, "min_backoff", default.min_backoff_seconds),
            max_backoff_seconds=_seconds(retry, "max_backoff", default.max_backoff_seconds),
            max_attempts=retry.max_attempts or default.max_attempts,
            max_doublings=retry.max_doublings or default.max_doublings,
            max_retry_seconds=_seconds(retry, "max_retry_duration", default.max_retry_seconds),
        )
    except ValueError as wrong:
        raise invalid(str(wrong)) from wrong
    if settings.rate_per_second > FASTEST_PER_SECOND or settings.max_concurrent > MOST_CONCURRENT:
        raise invalid(f"more than {FASTEST_PER_SECOND}/s or {MOST_CONCURRENT} at once")
    return settings


def _seconds(retry: tasks_v2.RetryConfig, name: str, default: float) -> float:
    return _duration(retry, name, timedelta(seconds=default)).total_seconds()


def _duration(
    message: tasks_v2.RetryConfig | tasks_v2.Task, name: str, default: timedelta
) -> timedelta:
    # proto-plus hands out Python's own durations and times, whatever its annotations say.
    given: timedelta = getattr(message, name)
    return given if name in message else default


def read_task(request: tasks_v2.CreateTaskRequest, *, short_deadlines: bool) -> QueuedTask:
    """Read the task that a CreateTask asks for."""
    now = datetime.now(UTC)
    task = request.task
    size = tasks_v2.Task.pb(task).ByteSize()
    if size > LARGEST_TASK_BYTES:
        raise invalid(f"a task of {size} bytes is over the limit of {LARGEST_TASK_BYTES}")
    asked: datetime | None = getattr(task, "schedule_time", None)
    due = max(now, asked or now)
    if due - now > FURTHEST_SCHEDULE:
        raise invalid("schedule_time is more than 30 days ahead")
    return QueuedTask(
        id=_task_id(request.parent, task.name),
        call=_read_call(task, timedelta(0) if short_deadlines else SHORTEST_DEADLINE),
        created=now.timestamp(),
        due=due.timestamp(),
    )


def _task_id(parent: str, name: str) -> str:
    if not name:
        return uuid.uuid4().hex
    start, _, key = name.rpartition("/tasks/")
    if start != parent or not TASK_ID.fullmatch(key):
        raise invalid(f"task name {name!r} is not {parent}/tasks/ID with ID in [A-Za-z0-9_-]")
    return key


def _read_call(task: tasks_v2.Task, shortest_deadline: timedelta) -> HttpCall:
    if "http_request" not in task:
        raise unimplemented("a task without http_request")
    asked = task.http_request
    if "oauth_token" in asked:
        raise unimplemented("oauth_token; use oidc_token")
    if unknown := _unknown_fields(task):
        raise invalid(f"fields the API does not know: {unknown}")
    if "oidc_token" in asked and not ACCOUNT.fullmatch(asked.oidc_token.service_account_email):
        raise invalid("an oidc_token needs the e-mail address of a service account")
    if sum(len(name) + len(value) for name, value in asked.headers.items()) > LARGEST_HEADERS_BYTES:
        raise invalid(f"headers of more than {LARGEST_HEADERS_BYTES} bytes")
    if not asked.url.startswith(("http://", "https://")) or len(asked.url) > LONGEST_URL:
        raise invalid(f"{asked.url[:100]!r} is not an http or https URL of at most {LONGEST_URL}")
    method = tasks_v2.HttpMethod(asked.http_method or tasks_v2.HttpMethod.POST)
    if asked.body and method not in WITH_BODY:
        raise invalid(f"a {method.name} request cannot have a body")
    deadline = _duration(task, "dispatch_deadline", DEFAULT_DEADLINE)
    if not shortest_deadline <= deadline <= LONGEST_DEADLINE:
        raise invalid(f"dispatch_deadline {deadline} is not between 15 seconds and 30 minutes")
    return HttpCall(
        method=method.name,
        url=asked.url,
        headers=dict(asked.headers),
        body=asked.body,
        deadline_seconds=deadline.total_seconds(),
        account=asked.oidc_token.service_account_email,
        audience=asked.oidc_token.audience,
    )


def _unknown_fields(task: tasks_v2.Task) -> list[int]:
    """List the numbers of unknown fields: of the task, of its request and of its token."""
    message = tasks_v2.Task.pb(task)
    parts = (message, message.http_request, message.http_request.oidc_token)
    unknown = [UnknownFieldSet(part) for part in parts]
    return [each[number].field_number for each in unknown for number in range(len(each))]


def queue_message(queue: Queue) -> tasks_v2.Queue:
    """Build the API's message of a queue."""
    settings = queue.settings
    return tasks_v2.Queue(
        name=queue.name,
        state=tasks_v2.Queue.State.PAUSED if queue.paused else tasks_v2.Queue.State.RUNNING,
        purge_time=_time(queue.purged),
        rate_limits=tasks_v2.RateLimits(
            max_dispatches_per_second=settings.rate_per_second,
            max_burst_size=settings.burst,
            max_concurrent_dispatches=settings.max_concurrent,
        ),
        retry_config=tasks_v2.RetryConfig(
            max_attempts=settings.max_attempts,
            max_doublings=settings.max_doublings,
            max_retry_duration=timedelta(seconds=settings.max_retry_seconds),
            min_backoff=timedelta(seconds=settings.min_backoff_seconds),
            max_backoff=timedelta(seconds=settings.max_backoff_seconds),
        ),
    )


def task_message(queue: Queue, task: QueuedTask, view: tasks_v2.Task.View) -> tasks_v2.Task:
    """Build the API's message of a task; its body is in the FULL view only."""
    full = view == tasks_v2.Task.View.FULL
    return tasks_v2.Task(
        name=f"{queue.name}/tasks/{task.id}",
        http_request=_request_message(task.call, with_body=full),
        view=tasks_v2.Task.View.FULL if full else tasks_v2.Task.View.BASIC,
        create_time=_time(task.created),
        schedule_time=_time(task.due),
        dispatch_deadline=timedelta(seconds=task.call.deadline_seconds),
        dispatch_count=task.dispatches,
        response_count=task.responses,
        first_attempt=_first_attempt(task.first_attempt),
        last_attempt=_last_attempt(task.last_attempt),
    )


def _request_message(call: HttpCall, *, with_body: bool) -> tasks_v2.HttpRequest:
    message = tasks_v2.HttpRequest(
        url=call.url,
        http_method=call.method,
        headers=call.headers,
        body=call.body if with_body else b"",
    )
    if call.account:
        message.oidc_token = tasks_v2.OidcToken(
            service_account_email=call.account, audience=call.audience
        )
    return message


def _first_attempt(attempt: Attempt | None) -> tasks_v2.Attempt | None:
    if attempt is None:
        return None
    return tasks_v2.Attempt(dispatch_time=_time(attempt.dispatched))


def _last_attempt(attempt: Attempt | None) -> tasks_v2.Attempt | None:
    if attempt is None:
        return None
    message = tasks_v2.Attempt(
        schedule_time=_time(attempt.scheduled),
        dispatch_time=_time(attempt.dispatched),
        response_time=_time(attempt.answered),
    )
    if attempt.answer:
        code: int = grpc.StatusCode.UNAVAILABLE.value[0]
        message.response_status = {"code": code, "message": attempt.answer.reason}
    return message


def _time(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
