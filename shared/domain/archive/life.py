"""A notification's life as its archived lines tell it, and whether they contradict each other.

Everything is computed anew from single lines: counters from outcomes, the status from the last
transition. What the archive itself says about the sums is only compared with that.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Any

from shared.domain.archive.lines import (
    BadLine,
    Final,
    changed_facts,
    entry_from,
    final_from,
    record_from,
)
from shared.domain.archive.objects import Kind, Place
from shared.domain.delivery.ledger import Record, tally
from shared.domain.notifications.history import Entry, broken_links
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification
from shared.domain.tally import Tally


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A fact that cannot be so: which kind of thing, where, and what is wrong."""

    code: str
    where: str
    what: str


@dataclass(slots=True)
class Life:
    """Built up object by object; ``on_outcome`` gets every outcome that passes."""

    on_outcome: Callable[[Mapping[str, Any], Record], None] | None = None
    entries: list[Entry] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    platforms: Counter[str] = field(default_factory=Counter)
    sequences: Counter[tuple[Kind, int]] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    lines: int = 0

    def add(self, place: Place, content: bytes) -> Iterator[tuple[int, str]]:
        """Take an object's lines; the number of each that cannot be one, and why."""
        self.sequences[place.kind, place.sequence] += 1
        records: list[Record] = []
        for number, line in enumerate(content.split(b"\n")[:-1], start=1):
            self.lines += 1
            try:
                self._take(place, line, records)
            except BadLine as bad:
                yield number, str(bad)
        self.tally += tally(records)

    def _take(self, place: Place, line: bytes, records: list[Record]) -> None:
        if place.kind is Kind.TRANSITIONS:
            fields, entry = entry_from(line)
            _require_of(place, fields)
            self.entries.append(entry)
        elif place.kind is Kind.NOTIFICATIONS:
            final = final_from(line)
            _require_of(place, final.line)
            self.finals.append(final)
        else:
            fields, record = record_from(line)
            _require_of(place, fields)
            records.append(record)
            self.platforms[str(fields.get("platform"))] += 1
            if record.at is not None:
                self.first_at = min(self.first_at or record.at, record.at)
                self.last_at = max(self.last_at or record.at, record.at)
            if self.on_outcome:
                self.on_outcome(fields, record)

    @property
    def status(self) -> Status | None:
        """The status the last transition led to."""
        return self.entries[-1].status if self.entries else None

    @property
    def final(self) -> Final | None:
        """The line that says how it ended."""
        return self.finals[0] if self.finals else None

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """List what cannot be so, by the archive alone: code and sentence."""
        for number in broken_links(self.entries):
            yield "brokenHistory", f"transition {number} does not follow from the one before it"
        for (kind, number), times in sorted(self.sequences.items()):
            if times > 1:
                yield "twice", f"there are {times} objects of {kind} with the number {number}"
        for kind in Kind:
            numbers = sorted(n for of, n in self.sequences if of is kind)
            if numbers != list(range(1, len(numbers) + 1)):
                yield "gap", f"the objects of {kind} have the numbers {numbers}"
        if self.final is None:
            yield "noRecord", "there is no line that tells how it ended"
            return
        if self.final.status is not self.status:
            yield "status", f"its record says {self.final.status}, its history {self.status}"
        last = self.entries[-1].hash if self.entries else ""
        if (self.final.history_count, self.final.history_hash) != (len(self.entries), last):
            yield "history", "its record names another last transition than its history has"
        if unequal := _unequal(self.final.tally, self.tally):
            yield "counters", f"its record and its outcomes do not agree: {unequal}"

    def differences(self, it: Notification, history: Sequence[Entry]) -> Iterator[tuple[str, str]]:
        """List what Firestore says and the archive does not: code and sentence."""
        if it.status is not self.status:
            yield "status", f"Firestore says {it.status}, the archive {self.status}"
        last = self.entries[-1].hash if self.entries else ""
        if (it.head.count, it.head.hash) != (len(self.entries), last):
            yield "history", "Firestore has another history than the archive"
        both = enumerate(zip_longest(history, self.entries), start=1)
        other = next((number for number, (theirs, ours) in both if theirs != ours), None)
        if other is not None:
            yield "history", f"Firestore has another transition {other} than the archive"
        if self.final and (names := changed_facts(self.final.line, it)):
            yield "record", f"Firestore says otherwise than the archive: {', '.join(names)}"
        if unequal := _unequal(it.tally, self.tally):
            yield "counters", f"Firestore and the archive do not agree: {unequal}"


def _require_of(place: Place, line: Mapping[str, Any]) -> None:
    """Hashes of a history do not say whose it is; its lines do."""
    if (line.get("notificationId"), line.get("providerId")) != (
        place.notification_id,
        place.provider_id,
    ):
        raise BadLine("it is about another notification than its object's name says")


def _unequal(left: Tally, right: Tally) -> str:
    wrong = [
        f"{name} {_sums_text(one)} and {_sums_text(other)}"
        for name, one, other in left.unlike(right)
    ]
    return ", ".join(wrong)


def _sums_text(sums: int | Mapping[str, int]) -> str:
    return f"{sums:,}" if isinstance(sums, int) else f"{dict(sums)}"
