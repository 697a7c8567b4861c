"""Notifications, providers, devices, moderation, its chat, exports, the brake: record by record.

State changes only through a write that is conditional on what was read (a *version*), so that of
two racing writers exactly one wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from shared.domain.audience.device import Derived, Device, PushAddress, Reach
    from shared.domain.audience.ownership import Credential, Generation, Ownership
    from shared.domain.notifications.history import Entry
    from shared.domain.notifications.lifecycle import Status
    from shared.domain.notifications.notification import Change, Notification, NotificationId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Replay:
    """An answer kept under an ``Idempotency-Key``; no ``answer`` while it is worked on."""

    key: str
    fingerprint: str
    notification_id: NotificationId
    created_at: datetime
    answer: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some records and, if there are more, the token that continues after them."""

    items: tuple[T, ...]
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a provider wants to see in a list, newest first. ``text`` matches title or body."""

    provider_id: str
    status: Status | None = None
    text: str = ""
    page_size: int = 50
    page_token: str = ""


def every(notification: Notification) -> bool:
    """Leaves nothing out."""
    del notification
    return True


@dataclass(frozen=True, slots=True)
class Waiting:
    """Which pending notifications to list, by submission. ``shows`` picks among those read."""

    provider_id: str = ""
    shows: Callable[[Notification], bool] = every
    page_size: int = 100
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a notification that a moderator decided on."""

    provider_id: str
    moderator_id: str
    rejected: bool
    submitted_at: datetime
    moderated_at: datetime
    endorsers: tuple[str, ...] = ()


class Notifications(Protocol):
    """``pendingNotifications/{id}`` and its history."""

    def create(self, change: Change, replay: Replay | None = None) -> None:
        """Notification, first history entry and replay record in one write, or none of them.

        Raises ``AlreadyThere`` when the id or the replay key exists.
        """

    def get(self, id: NotificationId) -> Notification:
        """Raises ``NotFound``; ``Defect`` for a document that cannot be one."""

    def statuses(self, ids: Iterable[NotificationId]) -> Mapping[NotificationId, Status]:
        """Where each of these is in its life, in one request; without those that are not there or
        cannot be read.
        """

    def change(self, id: NotificationId, change: Callable[[Notification], Change]) -> Notification:
        """Read, apply ``change``, write with its history entry, as one transaction.

        ``change`` may run several times: keep it pure. What it raises is passed on and nothing is
        written. Raises ``NotFound``, and ``TryAgain`` when contention does not end.
        """

    def delete(self, id: NotificationId, check: Callable[[Notification], None]) -> None:
        """Remove it (drafts only) unless ``check`` raises, as one transaction."""

    def of_provider(self, wish: Wish) -> Page[Notification]:
        """A provider's notifications, newest first.

        One that cannot be read is left out. A search may end a page early, even empty; it goes on
        with ``next_token``. Raises ``InvalidInput`` for a token that is none.
        """

    def counts_by_status(self, provider_id: str) -> Mapping[Status, int]:
        """How many the provider has in each status."""

    def count_auto_approved(self, provider_id: str) -> int:
        """How many of the provider's ended as approved without having been moderated."""

    def count_pending(self, provider_id: str) -> int:
        """How many of the provider's wait for a moderator, by aggregation."""

    def count_drafts(self, provider_id: str) -> int:
        """How many drafts the provider has, by aggregation."""

    def queue(self, waiting: Waiting) -> Page[Notification]:
        """The moderation queue, the one that was submitted first in front.

        One that cannot be read is left out. A search may end a page early, even empty; it goes on
        with ``next_token``. Raises ``InvalidInput`` for a token that is none.
        """

    def decided(self, since: datetime, limit: int) -> Sequence[Decision]:
        """Moderators' decisions since then, the latest first."""

    def sending_on(self, domain: str) -> Sequence[NotificationId]:
        """Those that are being sent and whose plan has the domain."""

    def overdue(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        """Those whose ``wake_at`` has passed."""

    def unexported(self, now: datetime, limit: int) -> Sequence[NotificationId]:
        """Those that ended and whose ``export_at`` has passed."""

    def put_off_export(self, id: NotificationId, until: datetime) -> None:
        """Move ``export_at`` of one that cannot be read; nothing for one that is gone."""

    def put_off_wake(self, id: NotificationId, until: datetime) -> None:
        """Move ``wake_at`` of one that cannot be read; nothing for one that is gone."""

    def history(self, id: NotificationId) -> Sequence[Entry]:
        """The chain, in order."""

    def replay(self, key: str) -> Replay | None:
        """The answer kept under ``key``, if any."""

    def keep_answer(self, key: str, answer: Mapping[str, object]) -> None:
        """Complete the replay record ``key``; raises ``NotFound``."""


class AlreadyThere(Exception):
    """Something with this id was created before."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What may be shown of an API key."""

    id: str
    provider_id: str
    name: str
    created_at: datetime
    made_by: str = ""
    """The account that made it; unknown for keys of older versions."""


class Devices(Protocol):
    """``devices/{hwid}`` and the server-only secrets of devices."""

    def get(self, hwid: str) -> Device | None:
        """``None`` when there is none. Never raises for what a document says."""

    def reach(self, hwids: Sequence[str]) -> Mapping[str, Reach]:
        """Whether and where each of these is pushed to now, but for those that are gone; one read
        each, in one request. Never raises for what a document says.
        """

    def refresh(self, device: Device, derived: Derived, generation: str = "") -> None:
        """Write the device's own fields (never its polling slot), and its generation if it has one.

        What the device does not say (no address, no time) stays as it is; it can withdraw consent
        here, but not restore it. Other devices keep the address until ``set_address``.
        """

    def domains(self, hwids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Which domains each of these is on now, but for those that are gone; one read each, in
        one request. What cannot be read is none.
        """

    def begin(
        self, hwid: str, decide: Callable[[Ownership], Generation | Credential]
    ) -> Generation | Credential:
        """Read what is stored under the hwid and write what ``decide`` answers, in one transaction.

        A ``Generation`` replaces everything that is stored; a ``Credential`` is one that holds
        already, and nothing is written. ``decide`` may run several times: keep it pure. What it
        raises is passed on and nothing is written.
        """

    def credential(self, hwid: str) -> Credential | None:
        """What the device proves itself by, if it registered."""

    def set_address(self, hwid: str, address: PushAddress | None) -> None:
        """The device's push address; the one that registered it last keeps it, others lose it.

        Raises ``NotFound``.
        """

    def set_consent(self, hwid: str, consent: bool) -> None:
        """Consent off also removes the address. Raises ``NotFound``."""

    def drop_address(self, hwid: str, value: str, registered_by: datetime | None = None) -> bool:
        """Compare-and-delete: only if the address is still ``value``, and was not registered after
        ``registered_by``. Returns whether it was dropped.
        """

    def pending(self, hwid: str, now: datetime) -> Mapping[str, object] | None:
        """What the polling slot shows at ``now``, in the API's words; one read."""

    def clear_slot(self, hwid: str, notification_id: str) -> None:
        """Empty the polling slot if it still shows that notification."""

    def delete(self, hwid: str) -> None:
        """The device and its secret."""

    def derive_again(self, hwid: str) -> None:
        """Write what our queries need, as the device is now; no-op when it is gone."""

    def underived(self) -> Iterator[str]:
        """Devices whose derived fields are missing or wrong."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How things stand: a notification's status, whether the whole platform is stopped, and which
    of the notification's domains were taken from its provider.
    """

    status: Status | None
    stopped: bool
    lost_domains: tuple[str, ...] = ()


class Watch(Protocol):
    """What a running batch asks before every chunk, so that a stop takes effect within one."""

    def look(self, id: NotificationId) -> Sight:
        """As of one moment. Raises ``NotFound``."""
