"""Providers, their domains and API keys, and the platform's stop switch, as documents."""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.adapters.documents.fields import Fields, Reader
from shared.domain.errors import Defect
from shared.domain.provider import Domain, Plan, Provider
from shared.ports import ApiKey

PROVIDERS = "providers"
DOMAINS = "domains"
API_KEYS = "apiKeys"
PLATFORM = "platform"
STOP = "stop"

log = logging.getLogger(__name__)


def provider_fields(provider: Provider) -> Fields:
    """The document of a provider."""
    return {
        "email": provider.email,
        "isPremium": provider.is_premium,
        "plan": str(provider.plan),
        "name": provider.name,
        "limits": dict(provider.limits),
        "members": list(provider.members),
    }


def provider_from(uid: str, document: Mapping[str, Any]) -> Provider:
    """A provider; one that nothing is said of is entitled to nothing, and a plan that we do not
    know (an existing back end may have ``free``) gives no more than the smallest.
    """
    reader = Reader(PROVIDERS, uid, document)
    return Provider(
        uid=uid,
        email=reader.text("email"),
        is_premium=reader.flag("isPremium"),
        plan=_plan(document.get("plan")),
        name=reader.text("name"),
        limits=tuple(reader.counts("limits").items()),
        members=reader.texts("members"),
    )


def _plan(said: object) -> Plan:
    return next((plan for plan in Plan if plan == said), Plan.PREMIUM)


def domain_fields(domain: Domain) -> Fields:
    """The document of a domain."""
    return {
        "providerId": domain.provider_id,
        "isVerified": domain.is_verified,
        "adminHwids": list(domain.admin_hwids),
        "deepLinkSchemes": list(domain.deep_link_schemes),
    }


def domain_from(name: str, document: Mapping[str, Any]) -> Domain:
    """A domain; unverified unless it says otherwise."""
    reader = Reader(DOMAINS, name, document)
    return Domain(
        domain=name,
        provider_id=reader.text("providerId"),
        is_verified=reader.flag("isVerified"),
        admin_hwids=reader.texts("adminHwids"),
        deep_link_schemes=reader.texts("deepLinkSchemes"),
    )


def readable_domains(found: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Domain]:
    """Those that can be read: no other is verified, and none keeps its provider from the rest."""
    domains = []
    for name, document in found:
        try:
            domains.append(domain_from(name, document))
        except Defect:
            log.exception("left out of its provider's domains")
    return domains


def api_key_fields(uid: str, name: str, at: datetime, made_by: str) -> Fields:
    """The document of an API key, which is named by the key's SHA-256."""
    return {"providerId": uid, "name": name, "createdAt": at, "madeBy": made_by}


def api_key_from(digest: str, document: Mapping[str, Any]) -> ApiKey:
    """What may be shown of an API key."""
    reader = Reader(API_KEYS, digest, document)
    owner = reader.text_or_none("providerId")
    if not owner:
        raise reader.wrong("providerId", "is missing")
    return ApiKey(
        id=digest,
        provider_id=owner,
        name=reader.text("name"),
        created_at=reader.required_time("createdAt"),
        made_by=reader.text("madeBy"),
    )


def stop_fields(on: bool, by: str, reason: str, at: datetime) -> Fields:
    """The stop switch, with who turned it last and why."""
    return {"on": on, "by": by, "reason": reason, "at": at}


def stop_from(document: Mapping[str, Any]) -> bool:
    """Whether the platform is stopped."""
    return Reader(PLATFORM, STOP, document).flag("on")
