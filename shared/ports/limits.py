"""How often something was done, by whom: windows, turns and rates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.domain.providers.places import Taker, Turn


class Rates(Protocol):
    """How often each caller did something lately."""

    def take(self, who: str, what: str, per_minute: int, *, cost: int = 1) -> float:
        """Count it, and answer 0; or the seconds to wait if it was done too often."""


class Usage(Protocol):
    """Places in windows of time, a document for each provider, kind and window; and turns."""

    def take(
        self,
        provider_id: str,
        kind: str,
        window_key: str,
        limit: int,
        expire_at: datetime,
        *,
        taker: Taker,
    ) -> bool:
        """Whether ``taker`` holds one of ``limit`` places now, or did before.

        One transaction: however many ask at once, no more than ``limit`` places are taken.
        """

    def places(self, provider_id: str, kind: str, window_key: str) -> Sequence[str]:
        """Which places are taken now, each once."""

    def give_back(self, provider_id: str, kind: str, window_key: str, *, taker: Taker) -> None:
        """``taker`` holds its place no more; it is free if nobody else holds it."""

    def begin(
        self, provider_id: str, kind: str, limit: int, now: datetime, until: datetime, taker: Taker
    ) -> Turn:
        """Take a turn that ends at ``until`` by itself; at most ``limit`` of a provider at a time,
        and one at a place. One transaction.
        """

    def end(self, provider_id: str, kind: str, *, taker: Taker) -> None:
        """The turn is over, whether or not it was taken."""
