"""Firebase accounts: as they are now, and changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.domain.providers.standing import Standing


class Standings(Protocol):
    """Firebase accounts as they are now."""

    def look_up(self, uid: str, *, max_age_seconds: float = 0.0) -> Standing | None:
        """Return the account of this uid, ``None`` when there is none; raises ``TryAgain``.

        An answer of the last ``max_age_seconds`` may be given again.
        """


class Invitations(Protocol):
    """Accounts of people, by e-mail address: for the operator's command.

    Every call raises ``NotFound`` for an address without an account, ``Forbidden``, ``TryAgain``.
    """

    def uid(self, email: str) -> str:
        """Return the account's uid."""

    def create(self, email: str) -> str:
        """Create an account without a password; returns its uid."""

    def set_operator(self, email: str, operator: bool) -> None:
        """Grant or take the claim ``operator``; taking also revokes sessions."""

    def password_link(self, email: str) -> str:
        """Create a link by which whoever has it sets the password, once."""

    def mail_password_link(self, email: str) -> None:
        """Have Google send such a link to the address."""

    def drop_second_factors(self, email: str) -> None:
        """Remove the account's second factors, so that another can be enrolled."""


class Accounts(Protocol):
    """Firebase accounts: what needs the admin SDK."""

    def custom_token(self, uid: str, claims: Mapping[str, object]) -> str:
        """Create a token that a device exchanges for an ID token."""

    def set_moderator(self, uid: str, moderator: bool) -> None:
        """Grant or take the claim; taking also revokes sessions. Raises ``NotFound``."""
