"""Decisions that need more than one answer of a pass over a batch.

That an address is unknown to its push service ends its device at once no more: the address is
dropped at the end of the pass, unless so many are unknown that it is we who are wrong. While too
few addresses of the run are known to tell, the address is asked for again. And a device that was
held back because of what many others met ends with them, once that has lasted, so that other
processes had the time to record whom they got through to.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.delivery.evidence import Evidence, Group, Refusal, group_of, judged
from shared.domain.delivery.ledger import Batch, Record, Target
from shared.domain.delivery.recording import recorded, together
from shared.domain.delivery.retry import BESIDE_ACCEPTED
from shared.domain.push.answers import AddressGone, Answer, Misconfigured
from shared.domain.push.reactions import NOTHING_ASKED
from shared.flow.delivery.heard import Heard

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadAddress:
    """An address that its push service knows no more, and whose it was when it was sent to."""

    hwid: str
    value: str
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Results:
    """Decisions of a pass: a record per position, and addresses to drop."""

    records: Mapping[int, Record]
    gone: Sequence[DeadAddress] = ()


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

    heard: Heard
    patience: timedelta
    _unknown: dict[int, _Unknown] = field(default_factory=dict)

    def patience_with(self, group: Group) -> timedelta:
        """Return how long our configuration must be refused to a device of the group to end it."""
        return self.patience * (BESIDE_ACCEPTED if self.heard.anybody_accepted(group) else 1)

    def defer(self, position: int, target: Target, answer: AddressGone, *, moved: bool) -> None:
        """Leave for later what becomes of an address that is unknown."""
        self._unknown[position] = _Unknown(target, answer, moved)

    def reached(
        self, batch: Batch, now: datetime, *, through: bool = False, ending: bool = False
    ) -> Results:
        """Decide what can be decided now; of devices held back only when the pass is ``through``,
        and of unknown addresses all that are left when the batch is ``ending``.
        """
        records: dict[int, Record] = {}
        gone: list[DeadAddress] = []
        groups = self._groups()
        for group, positions in groups.items():
            self.heard.learn_unknown(
                group, {self._unknown[p].target.address_value for p in positions}
            )
        early = not ending and self._is_early(batch.first_attempt_at, now)
        for group, positions in groups.items():
            evidence = self.heard.of_unknown(group)
            if early and evidence.tells_little and not self.heard.is_last():
                continue
            answer = self._judged(group, positions, evidence)
            for position in positions:
                it = self._unknown[position]
                word = recorded(answer or it.answer, now, batch.records[position], moved=it.moved)
                records[position] = together(batch.records[position], (word, None), now)
                if answer is None:
                    gone.append(it.dead)
        self._unknown.clear()
        if through:
            records |= self._of_groups(batch.recorded(records), now)
        return Results(records, gone)

    def _is_early(self, since: datetime | None, now: datetime) -> bool:
        """Tell whether others may still have to say what would change the verdict."""
        return since is None or now - since < self.patience

    def _groups(self) -> Mapping[Group, Sequence[int]]:
        groups: defaultdict[Group, list[int]] = defaultdict(list)
        for position, it in self._unknown.items():
            if it.target.address:
                groups[group_of(it.target.platform, it.target.address)].append(position)
        return groups

    def _judged(self, group: Group, positions: Sequence[int], evidence: Evidence) -> Answer | None:
        """Decide what the addresses are recorded as instead of unknown."""
        answer = judged(group, evidence, [self._unknown[p].answer for p in positions])
        if answer is not None:
            unknown, of = evidence.unknown, evidence.told_of
            told = (group.kind.upper(), answer.code, self.heard.id, unknown, of)
            log.error("%s: %s, notification %s, %d of %d addresses are unknown", *told)
        return answer

    def _of_groups(self, batch: Batch, now: datetime) -> dict[int, Record]:
        """End the devices of which others' refusal is believed."""
        found: dict[int, Record] = {}
        for group, refusal in self.heard.refusals.items():
            if self.heard.agreed_everywhere(group) != refusal.code:
                continue
            waiting = {p: batch.records[p] for p in _waiting(batch, group, refusal)}
            met = (r.at for r in waiting.values() if r.code == refusal.code and r.at)
            since = min(met, default=batch.first_attempt_at)
            passes = isinstance(refusal, Misconfigured)
            if self._is_early(since, now) and (passes or not self.heard.is_last()):
                continue
            for position, last in waiting.items():
                found[position] = together(last, (recorded(refusal, now, last), None), now)
        return found


def _waiting(batch: Batch, group: Group, refusal: Refusal) -> Iterator[int]:
    """Yield the open positions of a group that met nothing else."""
    for position in batch.open_positions():
        target, code = batch.targets[position], batch.records[position].code
        of_group = target.address and group_of(target.platform, target.address) == group
        if of_group and (code == refusal.code or code in NOTHING_ASKED):
            yield position
