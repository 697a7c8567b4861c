"""The conversion of one attempt's answers to the ledger's records."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from shared.domain.audience.device import NO_ADDRESS
from shared.domain.delivery.ledger import (
    DELIVERED,
    OPEN,
    RECEIPT_SHOWN,
    RECEIPT_TAKEN,
    UNTRIED,
    Outcome,
    Record,
)
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from shared.domain.push.reactions import NOTHING_ASKED

NO_PATIENCE: Final = timedelta(0)
_PREVAILS: Final = (OPEN, DELIVERED, Outcome.UNKNOWN, Outcome.FAILED, Outcome.SKIPPED)
"""Outcomes of a device that was reached both ways, by rank: of two, the device has the one named
first.
"""


def recorded(
    answer: Answer,
    now: datetime,
    last: Record = UNTRIED,
    *,
    moved: bool = False,
    patience: timedelta = NO_PATIENCE,
) -> Record:
    """Return what the ledger says of an answer, after what it said before.

    A refusal of an address or of the content would have met an earlier attempt just the same. A
    refusal of our credentials need not have, nor one of the address that a device ``moved`` to:
    what may have arrived before stays unknown. That our configuration is refused ends the device
    only when the same was said for as long as ``patience``. A device that nothing was asked for
    keeps its earlier word.
    """
    match answer:
        case Accepted(receipt):
            return Record(DELIVERED, receipt=receipt, at=now)
        case Misconfigured(code, False) if now - (since := _since(code, now, last)) < patience:
            return Record(Outcome.OPEN, code, at=since)
        case Misconfigured(code) if last.ambiguous:
            return Record(Outcome.UNKNOWN, "answerLost", receipt=code, at=now, ambiguous=True)
        case Rejected(code) | AddressGone(code) | Unsendable(code) if last.ambiguous and moved:
            gone = isinstance(answer, AddressGone)
            return Record(Outcome.UNKNOWN, "answerLost", code, now, ambiguous=True, dropped=gone)
        case Rejected(code) | Misconfigured(code) | Unsendable(code):
            return Record(Outcome.FAILED, code, at=now)
        case AddressGone(code):
            return Record(Outcome.FAILED, code, at=now, dropped=True)
        case RetryLater(code, seconds, ambiguous):
            due = now + timedelta(seconds=seconds) if seconds else None
            if code in NOTHING_ASKED and last.code not in NOTHING_ASKED:
                return Record(Outcome.OPEN, last.code, at=last.at, not_before=due)
            return Record(Outcome.OPEN, code, at=now, ambiguous=ambiguous, not_before=due)
        case _:
            assert_never(answer)


def _since(code: str, now: datetime, last: Record) -> datetime:
    """Return since when a device is answered so, one answer after the other."""
    return last.at if last.at is not None and last.code == code else now


def combine(
    last: Record,
    words: tuple[Record | None, Record | None],
    now: datetime,
    nowhere: str = NO_ADDRESS,
) -> Record:
    """Combine both ways to a device into one outcome: open while either is, delivered if either is;
    skipped, for the reason ``nowhere``, if the device is reached neither way.

    While the outcome is open, what earlier attempts did, or may have done, is kept.
    """
    pushed, shown = words
    if shown is not None and shown.outcome is DELIVERED:
        shown = replace(shown, receipt=RECEIPT_SHOWN)
    if pushed is not None and pushed.outcome is DELIVERED and not pushed.receipt:
        pushed = replace(pushed, receipt=RECEIPT_TAKEN)
    done = Record(DELIVERED, receipt=last.receipt, at=now) if last.receipt else None
    records = [record for record in (pushed, shown, done) if record is not None]
    if not records:
        return Record(Outcome.SKIPPED, nowhere, at=now)
    word = min(records, key=lambda record: _PREVAILS.index(record.outcome))
    if word.outcome is not OPEN:
        return word
    receipt = next((r.receipt for r in records if r.outcome is DELIVERED), "")
    return replace(word, receipt=receipt, ambiguous=word.ambiguous or last.ambiguous)


def last_word(last: Record, otherwise: Record) -> Record:
    """End a record: nothing more is tried, what was done counts, and what may have been done is
    unknown.
    """
    if last.receipt:
        return Record(Outcome.DELIVERED, receipt=last.receipt, at=last.at)
    if last.ambiguous:
        return Record(Outcome.UNKNOWN, "answerLost", at=otherwise.at, ambiguous=True)
    return otherwise


def exhausted(last: Record, now: datetime) -> Record:
    """Record the end of the retry horizon; the receipt says what the last attempt met."""
    return Record(Outcome.FAILED, "exhausted", receipt=last.code, at=now)


def expired(last: Record, now: datetime) -> Record:
    """Record the end of the notification's own time; the receipt is as with ``exhausted``."""
    return Record(Outcome.FAILED, "expired", receipt=last.code, at=now)
