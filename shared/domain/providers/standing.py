"""The rights of an account as it is now, whatever its tokens say of it.

An ID token lasts an hour and says what was true when it was issued, or what a custom token had it
say. What the account itself says is looked up; these are the rules about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from shared.domain.actors import Role
from shared.domain.errors import Forbidden, Unauthenticated
from shared.domain.providers.provider import Provider, belongs_to

RECENT_SIGN_IN = timedelta(minutes=15)
"""How recent a sign-in must be for what outlives it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An account as it is now.

    ``emails`` are all addresses it is known by, verified or not; ``verified_email`` is the one
    that is proven to be its own. ``signed_out_at`` is the second in which all its sessions were
    ended last, 0 if they never were.
    """

    uid: str
    emails: tuple[str, ...] = ()
    verified_email: str = ""
    disabled: bool = False
    signed_out_at: int = 0
    claims: Mapping[str, object] = field(default_factory=dict)

    def holds(self, role: Role) -> bool:
        """Tell whether the account is open and has that claim of its own."""
        return not self.disabled and self.claims.get(role.value) is True

    def acts_for(self, provider: Provider) -> bool:
        """Tell whether the account is open and the provider's, by uid or by a proven address."""
        return not self.disabled and belongs_to(provider, self.uid, (self.verified_email,))


def open_account(standing: Standing | None, signed_in_at: float) -> Standing:
    """Return the account of a session that began then; raise ``Unauthenticated`` if it ended."""
    if standing is None or standing.disabled:
        raise Unauthenticated("this account was deleted or disabled", code="accountClosed")
    if signed_in_at <= standing.signed_out_at:
        raise Unauthenticated("this session was ended; sign in again", code="sessionEnded")
    return standing


def check_recent_sign_in(signed_in_at: float, now: float) -> None:
    """Raise ``Forbidden`` unless the session began a few minutes ago at most."""
    if now - signed_in_at > RECENT_SIGN_IN.total_seconds():
        minutes = int(RECENT_SIGN_IN.total_seconds() // 60)
        raise Forbidden(
            f"This needs a sign-in of the last {minutes} minutes; sign in again and repeat it.",
            code="recentSignInRequired",
        )


def check_second_factor(factor: str, role: Role) -> None:
    """Raise ``Forbidden`` unless a second factor was given at the sign-in."""
    if not factor:
        raise Forbidden(
            f"only a {role} who signed in with a second factor may do this",
            code="secondFactorRequired",
        )
