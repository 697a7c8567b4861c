"""What stands between a provider and the moderators: limits, a look at the content, a count.

A place in a limit's window is taken last of all that may refuse, by the notification's id: what is
refused for another reason costs nothing, and neither does a request that is repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from shared.domain.errors import TooMany
from shared.domain.notification import Looked, Notification, NotificationId
from shared.domain.provider import Domain, Limit, Provider, verified
from shared.domain.targeting import Segment, audience_queries
from shared.ports import Audience, Clock, Inspect, Notifications, Usage

WINDOWS: Mapping[Limit, tuple[timedelta, str]] = {
    Limit.SUBMISSIONS_PER_DAY: (timedelta(days=1), "%Y-%m-%d"),
    Limit.ADMIN_SENDS_PER_HOUR: (timedelta(hours=1), "%Y-%m-%dT%H"),
}
"""How long a limit counts, and how its windows are named; they begin on the hour, in UTC."""
KEPT_AFTERWARDS = timedelta(days=1)
QUEUE_RETRY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Checks:
    """What a submission is checked with."""

    inspect: Inspect
    audience: Audience
    usage: Usage


@dataclass(frozen=True, slots=True)
class Place:
    """One of the places in a window, taken for a notification."""

    provider_id: str
    limit: Limit
    window_key: str
    taker: NotificationId

    def give_back(self, usage: Usage) -> None:
        """It was not needed after all."""
        usage.give_back(self.provider_id, self.limit, self.window_key, taker=self.taker)


def look(
    it: Notification, domains: Sequence[Domain], checks: Checks, clock: Clock, *, admin_hwid: bool
) -> Looked:
    """The findings on its content, and how many devices it is for (not counted for one's own)."""
    names = verified(domains)
    findings = checks.inspect(it.content, names)
    if admin_hwid:
        return Looked(findings)
    queries = audience_queries(it.segment or Segment(), names, clock.now())
    return Looked(findings, sum(checks.audience.count(query).devices for query in queries))


def take_place(
    provider: Provider,
    taker: NotificationId,
    now: datetime,
    *,
    admin_hwid: bool,
    usage: Usage,
) -> Place:
    """Raises ``TooMany`` when the provider has or did as much as it may."""
    limit = Limit.ADMIN_SENDS_PER_HOUR if admin_hwid else Limit.SUBMISSIONS_PER_DAY
    length, form = WINDOWS[limit]
    place = Place(provider.uid, limit, now.strftime(form), taker)
    most, end = provider.limit(limit), _end(now, length)
    if usage.take(provider.uid, limit, place.window_key, most, end + KEPT_AFTERWARDS, taker=taker):
        return place
    raise _reached(limit, most, max(1, ceil((end - now).total_seconds())))


def check_queue(provider: Provider, notifications: Notifications) -> None:
    """Raises ``TooMany`` when as many as may be are waiting for a moderator."""
    most = provider.limit(Limit.PENDING_AT_ONCE)
    if notifications.count_pending(provider.uid) >= most:
        raise TooMany(
            f"{most} of your notifications wait for a moderator, which is the most your plan "
            "allows; wait for decisions, or cancel one",
            retry_after_seconds=QUEUE_RETRY_SECONDS,
            code="pendingAtOnceReached",
        )


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
