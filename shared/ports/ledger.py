"""From an audience to outcomes: whatever is written twice with the same key is written once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from shared.domain.audience.device import Slot

if TYPE_CHECKING:
    from shared.domain.audience.targeting import AudienceQuery, PartitionRange
    from shared.domain.delivery.evidence import Evidence, Group
    from shared.domain.delivery.ledger import Batch, BatchId, PlanPart, Record, Target
    from shared.domain.notifications.notification import NotificationId
    from shared.domain.push.desktop import SlotPayload
    from shared.domain.tally import Tally


@dataclass(frozen=True, slots=True)
class Counted:
    """A count of the devices a query selects, and the moment of the store it holds for (opaque)."""

    devices: int
    read_at: str


class Audience(Protocol):
    """Devices selected by queries whose cost grows with the audience, not with all devices."""

    def count(self, query: AudienceQuery) -> Counted:
        """Count the devices of a query by aggregation: one read per thousand."""

    def page(
        self,
        query: AudienceQuery,
        partitions: PartitionRange,
        after: str,
        limit: int,
        read_at: str,
    ) -> AudiencePage:
        """Return the next up to ``limit`` devices after sort key ``after`` as of ``read_at``,
        ordered by (partition, hwid); devices that an earlier query selects are passed over.
        """


@dataclass(frozen=True, slots=True)
class AudiencePage:
    """``targets`` with their sort keys; ``last`` is where to go on, ``None`` at the end."""

    targets: tuple[tuple[str, Target], ...]
    last: str | None


class LostLease(Exception):
    """Lost claim: another task writes this batch or plan part now; stop at once."""


class Ledger(Protocol):
    """Batches and plan parts below a notification. Every write is conditional on ``version``."""

    def open_parts(self, parts: Sequence[PlanPart]) -> None:
        """Create the parts that are not there yet; a part that exists is left as it is."""

    def parts(self, id: NotificationId) -> Sequence[PlanPart]:
        """List all plan parts, by ``low``."""

    def part(self, id: NotificationId, low: int) -> PlanPart | None:
        """Return the part that begins at ``low``; ``None`` while it is not opened."""

    def advance(self, part: PlanPart, batches: Sequence[Batch]) -> PlanPart:
        """Write the part's progress and the batches it planned at once; raises ``LostLease``."""

    def batch(self, id: NotificationId, batch: BatchId) -> Batch:
        """Return a batch; raises ``NotFound``."""

    def write(self, batch: Batch, changed: Iterable[int] = ()) -> Batch:
        """Write the batch's state and the records at ``changed``; raises ``LostLease``."""

    def batches(self, id: NotificationId, after: str = "") -> Iterator[Batch]:
        """Yield every batch with its records, by id, a few at a time; only those after the id
        ``after``.
        """

    def evidence(self, id: NotificationId) -> Iterator[tuple[BatchId, Mapping[Group, Evidence]]]:
        """Yield what the addresses of each batch were answered that an owner gave back or closed;
        nothing yet of an open one that none gave back. One read a batch.
        """

    def open_batches(self, id: NotificationId) -> int:
        """Count the batches that are not closed, by aggregation."""

    def sums(self, id: NotificationId) -> Tally:
        """Sum up the batches without ``errors``, by aggregation: for live counters."""

    def tally(self, id: NotificationId) -> Tally:
        """Sum up the batches with ``errors``, from the sums each keeps of its own records."""

    def batches_around(self, id: NotificationId, key: str) -> Sequence[Batch]:
        """Return for each stream the batch that would hold sort key ``key``."""

    def batches_between(
        self, id: NotificationId, low: str, high: str, most: int
    ) -> Sequence[Batch] | None:
        """Return the batches that would hold the sort keys from ``low`` to ``high``; ``None`` where
        ``most`` of one stream begin behind ``low``.
        """

    def overdue_batches(
        self, now: datetime, limit: int
    ) -> Sequence[tuple[NotificationId, BatchId]]:
        """List open batches whose ``wake_at`` has passed, of any notification."""

    def overdue_parts(self, now: datetime, limit: int) -> Sequence[PlanPart]:
        """List unfinished plan parts whose ``wake_at`` has passed, of any notification; parts that
        cannot be read are left out.
        """


UNREAD = Slot("", datetime.max.replace(tzinfo=UTC))
"""Stands for a slot that was not read."""


@dataclass(frozen=True, slots=True)
class SlotWrite:
    """A desktop's document to be given this notification.

    ``slot`` is what the document showed at ``read_version``. Left out, the document is read first:
    it may show something newer.
    """

    hwid: str
    read_version: str
    slot: Slot | None = UNREAD


class Slots(Protocol):
    """The polling fields on desktops' documents."""

    def show(self, payload: SlotPayload, writes: Sequence[SlotWrite]) -> Sequence[Record]:
        """Write the payload into each slot unless a newer one is there; return a record for each.

        ``delivered`` when written (now or before), ``skipped``/``superseded`` when a newer one is
        shown, ``skipped``/``deviceGone`` when the document is gone, open when the write should be
        tried again.
        """
