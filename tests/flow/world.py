"""A simulated cloud: stores, queue, events, push service and clock in one process.

Everything a verb asks of the outside passes a ``Hazard``, which can end the process there. Writes
of notifications become events, enqueued tasks become deliveries, a tick comes every minute. With a
``seed``, events and tasks arrive one to three times, late and out of order, always the same way.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any

from shared.adapters.clock import FixedClock
from shared.adapters.documents import to_json
from shared.adapters.memory import MemoryNotifications, MemoryProviders, MemoryStopSwitch
from shared.adapters.memory_devices import MemoryDevices
from shared.adapters.memory_fanout import MemoryAudience, MemoryLedger, MemorySlots, MemoryTasks
from shared.domain.content import NotificationInput
from shared.domain.delivery import Batch, BatchId, Record
from shared.domain.device import AddressKind, Device, derive
from shared.domain.errors import NotFound, Refusal, TryAgain
from shared.domain.history import Actor, Entry, Role
from shared.domain.lifecycle import Status
from shared.domain.notification import Notification, NotificationId
from shared.flow import cancel as taking_back
from shared.flow import create as creating
from shared.flow import moderate
from shared.flow.plan import announce, plan, plan_part
from shared.flow.queues import PLAN_FANOUT, SEND_BATCH
from shared.flow.send import send_batch
from shared.flow.sweep import Swept, sweep
from shared.ports import Accounts, Audience, Identities, Sender, Task
from shared.settings import Settings
from shared.settings import read as read_settings
from shared.wiring import deliver_now, replaced, retry_policy
from tests.builders import MODERATOR, NOON, a_domain, a_provider, an_input
from tests.flow.hazard import Crash, Hazard, guarded
from tests.flow.push import PushService

TICK = timedelta(minutes=1)
AFTER_A_CRASH = timedelta(seconds=10)
PATIENCE = timedelta(hours=24)
"""How long the cloud may need to come to rest; more means that something never will."""

LATEST = datetime.max.replace(tzinfo=NOON.tzinfo)


@dataclass(frozen=True, slots=True)
class Event:
    """A notification was written."""

    id: NotificationId


@dataclass(order=True, slots=True)
class Delivery:
    """An event or a task on its way."""

    due: datetime
    order: float
    number: int
    work: Event | Task = field(compare=False)


class Announcing:
    """A store whose every write is an event, as Firestore's are."""

    def __init__(self, notifications: MemoryNotifications, written: "list[Event]") -> None:
        self._notifications = notifications
        self._written = written
        self._versions: dict[str, str] = {}

    def create(self, *given: Any) -> None:
        self._notifications.create(*given)
        self._note(self._notifications.get(given[0].notification.id))

    def change(self, *given: Any) -> Notification:
        changed = self._notifications.change(*given)
        self._note(changed)
        return changed

    def delete(self, id: NotificationId, *given: Any) -> None:
        self._notifications.delete(id, *given)
        self._written.append(Event(id))

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._notifications, verb)

    def _note(self, it: Notification) -> None:
        if self._versions.get(it.id) != it.version:
            self._versions[it.id] = it.version
            self._written.append(Event(it.id))


class World:
    """The parts of Fanfare in memory, its callers, and the platform that calls its functions."""

    def __init__(
        self,
        devices: Iterable[Device] = (),
        *,
        seed: int | None = None,
        audience: Audience | None = None,
        handler_seconds: int = 480,
    ) -> None:
        self.hazard = Hazard()
        self.clock = FixedClock(NOON)
        self.push = PushService()
        self.notifications = MemoryNotifications()
        self.providers = MemoryProviders(
            a_provider(), a_domain(), a_provider("p2"), a_domain("other.com", of="p2")
        )
        self.devices = MemoryDevices()
        self.ledger = MemoryLedger()
        self.stop_switch = MemoryStopSwitch()
        self.tasks = MemoryTasks()
        self.targets = {device.hwid: device for device in devices}
        for device in self.targets.values():
            self.add(device)
        self.written: list[Event] = []
        self.parts = SimulatedParts(self, audience or MemoryAudience(self.devices), handler_seconds)
        self.deliveries: list[Delivery] = []
        self._chance = None if seed is None else Random(seed)
        self._numbers = count(1)
        self._next_tick = NOON + TICK

    # ---- what callers do -----------------------------------------------------------------

    def create(
        self,
        given: NotificationInput | None = None,
        *,
        by: str = "p1",
        once: creating.Once | None = None,
    ) -> Mapping[str, Any]:
        p = self.parts
        with replaced(p):
            return creating.create(
                given or an_input(),
                provider_id=by,
                once=once,
                notifications=p.notifications,
                providers=p.providers,
                clock=p.clock,
                render=to_json,
                deliver_now=deliver_now,
            )

    def submit(self, id: NotificationId, *, by: str = "p1") -> Notification:
        p = self.parts
        with replaced(p):
            return creating.submit(
                id,
                provider_id=by,
                notifications=p.notifications,
                providers=p.providers,
                clock=p.clock,
                deliver_now=deliver_now,
            )

    def edit(
        self, id: NotificationId, given: NotificationInput | None = None, *, by: str = "p1"
    ) -> Notification:
        p = self.parts
        return creating.edit(
            id,
            given or NotificationInput(title="Edited"),
            provider_id=by,
            notifications=p.notifications,
            providers=p.providers,
            clock=p.clock,
        )

    def duplicate(self, id: NotificationId, *, by: str = "p1") -> Notification:
        p = self.parts
        return creating.duplicate(
            id,
            provider_id=by,
            notifications=p.notifications,
            providers=p.providers,
            clock=p.clock,
        )

    def delete(self, id: NotificationId, *, by: str = "p1") -> None:
        creating.delete_draft(id, provider_id=by, notifications=self.parts.notifications)

    def queue(self) -> list[Notification]:
        return list(moderate.queue(notifications=self.parts.notifications))

    def approve(self, id: NotificationId, *, revision: int | None = None) -> Notification:
        p = self.parts
        return moderate.approve(
            id, by=MODERATOR, revision=revision, notifications=p.notifications, clock=p.clock
        )

    def reject(self, id: NotificationId, comment: str = "no") -> Notification:
        p = self.parts
        return moderate.reject(
            id, comment, by=MODERATOR, notifications=p.notifications, clock=p.clock
        )

    def cancel(self, id: NotificationId, *, by: str = "p1") -> Notification:
        p = self.parts
        return taking_back.cancel(
            id, provider_id=by, notifications=p.notifications, clock=p.clock
        )

    def stop(self, id: NotificationId, *, by: str = "p1") -> Notification:
        return self.stop_as(Actor(Role.PROVIDER, by), id)

    def stop_as(self, by: Actor, id: NotificationId, reason: str = "") -> Notification:
        p = self.parts
        return taking_back.stop(
            id,
            by=by,
            reason=reason,
            notifications=p.notifications,
            ledger=p.ledger,
            clock=p.clock,
        )

    def approved(self, given: NotificationInput | None = None) -> NotificationId:
        """One that was created and approved just now; nothing of it is delivered yet."""
        id: NotificationId = self.create(given)["id"]
        self.approve(id)
        return id

    def sent(self, given: NotificationInput | None = None) -> Notification:
        """One that went its whole way."""
        id = self.approved(given)
        self.drain()
        return self.get(id)

    def in_status(self, status: Status) -> NotificationId:
        """A fresh one in an early status."""
        if status is Status.SENDING:
            return self.approved()
        id: NotificationId = self.create(an_input(draft=status is Status.DRAFT))["id"]
        assert self.status(id) is status
        return id

    # ---- what can be seen ----------------------------------------------------------------

    def get(self, id: NotificationId) -> Notification:
        return self.notifications.get(id)

    def status(self, id: NotificationId) -> Status | None:
        return self.get(id).status

    def history(self, id: NotificationId) -> Sequence[Entry]:
        return self.notifications.history(id)

    def batches(self, id: NotificationId) -> list[Batch]:
        return list(self.ledger.batches(id))

    def records(self, id: NotificationId) -> dict[str, Record]:
        """The ledger's word on each device."""
        return {
            target.hwid: record
            for batch in self.batches(id)
            for target, record in zip(batch.targets, batch.records, strict=True)
        }

    # ---- what the platform does ----------------------------------------------------------

    def add(self, device: Device) -> None:
        """A device registers, or refreshes what is known of it."""
        derived = derive(device.hwid, device.locale, device.domains)
        self.devices.register(device, derived, None)

    def collect(self) -> None:
        """What was written and enqueued since the last look is on its way."""
        for event in self._taken(self.written):
            self.deliver(event)
        for task in self._enqueued():
            self.deliver(task)

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
        """Until all is quiet."""
        deadline = self.clock.now() + patience
        while self.step():
            assert self.clock.now() < deadline, "the cloud does not come to rest"

    def pass_time(self, span: timedelta) -> None:
        """Everything that is due within ``span`` happens."""
        end = self.clock.now() + span
        while self.step() and self.clock.now() < end:
            continue
        self.clock.set(max(self.clock.now(), end))

    def waits_for_a_tick(self) -> bool:
        """Whether anything at all asks to be woken up some day."""
        return bool(
            self.notifications.overdue(LATEST, 1)
            or self.ledger.overdue_parts(LATEST, 1)
            or self.ledger.overdue_batches(LATEST, 1)
        )

    def tick(self) -> Swept | None:
        """The minute tick; one that dies is not repeated, the next one comes anyway."""
        p = self.parts
        while self._next_tick <= self.clock.now():
            self._next_tick += TICK
        try:
            return sweep(
                notifications=p.notifications, ledger=p.ledger, tasks=p.tasks, clock=p.clock
            )
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
        p = self.parts
        if isinstance(work, Event):
            try:
                announce(work.id, notifications=p.notifications, tasks=p.tasks, clock=p.clock)
            except NotFound:
                return
            return
        id = NotificationId(str(work.payload["notificationId"]))
        if work.function == PLAN_FANOUT:
            self.plan(id, part=work.payload.get("part"))
        elif work.function == SEND_BATCH:
            self.send(id, BatchId(str(work.payload["batchId"])))
        else:
            raise AssertionError(f"no function {work.function}")

    def plan(self, id: NotificationId, *, part: object = None) -> None:
        p = self.parts
        common = {
            "notifications": p.notifications,
            "audience": p.audience,
            "ledger": p.ledger,
            "tasks": p.tasks,
            "clock": p.clock,
            "until": p.until,
        }
        run = partial(plan, id, providers=p.providers) if part is None else partial(plan_part, id, part)
        run(**common)

    def send(self, id: NotificationId, batch: BatchId) -> None:
        p = self.parts
        send_batch(
            id,
            batch,
            notifications=p.notifications,
            ledger=p.ledger,
            senders=p.senders,
            slots=p.slots,
            devices=p.devices,
            stop_switch=p.stop_switch,
            tasks=p.tasks,
            clock=p.clock,
            until=p.until,
            policy=retry_policy(p),
            lease=p.settings.lease,
        )

    def _enqueued(self) -> list[Task]:
        raise NotImplementedError

    @staticmethod
    def _taken(list_: list[Event]) -> list[Event]:
        taken = list(list_)
        list_.clear()
        return taken


def _lateness(chance: Random) -> timedelta:
    return timedelta(seconds=chance.choice((0, 0, 0, 1, 30, 400)))


class SimulatedParts:
    """Every port of the verbs: the world's stores and services, behind its hazard."""

    def __init__(self, world: World, audience: Audience, handler_seconds: int) -> None:
        hazard = world.hazard
        announcing: Any = Announcing(world.notifications, world.written)
        push: Sender = guarded(world.push, "push", hazard)
        self.settings: Settings = read_settings(
            {
                "GOOGLE_CLOUD_PROJECT": "demo-fanfare",
                "FANFARE_HANDLER_SECONDS": str(handler_seconds),
            }
        )
        self.clock = world.clock
        self.notifications = guarded(announcing, "notifications", hazard)
        self.providers = guarded(world.providers, "providers", hazard)
        self.devices = guarded(world.devices, "devices", hazard)
        self.stop_switch = guarded(world.stop_switch, "stop_switch", hazard)
        self.audience = guarded(audience, "audience", hazard)
        self.ledger = guarded(world.ledger, "ledger", hazard)
        self.slots = guarded(MemorySlots(world.devices), "slots", hazard)
        self.senders: Mapping[AddressKind, Sender] = {AddressKind.FCM: push}
        self.tasks = guarded(world.tasks, "tasks", hazard)
        self.accounts: Accounts = FakeAccounts()

    @property
    def identities(self) -> Identities:
        raise NotImplementedError("nobody has to prove here who they are")

    @property
    def until(self) -> datetime:
        """When a handler that starts now should hand over."""
        return self.clock.now() + timedelta(seconds=self.settings.handler_seconds)


class FakeAccounts:
    """Firebase accounts, as far as verbs see them."""

    def __init__(self) -> None:
        self.moderators: set[str] = set()

    def custom_token(self, uid: str, claims: Mapping[str, object]) -> str:
        return f"custom-token-of-{uid}"

    def set_moderator(self, uid: str, moderator: bool) -> None:
        (self.moderators.add if moderator else self.moderators.discard)(uid)


class Magnified:
    """An audience that is read in small pages and said to be large: many parts, few devices."""

    def __init__(self, audience: Audience, *, page_size: int, times: int = 1) -> None:
        self._audience = audience
        self._page_size = page_size
        self._times = times

    def count(self, query: AudienceQuery) -> Counted:
        counted = self._audience.count(query)
        return Counted(counted.devices * self._times, counted.read_at)

    def page(
        self, query: AudienceQuery, partitions: PartitionRange, after: str, limit: int, read_at: str
    ) -> AudiencePage:
        size = min(limit, self._page_size)
        return self._audience.page(query, partitions, after, size, read_at)
