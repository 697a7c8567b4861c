"""From an audience to outcomes: whatever is written twice with the same key is written once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from shared.domain.audience.device import Slot

if TYPE_CHECKING:
    from shared.domain.audience.targeting import AudienceQuery, PartitionRange
    from shared.domain.delivery.ledger import Record, Target
    from shared.domain.push.desktop import SlotPayload


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
