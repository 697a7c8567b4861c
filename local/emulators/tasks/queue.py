"""One queue: its next task, the retries, and the names that are used up.

A task's place in the heap may go stale (it was deleted, run by hand, or has come round again), so
an entry counts only while its turn is the task's latest. A finished task leaves its name.
"""

import asyncio
import contextlib
import heapq
import itertools
import logging
import time
from collections.abc import Coroutine, Iterator
from dataclasses import asdict, dataclass, field

import aiohttp

from local.emulators.tasks.delivery import ANSWER_LOST, Answer, HttpCall, deliver
from local.emulators.tasks.rules import Chance, QueueSettings, TokenBucket

TOMBSTONE_SECONDS = 3600.0

log = logging.getLogger("local.emulators.tasks")


class NameTaken(Exception):
    """Error for the name of a task that exists, or did less than an hour ago."""


@dataclass(slots=True)
class Attempt:
    """Delivery: when it was due, when it was sent, and what was answered when."""

    scheduled: float
    dispatched: float
    answered: float | None = None
    answer: Answer | None = None


@dataclass(slots=True)
class QueuedTask:
    """Task from its creation to its success, deletion or giving up."""

    id: str
    call: HttpCall
    created: float
    due: float
    dispatches: int = 0
    responses: int = 0
    executions: int = 0
    first_attempt: Attempt | None = None
    last_attempt: Attempt | None = None
    last_answer: Answer | None = None
    turn: int | None = None
    """The task's place in the heap; None while it is not waiting."""


@dataclass(slots=True)
class Counts:
    """Counts of what a queue did since it was made."""

    done: int = 0
    attempts: int = 0
    gave_up: int = 0
    duplicates: int = 0
    lost_answers: int = 0


@dataclass(slots=True)
class Queue:
    """One queue, which dispatches its tasks from a loop task of its own, started by ``open``."""

    name: str
    settings: QueueSettings
    client: aiohttp.ClientSession
    chance: Chance
    paused: bool = False
    purged: float | None = None
    tasks: dict[str, QueuedTask] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    running: int = 0
    _heap: list[tuple[float, int, str]] = field(default_factory=list)
    _turns: Iterator[int] = field(default_factory=itertools.count)
    _tombstones: dict[str, float] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _working: set[asyncio.Task[None]] = field(default_factory=set)
    _bucket: TokenBucket = field(init=False)

    def __post_init__(self) -> None:
        self.configure(self.settings)

    def open(self) -> None:
        """Begin to dispatch."""
        self._spawn(self._dispatch())

    async def close(self) -> None:
        """Stop dispatching and drop what is under way."""
        for working in self._working:
            working.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    def configure(self, settings: QueueSettings) -> None:
        """Take new settings; the token bucket starts full."""
        self.settings = settings
        self._bucket = TokenBucket(settings.rate_per_second, settings.burst, time.time())
        self._changed.set()

    def pause(self, *, paused: bool) -> None:
        """Hold dispatches back, or let them go on."""
        self.paused = paused
        self._changed.set()

    def add(self, task: QueuedTask) -> None:
        """Queue a task, unless its name is or was recently in use."""
        self._bury_no_longer(time.time())
        if task.id in self.tasks or task.id in self._tombstones:
            raise NameTaken(task.id)
        self.tasks[task.id] = task
        self._schedule(task)

    def remove(self, id: str) -> None:
        """Delete a task. A delivery under way is not stopped, but its answer is ignored."""
        del self.tasks[id]
        self._tombstones[id] = time.time() + TOMBSTONE_SECONDS

    def purge(self) -> None:
        """Delete every task."""
        self.purged = time.time()
        for key in list(self.tasks):
            self.remove(key)
        self._heap.clear()

    def run_now(self, task: QueuedTask) -> None:
        """Send a task at once, whatever the limits, even while paused or already under way."""
        task.due = time.time()
        self._send(task)

    def stats(self) -> dict[str, int]:
        """Return how many tasks wait and run, and the counts so far."""
        waiting = sum(task.turn is not None for task in self.tasks.values())
        return {"waiting": waiting, "running": self.running, **asdict(self.counts)}

    async def _dispatch(self) -> None:
        while True:
            self._changed.clear()
            pause = self._send_what_may_go()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    def _send_what_may_go(self) -> float | None:
        """Send tasks; return the seconds until more may go, or None when something has to change
        first.
        """
        while (task := self._next()) and not self.paused:
            now = time.time()
            if self.running >= self.settings.max_concurrent:
                return None
            if (pause := self._heap[0][0] - now) > 0:
                return pause
            if (pause := self._bucket.seconds_until_next(now)) > 0:
                return pause
            self._bucket.take()
            heapq.heappop(self._heap)
            self._send(task)
        return None

    def _next(self) -> QueuedTask | None:
        while self._heap:
            _, turn, key = self._heap[0]
            task = self.tasks.get(key)
            if task and task.turn == turn:
                return task
            heapq.heappop(self._heap)
        return None

    def _schedule(self, task: QueuedTask) -> None:
        task.turn = next(self._turns)
        heapq.heappush(self._heap, (task.due + self.chance.hold_seconds(), task.turn, task.id))
        self._changed.set()

    def _send(self, task: QueuedTask) -> None:
        task.turn = None
        told = self._queue_headers(task)
        attempt = Attempt(task.due, time.time())
        task.first_attempt = task.first_attempt or attempt
        task.last_attempt = attempt
        task.dispatches += 1
        self.running += 1
        self.counts.attempts += 1
        for _ in range(self.chance.copies()):
            self.counts.duplicates += 1
            self._spawn(self._send_copy(task.call, told))
        self._spawn(self._attempt(task, attempt, told))

    async def _send_copy(self, call: HttpCall, headers: dict[str, str]) -> None:
        await self._deliver(call, headers)

    async def _attempt(self, task: QueuedTask, attempt: Attempt, headers: dict[str, str]) -> None:
        try:
            answer = await self._deliver(task.call, headers)
        finally:
            self.running -= 1
            self._changed.set()
        if answer.succeeded and self.chance.loses_answer():
            self.counts.lost_answers += 1
            answer = ANSWER_LOST
        attempt.answered, attempt.answer = time.time(), answer
        if self.tasks.get(task.id) is task:
            self._settle(task, answer)

    async def _deliver(self, call: HttpCall, headers: dict[str, str]) -> Answer:
        if self.chance.faults.delay_seconds:
            await asyncio.sleep(self.chance.faults.delay_seconds)
        return await deliver(self.client, call, headers)

    def _settle(self, task: QueuedTask, answer: Answer) -> None:
        task.last_answer = answer
        task.responses += answer.status is not None
        task.executions += answer.executed
        age = time.time() - (task.first_attempt.dispatched if task.first_attempt else 0.0)
        if answer.succeeded:
            self.counts.done += 1
            self.remove(task.id)
        elif self.settings.exhausted(task.dispatches, age):
            self.counts.gave_up += 1
            self.remove(task.id)
            log.warning("gave up %s: %s from %s", task.id, answer.reason, task.call.url)
        else:
            backoff = self.settings.backoff_seconds(task.dispatches)
            task.due = time.time() + max(backoff, answer.retry_after_seconds)
            log.info("%s from %s: %s comes again", answer.reason, task.call.url, task.id)
            self._schedule(task)

    def _queue_headers(self, task: QueuedTask) -> dict[str, str]:
        """Build the headers by which a handler knows the task and its past."""
        headers = {
            "X-CloudTasks-QueueName": self.name.rpartition("/")[2],
            "X-CloudTasks-TaskName": task.id,
            "X-CloudTasks-TaskRetryCount": str(task.dispatches),
            "X-CloudTasks-TaskExecutionCount": str(task.executions),
            "X-CloudTasks-TaskETA": f"{task.due:.6f}",
        }
        if task.last_answer:
            headers["X-CloudTasks-TaskRetryReason"] = task.last_answer.reason
            if task.last_answer.status is not None:
                headers["X-CloudTasks-TaskPreviousResponse"] = str(task.last_answer.status)
        return headers

    def _bury_no_longer(self, now: float) -> None:
        # Every name is kept for the same time, so the oldest stand first.
        while self._tombstones and next(iter(self._tombstones.values())) <= now:
            del self._tombstones[next(iter(self._tombstones))]

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        working = asyncio.get_running_loop().create_task(work)
        self._working.add(working)
        working.add_done_callback(self._working.discard)
