"""Providers, their domains and API keys, and the platform's stop switch, as documents."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.domain.errors import Defect
from shared.domain.links.domain_names import domain_name
from shared.domain.providers.provider import Domain, Plan, Provider, fits_limit
from shared.ports import ApiKey
from shared.stores.codec import Fields, LenientReader, Reader, difference

PROVIDERS = "providers"
DOMAINS = "domains"
API_KEYS = "apiKeys"

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

    A ``null`` among the limits may mean none or any number: it cannot be read either.
    """
    reader = LenientReader(document)
    plan = reader.text("plan")
    return Provider(
        uid=uid,
        email=reader.text("email"),
        is_premium=reader.flag("isPremium"),
        plan=Plan(plan) if plan in set(Plan) else Plan.PREMIUM,
        name=reader.text("name"),
        limits=tuple(sorted(reader.counts("limits", fits_limit).items())),
        members=reader.texts("members"),
        unreadable=reader.unreadable,
    )


def provider_changes(uid: str, document: Mapping[str, Any], provider: Provider) -> Fields:
    """The fields to write so that the document says ``provider``."""
    odd = provider_from(uid, document).unreadable
    return _changes(document, odd, provider_fields(provider), provider.unreadable)


def domain_fields(domain: Domain) -> Fields:
    """The document of a domain."""
    return {
        "providerId": domain.provider_id,
        "isVerified": domain.is_verified,
        "adminHwids": list(domain.admin_hwids),
        "deepLinkSchemes": list(domain.deep_link_schemes),
    }


def domain_from(id: str, document: Mapping[str, Any]) -> Domain:
    """A domain, whatever form of its name it is stored under; unverified unless it says otherwise.

    Of its admin HWIDs those that can be read count: each is one that somebody entered.
    """
    reader, name = LenientReader(document), domain_name(id)
    return Domain(
        domain=name,
        provider_id=reader.text("providerId"),
        is_verified=reader.flag("isVerified"),
        admin_hwids=reader.texts("adminHwids"),
        deep_link_schemes=reader.texts("deepLinkSchemes"),
        stored_as="" if id == name else id,
        unreadable=reader.unreadable,
    )


Stored = Iterable[tuple[str, Mapping[str, Any]]]
"""Documents by id."""


def domains_of_provider(
    uid: str, owned: Stored, stored: Callable[[Sequence[str]], Stored]
) -> list[Domain]:
    """A provider's domains, by name.

    One that is stored under another form of its name does not count where the canonical one is
    stored, too, and another provider's; ``stored`` looks that up.
    """
    domains = [domain_from(id, document) for id, document in owned]
    others = [domain.domain for domain in domains if domain.stored_as]
    lost = {
        taken.domain
        for taken in (domain_from(id, document) for id, document in stored(others))
        if taken.provider_id not in {"", uid}
    }
    for domain in domains:
        if domain.stored_as and domain.domain in lost:
            log.error("domains/%s is stored as another provider's, too", domain.domain)
    kept = (it for it in domains if not (it.stored_as and it.domain in lost))
    return sorted(kept, key=lambda it: (it.domain, it.stored_as))


def domain_changes(id: str, document: Mapping[str, Any], domain: Domain) -> Fields:
    """The fields to write so that the document says ``domain``."""
    odd = domain_from(id, document).unreadable
    return _changes(document, odd, domain_fields(domain), domain.unreadable)


def _changes(
    document: Mapping[str, Any], odd: Collection[str], wanted: Fields, still_odd: Collection[str]
) -> Fields:
    """What could not be read is replaced where it was given anew, and else left as it is."""
    readable = {name: value for name, value in document.items() if name not in odd}
    given = {name: value for name, value in wanted.items() if name not in still_odd}
    return difference(readable, given)


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


def readable_keys(found: Iterable[tuple[str, Mapping[str, Any]]]) -> list[ApiKey]:
    """Those that can be read, oldest first; a broken one keeps nobody from the others."""
    keys = []
    for digest, document in found:
        try:
            keys.append(api_key_from(digest, document))
        except Defect:
            log.exception("left out of a list of API keys")
    return sorted(keys, key=lambda key: (key.created_at, key.id))
