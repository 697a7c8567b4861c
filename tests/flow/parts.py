"""The parts of a simulated cloud: stores in memory, behind a hazard that may end the process."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from shared.adapters.clock import FixedClock
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.memory.senders import MemorySenders
from shared.adapters.memory.standings import MemoryStandings
from shared.adapters.memory.tasks import MemoryTasks
from shared.adapters.memory.web import MemoryThreats, MemoryWeb
from shared.adapters.push.retries import ProcessRetries
from shared.adapters.push.run_memory import ProcessRunMemory
from shared.adapters.rates import ProcessRates
from shared.domain.audience.device import AddressKind, Device, Slot, derive
from shared.domain.audience.targeting import AudienceQuery, DeviceCount, PartitionRange
from shared.domain.content.content import Content
from shared.domain.delivery.ledger import AudiencePage, Outcome, Record
from shared.domain.delivery.retry import RetryBudget
from shared.domain.delivery.run import Run, RunId
from shared.domain.findings.finding import Finding
from shared.domain.findings.link_ends import Inspection, LinkEnd
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.providers.provider import Domain
from shared.domain.push.desktop import SlotPayload, SlotWrite
from shared.flow.notifications.submission import Checks
from shared.ports import (
    AppCheck,
    Archive,
    Chat,
    Identities,
    Sender,
    Signer,
)
from shared.ports.database import Merge
from shared.settings import Settings, read
from shared.stores.audience import Audience
from shared.stores.device_codec import DEVICES, registration_fields, slot_from
from shared.stores.devices import Devices
from shared.stores.ledger import Ledger
from shared.stores.moderators import Moderators
from shared.stores.notifications import Notifications
from shared.stores.platform import StopSwitch
from shared.stores.review_policies import ReviewPolicies
from shared.stores.runs import Runs
from shared.stores.send_schedules import SendSchedules
from shared.stores.slots import Slots
from shared.stores.usage import Usage
from shared.stores.watch import Watch
from tests.builders import NOON, a_domain, a_provider
from tests.flow.hazard import Hazard, guarded
from tests.flow.push import PushService
from tests.parts import PEOPLE, DatabaseParts, providers_of


@dataclass(frozen=True, slots=True)
class Event:
    """A notification was written."""

    id: NotificationId


class Stores:
    """What is there, as a test looks at it: nothing in between, no hazard."""

    def __init__(self, devices: Iterable[Device], budget: RetryBudget) -> None:
        self.hazard = Hazard()
        self.database = _database_with(tuple(devices)).copy()
        self.clock = FixedClock(NOON)
        self.push = PushService()
        self.notifications = Notifications(self.database)
        self.runs = Runs(self.database)
        self.providers = providers_of(
            self.database,
            a_provider(),
            a_domain(),
            a_provider("p2"),
            a_domain("other.com", of="p2"),
        )
        self.devices = Devices(self.database)
        self.audience = Audience(self.database)
        self.ledger = Ledger(self.database)
        self.desktops = Watched(self.database)
        self.stop_switch = StopSwitch(self.database)
        self.watch = Watch(self.database)
        self.send_schedules = SendSchedules(self.database)
        self.tasks = MemoryTasks()
        self.budget = budget
        self.policies = ReviewPolicies(self.database)
        self.moderators = Moderators(self.database)
        self.standings = MemoryStandings(*PEOPLE)
        self.usage = Usage(self.database)
        self.inspector = Inspector()
        self.written: list[Event] = []

    def add(self, device: Device) -> None:
        """A device registers, or refreshes what is known of it."""
        self.database.commit([_registered(device)])


@lru_cache(maxsize=16)
def _database_with(devices: tuple[Device, ...]) -> MemoryDatabase:
    """Fill a database with devices, once for all worlds: each begins with a copy of it."""
    database = MemoryDatabase()
    database.commit([_registered(device) for device in devices])
    return database


@cache
def _registered(device: Device) -> Merge:
    """Form the write of a registration, once for all worlds that hold the same device."""
    derived = derive(device.hwid, device.locale, device.domains)
    return Merge(f"{DEVICES}/{device.hwid}", registration_fields(device, derived))


class SimulatedParts(DatabaseParts):
    """Every port of the verbs: the stores and services, behind the hazard."""

    def __init__(self, stores: Stores, *, page_size: int, times: int, handler_seconds: int) -> None:
        hazard, self.database = stores.hazard, stores.database
        announcing: Any = Announcing(stores.notifications, stores.written)
        followed: Any = AnnouncingRuns(stores.runs, announcing)
        audience = Magnified(stores.audience, page_size=page_size, times=times)
        push: Sender = guarded(stores.push, "push", hazard)
        self.settings: Settings = read(
            {
                "GOOGLE_CLOUD_PROJECT": "demo-fanfare",
                "FANFARE_HANDLER_SECONDS": str(handler_seconds),
            }
        )
        self.clock = stores.clock
        self.notifications: Notifications = guarded(announcing, "notifications", hazard)
        self.runs: Runs = guarded(followed, "runs", hazard)
        self.providers = guarded(stores.providers, "providers", hazard)
        self.devices = guarded(stores.devices, "devices", hazard)
        self.stop_switch = guarded(stores.stop_switch, "stop_switch", hazard)
        self.watch = guarded(stores.watch, "watch", hazard)
        self.audience: Audience = guarded(audience, "audience", hazard)
        self.ledger = guarded(stores.ledger, "ledger", hazard)
        self.slots = guarded(stores.desktops, "slots", hazard)
        self.senders = MemorySenders({AddressKind.FCM: push})
        self.send_schedules = guarded(stores.send_schedules, "send_schedules", hazard)
        self.retries = ProcessRetries(stores.budget)
        self.memory = ProcessRunMemory()
        self.tasks = guarded(stores.tasks, "tasks", hazard)
        self.accounts = FakeAccounts()
        self.standings = guarded(stores.standings, "standings", hazard)
        self.rates = ProcessRates(stores.clock)
        self.archive: Archive | None = None
        self.signer: Signer | None = None
        self.web = MemoryWeb()
        self.threats = MemoryThreats()
        self.review_policies = guarded(stores.policies, "policies", hazard)
        self.usage = guarded(stores.usage, "usage", hazard)
        self.chat: Chat | None = None
        self.checks = Checks(stores.inspector, self.audience, self.usage, self.rates)

    @property
    def identities(self) -> Identities:
        raise NotImplementedError("nobody has to prove here who they are")

    @property
    def app_check(self) -> AppCheck:
        raise NotImplementedError("no app has to prove here which it is")

    @property
    def until(self) -> datetime:
        """When a handler that starts now should hand over."""
        return self.clock.now() + timedelta(seconds=self.settings.handler_seconds)


class Inspector:
    """Looks at content and finds what it is told to find; ``meanwhile`` happens during the look."""

    def __init__(self) -> None:
        self.findings: tuple[Finding, ...] = ()
        self.ends: tuple[LinkEnd, ...] = ()
        self.looks = 0
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, content: Content, domains: Sequence[Domain]) -> Inspection:
        self.looks += 1
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return Inspection(self.findings, self.ends)


class Announcing:
    """A store whose every write is an event, as Firestore's are."""

    def __init__(self, notifications: Notifications, written: list[Event]) -> None:
        self._notifications = notifications
        self._written = written
        self._versions: dict[str, str] = {}

    def create(self, *given: Any) -> None:
        self._notifications.create(*given)
        self.note(self._notifications.get(given[0].notification.id))

    def change(self, *given: Any) -> Notification:
        changed = self._notifications.change(*given)
        self.note(changed)
        return changed

    def delete(self, id: NotificationId, *given: Any) -> None:
        self._notifications.delete(id, *given)
        self._written.append(Event(id))

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._notifications, verb)

    def note(self, it: Notification) -> None:
        if self._versions.get(it.id) != it.version:
            self._versions[it.id] = it.version
            self._written.append(Event(it.id))


class AnnouncingRuns:
    """Runs whose every write is an event of their notification."""

    def __init__(self, runs: Runs, notifications: Announcing) -> None:
        self._runs = runs
        self._notifications = notifications

    def change(self, id: RunId, *given: Any) -> Run:
        changed = self._runs.change(id, *given)
        self._notifications.note(self._runs.with_notification(id)[0])
        return changed

    def review(self, id: RunId, *given: Any) -> tuple[Notification, Run]:
        changed = self._runs.review(id, *given)
        self._notifications.note(changed[0])
        return changed

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._runs, verb)


class Watched(Slots):
    """Desktops, with somebody looking at what they show and whether it ever goes back in time.

    They can be ``contended`` for some calls: then nothing is written, and it is to be tried again.
    """

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database)
        self.seen: set[tuple[str, str]] = set()
        self.went_back: list[str] = []
        self.contended = 0

    def show(self, payload: SlotPayload, writes: Sequence[SlotWrite]) -> Sequence[Record]:
        if self.contended:
            self.contended -= 1
            return [Record(Outcome.OPEN, "contended")] * len(writes)
        before = {write.hwid: self._shown(write.hwid) for write in writes}
        records = super().show(payload, writes)
        for hwid, earlier in before.items():
            now = self._shown(hwid)
            self.seen.add((now.id if now else "", hwid))
            if earlier and (now is None or not (now == earlier or earlier.yields_to(now, _now()))):
                self.went_back.append(hwid)
        return records

    def _shown(self, hwid: str) -> Slot | None:
        device = self._database.get(f"{DEVICES}/{hwid}")
        return slot_from(device.fields) if device else None


def _now() -> datetime:
    """As the slots in memory tell it, which stand for the store's own time."""
    return datetime.now(UTC)


class Magnified(Audience):
    """An audience that is read in small pages and said to be larger: many parts, few devices."""

    def __init__(self, audience: Audience, *, page_size: int, times: int) -> None:
        self._audience = audience
        self._page_size = page_size
        self._times = times

    def count(self, query: AudienceQuery) -> DeviceCount:
        counted = self._audience.count(query)
        return DeviceCount(counted.devices * self._times, counted.read_at)

    def page(
        self, query: AudienceQuery, partitions: PartitionRange, after: str, limit: int, read_at: str
    ) -> AudiencePage:
        size = min(limit, self._page_size)
        return self._audience.page(query, partitions, after, size, read_at)


class FakeAccounts:
    """Firebase accounts, as far as verbs see them."""

    def __init__(self) -> None:
        self.moderators: set[str] = set()
        self.claims: dict[str, dict[str, Any]] = {}

    def custom_token(self, uid: str, claims: Mapping[str, object]) -> str:
        self.claims[uid] = dict(claims)
        return f"custom-token-of-{uid}"

    def set_moderator(self, uid: str, moderator: bool) -> None:
        (self.moderators.add if moderator else self.moderators.discard)(uid)
