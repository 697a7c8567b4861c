"""A domain that is taken from its provider ends what is on its way to it, within one chunk.

The run is told, and a running batch sees that with its look before every chunk. Only then
are devices read again: a device on another of the provider's domains still gets the notification.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from shared.domain.actors import SYSTEM, Actor
from shared.domain.delivery.ledger import Batch, Outcome, Record
from shared.domain.delivery.recording import last_word
from shared.domain.delivery.run import Run, RunChange
from shared.domain.errors import Defect
from shared.domain.providers.provider import Domain, verified
from shared.flow.providers import operate
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.devices import Devices
    from shared.stores.providers import Providers
    from shared.stores.runs import Runs

log = logging.getLogger(__name__)


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def runs(self) -> Runs: ...


def put_domain(name: str, fields: Mapping[str, Any], *, by: Actor, needs: Needs) -> Domain:
    """Change a domain or create it; what is on its way to it ends where it was taken away."""
    put = operate.put_domain(name, fields, by=by, needs=needs)
    tell_those_on_their_way(name, by, needs=needs)
    return put


def delete_domain(name: str, *, by: Actor, needs: Needs) -> None:
    """Delete a domain, and end what is on its way to it; doing it twice is harmless."""
    needs.providers.delete_domain(name, by=by, at=needs.clock.now())
    tell_those_on_their_way(name, by, needs=needs)


def tell_those_on_their_way(name: str, by: Actor, *, needs: Needs) -> None:
    """Tell every run that is being sent on the domain, unless it is still its provider's.

    Call it after the domain was changed, and also when nothing changed: then it heals what a crash
    kept from being told.
    """
    domain, now = needs.providers.domain(name), needs.clock.now()
    owner = domain.provider_id if domain and domain.is_verified else None

    def change(run: Run) -> RunChange:
        return run.lose([] if run.provider_id == owner else [name], by, now)

    for id in needs.runs.sending_on(name):
        try:
            needs.runs.change(id, change)
        except Defect:
            log.exception("cannot be told of a lost domain: notification %s", id)


def checked(planned: Run, *, needs: Needs) -> Run:
    """Take the domains that were lost while they were planned with.

    The plan is written by now, so a call that takes a domain away from here on finds the run.
    """
    held = set(verified(needs.providers.domains_of(planned.provider_id)))
    lost, now = [name for name in planned.domains if name not in held], needs.clock.now()
    if not lost:
        return planned
    return needs.runs.change(planned.id, lambda run: run.lose(lost, SYSTEM, now))


def ended(
    run: Run,
    batch: Batch,
    positions: Sequence[int],
    lost: Iterable[str],
    *,
    devices: Devices,
    clock: Clock,
) -> Mapping[int, Record]:
    """End those devices that are on none of the domains that are left; return their records."""
    planned, gone = set(run.segment.domains_of(run.domains)), set(lost)
    if planned.isdisjoint(gone):
        return {}
    left = planned - gone
    hwids = {position: batch.targets[position].hwid for position in positions}
    domains = devices.domains(list(hwids.values())) if left else {}
    word = Record(Outcome.SKIPPED, "domainLost", at=clock.now())
    return {
        position: last_word(batch.records[position], word)
        for position, hwid in hwids.items()
        if left.isdisjoint(domains.get(hwid, ()))
    }
