"""``exports/{id}``, ``manifests/{number}-{hash}`` and ``platform/archive``, over the REST API.

A mark that is sealed and in no manifest yet carries ``unlistedSince``, and loses it when it is
listed: the query for them reads nothing else, however much was archived before.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from shared.adapters.firestore.ledger_documents import holds
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_values import (
    Raw,
    decode_fields,
    encode,
    id_of,
    moment,
    query,
    where,
    write,
)
from shared.domain.archive.manifest import Head
from shared.domain.archive.objects import Export, Sealed
from shared.domain.errors import Defect, TryAgain
from shared.domain.notifications.notification import NotificationId
from shared.ports import LostLease
from shared.ports.database import Lost, Unmet
from shared.stores.platform import PLATFORM

EXPORTS = "exports"
MANIFESTS = "manifests"
ARCHIVE = "archive"
_FIELDS = ("providerId", "day", "objects", "cursor", "sealedAt", "unlistedSince", "manifest")
_HEAD_FIELDS = ("sequence", "hash", "day")
_LISTED_OR_GONE = {0, 5}
"""Status codes: fine, and not found."""

_ID = re.compile(r"(?!\.{1,2}$)(?!__.*__$)[^/\x00]{1,500}")
_HASH = re.compile(r"[0-9a-f]{64}")

log = logging.getLogger(__name__)


class FirestoreExports:
    """Server-only: the security rules name none of the collections."""

    def __init__(self, rest: FirestoreRest) -> None:
        self._rest = rest

    def get(self, id: NotificationId) -> Export | None:
        if not _ID.fullmatch(id):  # read in a name in the archive, which anybody may have written
            return None
        document = self._rest.get(self._rest.name(EXPORTS, id))
        return None if document is None else _export_from(document)

    def write(self, export: Export) -> Export:
        name = self._rest.name(EXPORTS, export.notification_id)
        version = self._settled(name, _fields(export), _FIELDS, export.version)
        return replace(export, version=version)

    def unlisted(self, until: datetime, limit: int) -> Sequence[Export]:
        waiting = where("unlistedSince", "LESS_THAN_OR_EQUAL", until)
        asked = query(EXPORTS, waiting, order=["unlistedSince"], limit=limit)
        return list(_readable(self._rest.run_query(asked)))

    def listed(self, ids: Sequence[NotificationId], manifest: int) -> None:
        fields, mask = {"manifest": encode(manifest)}, ("manifest", "unlistedSince")
        names = [self._rest.name(EXPORTS, id) for id in ids]
        writes = [write(name, fields, mask, exists=True) for name in names]
        if writes and not {c for c, _ in self._rest.batch_write(writes)} <= _LISTED_OR_GONE:
            raise TryAgain("not every export could be noted as listed")

    def announce(self, sequence: int, hash: str) -> None:
        fields = {"sequence": encode(sequence), "hash": encode(hash)}
        name = self._rest.name(MANIFESTS, f"{sequence:08d}-{hash}")
        self._rest.commit([write(name, fields, tuple(fields))])

    def announced(self, sequence: int, hash: str) -> bool:
        if not _HASH.fullmatch(hash):  # read in a manifest, which anybody may have written
            return False
        return self._rest.get(self._rest.name(MANIFESTS, f"{sequence:08d}-{hash}")) is not None

    def head(self) -> Head | None:
        document = self._rest.get(self._rest.name(PLATFORM, ARCHIVE))
        if document is None:
            return None
        fields = decode_fields(document)
        try:
            day = date.fromisoformat(fields["day"])
            return Head(fields["sequence"], fields["hash"], day, document["updateTime"])
        except (KeyError, ValueError, TypeError) as wrong:
            raise Defect(f"{PLATFORM}/{ARCHIVE} cannot be read: {wrong}") from None

    def advance(self, head: Head, version: str) -> Head:
        facts = {"sequence": head.sequence, "hash": head.hash, "day": head.day.isoformat()}
        fields = {name: encode(value) for name, value in facts.items()}
        name = self._rest.name(PLATFORM, ARCHIVE)
        return replace(head, version=self._settled(name, fields, _HEAD_FIELDS, version))

    def _settled(self, name: str, fields: Raw, mask: Sequence[str], version: str) -> str:
        """Commit, and if the answer is lost, look whether it counted."""
        condition: dict[str, Any] = {"version": version} if version else {"exists": False}
        wanted = write(name, fields, mask, **condition)
        try:
            return self._rest.commit([wanted])[0]
        except Unmet:
            raise LostLease from None
        except Lost:
            there = self._rest.get(name)
            if there is not None and holds(there, fields, mask):
                return str(there["updateTime"])
            raise


def _fields(export: Export) -> Raw:
    unlisted = export.sealed_at if export.manifest is None else None
    facts = {
        "providerId": export.provider_id,
        "day": export.day.isoformat(),
        "objects": [
            {"name": it.name, "sha256": it.sha256, "lines": it.lines, "bytes": it.bytes}
            for it in export.objects
        ],
        "cursor": export.cursor,
        "sealedAt": export.sealed_at,
        "unlistedSince": unlisted,
        "manifest": export.manifest,
    }
    return {name: encode(value) for name, value in facts.items() if value is not None}


def _readable(documents: Iterable[Raw]) -> Iterator[Export]:
    """One that was spoilt must not keep the others out of every manifest."""
    for document in documents:
        try:
            yield _export_from(document)
        except Defect:
            log.exception("is in no manifest: %s/%s", EXPORTS, id_of(document))


def _export_from(document: Raw) -> Export:
    fields, id = decode_fields(document, moment), id_of(document)
    try:
        return Export(
            notification_id=NotificationId(id),
            provider_id=fields["providerId"],
            day=date.fromisoformat(fields["day"]),
            objects=tuple(
                Sealed(it["name"], it["sha256"], it["lines"], it["bytes"])
                for it in fields["objects"]
            ),
            cursor=fields["cursor"],
            sealed_at=fields.get("sealedAt"),
            manifest=fields.get("manifest"),
            version=document["updateTime"],
        )
    except (KeyError, ValueError, TypeError) as wrong:
        raise Defect(f"{EXPORTS}/{id} cannot be read: {wrong}") from None
