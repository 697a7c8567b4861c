"""Sending one batch, a chunk of at most 50 devices at a time.

At least once, seen once: a chunk is recorded right after it was sent, so a crash between the push
service's answer and the record sends that one chunk again, under the same replace key. A batch has
one owner by lease; every ledger write renews the lease and is conditional on the last one, so an
owner that outlived its lease can write nothing and stops at the chunk it is in.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from shared.domain.audience.device import AppService, of_app
from shared.domain.delivery.evidence import alarming, is_unknown
from shared.domain.delivery.ledger import Batch, BatchId, BatchState, Newness, Outcome, Record
from shared.domain.delivery.recording import exhausted, expired, last_word
from shared.domain.delivery.retry import RetryPolicy, failed_rounds_after, too_late
from shared.domain.delivery.run import Run, RunId
from shared.domain.errors import LostLease, TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.push.reactions import ANSWER_LOST, NOTHING_ASKED
from shared.flow.delivery.chunk import ChunkSender
from shared.flow.delivery.count import finish
from shared.flow.delivery.lost_domain import ended
from shared.flow.delivery.pass_evidence import PassEvidence
from shared.flow.delivery.push_round import PushRound
from shared.flow.delivery.queues import follow_up
from shared.flow.delivery.render import Renderer
from shared.flow.delivery.verdicts import Results, Verdicts
from shared.ports import Attempts, Clock, Retries, RunMemory, Senders, Tasks

if TYPE_CHECKING:
    from shared.stores.devices import Devices
    from shared.stores.ledger import Ledger
    from shared.stores.runs import Runs
    from shared.stores.slots import Slots
    from shared.stores.watch import Watch

LEASE = timedelta(seconds=90)
SWEEP_GRACE = timedelta(minutes=5)
EARLY = timedelta(seconds=2)
"""How far the queue's clock may be ahead of ours."""
WHILE_STOPPED = timedelta(seconds=60)
"""How long a batch waits before it looks again whether the platform's stop switch is off."""

SENDING_SHARE = 2 / 3
"""How much of its lease a chunk may spend on sending; the rest is for what is still under way when
that time is up, and for writing it down."""

log = logging.getLogger(__name__)


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def memory(self) -> RunMemory: ...
    @property
    def retries(self) -> Retries: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def senders(self) -> Senders: ...
    @property
    def slots(self) -> Slots: ...
    @property
    def tasks(self) -> Tasks: ...
    @property
    def watch(self) -> Watch: ...


def send_batch(
    id: RunId,
    batch_id: BatchId,
    *,
    needs: Needs,
    until: datetime,
    policy: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    lease: timedelta = LEASE,
) -> None:
    """Send what is open in the batch, record it, and settle the run if it was the last.

    Raises ``TryAgain`` while another task holds the batch. What cannot be sent now is left open and
    a later task is enqueued for it.
    """
    run = needs.runs.get(id)
    batch = needs.ledger.batch(id, batch_id)
    try:
        if batch.state is BatchState.OPEN and not _waits(batch, needs.clock.now()):
            died, doubts = bool(batch.lease_owner), _doubts(batch, needs.clock.now())
            batch = needs.ledger.write(
                _claimed(_doubted(batch, doubts), needs.clock, lease), doubts
            )
            compare = partial(_compared, run, needs)
            evidence = PassEvidence(id, batch.id, needs.memory, needs.ledger, needs.clock, compare)
            evidence.recall(batch)
            pushes = PushRound(Renderer(run), needs.senders, needs.clock, evidence)
            verdicts = Verdicts(evidence, policy.patience)
            chunks = ChunkSender(run, pushes, verdicts, needs.slots, needs.devices, needs.clock)
            owner = _Owner(run, needs.ledger, chunks, needs.watch, needs.clock, policy, lease)
            batch = owner.taken_over(batch) if died else batch
            if batch.state is BatchState.OPEN:
                batch = owner.within_budget(batch, until, needs.retries)
            _sound_alarm(batch, evidence)
    except LostLease:
        raise TryAgain(f"batch {batch_id} of {id} has a new owner", retry_after_seconds=5) from None
    if batch.state is BatchState.OPEN:
        needs.tasks.enqueue([follow_up(run, batch)])
    finish(id, needs=needs)


def _compared(run: Run, needs: Needs, batch: Batch) -> Mapping[int, Newness] | None:
    from shared.flow.delivery.earlier import compared  # only where an address is unknown

    return compared(run, batch, needs=needs)


def _waits(batch: Batch, now: datetime) -> bool:
    """Tell whether the batch has to wait: raises while it is leased, true while it is not due.

    A task that is a moment early comes again itself: the clocks differ, and it is the follow-up.
    """
    if batch.lease_until is not None and batch.lease_until > now:
        seconds = int((batch.lease_until - now).total_seconds()) + 1
        raise TryAgain(f"batch {batch.id} is being sent", retry_after_seconds=seconds)
    if batch.retry_at is not None and now < batch.retry_at <= now + EARLY:
        raise TryAgain(f"batch {batch.id} is due in a moment")
    return batch.retry_at is not None and batch.retry_at > now


def _doubts(batch: Batch, now: datetime) -> Mapping[int, Record]:
    """Find what the last owner may have done, if it did not live to give the batch back.

    A device that is not due now was not due then either.
    """
    positions = batch.in_doubt() if batch.lease_owner else []
    doubted = (p for p in positions if batch.records[p].is_due(now))
    return {p: _doubtful(batch.records[p]) for p in doubted}


def _doubted(batch: Batch, doubts: Mapping[int, Record]) -> Batch:
    """Add the doubts, and go on behind them: they may be what the batch's owner died of."""
    reached = max(doubts) + 1 if doubts else batch.reached
    return replace(batch.recorded(doubts), reached=reached)


def _doubtful(last: Record) -> Record:
    code = ANSWER_LOST.code if last.code in NOTHING_ASKED else last.code
    return replace(last, code=code, ambiguous=True)


def _claimed(batch: Batch, clock: Clock, lease: timedelta) -> Batch:
    """Claim the batch. The time for retries begins here: an owner may die before it has recorded
    any.
    """
    now = clock.now()
    return replace(
        batch,
        lease_owner=clock.new_id(),
        lease_until=now + lease,
        wake_at=now + lease + SWEEP_GRACE,
        retry_at=None,
        attempt=batch.attempt + 1,
        first_attempt_at=batch.first_attempt_at or now,
    )


def _sound_alarm(batch: Batch, evidence: PassEvidence) -> None:
    """Log once, when a batch closes that held too many addresses of another app, or whose addresses
    met a refusal while nobody of the run was accepted.
    """
    if batch.state is not BatchState.CLOSED:
        return
    for app in dict.fromkeys(target.app for target in batch.targets):
        of_the_app = zip(batch.targets, batch.records, strict=True)
        if foreign := alarming(record for target, record in of_the_app if target.app == app):
            alarm = of_app(app, "push: addressesOfAnotherApp")
            told = (alarm, batch.run_id, batch.id, foreign)
            log.error("%s, notification %s, batch %s, %d addresses", *told)
    for group, refusal in evidence.refusals.items():
        if evidence.refused_to_all(group, refusal.code):
            said = (group.service.log_name, refusal.code, batch.run_id, batch.id)
            log.error("%s: %s, notification %s, batch %s: nobody was accepted", *said)


def _attempts(batch: Batch, positions: Set[int]) -> Mapping[AppService, Attempts]:
    """Count what is to be pushed of the batch, by app and push service: for the first time, or once
    more.

    Both are those of the address in the plan: to find the few that moved to another push service
    since, all would be read before it is known whether any may be sent to.
    """
    targets = [(p, batch.targets[p].address) for p in positions]
    waiting = [(batch.records[p], address.service) for p, address in targets if address]
    first = Counter(service for record, service in waiting if record.code in NOTHING_ASKED)
    again = Counter(service for record, service in waiting if record.code not in NOTHING_ASKED)
    return {it: Attempts(first[it], again[it]) for it in first | again}


@dataclass(frozen=True, slots=True)
class _Owner:
    """One owner's way through a batch."""

    run: Run
    ledger: Ledger
    chunks: ChunkSender
    watch: Watch
    clock: Clock
    policy: RetryPolicy
    lease: timedelta

    def taken_over(self, batch: Batch) -> Batch:
        """Take over after an owner that died: give up beyond the horizon, or all owners might die
        of the batch.
        """
        now = self.clock.now()
        beyond = self.policy.gives_up(batch.first_attempt_at or now, now)
        return self._give_up(batch, exhausted) if beyond else batch

    def within_budget(self, batch: Batch, until: datetime, retries: Retries) -> Batch:
        """Work through the batch, unless this process has spent what it may on retries."""
        if not self.run.is_sending:
            return self.through(batch, until)
        began = self.clock.now()
        waiting = {p for p in batch.open_positions() if batch.records[p].is_due(began)}
        attempts = _attempts(batch, waiting)
        others = len(waiting) - sum(it.first + it.again for it in attempts.values())
        if seconds := retries.wait_seconds(attempts, others, began):
            return self.put_off(batch, seconds)
        after = self.through(batch, until)
        retries.give_back(_attempts(batch, waiting - self.chunks.pushes.tried), began)
        return after

    def through(self, batch: Batch, until: datetime) -> Batch:
        """Try every open chunk once; return the batch closed, or open with a time to go on.

        A chunk that would last beyond ``until``, judging by those before it, is not begun; nor is a
        chunk, nor a request of it, once the notification has expired.
        """
        expires_at, pushes = self.run.expires_at, self.chunks.pushes
        longest, tried_until = timedelta(0), batch.reached
        chunks = list(batch.chunks())
        for positions in chunks:
            seen = self.watch.look(self.run.id)
            if seen.status is not Status.SENDING:
                return self._close_unsent(self._decided(batch, ending=True))
            began = self.clock.now()
            if too_late(began, expires_at):
                return self._give_up(self._decided(batch, ending=True), expired)
            if seen.stopped:
                return self._release(_rested(self._decided(batch)), began + WHILE_STOPPED)
            if began >= until or began + longest > until:
                batch = replace(batch, reached=tried_until)
                return self._hand_over(batch) if longest else self._release(batch, began)
            enough = min(until, began + self.lease * SENDING_SHARE, expires_at or until)
            lost = self._lost(batch, positions, seen.lost_domains)
            kept = [p for p in positions if p not in lost]
            records = {**lost, **self.chunks.attempt(batch, kept, enough)}
            results = self._with_verdicts(batch, records) if positions is chunks[-1] else None
            batch = replace(batch, reached=positions[-1] + 1)
            batch = self._record(batch, results or Results(records))
            longest = max(longest, self.clock.now() - began)
            tried_until = tried_until if pushes.tried.isdisjoint(positions) else batch.reached
        if batch.state is BatchState.CLOSED:
            return batch
        return self.put_off(self._judged(replace(batch, reached=tried_until)))

    def _lost(
        self, batch: Batch, positions: Sequence[int], domains: Sequence[str]
    ) -> Mapping[int, Record]:
        run, devices = self.run, self.chunks.devices
        return ended(run, batch, positions, domains, devices=devices, clock=self.clock)

    def put_off(self, batch: Batch, asked_seconds: float = 0.0) -> Batch:
        """Schedule another try of what is open, unless that would be beyond the horizon or expiry.

        No sooner than the first open device is due; the others are passed over until they are.
        """
        now = self.clock.now()
        asked = max(asked_seconds, (batch.due_at(now) - now).total_seconds())
        wait = self.policy.wait_seconds(batch.failed_rounds, asked, self.clock.chance())
        retry_at = now + timedelta(seconds=wait)
        expires_at = self.run.expires_at
        if self.policy.gives_up(batch.first_attempt_at or now, retry_at, expires_at):
            return self._give_up(batch, expired if too_late(retry_at, expires_at) else exhausted)
        return self._release(batch, retry_at)

    def _hand_over(self, batch: Batch) -> Batch:
        """Let another task go on at once, as time is up, if most that was tried got through and any
        device may be asked for.
        """
        batch, now = self._judged(self._decided(batch)), self.clock.now()
        if batch.failed_rounds or batch.due_at(now) > now:
            return self.put_off(batch)
        return self._release(batch, now)

    def _judged(self, batch: Batch) -> Batch:
        """Count a failed round or a better one; unknown addresses that wait for a verdict tell
        nothing of their push service.
        """
        open_ = {p for p in self.chunks.pushes.tried if batch.records[p].outcome is Outcome.OPEN}
        undecided = {p for p in open_ if is_unknown(batch.records[p])}
        tried, in_vain = self.chunks.pushes.tried - undecided, len(open_ - undecided)
        return replace(
            batch, failed_rounds=failed_rounds_after(batch.failed_rounds, len(tried), in_vain)
        )

    def _with_verdicts(self, batch: Batch, records: Mapping[int, Record]) -> Results:
        """Add to the last chunk of a pass what the whole pass taught."""
        verdicts, now = self.chunks.verdicts, self.clock.now()
        decided = verdicts.decide(batch.recorded(records), now, through=True)
        return replace(decided, records={**records, **decided.records})

    def _decided(self, batch: Batch, *, ending: bool = False) -> Batch:
        """Record what can be decided though the pass ends here; everything if the batch ends."""
        decided = self.chunks.verdicts.decide(batch, self.clock.now(), ending=ending)
        batch = _compared_now(batch, decided)
        return self._record(batch, decided) if decided.records else batch

    def _record(self, batch: Batch, results: Results) -> Batch:
        """Write the chunk, and only then drop dead addresses: a lost drop is found again."""
        batch = self._renewed(_compared_now(batch.recorded(results.records), results))
        if not batch.open_positions():
            batch = batch.closed()
        written = self.ledger.write(batch, results.records)
        for dead in results.dead:
            self.chunks.devices.drop_address(dead.hwid, dead.value, dead.as_of)
        return written

    def _renewed(self, batch: Batch) -> Batch:
        now = self.clock.now()
        until = now + self.lease
        return replace(batch, lease_until=until, wake_at=until + SWEEP_GRACE)

    def _close_unsent(self, batch: Batch) -> Batch:
        """Close a batch whose notification is not being sent any more.

        What was never sent is skipped, as stopped.
        """
        now = self.clock.now()
        stopped = Record(Outcome.SKIPPED, "stopped", at=now)
        return self._closed_with(batch, lambda last: last_word(last, stopped))

    def _give_up(self, batch: Batch, end: Callable[[Record, datetime], Record]) -> Batch:
        now = self.clock.now()
        return self._closed_with(batch, lambda last: last_word(last, end(last, now)))

    def _closed_with(self, batch: Batch, word: Callable[[Record], Record]) -> Batch:
        words = {p: word(batch.records[p]) for p in batch.open_positions()}
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


def _compared_now(batch: Batch, results: Results) -> Batch:
    return replace(batch, newness=results.newness) if results.newness else batch


def _rested(batch: Batch) -> Batch:
    """Reset the time for retries, which has not begun if nothing was attempted yet."""
    attempted = any(record.at for record in batch.records)
    return batch if attempted else replace(batch, first_attempt_at=None)
