"""The cost of archiving one notification: operations that are billed, by how many devices.

A test compares them with what an export really does. A day adds one manifest: one object, and the
reads and writes of its marks, which are counted here with their notification.
"""

from dataclasses import dataclass
from math import ceil

from shared.domain.archive.objects import MOST_LINES
from shared.domain.delivery.cost import LIST
from shared.domain.delivery.ledger import BATCH_SIZE

DOLLARS_PER_OBJECT = 0.005 / 1_000
"""PutObject of S3 Standard; Cloud Storage asks the same for a class A operation."""

DOLLARS_PER_GB_MONTH = 0.023
CPU_US_PER_OUTCOME = 15.0
"""Sealing, on two shared cores; reading the ledger comes on top, per 500 outcomes."""

BYTES_PER_OUTCOME = 75
"""Compressed, measured 70: the hash of the device and a receipt are of chance, the rest packs."""

BYTES_BESIDE = 4_000
"""Size of record and history together, compressed; a generous estimate."""

TRANSITIONS = 3
"""Transitions of an ordinary notification: submitted, approved, completed."""


@dataclass(frozen=True, slots=True)
class ExportOperations:
    """The operations of an export: puts, documents read and written, tasks, bytes stored."""

    objects: int
    reads: int
    writes: int
    stored_bytes: int
    tasks: int = 2
    cpu_seconds: float = 0.0

    @property
    def dollars(self) -> float:
        """At list price, once."""
        return (
            self.objects * DOLLARS_PER_OBJECT
            + self.reads * LIST.read
            + self.writes * LIST.write
            + self.tasks * LIST.task_operation
            + self.cpu_seconds * LIST.cpu_second
        )

    @property
    def dollars_a_month(self) -> float:
        """For keeping it."""
        return self.stored_bytes / 1e9 * DOLLARS_PER_GB_MONTH


def export_operations(outcomes: int, *, transitions: int = TRANSITIONS) -> ExportOperations:
    """Count the operations for one notification with so many device outcomes."""
    batches = ceil(outcomes / BATCH_SIZE)
    of_outcomes = ceil(outcomes / MOST_LINES)
    return ExportOperations(
        objects=of_outcomes + 2,
        reads=batches + transitions + 5,  # the queue's look and change; record, mark, last change
        writes=of_outcomes + 3,  # a mark for each object and at the end; queued, and done
        stored_bytes=outcomes * BYTES_PER_OUTCOME + BYTES_BESIDE,
        cpu_seconds=outcomes * CPU_US_PER_OUTCOME / 1e6,
    )
