"""What is looked at before anybody decides, who decides by which policy, and which limits hold."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from shared.domain.content import Content
from shared.domain.link_ends import Inspection
from shared.domain.notification import Notification
from shared.domain.provider import Domain, declared_schemes, verified
from shared.ports import Inspect, Moderators, ReviewPolicies, Threats, Usage, Web
from shared.wiring.cast import Parts
from shared.wiring.ground import Ground

if TYPE_CHECKING:
    from shared.flow.moderate import CountDevices
    from shared.flow.reviewers import Reviewers
    from shared.flow.submission import Checks


class ModerationParts(Ground):
    """The guarded web and a list of threats; policy, moderators and usage in Firestore."""

    @cached_property
    def web(self) -> Web:
        from shared.adapters.web.guarded import web

        return web(self.settings)

    @cached_property
    def threats(self) -> Threats:
        from shared.adapters.web.threats import threats

        return threats(self.settings)

    @cached_property
    def review_policies(self) -> ReviewPolicies:
        from shared.adapters.firestore.moderation import FirestoreReviewPolicies

        return FirestoreReviewPolicies(self._firestore)

    @cached_property
    def moderators(self) -> Moderators:
        from shared.adapters.firestore.moderation import FirestoreModerators

        return FirestoreModerators(self._firestore)

    @cached_property
    def usage(self) -> Usage:
        from shared.adapters.firestore.moderation import FirestoreUsage

        return FirestoreUsage(self._firestore)


def inspecting(p: Parts) -> Inspect:
    """A look at content with the web and the threat list of these parts."""

    def look(content: Content, domains: Sequence[Domain]) -> Inspection:
        from shared.flow.inspect import inspect

        return inspect(
            content,
            verified(domains),
            web=p.web,
            threats=p.threats,
            own_schemes=declared_schemes(domains),
            asker=domains[0].provider_id if domains else "",
        )

    return look


def counting(p: Parts) -> "CountDevices":
    """A count of a notification's audience with these parts, which are loaded when it is made."""

    def count(notification: Notification) -> int:
        from shared.flow.audience_size import devices_now

        return devices_now(notification, providers=p.providers, audience=p.audience, clock=p.clock)

    return count


def checks(p: Parts) -> "Checks":
    """What submissions are checked with."""
    from shared.flow.submission import PAUSES, Checks

    return Checks(inspecting(p), p.audience, p.usage, p.rates, PAUSES)


def reviewers(p: Parts) -> "Reviewers":
    """Who may decide, by the accounts and the list of these parts."""
    from shared.flow.reviewers import Reviewers

    return Reviewers(p.standings, p.moderators)
