"""Answers of ``operator-api``."""

from functions.http.answers import DomainAnswer, ProviderAnswer
from functions.http.models import Answer, Moment
from shared.domain.notifications.review import ReviewPolicy
from shared.domain.providers.admin_hwids import AdminHwidsChange
from shared.domain.providers.provider import Domain, Provider


class ManagedProviderAnswer(ProviderAnswer):
    """A provider with its members, as operators see it."""

    members: list[str]

    @classmethod
    def of(cls, provider: Provider) -> "ManagedProviderAnswer":
        """Answer about a provider, with who belongs to it."""
        shown = ProviderAnswer.of(provider).model_dump()
        return cls(**shown, members=list(provider.members))


class OwnedDomainAnswer(DomainAnswer):
    """A domain, as operators see it."""

    provider_id: str

    @classmethod
    def of(cls, domain: Domain) -> "OwnedDomainAnswer":
        """Answer about a domain, with its owner."""
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
        """Answer about an entry of a domain's history."""
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


class ModeratorAnswer(Answer):
    """A moderator's account, and their names elsewhere."""

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
    """The policy of moderation."""

    second_approval_above: int
    sla_seconds: int
    templates: list[TemplateAnswer]

    @classmethod
    def of(cls, policy: ReviewPolicy) -> "PolicyAnswer":
        """Answer about the policy."""
        return cls(
            second_approval_above=policy.second_approval_above,
            sla_seconds=int(policy.sla.total_seconds()),
            templates=[
                TemplateAnswer(id=each.id, title=each.title, comment=each.comment)
                for each in policy.templates
            ],
        )


class StopAnswer(Answer):
    """The state of the stop switch."""

    stopped: bool
