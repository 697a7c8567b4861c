"""Export of a notification that ended to sealed objects, each written exactly once.

Every step may die at any call and is simply done again. The batches of the ledger do not change any
more, so the same lines are sealed under the same names, and an object that is there already is one
that an earlier try wrote. Only then ``exports/{id}`` notes that the object is there, and how far
the export is.

An export holds one object in memory, whatever the size of the audience.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Protocol

from shared.domain.archive.lines import notification_line, outcome_lines, transition_line
from shared.domain.archive.objects import (
    BATCHES_PER_OBJECT,
    Export,
    Kind,
    Place,
    Seal,
    SealedObject,
    Unreadable,
    ended_on,
    exported,
    exporting,
    has_ended,
    opened,
)
from shared.domain.delivery.ledger import Batch, BatchId
from shared.domain.delivery.run import RunStatus
from shared.domain.errors import Defect, LostLease, NotFound, TryAgain, WrongState
from shared.domain.notifications.notification import Notification, NotificationId
from shared.flow.delivery.count import LONGEST_HANDLER, recount
from shared.flow.delivery.queues import export_task
from shared.ports import Archive, ArchiveFault, Clock, Put, Tasks

if TYPE_CHECKING:
    from shared.stores.exports import Exports
    from shared.stores.ledger import Ledger
    from shared.stores.notifications import Notifications
    from shared.stores.runs import Runs

log = logging.getLogger(__name__)

MOST_AT_ONCE = 200
NEXT_LOOK = timedelta(hours=1)
"""Time for which a task that was enqueued tries by itself."""

SETTLED_AFTER = LONGEST_HANDLER
"""Time for which a handler that began before a stop may still write; no handler lives longer."""


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def notifications(self) -> Notifications: ...
    @property
    def tasks(self) -> Tasks: ...


@dataclass(frozen=True, slots=True)
class ExportQueue:
    """Numbers of notifications that ended and are not archived, and of those nobody can read."""

    due: int
    unreadable: int


def queue_exports(*, needs: Needs) -> ExportQueue:
    """Enqueue a task for each notification that ended and is not archived.

    A notification that cannot be read is put off like the others, or enough of these would stand
    before everything that ended later, for ever.
    """
    now = needs.clock.now()
    due, unreadable = needs.notifications.unexported(now, MOST_AT_ONCE), 0
    for id in due:
        try:
            it = needs.notifications.change(id, lambda it: exporting(it, now + NEXT_LOOK, now))
        except NotFound:
            continue
        except Defect:
            log.exception("cannot be exported: notification %s", id)
            needs.notifications.put_off_export(id, now + NEXT_LOOK)
            unreadable += 1
            continue
        needs.tasks.enqueue([export_task(it, f"{now:%Y%m%d%H%M}")])
    return ExportQueue(len(due), unreadable)


@dataclass(frozen=True, slots=True)
class Exporter:
    """Exporter of notifications, with the stores, archive, queue and clock that it needs."""

    notifications: Notifications
    runs: Runs
    ledger: Ledger
    exports: Exports
    archive: Archive
    tasks: Tasks
    clock: Clock

    def export(self, id: NotificationId, until: datetime) -> Export | None:
        """Archive a notification; ``None`` when this takes longer than ``until`` and another task
        goes on.

        Raises ``WrongState`` for a notification that has not ended.
        """
        it = self.notifications.get(id)
        if not has_ended(it):
            raise WrongState(
                f"notification {id} is {it.status}: what has not ended is not archived"
            )
        mark = self.exports.get(id) or Export(id, it.provider_id, ended_on(it))
        try:
            if mark.sealed_at is None:
                it = self._at_rest(it)
                for written in self._outcomes(mark):
                    mark = written
                    if self.clock.now() >= until:
                        self.tasks.enqueue([export_task(it, f"from{len(mark.objects)}")])
                        return None
                mark = self._ended(it, mark)
        except LostLease:
            raise TryAgain(f"the export of {id} goes on elsewhere") from None
        self.notifications.change(id, exported)
        return mark

    def _at_rest(self, it: Notification) -> Notification:
        """Return the notification with its last counters; raises ``TryAgain`` while the ledger may
        still be written.
        """
        run = it.run
        if run is None or run.status is not RunStatus.STOPPED:
            return it
        if self.ledger.open_batches(run.id):
            raise TryAgain(f"batches of the stopped notification {it.id} are still open")
        parts = self.ledger.parts(run.id)
        just_now = run.ended_at is not None and self.clock.now() - run.ended_at < SETTLED_AFTER
        if just_now and not all(part.done for part in parts):
            raise TryAgain(f"the stopped notification {it.id} may still be planned")
        return replace(it, run=recount(run.id, needs=self))

    def _outcomes(self, mark: Export) -> Iterator[Export]:
        """Write the objects of outcomes, and yield the mark after each object."""
        batches = self.ledger.batches(mark.notification_id, mark.cursor)
        for sealed, content, last in sealed_outcomes(mark, batches):
            self._put(sealed, content)
            del content  # or it would stay while the next one is made
            mark = self.exports.write(replace(mark.with_objects(sealed), cursor=last))
            yield mark

    def _ended(self, it: Notification, mark: Export) -> Export:
        """Write the history and the record, the last objects: they say that all others exist."""
        entries = self.notifications.history(it.id)
        lines = {
            Kind.TRANSITIONS: [transition_line(it, entry) for entry in entries],
            Kind.NOTIFICATIONS: [notification_line(it)],
        }
        sealed = []
        for kind, some in lines.items():
            one, content = seal(mark.place(kind), some)
            self._put(one, content)
            sealed.append(one)
        return self.exports.write(replace(mark.with_objects(*sealed), sealed_at=self.clock.now()))

    def _put(self, sealed: SealedObject, content: bytes) -> None:
        if self.archive.put_new(sealed.name, content) is Put.WRITTEN:
            return
        there = self.archive.get(sealed.name)
        if there is None:
            raise TryAgain(f"{sealed.name} was there a moment ago, and is not any more")
        if not _same(there, content):
            raise ArchiveFault(
                "damagedObject",
                f"{sealed.name} is in the archive with other content, half-written or altered",
                "Find out who wrote it; move it out of the archive, and the export goes on.",
            )


def sealed_outcomes(
    mark: Export, batches: Iterable[Batch]
) -> Iterator[tuple[SealedObject, bytes, BatchId]]:
    """Seal the objects of outcomes from ``mark`` on; yields each with its content and its last
    batch.
    """
    place = mark.place(Kind.OUTCOMES)
    each = iter(batches)
    while first := next(each, None):
        yield _sealed(place, chain([first], islice(each, BATCHES_PER_OBJECT - 1)))
        place = replace(place, sequence=place.sequence + 1)


def _sealed(place: Place, batches: Iterable[Batch]) -> tuple[SealedObject, bytes, BatchId]:
    one, last = Seal(), BatchId("")
    for batch in batches:
        one.add(outcome_lines(place.provider_id, batch))
        last = batch.id
    return *one.close(place), last


def seal(place: Place, lines: Iterable[str]) -> tuple[SealedObject, bytes]:
    """Seal one object of these lines; returns it with its content."""
    one = Seal()
    one.add(lines)
    return one.close(place)


def _same(there: bytes, content: bytes) -> bool:
    try:
        return there == content or opened(there) == opened(content)
    except Unreadable:
        return False
