"""Decisions that need more than one answer of a pass over a batch.

That an address is unknown to its push service ends its device at once no more: the address is
dropped at the end of the pass, unless so many are unknown that it is we who are wrong: of all, or,
for an address that no earlier notification reached, of those like it. While too few of them are
known to tell, the address is asked for again. And a device that was held back because of what many
others met ends with them, once that has lasted, so that other processes had the time to record whom
they got through to.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.domain.delivery.evidence import Evidence, Group, Refusal, group_of, judged
from shared.domain.delivery.ledger import Batch, Newness, Record, Target
from shared.domain.delivery.recording import combine, recorded
from shared.domain.delivery.retry import BESIDE_ACCEPTED
from shared.domain.push.answers import AddressGone, Answer, Misconfigured
from shared.domain.push.reactions import NOTHING_ASKED
from shared.flow.delivery.pass_evidence import PassEvidence

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadAddress:
    """An address that its push service knows no more, and whose it was when it was sent to."""

    hwid: str
    value: str
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Results:
    """Decisions of a pass: a record per position, addresses to drop, and how new those are that
    were answered, where that was asked.
    """

    records: Mapping[int, Record]
    dead: Sequence[DeadAddress] = ()
    newness: Mapping[int, Newness] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A device whose address is unknown; ``moved`` there since the audience was read."""

    target: Target
    answer: AddressGone
    moved: bool

    @property
    def dead(self) -> DeadAddress:
        """The address to drop."""
        return DeadAddress(self.target.hwid, self.target.address_value, self.answer.as_of)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Decisions of one pass over a batch."""

    evidence: PassEvidence
    patience: timedelta
    _unknown: dict[int, _Unknown] = field(default_factory=dict)

    def patience_with(self, group: Group) -> timedelta:
        """Return how long our configuration must be refused to a device of the group to end it."""
        return self.patience * (BESIDE_ACCEPTED if self.evidence.anybody_accepted(group) else 1)

    def defer(self, position: int, target: Target, answer: AddressGone, *, moved: bool) -> None:
        """Leave for later what becomes of an address that is unknown."""
        self._unknown[position] = _Unknown(target, answer, moved)

    def decide(
        self, batch: Batch, now: datetime, *, through: bool = False, ending: bool = False
    ) -> Results:
        """Decide what can be decided now; of devices held back only when the pass is ``through``,
        and of unknown addresses all that are left when the batch is ``ending``.
        """
        records: dict[int, Record] = {}
        dead: list[DeadAddress] = []
        newness = self.evidence.newness(batch, unknown=bool(self._unknown))
        if newness is None:
            self._unknown.clear()
        elif self._unknown or newness:
            batch = replace(batch, newness=newness)
            self.evidence.learn_unknown(batch, {p: it.target for p, it in self._unknown.items()})
        for (group, new), positions in self._groups(batch.newness).items():
            evidence = self.evidence.of_unknown(group, new)
            if not ending and self._may_change(evidence, batch.first_attempt_at, now):
                continue
            answer = self._judge(group, positions, evidence)
            for position in positions:
                it = self._unknown[position]
                word = recorded(answer or it.answer, now, batch.records[position], moved=it.moved)
                records[position] = combine(batch.records[position], (word, None), now)
                if answer is None:
                    dead.append(it.dead)
        self._unknown.clear()
        if through:
            records |= self._of_groups(batch.recorded(records), now)
        return Results(records, dead, batch.newness)

    def _may_change(
        self, evidence: Sequence[Evidence], since: datetime | None, now: datetime
    ) -> bool:
        """Tell whether too few addresses are known to decide, and others may still be answered."""
        of_all, *of_new = evidence
        unclear = any(it.is_unclear for it in of_new)
        if not (unclear or of_all.tells_little) or self.evidence.is_last():
            return False
        return self._is_early(since, now) or (unclear and self.evidence.others_are_silent())

    def _is_early(self, since: datetime | None, now: datetime) -> bool:
        """Tell whether others may still have to say what would change the verdict."""
        return since is None or now - since < self.patience

    def _groups(
        self, newness: Mapping[int, Newness]
    ) -> Mapping[tuple[Group, Newness], Sequence[int]]:
        groups: defaultdict[tuple[Group, Newness], list[int]] = defaultdict(list)
        for position, it in self._unknown.items():
            if it.target.address:
                group = group_of(it.target.platform, it.target.address)
                groups[group, newness.get(position, Newness.KNOWN)].append(position)
        return groups

    def _judge(
        self, group: Group, positions: Sequence[int], evidence: Sequence[Evidence]
    ) -> Answer | None:
        """Decide what the addresses are recorded as instead of unknown."""
        answers = [self._unknown[p].answer for p in positions]
        for newness, part in zip(Newness, evidence, strict=False):
            if answer := judged(group, part, answers):
                name, new = group.service.log_name, " new" if newness else ""
                details = (name, answer.code, self.evidence.id, part.unknown, part.conclusive, new)
                log.error("%s: %s, notification %s, %d of %d%s addresses are unknown", *details)
                return answer
        return None

    def _of_groups(self, batch: Batch, now: datetime) -> dict[int, Record]:
        """End the devices of which others' refusal is believed."""
        records: dict[int, Record] = {}
        for group, refusal in self.evidence.refusals.items():
            if self.evidence.agreed_everywhere(group) != refusal.code:
                continue
            waiting = {p: batch.records[p] for p in _positions_waiting(batch, group, refusal)}
            met = (r.at for r in waiting.values() if r.code == refusal.code and r.at)
            since = min(met, default=batch.first_attempt_at)
            passes = isinstance(refusal, Misconfigured)
            if self._is_early(since, now) and (passes or not self.evidence.is_last()):
                continue
            for position, last in waiting.items():
                records[position] = combine(last, (recorded(refusal, now, last), None), now)
        return records


def _positions_waiting(batch: Batch, group: Group, refusal: Refusal) -> Iterator[int]:
    """Yield the open positions of a group that met nothing else."""
    for position in batch.open_positions():
        target, code = batch.targets[position], batch.records[position].code
        of_group = target.address and group_of(target.platform, target.address) == group
        if of_group and (code == refusal.code or code in NOTHING_ASKED):
            yield position
