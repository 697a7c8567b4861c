"""Who calls, by the token they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


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
