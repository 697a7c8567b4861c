"""Providers, their domains, and what they are entitled to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from pydantic.alias_generators import to_camel

from shared.domain.errors import Forbidden

MOST_ADMIN_HWIDS = 10
MOST_NOTE_CHARACTERS = 60
MOST_DEEP_LINK_SCHEMES = 10
MOST_MEMBERS = 100


class Plan(StrEnum):
    """What a provider pays for."""

    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


class Limit(StrEnum):
    """A bound of what a provider can have or do."""

    PENDING_AT_ONCE = "pendingAtOnce"
    SUBMISSIONS_PER_DAY = "submissionsPerDay"
    ADMIN_SENDS_PER_HOUR = "adminSendsPerHour"
    DEVICES_PER_MINUTE = "devicesPerMinute"
    DRAFTS = "drafts"
    DRAFTS_PER_MINUTE = "draftsPerMinute"
    API_KEYS = "apiKeys"
    API_KEYS_PER_MINUTE = "apiKeysPerMinute"
    ESTIMATES_PER_MINUTE = "estimatesPerMinute"
    SEARCHES_PER_MINUTE = "searchesPerMinute"


LIMITS: Mapping[Plan, Mapping[Limit, int]] = {
    Plan.PREMIUM: {
        Limit.PENDING_AT_ONCE: 50,
        Limit.SUBMISSIONS_PER_DAY: 200,
        Limit.ADMIN_SENDS_PER_HOUR: 120,
        Limit.DEVICES_PER_MINUTE: 60_000,
        Limit.DRAFTS: 500,
        Limit.DRAFTS_PER_MINUTE: 120,
        Limit.API_KEYS: 20,
        Limit.API_KEYS_PER_MINUTE: 20,
        Limit.ESTIMATES_PER_MINUTE: 120,
        Limit.SEARCHES_PER_MINUTE: 60,
    },
    Plan.ENTERPRISE: {
        Limit.PENDING_AT_ONCE: 200,
        Limit.SUBMISSIONS_PER_DAY: 1_000,
        Limit.ADMIN_SENDS_PER_HOUR: 600,
        Limit.DEVICES_PER_MINUTE: 150_000,
        Limit.DRAFTS: 2_000,
        Limit.DRAFTS_PER_MINUTE: 240,
        Limit.API_KEYS: 50,
        Limit.API_KEYS_PER_MINUTE: 40,
        Limit.ESTIMATES_PER_MINUTE: 240,
        Limit.SEARCHES_PER_MINUTE: 120,
    },
}
HIGHEST_LIMIT = 10_000
"""More than this nobody gets: who took a place in a window is kept in one document."""
HIGHEST_DEVICES_PER_MINUTE = 10_000_000


def fits_limit(name: str, most: int) -> bool:
    """Tell whether a provider can have this as its own limit; unknown names are not judged."""
    if name == Limit.DEVICES_PER_MINUTE:
        return 1 <= most <= HIGHEST_DEVICES_PER_MINUTE
    return name not in set(Limit) or 0 <= most <= HIGHEST_LIMIT


@dataclass(frozen=True, slots=True)
class Provider:
    """A sender of notifications.

    ``limits`` overrides the plan's by name; ``members`` are uids and e-mails.
    ``unreadable`` names the fields of its document that are here as if they were absent.
    """

    uid: str
    email: str = ""
    is_premium: bool = False
    plan: Plan = Plan.PREMIUM
    name: str = ""
    limits: tuple[tuple[str, int], ...] = ()
    members: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    def limit(self, name: Limit) -> int:
        """Return the provider's own limit, or its plan's."""
        return dict(self.limits).get(name, LIMITS[self.plan][name])


@dataclass(frozen=True, slots=True)
class Domain:
    """A site whose visitors' devices may be reached by its provider, once verified.

    ``domain`` is the canonical name. ``stored_as`` is the name of its document, if that is another
    form; ``unreadable`` as with a provider.
    """

    domain: str
    provider_id: str
    is_verified: bool = False
    admin_hwids: tuple[str, ...] = ()
    deep_link_schemes: tuple[str, ...] = ()
    """The schemes of the provider's own apps."""
    stored_as: str = ""
    unreadable: tuple[str, ...] = ()
    admin_hwid_notes: tuple[tuple[str, str], ...] = ()
    """What people call some of the admin HWIDs."""

    @property
    def id(self) -> str:
        """The name of its document."""
        return self.stored_as or self.domain


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What may be shown of an API key."""

    id: str
    provider_id: str
    name: str
    created_at: datetime
    made_by: str = ""
    """The account that made it; unknown for keys of older versions."""


R = TypeVar("R", Provider, Domain)


def with_fields(record: R, fields: Mapping[str, Any]) -> R:
    """Return the record with these fields; one that is set anew counts as readable again."""
    mended = {to_camel(name) for name in fields}
    still = tuple(name for name in record.unreadable if name not in mended)
    return replace(record, **fields, unreadable=still)


def with_owner(domain: Domain, fields: Mapping[str, Any]) -> Domain:
    """Return the domain with these fields; a new owner inherits neither devices that bypass
    moderation nor apps.
    """
    moved = fields.get("provider_id", domain.provider_id) != domain.provider_id
    left = {"admin_hwids": (), "deep_link_schemes": ()} if moved else {}
    return with_lists(replace(domain, admin_hwid_notes=()) if moved else domain, {**left, **fields})


def with_lists(domain: Domain, fields: Mapping[str, Any]) -> Domain:
    """Return the domain with these fields. An admin HWID that stays on the list keeps its note
    unless another is given, an empty one among them; one that leaves takes its note along.
    """
    if "admin_hwids" not in fields:
        return with_fields(domain, fields)
    notes = {**dict(domain.admin_hwid_notes), **dict(fields.get("admin_hwid_notes", ()))}
    kept = {hwid: notes[hwid] for hwid in fields["admin_hwids"] if notes.get(hwid)}
    return with_fields(domain, {**fields, "admin_hwid_notes": tuple(sorted(kept.items()))})


def verified(domains: Iterable[Domain]) -> tuple[str, ...]:
    """List the names of those domains that are verified."""
    return tuple(d.domain for d in domains if d.is_verified)


def declared_schemes(domains: Iterable[Domain]) -> frozenset[str]:
    """List the schemes of a provider's own apps; those of an unverified domain do not count."""
    return frozenset(s.lower() for d in domains if d.is_verified for s in d.deep_link_schemes)


def check_premium(provider: Provider) -> None:
    """Raise ``Forbidden`` unless the provider has premium."""
    if not provider.is_premium:
        raise Forbidden(
            "Sending needs a premium subscription; it is not active for this account.",
            code="premiumRequired",
        )


def check_entitled(provider: Provider, domains: Iterable[Domain]) -> None:
    """Raise ``Forbidden`` unless the provider has premium and a verified domain."""
    check_premium(provider)
    if not verified(domains):
        raise Forbidden(
            "Sending needs at least one verified domain; verify one of yours first.",
            code="verifiedDomainRequired",
        )


def missing_to_send(provider: Provider, domains: Iterable[Domain]) -> list[Forbidden]:
    """List every reason why the provider may not send, each as if it were the only one."""
    some = Domain("", provider.uid, is_verified=True)
    refusals = (
        _refusal(provider, [some]),
        _refusal(replace(provider, is_premium=True), domains),
    )
    return [refusal for refusal in refusals if refusal]


def may_force_timer(provider: Provider) -> bool:
    """Tell whether the provider's notifications may count down before they can be closed."""
    return provider.plan is Plan.ENTERPRISE


def _refusal(provider: Provider, domains: Iterable[Domain]) -> Forbidden | None:
    try:
        check_entitled(provider, domains)
    except Forbidden as refusal:
        return refusal
    return None


def is_admin_hwid(hwid: str | None, domains: Iterable[Domain]) -> bool:
    """Tell whether ``hwid`` may be sent to without moderation.

    Compared character by character, with no case folding, on the provider's verified domains only.
    It is the only way round moderation (specification, section 3).
    """
    return hwid is not None and any(d.is_verified and hwid in d.admin_hwids for d in domains)


def admin_devices(domains: Iterable[Domain]) -> dict[str, str]:
    """List the admin HWIDs of verified domains, each with its note, which may be empty."""
    devices: dict[str, str] = {}
    for domain in domains:
        notes = dict(domain.admin_hwid_notes)
        for hwid in domain.admin_hwids if domain.is_verified else ():
            devices[hwid] = devices.get(hwid) or notes.get(hwid, "")
    return devices


def belongs_to(provider: Provider, uid: str, emails: Iterable[str] = ()) -> bool:
    """Tell whether this person is the provider, or a member, under any of the addresses."""
    if uid in {provider.uid, *provider.members}:
        return True
    known = _folded((provider.email, *provider.members))
    return not known.isdisjoint(_folded(filter(None, emails)))


def _folded(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(text.casefold() for text in texts)
