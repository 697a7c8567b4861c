"""Answers to the addresses of one batch, beside what the run's other batches heard.

Batches of this process tell one another. What others' batches were answered is read from the
ledger, but only where something grave would otherwise be decided without it; and an earlier
notification, only where addresses are unknown: the ordinary batch reads nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.domain.delivery.evidence import (
    NONE_NEWER,
    Evidence,
    Group,
    Refusal,
    added,
    group_of,
    is_unknown,
    newer_of,
    recorded_evidence,
    refused_to_all,
    undecided_addresses,
)
from shared.domain.delivery.ledger import Batch, BatchId, Newness, Target
from shared.domain.delivery.run import RunId
from shared.domain.push.answers import AddressGone, Answer, RetryLater
from shared.ports import Clock, RunMemory

if TYPE_CHECKING:
    from shared.stores.ledger import Ledger

Compare = Callable[[Batch], Mapping[int, Newness] | None]
"""Tells how new a batch's addresses are, by position; ``None`` when it cannot be told just now."""


@dataclass(slots=True)
class PassEvidence:
    """Evidence of one pass over a batch, and what the batch's records tell of earlier passes."""

    id: RunId
    batch: BatchId
    memory: RunMemory
    ledger: Ledger
    clock: Clock
    compare: Compare
    own: dict[Group, Evidence] = field(default_factory=dict)
    undecided: dict[Group, dict[str, Newness]] = field(default_factory=dict)
    """How new the addresses are that earlier passes found unknown, while nothing else is heard of
    them: they count as unknown until they are asked again, or other threads would go by too few.
    """
    refusals: dict[Group, Refusal] = field(default_factory=dict)
    """The last refusal that a group met in this pass."""
    met_unknown: bool = False
    """Whether an earlier pass already met unknown addresses."""

    def recall(self, batch: Batch) -> None:
        """Form the evidence that the batch's records tell, and note it in the process's memory."""
        self.own = recorded_evidence(batch)
        self.undecided = undecided_addresses(batch)
        self.met_unknown = any(map(is_unknown, batch.records))
        self._note(self.own.keys() | self.undecided.keys())

    def ask_ledger(self) -> None:
        """Read what batches sent by other processes were answered, unless that was just done."""
        if self.memory.may_ask(self.id, self.clock.now()):
            self.memory.recall(self.id, dict(self.ledger.evidence(self.id)))

    def is_last(self) -> bool:
        """Tell whether no other batch of the run can add anything."""
        planned = all(part.done for part in self.ledger.parts(self.id))
        return planned and self.ledger.open_batches(self.id) <= 1

    def others_are_silent(self) -> bool:
        """Tell whether any other batch of the run is still to tell what it is answered: it waits,
        its owner is at work or died, or it is not even planned.
        """
        if self.memory.silent(self.id) - {self.batch}:
            return True
        return not all(part.done for part in self.ledger.parts(self.id))

    def learn(self, answers: Iterable[tuple[Group, str, Answer]]) -> None:
        """Add the answers that addresses, each with its group, were given just now."""
        by_group: defaultdict[Group, list[tuple[str, Answer]]] = defaultdict(list)
        for group, address, answer in answers:
            by_group[group].append((address, answer))
            if isinstance(answer, Refusal):
                self.refusals[group] = answer
            if not isinstance(answer, AddressGone | RetryLater):
                self.undecided.get(group, {}).pop(address, None)
        self.own |= {g: self.own.get(g, Evidence()).after(some) for g, some in by_group.items()}
        self._note(by_group)

    def anybody_accepted(self, group: Group) -> bool:
        """Tell whether any address of the group was accepted, in whichever batch."""
        own = self.own.get(group)
        return bool(own and own.accepted) or self.memory.evidence(self.id, group).accepted > 0

    def agreed(self, group: Group) -> str:
        """Return the refusal that is believed of the whole group; empty when none is."""
        own = self.own.get(group)
        return "" if own and own.accepted else self.memory.evidence(self.id, group).agreed

    def agreed_everywhere(self, group: Group) -> str:
        """Ask the ledger before a refusal is believed of the whole group, and return the refusal;
        empty when none is.
        """
        if self.agreed(group):
            self.ask_ledger()
        return self.agreed(group)

    def refused_to_all(self, group: Group, code: str) -> bool:
        """Tell whether several met a refusal and nobody of the run was accepted."""
        if not refused_to_all(self.memory.evidence(self.id, group), code):
            return False
        self.ask_ledger()
        return refused_to_all(self.memory.evidence(self.id, group), code)

    def newness(self, batch: Batch, unknown: bool) -> Mapping[int, Newness] | None:
        """Compare the batch with an earlier notification, if any of its addresses are unknown, or
        of the run's new ones any: else the good ones of other batches would not be counted.
        """
        return self.compare(batch) if unknown or self.met_unknown or self._of_newer() else {}

    def _of_newer(self) -> bool:
        services = {group.service for group in self.own}
        by_service = (self.memory.service_evidence(self.id, it) for it in services)
        return any(it.among(Newness.RENEWED).unknown for it in by_service)

    def learn_unknown(self, batch: Batch, unknown: Mapping[int, Target]) -> None:
        """Count unknown addresses of the batch, when it is decided what becomes of them, each once;
        and how new they and the accepted ones are.
        """
        newness_by_address = {
            (group_of(it.platform, it.address), it.address.value): batch.newness.get(position)
            for position, it in unknown.items()
            if it.address
        }
        by_group = recorded_evidence(batch)
        newer = {
            group: by_group[group].newer if group in by_group else NONE_NEWER for group in self.own
        }
        for (group, address), newness in newness_by_address.items():
            self.undecided.get(group, {}).pop(address, None)
            own = self.own.get(group, Evidence())
            self.own[group] = replace(own, unknown=own.unknown + 1)
            more = newer_of(newness or Newness.KNOWN, unknown=1)
            newer[group] = added(newer.get(group, NONE_NEWER), more)
        self.own |= {group: replace(self.own[group], newer=it) for group, it in newer.items()}
        self._note(self.own)

    def _note(self, groups: Iterable[Group]) -> None:
        evidence = {it: self.own.get(it, Evidence()) for it in groups}
        pending = {it: self.undecided.get(it, {}).values() for it in evidence}
        noted = {it: own.with_unknown(pending[it]) for it, own in evidence.items()}
        self.memory.note(self.id, self.batch, noted)

    def of_unknown(self, group: Group, newness: Newness) -> Sequence[Evidence]:
        """Return the evidence that tells whether unknown addresses of a group are dead: of all, and
        of those alone that are at least as new as each degree up to theirs.

        It is what was heard of the group or, where that are few addresses, of all of its app at its
        push service. The ledger is asked where any of it tells little, or would have addresses
        kept, or may do so soon.
        """
        evidence = self._of_unknown(group, newness)
        of_all, *of_new = evidence
        wanting = of_all.tells_little or any(it.is_unclear for it in of_new)
        if wanting or any(it.flooded for it in evidence):
            self.ask_ledger()
            evidence = self._of_unknown(group, newness)
        return evidence

    def _of_unknown(self, group: Group, newness: Newness) -> Sequence[Evidence]:
        of_group = self.memory.evidence(self.id, group)
        wider = self.memory.service_evidence(self.id, group.service)
        return [of_group.among(it).or_else(wider.among(it)) for it in Newness if it <= newness]
