"""Verification that the archive is what was archived, and that Firestore still says the same.

Every object in the archive is read again. Manifests must form one chain that ends where Firestore
knows its end; every object must be listed and have its hash; the lines must add up to what
Firestore says. Each discrepancy is named, and none keeps another from being found. Nothing is
written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.domain.archive.manifest import Head, sequence_of
from shared.domain.archive.objects import Export, SealedObject, place_of
from shared.domain.errors import Defect, NotFound
from shared.domain.notifications.notification import Notification, NotificationId
from shared.flow.archive.verify_chain import Chain
from shared.flow.archive.verify_notification import Comparison, Report
from shared.ports import Archive, Signer

if TYPE_CHECKING:
    from shared.stores.exports import Exports
    from shared.stores.ledger import Ledger
    from shared.stores.notifications import Notifications

EVERYTHING = datetime.max.replace(tzinfo=UTC)
MOST_UNLISTED = 100_000
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifier of the archive. With ``signer``, manifests must be signed by it."""

    archive: Archive
    exports: Exports
    notifications: Notifications
    ledger: Ledger
    signer: Signer | None = None

    def verify(self, *, deep: bool = False) -> Report:
        """Verify the whole archive. ``deep``: also compare every outcome with the ledger, line by
        line.
        """
        report = Report()
        report.unexported = len(self.notifications.unexported(EVERYTHING, MOST_COUNTED))
        names = set(self.archive.names())
        unlisted_objects = (
            self._unlisted_objects()
        )  # before the chain: what is listed meanwhile is in both
        report.waiting = len(unlisted_objects)
        sealed = unlisted_objects | self._chain(names, report)
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

    def _unlisted_objects(self) -> dict[str, SealedObject]:
        unlisted = self.exports.unlisted(EVERYTHING, MOST_UNLISTED)
        return {one.name: one for it in unlisted for one in it.objects}

    def _chain(self, names: Iterable[str], report: Report) -> dict[str, SealedObject]:
        manifests = {number for name in names if (number := sequence_of(name))}
        chain = Chain(self.archive, self._head(report), self.signer)
        report.wrong.extend(chain.walk(manifests))
        report.manifests, report.signatures = chain.manifests, chain.signatures()
        return chain.listed

    def _notification(
        self,
        id: NotificationId,
        names: Sequence[str],
        sealed: dict[str, SealedObject],
        report: Report,
        *,
        deep: bool,
    ) -> None:
        mark, it = self._mark(id, report), self._in_firestore(id, report)
        if mark is None and it is None and sealed.keys().isdisjoint(names):
            for name in names:
                report.note("unlisted", name, "no manifest and no export knows of it")
            return
        if it is None:
            told = "it is in the archive, and Firestore has no record of it that can be read"
            report.note("gone", id, told)
        noted = {one.name for one in mark.objects} if mark else set()
        if mark is None or mark.sealed_at is None:
            if it and it.export_at and sealed.keys().isdisjoint(names):
                return  # an export that is under way, or died: it will go on
            report.note("noMark", id, "it is in the archive, and Firestore has no export of it")
        elif mark.manifest is None and not noted <= sealed.keys() & set(names):
            sealed.update(self._unlisted_objects())  # it was sealed since we looked
            names = sorted(noted.union(names))
        Comparison(self.archive, self.notifications, self.ledger, sealed, report).of(
            id, names, mark, it, deep=deep
        )

    # ---- Firestore, of which somebody may have made anything ---------------------------------

    def _head(self, report: Report) -> Head | None:
        try:
            return self.exports.head()
        except Defect as broken:
            report.note("unreadable", "platform/archive", str(broken))
            return None

    def _mark(self, id: NotificationId, report: Report) -> Export | None:
        try:
            return self.exports.get(id)
        except Defect as broken:
            report.note("unreadable", f"exports/{id}", str(broken))
            return None

    def _in_firestore(self, id: NotificationId, report: Report) -> Notification | None:
        try:
            return self.notifications.get(id)
        except NotFound:
            return None
        except Defect as broken:
            report.note("unreadable", id, f"its record in Firestore: {broken}")
            return None


__all__ = ["Report", "Verifier"]
