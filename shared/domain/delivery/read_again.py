"""The end or the new address of a target whose device is read again before it is pushed to.

A batch holds its devices as they were when the audience was read, ordinarily seconds before they
are sent to; to read each of them once more would double what a push costs. But a batch may wait:
for its turn in a large audience, for a retry, for the stop switch, behind a backlog. A device that
has withdrawn consent by then must not be pushed to, and a device with a new address is reached
there.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.domain.audience.device import Reach, held_back, out_of_reach
from shared.domain.delivery.ledger import Outcome, Record, Target
from shared.domain.delivery.recording import last_word

STALE_AFTER: Final = timedelta(minutes=15)
"""Longer than an ordinary audience takes with its first retries (900,000 devices at a premium
plan's rate); short enough that a push after a "no" can be said to have been on its way.
"""


def stale(read_since: datetime, now: datetime) -> bool:
    """Tell whether devices that were read at ``read_since`` or later may have changed too much."""
    return now - read_since > STALE_AFTER


def as_it_is_now(
    target: Target, last: Record, reach: Reach | None, now: datetime
) -> Target | Record:
    """Return the target as it is to be reached now, the very same if nothing changed; or, if it is
    not to be pushed to, what is recorded. A desktop that has only its document left has no address.
    """
    if reach is None:
        return last_word(last, Record(Outcome.SKIPPED, "deviceGone", at=now))
    if code := held_back(reach.consent, reach.unreadable):
        return last_word(last, Record(Outcome.SKIPPED, code, at=now))
    if reach.address and reach.address == target.address:
        return target
    found = replace(target, address=reach.address)
    if found.address and found.fits:
        return found
    bare = replace(target, address=None)
    if bare.polls and not last.ambiguous:
        return bare
    return last_word(last, Record(Outcome.SKIPPED, out_of_reach(reach.unreadable), at=now))
