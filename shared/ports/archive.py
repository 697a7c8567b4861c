"""The outside witness: an archive that takes only what is new, and marks of what it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from shared.domain.errors import Defect

if TYPE_CHECKING:
    from shared.domain.archive import Export
    from shared.domain.archive_manifest import Head, Signature
    from shared.domain.notification import NotificationId


class Put(Enum):
    """What became of an object that was to be new."""

    WRITTEN = "written"
    ALREADY_THERE = "already there"


class ArchiveFault(Defect):
    """The archive cannot be used until somebody changes something; nothing was written.

    ``code`` names the kind of fault, ``remedy`` says what to do.
    """

    def __init__(self, code: str, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")
        self.code = code
        self.remedy = remedy


class Archive(Protocol):
    """Objects that are written once and never change. Names are paths with ``/``.

    Every call raises ``TryAgain`` when it may work later (after a lost answer the object may be
    there), and ``ArchiveFault`` when it will not before somebody acts.
    """

    def put_new(self, name: str, content: bytes) -> Put:
        """All of it or none of it, and only if there is no object of that name."""

    def get(self, name: str) -> bytes | None:
        """Content of an object; ``None`` when there is none, or what has its name is no object."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names that begin so, in order; also of what is no object, such as a link in a folder."""


class Signer(Protocol):
    """A key that nobody who can write the archive, or Firestore, holds."""

    def sign(self, text: bytes) -> Signature:
        """At most 4,096 bytes. Faults as the archive's."""

    def verifies(self, text: bytes, signature: Signature) -> bool:
        """Whether our key made this signature of this text."""


class Exports(Protocol):
    """``exports/{id}``: what is archived of which notification; and the manifests' last link."""

    def get(self, id: NotificationId) -> Export | None:
        """``None`` when nothing of it is archived yet."""

    def write(self, export: Export) -> Export:
        """Create or replace, on the condition that it is as it was read; raises ``LostLease``."""

    def unlisted(self, until: datetime, limit: int) -> Sequence[Export]:
        """Sealed before ``until`` and in no manifest yet, the oldest first.

        One that cannot be read is left out, and logged.
        """

    def listed(self, ids: Sequence[NotificationId], manifest: int) -> None:
        """These are in that manifest; safe to repeat."""

    def announce(self, sequence: int, hash: str) -> None:
        """We are about to write this manifest; safe to repeat."""

    def announced(self, sequence: int, hash: str) -> bool:
        """Whether it was announced, be it by somebody who did not live to write it."""

    def head(self) -> Head | None:
        """The last manifest; ``None`` before the first."""

    def advance(self, head: Head, version: str) -> Head:
        """The next one, if ``version`` of the head still stands; raises ``LostLease``."""
