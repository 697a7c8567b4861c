"""API keys of providers' servers, which end with the right of the person who made them.

A key speaks for its provider while the account that made it is open and the provider's.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Protocol

from shared.domain.errors import TooMany, Unauthenticated
from shared.domain.providers.provider import Limit, Provider
from shared.flow.providers.entitled import known_provider
from shared.ports import (
    Clock,
    Standings,
)

if TYPE_CHECKING:
    from shared.stores.providers import Providers

KEY_PREFIX = "ffk_"
STANDING_SECONDS = 60.0
"""Time for which a key may outlive its maker's right to it: accounts are not looked up per call."""
ROOM_RETRY_SECONDS = 300


class Needs(Protocol):
    """Parts of the container that these verbs use."""

    @property
    def clock(self) -> Clock: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def standings(self) -> Standings: ...


def issue_key(uid: str, name: str, *, made_by: str, needs: Needs) -> str:
    """Create an API key for a provider's server. The key is shown once; only its digest is kept.

    Raises ``TooMany`` at the provider's limit. Of requests that exceed the limit together, each
    that sees it exceeded takes its own key back.
    """
    most = known_provider(uid, needs.providers).limit(Limit.API_KEYS)
    if len(needs.providers.keys_of(uid)) >= most:
        raise _reached(most)
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    digest = digest_of(key)
    needs.providers.add_key(digest, uid, name, needs.clock.now(), made_by=made_by)
    if len(needs.providers.keys_of(uid)) > most:
        needs.providers.delete_key(digest, uid)
        raise _reached(most)
    return key


def provider_of_key(key: str, *, needs: Needs) -> Provider:
    """Return the provider that ``key`` speaks for; raises ``Unauthenticated`` for a key that is
    unknown, deleted or ended.

    A key without a recorded maker ends with the provider's own account.
    """
    found = needs.providers.key(digest_of(key))
    if found is None:
        raise Unauthenticated("this API key is unknown or was deleted")
    provider = known_provider(found.provider_id, needs.providers)
    maker = needs.standings.look_up(found.made_by or provider.uid, max_age_seconds=STANDING_SECONDS)
    if maker is None or not maker.acts_for(provider):
        raise Unauthenticated(
            "this API key ended with the account that made it; make a new one", code="keyEnded"
        )
    return provider


def digest_of(key: str) -> str:
    """Return the digest of an API key: the form in which the key is kept, and its id."""
    return hashlib.sha256(key.encode()).hexdigest()


def _reached(most: int) -> TooMany:
    return TooMany(
        f"{most} API keys are the most your plan allows; delete one that is not used any more",
        retry_after_seconds=ROOM_RETRY_SECONDS,
        code="apiKeysReached",
    )
