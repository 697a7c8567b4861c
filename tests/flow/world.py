"""A simulated cloud: stores, queue, events, push service and clock in one process.

Everything a verb asks of the outside passes a ``Hazard``, which can end the process there. Writes
of notifications become events, enqueued tasks become deliveries, a tick comes every minute. With a
``seed``, events and tasks arrive one to three times, late and out of order, always the same way.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any, TypeVar

from shared.domain.audience.device import Device
from shared.domain.content.content import NotificationInput
from shared.domain.delivery.ledger import Batch, BatchId, Record
from shared.domain.delivery.retry import RetryBudget
from shared.domain.errors import InProgress, Refusal, TryAgain
from shared.domain.notifications.history import Entry
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.notifications.review import ReviewPolicy
from shared.flow.delivery.plan import announce, plan, plan_part
from shared.flow.delivery.queues import PLAN_FANOUT, SEND_BATCH
from shared.flow.delivery.send import send_batch
from shared.flow.delivery.sweep import SweepCounts, sweep
from shared.ports import Task
from shared.wiring import retry_policy
from tests.builders import NOON, an_input
from tests.flow.callers import Callers
from tests.flow.hazard import Crash
from tests.flow.parts import Event, SimulatedParts, Stores

T = TypeVar("T")

TICK = timedelta(minutes=1)
AFTER_A_CRASH = timedelta(seconds=10)
PATIENCE = timedelta(hours=24)
"""How long the cloud may need to come to rest; more means that something never will."""

DEEPEST = 3
"""How many handlers overlap at most."""

LATEST = datetime.max.replace(tzinfo=NOON.tzinfo)


@dataclass(order=True, slots=True)
class Delivery:
    """An event or a task on its way."""

    due: datetime
    order: float
    number: int
    work: Event | Task = field(compare=False)


class World(Stores, Callers):
    """The parts of Fanfare in memory, its callers, and the platform that calls its functions."""

    def __init__(
        self,
        devices: Iterable[Device] = (),
        *,
        seed: int | None = None,
        page_size: int = 2_000,
        times: int = 1,
        handler_seconds: int = 480,
        budget: RetryBudget = RetryBudget(),  # noqa: B008 - frozen
    ) -> None:
        """Make pages as small as ``page_size``, and counts of the audience ``times`` as large, so
        that few devices take many pages and parts.
        """
        self.targets = {str(device.hwid): device for device in devices}
        super().__init__(self.targets.values(), budget)
        usual = ReviewPolicy()
        counted = usual.second_approval_above * times
        self.policies.put(replace(usual, second_approval_above=counted))
        self.parts = SimulatedParts(
            self, page_size=page_size, times=times, handler_seconds=handler_seconds
        )
        self._read: dict[tuple[str, NotificationId], Any] = {}
        self._read_at = self.database.changes
        self.deliveries: list[Delivery] = []
        self.tasks_seen: list[Task] = []
        self.lost: Callable[[Event | Task], bool] = lambda _: False
        self._chance = None if seed is None else Random(seed)
        self._numbers = count(1)
        self.stalls = 0
        self.began = self.clock.now()
        self._next_tick = self.began + TICK

    # ---- shortcuts -----------------------------------------------------------------------

    def approved(self, request: NotificationInput | None = None) -> NotificationId:
        """Create and approve a notification; nothing of it is delivered yet."""
        id: NotificationId = self.create(request)["id"]
        self.approve(id)
        return id

    def sent(self, request: NotificationInput | None = None) -> Notification:
        """Send a notification its whole way."""
        id = self.approved(request)
        self.drain()
        return self.get(id)

    def in_status(self, status: Status) -> NotificationId:
        """Make a fresh notification in an early status."""
        if status is Status.SENDING:
            return self.approved()
        id: NotificationId = self.create(an_input(draft=status is Status.DRAFT))["id"]
        assert self.status(id) is status
        return id

    def until_answered(self, ask: Callable[[], T]) -> T:
        """Do what a caller does whose request died: the same again, a little later."""
        while True:
            try:
                return ask()
            except (Crash, TryAgain, InProgress):
                self.clock.advance(31)

    # ---- what can be seen ----------------------------------------------------------------

    def get(self, id: NotificationId) -> Notification:
        return self._once("notification", id, self.notifications.get)

    def status(self, id: NotificationId) -> Status | None:
        return self.get(id).status

    def history(self, id: NotificationId) -> Sequence[Entry]:
        return self._once("history", id, self.notifications.history)

    def batches(self, id: NotificationId) -> list[Batch]:
        return [*self._once("batches", id, lambda it: tuple(self.ledger.batches(it)))]

    def records(self, id: NotificationId) -> dict[str, Record]:
        """Return the ledger's word on each device."""
        return {
            target.hwid: record
            for batch in self.batches(id)
            for target, record in zip(batch.targets, batch.records, strict=True)
        }

    def _once(self, what: str, id: NotificationId, read: Callable[[NotificationId], T]) -> T:
        """Read what is stored, once between any two changes of the database."""
        if self._read_at != self.database.changes:
            self._read_at, self._read = self.database.changes, {}
        known = self._read
        if (what, id) not in known:
            known[what, id] = read(id)
        found: T = known[what, id]
        return found

    # ---- what the platform does ----------------------------------------------------------

    def collect(self) -> None:
        """Send on its way what was written and enqueued since the last look, unless it is lost."""
        enqueued = list(iter(self.tasks.take, None))
        self.tasks_seen.extend(enqueued)
        work: list[Event | Task] = [*self.written, *enqueued]
        self.written.clear()
        for piece in work:
            if not self.lost(piece):
                self.deliver(piece)

    def deliver(self, work: Event | Task, after: timedelta = timedelta(0)) -> None:
        """Put an event or a task on its way; with a seed perhaps late, and more than once."""
        due = self.clock.now() + after
        if isinstance(work, Task) and work.not_before is not None:
            due = max(due, work.not_before)
        for _ in range(1 if self._chance is None else self._chance.choice((1, 1, 2, 3))):
            late = timedelta(0) if self._chance is None else _lateness(self._chance)
            number = next(self._numbers)
            order = number if self._chance is None else self._chance.random()
            heapq.heappush(self.deliveries, Delivery(due + late, order, number, work))

    def step(self) -> bool:
        """Run what is due next, or let time pass until something is; false when all is quiet."""
        self.collect()
        if not self.deliveries and not self.waits_for_a_tick():
            return False
        if self.deliveries and self.deliveries[0].due <= self.clock.now():
            self.run(heapq.heappop(self.deliveries).work)
            return True
        due = self.deliveries[0].due if self.deliveries else LATEST
        self.clock.set(max(self.clock.now(), min(due, self._next_tick)))
        if self._next_tick <= self.clock.now():
            self.tick()
        return True

    def drain(self, patience: timedelta = PATIENCE) -> None:
        """Deliver until all is quiet."""
        deadline = self.clock.now() + patience
        while self.step():
            assert self.clock.now() < deadline, "the cloud does not come to rest"

    def pass_time(self, span: timedelta) -> None:
        """Let everything happen that is due within ``span``."""
        end = self.clock.now() + span
        while self.step() and self.clock.now() < end:
            continue
        self.clock.set(max(self.clock.now(), end))

    def waits_for_a_tick(self) -> bool:
        """Tell whether anything at all asks to be woken up some day."""
        return bool(
            self.runs.overdue(LATEST, 1)
            or self.ledger.overdue_parts(LATEST, 1)
            or self.ledger.overdue_batches(LATEST, 1)
        )

    def overlap(self, chance: Random, rate: float) -> None:
        """Have handlers run in the middle of others, and now and then one outlive its lease.

        At this share of all calls something that is due runs to its end before the call is made.
        """
        depth = 0

        def meanwhile(_: str) -> None:
            nonlocal depth
            if depth == DEEPEST or chance.random() >= rate:
                return
            depth += 1
            if chance.random() < rate:
                self.stalls += 1
                self.clock.advance(self.parts.settings.lease + timedelta(seconds=1))
            self.collect()
            if self.deliveries and self.deliveries[0].due <= self.clock.now():
                self.run(heapq.heappop(self.deliveries).work)
            depth -= 1

        self.hazard.watch(meanwhile)

    def tick(self) -> SweepCounts | None:
        """Run the minute tick; a tick that dies is not repeated, the next one comes anyway."""
        p = self.parts
        while self._next_tick <= self.clock.now():
            self._next_tick += TICK
        try:
            return sweep(needs=p)
        except (Crash, TryAgain):
            return None

    def run(self, work: Event | Task) -> None:
        """Call the function; what does not succeed is delivered again."""
        try:
            self.handle(work)
        except Crash:
            self.deliver(work, after=AFTER_A_CRASH)
        except TryAgain as later:
            self.deliver(work, after=timedelta(seconds=later.retry_after_seconds))
        except Refusal:
            return

    def handle(self, work: Event | Task) -> None:
        """Call the function once, and let what it raises through."""
        if isinstance(work, Event):
            self.announce(work.id)
            return
        id = NotificationId(str(work.payload["notificationId"]))
        if work.function == PLAN_FANOUT:
            part = work.payload.get("part")
            self.plan(id, part=part if isinstance(part, int) else None)
        elif work.function == SEND_BATCH:
            self.send(id, BatchId(str(work.payload["batchId"])))
        else:
            raise AssertionError(f"no function {work.function}")

    def announce(self, id: NotificationId) -> None:
        p = self.parts
        announce(id, needs=p)

    def plan(self, id: NotificationId, *, part: int | None = None) -> None:
        p = self.parts
        if part is None:
            plan(id, inspect=p.checks.inspect, until=p.until, needs=p)
        else:
            plan_part(id, part, until=p.until, needs=p)

    def send(self, id: NotificationId, batch: BatchId) -> None:
        p = self.parts
        send_batch(
            id, batch, until=p.until, policy=retry_policy(p), lease=p.settings.lease, needs=p
        )


def _lateness(chance: Random) -> timedelta:
    return timedelta(seconds=chance.choice((0, 0, 0, 1, 30, 400)))
