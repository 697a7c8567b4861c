"""What operators do: providers, domains, moderators, the stop switch; and providers' own keys."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import replace

from shared.domain.errors import FieldError, InvalidInput, NotFound
from shared.domain.history import Actor
from shared.domain.provider import MOST_ADMIN_HWIDS, Domain, Provider
from shared.ports import Accounts, ApiKey, Clock, Providers, StopSwitch

KEY_PREFIX = "ffk_"


def put_provider(provider: Provider, *, providers: Providers) -> Provider:
    """Premium, plan, name and limits as given."""
    providers.put(provider)
    return provider


def provider(uid: str, *, providers: Providers) -> Provider:
    """Raises ``NotFound``."""
    found = providers.get(uid)
    if found is None:
        raise NotFound(f"there is no provider {uid}")
    return found


def put_domain(domain: Domain, *, providers: Providers) -> Domain:
    """Owner, verification and admin HWIDs as given."""
    check_admin_hwids(domain.admin_hwids)
    provider(domain.provider_id, providers=providers)
    providers.put_domain(domain)
    return domain


def domain(name: str, *, providers: Providers) -> Domain:
    """Raises ``NotFound``."""
    found = providers.domain(name)
    if found is None:
        raise NotFound(f"there is no domain {name}")
    return found


def set_admin_hwids(
    name: str, hwids: Sequence[str], *, provider_id: str, providers: Providers
) -> Domain:
    """A provider's own list for one of its own domains; at most ten, compared exactly."""
    check_admin_hwids(hwids)

    def change(it: Domain) -> Domain:
        if it.provider_id != provider_id:
            raise NotFound(f"there is no domain {name}")
        return replace(it, admin_hwids=tuple(dict.fromkeys(hwids)))

    return providers.change_domain(name, change)


def check_admin_hwids(hwids: Sequence[str]) -> None:
    """At most ten."""
    if len(set(hwids)) > MOST_ADMIN_HWIDS:
        sentence = f"at most {MOST_ADMIN_HWIDS} admin HWIDs per domain"
        raise InvalidInput([FieldError("adminHwids", "tooMany", sentence)])


def set_moderator(uid: str, moderator: bool, *, accounts: Accounts) -> None:
    """Grant or take the claim; taking it also ends the account's sessions."""
    accounts.set_moderator(uid, moderator)


def turn_stop_switch(
    on: bool, *, by: Actor, reason: str, stop_switch: StopSwitch, clock: Clock
) -> None:
    """The platform's brake: while on, batches wait; nothing is lost."""
    stop_switch.turn(on, str(by), reason, clock.now())


def issue_key(uid: str, name: str, *, providers: Providers, clock: Clock) -> str:
    """A new API key for a provider's server. Shown once; only its digest is kept."""
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    providers.add_key(digest_of(key), uid, name, clock.now())
    return key


def keys(uid: str, *, providers: Providers) -> Sequence[ApiKey]:
    """A provider's keys, without the keys."""
    return providers.keys_of(uid)


def digest_of(key: str) -> str:
    """What is kept of an API key, and its id."""
    return hashlib.sha256(key.encode()).hexdigest()
