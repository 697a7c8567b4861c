"""A key that nobody who can write the archive, or Firestore, holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.domain.archive.manifest import Signature


class Signer(Protocol):
    """A key that nobody who can write the archive, or Firestore, holds."""

    def sign(self, text: bytes) -> Signature:
        """At most 4,096 bytes. Faults as the archive's."""

    def verifies(self, text: bytes, signature: Signature) -> bool:
        """Whether our key made this signature of this text."""
