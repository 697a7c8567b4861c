"""Batches and plan parts as documents of Firestore's REST API.

A batch's devices are two strings of compact JSON and its records one string per chunk: Firestore
bills and the processor pays by document and by field, not by byte. The addresses are forgotten
when the batch closes; who was targeted, and how it ended, stays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson

from shared.adapters.firestore.rest_values import (
    Raw,
    decode_fields,
    encode,
    id_of,
    moment,
)
from shared.domain.audience.device import AddressKind, PushAddress, Slot
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
from shared.domain.errors import Defect
from shared.domain.tally import DIMENSIONS, TOTALS, Tally

MOST_BATCH_BYTES = 800_000
"""Of targets and addresses; with its records the document stays below 900 KB."""

EVIDENCE = "evidence"
PLACE_FIELDS = ("stream", "partition", "firstKey", "size", "targets", "createdAt")
STATE_FIELDS = (
    "state",
    "reached",
    "attempt",
    "fruitless",
    "leaseOwner",
    "leaseUntil",
    "retryAt",
    "wakeAt",
    "firstAttemptAt",
    "sweeps",
    "closedAt",
    *DIMENSIONS,
    *TOTALS,
)
PART_FIELDS = (
    "low",
    "high",
    "readAt",
    "stream",
    "cursor",
    "batches",
    "unannounced",
    "done",
    "wakeAt",
    "sweeps",
    "ramp",
)
_KINDS = {str(kind): kind for kind in AddressKind}
_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_NOWHERE = (None, None, None, None)


# ---- plan parts ------------------------------------------------------------------------------


def part_fields(part: PlanPart) -> Raw:
    """Everything of a plan part but its name and version."""
    return _present(
        {
            "low": part.low,
            "high": part.high,
            "readAt": part.read_at,
            "stream": part.stream,
            "cursor": part.cursor,
            "batches": part.batches,
            "unannounced": part.unannounced,
            "done": part.done,
            "wakeAt": part.wake_at,
            "sweeps": part.sweeps,
            "ramp": _ramp_fields(part.ramp),
        }
    )


def part_from(document: Raw) -> PlanPart:
    """The plan part that a document holds."""
    with _of_ours(document):
        return _part(document)


def _part(document: Raw) -> PlanPart:
    fields = decode_fields(document)
    return PlanPart(
        notification_id=owner_of(document),
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
        version=document["updateTime"],
    )


def _ramp_fields(ramp: Ramp | None) -> Raw | None:
    if ramp is None:
        return None
    return {
        "startsAt": ramp.starts_at,
        "perSecond": ramp.per_second,
        "first": ramp.first,
        "step": ramp.step,
    }


def _ramp_from(fields: Raw | None) -> Ramp | None:
    if fields is None:
        return None
    return Ramp(fields["startsAt"], fields["perSecond"], fields["first"], fields["step"])


@contextmanager
def _of_ours(document: Raw) -> Iterator[None]:
    """Raises ``Defect`` for a document that cannot be read."""
    try:
        yield
    except (LookupError, TypeError, ValueError):
        path = document["name"].partition("/documents/")[2]
        raise Defect(f"{path} cannot be read") from None


def owner_of(document: Raw) -> str:
    """The notification above a batch or a part: the third name from the end."""
    name: str = document["name"]
    return name.split("/")[-3]


# ---- batches ---------------------------------------------------------------------------------


def new_batch_fields(batch: Batch) -> Raw:
    """A whole batch; raises ``Defect`` for one that no document can hold."""
    targets, addresses = _targets_text(batch.targets), _addresses_text(batch.targets)
    size = len(targets.encode()) + len(addresses.encode())
    if size > MOST_BATCH_BYTES:
        raise Defect(f"batch {batch.id} of {batch.notification_id} is too large: {size} bytes")
    places = {
        "stream": batch.stream,
        "partition": batch.partition,
        "firstKey": batch.first_key,
        "size": len(batch.targets),
        "targets": targets,
        "addresses": addresses if batch.state is BatchState.OPEN else None,
        "createdAt": batch.created_at,
    }
    return {**_present(places), **state_fields(batch, range(len(batch.records)))}


def state_fields(batch: Batch, changed: Iterable[int]) -> Raw:
    """What a write of the batch sets: its state, its sums, and the chunks of ``changed``."""
    sums = batch.tally
    closed = batch.state is BatchState.CLOSED
    state = {
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
    }
    texts = {f"c{n}": _records_text(batch.records, n) for n in _chunks(changed)}
    tried = {chunk: text for chunk, text in texts.items() if text}
    kept = _evidence_text(evidence_to_keep(batch))
    return _present({**state, "ledger": tried or None, EVIDENCE: kept or None})


def state_mask(batch: Batch, changed: Iterable[int], fields: Raw) -> list[str]:
    """The paths that belong to ``state_fields``; a closed batch loses its addresses, and what was
    kept as evidence stays until there is more.
    """
    chunks = [f"ledger.c{n}" for n in _chunks(changed)]
    forgotten = ["addresses"] if batch.state is BatchState.CLOSED else []
    kept = [EVIDENCE] if EVIDENCE in fields else []
    return [*STATE_FIELDS, *chunks, *forgotten, *kept]


def batch_from(document: Raw) -> Batch:
    """The batch that a document holds."""
    with _of_ours(document):
        return _batch(document)


def _batch(document: Raw) -> Batch:
    fields = decode_fields(document)
    return Batch(
        id=BatchId(id_of(document)),
        notification_id=owner_of(document),
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
        version=document["updateTime"],
    )


def evidence_from(document: Raw) -> dict[Group, Evidence]:
    """What a batch kept of its addresses' answers; nothing where it cannot be read."""
    try:
        rows = orjson.loads(decode_fields(document).get(EVIDENCE, "[]"))
        return {Group(_KINDS[kind], *where): _evidence(*counts) for kind, where, counts in rows}
    except (LookupError, TypeError, ValueError):
        return {}


def _evidence(accepted: int, unknown: int, *newer: int) -> Evidence:
    return Evidence(accepted, unknown, newer=added(newer or NONE_NEWER, NONE_NEWER))


def _evidence_text(kept: Mapping[Group, Evidence]) -> str:
    rows = [
        (group.kind, (group.environment, group.platform), _counts(evidence))
        for group, evidence in kept.items()
    ]
    return orjson.dumps(rows).decode() if rows else ""


def _counts(evidence: Evidence) -> tuple[int, ...]:
    newer = evidence.newer if any(evidence.newer) else ()
    return (evidence.accepted, evidence.unknown, *newer)


def tally_from(document: Raw) -> Tally:
    """The sums that a batch keeps of its own records."""
    fields = decode_fields(document)
    return Tally.of(fields, {name: fields[name] for name in DIMENSIONS})


def holds(document: Raw, wanted: Raw, mask: Sequence[str]) -> bool:
    """Whether a document says at all paths of ``mask`` what ``wanted`` says there."""
    stored = decode_fields(document)
    asked = decode_fields({"fields": wanted})
    return all(_at(stored, path) == _at(asked, path) for path in mask)


def _at(fields: Mapping[str, Any], path: str) -> Any:
    name, _, rest = path.partition(".")
    value = fields.get(name)
    return value.get(rest) if rest and isinstance(value, Mapping) else value


def _present(fields: Mapping[str, object]) -> Raw:
    return {name: encode(value) for name, value in fields.items() if value is not None}


def _last(records: Iterable[Record]) -> datetime | None:
    return max((r.at for r in records if r.at is not None), default=None)


# ---- devices ---------------------------------------------------------------------------------


def _targets_text(targets: Iterable[Target]) -> str:
    return orjson.dumps([(t.hwid, str(t.platform), t.locale) for t in targets]).decode()


def _addresses_text(targets: Iterable[Target]) -> str:
    return orjson.dumps([_reached(target) for target in targets]).decode()


def _reached(target: Target) -> tuple[object, ...]:
    address, slot = target.address, target.slot
    return (
        *(
            (address.kind, address.value, address.environment, address.registered_at)
            if address
            else _NOWHERE
        ),
        *((slot.id, slot.at) if slot else (None, None)),
        target.read_version,
        target.consent,
        *([target.unreadable] if target.unreadable else ()),
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
) -> Target:
    since = moment(registered_at) if registered_at else None
    address = PushAddress(_KINDS[kind], value, environment, since) if kind else None
    slot = Slot(slot_id, moment(slot_at)) if slot_at else None
    return Target(hwid, platform, locale, address, consent, slot, read_version, tuple(unreadable))


# ---- records ---------------------------------------------------------------------------------


def _chunks(positions: Iterable[int]) -> list[int]:
    return sorted({position // CHUNK_SIZE for position in positions})


def _records_text(records: Sequence[Record], chunk: int) -> str:
    """One chunk; empty for one that was never tried."""
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
        moment(at) if at else None,
        ambiguous,
        dropped,
        moment(not_before) if not_before else None,
    )
