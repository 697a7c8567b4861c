"""Sending one batch, a chunk of at most 50 devices at a time.

At least once, seen once: a chunk is recorded right after it was sent, so a crash between the push
service's answer and the record sends that one chunk again, under the same replace key. A batch has
one owner by lease; every ledger write renews the lease and is conditional on the last one, so an
owner that outlived its lease can write nothing and stops at the chunk it is in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from shared.domain.delivery import (
    SHOWN,
    TAKEN,
    Accepted,
    AddressGone,
    Answer,
    Batch,
    BatchId,
    BatchState,
    Later,
    Misconfigured,
    Outcome,
    Record,
    Rejected,
    Target,
    Unsendable,
)
from shared.domain.device import AddressKind, PushAddress
from shared.domain.errors import TryAgain
from shared.domain.lifecycle import Status
from shared.domain.notification import Notification, NotificationId
from shared.domain.retry import RetryPolicy
from shared.flow.count import finish
from shared.flow.queues import follow_up
from shared.ports import (
    Clock,
    Devices,
    Ledger,
    LostLease,
    Message,
    Notifications,
    Sender,
    Slots,
    SlotWrite,
    StopSwitch,
    Tasks,
)

LEASE = timedelta(seconds=90)
SWEEP_GRACE = timedelta(minutes=5)
WHILE_STOPPED = timedelta(seconds=60)
"""How long a batch waits before it looks again whether the platform's stop switch is off."""

Senders = Mapping[AddressKind, Sender]


@dataclass(frozen=True, slots=True)
class Results:
    """What one chunk came to: a record per position, addresses to drop, seconds asked to wait."""

    records: Mapping[int, Record]
    gone: Mapping[int, AddressGone]
    blocked: Mapping[AddressKind, str]
    asked_seconds: float = 0.0


def send_batch(
    id: NotificationId,
    batch_id: BatchId,
    *,
    notifications: Notifications,
    ledger: Ledger,
    senders: Senders,
    slots: Slots,
    devices: Devices,
    stop_switch: StopSwitch,
    tasks: Tasks,
    clock: Clock,
    until: datetime,
    policy: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    lease: timedelta = LEASE,
) -> None:
    """Send what is open in the batch, record it, and settle the notification if it was the last.

    Raises ``TryAgain`` while someone else holds the batch. What cannot be sent now is left open
    and a later task is enqueued for it.
    """
    notification = notifications.get(id)
    batch = ledger.batch(id, batch_id)
    try:
        if batch.state is BatchState.OPEN and not _waits(batch, clock.now()):
            batch = ledger.write(_claimed(batch, clock, lease))
            run = _Run(
                notifications, ledger, senders, slots, devices, stop_switch, clock, policy, lease
            )
            batch = run.through(batch, until)
    except LostLease:
        raise TryAgain(f"batch {batch_id} of {id} has a new owner", retry_after_seconds=5) from None
    if batch.state is BatchState.OPEN:
        tasks.enqueue([follow_up(notification, batch)])
    finish(id, notifications=notifications, ledger=ledger, clock=clock)


def _waits(batch: Batch, now: datetime) -> bool:
    """Whether the batch has to wait: raises while it is leased, true while it is not due."""
    if batch.lease_until is not None and batch.lease_until > now:
        seconds = int((batch.lease_until - now).total_seconds()) + 1
        raise TryAgain(f"batch {batch.id} is being sent", retry_after_seconds=seconds)
    return batch.retry_at is not None and batch.retry_at > now


def _claimed(batch: Batch, clock: Clock, lease: timedelta) -> Batch:
    now = clock.now()
    return replace(
        batch,
        lease_owner=clock.new_id(),
        lease_until=now + lease,
        wake_at=now + lease + SWEEP_GRACE,
        retry_at=None,
        attempt=batch.attempt + 1,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """One owner's way through a batch."""

    notifications: Notifications
    ledger: Ledger
    senders: Senders
    slots: Slots
    devices: Devices
    stop_switch: StopSwitch
    clock: Clock
    policy: RetryPolicy
    lease: timedelta

    def through(self, batch: Batch, until: datetime) -> Batch:
        """Every open chunk once; returns the batch closed, or open with a time to go on."""
        blocked: dict[AddressKind, str] = {}
        asked_seconds = 0.0
        for positions in list(batch.chunks()):
            notification = self.notifications.get(NotificationId(batch.notification_id))
            if notification.status is not Status.SENDING:
                return self._close_unsent(batch)
            if self.stop_switch.is_on():
                return self._release(batch, self.clock.now() + WHILE_STOPPED)
            if self.clock.now() >= until:
                return self._release(batch, self.clock.now())
            results = self._attempt(batch, positions, notification, blocked)
            blocked.update(results.blocked)
            asked_seconds = max(asked_seconds, results.asked_seconds)
            batch = self._record(batch, results)
        if batch.state is BatchState.CLOSED:
            return batch
        return self._release_or_give_up(batch, asked_seconds)

    def _attempt(
        self,
        batch: Batch,
        positions: Sequence[int],
        notification: Notification,
        blocked: Mapping[AddressKind, str],
    ) -> Results:
        """Desktops' slots first, then one request for each push address.

        The half of a desktop that an earlier attempt did is not done again.
        """
        now = self.clock.now()
        targets = {p: batch.targets[p] for p in positions}
        records = {
            p: Record(Outcome.SKIPPED, "consent", at=now)
            for p, t in targets.items()
            if not t.consent
        }
        open_ = {p: t for p, t in targets.items() if p not in records}
        half = {p: batch.records[p].receipt for p in open_ if batch.records[p].receipt}
        to_show = {p: t for p, t in open_.items() if t.polls and half.get(p) != SHOWN}
        to_push = {
            p: t.address for p, t in open_.items() if t.address and half.get(p, SHOWN) == SHOWN
        }
        shown = self._show(notification, to_show)
        pushed, gone, found, asked = self._push(notification, to_push, blocked, now)
        for position in open_:
            words = (pushed.get(position), shown.get(position))
            records[position] = _together(batch.records[position], words, now)
        return Results(records, gone, found, asked)

    def _show(
        self, notification: Notification, desktops: Mapping[int, Target]
    ) -> dict[int, Record]:
        if not desktops:
            return {}
        writes = [SlotWrite(t.hwid, t.read_version, t.slot) for t in desktops.values()]
        return dict(zip(desktops, self.slots.show(notification, writes), strict=True))

    def _push(
        self,
        notification: Notification,
        addresses: Mapping[int, PushAddress],
        blocked: Mapping[AddressKind, str],
        now: datetime,
    ) -> tuple[dict[int, Record], dict[int, AddressGone], dict[AddressKind, str], float]:
        records: dict[int, Record] = {}
        gone: dict[int, AddressGone] = {}
        found: dict[AddressKind, str] = {}
        asked = 0.0
        message = _message(notification)
        for kind in sorted({a.kind for a in addresses.values()}):
            of_kind = {p: a for p, a in addresses.items() if a.kind is kind}
            for position, answer in self._answers(kind, of_kind, message, blocked):
                records[position] = recorded(answer, now)
                match answer:
                    case AddressGone():
                        gone[position] = answer
                    case Misconfigured() | Unsendable():
                        found[kind] = answer.code
                    case Later():
                        asked = max(asked, answer.retry_after_seconds or 0.0)
        return records, gone, found, asked

    def _answers(
        self,
        kind: AddressKind,
        addresses: Mapping[int, PushAddress],
        message: Message,
        blocked: Mapping[AddressKind, str],
    ) -> Sequence[tuple[int, Answer]]:
        """One attempt for each, unless it is known that none of this kind can be sent."""
        sender = self.senders.get(kind)
        reason = blocked.get(kind) or ("" if sender else "noSender")
        if sender is None or reason:
            return [(position, Rejected(reason)) for position in addresses]
        answers = sender.send(message, list(addresses.values()))
        return list(zip(addresses, answers, strict=True))

    def _record(self, batch: Batch, results: Results) -> Batch:
        """Write the chunk, and only then drop dead addresses: a lost drop is found again."""
        batch = self._renewed(batch.recorded(results.records))
        if not batch.open_positions():
            batch = batch.closed()
        written = self.ledger.write(batch, results.records)
        for position, answer in results.gone.items():
            target = batch.targets[position]
            if target.address:
                self.devices.drop_address(target.hwid, target.address.value, answer.as_of)
        return written

    def _renewed(self, batch: Batch) -> Batch:
        now = self.clock.now()
        until = now + self.lease
        first = batch.first_attempt_at or now
        return replace(
            batch, lease_until=until, wake_at=until + SWEEP_GRACE, first_attempt_at=first
        )

    def _close_unsent(self, batch: Batch) -> Batch:
        """The notification is no longer being sent: what was never sent is skipped, as stopped."""
        now = self.clock.now()
        stopped = Record(Outcome.SKIPPED, "stopped", at=now)
        return self._closed_with(batch, lambda last: _last_word(last, stopped))

    def _release_or_give_up(self, batch: Batch, asked_seconds: float) -> Batch:
        now = self.clock.now()
        wait = self.policy.wait_seconds(batch.attempt, asked_seconds, self.clock.chance())
        retry_at = now + timedelta(seconds=wait)
        if self.policy.gives_up(batch.first_attempt_at or now, retry_at):
            return self._closed_with(batch, lambda last: _last_word(last, _exhausted(last, now)))
        return self._release(batch, retry_at)

    def _closed_with(self, batch: Batch, last_word: Callable[[Record], Record]) -> Batch:
        words = {p: last_word(batch.records[p]) for p in batch.open_positions()}
        return self.ledger.write(batch.recorded(words).closed(), words)

    def _release(self, batch: Batch, retry_at: datetime) -> Batch:
        return self.ledger.write(
            replace(
                batch,
                lease_owner="",
                lease_until=None,
                retry_at=retry_at,
                wake_at=retry_at + SWEEP_GRACE,
            )
        )


def recorded(answer: Answer, now: datetime) -> Record:
    """What the ledger says of an answer."""
    match answer:
        case Accepted(receipt):
            return Record(Outcome.DELIVERED, receipt=receipt, at=now)
        case Rejected(code) | Misconfigured(code) | Unsendable(code):
            return Record(Outcome.FAILED, code, at=now)
        case AddressGone(code):
            return Record(Outcome.FAILED, code, at=now, dropped=True)
        case Later(code, _, ambiguous):
            return Record(Outcome.OPEN, code, at=now, ambiguous=ambiguous)
        case _:
            assert_never(answer)


def _together(last: Record, words: tuple[Record | None, Record | None], now: datetime) -> Record:
    """One outcome for a device reached both ways: open while either is, delivered if either is.

    While it is open, what earlier attempts did, or may have done, is kept.
    """
    pushed, shown = words
    if shown is not None and shown.outcome is Outcome.DELIVERED:
        shown = replace(shown, receipt=SHOWN)
    if pushed is not None and pushed.outcome is Outcome.DELIVERED:
        pushed = replace(pushed, receipt=pushed.receipt or TAKEN)
    done = Record(Outcome.DELIVERED, receipt=last.receipt, at=now) if last.receipt else None
    records = [record for record in (pushed, shown, done) if record is not None]
    if not records:
        return Record(Outcome.SKIPPED, "noAddress", at=now)
    order = (Outcome.OPEN, Outcome.DELIVERED, Outcome.UNKNOWN, Outcome.FAILED, Outcome.SKIPPED)
    word = min(records, key=lambda record: order.index(record.outcome))
    if word.outcome is not Outcome.OPEN:
        return word
    receipt = next((r.receipt for r in records if r.outcome is Outcome.DELIVERED), "")
    return replace(word, receipt=receipt, ambiguous=word.ambiguous or last.ambiguous)


def _last_word(last: Record, otherwise: Record) -> Record:
    """Nothing more is tried: what was done counts, and what may have been done is unknown."""
    if last.receipt:
        return Record(Outcome.DELIVERED, receipt=last.receipt, at=last.at)
    if last.ambiguous:
        return Record(Outcome.UNKNOWN, "answerLost", at=otherwise.at, ambiguous=True)
    return otherwise


def _exhausted(last: Record, now: datetime) -> Record:
    """The end of the retry horizon; the receipt says what the last attempt met."""
    return Record(Outcome.FAILED, "exhausted", receipt=last.code, at=now)


def _message(notification: Notification) -> Message:
    return Message(
        id=notification.id,
        content=notification.content,
        sent_at=notification.sending_at or notification.created_at,
        urgent=notification.auto_approved,
    )
