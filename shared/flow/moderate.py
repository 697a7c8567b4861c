"""What moderators do: read the queue, approve, reject.

The decision is one conditional write. A cancel that came first leaves no row in the lifecycle
table, and the moderator is told so.
"""

from collections.abc import Sequence

from shared.domain.errors import FieldError, InvalidInput
from shared.domain.history import Actor
from shared.domain.notification import MOST_COMMENT_CHARACTERS, Notification, NotificationId
from shared.ports import Clock, Notifications

QUEUE_LENGTH = 100


def queue(*, notifications: Notifications) -> Sequence[Notification]:
    """The notifications waiting for a decision, oldest first."""
    return notifications.oldest_pending(QUEUE_LENGTH)


def approve(
    id: NotificationId,
    *,
    by: Actor,
    revision: int | None = None,
    notifications: Notifications,
    clock: Clock,
) -> Notification:
    """Yes: the write itself is the event that starts the distribution."""
    now = clock.now()
    return notifications.change(id, lambda it: it.approve(by, now, revision=revision))


def reject(
    id: NotificationId, comment: str, *, by: Actor, notifications: Notifications, clock: Clock
) -> Notification:
    """No, with a comment that says why."""
    reason, now = _checked(comment), clock.now()
    return notifications.change(id, lambda it: it.reject(by, now, reason))


def _checked(comment: str) -> str:
    comment = comment.strip()
    if not comment:
        sentence = "say why: the provider reads this comment"
        raise InvalidInput([FieldError("comment", "required", sentence)])
    if len(comment) > MOST_COMMENT_CHARACTERS:
        sentence = f"must be at most {MOST_COMMENT_CHARACTERS} characters"
        raise InvalidInput([FieldError("comment", "tooLong", sentence)])
    return comment
