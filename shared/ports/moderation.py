"""What a decision rests on: a look at the content, the policy, the moderators, the limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.domain.content import Content
    from shared.domain.link_ends import Inspection
    from shared.domain.places import Taker, Turn
    from shared.domain.provider import Domain
    from shared.domain.review import ReviewPolicy
    from shared.domain.seen import Seen


class Inspect(Protocol):
    """A look at content, given the provider's domains. Never raises, and ends in seconds."""

    def __call__(self, content: Content, domains: Sequence[Domain], /) -> Inspection: ...


class ReviewPolicies(Protocol):
    """``platform/moderation``: what operators decided about moderation."""

    def get(self) -> ReviewPolicy:
        """As delivered, until somebody decides otherwise."""

    def put(self, policy: ReviewPolicy) -> None: ...

    def take_reminder(self, now: datetime, not_since: datetime) -> bool:
        """Whether moderators were not reminded since then; if so they count as reminded now.

        Of several callers at once, one is told yes.
        """


@dataclass(frozen=True, slots=True)
class Moderator:
    """Somebody who may decide, and how they are known elsewhere."""

    uid: str
    at: datetime
    telegram_user_id: int | None = None
    name: str = ""
    email: str = ""


class Moderators(Protocol):
    """``moderators/{uid}``."""

    def get(self, uid: str) -> Moderator | None:
        """``None`` when there is no such moderator."""

    def by_telegram(self, user_id: int) -> Moderator | None:
        """Who that Telegram user is, if a moderator."""

    def put(self, moderator: Moderator) -> None:
        """Create or replace."""

    def delete(self, uid: str) -> None:
        """Gone, whether or not it was there; that it was removed is remembered."""

    def was_removed(self, uid: str) -> bool:
        """Whether the right to decide was taken from them, and nobody gave it back."""


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


class Web(Protocol):
    """The public web, looked at with care. The only way to an address somebody gave us."""

    def look(self, url: str, *, seconds: float, asker: str = "") -> Seen:
        """Go there and follow redirects, in ``seconds`` at most. Never raises: faults are seen.

        Each ``asker`` has a share of the name lookups that can be under way.
        """


class Threats(Protocol):
    """A list of addresses known to harm people."""

    def of(self, url: str, *, seconds: float) -> tuple[str, ...]:
        """What the address is listed for, in the list's words; raises ``TryAgain`` when the list
        cannot be asked.
        """
