"""Test sends: what is saved, to the provider's own devices, before anybody decides on it.

The only devices are admin HWIDs on the provider's verified domains, which are the only way round
moderation; no segment leads here. What is sent is what the history's entry was written with, in one
conditional write. A test has a replace key of its own: on a phone it neither replaces the real
push nor is replaced by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from shared.domain.actors import Actor
from shared.domain.audience.filters import Segment
from shared.domain.delivery.ledger import Record
from shared.domain.delivery.run import Run
from shared.domain.errors import FieldError, InvalidInput, TryAgain
from shared.domain.notifications.notification import Change, Notification, NotificationId
from shared.domain.providers.admin_hwids import MOST_DEVICES_PER_DAY
from shared.domain.providers.places import Taker
from shared.domain.providers.provider import (
    Domain,
    Provider,
    admin_devices,
    check_premium,
    verified,
)
from shared.flow.notifications.content_rules import check_fields
from shared.flow.notifications.submission import take_test_places
from shared.flow.providers.entitled import known_provider, owned
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.notifications import Notifications
    from shared.stores.platform import StopSwitch
    from shared.stores.providers import Providers
    from shared.stores.usage import Usage

Reach = Callable[[Run, Sequence[str]], Mapping[str, Record]]
"""Makes one attempt at each of these devices, as far as they are on a domain of the run."""

STOPPED_RETRY_SECONDS = 60


class Needs(Protocol):
    """Parts of the container that this verb uses."""

    @property
    def clock(self) -> Clock: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def stop_switch(self) -> StopSwitch: ...
    @property
    def usage(self) -> Usage: ...


@dataclass(frozen=True, slots=True)
class DeviceResult:
    """The result of a test at one device, and what people call the device."""

    hwid: str
    note: str
    record: Record


def send_test(
    id: NotificationId, hwids: Sequence[str], *, by: Actor, reach: Reach, needs: Needs
) -> Sequence[DeviceResult]:
    """Send a draft or a pending notification to these admin HWIDs of its provider, or to all.

    Raises ``WrongState`` once it is decided, ``InvalidInput`` for other devices and for what cannot
    be sent yet, ``Forbidden`` by plan, ``TooMany``, and ``TryAgain`` while the platform is stopped.
    """
    seen = owned(needs.notifications.get(id), by.id)
    provider, domains = known_provider(by.id, needs.providers), needs.providers.domains_of(by.id)
    check_premium(provider)
    now = needs.clock.now()
    change = partial(_tested, by=by, at=now, provider=provider, domains=domains)
    change(seen, devices=len(hwids))
    notes = admin_devices(domains)
    chosen = _chosen(hwids, notes)
    if needs.stop_switch.is_on():
        raise TryAgain(
            "all sending is stopped by an operator", retry_after_seconds=STOPPED_RETRY_SECONDS
        )
    taker = Taker(id, needs.clock.new_id())
    places = take_test_places(provider, taker, chosen, now, usage=needs.usage)
    try:
        tested = needs.notifications.change(id, partial(change, devices=len(chosen)))
    except Exception:
        for place in places:
            place.give_back(needs.usage)
        raise
    records = reach(_run(tested, verified(domains), needs.clock), chosen)
    return [DeviceResult(hwid, notes[hwid], records[hwid]) for hwid in chosen]


def _tested(
    it: Notification,
    *,
    by: Actor,
    at: datetime,
    devices: int,
    provider: Provider,
    domains: Sequence[Domain],
) -> Change:
    """Make the entry, if the content may be sent as it is now."""
    owned(it, provider.uid)
    change = it.tested(by, at, devices)
    check_fields(it.content, None, provider, domains)
    return change


def _chosen(hwids: Sequence[str], notes: Mapping[str, str]) -> Sequence[str]:
    """Return the devices to send to, each once; raises ``InvalidInput`` for any other than admin
    HWIDs.
    """
    faults = [
        _fault(f"hwids.{n}", "is not among the admin HWIDs of your verified domains")
        for n, hwid in enumerate(hwids)
        if hwid not in notes
    ]
    if faults:
        raise InvalidInput(faults)
    chosen = tuple(dict.fromkeys(hwids or notes))
    if not chosen:
        raise InvalidInput(
            [_fault("hwids", "has nobody: your verified domains list no admin HWID")]
        )
    if len(chosen) > MOST_DEVICES_PER_DAY:
        sentence = f"hwids must name at most {MOST_DEVICES_PER_DAY} of your {len(chosen)}"
        raise InvalidInput([FieldError("hwids", "tooMany", sentence)])
    return chosen


def _fault(field: str, what: str) -> FieldError:
    return FieldError(field, "notAdminHwid", f"{field} {what}")


def _run(it: Notification, domains: tuple[str, ...], clock: Clock) -> Run:
    """Make the run of a test, which is never stored, under an id of its own."""
    now = clock.now()
    return Run(
        id=clock.new_id(),
        provider_id=it.provider_id,
        content=it.content,
        segment=Segment(),
        created_at=now,
        urgent=True,
        sending_at=now,
        domains=domains,
    )
