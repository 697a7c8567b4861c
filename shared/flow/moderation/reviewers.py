"""The right to decide as of now: the accounts behind moderators, and the operators' list."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.domain.actors import Actor, Role
from shared.domain.notifications.notification import Notification
from shared.domain.notifications.review import check_independent
from shared.domain.providers.provider import Provider, belongs_to
from shared.domain.providers.standing import Standing
from shared.ports import Standings

if TYPE_CHECKING:
    from shared.stores.moderators import Moderators

JUST_NOW_SECONDS = 60.0
"""A moderator's own account was looked up when their call was let in."""


@dataclass(frozen=True, slots=True)
class Reviewers:
    """Lookup of moderators: whether they still are moderators, and whether they are independent."""

    standings: Standings
    moderators: "Moderators"

    def moderates(self, uid: str) -> bool:
        """Tell whether this account is a moderator's at this moment."""
        return not self.moderators.was_removed(uid) and _moderates(self.standings.look_up(uid))

    def check_independent(self, provider: Provider | None, by: Actor, email: str = "") -> None:
        """Raise ``Forbidden`` for a person who belongs to the provider under any address: that of
        their token (``email``), those of their account, and the address that operators know.

        An operator at a terminal has no account, only a name.
        """
        standing = None
        if by.role is Role.MODERATOR:
            standing = self.standings.look_up(by.id, max_age_seconds=JUST_NOW_SECONDS)
        check_independent(provider, by.id, (email, *self._emails(by.id, standing)))

    def lapsed(self, it: Notification, provider: Provider | None, by: Actor) -> frozenset[str]:
        """Return the uids besides ``by`` whose claim or endorsement of ``it`` does not count any
        more: the person is no moderator now, or belongs to the provider by now.
        """
        uids = {endorsement.moderator_id for endorsement in it.endorsements}
        uids |= {it.claim.moderator_id} if it.claim else set()
        return frozenset(uid for uid in uids - {by.id} if self._lapsed(uid, provider))

    def _lapsed(self, uid: str, provider: Provider | None) -> bool:
        if self.moderators.was_removed(uid):
            return True
        standing = self.standings.look_up(uid)
        if not _moderates(standing):
            return True
        return provider is not None and belongs_to(provider, uid, self._emails(uid, standing))

    def _emails(self, uid: str, standing: Standing | None) -> tuple[str, ...]:
        listed = self.moderators.get(uid) if standing else None
        known = listed.email if listed else ""
        return (known, *(standing.emails if standing else ()))


def _moderates(standing: Standing | None) -> bool:
    return standing is not None and standing.holds(Role.MODERATOR)
