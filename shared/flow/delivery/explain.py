"""The reason why a device got a notification, or did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.domain.audience.device import partition_of
from shared.domain.audience.filters import Segment
from shared.domain.delivery.ledger import Batch, BatchId, Record, sort_key
from shared.domain.notifications.notification import Notification
from shared.domain.providers.provider import verified
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.devices import Devices
    from shared.stores.ledger import Ledger
    from shared.stores.providers import Providers


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def providers(self) -> Providers: ...


@dataclass(frozen=True, slots=True)
class Explanation:
    """``targeted`` by the ledger; else ``misses``: the filters that leave the device out today.

    Without a plan yet, ``misses`` tells whether the device would be targeted. ``known`` is whether
    there is such a device on a domain of this provider; nothing is told about other providers'
    devices. ``unreadable`` names the fields of the device's document that cannot be read today.
    """

    targeted: bool
    planned: bool
    is_known: bool
    misses: tuple[str, ...] = ()
    batch: BatchId | None = None
    attempts: int = 0
    record: Record | None = None
    unreadable: tuple[str, ...] = ()

    def for_provider(self) -> Explanation:
        """Return what the notification's provider may learn.

        Of a device on none of its domains the provider learns nothing, not even that it exists.
        """
        if self.targeted or "domain" not in self.misses:
            return self
        return Explanation(targeted=False, planned=self.planned, is_known=False, misses=("device",))


def explain(notification: Notification, hwid: str, *, needs: Needs) -> Explanation:
    """Explain whether a device was targeted and by which rule, in which batch, with which outcome,
    answer and when.
    """
    key = sort_key(partition_of(hwid), hwid)
    device = needs.devices.get(hwid)
    unreadable = device.unreadable if device else ()
    run = notification.run
    planned = run is not None and run.parts > 0
    around = needs.ledger.batches_around(run.id, key) if run else ()
    for batch, position in _positions_of(around, hwid):
        return Explanation(
            targeted=True,
            planned=planned,
            is_known=device is not None,
            batch=batch.id,
            attempts=batch.attempt,
            record=batch.records[position],
            unreadable=unreadable,
        )
    own = needs.providers.domains_of(notification.provider_id)
    if device is None or {domain.domain for domain in own}.isdisjoint(device.domains):
        return Explanation(targeted=False, planned=planned, is_known=False, misses=("device",))
    domains = (run and run.domains) or verified(own)
    as_of = (run and run.sending_at) or needs.clock.now()
    segment = notification.segment or Segment()
    misses = segment.misses(device, domains, as_of)
    return Explanation(
        targeted=False, planned=planned, is_known=True, misses=misses, unreadable=unreadable
    )


def _positions_of(batches: Sequence[Batch], hwid: str) -> list[tuple[Batch, int]]:
    return [
        (batch, position)
        for batch in batches
        for position, target in enumerate(batch.targets)
        if target.hwid == hwid
    ]
