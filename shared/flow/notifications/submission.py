"""Checks between a provider and the moderators: limits, inspection of the content, a count.

A place in a limit's window is taken last of all that may refuse: a submission that is refused for
another reason costs nothing. The place is held by the request that took it, for the notification: a
request that loses gives back its own hold and never another's place, and a request that is
repeated, or that died and is made again, needs no second place. The hold of a request that died
lapses with its window.

An inspection may take seconds, so few run at a time: one of a notification, some of a provider. A
request that comes meanwhile for the same notification is told so at once; for another, after
waiting a moment.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING

from shared.domain.audience.filters import Segment
from shared.domain.audience.targeting import audience_queries
from shared.domain.errors import InProgress, TooMany, TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId, SubmissionCheck
from shared.domain.providers.admin_hwids import MOST_DEVICES_PER_DAY
from shared.domain.providers.places import Taker, Turn
from shared.domain.providers.provider import Domain, Limit, Provider, verified
from shared.flow.audience.size import sum_of
from shared.ports import Clock, Inspect, Rates

if TYPE_CHECKING:
    from shared.stores.audience import Audience
    from shared.stores.notifications import Notifications
    from shared.stores.usage import Usage

WINDOWS: Mapping[Limit, tuple[timedelta, str]] = {
    Limit.SUBMISSIONS_PER_DAY: (timedelta(days=1), "%Y-%m-%d"),
    Limit.ADMIN_SENDS_PER_HOUR: (timedelta(hours=1), "%Y-%m-%dT%H"),
}
"""Length of a limit's windows, and the format of their names; they begin on the hour, in UTC."""
KEPT_AFTERWARDS = timedelta(days=1)
QUEUE_RETRY_SECONDS = 300
MINUTE = timedelta(minutes=1)
MINUTE_FORM = "%Y-%m-%dT%H:%M"
"""Format of the windows in which submissions come: from its place to its record a submission may
take the window of its place and the next.
"""
LOOKS_AT_THE_QUEUE = 5
"""Attempts at a place in the queue, while others come at the same time."""
ADMIN_DEVICES = "adminDevices"
_DIGEST_CHARACTERS = 32
LOOKS = "looks"
LOOKS_AT_ONCE = 4
"""Number of a provider's notifications that are inspected at a time."""
LOOK_LASTS = timedelta(seconds=30)
"""Time after which the request that inspects is taken to have died."""
LOOK_RETRY_SECONDS = 5
PAUSES: Sequence[float] = (0.25, 0.5, 1.0, 1.25)
"""Seconds until a turn is asked for again while all are taken: links that answer at once free a
turn within these pauses, so that a burst of ordinary submissions goes through.
"""


@dataclass(frozen=True, slots=True)
class Checks:
    """Services that a submission is checked with, and its pauses while it waits for a turn."""

    inspect: Inspect
    audience: Audience
    usage: Usage
    rates: Rates
    pauses: Iterable[float] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Place in each of some windows, held by a request."""

    provider_id: str
    taker: Taker
    windows: tuple[tuple[Limit, str], ...]

    @contextmanager
    def given_back_on_failure(self, usage: Usage) -> Iterator[None]:
        """Hold the place unless the block fails: then nothing was submitted."""
        try:
            yield
        except Exception:
            self.give_back(usage)
            raise

    def give_back(self, usage: Usage) -> None:
        """Give the place back; if that cannot be written now, the hold lapses with its window."""
        for limit, key in self.windows:
            with suppress(TryAgain):
                usage.give_back(self.provider_id, limit, key, taker=self.taker)


def look(
    it: Notification, domains: Sequence[Domain], checks: Checks, clock: Clock, *, admin_hwid: bool
) -> SubmissionCheck:
    """Inspect the content and count the devices that the notification is for (not for an admin
    HWID).
    """
    seen = checks.inspect(it.content, domains)
    if admin_hwid:
        return SubmissionCheck(seen.findings, ends=seen.ends)
    queries = audience_queries(it.segment or Segment(), verified(domains), clock.now())
    return SubmissionCheck(seen.findings, sum_of(queries, checks.audience), seen.ends)


@contextmanager
def turn_to_look(
    it: Notification, taker: Taker, domains: Sequence[Domain], checks: Checks, clock: Clock
) -> Iterator[None]:
    """Hold a turn for an inspection that takes time.

    Raises ``InProgress`` while the same notification is inspected, ``TooMany`` while as many of the
    provider's are as may be. The turn of a process that died lapses.
    """
    if not _takes_time(it, verified(domains), clock):
        yield
        return
    turn = _turn(it, taker, checks, clock)
    if turn is Turn.ANOTHERS:
        raise InProgress(
            "this notification is being looked at for another request; ask again in a moment",
            retry_after_seconds=LOOK_RETRY_SECONDS,
        )
    if turn is Turn.NONE_FREE:
        raise TooMany(
            f"{LOOKS_AT_ONCE} of your notifications are being looked at, which is the most at a "
            "time; send this one again in a moment",
            retry_after_seconds=LOOK_RETRY_SECONDS,
            code="looksAtOnceReached",
        )
    try:
        yield
    except Exception:
        _end_turn(it, taker, checks)
        raise
    _end_turn(it, taker, checks)


def _turn(it: Notification, taker: Taker, checks: Checks, clock: Clock) -> Turn:
    """Ask for a turn, and again after each pause while all are taken."""
    pauses = iter(checks.pauses)
    while True:
        now = clock.now()
        lapses = now + LOOK_LASTS
        turn = checks.usage.begin(it.provider_id, LOOKS, LOOKS_AT_ONCE, now, lapses, taker=taker)
        if turn is not Turn.NONE_FREE or (pause := next(pauses, None)) is None:
            return turn
        time.sleep(pause * (0.5 + clock.chance()))


def _takes_time(it: Notification, names: Sequence[str], clock: Clock) -> bool:
    """Tell whether there is a link to follow, or a segment that is counted in several queries."""
    if any(url and _leads_to_the_web(url) for url in (it.content.url, it.content.image)):
        return True
    return len(audience_queries(it.segment or Segment(), names, clock.now())) > 1


def _leads_to_the_web(url: str) -> bool:
    """Tell whether there is a link to follow; the code for that is loaded with the first link."""
    from shared.domain.links.carried import web_addresses

    return bool(web_addresses(url))


def _end_turn(it: Notification, taker: Taker, checks: Checks) -> None:
    with suppress(TryAgain):
        checks.usage.end(it.provider_id, LOOKS, taker=taker)


def take_place(
    provider: Provider,
    taker: Taker,
    now: datetime,
    *,
    admin_hwid: bool,
    notifications: Notifications | None,
    usage: Usage,
) -> Place:
    """Take a place in the limits' windows; raises ``TooMany`` when the provider has or did as much
    as it may.

    Without ``notifications`` the place is for a notification that is in the queue already.
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
    raise _reached(limit, most, _seconds(now, end))


def take_test_places(
    provider: Provider, taker: Taker, hwids: Sequence[str], now: datetime, *, usage: Usage
) -> Sequence[Place]:
    """Take a place for each device of a test send among the provider's sends to admin HWIDs, and
    count the devices among those of today; raises ``TooMany`` where not all fit.
    """
    limit = Limit.ADMIN_SENDS_PER_HOUR
    length, form = WINDOWS[limit]
    most, end, key = provider.limit(limit), _end(now, length), now.strftime(form)
    takers = tuple(Taker(f"{taker.place}.{taker.request}.{n}") for n in range(len(hwids)))
    if not usage.take_all(provider.uid, limit, key, most, end + KEPT_AFTERWARDS, takers=takers):
        raise _reached(limit, most, _seconds(now, end))
    places = [Place(provider.uid, each, ((limit, key),)) for each in takers]
    try:
        count_devices(provider, hwids, now, usage)
    except Exception:
        for place in places:
            place.give_back(usage)
        raise
    return places


def count_devices(provider: Provider, hwids: Sequence[str], now: datetime, usage: Usage) -> None:
    """Count these devices among those that the provider sends to without moderation today.

    A device counts once, however often it is sent to, and is never given back: a place is the
    device's, not a request's. Raises ``TooMany``, and counts none, where one would be too many.
    """
    length, form = WINDOWS[Limit.SUBMISSIONS_PER_DAY]
    end, key = _end(now, length), now.strftime(form)
    devices = tuple(map(_device, hwids))
    expire_at, most = end + KEPT_AFTERWARDS, MOST_DEVICES_PER_DAY
    if usage.take_all(provider.uid, ADMIN_DEVICES, key, most, expire_at, takers=devices):
        return
    raise TooMany(
        f"{MOST_DEVICES_PER_DAY} different devices in a day are the most that get notifications "
        "without moderation; take this one off your admin HWIDs and submit it to moderation, or "
        "go on when the next day begins (UTC)",
        retry_after_seconds=_seconds(now, end),
        code="adminDevicesPerDayReached",
    )


def _device(hwid: str) -> Taker:
    """Name a device for its place, without its hwid."""
    return Taker(sha256(hwid.encode(errors="replace")).hexdigest()[:_DIGEST_CHARACTERS])


def _queue(
    provider: Provider,
    taker: Taker,
    now: datetime,
    notifications: Notifications,
    usage: Usage,
) -> str:
    """Take a place among the notifications that wait for a moderator; returns its window, this
    minute's.

    A submission is a taker first and waits only then. So the notifications that wait and the takers
    that are not settled yet are all there can be, if the takers are looked at before the
    notifications are counted. A request that died is forgotten with its window.
    """
    limit = Limit.PENDING_AT_ONCE
    most = provider.limit(limit)
    before, this = (at.strftime(MINUTE_FORM) for at in (now - MINUTE, now))
    last: tuple[set[str], set[str]] | None = None
    for _ in range(LOOKS_AT_THE_QUEUE):
        earlier = {*usage.places(provider.uid, limit, before)} - {taker.place}
        coming = {*usage.places(provider.uid, limit, this)} - {taker.place}
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


def _settled(ids: Collection[str], notifications: Notifications) -> int:
    """Count the takers whose notification waits by now, and is counted as pending, or waits no
    more.
    """
    statuses = notifications.statuses(map(NotificationId, ids))
    return sum(status is not Status.DRAFT for status in statuses.values())


def _end(now: datetime, length: timedelta) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ((now - midnight) // length + 1) * length


def _seconds(now: datetime, end: datetime) -> int:
    return max(1, ceil((end - now).total_seconds()))


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
