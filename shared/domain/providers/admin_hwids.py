"""Admin HWIDs, the only way round moderation, and a narrow one.

Few devices at a time, not many different ones in a month, and every change is an entry of the
domain's history, which says who made it. The history outlives the domain's document, so neither
swapping the list nor creating the domain anew makes room.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from shared.domain.actors import Actor
from shared.domain.errors import TooMany
from shared.domain.providers.provider import Domain

MOST_DIFFERENT = 20
"""Devices that a domain may list within the period; those taken off count."""
PERIOD = timedelta(days=30)
MOST_ADDITIONS = 100
"""Changes that add devices, within the period."""
MOST_RECENT = 1_200
"""Entries of a period: each addition names ten devices at most, and a removal takes one off."""
MOST_DEVICES_PER_DAY = 20
"""Devices that a provider sends to without moderation, in a day."""
_MARK_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class AdminHwidsChange:
    """An entry of a domain's history: who added admin HWIDs or took them off, and when."""

    domain: str
    provider_id: str
    at: datetime
    by: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    id: str = ""


def change_between(
    before: Domain | None, after: Domain | None, by: Actor, at: datetime
) -> AdminHwidsChange | None:
    """Make the entry for what ``by`` changed on a domain; ``None`` when its list is as it was."""
    domain = after or before
    was = before.admin_hwids if before else ()
    is_now = after.admin_hwids if after else ()
    added = tuple(hwid for hwid in is_now if hwid not in was)
    removed = tuple(hwid for hwid in was if hwid not in is_now)
    if domain is None or not (added or removed):
        return None
    return AdminHwidsChange(domain.domain, domain.provider_id, at, str(by), added, removed)


def check_change(
    change: AdminHwidsChange, before: Domain | None, recent: Sequence[AdminHwidsChange]
) -> None:
    """Raise ``TooMany`` where the domain would have listed too many devices within the period.

    To take devices off is always allowed. ``recent`` are its entries; older ones do not count.
    """
    if not change.added:
        return
    lately = [each for each in recent if each.at > change.at - PERIOD]
    listed = {*(before.admin_hwids if before else ()), *change.added}
    for each in lately:
        listed.update(each.added, each.removed)
    additions = sum(bool(each.added) for each in lately)
    if len(listed) <= MOST_DIFFERENT and additions < MOST_ADDITIONS:
        return
    end = min((each.at for each in lately), default=change.at) + PERIOD
    raise TooMany(
        f"a domain may have {MOST_DIFFERENT} different admin HWIDs in {PERIOD.days} days, those "
        "taken off among them; use the ones it had, or submit to moderation",
        retry_after_seconds=max(1, ceil((end - change.at).total_seconds())),
        code="adminHwidsReached",
    )


def mark_of(domain: str, hwid: str) -> str:
    """Shorten an admin HWID for moderators: enough to tell it from others, too little to use."""
    digest = hmac.new(domain.encode(), hwid.encode(errors="replace"), hashlib.sha256)
    return digest.hexdigest()[:_MARK_CHARACTERS]
