"""Ownership of a notification, and the right of its provider to send at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.domain.errors import Forbidden
from shared.domain.notifications.notification import Notification
from shared.domain.providers.provider import Domain, Provider, check_entitled

if TYPE_CHECKING:
    from shared.stores.providers import Providers


def owned(notification: Notification, provider_id: str) -> Notification:
    """Return the notification if it is this provider's; raises ``NotFound`` otherwise, as if it did
    not exist.
    """
    if notification.provider_id != provider_id:
        raise notification.unknown()
    return notification


def entitled(uid: str, providers: Providers) -> tuple[Provider, Sequence[Domain]]:
    """Return the provider and its domains; raises ``Forbidden`` unless the provider may send."""
    provider = known_provider(uid, providers)
    domains = providers.domains_of(uid)
    check_entitled(provider, domains)
    return provider, domains


def known_provider(uid: str, providers: Providers) -> Provider:
    """Return the account's provider; raises ``Forbidden`` for an account that has none."""
    provider = providers.get(uid)
    if provider is None:
        raise Forbidden("This account is not registered as a provider.", code="notAProvider")
    return provider
