"""What becomes of a commit whose answer was lost, and how long anybody waits for the store."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from google.api_core.exceptions import Aborted, PermissionDenied, ServiceUnavailable
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client, WriteBatch

from local.firestore import FirestoreEmulator
from shared.adapters.firestore import google_database
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.domain.audience.device import (
    AddressKind,
    DerivedFields,
    Device,
    Hwid,
    PushAddress,
    derive,
)
from shared.domain.audience.ownership import Credential, Generation, Ownership
from shared.domain.errors import NotFound, TryAgain, WrongState
from shared.domain.findings.finding import Finding, Severity
from shared.domain.notifications.history import broken_links, chain_faults
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import (
    Change,
    Notification,
    NotificationId,
    SubmissionCheck,
)
from shared.domain.notifications.replay import Replay
from shared.domain.providers.places import Taker, Turn
from shared.domain.providers.provider import Domain
from shared.domain.tally import Tally
from shared.ports import AlreadyThere
from shared.stores import change as changing
from shared.stores.devices import Devices
from shared.stores.notifications import Notifications
from shared.stores.providers import Providers
from shared.stores.review_policies import ReviewPolicies
from shared.stores.usage import Usage
from tests.adapters.records import (
    MODERATOR,
    NOON,
    PROVIDER,
    a_draft,
    a_new_notification,
    a_sending,
    a_submission,
)
from tests.adapters.test_others import not_again
from tests.builders import ran
from tests.conftest import eventually

N1 = NotificationId("n1")
LOST = ServiceUnavailable("the connection broke")
Fault = Callable[[Callable[[], Any]], Any]


def all_at_the_same_time(send: Callable[[], Any]) -> Any:
    return send()


def after_it_counted(send: Callable[[], Any]) -> Any:
    send()
    raise LOST


def before_it_counted(_: Callable[[], Any]) -> Any:
    raise LOST


def too_much_contention(_: Callable[[], Any]) -> Any:
    raise Aborted("too much contention")


def no_permission(_: Callable[[], Any]) -> Any:
    raise PermissionDenied("the account may not write")


class FaultyBatch(WriteBatch):
    def commit(self, *args: Any, **kwargs: Any) -> Any:
        def send() -> Any:
            return super(FaultyBatch, self).commit(*args, **kwargs)

        assert kwargs["retry"] is None, "the client must not repeat a commit by itself"
        client = self._client
        assert isinstance(client, FaultyClient)
        client.commits += 1
        writes = list(self._write_pbs)
        try:
            return client.faults.pop(0)(send) if client.faults else send()
        finally:
            self._write_pbs = writes


class FaultyClient(Client):
    """A client whose next commits go wrong as ``faults`` say."""

    def __init__(self, project: str) -> None:
        super().__init__(project=project, credentials=AnonymousCredentials())
        self.faults: list[Fault] = []
        self.commits = 0

    def batch(self) -> FaultyBatch:
        return FaultyBatch(self)


@pytest.fixture(params=["firestore_emulator", "embedded_store"])
def firestore(request: pytest.FixtureRequest) -> FirestoreEmulator:
    found: FirestoreEmulator = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def faulty(client: Client) -> Iterator[FaultyClient]:
    faulty = FaultyClient(client.project)
    yield faulty
    faulty.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def store(faulty: FaultyClient) -> Notifications:
    return Notifications(GoogleDatabase(faulty, not_again))


@pytest.fixture
def pending(store: Notifications) -> Notifications:
    store.create(a_submission())
    return store


def approve(it: Notification) -> Change:
    return it.approve(MODERATOR, NOON)


@pytest.mark.parametrize(
    "fault", [after_it_counted, before_it_counted, too_much_contention], ids=lambda it: it.__name__
)
def test_a_move_whose_answer_was_lost_counts_once(
    pending: Notifications, faulty: FaultyClient, fault: Fault
) -> None:
    faulty.faults = [fault]
    assert pending.change(N1, approve).status is Status.SENDING
    chain = pending.history(N1)
    assert [entry.move for entry in chain] == ["submit", "approve"]
    assert broken_links(chain) == []


def test_a_move_is_known_for_ours_even_when_others_went_on_from_it(
    pending: Notifications, faulty: FaultyClient
) -> None:
    def counted_and_stopped_by_another(send: Callable[[], Any]) -> Any:
        send()
        pending.change(N1, lambda it: it.stop(PROVIDER, NOON))
        raise LOST

    faulty.faults = [counted_and_stopped_by_another]
    assert pending.change(N1, approve).status is Status.SENDING
    assert pending.get(N1).status is Status.STOPPED


def test_a_lost_answer_does_not_make_anothers_move_ours(
    pending: Notifications, faulty: FaultyClient
) -> None:
    def another_was_first(_: Callable[[], Any]) -> Any:
        pending.change(N1, lambda it: it.cancel(PROVIDER, NOON))
        raise LOST

    faulty.faults = [another_was_first]
    with pytest.raises(WrongState, match="The provider canceled the delivery"):
        pending.change(N1, approve)


def test_a_count_whose_answer_was_lost_is_not_added_again(
    store: Notifications, faulty: FaultyClient
) -> None:
    def one_more(it: Notification) -> Change:
        return it.follow(ran(it).counted(Tally(targeted=it.tally.targeted + 1), NOON))

    store.create(a_sending())
    faulty.faults = [after_it_counted]
    store.change(N1, one_more)
    assert store.get(N1).tally.targeted == 1


@pytest.mark.parametrize("fault", [after_it_counted, before_it_counted], ids=lambda it: it.__name__)
def test_a_creation_whose_answer_was_lost_succeeds(
    store: Notifications, faulty: FaultyClient, fault: Fault
) -> None:
    faulty.faults = [fault]
    store.create(a_submission(), Replay("k1", "fingerprint", N1, NOON))
    assert store.get(N1).status is Status.PENDING
    assert store.replay("k1") is not None
    assert faulty.commits == (1 if fault is after_it_counted else 2)


def test_a_lost_answer_does_not_make_anothers_creation_ours(
    pending: Notifications, faulty: FaultyClient
) -> None:
    faulty.faults = [before_it_counted]
    with pytest.raises(AlreadyThere):
        pending.create(a_draft())


def test_a_deletion_whose_answer_was_lost_succeeds(
    store: Notifications, faulty: FaultyClient
) -> None:
    store.create(a_draft())
    faulty.faults = [after_it_counted]
    store.delete(N1, lambda _: None)
    with pytest.raises(NotFound):
        store.delete(N1, lambda _: None)


@pytest.mark.parametrize("fault", [after_it_counted, before_it_counted, too_much_contention])
def test_a_registration_whose_answer_was_lost_keeps_its_secret(
    faulty: FaultyClient, fault: Fault
) -> None:
    def decide(ownership: Ownership) -> Generation | Credential:
        return ownership.credential or mine

    devices = Devices(GoogleDatabase(faulty, not_again))
    mine = Generation(Credential("digest", "g1"), Device(Hwid("h1"), "ios"))
    faulty.faults = [fault]
    assert devices.begin("h1", decide) == mine
    assert devices.credential("h1") == mine.credential


def test_a_drop_whose_answer_was_lost_is_a_drop(faulty: FaultyClient, client: Client) -> None:
    client.collection("devices").document("h1").set({"fcmToken": "t"})
    faulty.faults = [after_it_counted]
    assert Devices(GoogleDatabase(faulty, not_again)).drop_address("h1", "t")


def test_who_registers_a_token_again_while_it_is_taken_away_keeps_it(
    faulty: FaultyClient, client: Client
) -> None:
    devices, others = (
        Devices(GoogleDatabase(faulty, not_again)),
        Devices(GoogleDatabase(client, not_again)),
    )
    for hwid in ("old", "new"):
        phone = Device(Hwid(hwid), "android")
        devices.refresh(phone, _derived(phone))
    token = PushAddress(AddressKind.FCM, "t", registered_at=NOON)
    again = replace(token, registered_at=NOON + timedelta(seconds=2))
    devices.set_address("old", token)

    def after_the_old_one_came_back(send: Callable[[], Any]) -> Any:
        others.set_address("old", again)
        return send()

    faulty.faults = [all_at_the_same_time, after_the_old_one_came_back]
    devices.set_address("new", replace(token, registered_at=NOON + timedelta(seconds=1)))
    old, new = devices.get("old"), devices.get("new")
    assert old is not None
    assert old.address == again
    assert new is not None
    assert new.address is None


def test_a_device_that_cannot_be_written_keeps_no_other_from_losing_its_address(
    faulty: FaultyClient, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def holders() -> list[str]:
        return [hwid for hwid in names if (it := devices.get(hwid)) and it.address]

    monkeypatch.setattr(changing, "TRIES", 2)
    monkeypatch.setattr(changing, "TOTAL_SECONDS", 600.0)
    devices = Devices(GoogleDatabase(faulty, not_again))
    names = ["a", "b", "c", "new"]
    for hwid in names:
        fields = {} if hwid == "new" else {"fcmToken": "t"}
        client.document(f"devices/{hwid}").set(fields)
    address = PushAddress(AddressKind.FCM, "t", registered_at=NOON)
    faulty.faults = [all_at_the_same_time, too_much_contention, too_much_contention]
    with pytest.raises(TryAgain, match="the device is busy"):
        devices.set_address("new", address)
    assert holders() == ["a", "new"]
    devices.set_address("new", address)
    assert holders() == ["new"]


def test_contention_that_does_not_end_is_for_later(
    pending: Notifications, faulty: FaultyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "LONGEST_WAIT_SECONDS", 0.001)
    faulty.faults = [too_much_contention] * 99
    before = faulty.commits
    with pytest.raises(TryAgain):
        pending.change(N1, approve)
    assert faulty.commits - before == changing.TRIES
    with pytest.raises(TryAgain):
        pending.create(a_submission("n2"))


def test_nobody_waits_longer_than_the_time_given(
    pending: Notifications, faulty: FaultyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "TOTAL_SECONDS", 0.2)
    faulty.faults = [too_much_contention] * 99
    began = time.monotonic()
    with pytest.raises(TryAgain):
        pending.delete(N1, lambda _: None)
    assert time.monotonic() - began < 2


def test_a_fault_that_waiting_does_not_mend_is_passed_on(
    pending: Notifications, faulty: FaultyClient
) -> None:
    faulty.faults = [no_permission]
    with pytest.raises(PermissionDenied):
        pending.change(N1, approve)


def test_a_store_that_cannot_be_read_is_for_later(
    monkeypatch: pytest.MonkeyPatch, project: str
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    briefly = google_database.READ_AGAIN.with_timeout(0.3)
    monkeypatch.setattr(google_database, "READ_AGAIN", briefly)
    away = Client(project=project, credentials=AnonymousCredentials())
    with pytest.raises(TryAgain):
        Notifications(GoogleDatabase(away, not_again)).get(N1)
    away.close()


def _derived(device: Device) -> DerivedFields:
    return derive(device.hwid, device.locale, device.domains)


# ---- moderation ------------------------------------------------------------------------------

FAULTS = [after_it_counted, before_it_counted, too_much_contention]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.__name__)
def test_a_place_whose_answer_was_lost_is_taken_once(faulty: FaultyClient, fault: Fault) -> None:
    usage = Usage(GoogleDatabase(faulty, not_again))
    for taker, given in [("a", True), ("b", True), ("c", False)]:
        faulty.faults = [fault]
        assert usage.take("p1", "perDay", "1", 2, NOON, taker=Taker(taker, "r")) is given
        faulty.faults.clear()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.__name__)
def test_a_turn_whose_answer_was_lost_is_taken_once(faulty: FaultyClient, fault: Fault) -> None:
    usage, later = Usage(GoogleDatabase(faulty, not_again)), NOON + timedelta(seconds=30)
    begin = partial(usage.begin, "p1", "looks", 1, NOON, later)
    faulty.faults = [fault]
    assert begin(Taker("a", "r1")) is Turn.MINE
    faulty.faults = [fault]
    assert begin(Taker("a", "r2")) is Turn.ANOTHERS
    faulty.faults = [fault]
    usage.end("p1", "looks", taker=Taker("a", "r1"))
    faulty.faults.clear()
    assert begin(Taker("b", "r1")) is Turn.MINE


def test_places_that_many_take_at_once_cost_few_writes(faulty: FaultyClient) -> None:
    """Of one document Firestore takes about one write a second for long."""
    usage, many = Usage(GoogleDatabase(faulty, not_again)), 40
    came: list[int] = []

    def when_all_have_come(send: Callable[[], Any]) -> Any:
        eventually(lambda: len(came) == many, "all ask")
        return send()

    def take(number: int) -> bool:
        came.append(number)
        return usage.take("p1", "perDay", "1", many - 3, NOON, taker=Taker(f"t{number}"))

    faulty.faults = [when_all_have_come]
    with ThreadPoolExecutor(many) as threads:
        assert sum(threads.map(take, range(many))) == many - 3
    assert faulty.commits <= many // 2
    assert len(usage.places("p1", "perDay", "1")) == many - 3


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.__name__)
def test_a_reminder_whose_answer_was_lost_is_given_once(faulty: FaultyClient, fault: Fault) -> None:
    policies, hour = ReviewPolicies(GoogleDatabase(faulty, not_again)), timedelta(hours=1)
    faulty.faults = [fault]
    assert policies.take_reminder(NOON, NOON - hour)
    assert not policies.take_reminder(NOON, NOON - hour)


def test_a_lost_answer_does_not_make_anothers_reminder_ours(faulty: FaultyClient) -> None:
    policies, hour = ReviewPolicies(GoogleDatabase(faulty, not_again)), timedelta(hours=1)

    def another_was_first(_: Callable[[], Any]) -> Any:
        assert policies.take_reminder(NOON, NOON - hour)
        raise LOST

    faulty.faults = [another_was_first]
    assert not policies.take_reminder(NOON, NOON - hour)


def test_a_submission_with_findings_whose_answer_was_lost_is_there_once(
    store: Notifications, faulty: FaultyClient
) -> None:
    new = a_new_notification()
    looked = SubmissionCheck((Finding("shouting", Severity.INFO, "title", "Capitals."),), 3)
    faulty.faults = [after_it_counted]
    store.create(new.submit(PROVIDER, NOON, admin_hwid=False, check=looked))
    it, chain = store.get(N1), store.history(N1)
    assert [entry.move for entry in chain] == ["submit", "findings"]
    assert chain_faults(chain, it.head.count, it.head.hash) == []


# ---- domains ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=lambda it: it.__name__)
def test_a_list_of_admin_hwids_whose_answer_was_lost_has_one_entry(
    faulty: FaultyClient, fault: Fault
) -> None:
    providers = Providers(GoogleDatabase(faulty, not_again))
    faulty.faults = [fault]
    providers.add_domain(Domain("a.example", "p1"), by=PROVIDER, at=NOON)
    faulty.faults = [fault]
    providers.change_domain(
        "a.example", lambda it: replace(it, admin_hwids=("h1",)), by=PROVIDER, at=NOON
    )
    later = NOON + timedelta(seconds=1)
    faulty.faults = [fault]
    providers.delete_domain("a.example", by=PROVIDER, at=later)
    entries = providers.domain_history("a.example", NOON - timedelta(days=1))
    assert [(each.added, each.removed) for each in entries] == [((), ("h1",)), (("h1",), ())]
    assert providers.domain("a.example") is None
