"""The parts of a simulated cloud: stores in memory, behind a hazard that may end the process."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
from shared.domain.findings.finding import Finding
from shared.domain.findings.link_ends import Inspection, LinkEnd
from shared.domain.notifications.notification import NotificationId
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
from shared.ports.database import Merge, Write, WriteResult
from shared.settings import Settings, read
from shared.stores.audience import Audience
from shared.stores.device_codec import DEVICES, registration_fields, slot_from
from shared.stores.devices import Devices
from shared.stores.ledger import Ledger
from shared.stores.moderators import Moderators
from shared.stores.notification_codec import NOTIFICATIONS
from shared.stores.notifications import Notifications
from shared.stores.platform import StopSwitch
from shared.stores.providers import Providers
from shared.stores.review_policies import ReviewPolicies
from shared.stores.runs import Runs
from shared.stores.send_schedules import SendSchedules
from shared.stores.slots import Slots
from shared.stores.usage import Usage
from shared.stores.watch import Watch
from tests.builders import NOON, a_domain, a_provider
from tests.flow.hazard import Hazard, guarded, guarded_database, named
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
        self.desktops = Desktops()
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
    """Every port of the verbs, and stores over a database, behind the hazard."""

    def __init__(self, stores: Stores, *, page_size: int, times: int, handler_seconds: int) -> None:
        hazard = stores.hazard
        observed: Any = Observed(stores.database, stores.written, stores.desktops)
        database: MemoryDatabase = guarded_database(observed, hazard)
        audience = Magnified(Audience(database), page_size=page_size, times=times)
        push: Sender = guarded(stores.push, "push", hazard)
        self.database = database
        self.settings: Settings = read(
            {
                "GOOGLE_CLOUD_PROJECT": "demo-fanfare",
                "FANFARE_HANDLER_SECONDS": str(handler_seconds),
            }
        )
        self.clock = stores.clock
        self.notifications = named(Notifications(database), "notifications", hazard)
        self.runs = named(Runs(database), "runs", hazard)
        self.providers = named(Providers(database), "providers", hazard)
        self.devices = named(Devices(database), "devices", hazard)
        self.stop_switch = named(StopSwitch(database), "stop_switch", hazard)
        self.watch = named(Watch(database), "watch", hazard)
        self.audience: Audience = named(audience, "audience", hazard)
        self.ledger = named(Ledger(database), "ledger", hazard)
        self.slots: Slots = named(Contended(database, stores.desktops), "slots", hazard)
        self.senders = MemorySenders({AddressKind.FCM: push})
        self.send_schedules = named(SendSchedules(database), "send_schedules", hazard)
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
        self.review_policies = named(ReviewPolicies(database), "policies", hazard)
        self.moderators = named(Moderators(database), "moderators", hazard)
        self.usage = named(Usage(database), "usage", hazard)
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


@dataclass(slots=True)
class Desktops:
    """What desktops showed, and whether one of them ever went back in time.

    They can be ``contended`` for some calls: then nothing is written, and it is to be tried again.
    """

    seen: set[tuple[str, str]] = field(default_factory=set)
    went_back: list[str] = field(default_factory=list)
    contended: int = 0

    def note(self, hwid: str, before: Slot | None, now: Slot | None) -> None:
        """Look at a desktop after something was written to it."""
        self.seen.add((now.id if now else "", hwid))
        if before and (now is None or not (now == before or before.yields_to(now, _now()))):
            self.went_back.append(hwid)


class Observed:
    """A database whose writes are seen by others, even if who wrote does not live to hear of it:
    one of a notification is an event, as Firestore's are, and one of a slot is shown.
    """

    def __init__(self, database: MemoryDatabase, written: list[Event], desktops: Desktops) -> None:
        self._database = database
        self._written = written
        self._desktops = desktops

    def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        versions = self._database.commit(writes)
        for write in writes:
            collection, _, id = write.name.rpartition("/")
            if collection == NOTIFICATIONS:
                self._written.append(Event(NotificationId(id)))
        return versions

    def write_each(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        slots = [write.name for write in writes if write.name.startswith(f"{DEVICES}/")]
        before = {name: self._shown(name) for name in slots}
        results = self._database.write_each(writes)
        for name, earlier in before.items():
            self._desktops.note(name.rpartition("/")[2], earlier, self._shown(name))
        return results

    def _shown(self, name: str) -> Slot | None:
        device = self._database.get(name)
        return slot_from(device.fields) if device else None

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._database, verb)


class Contended(Slots):
    """Slots that others write to, as long as it was said that they are contended."""

    def __init__(self, database: MemoryDatabase, desktops: Desktops) -> None:
        super().__init__(database)
        self._desktops = desktops

    def show(self, payload: SlotPayload, writes: Sequence[SlotWrite]) -> Sequence[Record]:
        if self._desktops.contended:
            self._desktops.contended -= 1
            return [Record(Outcome.OPEN, "contended")] * len(writes)
        return super().show(payload, writes)


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
