"""Whose notification it is, and what its provider may send at all."""

from collections.abc import Sequence

from shared.domain.content import Content
from shared.domain.errors import FieldError, Forbidden, InvalidInput
from shared.domain.notification import Notification
from shared.domain.provider import Domain, Plan, Provider, check_entitled, verified
from shared.domain.push.sizes import oversize
from shared.domain.targeting import Segment
from shared.ports import Providers


def owned(notification: Notification, provider_id: str) -> Notification:
    """The notification, if it is this provider's; else it does not exist for the caller."""
    if notification.provider_id != provider_id:
        raise notification.unknown()
    return notification


def entitled(uid: str, providers: Providers) -> tuple[Provider, Sequence[Domain]]:
    """The provider and its domains; raises ``Forbidden`` unless it may send."""
    provider = known_provider(uid, providers)
    domains = providers.domains_of(uid)
    check_entitled(provider, domains)
    return provider, domains


def known_provider(uid: str, providers: Providers) -> Provider:
    """Raises ``Forbidden`` for an account that is not a provider's."""
    provider = providers.get(uid)
    if provider is None:
        raise Forbidden("This account is not registered as a provider.", code="notAProvider")
    return provider


def check_fields(
    content: Content, segment: Segment | None, provider: Provider, domains: Sequence[Domain]
) -> None:
    """The rules beyond single fields: own domains, plan, and what fits into a push."""
    faults = oversize(content)
    if segment and segment.domain and segment.domain not in verified(domains):
        sentence = f"{segment.domain} is not one of your verified domains"
        faults.append(FieldError("targetSegment.domain", "foreignDomain", sentence))
    if faults:
        raise InvalidInput(faults)
    if content.force_timer is not None and provider.plan is not Plan.ENTERPRISE:
        raise Forbidden("forceTimer needs the Enterprise plan.", code="enterpriseRequired")
