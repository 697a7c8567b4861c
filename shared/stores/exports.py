"""``exports/{id}``, ``manifests/{number}-{hash}`` and ``platform/archive``: what is archived.

A mark that is sealed and in no manifest yet carries ``unlistedSince``, and loses it when it is
listed: the query for them reads nothing else, however much was archived before. No rule lets
anybody but our functions read any of this.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from shared.domain.archive.manifest import Head
from shared.domain.archive.objects import Export, SealedObject
from shared.domain.errors import Defect, LostLease, TryAgain
from shared.domain.notifications.notification import NotificationId
from shared.ports.database import (
    Create,
    Database,
    Document,
    Fields,
    Merge,
    Query,
    Unmet,
    Update,
    Where,
)
from shared.stores.change import settle, write
from shared.stores.names import can_name, document_name
from shared.stores.platform import PLATFORM

EXPORTS = "exports"
MANIFESTS = "manifests"
ARCHIVE = "archive"
_HASH = re.compile(r"[0-9a-f]{64}")

log = logging.getLogger(__name__)


class Exports:
    """Marks of what is archived of each notification; and the manifests' last link."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, id: NotificationId) -> Export | None:
        """Return the mark of a notification; ``None`` when nothing of it is archived yet."""
        if not can_name(id):  # read in a name in the archive, which anybody may have written
            return None
        document = self._database.get(document_name(EXPORTS, id))
        return None if document is None else export_from(document)

    def write(self, export: Export) -> Export:
        """Create or replace a mark, on the condition that it is as it was read; raises
        ``LostLease``.
        """
        name = document_name(EXPORTS, export.notification_id)
        return replace(export, version=self._settled(name, export_fields(export), export.version))

    def unlisted(self, until: datetime, limit: int) -> Sequence[Export]:
        """List the marks sealed at ``until`` or before and in no manifest yet, the oldest first.

        A mark that cannot be read is left out, and logged.
        """
        waiting = Where("unlistedSince", "<=", until)
        asked = Query(EXPORTS, (waiting,), order=("unlistedSince",), limit=limit)
        return list(_readable(self._database.query(asked)))

    def listed(self, ids: Sequence[NotificationId], manifest: int) -> None:
        """Note that these are in that manifest; safe to repeat. Marks that are gone are skipped."""
        fields = {"manifest": manifest, "unlistedSince": None}
        writes = [Update(document_name(EXPORTS, id), fields) for id in ids]
        results = self._database.write_each(writes) if writes else ()
        if not all(result.done or result.unmet for result in results):
            raise TryAgain("not every export could be noted as listed")

    def announce(self, sequence: int, hash: str) -> None:
        """Note that we are about to write this manifest; safe to repeat."""
        note = Merge(_manifest(sequence, hash), {"sequence": sequence, "hash": hash})
        write(self._database, [note], "the announcement of a manifest")

    def announced(self, sequence: int, hash: str) -> bool:
        """Tell whether the manifest was announced, be it by a process that did not live to write
        it.
        """
        if not _HASH.fullmatch(hash):  # read in a manifest, which anybody may have written
            return False
        return self._database.get(_manifest(sequence, hash)) is not None

    def head(self) -> Head | None:
        """Return the last manifest; ``None`` before the first."""
        document = self._database.get(document_name(PLATFORM, ARCHIVE))
        if document is None:
            return None
        fields = document.fields
        try:
            day = date.fromisoformat(fields["day"])
            return Head(fields["sequence"], fields["hash"], day, document.version)
        except (KeyError, ValueError, TypeError) as wrong:
            raise Defect(f"{PLATFORM}/{ARCHIVE} cannot be read: {wrong}") from None

    def advance(self, head: Head, version: str) -> Head:
        """Set the next manifest, if ``version`` of the head still stands; raises ``LostLease``."""
        fields = {"sequence": head.sequence, "hash": head.hash, "day": head.day.isoformat()}
        name = document_name(PLATFORM, ARCHIVE)
        return replace(head, version=self._settled(name, fields, version))

    def _settled(self, name: str, fields: Fields, version: str) -> str:
        wanted = Update(name, fields, version) if version else Create(name, fields)
        try:
            return settle(self._database, [wanted], "the archive's record")
        except Unmet:
            raise LostLease from None


def _manifest(sequence: int, hash: str) -> str:
    return document_name(MANIFESTS, f"{sequence:08d}-{hash}")


def export_fields(export: Export) -> Fields:
    """Build the document of a mark."""
    return {
        "providerId": export.provider_id,
        "day": export.day.isoformat(),
        "objects": [
            {"name": it.name, "sha256": it.sha256, "lines": it.lines, "bytes": it.bytes}
            for it in export.objects
        ],
        "cursor": export.cursor,
        "sealedAt": export.sealed_at,
        "unlistedSince": export.sealed_at if export.manifest is None else None,
        "manifest": export.manifest,
    }


def _readable(documents: Iterable[Document]) -> Iterator[Export]:
    """Read each mark: a spoilt one must not keep the others out of every manifest."""
    for document in documents:
        try:
            yield export_from(document)
        except Defect:
            log.exception("is in no manifest: %s", document.name)


def export_from(document: Document) -> Export:
    """Read a mark; raises ``Defect`` when the document cannot be one."""
    fields = document.fields
    try:
        return Export(
            notification_id=NotificationId(document.id),
            provider_id=fields["providerId"],
            day=date.fromisoformat(fields["day"]),
            objects=tuple(
                SealedObject(it["name"], it["sha256"], it["lines"], it["bytes"])
                for it in fields["objects"]
            ),
            cursor=fields["cursor"],
            sealed_at=fields.get("sealedAt"),
            manifest=fields.get("manifest"),
            version=document.version,
        )
    except (KeyError, ValueError, TypeError) as wrong:
        raise Defect(f"{document.name} cannot be read: {wrong}") from None
