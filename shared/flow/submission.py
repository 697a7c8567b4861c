"""What stands between a provider and the moderators: limits, a look at the content, a count.

A place in a limit's window is taken last of all that may refuse, by the notification's id: what is
refused for another reason costs nothing, and neither does a request that is repeated.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from shared.domain.errors import TooMany
from shared.domain.lifecycle import Status
from shared.domain.notification import Looked, Notification, NotificationId
from shared.domain.provider import Domain, Limit, Provider, verified
from shared.domain.targeting import Segment, audience_queries
from shared.flow.estimate import sum_of
from shared.ports import Audience, Clock, Inspect, Notifications, Usage

WINDOWS: Mapping[Limit, tuple[timedelta, str]] = {
    Limit.SUBMISSIONS_PER_DAY: (timedelta(days=1), "%Y-%m-%d"),
    Limit.ADMIN_SENDS_PER_HOUR: (timedelta(hours=1), "%Y-%m-%dT%H"),
}
"""How long a limit counts, and how its windows are named; they begin on the hour, in UTC."""
KEPT_AFTERWARDS = timedelta(days=1)
QUEUE_RETRY_SECONDS = 300
MINUTE = timedelta(minutes=1)
MINUTE_FORM = "%Y-%m-%dT%H:%M"
"""How long a submission may take from its place to its record: the window of one and the next."""
LOOKS_AT_THE_QUEUE = 5
"""How often it is looked whether there is a place, while others come at the same time."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What a submission is checked with."""

    inspect: Inspect
    audience: Audience
    usage: Usage


@dataclass(frozen=True, slots=True)
class Place:
    """A place in each of some windows, taken for a notification."""

    provider_id: str
    taker: NotificationId
    windows: tuple[tuple[Limit, str], ...]

    def give_back(self, usage: Usage) -> None:
        """It was not needed after all."""
        for limit, key in self.windows:
            usage.give_back(self.provider_id, limit, key, taker=self.taker)


def look(
    it: Notification, domains: Sequence[Domain], checks: Checks, clock: Clock, *, admin_hwid: bool
) -> Looked:
    """The findings on its content, and how many devices it is for (not counted for one's own)."""
    names = verified(domains)
    findings = checks.inspect(it.content, names)
    if admin_hwid:
        return Looked(findings)
    queries = audience_queries(it.segment or Segment(), names, clock.now())
    return Looked(findings, sum_of(queries, checks.audience))


def take_place(
    provider: Provider,
    taker: NotificationId,
    now: datetime,
    *,
    admin_hwid: bool,
    notifications: Notifications | None,
    usage: Usage,
) -> Place:
    """Raises ``TooMany`` when the provider has or did as much as it may.

    Without ``notifications`` it is for one that is in the queue already.
    """
    limit = Limit.ADMIN_SENDS_PER_HOUR if admin_hwid else Limit.SUBMISSIONS_PER_DAY
    length, form = WINDOWS[limit]
    queued = []
    if notifications is not None and not admin_hwid:
        queued = [(Limit.PENDING_AT_ONCE, _queue(provider, taker, now, notifications, usage))]
    place = Place(provider.uid, taker, (*queued, (limit, now.strftime(form))))
    most, end = provider.limit(limit), _end(now, length)
    window_key = now.strftime(form)
    if usage.take(provider.uid, limit, window_key, most, end + KEPT_AFTERWARDS, taker=taker):
        return place
    place.give_back(usage)
    raise _reached(limit, most, max(1, ceil((end - now).total_seconds())))


def _queue(
    provider: Provider,
    taker: NotificationId,
    now: datetime,
    notifications: Notifications,
    usage: Usage,
) -> str:
    """A place among those that wait for a moderator, in the window of this minute.

    Whoever submits is a taker first and waits only then. So those that wait and the takers that are
    not settled yet are all there can be, if the takers are looked at before the others are counted.
    A request that died is forgotten with its window.
    """
    limit = Limit.PENDING_AT_ONCE
    most = provider.limit(limit)
    before, this = (at.strftime(MINUTE_FORM) for at in (now - MINUTE, now))
    last: tuple[set[str], set[str]] | None = None
    for _ in range(LOOKS_AT_THE_QUEUE):
        earlier = {*usage.takers(provider.uid, limit, before)} - {taker}
        coming = {*usage.takers(provider.uid, limit, this)} - {taker}
        if (earlier, coming) == last:
            break
        last = earlier, coming
        free = most - notifications.count_pending(provider.uid) - len(earlier)
        if free <= len(coming):
            settled = _settled(earlier | coming, notifications)
            free = most - notifications.count_pending(provider.uid) - len(earlier) + settled
        if usage.take(provider.uid, limit, this, free, now + KEPT_AFTERWARDS, taker=taker):
            return this
    raise TooMany(
        f"{most} of your notifications wait for a moderator, which is the most your plan "
        "allows; wait for decisions, or cancel one",
        retry_after_seconds=QUEUE_RETRY_SECONDS,
        code="pendingAtOnceReached",
    )


def _settled(takers: Collection[str], notifications: Notifications) -> int:
    """How many of them wait by now, and are counted there, or do not any more."""
    statuses = notifications.statuses(map(NotificationId, takers))
    return sum(status is not Status.DRAFT for status in statuses.values())


def _end(now: datetime, length: timedelta) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ((now - midnight) // length + 1) * length


def _reached(limit: Limit, most: int, seconds: int) -> TooMany:
    if limit is Limit.ADMIN_SENDS_PER_HOUR:
        return TooMany(
            f"{most} sends to admin HWIDs in an hour are the most your plan allows; "
            "go on when the next hour begins (UTC)",
            retry_after_seconds=seconds,
            code="adminSendsPerHourReached",
        )
    return TooMany(
        f"{most} submissions in a day are the most your plan allows; save a draft now and submit "
        "it when the next day begins (UTC)",
        retry_after_seconds=seconds,
        code="submissionsPerDayReached",
    )
