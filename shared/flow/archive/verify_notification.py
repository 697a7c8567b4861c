"""Verification of a notification: its objects line by line, against Firestore and the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice, zip_longest
from typing import TYPE_CHECKING

from shared.domain.archive.life import Discrepancy, Life
from shared.domain.archive.lines import agrees, notification_line, outcome_lines, transition_line
from shared.domain.archive.objects import (
    BATCHES_PER_OBJECT,
    Export,
    Kind,
    Place,
    SealedObject,
    Unreadable,
    opened,
    place_of,
)
from shared.domain.errors import Defect, NotFound
from shared.domain.notifications.notification import Notification, NotificationId
from shared.flow.archive.export import sealed_outcomes
from shared.ports import Archive, ArchiveFault

if TYPE_CHECKING:
    from shared.stores.ledger import Ledger
    from shared.stores.notifications import Notifications

NO_OBJECT = "what has this name is no object that can be read: a link, or removed just now"

_SPOILT = (Defect, LookupError, TypeError, ValueError)
"""Exceptions from reading a batch that a person wrote by hand."""


@dataclass(slots=True)
class Report:
    """Numbers of what was verified, and the discrepancies found."""

    wrong: list[Discrepancy] = field(default_factory=list)
    manifests: int = 0
    objects: int = 0
    lines: int = 0
    notifications: int = 0
    waiting: int = 0
    """Objects that are sealed and in no manifest yet."""
    unexported: int = 0
    """Notifications that ended and are not archived yet."""
    signatures: str = ""
    """Sentence on the signatures that were checked, and with which key."""

    def note(self, code: str, where: str, what: str) -> None:
        """Record a discrepancy."""
        self.wrong.append(Discrepancy(code, where, what))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of the archive with what was ``sealed``, and with Firestore."""

    archive: Archive
    notifications: Notifications
    ledger: Ledger
    sealed: Mapping[str, SealedObject]
    report: Report

    def of(
        self,
        id: NotificationId,
        names: Sequence[str],
        mark: Export | None,
        it: Notification | None,
        *,
        deep: bool,
    ) -> None:
        """Compare everything about one notification."""
        life, noted = Life(), {one.name: one for one in mark.objects} if mark else {}
        for name in names:
            self._object(name, life, self.sealed.get(name) or noted.get(name))
        if deep and mark:
            self._deep(mark, names)
        self.report.notifications += 1
        self.report.lines += life.lines
        if mark:
            self._marked(mark, noted, names)
        for code, sentence in life.contradictions():
            self.report.note(code, id, sentence)
        if it is None:
            return
        try:
            history = self.notifications.history(id)
        except Defect as broken:
            self.report.note("unreadable", id, f"its history in Firestore: {broken}")
            history = life.entries
        for code, sentence in life.differences(it, history):
            self.report.note(code, id, sentence)

    def _marked(
        self, mark: Export, noted: Mapping[str, SealedObject], names: Sequence[str]
    ) -> None:
        """Check that Firestore's mark and the manifests name the same objects."""
        if gone := [one.name for one in mark.objects if self.sealed.get(one.name) != one]:
            sentence = "no manifest lists what was exported"
            more = f"; nor {len(gone) - 1} more of {mark.notification_id}" if gone[1:] else ""
            self.report.note("forgedManifest", gone[0], sentence + more)
        for name in names:
            if mark.sealed_at and name in self.sealed and name not in noted:
                sentence = "a manifest lists it, and Firestore's export does not name it"
                self.report.note("noMark", name, sentence)

    def _object(self, name: str, life: Life, sealed: SealedObject | None) -> None:
        place = place_of(name)
        packed = self.archive.get(name)
        if place is None:
            return
        if packed is None:
            self.report.note("altered", name, NO_OBJECT)
            return
        self.report.objects += 1
        if sealed is None:
            self.report.note("unlisted", name, "no manifest and no export knows of it")
        try:
            content = opened(packed)
        except Unreadable as broken:
            self.report.note("altered", name, f"it cannot be read: {broken}")
            return
        if sealed is None:
            return  # whatever it says, nobody archived it
        wrong = list(life.add(place, content))
        for number, why in wrong[:1]:
            more = f"; and {len(wrong) - 1:,} lines more cannot be ours" if wrong[1:] else ""
            self.report.note("altered", f"{name} line {number}", why + more)
        if sha256(content).hexdigest() != sealed.sha256:
            line = self._first_difference(place, content)
            sentence = "it does not have the hash under which it was sealed"
            self.report.note("altered", f"{name} line {line}" if line else name, sentence)

    # ---- the ledger --------------------------------------------------------------------------

    def _deep(self, mark: Export, names: Sequence[str]) -> None:
        try:
            self._ledger(mark, names)
        except ArchiveFault:
            raise
        except _SPOILT as broken:
            self.report.note("ledger", mark.notification_id, f"it cannot be read: {broken}")

    def _ledger(self, mark: Export, names: Sequence[str]) -> None:
        """Seal the ledger once more, and compare the objects that come of it with the archived."""
        fresh = replace(mark, objects=(), cursor="")
        batches = self.ledger.batches(mark.notification_id)
        told = {sealed.name for sealed, _, _ in sealed_outcomes(fresh, batches)}
        archived = set()
        for name in names:
            place = place_of(name)
            if place is None or place.kind is not Kind.OUTCOMES:
                continue
            archived.add(place.sequence)
            if name in told or name not in self.sealed:
                continue
            packed = self.archive.get(name)
            try:
                line = (
                    self._first_difference(place, opened(packed), only_stated=True) if packed else 0
                )
            except Unreadable:
                continue
            if line:
                self.report.note("ledger", f"{name} line {line}", "the ledger says otherwise")
        places = (place_of(name) for name in told)
        if more := sorted(it.sequence for it in places if it and it.sequence not in archived):
            what = f"the ledger has outcomes that were never archived, in objects {more}"
            self.report.note("ledger", mark.notification_id, what)

    def _first_difference(self, place: Place, content: bytes, *, only_stated: bool = False) -> int:
        """Find the first line that is not as Firestore tells it; 0 when all are, or Firestore tells
        none.

        With ``only_stated`` only what a line says counts, and not what a later version adds to it.
        """
        try:
            lines = content.split(b"\n")[:-1]
            for number, (old, new) in enumerate(
                zip_longest(lines, self._fresh_lines(place)), start=1
            ):
                same = old is not None and new is not None and old == new.encode()
                if not same and not (only_stated and old is not None and new and agrees(old, new)):
                    return number
        except (NotFound, *_SPOILT):
            pass
        return 0

    def _fresh_lines(self, place: Place) -> Iterable[str]:
        id = place.notification_id
        match place.kind:
            case Kind.OUTCOMES:
                begin = (place.sequence - 1) * BATCHES_PER_OBJECT
                some = islice(self.ledger.batches(id), begin, begin + BATCHES_PER_OBJECT)
                return (line for batch in some for line in outcome_lines(place.provider_id, batch))
            case Kind.TRANSITIONS:
                it = self.notifications.get(id)
                return [transition_line(it, entry) for entry in self.notifications.history(id)]
            case Kind.NOTIFICATIONS:
                return [notification_line(self.notifications.get(id))]
