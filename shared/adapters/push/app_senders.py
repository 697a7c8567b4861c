"""The senders of all apps: one for each app at each push service, built when it is first used.

A sender answers for whatever its service says. What nobody foresaw (one that cannot be built, or
that breaks while it is used) stays with its own addresses and must not end a batch for others.

A sender has a thread, connections and tokens, so only so many are kept. The one that was used the
longest time ago makes room, never one with pushes under way; and one that nobody used for a while
is closed by the next use of any other: a function gets no processor between its requests, in which
a clock of its own could run. What is closed is built again when it is needed.
"""

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from shared.adapters.push.defects import log_defect
from shared.adapters.push.pace import PushAccount
from shared.domain.audience.device import AddressKind, AppId, AppService
from shared.domain.push.answers import Answer
from shared.domain.push.reactions import MAY_HAVE_SENT, NO_TURN, SENDER_FAILED
from shared.domain.push.rendering import Push
from shared.ports import Sender

MOST_SENDERS = 16
"""As many as a function has requests at a time at most (`infra/functions.tf`)."""
IDLE_SECONDS = 1800.0
"""To build one again costs a handshake, and for Apple a read of the token that is on the shelf."""


class ServiceSender(Sender, Protocol):
    """A sender that holds a thread and connections."""

    def close(self) -> None:
        """Let go of them. Nothing is under way."""


BuildSender = Callable[[PushAccount], ServiceSender]
FindBuilder = Callable[[AppService], BuildSender | None]


@dataclass(slots=True, eq=False)
class _PoolEntry:
    """One app's sender at one push service, from its first use until it is closed."""

    building: threading.Lock = field(default_factory=threading.Lock)
    sender: ServiceSender | None = None
    under_way: int = 0
    used_at: float = 0.0


class AppSenders:
    """``Senders`` of one process. ``find`` tells what builds an app's sender, if anything does."""

    def __init__(
        self,
        find: FindBuilder,
        *,
        most: int = MOST_SENDERS,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._find = find
        self._most = most
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._process = os.getpid()
        self._accounts: dict[AppService, PushAccount] = {}
        self._pool: dict[AppService, _PoolEntry] = {}
        """Those used last come last."""

    def of(self, app: AppId, kind: AddressKind) -> Sender | None:
        """Return a sender that is built when it sends; ``None`` without credentials for it."""
        service = AppService(app, kind)
        try:
            build = self._find(service)
        except Exception as broken:  # noqa: BLE001 - whatever it is, it is this app's alone
            log_defect(f"{service.log_name}: the credentials", broken)
            return _NoSender()
        return _IsolatedSender(self, service, build) if build else None

    @contextmanager
    def lend(
        self, service: AppService, build: BuildSender, within_seconds: float
    ) -> Iterator[ServiceSender | None]:
        """Yield a sender, which is not closed meanwhile; ``None`` when no room came in time."""
        entry, closing = self._take(service, within_seconds)
        for each in closing:
            _close(each)
        if entry is None:
            yield None
            return
        try:
            yield self._build(entry, service, build)
        finally:
            self._give_back(service, entry)

    def _take(
        self, service: AppService, within_seconds: float
    ) -> tuple[_PoolEntry | None, list[_PoolEntry]]:
        """Count a sender as under way, and drop those that are idle or in its way."""
        until = self._clock() + within_seconds
        with self._changed:
            self._leave_to_parent()
            while (room := self._room_for(service)) is None:
                left = until - self._clock()
                if left <= 0:
                    return None, []
                self._changed.wait(None if left == math.inf else left)
            entry = self._pool.pop(service, None) or _PoolEntry()
            self._pool[service] = entry
            entry.under_way += 1
            return entry, [self._pool.pop(each) for each in room]

    def _leave_to_parent(self) -> None:
        """Forget what was inherited over a fork: it is the parent's, as are pushes under way."""
        if self._process != os.getpid():
            self._process, self._pool = os.getpid(), {}

    def _room_for(self, service: AppService) -> list[AppService] | None:
        """List whom to close for a sender to fit in; ``None`` while all are at work."""
        at_rest = {s: it for s, it in self._pool.items() if s != service and not it.under_way}
        before = self._clock() - self._idle_seconds
        idle = [s for s, it in at_rest.items() if it.used_at < before]
        excess = max(0, len(self._pool.keys() | {service}) - self._most)
        closing = list(dict.fromkeys([*idle, *at_rest]))[: max(len(idle), excess)]
        return closing if excess <= len(closing) else None

    def _build(self, entry: _PoolEntry, service: AppService, build: BuildSender) -> ServiceSender:
        with self._changed:
            account = self._accounts.setdefault(service, PushAccount(service.app))
        with entry.building:
            if entry.sender is None:
                entry.sender = build(account)
            return entry.sender

    def _give_back(self, service: AppService, entry: _PoolEntry) -> None:
        with self._changed:
            entry.under_way -= 1
            entry.used_at = self._clock()
            if entry.sender is None and not entry.under_way and self._pool.get(service) is entry:
                del self._pool[service]
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class _IsolatedSender:
    """One app's access to one push service, that never raises."""

    senders: AppSenders
    service: AppService
    build: BuildSender

    def send(self, pushes: Sequence[Push], within_seconds: float = math.inf) -> Sequence[Answer]:
        """Return an answer for each, in order; if the sender breaks, one that is tried again."""
        until = monotonic() + within_seconds
        answer: Answer = SENDER_FAILED
        try:
            with self.senders.lend(self.service, self.build, within_seconds) as sender:
                if sender is None:
                    return [NO_TURN] * len(pushes)
                answer = MAY_HAVE_SENT
                return sender.send(pushes, max(0.0, until - monotonic()))
        except Exception as broken:  # noqa: BLE001 - whatever it is, it is this sender's alone
            log_defect(f"{self.service.log_name}: the sender", broken)
            return [answer] * len(pushes)


@dataclass(frozen=True, slots=True)
class _NoSender:
    """Stand-in for a sender of which it cannot be told now whether there is one."""

    def send(self, pushes: Sequence[Push], within_seconds: float = math.inf) -> Sequence[Answer]:
        """Return for each the answer that nothing was asked, and that it is tried again."""
        del within_seconds
        return [SENDER_FAILED] * len(pushes)


def _close(entry: _PoolEntry) -> None:
    if entry.sender is None:
        return
    try:
        entry.sender.close()
    except Exception as broken:  # noqa: BLE001 - whoever needs the room is another
        log_defect("closing a sender", broken)
