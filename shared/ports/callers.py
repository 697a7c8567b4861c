"""Who calls, and the accounts behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.domain.standing import Standing


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a verified token says it is. ``signed_in_at``: when the session began, as Unix time."""

    uid: str
    email: str = ""
    signed_in_at: float = 0.0
    claims: Mapping[str, object] = field(default_factory=dict)


class Identities(Protocol):
    """Firebase ID tokens, Google's OIDC tokens, and the accounts behind the former."""

    def verify_user(self, token: str) -> Identity:
        """A Firebase ID token of this project; raises ``Unauthenticated``."""

    def verify_service(self, token: str, function: str, account: str) -> None:
        """A Google OIDC token of ``account`` for ``function``; raises ``Unauthenticated``."""


class Standings(Protocol):
    """Firebase accounts as they are now."""

    def look_up(self, uid: str, *, max_age_seconds: float = 0.0) -> Standing | None:
        """The account of this uid, ``None`` when there is none; raises ``TryAgain``.

        An answer of the last ``max_age_seconds`` may be given again.
        """


class Rates(Protocol):
    """How often each caller did something lately."""

    def take(self, who: str, what: str, per_minute: int, *, cost: int = 1) -> float:
        """Count it, and answer 0; or the seconds to wait if it was done too often."""


class Accounts(Protocol):
    """Firebase accounts: what needs the admin SDK."""

    def custom_token(self, uid: str, claims: Mapping[str, object]) -> str:
        """A token a device exchanges for an ID token."""

    def set_moderator(self, uid: str, moderator: bool) -> None:
        """Grant or take the claim; taking also revokes sessions. Raises ``NotFound``."""
