"""The ledger of a distribution: its batches, and what is recorded of each device.

What is finally recorded for a device is a ``Record``: exactly one per targeted device, kept in the
batch that targeted it. Counters are always computed from records and never added up on the side,
so that a repeated task cannot count twice:
targeted = delivered + failed + skipped + unknown + open.
"""

import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final, NewType, TypeVar

from shared.domain.audience.device import (
    DEFAULT_APP,
    AppId,
    PushAddress,
    Slot,
    held_back,
    out_of_reach,
    polls,
)
from shared.domain.delivery.ramp import Ramp
from shared.domain.delivery.run import RunId
from shared.domain.tally import ENDS, Tally

BATCH_SIZE = 500
CHUNK_SIZE = 50
"""Devices per ledger write: what a crash can re-send at most."""

MOST_BATCH_BYTES = 600_000
"""A batch is one document, which Firestore bounds at 1 MiB, with room left for its records."""

MOST_TARGET_BYTES = 9_000
"""Of one device, when every character is escaped; a page of 2,000 that are not is still one write,
which Firestore bounds at 10 MiB.
"""

BatchId = NewType("BatchId", str)
T = TypeVar("T")


# ---- targets and records ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """One device of a batch, as it was when the audience was read.

    ``read_version`` is the device document's version at that moment; a desktop's slot is written
    on the condition that it still holds. ``unreadable`` names the fields that could not be read.
    """

    hwid: str
    platform: str
    locale: str = ""
    address: PushAddress | None = None
    consent: bool = True
    slot: Slot | None = None
    read_version: str = ""
    unreadable: tuple[str, ...] = ()

    @property
    def stored_bytes(self) -> int:
        """Room that the target takes in a batch at most, in bytes, whatever characters its texts
        are of.
        """
        text = "".join(self._texts)
        return 300 + (2 if text.isascii() and text.isprintable() else 6) * len(text)

    @property
    def fits(self) -> bool:
        """True when any batch should hold the target. No real device takes more room; a client
        plays tricks.
        """
        return sum(map(len, self._texts)) < 1_000 or self.stored_bytes <= MOST_TARGET_BYTES

    def cut_down(self) -> "Target":
        """Return the device in little room: without what takes much, which counts as unreadable."""
        odd = {*self.unreadable, "pushAddress"}
        bare = replace(self, locale="", slot=None, address=None, unreadable=tuple(sorted(odd)))
        return bare if bare.fits else replace(bare, platform="")

    @property
    def held_back(self) -> str:
        """Reason why nothing may be sent to the device, as a code; empty when something may."""
        return held_back(self.consent, self.unreadable)

    @property
    def out_of_reach(self) -> str:
        """Reason why the device is not reached where it has no address and does not poll, as a
        code.
        """
        return out_of_reach(self.unreadable)

    @property
    def _texts(self) -> tuple[str, ...]:
        address, slot = self.address, self.slot
        reached = (address.value, address.environment) if address else ()
        app = () if self.app == DEFAULT_APP else (self.app,)
        return (self.hwid, self.platform, self.locale, slot.id if slot else "", *reached, *app)

    @property
    def app(self) -> AppId:
        """The app that the address is of; the default one without an address."""
        return self.address.app if self.address else DEFAULT_APP

    @property
    def address_value(self) -> str:
        """The address alone; empty without an address."""
        return self.address.value if self.address else ""

    @property
    def polls(self) -> bool:
        """True when the device fetches its notification from its own document."""
        return polls(self.platform, self.address)


@dataclass(frozen=True, slots=True)
class AudiencePage:
    """``targets`` with their sort keys; ``last`` is where to go on, ``None`` at the end."""

    targets: tuple[tuple[str, Target], ...]
    last: str | None


class Outcome(StrEnum):
    """How it ended for one device. ``OPEN`` is the absence of an end."""

    OPEN = "open"
    DELIVERED = "delivered"  # accepted by the push service, or the desktop's document written
    FAILED = "failed"  # refused for good, or given up
    SKIPPED = "skipped"  # not sent, on purpose
    UNKNOWN = "unknown"  # sent, but the answer was lost to the end


OPEN: Final = Outcome.OPEN
DELIVERED: Final = Outcome.DELIVERED
"""Python looks a member of an enum up by its name, every time. These are asked for a dozen times
for each device.
"""


@dataclass(frozen=True, slots=True)
class Record:
    """The ledger's word on one device: outcome, the provider's code or receipt, and when.

    While the record is open, ``code`` says what the device met when it was last asked for, ``at``
    when that was (of a refused configuration: since when it is refused), ``ambiguous`` whether any
    attempt may have reached the device, ``receipt`` which half of a desktop reached both ways is
    done, and ``not_before`` until when its push service wants it left alone.
    """

    outcome: Outcome = Outcome.OPEN
    code: str = ""
    receipt: str = ""
    at: datetime | None = None
    ambiguous: bool = False
    dropped: bool = False
    not_before: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Tell whether the device may be asked for."""
        return self.not_before is None or self.not_before <= now


class Newness(IntEnum):
    """Degrees to which an address is new to its push service, as far as the ledger tells."""

    KNOWN = 0  # an earlier notification reached the device at this address, or nobody looked
    RENEWED = 1  # the device was reached, but registered an address since, perhaps the same
    NEW = 2  # the device was not reached


UNTRIED = Record()
_UNDELIVERED = (Outcome.FAILED, Outcome.SKIPPED, Outcome.UNKNOWN)
_ENDS = {name: Outcome(name) for name in ENDS}

RECEIPT_SHOWN = "shown"
"""The receipt of a desktop whose document was written."""

RECEIPT_TAKEN = "taken"
"""Stands for the receipt of a push service that gave none."""


def tally(records: Iterable[Record]) -> Tally:
    """Sum up these records."""
    # Counting a plain list compares identities; a Counter would hash each outcome, 20 times slower.
    known = tuple(records)
    outcomes = [record.outcome for record in known]
    errors = Counter(r.code for r in known if r.outcome in _UNDELIVERED)
    totals = {name: outcomes.count(outcome) for name, outcome in _ENDS.items()}
    totals["targeted"] = len(outcomes)
    return Tally.of(totals, {"errors": dict(sorted(errors.items()))})


# ---- batches ---------------------------------------------------------------------------------


class BatchState(StrEnum):
    """State of a batch: open until every device in it has its outcome, and then closed for ever."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Batch:
    """Up to ``BATCH_SIZE`` devices and their records, owned by one sender at a time.

    ``version`` changes with every write and is the fencing token: a sender that lost its lease
    holds an old version and can no longer write. ``reached`` is the position behind the last chunk
    that was recorded, where the next chunk begins, whichever task is the owner then. ``attempt``
    counts owners, and ``failed_rounds`` how many in a row got nowhere
    (``shared.domain.delivery.retry``). ``newness`` is what the owner found out of the addresses, by
    position; only sums of it are stored.
    """

    id: BatchId
    run_id: RunId
    stream: int
    partition: int
    first_key: str
    targets: tuple[Target, ...]
    records: tuple[Record, ...]
    state: BatchState = BatchState.OPEN
    reached: int = 0
    attempt: int = 0
    failed_rounds: int = 0
    lease_owner: str = ""
    lease_until: datetime | None = None
    retry_at: datetime | None = None
    wake_at: datetime | None = None
    first_attempt_at: datetime | None = None
    sweeps: int = 0
    created_at: datetime | None = None
    newness: Mapping[int, Newness] = field(default_factory=dict)
    version: str = ""

    @property
    def tally(self) -> Tally:
        """The sums of this batch."""
        return tally(self.records)

    def open_positions(self) -> list[int]:
        """List where in the batch devices still wait for their outcome."""
        return [i for i, r in enumerate(self.records) if r.outcome is OPEN]

    def due_at(self, now: datetime) -> datetime:
        """Calculate when the first open device may be asked for; ``now`` at the earliest."""
        waits = (self.records[p].not_before or now for p in self.open_positions())
        return max(now, min(waits, default=now))

    def chunks(self) -> Iterator[list[int]]:
        """Yield the open positions, ``CHUNK_SIZE`` at a time, in turn: owners with little time get
        through the whole batch in the end.
        """
        waiting = self.open_positions()
        ahead = bisect_left(waiting, self.reached)
        for part in (waiting[ahead:], waiting[:ahead]):
            for start in range(0, len(part), CHUNK_SIZE):
                yield part[start : start + CHUNK_SIZE]

    def in_doubt(self) -> list[int]:
        """List open positions that an owner who died may have sent without living to record it."""
        return next(self.chunks(), [])

    def recorded(self, results: Mapping[int, Record]) -> "Batch":
        """Return the batch with ``results`` written over open records; an outcome is never
        replaced.
        """
        records = list(self.records)
        for position, record in results.items():
            if records[position].outcome is OPEN:
                records[position] = record
        return replace(self, records=tuple(records))

    def closed(self) -> "Batch":
        """Return the batch with nothing left to do: no lease, nothing to wake up for."""
        return replace(
            self,
            state=BatchState.CLOSED,
            lease_owner="",
            lease_until=None,
            retry_at=None,
            wake_at=None,
        )


def sort_key(partition: int, hwid: str) -> str:
    """Form the order in which an audience is read, as one comparable string."""
    return f"{partition:04d}|{hwid}"


def batch_id(partition: int, stream: int, number: int) -> BatchId:
    """Name a batch deterministically: planning the same page twice names the same batch."""
    return BatchId(f"{partition:04d}-{stream:02d}-{number:05d}")


def slices(
    items: Sequence[T], size: int = BATCH_SIZE, weigh: Callable[[T], int] = lambda _: 0
) -> Iterator[Sequence[T]]:
    """Cut ``items`` into runs of at most ``size``, each weighing at most ``MOST_BATCH_BYTES``."""
    start, weight = 0, 0
    for position, item in enumerate(items):
        weight += weigh(item)
        if position - start == size or (weight > MOST_BATCH_BYTES and position > start):
            yield items[start:position]
            start, weight = position, weigh(item)
    if start < len(items):
        yield items[start:]


@dataclass(frozen=True, slots=True)
class PlanPart:
    """Progress of planning one range of device partitions.

    ``cursor`` is the sort key of the last device planned in ``stream``. ``unannounced`` names the
    batches of the last page: written, but perhaps not enqueued yet. ``ramp`` says when each batch
    may go out.
    """

    run_id: RunId
    low: int
    high: int
    read_at: str
    stream: int = 0
    cursor: str = ""
    batches: int = 0
    unannounced: tuple[BatchId, ...] = ()
    done: bool = False
    wake_at: datetime | None = None
    sweeps: int = 0
    ramp: Ramp | None = None
    version: str = ""

    def due(self, batch: BatchId) -> datetime | None:
        """Return before when a batch of this part is not to be sent; ``None`` when it may go at
        once.
        """
        return self.ramp.due(int(batch.rpartition("-")[2])) if self.ramp else None

    @property
    def place(self) -> str:
        """Progress of the part, for the name of a task: going on from elsewhere is another task."""
        cursor = zlib.crc32(f"{self.read_at}|{self.cursor}".encode())
        return f"{self.low:04d}-{self.stream}-{cursor:08x}-{self.sweeps}"
