"""What every store of notifications promises to those who change or delete them, at once or not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain.actors import SYSTEM
from shared.domain.errors import NotFound, WrongState
from shared.domain.notifications.history import broken_links
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Change, Notification
from shared.domain.tally import Tally
from shared.stores.notifications import Notifications
from tests.adapters.conftest import Bench
from tests.adapters.records import (
    MODERATOR,
    N1,
    NOON,
    PROVIDER,
    a_draft,
    a_sending,
    a_submission,
    approve,
    cancel,
    one_more,
)
from tests.builders import ran


def test_a_move_is_written_with_its_entry(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())
    before = notifications.store.get(N1)
    moved = notifications.store.change(N1, approve)
    assert moved == notifications.store.get(N1)
    assert moved.version not in {"", before.version}
    assert (moved.status, moved.moderator_id) == (Status.SENDING, "m1")
    chain = notifications.store.history(N1)
    assert [(entry.move, entry.status) for entry in chain] == [
        ("submit", Status.PENDING),
        ("approve", Status.SENDING),
    ]
    assert broken_links(chain) == []
    assert chain[-1].hash == moved.head.hash


def test_a_refused_move_writes_nothing(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())
    notifications.store.change(N1, cancel)
    before = notifications.store.get(N1)
    with pytest.raises(WrongState):
        notifications.store.change(N1, approve)
    assert notifications.store.get(N1) == before
    assert len(notifications.store.history(N1)) == 2


def test_a_change_that_changes_nothing_is_not_written(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())
    before = notifications.store.get(N1)
    assert notifications.store.change(N1, lambda it: Change(it, None)) == before
    assert notifications.store.get(N1).version == before.version


def test_what_a_change_takes_away_is_gone(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())
    assert ran(notifications.store.change(N1, approve)).wake_at is not None
    notifications.store.change(N1, lambda it: it.follow(ran(it).complete(SYSTEM, NOON, it.tally)))
    assert ran(notifications.store.get(N1)).wake_at is None
    assert "wakeAt" not in (notifications.read("n1") or {})


def test_error_counts_are_replaced_and_not_merged(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_sending(tally=Tally(errors={"a.b": 1, "c": 2})))
    notifications.store.change(
        N1, lambda it: it.follow(ran(it).counted(Tally(errors={"c": 3}), NOON))
    )
    assert notifications.store.get(N1).tally.errors == {"c": 3}


def test_who_reads_before_and_writes_after_another_starts_anew(
    notifications: Bench[Notifications],
) -> None:
    notifications.store.create(a_submission())
    seen: list[Status | None] = []

    def approve_while_the_provider_cancels(it: Notification) -> Change:
        seen.append(it.status)
        if len(seen) == 1:
            notifications.store.change(N1, cancel)
        return it.approve(MODERATOR, NOON)

    with pytest.raises(WrongState, match="The provider canceled the delivery"):
        notifications.store.change(N1, approve_while_the_provider_cancels)
    assert seen == [Status.PENDING, Status.CANCELLED]
    assert notifications.store.get(N1).status is Status.CANCELLED
    assert len(notifications.store.history(N1)) == 2


def test_of_twenty_racing_moves_exactly_one_wins(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_submission())

    def race(move: Callable[[Notification], Change]) -> Status | WrongState | None:
        try:
            return notifications.store.change(N1, move).status
        except WrongState as refusal:
            return refusal

    with ThreadPoolExecutor(20) as racers:
        results = list(racers.map(race, [approve, cancel] * 10))
    refusals = [result for result in results if isinstance(result, WrongState)]
    winners = [result for result in results if not isinstance(result, WrongState)]
    found = notifications.store.get(N1)
    assert winners == [found.status]
    assert found.status in {Status.SENDING, Status.CANCELLED}
    assert {refusal.details["status"] for refusal in refusals} == {found.status}
    chain = notifications.store.history(N1)
    assert len(chain) == 2
    assert broken_links(chain) == []


def test_fifty_at_once_all_count(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_sending())

    def count_one(_: int) -> None:
        notifications.store.change(N1, one_more)

    with ThreadPoolExecutor(50) as threads:
        list(threads.map(count_one, range(50)))
    assert notifications.store.get(N1).tally.targeted == 50


# ---- delete ---------------------------------------------------------------------------------


def test_a_deleted_draft_leaves_nothing(notifications: Bench[Notifications]) -> None:
    notifications.store.create(a_draft())
    notifications.store.delete(N1, lambda _: None)
    with pytest.raises(NotFound):
        notifications.store.get(N1)
    assert notifications.store.history(N1) == []
    notifications.store.create(a_draft())


def test_what_is_checked_before_deleting_is_what_is_deleted(
    notifications: Bench[Notifications],
) -> None:
    notifications.store.create(a_draft())

    def a_draft_still(it: Notification) -> None:
        if it.status is not Status.DRAFT:
            raise WrongState("no draft any more")
        notifications.store.change(N1, lambda it: it.submit(PROVIDER, NOON, admin_hwid=False))

    with pytest.raises(WrongState):
        notifications.store.delete(N1, a_draft_still)
    assert notifications.store.get(N1).status is Status.PENDING
