"""The lines of the archive, one JSON object each, and what they say when they are read again.

They are read by people's own tools years from now, so they are plain: every line stands for itself,
names its notification and provider, and says times in UTC. ``docs/schemas`` describes them. No
hwid is ever in a line: it is replaced by a hash that differs from provider to provider.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.domain.archive.objects import SCHEMA
from shared.domain.delivery.ledger import Batch, Outcome, Record
from shared.domain.notifications.history import Entry
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification
from shared.domain.tally import DIMENSIONS, TOTALS, Tally, stored_dimensions


def device_of(provider_id: str, hwid: str) -> str:
    """Return the pseudonym of a device in a provider's lines.

    Who knows the hwid can find its lines; two providers cannot tell that they reach the same one.
    """
    return hashlib.sha256(f"fanfare/{provider_id}/{hwid}".encode()).hexdigest()


# ---- writing -------------------------------------------------------------------------------------


def outcome_lines(provider_id: str, batch: Batch) -> Iterator[str]:
    """Write a line for each device of a batch, in the batch's order."""
    head = {"schema": SCHEMA, "notificationId": batch.run_id, "providerId": provider_id}
    begin = _line({**head, "batchId": batch.id})[:-1]
    for target, record in zip(batch.targets, batch.records, strict=True):
        rest = _line(
            {
                "device": device_of(provider_id, target.hwid),
                "platform": str(target.platform),
                "locale": target.locale,
                "outcome": str(record.outcome),
                "code": record.code,
                "receipt": record.receipt,
                "at": _time(record.at),
            }
        )
        yield f"{begin},{rest[1:]}"


def transition_line(it: Notification, entry: Entry) -> str:
    """Write one link of the history, with its hash and that of the link before."""
    return _line(
        {
            "schema": SCHEMA,
            "notificationId": it.id,
            "providerId": it.provider_id,
            "number": entry.number,
            "move": entry.move,
            "from": None if entry.origin is None else str(entry.origin),
            "to": str(entry.status),
            "actor": entry.actor,
            "at": _time(entry.at),
            "reason": entry.reason,
            "revision": entry.revision,
            "previous": entry.previous,
            "hash": entry.hash,
        }
    )


def notification_line(it: Notification) -> str:
    """Write what it said, to whom, and how it ended, without the sender's e-mail address."""
    segment = it.segment and it.segment.model_dump(by_alias=True, mode="json", exclude_none=True)
    if segment and "hwid" in segment:
        segment["hwid"] = device_of(it.provider_id, segment["hwid"])
    run = it.run
    reason = run and run.failure_reason
    return _line(
        {
            "schema": SCHEMA,
            "notificationId": it.id,
            "providerId": it.provider_id,
            "status": None if it.status is None else str(it.status),
            "revision": it.revision,
            "content": it.content.model_dump(by_alias=True, mode="json", exclude_none=True),
            "targetSegment": segment,
            "createdAt": _time(it.created_at),
            "moderatedAt": _time(it.moderated_at),
            "moderatorId": it.moderator_id,
            "autoApproved": it.auto_approved,
            "cancelledAt": _time(it.cancellation and it.cancellation.at),
            "sendingAt": _time(run and run.sending_at),
            "endedAt": _time(run and run.ended_at),
            "failureReason": reason and str(reason),
            **{f"{name}Count": number for name, number in it.tally.totals.items()},
            **it.tally.dimensions,
            "historyCount": it.head.count,
            "historyHash": it.head.hash,
        }
    )


def _line(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


# ---- reading -------------------------------------------------------------------------------------


class BadLine(Exception):
    """A line that cannot be one of ours; says what is wrong with it."""


_WRONG = (KeyError, ValueError, TypeError, OverflowError)


@dataclass(frozen=True, slots=True)
class Final:
    """The archive's word on how a notification ended. ``line`` is all of it."""

    status: Status
    tally: Tally
    history_count: int
    history_hash: str
    line: Mapping[str, Any]


def record_from(line: bytes) -> tuple[Mapping[str, Any], Record]:
    """Read a device's outcome, and return the line it was told in."""
    fields = _fields(line)
    try:
        at = None if fields["at"] is None else _moment(fields["at"])
        record = Record(
            Outcome(fields["outcome"]), _text(fields["code"]), _text(fields["receipt"]), at
        )
    except _WRONG as wrong:
        raise BadLine(f"no outcome: {wrong}") from None
    return fields, record


def entry_from(line: bytes) -> tuple[Mapping[str, Any], Entry]:
    """Read a link of the history, and return the line it was told in."""
    fields = _fields(line)
    try:
        return fields, Entry(
            number=int(fields["number"]),
            move=fields["move"],
            origin=None if fields["from"] is None else Status(fields["from"]),
            status=Status(fields["to"]),
            actor=fields["actor"],
            at=_moment(fields["at"]),
            reason=fields["reason"],
            revision=int(fields["revision"]),
            previous=fields["previous"],
            hash=fields["hash"],
        )
    except _WRONG as wrong:
        raise BadLine(f"no transition: {wrong}") from None


def final_from(line: bytes) -> Final:
    """Read how a notification ended."""
    fields = _fields(line)
    try:
        totals = {name: int(fields[f"{name}Count"]) for name in TOTALS}
        sums = Tally.of(totals, stored_dimensions(fields))
        return Final(
            Status(fields["status"]),
            sums,
            int(fields["historyCount"]),
            str(fields["historyHash"]),
            fields,
        )
    except _WRONG as wrong:
        raise BadLine(f"no notification: {wrong}") from None


def agrees(old: bytes, new: str) -> bool:
    """Tell whether a line says what the same line, which may have more fields, says today."""
    try:
        fields = _fields(old)
    except BadLine:
        return False
    today = json.loads(new)
    return all(name in today and today[name] == value for name, value in fields.items())


def changed_facts(line: Mapping[str, Any], it: Notification) -> Sequence[str]:
    """Name the fields that an archived record tells otherwise than ``it``.

    Sums and history are left out, which are compared with single lines; and so is what a later
    version tells besides.
    """
    today = json.loads(notification_line(it))
    summed = {*DIMENSIONS, *(f"{name}Count" for name in TOTALS)}
    summed |= {"status", "historyCount", "historyHash"}
    return [name for name in line if name not in summed and line[name] != today.get(name)]


def _fields(line: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine("no JSON") from None
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        raise BadLine(f"not of schema {SCHEMA}")
    return fields


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} is no time in UTC")
    return at.astimezone(UTC)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value
