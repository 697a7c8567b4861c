"""What the store of runs promises: one document for a notification and its only run."""

import pytest

from shared.domain.actors import SYSTEM
from shared.domain.delivery.run import FailureReason, RunChange, RunStatus
from shared.domain.errors import NotFound, WrongState
from shared.domain.notifications.history import chain_faults
from shared.domain.notifications.lifecycle import Status
from shared.domain.tally import Tally
from shared.stores.notifications import Notifications
from shared.stores.runs import Runs
from tests.adapters.conftest import Bench
from tests.adapters.records import N1, NOON, SECOND, a_draft, a_sending, a_submission
from tests.builders import ran

SUMS = Tally(targeted=2, delivered=2)


@pytest.fixture
def sending(notifications: Bench[Notifications]) -> Notifications:
    notifications.store.create(a_sending())
    return notifications.store


def test_a_run_has_the_id_of_its_only_notification_and_what_was_approved(
    sending: Notifications, runs: Runs
) -> None:
    it, run = sending.get(N1), runs.get(N1)
    assert runs.with_notification(N1) == (it, run)
    assert run == ran(it)
    assert (run.id, run.provider_id) == (it.id, it.provider_id)
    assert (run.content, run.segment, run.urgent) == (it.content, it.segment, True)


def test_a_plan_is_written_without_an_entry(sending: Notifications, runs: Runs) -> None:
    cut = runs.change(N1, lambda run: run.cut(3, ("a.example",), "t1"))
    assert (cut.parts, cut.domains, cut.read_at) == (3, ("a.example",), "t1")
    assert runs.get(N1) == cut
    assert len(sending.history(N1)) == 1


def test_the_end_of_the_only_run_is_the_end_of_its_notification(
    sending: Notifications, runs: Runs
) -> None:
    ended = runs.change(N1, lambda run: run.complete(SYSTEM, NOON + SECOND, SUMS))
    assert (ended.status, ended.tally, ended.ended_at) == (
        RunStatus.COMPLETED,
        SUMS,
        NOON + SECOND,
    )
    it, entries = sending.get(N1), sending.history(N1)
    assert (it.status, it.run, it.export_at) == (Status.APPROVED, ended, NOON + SECOND)
    assert [entry.move for entry in entries] == ["submit", "complete"]
    assert chain_faults(entries, it.head.count, it.head.hash) == []


def test_an_end_that_the_lifecycle_does_not_know_is_refused(
    sending: Notifications, runs: Runs
) -> None:
    runs.change(N1, lambda run: run.stop(SYSTEM, NOON))
    with pytest.raises(WrongState):
        runs.change(N1, lambda run: run.fail(SYSTEM, NOON, FailureReason.NO_AUDIENCE, SUMS))
    assert sending.get(N1).status is Status.STOPPED


def test_a_change_that_changes_nothing_is_not_written(sending: Notifications, runs: Runs) -> None:
    before = sending.get(N1)
    assert runs.change(N1, RunChange) == before.run
    assert sending.get(N1).version == before.version


@pytest.mark.parametrize("make", [a_draft, a_submission])
def test_what_is_not_to_be_sent_has_no_run(
    notifications: Bench[Notifications], runs: Runs, make: object
) -> None:
    assert callable(make)
    notifications.store.create(make())
    assert runs.with_notification(N1) == (notifications.store.get(N1), None)
    with pytest.raises(NotFound):
        runs.get(N1)
    with pytest.raises(NotFound):
        runs.change(N1, lambda run: run.rested())


def test_of_many_it_is_told_which_are_being_sent(sending: Notifications, runs: Runs) -> None:
    sending.create(a_submission("n2"))
    sending.create(a_sending("n3"))
    runs.change("n3", lambda run: run.stop(SYSTEM, NOON))
    assert runs.sending(["n1", "n2", "n3", "none", "a/b"]) == {"n1"}
    assert runs.sending([]) == set()


def test_what_was_completed_is_listed_for_its_provider(sending: Notifications, runs: Runs) -> None:
    assert runs.completed_of("p1", 9) == []
    ended = runs.change(N1, lambda run: run.complete(SYSTEM, NOON, SUMS))
    sending.create(a_sending("n2"))
    assert runs.completed_of("p1", 9) == [ended]
    assert runs.completed_of("p2", 9) == []
