"""The archive's objects: their names, and how a batch of lines is sealed.

An object's name is made of what it is for (kind, provider, day, notification, sequence) and of the
hash of its lines. So the same lines are the same object however often they are written, and an
object that was replaced contradicts its own name. Hashes are taken of the lines and not of their
compressed form, which another version of zlib may write differently.
"""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from urllib.parse import quote, unquote

from shared.domain.delivery.ledger import BATCH_SIZE
from shared.domain.notifications.lifecycle import TERMINAL
from shared.domain.notifications.notification import Change, Notification, NotificationId

SCHEMA = 1
"""Raised when a line or a manifest changes its meaning; adding a field does not."""

BATCHES_PER_OBJECT = 20
MOST_LINES = BATCHES_PER_OBJECT * BATCH_SIZE
"""Bounds what an export holds in memory, and what a crash makes it do again."""

_NAME_DIGITS = 16
_GZIP = 31
"""zlib's window size for one member of gzip, with its header and its checks."""

MOST_UNPACKED = 64 * 1024 * 1024
"""Many times what an object of ours holds: what unpacks to more was made to choke its reader."""


class Kind(StrEnum):
    """The subject of an object's lines."""

    NOTIFICATIONS = "notifications"
    TRANSITIONS = "transitions"
    OUTCOMES = "outcomes"


@dataclass(frozen=True, slots=True)
class SealedObject:
    """An object as manifests list it; ``sha256`` and ``bytes`` are those of its lines."""

    name: str
    sha256: str
    lines: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an object, as its name says."""

    kind: Kind
    provider_id: str
    day: date
    notification_id: NotificationId
    sequence: int

    def folder(self) -> str:
        """Return the folder of a kind, provider and day as Hive has it: query engines read that."""
        return f"kind={self.kind}/provider={_plain(self.provider_id)}/dt={self.day.isoformat()}/"

    def name(self, sha256: str) -> str:
        """Return the name of the object with these lines."""
        stem = f"{_plain(self.notification_id)}-{self.sequence:05d}-{sha256[:_NAME_DIGITS]}"
        return f"{self.folder()}{stem}.ndjson.gz"


_NAME = re.compile(
    rf"kind=({'|'.join(Kind)})/provider=([^/]+)/dt=([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})/"
    rf"([^/]+)-([0-9]{{5,18}})-([0-9a-f]{{{_NAME_DIGITS}}})\.ndjson\.gz"
)


def place_of(name: str) -> Place | None:
    """Read the place in a name; ``None`` for one that is no object's, or spelled otherwise."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    kind, provider, day, owner, sequence, sha256 = match.groups()
    try:
        of = date.fromisoformat(day)
    except ValueError:
        return None
    id = NotificationId(unquote(owner))
    place = Place(Kind(kind), unquote(provider), of, id, int(sequence))
    return place if place.name(sha256) == name else None


def _plain(text: str) -> str:
    """Escape a text for one step of a path; a leading dot would mean something to a file system,
    too.
    """
    return quote(text, safe="").replace(".", "%2E")


class Seal:
    """Takes lines one after the other and closes them into one compressed object.

    The compressed bytes carry no time and no name, so that the same lines give the same bytes.
    """

    def __init__(self) -> None:
        self._out = io.BytesIO()
        self._gzip = gzip.GzipFile(filename="", mode="wb", fileobj=self._out, mtime=0)
        self._sha256 = hashlib.sha256()
        self.lines = 0
        self._bytes = 0

    def add(self, lines: Iterable[str]) -> None:
        """Add lines, each without its end."""
        for line in lines:
            written = line.encode() + b"\n"
            self._gzip.write(written)
            self._sha256.update(written)
            self.lines += 1
            self._bytes += len(written)

    def close(self, place: Place) -> tuple[SealedObject, bytes]:
        """Return what manifests say of it, and the compressed bytes."""
        self._gzip.close()
        digest = self._sha256.hexdigest()
        return SealedObject(
            place.name(digest), digest, self.lines, self._bytes
        ), self._out.getvalue()


class Unreadable(Exception):
    """The bytes are no object of the archive: cut short, damaged, or packed as ours never are."""


def opened(packed: bytes) -> bytes:
    """Read the lines of an object; raise ``Unreadable`` for what is none.

    One member of gzip and nothing after it: some readers stop there, and others go on.
    """
    unpacking = zlib.decompressobj(_GZIP)
    try:
        content = unpacking.decompress(packed, MOST_UNPACKED)
    except zlib.error as broken:
        raise Unreadable(str(broken)) from None
    if not unpacking.eof:
        large = len(content) >= MOST_UNPACKED
        raise Unreadable("it unpacks to far more than ours do" if large else "it is cut short")
    if unpacking.unused_data:
        raise Unreadable("something follows the end of what was packed")
    return content


# ---- the mark ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Export:
    """The state of the export of one notification: ``exports/{id}``.

    ``cursor`` is the last batch that is sealed. With ``sealed_at`` everything is; ``manifest`` is
    the number of the manifest that lists it. ``version`` is the store's, not ours.
    """

    notification_id: NotificationId
    provider_id: str
    day: date
    objects: tuple[SealedObject, ...] = ()
    cursor: str = ""
    sealed_at: datetime | None = None
    manifest: int | None = None
    version: str = ""

    def place(self, kind: Kind) -> Place:
        """Return the place of its next object of a kind."""
        number = 1 + sum(f"kind={kind}/" in it.name for it in self.objects)
        return Place(kind, self.provider_id, self.day, self.notification_id, number)

    def with_objects(self, *sealed: SealedObject) -> "Export":
        """Add the objects that are in the archive now."""
        return replace(self, objects=(*self.objects, *sealed))


def has_ended(it: Notification) -> bool:
    """Tell whether nothing can happen to the notification any more."""
    return it.status in TERMINAL


def ended_on(it: Notification) -> date:
    """Return the day under which a notification is archived, however late that is done."""
    ended_at = it.run.ended_at if it.run else None
    cancelled_at = it.cancellation.at if it.cancellation else None
    at = ended_at or cancelled_at or it.moderated_at or it.created_at
    return at.date()


def exported(it: Notification) -> Change:
    """Mark the notification as exported: there is nothing more to do."""
    return Change(replace(it, export_at=None), None)


def exporting(it: Notification, next_look: datetime, now: datetime) -> Change:
    """Mark the export as being done: another before ``next_look`` finds nothing to do."""
    if it.export_at is None or it.export_at > now:
        return Change(it, None)
    return Change(replace(it, export_at=next_look), None)
