"""Queues and tasks as the unmodified client makes them, and a handler that notes what it gets."""

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import grpc
from aiohttp import web
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from local.emulators.tasks.server import TasksEmulator

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
    parallel: int = 0
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
        self.parallel += 1
        self.most_at_once = max(self.most_at_once, self.parallel)
        end = time.monotonic() + self.hold_seconds
        while time.monotonic() < end and not self.released:  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.01)
        self.parallel -= 1
        status = self.script[request.path].pop(0) if self.script[request.path] else 200
        return web.Response(status=status, headers=self.answer_headers)

    @property
    def paths(self) -> list[str]:
        return [delivery.path for delivery in self.deliveries]

    def header(self, name: str) -> list[str | None]:
        return [delivery.headers.get(name) for delivery in self.deliveries]


@contextlib.contextmanager
def connected(address: str) -> Iterator[tasks_v2.CloudTasksClient]:
    transport = CloudTasksGrpcTransport(channel=grpc.insecure_channel(address))
    with tasks_v2.CloudTasksClient(transport=transport) as client:
        yield client


def a_queue(client: tasks_v2.CloudTasksClient, **settings: Any) -> str:
    """Create a queue that retries fast, under a name of its own."""
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
    """Return a time as proto-plus gives it, which is a datetime whatever its annotation says."""
    assert isinstance(value, datetime)
    return value


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; how long it takes is nobody's promise."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def settled(emulator: TasksEmulator, queue: str) -> dict[str, int]:
    """Wait until nothing waits or runs; return the queue's counters."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (counts := emulator.stats()[queue])["waiting"] + counts["running"]:
        assert time.monotonic() < end, counts
        time.sleep(0.01)
    return counts
