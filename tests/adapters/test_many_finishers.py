"""Fifty handlers that end one notification at the same moment, in Firestore itself.

Its transactions wait for locks and give up with errors of their own kind; none of these may reach
whoever counts, the sums must be exact, and the end must be written once.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from google.cloud.firestore import Client

from local.firestore import FirestoreEmulator
from shared.adapters.clock import FixedClock
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.adapters.firestore.rest import FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.domain.delivery.ledger import BatchState, Outcome, Record
from shared.domain.delivery.run import Run
from shared.domain.errors import TryAgain
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.tally import Tally
from shared.flow.delivery.count import finish
from shared.stores.ledger import Ledger
from shared.stores.notifications import Notifications
from shared.stores.runs import Runs
from tests.adapters.test_ledger_contract import a_part, of_size
from tests.adapters.test_others import not_again
from tests.builders import NOON, PROVIDER, a_notification
from tests.needs import only

pytestmark = pytest.mark.slow

ID = NotificationId("n1")
FINISHERS = 50
BATCHES, DEVICES = 4, 25


@pytest.fixture(params=["firestore_emulator", "embedded_store"])
def firestore(request: pytest.FixtureRequest) -> FirestoreEmulator:
    found: FirestoreEmulator = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def ledger(firestore: FirestoreEmulator, project: str) -> Iterator[Ledger]:
    """Make a ledger where all is planned, all sent, nothing counted."""
    with closing(FirestoreRest(project, firestore.address)) as rest:
        ledger = Ledger(RestDatabase(rest))
        ledger.open_parts([a_part(ID)])
        (part,) = ledger.parts(ID)
        batches = [of_size(DEVICES, number) for number in range(BATCHES)]
        part = ledger.advance(replace(part, batches=BATCHES), batches)
        ledger.advance(replace(part, done=True, wake_at=None), [])
        for batch in batches:
            records = tuple([Record(Outcome.DELIVERED, at=NOON)] * DEVICES)
            there = ledger.batch(ID, batch.id)
            sent = replace(there, records=records, state=BatchState.CLOSED, wake_at=None)
            ledger.write(sent, range(DEVICES))
        yield ledger


def test_fifty_finishers_make_one_end_and_no_error_but_try_again(
    ledger: Ledger, client: Client
) -> None:
    database = GoogleDatabase(client, not_again)
    notifications, runs = Notifications(database), Runs(database)
    new = a_notification(ID, status=None)
    notifications.create(new.submit(PROVIDER, NOON, admin_hwid=True))

    def count(_: int) -> Run | TryAgain | None:
        try:
            return finish(ID, needs=only(runs=runs, ledger=ledger, clock=FixedClock(NOON)))
        except TryAgain as later:  # the task would be delivered again
            return later

    with ThreadPoolExecutor(FINISHERS) as pool:
        answers = list(pool.map(count, range(FINISHERS)))
    everybody = BATCHES * DEVICES
    assert any(isinstance(answer, Run) for answer in answers)
    it = notifications.get(ID)
    assert it.status is Status.APPROVED
    assert it.tally == Tally(targeted=everybody, delivered=everybody)
    assert [entry.move for entry in notifications.history(ID)] == ["submit", "complete"]
