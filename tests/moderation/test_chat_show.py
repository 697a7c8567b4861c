"""What moderators see in their chat, as a notification lives on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.actors import Actor, Role
from shared.domain.audience.device import Platform
from shared.domain.audience.filters import TargetPlatform
from shared.domain.audience.targeting import AudienceQuery, DeviceCount
from shared.domain.chat.text import Card
from shared.domain.delivery.ledger import AudiencePage
from shared.domain.errors import TryAgain
from shared.domain.findings.finding import Finding, Severity
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.notifications.review import ReviewPolicy
from shared.domain.tally import Tally
from shared.flow.chat.posts import look_after, show
from shared.ports import ChatClosed, ChatRefused, Throttled
from shared.stores.audience import Audience
from shared.stores.posts import Room
from tests.builders import (
    MODERATOR,
    NOON,
    PROVIDER,
    a_device,
    a_domain,
    a_notification,
    a_segment,
    ran,
    some_content,
)
from tests.moderation.chatroom import ROOM, Chatroom

N1 = NotificationId("n1")
MIRA, NIK = Actor(Role.MODERATOR, "mira"), Actor(Role.MODERATOR, "nik")


@pytest.fixture
def room() -> Chatroom:
    return Chatroom()


def moved(room: Chatroom, change: Callable[[Notification], object]) -> None:
    """Change the record, as another process does, and deliver the event."""
    room.notifications.change(N1, change)
    show(N1, moderator_chat=room.moderator_chat)


def raising(*errors: Exception) -> Callable[[str], None]:
    left = list(errors)

    def fault(_: str) -> None:
        if left:
            raise left.pop(0)

    return fault


# ---- the way round moderation ----------------------------------------------------------------


def listed(room: Chatroom, *hwids: str, domain: str = "example.com") -> None:
    room.providers.change_domain(
        domain, lambda it: replace(it, admin_hwids=hwids), by=PROVIDER, at=room.clock.now()
    )


def messages(room: Chatroom) -> list[str]:
    return [card.text for card in room.chat.cards.values()]


def test_moderators_are_told_once_who_changed_a_domains_admin_devices(room: Chatroom) -> None:
    listed(room, "Desk-7", "Desk-8")
    room.clock.advance(1)
    listed(room, "Desk-8")
    look_after(moderator_chat=room.moderator_chat)
    look_after(moderator_chat=room.moderator_chat)
    assert len(messages(room)) == 2
    for text in messages(room):
        assert "example.com" in text
        assert "provider:p1" in text
        assert "Desk-7" not in text
    assert sorted("Removed: " in text for text in messages(room)) == [False, True]


def test_a_change_the_chat_refuses_keeps_none_of_the_others_back(room: Chatroom) -> None:
    room.providers.put_domain(a_domain("second.com"))
    listed(room, "Desk-7")
    listed(room, "Desk-7", domain="second.com")
    room.chat.fault = raising(ChatRefused("too odd"))
    look_after(moderator_chat=room.moderator_chat)
    assert len(messages(room)) == 1
    assert room.providers.untold_changes(9) == []


def test_a_change_is_told_when_the_chat_is_back_and_after_a_day_is_news_no_more(
    room: Chatroom,
) -> None:
    listed(room, "Desk-7")
    room.chat.fault = raising(Throttled("later", retry_after_seconds=30))
    look_after(moderator_chat=room.moderator_chat)
    assert messages(room) == []
    look_after(moderator_chat=room.moderator_chat)
    assert len(messages(room)) == 1
    listed(room, "Desk-8")
    room.clock.advance(timedelta(days=2))
    look_after(moderator_chat=room.moderator_chat)
    assert len(messages(room)) == 1
    assert room.providers.untold_changes(9) == []


# ---- a new one -------------------------------------------------------------------------------


def test_a_pending_one_is_posted_with_all_there_is_to_know(room: Chatroom) -> None:
    it = replace(
        a_notification(),
        content=some_content(
            url="https://example.com/a", url_button_name="Go", image="https://example.com/i.png"
        ),
        segment=a_segment(region=("ru", "en"), languages=("ru", "en-US")),
        findings=(Finding("foreignHost", Severity.RED, "url", "It is not theirs."),),
        estimated_devices=3,
    )
    room.add_notification(it)
    room.add_notification(replace(a_notification("old", Status.REJECTED)))
    show(N1, moderator_chat=room.moderator_chat)
    text = room.card().text
    for expected in (
        "Waits for a decision",
        "Needs 2 approvals",
        "Sale",
        "Everything must go",
        "https://example.com/a",
        "Go",
        "Audience: 3 devices",
        "android 2 · linux 1",
        "ru 1 · en 2",
        "languages: ru or en-US",
        "Acme · p1@example.com",
        "Before: 0 approved, 1 rejected, 0 stopped",
        "🔴 url It is not theirs.",
        "Revision 1",
    ):
        assert expected in text
    assert room.card().image == "https://example.com/i.png"
    assert [b.data for b in room.card().buttons] == ["a:n1:1", "r:n1:1"]


def test_where_no_region_is_named_those_of_some_devices_are_told(room: Chatroom) -> None:
    room.add_notification(replace(a_notification(), segment=a_segment()))
    show(N1, moderator_chat=room.moderator_chat)
    assert "Of 3 looked at: us 2 · ru 1" in room.card().text


@dataclass
class Audited(Audience):
    """An audience that says how it was asked."""

    inner: Audience
    counted: list[AudienceQuery] = field(default_factory=list)

    def count(self, query: AudienceQuery) -> DeviceCount:
        self.counted.append(query)
        return self.inner.count(query)

    def page(self, *args: Any) -> AudiencePage:
        return self.inner.page(*args)


@pytest.mark.parametrize(
    ("platform", "most"), [(TargetPlatform.ALL, 1 + len(Platform)), (TargetPlatform.ANDROID, 1)]
)
def test_no_device_is_counted_twice_for_one_message(
    room: Chatroom, platform: TargetPlatform, most: int
) -> None:
    """Counting is most of what a message costs, in time and in money."""
    room.add_notification(replace(a_notification(), segment=a_segment(platform=platform)))
    audited = Audited(room.moderator_chat.audience)
    show(N1, moderator_chat=replace(room.moderator_chat, audience=audited))
    assert 0 < len(audited.counted) == len(set(audited.counted)) <= most
    everybody = platform is TargetPlatform.ALL
    assert f"Audience: {3 if everybody else 2} devices" in room.card().text
    assert ("us 2 · ru 1" if everybody else "ru 1 · us 1") in room.card().text


def test_a_device_on_a_platform_we_do_not_know_is_counted_as_it_is_sent_to(room: Chatroom) -> None:
    room.add(a_device("tv-1", platform="tizen"))
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    assert "Audience: 4 devices" in room.card().text


def test_a_record_does_not_grow_by_sends_nobody_moderated(room: Chatroom) -> None:
    room.add_notification()
    room.add_notification(replace(a_notification("read", Status.APPROVED)))
    for n in range(3):
        room.add_notification(
            replace(a_notification(f"own-{n}", Status.APPROVED), auto_approved=True)
        )
    show(N1, moderator_chat=room.moderator_chat)
    assert "Before: 1 approved, 0 rejected, 0 stopped" in room.card().text


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PENDING}))
def test_what_was_never_shown_and_needs_no_decision_is_not_posted(
    room: Chatroom, status: Status
) -> None:
    room.add_notification(replace(a_notification(), status=status))
    show(N1, moderator_chat=room.moderator_chat)
    assert room.chat.posts == []


def test_a_notification_that_is_gone_is_no_trouble(room: Chatroom) -> None:
    show(N1, moderator_chat=room.moderator_chat)
    assert room.chat.posts == []


def test_an_event_that_comes_twice_posts_once(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    show(N1, moderator_chat=room.moderator_chat)
    assert len(room.chat.posts) == 1
    assert room.chat.edits == []


def test_of_fifty_events_at_once_one_posts(room: Chatroom) -> None:
    room.add_notification()

    def arrive(_: int) -> bool:
        try:
            show(N1, moderator_chat=room.moderator_chat)
        except TryAgain:
            return False
        return True

    with ThreadPoolExecutor(50) as at_once:
        done = list(at_once.map(arrive, range(50)))
    assert any(done)
    assert len(room.chat.posts) == 1


def test_an_id_too_long_for_a_button_is_decided_elsewhere(room: Chatroom) -> None:
    room.add_notification(a_notification("n" * 80))
    show(NotificationId("n" * 80), moderator_chat=room.moderator_chat)
    card = room.card("n" * 80)
    assert card.buttons == ()
    assert "decide in the console" in card.text


def test_an_image_the_chat_cannot_take_does_not_keep_the_message_away(room: Chatroom) -> None:
    room.add_notification(
        replace(a_notification(), content=some_content(image="https://example.com/i"))
    )
    room.chat.fault = raising(ChatRefused("400 webpage_url_invalid"))
    show(N1, moderator_chat=room.moderator_chat)
    assert room.card().image == ""


# ---- as it goes on ---------------------------------------------------------------------------


def test_an_edit_by_the_provider_shows_the_new_revision_in_the_same_message(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    moved(room, lambda it: it.edit(PROVIDER, NOON, some_content(title="Better"), a_segment()))
    assert len(room.chat.posts) == 1
    assert "Better" in room.card().text
    assert [b.data for b in room.card().buttons] == ["a:n1:2", "r:n1:2"]


def test_a_claim_says_who_reads_it_and_until_when(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    moved(room, lambda it: it.take(MIRA, NOON))
    assert "👀 Mira reads it until 2026-01-01 12:10 UTC" in room.card().text


def test_the_first_of_two_approvals_is_shown_and_the_buttons_stay(room: Chatroom) -> None:
    room.policies.put(ReviewPolicy(second_approval_above=1))
    room.add_notification(replace(a_notification(), estimated_devices=9))
    show(N1, moderator_chat=room.moderator_chat)
    policy = room.policies.get()
    moved(room, lambda it: it.approve(MIRA, NOON, policy=policy))
    assert "👍 Approved by Mira, 2026-01-01 12:00 UTC" in room.card().text
    assert len(room.card().buttons) == 2
    moved(room, lambda it: it.approve(NIK, NOON, policy=policy))
    assert "Approved by Nik" in room.card().text
    assert "First approval by Mira" in room.card().text
    assert room.card().buttons == ()


def test_an_approval_anywhere_says_who_and_when_and_takes_the_buttons_away(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    moved(room, lambda it: it.approve(NIK, NOON + timedelta(minutes=3)))
    assert "✅ Approved by Nik, 2026-01-01 12:03 UTC" in room.card().text
    assert room.card().buttons == ()


def test_somebody_without_a_name_is_called_by_their_uid(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    moved(room, lambda it: it.approve(MODERATOR, NOON))
    assert "Approved by m1" in room.card().text


def test_a_rejection_shows_its_comment(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    moved(room, lambda it: it.reject(MIRA, NOON, "No source is named."))
    assert "⛔ Rejected by Mira" in room.card().text
    assert "No source is named." in room.card().text


def test_a_cancelled_one_says_so(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    moved(room, lambda it: it.cancel(PROVIDER, NOON))
    assert "The provider canceled the delivery, 2026-01-01 12:00 UTC" in room.card().text
    assert room.card().buttons == ()


def test_the_end_of_the_distribution_is_told_with_its_counts(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    room.notifications.change(N1, lambda it: it.approve(MIRA, NOON))
    sums = Tally(targeted=12, delivered=10, failed=2)
    moved(room, lambda it: it.follow(ran(it).complete(Actor(Role.SYSTEM), NOON, sums)))
    assert "10 delivered, 2 failed" in room.card().text
    assert "Approved by Mira" in room.card().text


def test_counting_while_it_is_sent_edits_nothing(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    moved(room, lambda it: it.approve(MIRA, NOON))
    edits = len(room.chat.edits)
    moved(room, lambda it: it.follow(ran(it).counted(Tally(targeted=5, delivered=1), NOON)))
    assert len(room.chat.edits) == edits


def test_a_record_that_changes_while_it_is_shown_is_shown_again(room: Chatroom) -> None:
    room.add_notification()

    def meanwhile(_: str) -> None:
        room.chat.fault = lambda _: None
        room.notifications.change(N1, lambda it: it.cancel(PROVIDER, NOON))

    room.chat.fault = meanwhile
    show(N1, moderator_chat=room.moderator_chat)
    assert "canceled" in room.card().text
    assert len(room.chat.posts) == 1


def test_an_older_picture_never_replaces_a_newer_one(room: Chatroom) -> None:
    """Two events at once: the one that holds the post sees what the other came for."""
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)

    def second_event(_: str) -> None:
        room.chat.fault = lambda _: None
        room.notifications.change(N1, lambda it: it.approve(MIRA, NOON))
        with pytest.raises(TryAgain):
            show(N1, moderator_chat=room.moderator_chat)

    room.chat.fault = second_event
    moved(room, lambda it: it.take(MIRA, NOON))
    assert "Approved by Mira" in room.card().text


# ---- what goes wrong -------------------------------------------------------------------------


def test_a_message_that_was_deleted_is_posted_anew(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    room.chat.cards.clear()
    moved(room, lambda it: it.cancel(PROVIDER, NOON))
    assert len(room.chat.posts) == 2
    assert "canceled" in room.card().text


def test_a_room_that_moved_is_followed_and_remembered(room: Chatroom) -> None:
    room.add_notification()
    room.chat.new_rooms[ROOM] = -1005
    show(N1, moderator_chat=room.moderator_chat)
    assert room.posts.room().number == -1005
    assert room.chat.posts[0][0] == -1005
    room.add_notification(a_notification("n2"))
    room.chat.fault = raising()
    show(NotificationId("n2"), moderator_chat=room.moderator_chat)
    assert room.chat.posts[1][0] == -1005


def test_a_message_in_a_room_that_moved_is_posted_anew(room: Chatroom) -> None:
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)
    room.chat.new_rooms[ROOM] = -1005
    moved(room, lambda it: it.cancel(PROVIDER, NOON))
    post = room.posts.get(N1)
    assert post is not None
    assert post.room == -1005
    assert "canceled" in room.card().text


def test_after_too_many_requests_nobody_speaks_until_it_is_time(room: Chatroom) -> None:
    room.add_notification()
    room.chat.fault = raising(Throttled("busy", retry_after_seconds=40))
    with pytest.raises(TryAgain):
        show(N1, moderator_chat=room.moderator_chat)
    with pytest.raises(TryAgain) as waits:
        show(N1, moderator_chat=room.moderator_chat)
    assert 30 < waits.value.retry_after_seconds <= 41
    assert room.chat.posts == []
    room.clock.advance(41)
    show(N1, moderator_chat=room.moderator_chat)
    assert len(room.chat.posts) == 1


def test_of_many_told_to_be_quiet_at_once_one_writes_it_down(room: Chatroom) -> None:
    """All read and write the one document of the room."""
    known, change_room = room.posts.room, room.posts.change_room
    written: list[Room] = []

    def changed(change: Callable[[Room], Room]) -> None:
        before, after = known(), change_room(change)
        written.extend([after] if after != before else [])

    room.posts.room, room.posts.change_room = Room, changed  # all looked before any was told
    for n, seconds in enumerate((40, 40, 39, 50)):
        id = room.add_notification(a_notification(f"n{n}")).id
        room.chat.fault = raising(Throttled("busy", retry_after_seconds=seconds))
        with pytest.raises(TryAgain):
            show(id, moderator_chat=room.moderator_chat)
        room.clock.advance(0.1)
    times = [it.quiet_until - NOON for it in written if it.quiet_until]
    assert times == [timedelta(seconds=40), timedelta(seconds=50.3)]


def test_a_lost_answer_may_post_twice_and_the_later_message_counts(room: Chatroom) -> None:
    room.add_notification()
    sent = room.chat.post

    def post_and_lose(number: int, card: Card, *, reply_to: int = 0) -> int:
        sent(number, card, reply_to=reply_to)
        room.chat.post = sent
        raise TryAgain("the answer was lost")

    room.chat.post = post_and_lose
    with pytest.raises(TryAgain):
        show(N1, moderator_chat=room.moderator_chat)
    show(N1, moderator_chat=room.moderator_chat)
    moved(room, lambda it: it.cancel(PROVIDER, NOON))
    first, second = (room.chat.cards[place] for place in room.chat.posts)
    assert "canceled" in second.text
    assert "Waits" in first.text


def test_a_writer_that_died_is_succeeded_when_its_time_is_over(room: Chatroom) -> None:
    room.add_notification()
    until = NOON + timedelta(seconds=60)
    room.posts.change(N1, lambda it: replace(it, owner="dead", until=until))
    with pytest.raises(TryAgain):
        show(N1, moderator_chat=room.moderator_chat)
    room.clock.advance(61)
    show(N1, moderator_chat=room.moderator_chat)
    assert len(room.chat.posts) == 1


def test_a_writer_that_was_overtaken_closes_what_it_posted(room: Chatroom) -> None:
    room.add_notification()

    def another_takes_over(_: str) -> None:
        room.chat.fault = lambda _: None
        room.clock.advance(121)
        show(N1, moderator_chat=room.moderator_chat)

    room.chat.fault = another_takes_over
    with pytest.raises(TryAgain):
        show(N1, moderator_chat=room.moderator_chat)
    counts = room.posts.get(N1)
    assert counts is not None
    (stray,) = [place for place in room.chat.posts if place != (counts.room, counts.message)]
    assert "posted twice" in room.chat.cards[stray].text
    assert len(room.card().buttons) == 2


def test_after_two_wrote_at_once_the_next_event_makes_sure_of_the_picture(room: Chatroom) -> None:
    """The slow one's picture may have come last, though it was the older."""
    room.add_notification()
    show(N1, moderator_chat=room.moderator_chat)

    def another_takes_over(_: str) -> None:
        room.chat.fault = lambda _: None
        room.clock.advance(121)
        room.notifications.change(N1, lambda it: it.cancel(PROVIDER, NOON))
        show(N1, moderator_chat=room.moderator_chat)

    room.chat.fault = another_takes_over
    with pytest.raises(TryAgain):
        moved(room, lambda it: it.take(MIRA, NOON))
    assert "reads it" in room.card().text
    show(N1, moderator_chat=room.moderator_chat)
    assert "canceled" in room.card().text


def test_where_only_an_operator_can_help_nothing_is_held(room: Chatroom) -> None:
    room.add_notification()
    room.chat.fault = raising(ChatClosed("kicked"))
    with pytest.raises(ChatClosed):
        show(N1, moderator_chat=room.moderator_chat)
    show(N1, moderator_chat=room.moderator_chat)
    assert len(room.chat.posts) == 1


# ---- looking after the queue -----------------------------------------------------------------


def test_what_an_event_was_lost_for_is_posted_after_a_while(room: Chatroom) -> None:
    room.add_notification()
    look_after(moderator_chat=room.moderator_chat)
    assert room.chat.posts == []
    room.clock.advance(timedelta(minutes=3))
    look_after(moderator_chat=room.moderator_chat)
    assert "Waits" in room.card().text


def test_one_whose_record_is_broken_keeps_no_other_from_being_shown(room: Chatroom) -> None:
    room.add_notification()
    room.add_notification(a_notification("n2"))
    room.moderator_chat.posts.change(N1, lambda post: replace(post, shows="none"))  # type: ignore[arg-type]
    room.clock.advance(timedelta(minutes=75))
    look_after(moderator_chat=room.moderator_chat)
    texts = [card.text for card in room.chat.cards.values()]
    assert any("⏰" in text for text in texts)
    assert len(texts) == 2


def test_while_the_chat_is_in_trouble_one_attempt_is_enough(room: Chatroom) -> None:
    for number in range(5):
        room.add_notification(a_notification(f"n{number}"))
    room.clock.advance(timedelta(minutes=90))
    tried: list[str] = []

    def trouble(request: str) -> None:
        tried.append(request)
        raise Throttled("busy", retry_after_seconds=30)

    room.chat.fault = trouble
    look_after(moderator_chat=room.moderator_chat)
    look_after(moderator_chat=room.moderator_chat)
    assert tried == ["post"]


def test_a_late_queue_is_told_once_in_its_agreed_time(room: Chatroom) -> None:
    room.add_notification()
    room.add_notification(a_notification("n2"))
    room.clock.advance(timedelta(minutes=75))
    look_after(moderator_chat=room.moderator_chat)
    look_after(moderator_chat=room.moderator_chat)
    reminders = [card.text for card in room.chat.cards.values() if "⏰" in card.text]
    assert reminders == ["⏰ A notification has waited for 75 minutes: n1"]
    room.clock.advance(timedelta(minutes=61))
    look_after(moderator_chat=room.moderator_chat)
    assert len([c for c in room.chat.cards.values() if "⏰" in c.text]) == 2


def test_the_audience_is_counted_as_it_is_when_it_is_shown(room: Chatroom) -> None:
    room.add_notification()
    room.add(a_device("phone-3", platform="ios"))
    show(N1, moderator_chat=room.moderator_chat)
    assert "Audience: 4 devices" in room.card().text
    assert "ios 1" in room.card().text
