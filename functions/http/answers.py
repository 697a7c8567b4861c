"""What ``provider-api`` and ``operator-api`` answer, as models: they build, check and document it.

A notification itself is rendered by ``to_json``; ``NotificationAnswer`` only describes that, and
a test holds the two against each other.
"""

from collections.abc import Iterable, Mapping

from functions.http.models import Answer, Moment
from shared.domain.audience.filters import Segment
from shared.domain.delivery.ledger import Outcome
from shared.domain.findings.finding import Severity
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import FailureReason
from shared.domain.notifications.review import ReviewPolicy
from shared.domain.providers.admin_hwids import AdminHwidsChange
from shared.domain.providers.provider import Domain, Limit, Plan, Provider
from shared.flow.audience.size import Estimate
from shared.flow.delivery.explain import Explanation
from shared.ports import ApiKey


class FindingAnswer(Answer):
    """What a look at the content turned up."""

    code: str
    severity: Severity
    field: str
    sentence: str


class NotificationAnswer(Answer):
    """A notification with everything its provider may see."""

    id: str
    title: str | None
    body: str | None
    image: str | None
    url: str | None
    url_button_name: str
    force_timer: int | None
    expiry_seconds: int | None
    target_segment: Segment | None
    provider_id: str
    provider_email: str
    status: Status
    created_at: Moment
    revision: int
    findings: list[FindingAnswer]
    estimated_devices: int | None
    submitted_at: Moment | None
    moderated_at: Moment | None
    moderator_id: str | None
    moderator_comment: str | None
    auto_approved: bool
    auto_approve_reason: str | None
    cancelled_at: Moment | None
    cancelled_by: str | None
    sending_at: Moment | None
    ended_at: Moment | None
    failure_reason: FailureReason | None
    counted_at: Moment | None
    targeted_count: int
    delivered_count: int
    failed_count: int
    skipped_count: int
    unknown_count: int
    errors: Mapping[str, int]


class StoppedAnswer(NotificationAnswer):
    """A notification that was stopped: ``deliveredCount`` were sent, and so many were not.

    What is on its way at that moment still counts as prevented; it follows within seconds.
    """

    prevented_count: int


class NotificationsAnswer(Answer):
    """One page of a provider's notifications, newest first."""

    notifications: list[NotificationAnswer]
    next_page_token: str | None


class DashboardAnswer(Answer):
    """How many notifications are in each status, and the latest of them."""

    counts: Mapping[Status, int]
    latest: list[NotificationAnswer]


class Sentence(Answer):
    """A stable code, and what it means and asks for."""

    code: str
    message: str


class ErrorCount(Sentence):
    """How many devices ended with this code, and what to do about it."""

    remedy: str
    count: int


class StatsAnswer(Answer):
    """The counters of a notification: targeted = delivered + failed + skipped + unknown + open."""

    status: Status
    targeted_count: int
    delivered_count: int
    failed_count: int
    skipped_count: int
    unknown_count: int
    open_count: int
    errors: list[ErrorCount]
    failure: Sentence | None
    counted_at: Moment | None


class EstimateAnswer(Answer):
    """How many devices a segment would target; ``exact`` is false when some may count twice."""

    devices: int
    by_platform: Mapping[str, int]
    exact: bool

    @classmethod
    def of(cls, estimate: Estimate) -> "EstimateAnswer":
        """The answer to an estimate."""
        return cls(devices=estimate.devices, by_platform=estimate.by_platform, exact=estimate.exact)


class ExplanationAnswer(Answer):
    """Whether and how a device was targeted, or which filters leave it out.

    ``unreadable`` names the fields of its document that cannot be read today.
    """

    hwid: str
    targeted: bool
    planned: bool
    misses: list[str]
    batch: str | None
    attempts: int
    outcome: Outcome | None
    code: str | None
    message: str | None
    receipt: str | None
    at: Moment | None
    unreadable: list[str]

    @classmethod
    def of(cls, hwid: str, found: Explanation, message: str | None) -> "ExplanationAnswer":
        """The answer about one device."""
        record = found.record
        return cls(
            hwid=hwid,
            targeted=found.targeted,
            planned=found.planned,
            misses=list(found.misses),
            batch=found.batch,
            attempts=found.attempts,
            outcome=record and record.outcome,
            code=(record and record.code) or None,
            message=message,
            receipt=(record and record.receipt) or None,
            at=record and record.at,
            unreadable=list(found.unreadable),
        )


class EntitlementsAnswer(Answer):
    """What the provider may do, and what is missing to send."""

    send: bool
    force_timer: bool
    missing: list[Sentence]


class ProviderAnswer(Answer):
    """A provider; ``limits`` are those that count, its own or its plan's.

    ``unreadable`` names the fields of its record that count as absent because they hold what
    cannot be read.
    """

    uid: str
    email: str
    name: str
    is_premium: bool
    plan: Plan
    limits: Mapping[str, int]
    unreadable: list[str]

    @classmethod
    def of(cls, provider: Provider) -> "ProviderAnswer":
        """The answer about a provider."""
        return cls(
            uid=provider.uid,
            email=provider.email,
            name=provider.name,
            is_premium=provider.is_premium,
            plan=provider.plan,
            limits={str(name): provider.limit(name) for name in Limit},
            unreadable=list(provider.unreadable),
        )


class ManagedProviderAnswer(ProviderAnswer):
    """A provider with its members, as operators see it."""

    members: list[str]

    @classmethod
    def of(cls, provider: Provider) -> "ManagedProviderAnswer":
        """The answer about a provider, with who belongs to it."""
        shown = ProviderAnswer.of(provider).model_dump()
        return cls(**shown, members=list(provider.members))


class MeAnswer(ProviderAnswer):
    """The provider who asks."""

    entitlements: EntitlementsAnswer


class DomainAnswer(Answer):
    """A domain, as its provider sees it, by its canonical name; ``unreadable`` as of a provider."""

    domain: str
    is_verified: bool
    admin_hwids: list[str]
    deep_link_schemes: list[str]
    unreadable: list[str]

    @classmethod
    def of(cls, domain: Domain) -> "DomainAnswer":
        """The answer about a domain."""
        return cls(
            domain=domain.domain,
            is_verified=domain.is_verified,
            admin_hwids=list(domain.admin_hwids),
            deep_link_schemes=list(domain.deep_link_schemes),
            unreadable=list(domain.unreadable),
        )


class DomainsAnswer(Answer):
    """All of a provider's domains, by name."""

    domains: list[DomainAnswer]


class OwnedDomainAnswer(DomainAnswer):
    """A domain, as operators see it."""

    provider_id: str

    @classmethod
    def of(cls, domain: Domain) -> "OwnedDomainAnswer":
        """The answer about a domain, with its owner."""
        shown = DomainAnswer.of(domain).model_dump()
        return cls(**shown, provider_id=domain.provider_id)


class DomainEntryAnswer(Answer):
    """One change of a domain's admin HWIDs."""

    at: Moment
    by: str
    provider_id: str
    added: list[str]
    removed: list[str]

    @classmethod
    def of(cls, change: AdminHwidsChange) -> "DomainEntryAnswer":
        """The answer about an entry of a domain's history."""
        return cls(
            at=change.at,
            by=change.by,
            provider_id=change.provider_id,
            added=list(change.added),
            removed=list(change.removed),
        )


class DomainHistoryAnswer(Answer):
    """The changes of a domain's admin HWIDs, the latest first."""

    entries: list[DomainEntryAnswer]


class KeyAnswer(Answer):
    """What may be shown of an API key."""

    id: str
    name: str
    created_at: Moment
    created_by: str | None


class KeysAnswer(Answer):
    """A provider's API keys, oldest first."""

    keys: list[KeyAnswer]

    @classmethod
    def of(cls, keys: Iterable[ApiKey]) -> "KeysAnswer":
        """The answer about these keys."""
        return cls(
            keys=[
                KeyAnswer(
                    id=key.id,
                    name=key.name,
                    created_at=key.created_at,
                    created_by=key.made_by or None,
                )
                for key in keys
            ]
        )


class NewKeyAnswer(Answer):
    """A new API key, shown this once."""

    id: str
    name: str
    key: str


class ModeratorAnswer(Answer):
    """Whether an account is a moderator's, and how they are known elsewhere."""

    uid: str
    moderator: bool
    telegram_user_id: int | None
    name: str
    email: str


class TemplateAnswer(Answer):
    """A rejection that need not be written again."""

    id: str
    title: str
    comment: str


class PolicyAnswer(Answer):
    """What operators decided about moderation."""

    second_approval_above: int
    sla_seconds: int
    templates: list[TemplateAnswer]

    @classmethod
    def of(cls, policy: ReviewPolicy) -> "PolicyAnswer":
        """The answer about the policy."""
        return cls(
            second_approval_above=policy.second_approval_above,
            sla_seconds=int(policy.sla.total_seconds()),
            templates=[
                TemplateAnswer(id=each.id, title=each.title, comment=each.comment)
                for each in policy.templates
            ],
        )


class StopAnswer(Answer):
    """Whether the platform is stopped."""

    stopped: bool
