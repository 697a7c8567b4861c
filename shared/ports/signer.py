"""A key out of reach of everybody who can write the archive, or Firestore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.domain.archive.manifest import Signature


class Signer(Protocol):
    """A key out of reach of everybody who can write the archive, or Firestore."""

    def sign(self, text: bytes) -> Signature:
        """Sign at most 4,096 bytes. Faults as the archive's."""

    def verifies(self, text: bytes, signature: Signature) -> bool:
        """Tell whether our key made this signature of this text."""
