"""One attempt at one chunk of a batch: whom to reach, by slot and by push, and what it came to.

Nothing is written here but desktops' slots: the ledger's word on the chunk is left to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from shared.domain.delivery.evidence import group_of
from shared.domain.delivery.ledger import RECEIPT_SHOWN, Batch, Outcome, Record, Target
from shared.domain.delivery.read_again import as_it_is_now, stale
from shared.domain.delivery.recording import combine, recorded
from shared.domain.delivery.run import Run
from shared.domain.push.answers import AddressGone, Answer, Misconfigured, RetryLater
from shared.domain.push.desktop import SlotWrite
from shared.domain.push.reactions import NOTHING_ASKED
from shared.flow.delivery.push_round import PushRound
from shared.flow.delivery.verdicts import Verdicts
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.stores.devices import Devices
    from shared.stores.slots import Slots


@dataclass(frozen=True, slots=True)
class ChunkSender:
    """Attempts at the chunks of one batch, one after the other."""

    run: Run
    pushes: PushRound
    verdicts: Verdicts
    slots: Slots
    devices: Devices
    clock: Clock

    def attempt(
        self, batch: Batch, positions: Sequence[int], until: datetime
    ) -> Mapping[int, Record]:
        """Write desktops' slots first, then send one request for each push address; return a record
        for each.

        The half of a desktop that an earlier attempt did is not done again. There may not be time
        for all, so those come first for which nothing was asked yet. A device that is to be left
        alone for a while is passed over.
        """
        now = self.clock.now()
        due = [p for p in positions if batch.records[p].is_due(now)]
        asked_before = {p: batch.records[p].code not in NOTHING_ASKED for p in due}
        planned = {p: batch.targets[p] for p in sorted(due, key=asked_before.__getitem__)}
        records = {
            p: Record(Outcome.SKIPPED, code, at=now)
            for p, t in planned.items()
            if (code := t.held_back)
        }
        open_ = {p: t for p, t in planned.items() if p not in records}
        half = {p: batch.records[p].receipt for p in open_ if batch.records[p].receipt}
        to_push = {p: t for p, t in open_.items() if half.get(p, RECEIPT_SHOWN) == RECEIPT_SHOWN}
        to_push, withdrawn = self._as_they_are_now(batch, to_push, now)
        reached = open_ | to_push
        shown = self._show(
            {p: t for p, t in reached.items() if t.polls and half.get(p) != RECEIPT_SHOWN}
        )
        again = {p for p, asked in asked_before.items() if asked}
        answers = self.pushes.send(to_push, until, again)
        now = self.clock.now()
        pushed = withdrawn | {
            p: self._word(p, to_push[p], answer, batch, now) for p, answer in answers.items()
        }
        for position in open_:
            words = (pushed.get(position), shown.get(position))
            nowhere = planned[position].out_of_reach
            records[position] = combine(batch.records[position], words, now, nowhere)
        self.pushes.tried |= shown.keys() - answers.keys()
        return records

    def _word(
        self, position: int, target: Target, answer: Answer, batch: Batch, now: datetime
    ) -> Record:
        """Record an answer; for an unknown address, until it is decided."""
        last, moved = batch.records[position], target is not batch.targets[position]
        if isinstance(answer, AddressGone):
            self.verdicts.defer(position, target, answer, moved=moved)
            return recorded(RetryLater(answer.code), now, last)
        if isinstance(answer, Misconfigured) and target.address:
            patience = self.verdicts.patience_with(group_of(target.platform, target.address))
            return recorded(answer, now, last, moved=moved, patience=patience)
        return recorded(answer, now, last, moved=moved)

    def _as_they_are_now(
        self, batch: Batch, targets: Mapping[int, Target], now: datetime
    ) -> tuple[dict[int, Target], dict[int, Record]]:
        """Return the targets to push to, and the records of those that are not to be pushed to any
        more.

        The audience was read when sending began, or later; nearly always that was just now.
        """
        addressed = {p: t.hwid for p, t in targets.items() if t.address}
        if not addressed or not stale(self.run.began_at, now):
            return dict(targets), {}
        reach = self.devices.reach(list(addressed.values()))
        found = {
            p: as_it_is_now(targets[p], batch.records[p], reach.get(hwid), now)
            for p, hwid in addressed.items()
        }
        withdrawn = {p: it for p, it in found.items() if isinstance(it, Record)}
        known = {p: it for p, it in found.items() if isinstance(it, Target)}
        return {p: known.get(p, t) for p, t in targets.items() if p not in withdrawn}, withdrawn

    def _show(self, desktops: Mapping[int, Target]) -> dict[int, Record]:
        if not desktops:
            return {}
        writes = [SlotWrite(t.hwid, t.read_version, t.slot) for t in desktops.values()]
        rendered = self.pushes.renderer.slot(self.clock.now())
        return dict(zip(desktops, self.slots.show(rendered, writes), strict=True))
