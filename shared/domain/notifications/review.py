"""The rules of a decision: claims, second approvals, and who may not decide.

A claim keeps two moderators from reading the same notification. A large audience or a red finding
asks for two pairs of eyes, both of them moderators'. Nobody decides on a provider they belong to.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, final

from shared.domain.actors import Actor, Role
from shared.domain.errors import Forbidden, WrongState
from shared.domain.findings.finding import Finding, has_red
from shared.domain.moments import moment_text
from shared.domain.providers.provider import Provider, belongs_to

CLAIM_LEASE = timedelta(minutes=10)
"""How long a moderator has a notification to themselves; claiming again extends it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A moderator reads it, until then."""

    moderator_id: str
    until: datetime

    def keeps_out(self, moderator_id: str, now: datetime) -> bool:
        """Tell whether the claim is live, and somebody else's."""
        return self.moderator_id != moderator_id and now < self.until


@dataclass(frozen=True, slots=True)
class Endorsement:
    """The first of two approvals, of one revision."""

    moderator_id: str
    at: datetime
    revision: int


@final
@dataclass(frozen=True, slots=True)
class Cancellation:
    """Withdrawal of a notification before it was sent, by whom and when."""

    at: datetime | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """A rejection that need not be written again."""

    id: str
    title: str
    comment: str


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """The operators' rules for moderation. An audience above the number needs two approvals."""

    second_approval_above: int = 50_000
    sla: timedelta = timedelta(hours=1)
    templates: tuple[Template, ...] = ()

    def template(self, id: str) -> Template | None:
        """Find the template of that id; ``None`` when there is none."""
        return next((template for template in self.templates if template.id == id), None)


class ReviewFacts(Protocol):
    """The facts that decide how many must approve a notification."""

    @property
    def estimated_devices(self) -> int | None: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...


def approvals_needed(notification: ReviewFacts, policy: ReviewPolicy) -> int:
    """Return one, or two for a red finding or a large audience."""
    return 2 if _reasons_for_two(notification, policy) else 1


def check_pair(notification: ReviewFacts, policy: ReviewPolicy, by: Actor) -> None:
    """Raise ``Forbidden`` where two must approve and this is no moderator.

    Whoever is an operator may be a moderator too: otherwise one person could be both of them.
    """
    reasons = _reasons_for_two(notification, policy)
    if reasons and by.role is not Role.MODERATOR:
        raise Forbidden(
            f"two moderators must approve this one: {' and '.join(reasons)}; "
            "an operator may reject it",
            code="twoModeratorsNeeded",
        )


def check_claim(claim: Claim | None, moderator_id: str, now: datetime) -> None:
    """Raise ``WrongState`` while somebody else has claimed it."""
    if claim and claim.keeps_out(moderator_id, now):
        until = moment_text(claim.until)
        raise WrongState(
            f"{claim.moderator_id} reads this one until {until}; take another, or wait",
            code="claimed",
            details={"moderatorId": claim.moderator_id, "until": until},
        )


def check_independent(provider: Provider | None, uid: str, emails: Iterable[str] = ()) -> None:
    """Raise ``Forbidden`` for somebody who belongs to the provider.

    An address counts here whether or not it is verified: it can only keep a person from deciding.
    """
    if provider and belongs_to(provider, uid, emails):
        raise Forbidden(
            "You belong to this provider; another moderator must decide.", code="ownProvider"
        )


def _reasons_for_two(notification: ReviewFacts, policy: ReviewPolicy) -> list[str]:
    devices, most = notification.estimated_devices or 0, policy.second_approval_above
    reasons = ["it has a red finding"] if has_red(notification.findings) else []
    if devices > most:
        reasons.append(f"{devices:,} devices are more than {most:,}")
    return reasons
