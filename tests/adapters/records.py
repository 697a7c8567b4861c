"""Records for the contract tests, complete unless a test says otherwise."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.domain.actors import Actor, Role
from shared.domain.audience.filters import Segment, TargetPlatform
from shared.domain.content.content import Content
from shared.domain.notifications.notification import Change, Notification, NotificationId
from tests.builders import ran, with_run

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
PROVIDER = Actor(Role.PROVIDER, "p1")
MODERATOR = Actor(Role.MODERATOR, "m1")
N1 = NotificationId("n1")
SECOND = timedelta(seconds=1)


def a_new_notification(id: str = "n1", **changes: Any) -> Notification:
    """Create a notification that its provider wrote, and that is stored nowhere yet."""
    plain = Notification(
        id=NotificationId(id),
        provider_id="p1",
        provider_email="p1@example.com",
        content=Content(title="Sale", body="Everything must go", url="https://example.com/sale"),
        segment=Segment(platform=TargetPlatform.ALL, region=("ru", "by")),
        status=None,
        created_at=NOON,
    )
    return replace(plain, **changes)


def a_submission(id: str = "n1", **changes: Any) -> Change:
    """Create a notification that was sent to moderation."""
    new = a_new_notification(id, **changes)
    return new.submit(PROVIDER, new.created_at, admin_hwid=False)


def a_draft(id: str = "n1", **changes: Any) -> Change:
    """Create a notification that was saved for later."""
    new = a_new_notification(id, **changes)
    return new.save_draft(PROVIDER, new.created_at)


def a_sending(id: str = "n1", **run: Any) -> Change:
    """Submit to an admin's device, which begins the run at once."""
    new = a_new_notification(id)
    change = new.submit(PROVIDER, new.created_at, admin_hwid=True)
    return replace(change, notification=with_run(change.notification, **run))


def with_fields(change: Change, **fields: Any) -> Change:
    """Make the same change, with a notification that differs in these fields."""
    return replace(change, notification=replace(change.notification, **fields))


def approve(it: Notification) -> Change:
    return it.approve(MODERATOR, NOON)


def cancel(it: Notification) -> Change:
    return it.cancel(PROVIDER, NOON)


def one_more(it: Notification) -> Change:
    """Make one more change of those the notification is for."""
    return it.follow(ran(it).counted(replace(it.tally, targeted=it.tally.targeted + 1), NOON))


def plain(it: Notification) -> Notification:
    """Strip the version, whichever the record has."""
    return replace(it, version="")


def ids(notifications: Sequence[Notification]) -> list[str]:
    return [it.id for it in notifications]
