"""Answers that several doors give, as models: they build, check and document them."""

from collections.abc import Iterable, Mapping

from functions.http.models import Answer, Moment
from shared.domain.providers.provider import ApiKey, Domain, Limit, Plan, Provider


class Sentence(Answer):
    """A stable code, and what it means and asks for."""

    code: str
    message: str


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
        """Answer about a provider."""
        return cls(
            uid=provider.uid,
            email=provider.email,
            name=provider.name,
            is_premium=provider.is_premium,
            plan=provider.plan,
            limits={str(name): provider.limit(name) for name in Limit},
            unreadable=list(provider.unreadable),
        )


class DomainAnswer(Answer):
    """A domain, as its provider sees it, by its canonical name; ``unreadable`` as of a provider."""

    domain: str
    is_verified: bool
    admin_hwids: list[str]
    admin_hwid_notes: Mapping[str, str]
    deep_link_schemes: list[str]
    unreadable: list[str]

    @classmethod
    def of(cls, domain: Domain) -> "DomainAnswer":
        """Answer about a domain."""
        return cls(
            domain=domain.domain,
            is_verified=domain.is_verified,
            admin_hwids=list(domain.admin_hwids),
            admin_hwid_notes=dict(domain.admin_hwid_notes),
            deep_link_schemes=list(domain.deep_link_schemes),
            unreadable=list(domain.unreadable),
        )


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
        """Answer about these keys."""
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
