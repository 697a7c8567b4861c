"""Operators' verbs: providers, domains, moderators, the stop switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from shared.domain.actors import Actor
from shared.domain.chat.text import SHARED_ACCOUNTS
from shared.domain.errors import FieldError, InvalidInput, NotFound, TryAgain
from shared.domain.notifications.review import ReviewPolicy, Template
from shared.domain.providers.provider import (
    MOST_ADMIN_HWIDS,
    Domain,
    Provider,
    with_fields,
    with_lists,
    with_owner,
)
from shared.ports import (
    Accounts,
    AlreadyThere,
    Clock,
    Standings,
)
from shared.stores.moderators import Moderator

if TYPE_CHECKING:
    from shared.stores.providers import Providers

if TYPE_CHECKING:
    from shared.stores.moderators import Moderators
    from shared.stores.platform import StopSwitch
    from shared.stores.review_policies import ReviewPolicies


class DomainNeeds(Protocol):
    """Parts of the container that verbs about domains use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def providers(self) -> Providers: ...


class Needs(DomainNeeds, Protocol):
    """Parts of the container that the other verbs use as well."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def moderators(self) -> Moderators: ...
    @property
    def standings(self) -> Standings: ...
    @property
    def stop_switch(self) -> StopSwitch: ...


def put_provider(uid: str, fields: Mapping[str, Any], *, providers: Providers) -> Provider:
    """Change these fields of a provider; a provider that is not there yet is created."""
    try:
        return providers.change(uid, lambda it: with_fields(it, fields))
    except NotFound:
        new = Provider(uid, **fields)
        providers.put(new)
        return new


def provider(uid: str, *, providers: Providers) -> Provider:
    """Return the provider with this uid; raises ``NotFound``."""
    found = providers.get(uid)
    if found is None:
        raise NotFound(f"there is no provider {uid}")
    return found


def put_domain(name: str, fields: Mapping[str, Any], *, by: Actor, needs: DomainNeeds) -> Domain:
    """Change these fields of a domain; a domain that is not there yet is created, and needs an
    owner.
    """
    owner = fields.get("provider_id")
    if owner is not None and needs.providers.get(owner) is None:
        sentence = "providerId is no provider's uid"
        raise InvalidInput([FieldError("providerId", "unknownProvider", sentence)])
    found, now = needs.providers.domain(name), needs.clock.now()
    try:
        return needs.providers.change_domain(
            found.id if found else name, lambda it: with_owner(it, fields), by=by, at=now
        )
    except NotFound:
        if owner is None:
            sentence = "providerId is required for a new domain"
            raise InvalidInput([FieldError("providerId", "required", sentence)]) from None
        return add_domain(with_owner(Domain(name, owner), fields), by=by, needs=needs)


def add_domain(domain: Domain, *, by: Actor, needs: DomainNeeds) -> Domain:
    """Create a domain with owner, verification and admin HWIDs as given."""
    check_admin_hwids(domain.admin_hwids)
    provider(domain.provider_id, providers=needs.providers)
    try:
        needs.providers.add_domain(domain, by=by, at=needs.clock.now())
    except AlreadyThere:
        raise TryAgain(f"{domain.domain} was created just now by somebody else") from None
    return domain


def domain(name: str, *, providers: Providers) -> Domain:
    """Return the domain of this name; raises ``NotFound``."""
    found = providers.domain(name)
    if found is None:
        raise NotFound(f"there is no domain {name}")
    return found


def change_own_domain(name: str, fields: Mapping[str, Any], *, by: Actor, needs: Needs) -> Domain:
    """Replace lists of one of the provider's own domains: ``admin_hwids``, at most ten and compared
    exactly, and ``deep_link_schemes``; a list that is not given stays. ``admin_hwid_notes`` go with
    the first, by hwid.

    Raises ``TooMany`` where the domain would have listed too many different HWIDs lately.
    """
    lists: dict[str, Any] = {
        field: values if field == "admin_hwid_notes" else tuple(dict.fromkeys(values))
        for field, values in fields.items()
    }
    check_admin_hwids(lists.get("admin_hwids", ()))
    own = next((it for it in needs.providers.domains_of(by.id) if it.domain == name), None)

    def change(it: Domain) -> Domain:
        if it.provider_id != by.id:
            raise NotFound(f"there is no domain {name}")
        return with_lists(it, lists)

    if own is None:
        raise NotFound(f"there is no domain {name}")
    return needs.providers.change_domain(own.id, change, by=by, at=needs.clock.now())


def check_admin_hwids(hwids: Sequence[str]) -> None:
    """Raise ``InvalidInput`` for more than ten different admin HWIDs."""
    if len(set(hwids)) > MOST_ADMIN_HWIDS:
        sentence = f"at most {MOST_ADMIN_HWIDS} admin HWIDs per domain"
        raise InvalidInput([FieldError("adminHwids", "tooMany", sentence)])


def put_moderator(uid: str, fields: Mapping[str, Any], *, needs: Needs) -> Moderator:
    """Grant the moderator's claim, and keep how they are known elsewhere; fields that are not given
    stay.

    Without an e-mail address the account's own is kept: the address tells whom the moderator
    belongs to, also after the account's has changed.
    """
    telegram_user_id = fields.get("telegram_user_id")
    if telegram_user_id in SHARED_ACCOUNTS:
        sentence = (
            f"telegramUserId {telegram_user_id} stands for many people (anonymous administrators, "
            "channels or Telegram itself); give the number of the person's own account"
        )
        raise InvalidInput([FieldError("telegramUserId", "sharedAccount", sentence)])
    owner = needs.moderators.by_telegram(telegram_user_id) if telegram_user_id else None
    if owner and owner.uid != uid:
        sentence = f"telegramUserId is already {owner.uid}'s; take it from them first"
        raise InvalidInput([FieldError("telegramUserId", "taken", sentence)])
    needs.accounts.set_moderator(uid, True)
    before = needs.moderators.get(uid) or Moderator(uid, needs.clock.now())
    moderator = replace(before, **fields)
    if not moderator.email:
        moderator = replace(moderator, email=_own_email(uid, needs.standings))
    needs.moderators.put(moderator)
    return moderator


def _own_email(uid: str, standings: Standings) -> str:
    standing = standings.look_up(uid)
    return next(iter(standing.emails), "") if standing else ""


def delete_moderator(uid: str, *, needs: Needs) -> None:
    """Take the right to decide in the chat, then the claim, and end the account's sessions."""
    needs.moderators.delete(uid)
    needs.accounts.set_moderator(uid, False)


def change_policy(fields: Mapping[str, Any], *, policies: ReviewPolicies) -> ReviewPolicy:
    """Change these fields of the review policy; raises ``InvalidInput`` if two templates share an
    id.
    """
    templates: Sequence[Template] = fields.get("templates", ())
    if len({each.id for each in templates}) < len(templates):
        sentence = "templates must not use an id twice"
        raise InvalidInput([FieldError("templates", "notUnique", sentence)])
    policy = replace(policies.get(), **fields)
    policies.put(policy)
    return policy


def turn_stop_switch(on: bool, *, by: Actor, reason: str, needs: Needs) -> None:
    """Turn the platform's stop switch on or off: while it is on, batches wait; nothing is lost."""
    needs.stop_switch.turn(on, str(by), reason, needs.clock.now())
