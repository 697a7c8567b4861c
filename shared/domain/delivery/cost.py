"""The cost of a push by list price: operations counted per device, times Google's prices.

The formula follows the design: a read for every device of the audience, a document for every 500 of
them, a ledger write for every 50. A test counts the operations of a real fan-out on the emulators
and holds the formula to within a twentieth of them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Final

from shared.domain.audience.targeting import partition_ranges
from shared.domain.delivery.ledger import BATCH_SIZE, CHUNK_SIZE

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollar prices: regional Firestore in Standard edition, Cloud Tasks, Cloud Run functions."""

    read: float = 0.03 / 100_000
    write: float = 0.09 / 100_000
    task_operation: float = 0.40 / MILLION
    cpu_second: float = 0.000024


LIST: Final = Prices()


@dataclass(frozen=True, slots=True)
class Operations:
    """Operations that a fan-out to ``devices`` was billed, or is expected to be."""

    devices: int
    reads: float
    writes: float
    task_operations: float
    cpu_seconds: float

    @property
    def dollars(self) -> float:
        """The price of the operations at list price."""
        return (
            self.reads * LIST.read
            + self.writes * LIST.write
            + self.task_operations * LIST.task_operation
            + self.cpu_seconds * LIST.cpu_second
        )


def dollars_per_million(operations: Operations) -> float:
    """Calculate the price of a million devices at this rate."""
    return operations.dollars * MILLION / operations.devices


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes in which an audience is cut: devices per batch and chunk, per page that is read, per
    plan part.
    """

    page: int
    part: int
    batch: int = BATCH_SIZE
    chunk: int = CHUNK_SIZE


@dataclass(frozen=True, slots=True)
class Audience:
    """Devices the notification goes to: shares between 0 and 1 of desktops, and of phones with a
    dead address.
    """

    devices: int
    desktops: float = 0.0
    dead: float = 0.0


@dataclass(frozen=True, slots=True)
class Term:
    """One reason to be billed."""

    why: str
    operations: Operations


def terms(audience: Audience, layout: Layout, cpu_us_per_device: float) -> tuple[Term, ...]:
    """List everything one notification costs, from its approval to its last count."""
    devices = audience.devices
    parts = len(partition_ranges(devices, devices_each=layout.part))
    pages = parts * ceil(devices / parts / layout.page)
    batches = _batches(devices, parts, layout)
    chunks = sum(ceil(size / layout.chunk) * number for size, number in batches.items())
    number = sum(batches.values())
    gone = devices * (1 - audience.desktops) * audience.dead

    def term(
        why: str, reads: float = 0.0, writes: float = 0.0, tasks: float = 0.0, cpu: float = 0.0
    ) -> Term:
        return Term(why, Operations(devices, reads, writes, 2 * tasks, cpu))

    return (
        term("audience read", reads=devices + ceil(devices / _COUNTED_PER_READ)),
        term(
            "planning",
            reads=_PLAN.reads + pages + parts * (1 + _PART.reads),
            writes=_PLAN.writes + pages + number + parts * _PART.writes,
            tasks=1 + (parts if parts > 1 else 0),
        ),
        term(
            "batches",
            reads=number * _BATCH.reads,
            writes=number * _BATCH.writes,
            tasks=number,
        ),
        term("stop looked for", reads=2 * chunks),
        term("ledger", writes=chunks),
        term("desktops written", writes=devices * audience.desktops),
        term("dead addresses dropped", reads=gone, writes=gone),
        term("counted and closed", reads=number + parts + _END.reads, writes=_END.writes),
        term("processor", cpu=devices * cpu_us_per_device / MILLION),
    )


def total(several: Iterable[Term]) -> Operations:
    """Sum up the operations of all terms."""
    each = [it.operations for it in several]
    return Operations(
        each[0].devices,
        sum(it.reads for it in each),
        sum(it.writes for it in each),
        sum(it.task_operations for it in each),
        sum(it.cpu_seconds for it in each),
    )


@dataclass(frozen=True, slots=True)
class _Each:
    """Operations that come with every one of a kind, whatever its size."""

    reads: int
    writes: int


_PLAN = _Each(reads=8, writes=4)
_PART = _Each(reads=3, writes=2)
_BATCH = _Each(reads=4, writes=1)
_END = _Each(reads=8, writes=2)
_COUNTED_PER_READ = 1_000


def _batches(devices: int, parts: int, layout: Layout) -> dict[int, int]:
    """Count the batches by size: each page is cut into full batches and a rest."""
    found: Counter[int] = Counter()
    left = ceil(devices / parts)
    while left > 0:
        page = min(left, layout.page)
        found[layout.batch] += parts * (page // layout.batch)
        if rest := page % layout.batch:
            found[rest] += parts
        left -= page
    return dict(found)
