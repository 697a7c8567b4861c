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
    """How many devices a query selects, and as of which moment of the store (opaque)."""

    devices: int
    read_at: str


class Audience(Protocol):
    """Devices selected by queries whose cost grows with the audience, not with all devices."""

    def count(self, query: AudienceQuery) -> Counted:
        """By aggregation: one read per thousand."""

    def page(
        self,
        query: AudienceQuery,
        partitions: PartitionRange,
        after: str,
        limit: int,
        read_at: str,
    ) -> AudiencePage:
        """The next up to ``limit`` devices after sort key ``after`` as of ``read_at``, ordered by
        (partition, hwid), with those passed over that an earlier query selects.
        """


@dataclass(frozen=True, slots=True)
class AudiencePage:
    """``targets`` with their sort keys; ``last`` is where to go on, ``None`` at the end."""

    targets: tuple[tuple[str, Target], ...]
    last: str | None


class LostLease(Exception):
    """Someone else writes this batch or plan part now; stop at once."""


class Ledger(Protocol):
    """Plan parts and batches below a notification. Every write is conditional on ``version``."""

    def open_parts(self, parts: Sequence[PlanPart]) -> None:
        """Create those that are not there yet; a part that exists is left as it is."""

    def parts(self, id: NotificationId) -> Sequence[PlanPart]:
        """All plan parts, by ``low``."""

    def part(self, id: NotificationId, low: int) -> PlanPart | None:
        """One of them; ``None`` while it is not opened."""

    def advance(self, part: PlanPart, batches: Sequence[Batch]) -> PlanPart:
        """The part's progress and the batches it planned, in one write; raises ``LostLease``."""

    def batch(self, id: NotificationId, batch: BatchId) -> Batch:
        """Raises ``NotFound``."""

    def write(self, batch: Batch, changed: Iterable[int] = ()) -> Batch:
        """The batch's state and the records at ``changed``; raises ``LostLease``."""

    def batches(self, id: NotificationId, after: str = "") -> Iterator[Batch]:
        """Every batch with its records, by id, a few at a time; those after the id ``after``."""

    def evidence(self, id: NotificationId) -> Iterator[tuple[BatchId, Mapping[Group, Evidence]]]:
        """What the addresses of each batch that nobody works on were answered: one read a batch."""

    def open_batches(self, id: NotificationId) -> int:
        """How many are not closed, by aggregation."""

    def sums(self, id: NotificationId) -> Tally:
        """Without ``errors``, by aggregation over batches: for live counters."""

    def tally(self, id: NotificationId) -> Tally:
        """With ``errors``, from the sums every batch keeps of its own records."""

    def batches_around(self, id: NotificationId, key: str) -> Sequence[Batch]:
        """For each stream the batch that would hold sort key ``key``."""

    def overdue_batches(
        self, now: datetime, limit: int
    ) -> Sequence[tuple[NotificationId, BatchId]]:
        """Open batches whose ``wake_at`` has passed, of any notification."""

    def overdue_parts(self, now: datetime, limit: int) -> Sequence[PlanPart]:
        """Unfinished plan parts whose ``wake_at`` has passed, of any notification, but for those
        that cannot be read.
        """


UNREAD = Slot("", datetime.max.replace(tzinfo=UTC))
"""Stands for a slot nobody looked at."""


@dataclass(frozen=True, slots=True)
class SlotWrite:
    """A desktop's document to be given this notification.

    ``slot`` is what it showed at ``read_version``. Left out, the document is read first: it may
    show something newer.
    """

    hwid: str
    read_version: str
    slot: Slot | None = UNREAD


class Slots(Protocol):
    """The polling fields on desktops' documents."""

    def show(self, payload: SlotPayload, writes: Sequence[SlotWrite]) -> Sequence[Record]:
        """Write the payload into each slot unless a newer one is there; a record for each.

        ``delivered`` when written (now or before), ``skipped``/``superseded`` when a newer one is
        shown, ``skipped``/``deviceGone`` when the document is gone, open when it should be tried
        again.
        """
