"""Answers to the addresses of one batch, beside what the run's other batches heard.

Batches of this process tell one another. What others' batches were answered is read from the
ledger, but only where something grave would otherwise be decided without it: the ordinary batch
reads nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from shared.domain.delivery.evidence import (
    Evidence,
    Group,
    Refusal,
    recorded_evidence,
    refused_to_all,
)
from shared.domain.delivery.ledger import Batch, BatchId
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.answers import Answer
from shared.ports import Clock, Ledger, RunMemory


@dataclass(slots=True)
class Heard:
    """Evidence of one pass over a batch, and what the batch's records tell of earlier passes."""

    id: NotificationId
    batch: BatchId
    memory: RunMemory
    ledger: Ledger
    clock: Clock
    own: dict[Group, Evidence] = field(default_factory=dict)
    refusals: dict[Group, Refusal] = field(default_factory=dict)
    """The last refusal that a group met in this pass."""

    @classmethod
    def before(
        cls, id: NotificationId, batch: Batch, memory: RunMemory, ledger: Ledger, clock: Clock
    ) -> "Heard":
        """Form the evidence that the batch's records tell, and note it in the process's memory."""
        own = recorded_evidence(batch.targets, batch.records)
        memory.note(id, batch.id, own)
        return cls(id, batch.id, memory, ledger, clock, own)

    def ask_ledger(self) -> None:
        """Read what batches sent by other processes were answered, unless that was just done."""
        if self.memory.may_ask(self.id, self.clock.now()):
            for batch, kept in self.ledger.evidence(self.id):
                self.memory.recall(self.id, batch, kept)

    def is_last(self) -> bool:
        """Tell whether no other batch of the run can add anything."""
        planned = all(part.done for part in self.ledger.parts(self.id))
        return planned and self.ledger.open_batches(self.id) <= 1

    def learn(self, answers: Iterable[tuple[Group, str, Answer]]) -> None:
        """Add the answers that addresses, each with its group, were given just now."""
        by_group: defaultdict[Group, list[tuple[str, Answer]]] = defaultdict(list)
        for group, address, answer in answers:
            by_group[group].append((address, answer))
            if isinstance(answer, Refusal):
                self.refusals[group] = answer
        changed = {g: self.own.get(g, Evidence()).after(some) for g, some in by_group.items()}
        self.own |= changed
        self.memory.note(self.id, self.batch, changed)

    def anybody_accepted(self, group: Group) -> bool:
        """Tell whether any address of the group was accepted, in whichever batch."""
        own = self.own.get(group)
        return bool(own and own.accepted) or self.memory.heard(self.id, group).accepted > 0

    def agreed(self, group: Group) -> str:
        """Return the refusal that is believed of the whole group; empty when none is."""
        own = self.own.get(group)
        return "" if own and own.accepted else self.memory.heard(self.id, group).agreed

    def agreed_everywhere(self, group: Group) -> str:
        """Ask the ledger before a refusal is believed of the whole group, and return the refusal;
        empty when none is.
        """
        if self.agreed(group):
            self.ask_ledger()
        return self.agreed(group)

    def refused_to_all(self, group: Group, code: str) -> bool:
        """Tell whether several met a refusal and nobody of the run was accepted."""
        if not refused_to_all(self.memory.heard(self.id, group), code):
            return False
        self.ask_ledger()
        return refused_to_all(self.memory.heard(self.id, group), code)

    def learn_unknown(self, group: Group, addresses: Collection[str]) -> None:
        """Count unknown addresses of the batch, when it is decided what becomes of them."""
        own = self.own.get(group, Evidence())
        now = Evidence(own.accepted, own.unknown + len(addresses), own.refused)
        self.own[group] = now
        self.memory.note(self.id, self.batch, {group: now})

    def of_unknown(self, group: Group) -> Evidence:
        """Return the evidence that tells whether the unknown addresses of a group are dead: what
        was heard of the group or, where that are few addresses, of all of its push service. The
        ledger is asked where the evidence tells little, or would have addresses kept.
        """
        found = self._of_unknown(group)
        if found.tells_little or found.flooded:
            self.ask_ledger()
            found = self._of_unknown(group)
        return found

    def _of_unknown(self, group: Group) -> Evidence:
        found = self.memory.heard(self.id, group)
        return found.or_else(self.memory.heard_of_all(self.id, group.kind))
