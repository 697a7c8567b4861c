"""Providers, their domains, and what they are entitled to."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.errors import Forbidden

MOST_ADMIN_HWIDS = 10


class Plan(StrEnum):
    """What a provider pays for."""

    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class Provider:
    """Who sends. ``limits`` overrides the plan's limits by name."""

    uid: str
    email: str = ""
    is_premium: bool = False
    plan: Plan = Plan.PREMIUM
    name: str = ""
    limits: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Domain:
    """A site whose visitors' devices may be reached by its provider, once verified."""

    domain: str
    provider_id: str
    is_verified: bool = False
    admin_hwids: tuple[str, ...] = ()


def verified(domains: Iterable[Domain]) -> tuple[str, ...]:
    """The names of those domains that are verified."""
    return tuple(d.domain for d in domains if d.is_verified)


def check_entitled(provider: Provider, domains: Iterable[Domain]) -> None:
    """Only a premium provider with a verified domain may send; raises ``Forbidden`` otherwise."""
    if not provider.is_premium:
        raise Forbidden(
            "Sending needs a premium subscription; it is not active for this account.",
            code="premiumRequired",
        )
    if not verified(domains):
        raise Forbidden(
            "Sending needs at least one verified domain; verify one of yours first.",
            code="verifiedDomainRequired",
        )


def is_admin_hwid(hwid: str | None, domains: Iterable[Domain]) -> bool:
    """Whether ``hwid`` may be sent to without moderation.

    Compared character by character, with no case folding, on the provider's verified domains only.
    It is the only way round moderation (specification, section 3).
    """
    return hwid is not None and any(d.is_verified and hwid in d.admin_hwids for d in domains)
