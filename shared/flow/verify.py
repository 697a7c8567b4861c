"""Is the archive what was archived, and does Firestore still say the same?

Everything in the archive is read again. Manifests must form one chain that ends where Firestore
knows its end; every object must be listed and have its hash; what the lines add up to must be what
Firestore says. Each thing that is not so is named. Nothing is written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice, zip_longest

from shared.domain.archive import (
    BATCHES_PER_OBJECT,
    Export,
    Kind,
    Place,
    Sealed,
    Unreadable,
    opened,
    place_of,
)
from shared.domain.archive_life import Discrepancy, Life
from shared.domain.archive_lines import notification_line, outcome_lines, transition_line
from shared.domain.archive_manifest import (
    sequence_of,
)
from shared.domain.errors import NotFound
from shared.domain.notification import Notification, NotificationId
from shared.flow.export import sealed_outcomes
from shared.flow.verify_chain import Chain
from shared.ports import Archive, Exports, Ledger, Notifications, Signer

EVERYTHING = datetime.max.replace(tzinfo=UTC)
MOST_UNLISTED = 100_000


@dataclass(slots=True)
class Report:
    """What was looked at, and what is wrong."""

    wrong: list[Discrepancy] = field(default_factory=list)
    manifests: int = 0
    objects: int = 0
    lines: int = 0
    notifications: int = 0
    waiting: int = 0
    """Objects that are sealed and in no manifest yet."""

    def note(self, code: str, where: str, what: str) -> None:
        """Something is wrong."""
        self.wrong.append(Discrepancy(code, where, what))


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a verification needs of the world. With ``signer``, manifests must be signed by it."""

    archive: Archive
    exports: Exports
    notifications: Notifications
    ledger: Ledger
    signer: Signer | None = None

    def verify(self, *, deep: bool = False) -> Report:
        """The whole archive. ``deep``: also compare every outcome with the ledger, line by line."""
        report = Report()
        names = set(self.archive.names())
        waiting = self._waiting()  # before the chain: what is listed meanwhile is in both
        report.waiting = len(waiting)
        sealed = waiting | self._chain(names, report)
        names |= {it for it in sealed.keys() - names if self.archive.get(it) is not None}
        for name in sorted(sealed.keys() - names):
            report.note("missing", name, "it was archived, and is not in the archive any more")
        owned: dict[NotificationId, list[str]] = {}
        for name in sorted(names):
            if place := place_of(name):
                owned.setdefault(place.notification_id, []).append(name)
            elif sequence_of(name) is None:
                report.note("unknown", name, "nothing of ours has such a name")
        for it in sealed.keys() - names:
            if place := place_of(it):
                owned.setdefault(place.notification_id, [])
        for id, some in sorted(owned.items()):
            self._notification(id, some, sealed, report, deep=deep)
        return report

    def _waiting(self) -> dict[str, Sealed]:
        unlisted = self.exports.unlisted(EVERYTHING, MOST_UNLISTED)
        return {one.name: one for it in unlisted for one in it.objects}

    def _chain(self, names: Iterable[str], report: Report) -> dict[str, Sealed]:
        manifests = {number for name in names if (number := sequence_of(name))}
        chain = Chain(self.archive, self.exports.head(), self.signer)
        report.wrong.extend(chain.walk(manifests))
        report.manifests = chain.manifests
        return chain.listed

    # ---- one notification --------------------------------------------------------------------

    def _notification(
        self,
        id: NotificationId,
        names: Sequence[str],
        sealed: dict[str, Sealed],
        report: Report,
        *,
        deep: bool,
    ) -> None:
        mark, it = self.exports.get(id), self._in_firestore(id)
        noted = {one.name for one in mark.objects} if mark else set()
        if mark is None or mark.sealed_at is None:
            if it and it.export_at and sealed.keys().isdisjoint(names):
                return  # an export that is under way, or died: it will go on
            report.note("noMark", id, "it is in the archive, and Firestore has no export of it")
        elif mark.manifest is None and not noted <= sealed.keys() & set(names):
            sealed.update(self._waiting())  # it was sealed since we looked
            names = sorted(noted.union(names))
        life = Life()
        for name in names:
            self._object(name, life, sealed.get(name), report)
        if deep and mark:
            self._ledger(mark, names, report)
        report.notifications += 1
        report.lines += life.lines
        for one in mark.objects if mark else ():
            if sealed.get(one.name) != one:
                report.note("forgedManifest", one.name, "no manifest lists what was exported")
        for code, sentence in life.contradictions():
            report.note(code, id, sentence)
        if it is None:
            report.note("gone", id, "it is in the archive, and not in Firestore any more")
            return
        for code, sentence in life.differences(it):
            report.note(code, id, sentence)

    def _in_firestore(self, id: NotificationId) -> Notification | None:
        try:
            return self.notifications.get(id)
        except NotFound:
            return None

    def _ledger(self, mark: Export, names: Sequence[str], report: Report) -> None:
        """Seal the ledger once more, and see whether the same objects come of it."""
        fresh = replace(mark, objects=(), cursor="")
        batches = self.ledger.batches(mark.notification_id)
        told = {sealed.name for sealed, _, _ in sealed_outcomes(fresh, batches)}
        for name in names:
            place = place_of(name)
            if place and place.kind is Kind.OUTCOMES and name not in told:
                packed = self.archive.get(name)
                try:
                    line = self._first_difference(place, opened(packed)) if packed else 0
                except Unreadable:
                    continue
                report.note("ledger", f"{name} line {line}", "the ledger says otherwise by now")

    def _object(self, name: str, life: Life, sealed: Sealed | None, report: Report) -> None:
        place = place_of(name)
        packed = self.archive.get(name)
        if place is None or packed is None:
            return
        report.objects += 1
        try:
            content = opened(packed)
        except Unreadable as broken:
            report.note("altered", name, f"it cannot be read: {broken}")
            return
        if sealed is None:
            report.note("unlisted", name, "no manifest and no export knows of it")
        for number, wrong in life.add(place, content):
            report.note("altered", f"{name} line {number}", wrong)
        if sealed is not None and sha256(content).hexdigest() != sealed.sha256:
            line = self._first_difference(place, content)
            told = "it does not have the hash under which it was sealed"
            report.note("altered", f"{name} line {line}" if line else name, told)

    def _first_difference(self, place: Place, content: bytes) -> int:
        """The first line that is not as Firestore tells it; 0 when all are, or it tells none."""
        try:
            told = self._told(place)
            both = zip_longest(content.decode(errors="replace").split("\n")[:-1], told)
            return next((n for n, (a, b) in enumerate(both, start=1) if a != b), 0)
        except NotFound:
            return 0

    def _told(self, place: Place) -> Iterable[str]:
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
