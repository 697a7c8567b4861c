"""The benchmarks' store answers as Firestore does: the contracts of the ledger and the audience,
played on it, but for what it says of itself that it cannot do.
"""

from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest

from benchmarks.store import app
from local.emulators.background import ServedApp
from local.firestore import Emulator
from shared.adapters.firestore.rest import BadRequest, FirestoreRest
from shared.adapters.firestore.rest_database import RestDatabase
from shared.adapters.firestore.rest_values import query, where
from shared.domain.audience.filters import Segment
from shared.domain.notifications.notification import NotificationId
from shared.stores.ledger import Ledger
from tests.adapters import test_audience_contract as audience_contract
from tests.adapters import test_ledger_contract as ledger_contract
from tests.adapters.fanout import WITHOUT_WAITING
from tests.adapters.test_audience_contract import Bench, in_firestore
from tests.builders import a_device

OF_THE_LEDGER: tuple[Callable[[Ledger], None], ...] = (
    ledger_contract.test_a_part_keeps_its_schedule,
    ledger_contract.test_parts_are_opened_once_and_kept_as_they_are,
    ledger_contract.test_there_is_nothing_below_a_notification_that_was_never_planned,
    ledger_contract.test_a_parts_progress_and_its_batches_are_written_together,
    ledger_contract.test_of_two_planners_of_the_same_page_one_wins_and_the_other_writes_nothing,
    ledger_contract.test_a_batch_is_never_planned_over,
    ledger_contract.test_a_batch_comes_back_as_it_was_planned,
    ledger_contract.test_a_batch_that_is_not_there_is_not_found,
    ledger_contract.test_what_is_written_is_read_back,
    ledger_contract.test_chunks_are_written_one_after_the_other,
    ledger_contract.test_of_two_senders_with_the_same_version_one_wins,
    ledger_contract.test_a_sender_that_lost_its_lease_can_record_nothing_more,
    ledger_contract.test_of_many_senders_at_once_exactly_one_wins,
    ledger_contract.test_sums_are_those_of_the_records_of_every_batch,
    ledger_contract.test_all_batches_are_read_in_the_order_of_their_ids,
    ledger_contract.test_the_batch_around_a_key_is_found_in_each_stream,
)
PAGES = audience_contract.test_pages_follow_each_other_in_the_order_of_their_keys
RANGES = audience_contract.test_a_range_begins_with_its_low_partition_and_ends_before_its_high_one
OF_THE_AUDIENCE: tuple[Callable[[Bench], None], ...] = (
    audience_contract.test_a_device_on_more_domains_than_one_query_holds_is_selected_once,
    audience_contract.test_another_providers_device_is_never_reached_even_by_its_hwid,
    audience_contract.test_a_single_device_is_found_before_anything_was_derived_for_it,
    audience_contract.test_a_single_device_must_pass_every_other_filter_as_well,
    partial(PAGES, segment=Segment()),
    partial(PAGES, segment=Segment(active_days=7)),
    partial(RANGES, segment=Segment()),
    partial(RANGES, segment=Segment(active_days=7)),
    audience_contract.test_a_page_may_hold_fewer_devices_than_it_looked_at,
    audience_contract.test_a_target_says_what_its_document_says,
    audience_contract.test_its_version_changes_with_its_document,
)


@pytest.fixture
def store() -> Iterator[str]:
    with ServedApp(app()) as served:
        yield served.address


@pytest.fixture
def rest(store: str) -> Iterator[FirestoreRest]:
    rest = FirestoreRest("demo-p", store, sleep=WITHOUT_WAITING)
    yield rest
    rest.close()


@pytest.mark.parametrize("holds", OF_THE_LEDGER)
def test_the_contract_of_the_ledger_holds(
    rest: FirestoreRest, holds: Callable[[Ledger], None]
) -> None:
    holds(Ledger(RestDatabase(rest)))


@pytest.mark.parametrize("holds", OF_THE_AUDIENCE)
def test_the_contract_of_the_audience_holds(
    rest: FirestoreRest, holds: Callable[[Bench], None]
) -> None:
    holds(in_firestore(rest))


def test_what_the_hot_path_never_asks_is_refused_and_not_guessed(rest: FirestoreRest) -> None:
    in_firestore(rest).has(a_device("h1"))
    with pytest.raises(BadRequest, match="does not know this"):
        rest.run_query(query("devices", where("hwid", "NOT_EQUAL", "h2")))
    with pytest.raises(BadRequest, match="does not know this"):
        rest.run_query(query("devices", everywhere=True))


def test_a_project_is_forgotten_and_no_other(store: str, rest: FirestoreRest) -> None:
    others = FirestoreRest("demo-other", store)
    for each in (rest, others):
        Ledger(RestDatabase(each)).open_parts([ledger_contract.a_part()])
    Emulator(store).wipe("demo-p")
    n1 = NotificationId("n1")
    parts = [Ledger(RestDatabase(each)).parts(n1) for each in (rest, others)]
    assert [len(each) for each in parts] == [0, 1]
    others.close()


def test_a_call_it_does_not_know_is_refused(store: str) -> None:
    url = f"http://{store}/v1/projects/p/databases/(default)/documents:beginTransaction"
    assert httpx.post(url, json={}, timeout=60).status_code == httpx.codes.BAD_REQUEST
