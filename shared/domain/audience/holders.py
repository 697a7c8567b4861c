"""Which device keeps a push address: decided by what is stored alone, so that racing writers agree.

A token that moves to another device leaves the old one. Every writer looks at all holders after its
write and takes the address from all but the device that registered it last, the writer's own device
included; the later look of two racing registrations sees both, and the same device keeps it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.domain.audience.device import PushAddress

_LONG_AGO = datetime.min.replace(tzinfo=UTC)

Holder = tuple[str, PushAddress]


def latest_and_others(holders: Sequence[Holder]) -> tuple[Holder, list[str]]:
    """Return the holder that keeps the address, and the hwids of those that must give it up."""
    by_age = sorted(holders, key=lambda it: (it[1].registered_at or _LONG_AGO, it[0]))
    return by_age[-1], [hwid for hwid, _ in by_age[:-1]]


def may_drop(address: PushAddress | None, value: str, registered_by: datetime | None) -> bool:
    """Tell whether it is still ``value``, and was not registered after ``registered_by``."""
    if address is None or address.value != value:
        return False
    if registered_by is None or address.registered_at is None:
        return True
    return address.registered_at <= registered_by
