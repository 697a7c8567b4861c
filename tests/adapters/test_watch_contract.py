"""What a running batch looks at before every chunk: both answers, in one request."""

from dataclasses import dataclass

import pytest
from google.cloud.firestore import Client

from shared.adapters.firestore.google_database import GoogleDatabase
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.memory.database import MemoryDatabase
from shared.domain.actors import Actor, Role
from shared.domain.errors import Defect, NotFound
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import Change, Notification, NotificationId
from shared.ports.database import Database, Update
from shared.stores.notification_codec import NOTIFICATIONS
from shared.stores.notifications import Notifications
from shared.stores.platform import StopSwitch
from shared.stores.watch import SendingState, Watch
from tests.adapters.fanout import BadLine, a_sending_notification
from tests.adapters.test_others import not_again
from tests.builders import NOON, ran

N1 = NotificationId("n1")


@dataclass(frozen=True, slots=True)
class Bench:
    """The watch, and the stores whose changes it has to see."""

    watch: Watch
    notifications: Notifications
    stop_switch: StopSwitch
    records: Database

    def spoil(self) -> None:
        """Have somebody write a status that there is not."""
        self.records.commit([Update(f"{NOTIFICATIONS}/{N1}", {"status": "unheard"})])


def over(looked_at: Database, records: Database) -> Bench:
    """Write by one way, and look by another."""
    return Bench(Watch(looked_at), Notifications(records), StopSwitch(records), records)


@pytest.fixture
def firestore(rest: FirestoreRest, client: Client) -> Bench:
    return over(RestDatabase(rest), GoogleDatabase(client, not_again))


@pytest.fixture(params=["memory", "firestore"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "firestore":
        firestore: Bench = request.getfixturevalue("firestore")
        return firestore
    database = MemoryDatabase()
    return over(database, database)


def has(bench: Bench, notification: Notification) -> None:
    bench.notifications.create(Change(notification, None))


def test_a_notification_is_seen_with_its_status_and_a_platform_that_was_never_stopped(
    bench: Bench,
) -> None:
    has(bench, a_sending_notification())
    assert bench.watch.look(N1) == SendingState(Status.SENDING, stopped=False)


def test_a_stop_is_seen_at_the_next_look(bench: Bench) -> None:
    has(bench, a_sending_notification())
    bench.watch.look(N1)
    moderator = Actor(Role.MODERATOR, "m1")
    bench.notifications.change(N1, lambda it: it.stop(moderator, NOON, "wrong picture"))
    assert bench.watch.look(N1) == SendingState(Status.STOPPED, stopped=False)


def test_the_stop_switch_is_seen_at_the_next_look_on_and_off(bench: Bench) -> None:
    has(bench, a_sending_notification())
    bench.stop_switch.turn(True, "operator:o1", "incident", NOON)
    assert bench.watch.look(N1) == SendingState(Status.SENDING, stopped=True)
    bench.stop_switch.turn(False, "operator:o1", "over", NOON)
    assert bench.watch.look(N1) == SendingState(Status.SENDING, stopped=False)


def test_a_domain_that_was_taken_is_seen_at_the_next_look(bench: Bench) -> None:
    has(bench, a_sending_notification(domains=("a.example", "b.example")))
    operator = Actor(Role.OPERATOR, "o1")
    bench.notifications.change(
        N1, lambda it: it.follow(ran(it).lose(["b.example"], operator, NOON))
    )
    seen = SendingState(Status.SENDING, stopped=False, lost_domains=("b.example",))
    assert bench.watch.look(N1) == seen


def test_a_notification_that_is_not_there_is_not_found(bench: Bench) -> None:
    bench.stop_switch.turn(True, "operator:o1", "incident", NOON)
    with pytest.raises(NotFound):
        bench.watch.look(N1)


def test_a_status_that_is_none_is_a_defect(bench: Bench) -> None:
    has(bench, a_sending_notification())
    bench.spoil()
    with pytest.raises(Defect, match="status"):
        bench.watch.look(N1)


def test_a_look_is_one_request_for_the_fields_that_decide(firestore: Bench, line: BadLine) -> None:
    has(firestore, a_sending_notification())
    firestore.watch.look(N1)
    assert [request.url.path.rpartition(":")[2] for request in line.requests] == ["batchGet"]
    assert b'"mask":{"fieldPaths":["status","lostDomains","on"]}' in line.requests[0].content


def test_a_look_that_was_lost_is_taken_again(firestore: Bench, line: BadLine) -> None:
    has(firestore, a_sending_notification())
    line.next(":batchGet", "drop", "mute")
    assert firestore.watch.look(N1) == SendingState(Status.SENDING, stopped=False)
