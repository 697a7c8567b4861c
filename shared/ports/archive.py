"""The archive: an outside store that takes only what is new."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Protocol

from shared.domain.errors import Defect


class Put(Enum):
    """Result of writing an object that was to be new."""

    WRITTEN = "written"
    ALREADY_THERE = "already there"


class ArchiveFault(Defect):
    """An archive that cannot be used until an operator changes something; nothing was written.

    ``code`` names the kind of fault, ``remedy`` says what to do.
    """

    def __init__(self, code: str, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")
        self.code = code
        self.remedy = remedy


class Archive(Protocol):
    """Objects that are written once and never change. Names are paths with ``/``.

    Every call raises ``TryAgain`` when it may work later (after a lost answer the object may be
    there), and ``ArchiveFault`` when it will not before an operator acts.
    """

    def put_new(self, name: str, content: bytes) -> Put:
        """Write all of the object or none of it, and only if there is no object of that name."""

    def get(self, name: str) -> bytes | None:
        """Return the content of an object; ``None`` when there is none, or what has its name is no
        object.
        """

    def names(self, prefix: str = "") -> Iterator[str]:
        """List the names that begin so, in order; also of what is no object, such as a link in a
        folder.
        """
