"""However many submit at once, no more wait for a moderator than may: in memory and for real."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from shared.domain.errors import TooMany, TryAgain
from shared.domain.notifications.notification import Notification
from shared.domain.providers.places import Taker
from shared.domain.providers.provider import Limit
from shared.flow.notifications.submission import take_place
from shared.stores.notifications import Notifications
from shared.stores.usage import Usage
from tests.adapters.conftest import Bench
from tests.builders import NOON, PROVIDER, a_notification, a_provider

MOST = 5
OWNER = a_provider(limits=((str(Limit.PENDING_AT_ONCE), MOST),))


def submit(number: int, notifications: Notifications, usage: Usage) -> Notification:
    """Submit as creating does: a place first, then the record."""
    new = a_notification(f"n{number}", status=None)
    taker = Taker(new.id, "r1")
    take_place(OWNER, taker, NOON, admin_hwid=False, notifications=notifications, usage=usage)
    change = new.submit(PROVIDER, NOON, admin_hwid=False)
    notifications.create(change)
    return change.notification


def tried(number: int, submitting: Callable[[int], object]) -> str:
    """Ask again, as a caller does who was told that the store is busy."""
    for _ in range(20):
        with suppress(TryAgain):
            try:
                submitting(number)
            except TooMany as refusal:
                return refusal.code
            return "submitted"
    return "busy"


def test_of_many_submissions_at_once_as_many_as_may_get_through(
    notifications: Bench[Notifications], usage: Bench[Usage]
) -> None:
    def submitting(number: int) -> object:
        return submit(number, notifications.store, usage.store)

    with ThreadPoolExecutor(16) as threads:
        came_to = list(threads.map(lambda number: tried(number, submitting), range(24)))
    assert set(came_to) == {"submitted", "pendingAtOnceReached"}
    assert came_to.count("submitted") == notifications.store.count_pending("p1") <= MOST
    assert tried(99, submitting) == (
        "submitted" if came_to.count("submitted") < MOST else "pendingAtOnceReached"
    )
