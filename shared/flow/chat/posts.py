"""Messages in the moderators' chat: one for each notification that waits or waited.

Events come twice, late and out of order, so a message is always written from the record as it is
now, by one writer at a time: the writer holds the post, looks at the record again when done, and
writes again if it has changed. An older picture therefore never replaces a newer one.

A notification is posted once, with one exception. Between the chat's answer and our note of it a
crash, or a lost answer, leaves a message that no record names; the next writer posts another. The
later message counts from then on: it alone follows the record. The earlier message still takes
presses, which mean the same, and is closed by the first of them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from shared.domain.audience.device import PARTITIONS
from shared.domain.audience.filters import Segment
from shared.domain.audience.locales import language_and_territory
from shared.domain.audience.targeting import AudienceQuery, PartitionRange, audience_queries
from shared.domain.chat.cards import MOST_REGIONS, Facts, Reach, card_of, note, reminder
from shared.domain.errors import Defect, NotFound, TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.notifications.queries import QueueQuery
from shared.domain.notifications.review import approvals_needed
from shared.domain.providers.provider import verified
from shared.flow.audience.size import census, sum_of
from shared.flow.chat.domains import tell_changes
from shared.flow.chat.moderator_chat import ModeratorChat
from shared.flow.moderation.remind import remind
from shared.ports import ChatClosed, ChatMoved, MessageGone, Throttled

if TYPE_CHECKING:
    from shared.stores.posts import Post, Room

WRITING = timedelta(seconds=120)
"""Time for which a writer holds a post, anew for each picture; longer than all requests for one."""
MOST_LOOKS = 5
"""Rounds in which one writer follows a record that keeps changing."""
LOOKED_AFTER = 100
"""Number of the oldest waiting notifications that are looked after at once."""
SAMPLED = 100
"""Devices whose region is looked at: their order has nothing to do with where they are."""
MOST_SAMPLED_REGIONS = 5
EVENT_TIME = timedelta(minutes=2)
"""Time by which an event has come, or was lost."""
A_MOMENT = timedelta(seconds=1)
"""Difference in the end of the chat's quiet that does not matter."""

log = logging.getLogger(__name__)


def show(id: NotificationId, *, moderator_chat: ModeratorChat) -> None:
    """Bring the notification's message up to the record as it is now, if the message lags behind.

    Raises ``TryAgain`` while another writer has the message: then come again, to make sure.
    """
    try:
        it = moderator_chat.notifications.get(id)
    except NotFound:
        return
    if not _is_due(it, moderator_chat.posts.get(id)):
        return
    _respect_quiet(moderator_chat)
    owner, now = moderator_chat.clock.new_id(), moderator_chat.clock.now()
    post = moderator_chat.posts.change(id, lambda it: _lease(it, owner, now))
    try:
        _follow_record(post, moderator_chat)
    except Throttled as throttled:
        _keep_quiet(moderator_chat, throttled.retry_after_seconds)
        raise
    except _Overtaken:  # nobody knows whose picture came last
        moderator_chat.posts.change(id, lambda it: replace(it, shows=0))
        raise TryAgain("its message was written by two", retry_after_seconds=5) from None
    finally:
        moderator_chat.posts.change(id, lambda it: _release(it, owner))


def look_after(*, moderator_chat: ModeratorChat) -> None:
    """Tell moderators what changed on domains, show waiting notifications whose event was lost, and
    remind of a notification that waits too long.

    While the chat is in trouble this ends at the first attempt; the call is made again in a minute.
    """
    with suppress(TryAgain):
        _respect_quiet(moderator_chat)
        tell_changes(moderator_chat=moderator_chat)
        for it in moderator_chat.notifications.queue(QueueQuery(page_size=LOOKED_AFTER)).items:
            if moderator_chat.clock.now() - it.waits_since > EVENT_TIME:
                _show_whatever(it.id, moderator_chat)
        remind(
            tell=lambda longest: moderator_chat.say(reminder(longest.notification.id, longest.age)),
            needs=moderator_chat,
        )


def _show_whatever(id: NotificationId, moderator_chat: ModeratorChat) -> None:
    """Show one of many notifications; a record that cannot be read is logged and stops no other."""
    try:
        show(id, moderator_chat=moderator_chat)
    except Defect:
        log.exception("cannot be shown to moderators: notification %s", id)


def close_stray(room: int, message: int, *, moderator_chat: ModeratorChat) -> None:
    """Take the buttons off a message that is not the notification's own, if it is still there."""
    try:
        moderator_chat.edit(
            room, message, note("This one was posted twice. The later message counts.")
        )
    except (MessageGone, ChatMoved):
        return


# ---- one writer at a time --------------------------------------------------------------------


class _Overtaken(Exception):
    """Takeover by another writer, as this writer was too slow."""


def _is_due(it: Notification, post: Post | None) -> bool:
    """Tell whether the message lags behind the record. A notification that was decided unseen is
    not posted.
    """
    if post is None or not post.message:
        return it.status is Status.PENDING
    return post.shows < it.head.count


def _lease(post: Post, owner: str, now: datetime) -> Post:
    if post.owner not in {"", owner} and post.until and post.until > now:
        raise TryAgain("its message is being written", retry_after_seconds=2)
    return replace(post, owner=owner, until=now + WRITING)


def _release(post: Post, owner: str) -> Post:
    return replace(post, owner="", until=None) if post.owner == owner else post


def _written(mine: Post, theirs: Post) -> Post:
    if theirs.owner != mine.owner:
        raise _Overtaken
    return mine


def _follow_record(post: Post, moderator_chat: ModeratorChat) -> None:
    for _ in range(MOST_LOOKS):
        it = moderator_chat.notifications.get(post.notification_id)
        if not _is_due(it, post):
            return
        before, post = (
            post,
            replace(_put(post, it, moderator_chat), until=moderator_chat.clock.now() + WRITING),
        )
        try:
            post = moderator_chat.posts.change(it.id, partial(_written, post))
        except _Overtaken:
            if post.message != before.message:
                close_stray(post.room, post.message, moderator_chat=moderator_chat)
            raise
    raise TryAgain("the notification keeps changing", retry_after_seconds=5)


def _put(post: Post, it: Notification, moderator_chat: ModeratorChat) -> Post:
    card = card_of(_facts(it, moderator_chat))
    if post.message:
        try:
            moderator_chat.edit(post.room, post.message, card)
        except MessageGone:
            pass
        except ChatMoved as moved:
            moderator_chat.follow(post.room, moved.room)
        except ChatClosed:
            if post.room == (moderator_chat.posts.room().number or moderator_chat.number):
                raise
        else:
            return replace(post, shows=it.head.count)
    room, message = moderator_chat.say(card)
    return replace(post, room=room, message=message, shows=it.head.count)


# ---- what the chat asked for -----------------------------------------------------------------


def _respect_quiet(moderator_chat: ModeratorChat) -> None:
    until, now = moderator_chat.posts.room().quiet_until, moderator_chat.clock.now()
    if until and until > now:
        seconds = int((until - now).total_seconds()) + 1
        raise TryAgain("the chat wants to be left alone", retry_after_seconds=seconds)


def _keep_quiet(moderator_chat: ModeratorChat, seconds: int) -> None:
    """Store until when the chat wants quiet. Many writers hear about the same time at once: the
    first of them stores it.
    """
    until = moderator_chat.clock.now() + timedelta(seconds=seconds)

    def quiet(room: Room) -> Room:
        known = room.quiet_until
        return room if known and known > until - A_MOMENT else replace(room, quiet_until=until)

    moderator_chat.posts.change_room(quiet)


# ---- what is shown ---------------------------------------------------------------------------


def _facts(it: Notification, moderator_chat: ModeratorChat) -> Facts:
    provider = moderator_chat.providers.get(it.provider_id)
    reach = _reach(it, moderator_chat) if it.status is Status.PENDING else None
    counted = it.recounted(reach.total) if reach else it
    return Facts(
        notification=it,
        now=moderator_chat.clock.now(),
        provider=provider.name if provider else "",
        record=_record(it.provider_id, moderator_chat),
        reach=reach,
        approvals_needed=approvals_needed(counted, moderator_chat.review_policies.get()),
        people=moderator_chat.people(it),
    )


def _record(provider_id: str, moderator_chat: ModeratorChat) -> Mapping[Status, int]:
    """Count the provider's notifications by status, but no sends to admin HWIDs as approved.

    A send to an admin HWID is nobody's decision.
    """
    counts = moderator_chat.notifications.counts_by_status(provider_id)
    unseen = moderator_chat.notifications.count_auto_approved(provider_id)
    return {**counts, Status.APPROVED: max(0, counts[Status.APPROVED] - unseen)}


def _reach(it: Notification, moderator_chat: ModeratorChat) -> Reach:
    """Count the audience by aggregation and sample its regions; nothing is counted twice, as counts
    are nearly all that a card costs.
    """
    segment, now = it.segment or Segment(), moderator_chat.clock.now()
    domains = verified(moderator_chat.providers.domains_of(it.provider_id))
    queries = audience_queries(segment, domains, now)
    counted = census(segment, queries, moderator_chat.audience)
    reach = Reach(counted.devices, counted.by_platform)
    if named := segment.region[:MOST_REGIONS]:
        in_region = {
            region: audience_queries(segment.model_copy(update={"region": (region,)}), domains, now)
            for region in named
        }
        return replace(
            reach,
            regions={
                region: sum_of(those, moderator_chat.audience)
                for region, those in in_region.items()
            },
            more_regions=len(segment.region) - len(named),
        )
    found = _regions_of_some(queries, counted.read_at, moderator_chat)
    common = dict(found.most_common(MOST_SAMPLED_REGIONS))
    rest = len(found) - len(common)
    return replace(reach, regions=common, more_regions=rest, sampled=found.total())


def _regions_of_some(
    queries: Sequence[AudienceQuery], as_of: str, moderator_chat: ModeratorChat
) -> Counter[str]:
    """Count the territories of some devices, or the languages of those that name no territory."""
    found: Counter[str] = Counter()
    for query in queries[:1]:
        everywhere = PartitionRange(0, PARTITIONS)
        page = moderator_chat.audience.page(query, everywhere, "", SAMPLED, as_of)
        for _, target in page.targets:
            language, territory = language_and_territory(target.locale)
            found[territory or language or "unknown"] += 1
    return found
