"""One conditional write for all records, and the only rule for an answer that was lost.

A document is read, a pure function says what is to be written, and that is written on the condition
that nobody else wrote meanwhile; otherwise all of it begins again. A write whose answer was lost is
looked at before it is repeated: a document that says what was to be written was written. Where two
callers could write the same, what they write names its owner, so that each finds its own. Where
others may already have gone on from what was written, a document that was created with it, and that
nobody writes again, is its proof.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, Generic, TypeVar

from shared.domain.errors import TryAgain
from shared.ports.database import (
    Create,
    Database,
    Delete,
    Document,
    Fields,
    LostAnswer,
    Unmet,
    Update,
    Write,
)
from shared.stores.codec import difference
from shared.stores.field_paths import at_path

T = TypeVar("T")

TRIES = 15
TOTAL_SECONDS = 10.0
FIRST_WAIT_SECONDS = 0.03
LONGEST_WAIT_SECONDS = 1.5
_random = secrets.SystemRandom()


class Turns:
    """A limited number of tries in a limited time, with random, growing waits between them."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._turns = 0
        self._deadline = monotonic() + TOTAL_SECONDS

    def take(self) -> None:
        """Wait for the next turn; raises ``TryAgain`` when there are no more."""
        if self._turns:
            wait_seconds = waiting_seconds(self._turns)
            if self._turns >= TRIES or monotonic() + wait_seconds > self._deadline:
                raise TryAgain(f"{self._what} is busy")
            sleep(wait_seconds)
        self._turns += 1


def waiting_seconds(tries: int) -> float:
    """Choose a random wait after so many tries."""
    return _random.uniform(0, min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**tries))


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """Result of a change, the fields to write, and what is written with them.

    Without fields nothing is written. ``None`` as a field removes it; ``deletes`` removes the
    document. ``proof`` is that one of ``also`` which tells whether a write was done whose answer
    was lost; without it the document itself does.
    """

    result: T
    fields: Fields = field(default_factory=dict)
    also: tuple[Write, ...] = ()
    deletes: bool = False
    proof: Create | None = None


def change(
    database: Database, name: str, decide: Callable[[Document | None], Step[T]], what: str
) -> T:
    """Read a document, and write what ``decide`` says if nobody wrote meanwhile.

    ``decide`` may run several times: keep it pure. What ``decide`` raises is passed on and nothing
    is written. Raises ``TryAgain`` about ``what`` when others do not stop writing.
    """
    return changed(database, name, decide, what)[0]


def changed(
    database: Database, name: str, decide: Callable[[Document | None], Step[T]], what: str
) -> tuple[T, str]:
    """Change a document as ``change`` does; return the version that it has then, too."""
    return _changed(database, [name], lambda found: decide(found.get(name)), what)


def change_with(
    database: Database,
    names: Sequence[str],
    decide: Callable[[Mapping[str, Document]], Step[T]],
    what: str,
) -> T:
    """Change the first document as ``change`` does, after reading all of them as of one moment.

    The other documents are written by ``also``, on conditions of their own.
    """
    return _changed(database, names, decide, what)[0]


def _changed(
    database: Database,
    names: Sequence[str],
    decide: Callable[[Mapping[str, Document]], Step[T]],
    what: str,
) -> tuple[T, str]:
    turns, first = Turns(what), names[0]
    while True:
        turns.take()
        found = _read(database, names)
        step = decide(found)
        document = found.get(first)
        wanted = _conditional(first, document, step)
        if wanted is None:
            return step.result, document.version if document else ""
        try:
            version = settle(database, [wanted, *step.also], what, turns, step.proof)
        except Unmet:
            continue
        return step.result, version


def settle(
    database: Database,
    writes: Sequence[Write],
    what: str,
    turns: Turns | None = None,
    proof: Create | None = None,
) -> str:
    """Write everything in one commit, and ask until it is known what came of it; return the first
    document's new version.

    The first write carries a condition: it tells whether all of the writes were done, unless
    another of them is the ``proof``. Raises ``Unmet`` when another writer was first, and
    ``TryAgain`` about ``what`` when there is no answer.
    """
    if turns is None:
        turns = Turns(what)
        turns.take()
    telling, lost, unmet = proof or writes[0], False, False
    while True:
        try:
            return database.commit(writes)[0]
        except LostAnswer:
            lost = True
        except Unmet:
            if not lost:
                raise
            unmet = True
        except TryAgain:
            turns.take()
            continue
        if (version := _version_if_written(database, telling)) is not None:
            return version
        if unmet:
            raise Unmet
        turns.take()


def rewrite(
    database: Database,
    name: str,
    record: tuple[Callable[[Fields], T], Callable[[T], Fields]],
    fn: Callable[[T], T],
    what: str,
) -> T:
    """Change a record that is one document and begins empty; ``record`` reads and writes it.

    A record that ``fn`` leaves as it is is not written.
    """
    record_from, fields_of = record

    def decide(document: Document | None) -> Step[T]:
        stored = document.fields if document else {}
        before = record_from(stored)
        after = fn(before)
        return Step(after, {} if after == before else difference(stored, fields_of(after)))

    return change(database, name, decide, what)


def write(database: Database, writes: Sequence[Write], what: str) -> None:
    """Write what may be repeated, in one commit, until there is an answer; raises ``Unmet``."""
    turns = Turns(what)
    while True:
        turns.take()
        try:
            database.commit(writes)
        except TryAgain:
            continue
        else:
            return


def holds(stored: Fields, fields: Fields) -> bool:
    """Tell whether a document says at every path what was to be written there."""
    return all(at_path(stored, path) == value for path, value in fields.items())


def _read(database: Database, names: Sequence[str]) -> Mapping[str, Document]:
    """Read the documents that exist, as of one moment; one alone by the call that costs least."""
    if len(names) > 1:
        return database.get_many(names).documents
    document = database.get(names[0])
    return {} if document is None else {names[0]: document}


def _version_if_written(database: Database, write: Write) -> str | None:
    """Return the version, if the document already says what was to be written; ``None`` if nobody
    wrote.

    Raises ``Unmet`` when another writer did.
    """
    fields = {} if isinstance(write, Delete) else write.fields
    document = database.get(write.name, list(fields))
    if document is None:
        if isinstance(write, Update):
            raise Unmet
        return "" if isinstance(write, Delete) else None
    if isinstance(write, Update | Delete) and document.version == write.version:
        return None
    if isinstance(write, Delete) or not holds(document.fields, fields):
        raise Unmet
    return document.version


def _conditional(name: str, document: Document | None, step: Step[Any]) -> Write | None:
    if step.deletes:
        return Delete(name, document.version) if document else None
    if not step.fields:
        return None
    if document is None:
        return Create(name, step.fields)
    return Update(name, step.fields, document.version)
