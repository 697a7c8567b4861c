"""What every store of notifications promises about the queue of those that wait for moderators."""

from datetime import timedelta

import pytest

from shared.domain.notifications.notification import NotificationId
from shared.domain.notifications.queries import QueueQuery
from shared.stores import notification_lists
from shared.stores.notifications import Notifications
from tests.adapters.conftest import Bench
from tests.adapters.records import NOON, PROVIDER, a_draft, ids

HOUR = timedelta(hours=1)


def test_the_moderation_queue_is_oldest_first_over_all_providers(
    many: Bench[Notifications],
) -> None:
    queue = many.store.queue(QueueQuery(page_size=4))
    assert ids(queue.items) == ["n3", "n4", "n5", "n2"]
    assert {"theirs", "n6"} & set(ids(many.store.queue(QueueQuery()).items)) == {"theirs"}


@pytest.fixture
def waiting(notifications: Bench[Notifications]) -> Bench[Notifications]:
    """Create drafts of the hours 0 to 5, submitted the other way round, 2 and 3 in the same moment;
    and, of an older version that did not note it, three more of the hours between.
    """
    for hour in range(6):
        at = NOON + HOUR * hour
        notifications.store.create(a_draft(f"n{hour}", created_at=at))
        submitted = NOON + HOUR * (20 - (3 if hour == 2 else hour))
        notifications.store.change(
            NotificationId(f"n{hour}"),
            lambda it, at=submitted: it.submit(PROVIDER, at, admin_hwid=False),  # type: ignore[misc]
        )
    plain = {"title": "T", "body": "B", "providerId": "p1", "status": "pending"}
    for name, hours in {"old-a": 16.5, "old-b": 17.0, "old-c": 30.0}.items():
        notifications.write(name, {**plain, "createdAt": NOON + HOUR * hours})
    return notifications


LONGEST_FIRST = ["n5", "n4", "old-a", "n2", "n3", "old-b", "n1", "n0", "old-c"]


def test_in_the_moderation_queue_whoever_waits_longest_is_first(
    waiting: Bench[Notifications],
) -> None:
    assert ids(waiting.store.queue(QueueQuery()).items) == LONGEST_FIRST
    assert ids(waiting.store.queue(QueueQuery("p1")).items) == LONGEST_FIRST


@pytest.mark.parametrize("page_size", [1, 2, 3, 4, 5, 8, 9])
def test_pages_of_the_moderation_queue_together_are_the_queue(
    waiting: Bench[Notifications], page_size: int
) -> None:
    page = waiting.store.queue(QueueQuery(page_size=page_size))
    found = ids(page.items)
    while page.next_token:
        page = waiting.store.queue(QueueQuery(page_size=page_size, page_token=page.next_token))
        found += ids(page.items)
    assert found == LONGEST_FIRST


@pytest.mark.parametrize("text", LONGEST_FIRST)
def test_whatever_waits_is_found_however_few_are_looked_at_at_once(
    waiting: Bench[Notifications], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(notification_lists, "SEARCH_CHUNK", 1)
    for page_size in (1, 2, 3):
        found = waiting.store.queue(QueueQuery(shows=lambda it: it.id == text, page_size=page_size))
        assert ids(found.items) == [text]


def test_a_broken_time_of_creation_is_in_no_queue_and_breaks_none(
    waiting: Bench[Notifications],
) -> None:
    for id in ("n4", "old-b"):
        waiting.write(id, {**(waiting.read(id) or {}), "createdAt": "yesterday"})
    found = ids(waiting.store.queue(QueueQuery()).items)
    assert found == [id for id in LONGEST_FIRST if id not in {"n4", "old-b"}]


def test_a_broken_time_of_submission_is_in_no_queue(
    waiting: Bench[Notifications], caplog: pytest.LogCaptureFixture
) -> None:
    waiting.write("n4", {**(waiting.read("n4") or {}), "submittedAt": "yesterday"})
    found = ids(waiting.store.queue(QueueQuery()).items)
    assert found == [id for id in LONGEST_FIRST if id != "n4"]
    assert "left out of a list" in caplog.text


def test_the_moderation_queue_goes_on_where_its_page_ended(many: Bench[Notifications]) -> None:
    whole = ids(many.store.queue(QueueQuery()).items)
    seen: list[str] = []
    page = many.store.queue(QueueQuery(page_size=2))
    while page.next_token:
        seen += ids(page.items)
        page = many.store.queue(QueueQuery(page_size=2, page_token=page.next_token))
    assert seen + ids(page.items) == whole


def test_the_moderation_queue_of_one_provider_and_of_those_asked_for(
    many: Bench[Notifications],
) -> None:
    assert "theirs" not in ids(many.store.queue(QueueQuery("p1")).items)
    chosen = many.store.queue(QueueQuery(shows=lambda it: it.id in {"n5", "n2"}, page_size=1))
    assert ids(chosen.items) == ["n5"]
    assert chosen.next_token
    rest = many.store.queue(
        QueueQuery(shows=lambda it: it.id in {"n5", "n2"}, page_token=chosen.next_token)
    )
    assert (ids(rest.items), rest.next_token) == (["n2"], None)
