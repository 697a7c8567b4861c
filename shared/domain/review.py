"""How a decision is made: claims, second approvals, and who may not decide.

A claim keeps two moderators from reading the same notification. A large audience or a red finding
asks for two pairs of eyes. Nobody decides on a provider they belong to.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.domain.errors import Forbidden, WrongState
from shared.domain.findings import has_red
from shared.domain.provider import Provider

if TYPE_CHECKING:
    from shared.domain.notification import Notification

CLAIM_LEASE = timedelta(minutes=10)
"""How long a moderator has a notification to themselves; claiming again extends it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A moderator reads it, until then."""

    moderator_id: str
    until: datetime

    def keeps_out(self, moderator_id: str, now: datetime) -> bool:
        """Whether it is live, and somebody else's."""
        return self.moderator_id != moderator_id and now < self.until


@dataclass(frozen=True, slots=True)
class Endorsement:
    """The first of two approvals, of one revision."""

    moderator_id: str
    at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Template:
    """A rejection that need not be written again."""

    id: str
    title: str
    comment: str


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """What operators decide about moderation. An audience above the number needs two approvals."""

    second_approval_above: int = 50_000
    sla: timedelta = timedelta(hours=1)
    templates: tuple[Template, ...] = ()

    def template(self, id: str) -> Template | None:
        """``None`` when there is none of that id."""
        return next((template for template in self.templates if template.id == id), None)


def approvals_needed(notification: "Notification", policy: ReviewPolicy) -> int:
    """One, or two for a red finding or a large audience."""
    large = (notification.estimated_devices or 0) > policy.second_approval_above
    return 2 if large or has_red(notification.findings) else 1


def check_claim(claim: Claim | None, moderator_id: str, now: datetime) -> None:
    """Raises ``WrongState`` while somebody else reads it."""
    if claim and claim.keeps_out(moderator_id, now):
        until = claim.until.isoformat().replace("+00:00", "Z")
        raise WrongState(
            f"{claim.moderator_id} reads this one until {until}; take another, or wait",
            code="claimed",
            details={"moderatorId": claim.moderator_id, "until": until},
        )


def belongs_to(provider: Provider, uid: str, email: str = "") -> bool:
    """Whether this person is the provider, or one of its members."""
    if uid in {provider.uid, *provider.members}:
        return True
    address = email.casefold()
    return bool(address) and address in _folded((provider.email, *provider.members))


def check_independent(provider: Provider | None, uid: str, email: str = "") -> None:
    """Raises ``Forbidden`` for somebody who belongs to the provider."""
    if provider and belongs_to(provider, uid, email):
        raise Forbidden(
            "You belong to this provider; another moderator must decide.", code="ownProvider"
        )


def _folded(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(text.casefold() for text in texts)
