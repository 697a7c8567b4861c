"""The history of a notification, as a chain that nobody can edit without being noticed.

Every entry carries the hash of the one before it, so that an altered, missing or reordered entry
breaks the chain from there on. The head of the chain stands on the notification itself and is
written in the same transaction.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum

from shared.domain.notifications.lifecycle import Status

GENESIS = ""


class Note(StrEnum):
    """An entry besides the moves of the lifecycle: the status stays as it was."""

    EDIT = "edit"
    TEST = "test"
    CLAIM = "claim"
    RELEASE = "release"
    ENDORSE = "endorse"
    FINDINGS = "findings"
    DOMAIN_LOST = "domainLost"


@dataclass(frozen=True, slots=True)
class Entry:
    """One link: which move led from where to where, by whom, when and why."""

    number: int
    move: str
    origin: Status | None
    status: Status
    actor: str
    at: datetime
    reason: str
    revision: int
    previous: str
    hash: str = ""

    def sealed(self) -> "Entry":
        """Return this entry with its hash, computed over every other field."""
        facts = {name: getattr(self, name) for name in _FACTS}
        facts["at"] = self.at.isoformat()
        text = json.dumps(facts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return replace(self, hash=hashlib.sha256(text.encode()).hexdigest())


_FACTS = tuple(it.name for it in fields(Entry) if it.name != "hash")


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Length of the chain and the hash it ends with, as the notification itself says."""

    count: int = 0
    hash: str = GENESIS


def broken_links(entries: Iterable[Entry]) -> list[int]:
    """List the numbers of entries that do not follow from the one before."""
    wrong, previous = [], GENESIS
    for expected, entry in enumerate(entries, start=1):
        sound = (
            entry.number == expected
            and entry.previous == previous
            and entry.sealed().hash == entry.hash
        )
        if not sound:
            wrong.append(entry.number)
        previous = entry.hash
    return wrong


def chain_faults(entries: Sequence[Entry], count: int, head: str) -> list[str]:
    """List the faults of a chain that should have ``count`` entries and end with ``head``.

    The links alone cannot show that entries were cut off at the end; the notification's own word
    of its head does.
    """
    faults = [
        f"entry {number} was altered, or does not follow from the one before it"
        for number in broken_links(entries)
    ]
    if len(entries) != count:
        faults.append(f"the notification has {count} entries and {len(entries)} are there")
    if (entries[-1].hash if entries else GENESIS) != head:
        faults.append("the chain does not end where the notification says it ends")
    return faults
