"""The limit of a provider's drafts: they are stored for good, and nobody else ever reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.errors import TooMany
from shared.domain.providers.provider import Limit, Provider
from shared.flow.providers.rates import check_rate
from shared.ports import Rates

if TYPE_CHECKING:
    from shared.stores.notifications import Notifications

ROOM_RETRY_SECONDS = 300


def check_drafts(provider: Provider, *, notifications: Notifications, rates: Rates) -> None:
    """Raise ``TooMany`` when another draft would be one too many, or comes too soon.

    Drafts are counted before the new draft is written: requests at the same moment may exceed the
    cap by their number, which the rate bounds.
    """
    check_rate(provider, Limit.DRAFTS_PER_MINUTE, rates)
    most = provider.limit(Limit.DRAFTS)
    if notifications.count_drafts(provider.uid) >= most:
        raise TooMany(
            f"{most} drafts are the most your plan allows; submit or delete some",
            retry_after_seconds=ROOM_RETRY_SECONDS,
            code="draftsReached",
        )
