"""Notifications that ended, with their ledger, and everything around their export."""

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.clock import FixedClock
from shared.adapters.memory.archive import MemoryArchive
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.memory.tasks import MemoryTasks
from shared.domain.archive.objects import Export
from shared.domain.delivery.ledger import (
    Batch,
    BatchId,
    BatchState,
    Outcome,
    Record,
    Target,
    batch_id,
)
from shared.domain.delivery.run import verdict
from shared.domain.notifications.notification import Notification, NotificationId
from shared.flow.archive.daily_manifest import ManifestWriter
from shared.flow.archive.export import Exporter
from shared.flow.archive.verify import Report, Verifier
from shared.ports import Signer
from shared.stores.exports import Exports
from shared.stores.ledger import Ledger
from shared.stores.notifications import Notifications
from shared.stores.runs import Runs
from tests.builders import MODERATOR, NOON, PROVIDER, a_notification
from tests.flow.hazard import Hazard, guarded, guarded_database, named
from tests.parts import put_batches

N1, N2 = NotificationId("n1"), NotificationId("n2")
OUTCOMES = (
    Record(Outcome.DELIVERED, receipt="projects/p/messages/1", at=NOON),
    Record(Outcome.DELIVERED, receipt="shown", at=NOON + timedelta(seconds=1)),
    Record(Outcome.FAILED, "unregistered", at=NOON, dropped=True),
    Record(Outcome.SKIPPED, "consentWithdrawn", at=NOON),
    Record(Outcome.UNKNOWN, "noAnswer", at=NOON, ambiguous=True),
)
LONG = timedelta(hours=1)


def closed_batches(
    id: NotificationId, devices: int, *, size: int = 500, records: Iterable[Record] = OUTCOMES
) -> Iterator[Batch]:
    """Build batches as the ledger keeps them for ever; every outcome in turn."""
    cycle = tuple(records)
    for number, start in enumerate(range(0, devices, size)):
        some = range(start, min(start + size, devices))
        yield Batch(
            id=batch_id(0, 0, number),
            run_id=id,
            stream=0,
            partition=0,
            first_key=f"0000|{start:09d}",
            targets=tuple(Target(f"hwid-{n:09d}", "android", "en_US") for n in some),
            records=tuple(cycle[n % len(cycle)] for n in some),
            state=BatchState.CLOSED,
            created_at=NOON,
        )


@dataclass
class World:
    """The parts of an export behind a hazard; everything in memory unless given."""

    archive: Any = field(default_factory=MemoryArchive)
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    exports: Any = None
    notifications: Any = None
    ledger: Any = None
    tasks: MemoryTasks = field(default_factory=MemoryTasks)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))
    hazard: Hazard = field(default_factory=Hazard)
    signer: Signer | None = None

    def __post_init__(self) -> None:
        self.exports = self.exports or Exports(self.database)
        self.ledger = self.ledger or Ledger(self.database)
        self.notifications = self.notifications or Notifications(self.database)

    def ended(
        self, id: NotificationId = N1, devices: int = 7, *, size: int = 500, provider: str = "p1"
    ) -> Notification:
        """Add a notification that was sent to these devices, and ended."""
        fresh = replace(a_notification(id, None), provider_id=provider)
        submitted = fresh.submit(PROVIDER, NOON, admin_hwid=False)
        self.notifications.create(submitted)
        put_batches(self.database, *closed_batches(id, devices, size=size))
        sums = self.ledger.tally(id)
        self.notifications.change(id, lambda it: it.approve(MODERATOR, self.clock.now()))
        self.clock.advance(60)
        now, reason = self.clock.now(), verdict(sums)
        Runs(self.database).change(
            id,
            lambda run: (
                run.complete(PROVIDER, now, sums)
                if reason is None
                else run.fail(PROVIDER, now, reason, sums)
            ),
        )
        ended: Notification = self.notifications.get(id)
        return ended

    @property
    def exporter(self) -> Exporter:
        return Exporter(
            notifications=self.watched(self.notifications, "notifications"),
            runs=named(Runs(guarded_database(self.database, self.hazard)), "runs", self.hazard),
            ledger=self.watched(self.ledger, "ledger"),
            exports=self.watched(self.exports, "exports"),
            archive=guarded(self.archive, "archive", self.hazard),
            tasks=guarded(self.tasks, "tasks", self.hazard),
            clock=self.clock,
        )

    @property
    def manifest_writer(self) -> ManifestWriter:
        return ManifestWriter(
            exports=self.watched(self.exports, "exports"),
            archive=guarded(self.archive, "archive", self.hazard),
            clock=self.clock,
            signer=self.signer,
        )

    def watched(self, store: Any, name: str) -> Any:
        """Copy a store; each request of the copy to the database passes the hazard."""
        behind = copy(store)
        behind._database = guarded_database(store._database, self.hazard)
        return named(behind, name, self.hazard)

    def export(self, id: NotificationId = N1, until: datetime | None = None) -> Export | None:
        return self.exporter.export(id, until or self.clock.now() + LONG)

    def next_day(self) -> None:
        """Set the clock to half past midnight."""
        now = self.clock.now() + timedelta(days=1)
        self.clock.set(now.replace(hour=0, minute=30, second=0))

    def close_day(self) -> Any:
        """Write yesterday's manifest."""
        return self.manifest_writer.close_day(self.clock.now().date() - timedelta(days=1))

    def archived(self, *ids: NotificationId, devices: int = 7) -> "World":
        """Add notifications that ended, were exported, and are in yesterday's manifest."""
        for id in ids or (N1,):
            self.ended(id, devices)
            self.export(id)
        self.next_day()
        self.close_day()
        return self

    def verify(self, *, deep: bool = False) -> Report:
        verifier = Verifier(
            self.archive, self.exports, self.notifications, self.ledger, self.signer
        )
        return verifier.verify(deep=deep)

    def codes(self, *, deep: bool = False) -> set[str]:
        """List the codes of what a verification finds wrong."""
        return {it.code for it in self.verify(deep=deep).wrong}


__all__ = ["LONG", "N1", "N2", "OUTCOMES", "BatchId", "World", "closed_batches"]
