"""The caller's identity, by the token that comes with a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """Claims of a verified token. ``signed_in_at``: when the session began, as Unix time."""

    uid: str
    email: str = ""
    signed_in_at: float = 0.0
    claims: Mapping[str, object] = field(default_factory=dict)

    @property
    def second_factor(self) -> str:
        """The factor given besides the password (``totp``, ``phone``); empty if none was."""
        sign_in = self.claims.get("firebase")
        factor = sign_in.get("sign_in_second_factor") if isinstance(sign_in, Mapping) else None
        return factor if isinstance(factor, str) else ""


class Identities(Protocol):
    """Firebase ID tokens, Google's OIDC tokens, and the accounts behind the former."""

    def verify_user(self, token: str) -> Identity:
        """Verify a Firebase ID token of this project; raises ``Unauthenticated``."""

    def verify_service(self, token: str, function: str, account: str) -> None:
        """Verify a Google OIDC token of ``account`` for ``function``.

        Raises ``Unauthenticated``.
        """


class AppCheck(Protocol):
    """Firebase App Check: proof that a request comes from an app of this project."""

    def verify(self, token: str) -> None:
        """Verify an App Check token of this project; raises ``Unauthenticated``, ``TryAgain``."""
