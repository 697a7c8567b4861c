"""A list of addresses that harm people."""

from __future__ import annotations

from typing import Protocol


class Threats(Protocol):
    """A list of addresses known to harm people."""

    def of(self, url: str, *, seconds: float) -> tuple[str, ...]:
        """Return what the address is listed for, in the list's words; raises ``TryAgain`` when the
        list cannot be asked.
        """
