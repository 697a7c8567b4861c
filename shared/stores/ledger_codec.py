"""Batches and plan parts as documents.

A batch's devices are two strings of compact JSON and its records one string per chunk: Firestore
bills and the processor pays by document and by field, not by byte. The addresses are forgotten
when the batch closes; who was targeted, and how it ended, stays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import orjson

from shared.domain.audience.device import DEFAULT_APP, AddressKind, AppId, PushAddress, Slot
from shared.domain.delivery.evidence import (
    NONE_NEWER,
    Evidence,
    Group,
    added,
    evidence_to_keep,
)
from shared.domain.delivery.ledger import (
    CHUNK_SIZE,
    UNTRIED,
    Batch,
    BatchId,
    BatchState,
    Outcome,
    PlanPart,
    Record,
    Target,
)
from shared.domain.delivery.ramp import Ramp
from shared.domain.delivery.run import RunId
from shared.domain.errors import Defect
from shared.domain.tally import Tally, stored_dimensions
from shared.ports.database import Document, Fields
from shared.stores.run_names import run_name, run_of

PARTS = "parts"
BATCHES = "batches"

MOST_BATCH_BYTES = 800_000
"""Of targets and addresses; with its records the document stays below 900 KB."""

EVIDENCE = "evidence"
_KINDS = {str(kind): kind for kind in AddressKind}
_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_NOWHERE = (None, None, None, None)


# ---- where they are --------------------------------------------------------------------------


def part_name(id: RunId, low: int) -> str:
    """Form the name of a plan part; the order of these names is that of the parts."""
    return run_name(id, PARTS, f"{low:04d}")


def batch_name(id: RunId, batch: BatchId) -> str:
    """Form the name of a batch."""
    return run_name(id, BATCHES, batch)


# ---- plan parts ------------------------------------------------------------------------------


def part_fields(part: PlanPart) -> Fields:
    """Build the document of a plan part."""
    return {
        "low": part.low,
        "high": part.high,
        "readAt": part.read_at,
        "stream": part.stream,
        "cursor": part.cursor,
        "batches": part.batches,
        "unannounced": list(part.unannounced),
        "done": part.done,
        "wakeAt": part.wake_at,
        "sweeps": part.sweeps,
        "ramp": _ramp_fields(part.ramp),
    }


def part_from(document: Document) -> PlanPart:
    """Read a plan part; raises ``Defect`` for a document that cannot be one."""
    with _of_ours(document):
        return _part(document)


def _part(document: Document) -> PlanPart:
    fields = document.fields
    return PlanPart(
        run_id=run_of(document.name),
        low=fields["low"],
        high=fields["high"],
        read_at=fields["readAt"],
        stream=fields["stream"],
        cursor=fields["cursor"],
        batches=fields["batches"],
        unannounced=tuple(BatchId(id) for id in fields["unannounced"]),
        done=fields["done"],
        wake_at=fields.get("wakeAt"),
        sweeps=fields["sweeps"],
        ramp=_ramp_from(fields.get("ramp")),
        version=document.version,
    )


def _ramp_fields(ramp: Ramp | None) -> Fields | None:
    if ramp is None:
        return None
    return {
        "startsAt": ramp.starts_at,
        "perSecond": ramp.per_second,
        "first": ramp.first,
        "step": ramp.step,
    }


def _ramp_from(fields: Fields | None) -> Ramp | None:
    if fields is None:
        return None
    return Ramp(fields["startsAt"], fields["perSecond"], fields["first"], fields["step"])


@contextmanager
def _of_ours(document: Document) -> Iterator[None]:
    """Raise ``Defect`` for a document that cannot be read."""
    try:
        yield
    except (LookupError, TypeError, ValueError):
        raise Defect(f"{document.name} cannot be read") from None


# ---- batches ---------------------------------------------------------------------------------


def batch_fields(batch: Batch) -> Fields:
    """Build the document of a new batch; raises ``Defect`` for one that no document can hold."""
    targets, addresses = _targets_text(batch.targets), _addresses_text(batch.targets)
    size = len(targets.encode()) + len(addresses.encode())
    if size > MOST_BATCH_BYTES:
        raise Defect(f"batch {batch.id} of {batch.run_id} is too large: {size} bytes")
    return {
        "stream": batch.stream,
        "partition": batch.partition,
        "firstKey": batch.first_key,
        "size": len(batch.targets),
        "targets": targets,
        "addresses": addresses,
        "createdAt": batch.created_at,
        **state_fields(batch, range(len(batch.records))),
    }


def state_fields(batch: Batch, changed: Iterable[int]) -> Fields:
    """Build what a write of a batch sets: its state, its sums, and the chunks of ``changed``.

    A closed batch loses its addresses. What was kept as evidence stays until there is more.
    """
    sums = batch.tally
    closed = batch.state is BatchState.CLOSED
    kept = _evidence_text(evidence_to_keep(batch))
    return {
        "state": str(batch.state),
        "reached": batch.reached,
        "attempt": batch.attempt,
        "fruitless": batch.failed_rounds,
        "leaseOwner": batch.lease_owner,
        "leaseUntil": batch.lease_until,
        "retryAt": batch.retry_at,
        "wakeAt": batch.wake_at,
        "firstAttemptAt": batch.first_attempt_at,
        "sweeps": batch.sweeps,
        "closedAt": _last(batch.records) if closed else None,
        **sums.dimensions,
        **sums.totals,
        **{f"ledger.c{n}": _records_text(batch.records, n) or None for n in _chunks(changed)},
        **({"addresses": None} if closed else {}),
        **({EVIDENCE: kept} if kept else {}),
    }


def batch_from(document: Document) -> Batch:
    """Read a batch; raises ``Defect`` for a document that cannot be one."""
    with _of_ours(document):
        return _batch(document)


def _batch(document: Document) -> Batch:
    fields = document.fields
    return Batch(
        id=BatchId(document.id),
        run_id=run_of(document.name),
        stream=fields["stream"],
        partition=fields["partition"],
        first_key=fields["firstKey"],
        targets=_targets(fields["targets"], fields.get("addresses")),
        records=_records(fields.get("ledger", {}), fields["size"]),
        state=BatchState(fields["state"]),
        reached=fields.get("reached", 0),
        attempt=fields["attempt"],
        failed_rounds=fields.get("fruitless", 0),
        lease_owner=fields["leaseOwner"],
        lease_until=fields.get("leaseUntil"),
        retry_at=fields.get("retryAt"),
        wake_at=fields.get("wakeAt"),
        first_attempt_at=fields.get("firstAttemptAt"),
        sweeps=fields["sweeps"],
        created_at=fields.get("createdAt"),
        version=document.version,
    )


def evidence_from(document: Document) -> dict[Group, Evidence]:
    """Read what a batch kept of its addresses' answers; nothing where that cannot be read."""
    try:
        rows = orjson.loads(document.fields.get(EVIDENCE, "[]"))
        return {Group(_KINDS[kind], *where): _evidence(*counts) for kind, where, counts in rows}
    except (LookupError, TypeError, ValueError):
        return {}


def _evidence(accepted: int, unknown: int, *newer: int) -> Evidence:
    return Evidence(accepted, unknown, newer=added(newer or NONE_NEWER, NONE_NEWER))


def _evidence_text(by_group: Mapping[Group, Evidence]) -> str:
    rows = [(group.kind, _where(group), _counts(evidence)) for group, evidence in by_group.items()]
    return orjson.dumps(rows).decode() if rows else ""


def _counts(evidence: Evidence) -> tuple[int, ...]:
    newer = evidence.newer if any(evidence.newer) else ()
    return (evidence.accepted, evidence.unknown, *newer)


def _where(group: Group) -> tuple[str, ...]:
    app = () if group.app == DEFAULT_APP else (group.app,)
    return (group.environment, group.platform, *app)


def tally_from(document: Document) -> Tally:
    """Read the sums that a batch keeps of its own records."""
    fields = document.fields
    return Tally.of(fields, stored_dimensions(fields))


def _last(records: Iterable[Record]) -> datetime | None:
    return max((r.at for r in records if r.at is not None), default=None)


# ---- devices ---------------------------------------------------------------------------------


def _targets_text(targets: Iterable[Target]) -> str:
    return orjson.dumps([(t.hwid, str(t.platform), t.locale) for t in targets]).decode()


def _addresses_text(targets: Iterable[Target]) -> str:
    return orjson.dumps([_reached(target) for target in targets]).decode()


def _reached(target: Target) -> tuple[object, ...]:
    address, slot = target.address, target.slot
    app = () if target.app == DEFAULT_APP else (target.app,)
    return (
        *(
            (address.kind, address.value, address.environment, address.registered_at)
            if address
            else _NOWHERE
        ),
        *((slot.id, slot.at) if slot else (None, None)),
        target.read_version,
        target.consent,
        *([target.unreadable, *app] if target.unreadable or app else ()),
    )


def _targets(targets: str, addresses: str | None) -> tuple[Target, ...]:
    who = orjson.loads(targets)
    if addresses is None:
        return tuple(Target(hwid, platform, locale) for hwid, platform, locale in who)
    return tuple(
        _target(*one, *reached) for one, reached in zip(who, orjson.loads(addresses), strict=True)
    )


def _target(
    hwid: str,
    platform: str,
    locale: str,
    kind: str | None,
    value: str,
    environment: str,
    registered_at: str | None,
    slot_id: str,
    slot_at: str | None,
    read_version: str,
    consent: bool,
    unreadable: Sequence[str] = (),
    app: str = DEFAULT_APP,
) -> Target:
    since = _moment(registered_at)
    address = PushAddress(_KINDS[kind], value, environment, since, AppId(app)) if kind else None
    slot = Slot(slot_id, at) if (at := _moment(slot_at)) else None
    return Target(hwid, platform, locale, address, consent, slot, read_version, tuple(unreadable))


# ---- records ---------------------------------------------------------------------------------


def _chunks(positions: Iterable[int]) -> list[int]:
    return sorted({position // CHUNK_SIZE for position in positions})


def _records_text(records: Sequence[Record], chunk: int) -> str:
    """Form the text of one chunk; empty for one that was never tried."""
    some = records[chunk * CHUNK_SIZE : (chunk + 1) * CHUNK_SIZE]
    if all(_is_untried(record) for record in some):
        return ""
    return orjson.dumps([_row(record) for record in some]).decode()


def _is_untried(record: Record) -> bool:
    return record is UNTRIED or record == UNTRIED


def _row(record: Record) -> object:
    if _is_untried(record):
        return 0
    return (
        record.outcome,
        record.code,
        record.receipt,
        record.at,
        record.ambiguous,
        record.dropped,
        *((record.not_before,) if record.not_before else ()),
    )


def _records(ledger: Mapping[str, str], size: int) -> tuple[Record, ...]:
    records = [UNTRIED] * size
    for chunk, text in ledger.items():
        start = int(chunk.removeprefix("c")) * CHUNK_SIZE
        for position, row in enumerate(orjson.loads(text), start):
            if row:
                records[position] = _record(*row)
    return tuple(records)


def _record(
    outcome: str,
    code: str,
    receipt: str,
    at: str | None,
    ambiguous: bool,
    dropped: bool,
    not_before: str | None = None,
) -> Record:
    return Record(
        _OUTCOMES[outcome],
        code,
        receipt,
        _moment(at),
        ambiguous,
        dropped,
        _moment(not_before),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
