"""Two who want different things at the same moment: in every order, exactly one of them wins."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client

from local.firestore import FirestoreEmulator
from shared.adapters.clock import FixedClock
from shared.adapters.firestore.google_database import GoogleDatabase
from shared.adapters.memory.database import MemoryDatabase
from shared.adapters.memory.standings import MemoryStandings
from shared.adapters.rates import ProcessRates
from shared.domain.actors import Actor, Role
from shared.domain.content.content import NotificationInput
from shared.domain.delivery.ledger import BatchState, Outcome, PlanPart, Record
from shared.domain.delivery.run import Run
from shared.domain.errors import WrongState
from shared.domain.findings.finding import Finding, Severity
from shared.domain.findings.link_ends import Inspection
from shared.domain.notifications.history import broken_links
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import (
    Change,
    Notification,
    NotificationId,
    SubmissionCheck,
)
from shared.domain.providers.provider import HIGHEST_LIMIT, Limit
from shared.domain.tally import Tally
from shared.flow.delivery.cancel import cancel, stop
from shared.flow.delivery.count import finish
from shared.flow.moderation.moderate import approve, claim, reject
from shared.flow.notifications.create import edit
from shared.flow.notifications.submission import Checks
from shared.stores.audience import Audience
from shared.stores.ledger import Ledger
from shared.stores.moderators import Moderators
from shared.stores.notifications import Notifications
from shared.stores.review_policies import ReviewPolicies
from shared.stores.runs import Runs
from shared.stores.usage import Usage
from tests.adapters.test_others import not_again
from tests.builders import (
    MODERATOR,
    NOON,
    PROVIDER,
    a_batch,
    a_domain,
    a_notification,
    a_provider,
    a_target,
)
from tests.flow.stage import QuietReads, Stage, Stepping, SteppingLedger, orders
from tests.needs import only
from tests.parts import PEOPLE, providers_of

ID = NotificationId("n1")
CLOCK = FixedClock(NOON)
TIRELESS = a_provider(limits=((Limit.SUBMISSIONS_PER_DAY, HIGHEST_LIMIT),))
PROVIDERS = providers_of(MemoryDatabase(), TIRELESS, a_domain())
POLICIES = ReviewPolicies(MemoryDatabase())
MODERATORS = Moderators(MemoryDatabase())
STANDINGS = MemoryStandings(*PEOPLE)
CHECKS = Checks(
    lambda content, domains: Inspection(),
    Audience(MemoryDatabase()),
    Usage(MemoryDatabase()),
    ProcessRates(CLOCK),
)
SECOND = Actor(Role.MODERATOR, "m2")
RED = Finding("ipHost", Severity.RED, "url", "The address names a machine by number.")
STEPS = 3
"""Reading, deciding, writing."""
ONE_IN = 7
"""Of so many orders, one is tried by ``make check`` where there are a thousand."""

Verb = Callable[[Notifications], Notification]


def cancelling(store: Notifications) -> Notification:
    return cancel(ID, provider_id="p1", needs=only(notifications=store, clock=CLOCK))


def reviewing(store: Notifications) -> Any:
    """Return what a moderator's verb needs."""
    return only(
        notifications=store,
        providers=PROVIDERS,
        review_policies=POLICIES,
        moderators=MODERATORS,
        standings=STANDINGS,
        clock=CLOCK,
    )


def approving(store: Notifications, by: Actor = MODERATOR) -> Notification:
    return approve(
        ID,
        by=by,
        revision=1,
        count_devices=lambda _: 0,
        needs=reviewing(store),
    )


def approving_too(store: Notifications) -> Notification:
    return approving(store, SECOND)


def rejecting(store: Notifications) -> Notification:
    return reject(
        ID,
        "no",
        by=MODERATOR,
        needs=reviewing(store),
    )


def claiming(store: Notifications, by: Actor = SECOND) -> Notification:
    return claim(
        ID,
        by=by,
        needs=reviewing(store),
    )


def claiming_too(store: Notifications) -> Notification:
    return claiming(store, MODERATOR)


def editing(store: Notifications) -> Notification:
    new = NotificationInput(title="Edited")
    return edit(
        ID,
        new,
        provider_id="p1",
        checks=CHECKS,
        needs=only(notifications=store, providers=PROVIDERS, clock=CLOCK),
    )


LEADS_TO: dict[Verb, Status] = {
    cancelling: Status.CANCELLED,
    approving: Status.SENDING,
    rejecting: Status.REJECTED,
    editing: Status.PENDING,
    claiming: Status.PENDING,
    claiming_too: Status.PENDING,
}
STEPS_OF = {verb: STEPS if verb is cancelling else STEPS + 1 for verb in LEADS_TO}
STEPS_OF[approving_too] = STEPS + 1
"""All but a cancel read the record once more, before."""
RIVALS: list[tuple[Verb, ...]] = [
    (cancelling, approving),
    (approving, approving),
    (cancelling, cancelling),
    (rejecting, approving),
    (cancelling, rejecting),
    (editing, approving),
    (claiming, approving),
    (claiming, rejecting),
    (claiming, claiming_too),
]


@pytest.fixture(scope="module")
def actors() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=10) as pool:
        yield pool


@pytest.fixture
def real_stores(
    firestore_emulator: FirestoreEmulator, project: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Notifications]]:
    """Make a store in a database of its own with each call."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator.address)
    with ExitStack() as end:

        def fresh() -> Notifications:
            name = f"{project}-{len(opened)}"
            opened.append(Client(project=name, credentials=AnonymousCredentials()))
            end.callback(opened[-1].close)
            return Notifications(GoogleDatabase(opened[-1], not_again))

        opened: list[Client] = []
        yield fresh


def with_pending(store: Notifications) -> Notifications:
    """Make a world with one pending notification, in its first revision."""
    store.create(a_notification(ID, status=None).submit(PROVIDER, NOON, admin_hwid=False))
    return store


def with_red(store: Notifications) -> Notifications:
    """Make a world with a notification that two moderators must approve."""
    new, looked = a_notification(ID, status=None), SubmissionCheck((RED,), 3)
    store.create(new.submit(PROVIDER, NOON, admin_hwid=False, check=looked))
    return store


def orders_of(verbs: Sequence[Verb]) -> Iterator[tuple[str, ...]]:
    """List every order of these verbs' steps."""
    return orders({str(number): STEPS_OF[verb] for number, verb in enumerate(verbs)})


def race(
    store: Notifications,
    order: Sequence[str],
    actors: ThreadPoolExecutor,
    *verbs: Verb,
    stepping_as: type[Stepping] = Stepping,
) -> list[object]:
    """Return what each verb came to when their steps were taken in this order."""
    stage = Stage(order)
    stepping: Any = stepping_as(store, stage)
    deeds = {str(number): partial(verb, stepping) for number, verb in enumerate(verbs)}
    return list(stage.play(deeds, actors).values())


def assert_one_won(store: Notifications, verbs: Sequence[Verb], ends: Sequence[object]) -> None:
    winners = [verb for verb, end in zip(verbs, ends, strict=True) if isinstance(end, Notification)]
    losers = [end for end in ends if isinstance(end, WrongState)]
    assert (len(winners), len(losers)) == (1, len(verbs) - 1)
    it, entries = store.get(ID), store.history(ID)
    assert it.status is LEADS_TO[winners[0]]
    for loser in losers:
        if loser.code == "claimed":
            assert (it.claim and it.claim.moderator_id) == loser.details["moderatorId"]
        else:
            assert loser.details["status"] == it.status
    assert len(entries) == it.head.count == 2
    assert broken_links(entries) == []
    if it.status is Status.CANCELLED and approving in verbs:
        assert [loser.message for loser in losers] == ["The provider canceled the delivery"]


@pytest.mark.parametrize("verbs", RIVALS, ids=lambda verbs: " and ".join(v.__name__ for v in verbs))
def test_of_two_rivals_exactly_one_wins_in_every_order(
    verbs: tuple[Verb, ...], actors: ThreadPoolExecutor
) -> None:
    for order in orders_of(verbs):
        store = with_pending(Notifications(MemoryDatabase()))
        assert_one_won(store, verbs, race(store, order, actors, *verbs))


def assert_two_pairs_of_eyes(store: Notifications, ends: Sequence[object]) -> None:
    it, entries = store.get(ID), store.history(ID)
    assert {end.status for end in ends if isinstance(end, Notification)} == {
        Status.PENDING,
        Status.SENDING,
    }
    [endorsement] = it.endorsements
    assert {endorsement.moderator_id, it.moderator_id} == {"m1", "m2"}
    assert [entry.move for entry in entries] == ["submit", "findings", "endorse", "approve"]
    assert broken_links(entries) == []


def test_of_two_who_approve_at_once_one_is_the_first_and_one_the_second(
    actors: ThreadPoolExecutor,
) -> None:
    verbs = (approving, approving_too)
    for order in orders_of(verbs):
        store = with_red(Notifications(MemoryDatabase()))
        assert_two_pairs_of_eyes(store, race(store, order, actors, *verbs))


def test_one_who_approves_twice_at_once_is_still_one(actors: ThreadPoolExecutor) -> None:
    verbs = (approving, approving)
    for order in orders_of(verbs):
        store = with_red(Notifications(MemoryDatabase()))
        ends = race(store, order, actors, *verbs)
        assert [end.code for end in ends if isinstance(end, WrongState)] == [
            "secondModeratorNeeded"
        ]
        assert store.get(ID).status is Status.PENDING
        assert len(store.get(ID).endorsements) == 1


def test_no_first_approval_survives_an_edit_in_any_order(actors: ThreadPoolExecutor) -> None:
    verbs = (editing, approving)
    for order in orders_of(verbs):
        store = with_red(Notifications(MemoryDatabase()))
        edited, _ = race(store, order, actors, *verbs)
        it = store.get(ID)
        assert isinstance(edited, Notification)
        assert (it.status, it.revision, it.endorsements) == (Status.PENDING, 2, ())


def test_no_claim_survives_an_edit_that_comes_after_it(actors: ThreadPoolExecutor) -> None:
    verbs = (editing, claiming)
    for order in orders_of(verbs):
        store = with_pending(Notifications(MemoryDatabase()))
        ends = race(store, order, actors, *verbs)
        assert all(isinstance(end, Notification) for end in ends)
        last = store.history(ID)[-1].move
        assert (store.get(ID).claim is None) is (last == "edit")


@pytest.mark.slow
def test_of_three_rivals_exactly_one_wins_in_every_order(actors: ThreadPoolExecutor) -> None:
    verbs = (cancelling, approving, rejecting)
    tried = list(orders({"0": STEPS, "1": STEPS, "2": STEPS}))
    for order in tried:
        store = with_pending(Notifications(MemoryDatabase()))
        ends = race(store, order, actors, *verbs, stepping_as=QuietReads)
        winners = [end for end in ends if isinstance(end, Notification)]
        assert [end.status for end in winners] == [store.get(ID).status]
        assert len(store.history(ID)) == 2
    assert len(set(tried)) == 1680


def test_a_cancel_beats_an_edit_in_every_order(actors: ThreadPoolExecutor) -> None:
    """Both may happen, but then the edit came first; the end is the same."""
    for order in orders_of((cancelling, editing)):
        store = with_pending(Notifications(MemoryDatabase()))
        cancelled, edited = race(store, order, actors, cancelling, editing)
        it, entries = store.get(ID), store.history(ID)
        assert isinstance(cancelled, Notification)
        assert it.status is Status.CANCELLED
        both = isinstance(edited, Notification)
        assert [entry.move for entry in entries] == (
            ["submit", "edit", "cancel"] if both else ["submit", "cancel"]
        )
        assert (it.revision, it.content.title) == ((2, "Edited") if both else (1, "Sale"))
        assert broken_links(entries) == []


@pytest.mark.parametrize(
    "some", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["some", "the rest"]
)
def test_finish_against_stop_has_one_winner_and_exact_counters_in_every_order(
    some: bool, actors: ThreadPoolExecutor
) -> None:
    all_delivered = Tally(targeted=2, delivered=2)
    seen = set()
    every = orders({"finish": 5, "stop": 8})
    for order in (it for number, it in enumerate(every) if (number % ONE_IN == 0) is some):
        database, ledger = MemoryDatabase(), delivered_ledger()
        store = Notifications(database)
        sending = with_pending(store).change(ID, lambda it: it.approve(MODERATOR, NOON))
        stage = Stage(order)
        needs = only(
            notifications=Stepping(store, stage),
            runs=Stepping(Runs(database), stage),
            ledger=SteppingLedger(ledger, stage),
            clock=CLOCK,
        )
        ends = stage.play(
            {
                "finish": partial(finish, ID, needs=needs),
                "stop": partial(stop, ID, by=PROVIDER, needs=needs),
            },
            actors,
        )
        it = store.get(ID)
        assert sending.tally == Tally()
        assert isinstance(ends["finish"], Run)
        assert isinstance(ends["stop"], Notification) is (it.status is Status.STOPPED)
        assert it.tally == all_delivered
        assert len(store.history(ID)) == 3
        seen.add(it.status)
    assert seen == {Status.STOPPED, Status.APPROVED}


def delivered_ledger() -> Ledger:
    """Make a ledger where everything is planned and sent; only the sum is missing."""
    ledger = Ledger(MemoryDatabase())
    ledger.open_parts([PlanPart(ID, 0, 1024, "")])
    (part,) = ledger.parts(ID)
    targets = [a_target("phone-1"), a_target("phone-2")]
    ledger.advance(replace(part, done=True), [a_batch(targets)])
    (batch,) = ledger.batches(ID)
    records = (Record(Outcome.DELIVERED, at=NOON),) * 2
    ledger.write(replace(batch, records=records, state=BatchState.CLOSED), [0, 1])
    return ledger


# ---- on the real emulator --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("verbs", RIVALS, ids=lambda verbs: " and ".join(v.__name__ for v in verbs))
def test_in_firestore_of_two_rivals_exactly_one_wins_in_every_order(
    verbs: tuple[Verb, ...], real_stores: Callable[[], Notifications], actors: ThreadPoolExecutor
) -> None:
    for order in orders_of(verbs):
        store = with_pending(real_stores())
        assert_one_won(store, verbs, race(store, order, actors, *verbs))


@pytest.mark.slow
def test_in_firestore_of_two_who_approve_at_once_one_is_the_first_and_one_the_second(
    real_stores: Callable[[], Notifications], actors: ThreadPoolExecutor
) -> None:
    verbs = (approving, approving_too)
    for order in orders_of(verbs):
        store = with_red(real_stores())
        assert_two_pairs_of_eyes(store, race(store, order, actors, *verbs))


@pytest.mark.slow
def test_in_firestore_no_first_approval_survives_an_edit_in_any_order(
    real_stores: Callable[[], Notifications], actors: ThreadPoolExecutor
) -> None:
    verbs = (editing, approving)
    for order in orders_of(verbs):
        store = with_red(real_stores())
        race(store, order, actors, *verbs)
        it = store.get(ID)
        assert (it.status, it.revision, it.endorsements) == (Status.PENDING, 2, ())


class Interrupted:
    """A store in which a rival acts, from start to end, at one moment of somebody's change."""

    MOMENTS = ("before reading", "before deciding", "before writing", "after writing")

    def __init__(self, store: Notifications, moment: str, rival: Callable[[], object]) -> None:
        self._store = store
        self._moment = moment
        self._rival = rival

    def change(self, id: NotificationId, change: Callable[[Notification], Change]) -> Notification:
        def decide(before: Notification) -> Change:
            self._now("before deciding")
            wanted = change(before)
            self._now("before writing")
            return wanted

        self._now("before reading")
        changed = self._store.change(id, decide)
        self._now("after writing")
        return changed

    def get(self, id: NotificationId) -> Notification:
        return self._store.get(id)

    def _now(self, moment: str) -> None:
        if moment == self._moment:
            self._moment = ""
            self._rival()


@pytest.mark.slow
@pytest.mark.parametrize("moment", Interrupted.MOMENTS)
@pytest.mark.parametrize(
    "verbs", [(cancelling, approving), (approving, cancelling)], ids=["cancel", "approve"]
)
def test_in_firestore_a_rival_in_the_middle_of_a_change_leaves_one_winner(
    verbs: tuple[Verb, Verb], moment: str, real_stores: Callable[[], Notifications]
) -> None:
    first, second = verbs
    store = with_pending(real_stores())
    rivals: list[object] = []
    interrupted = Interrupted(store, moment, lambda: rivals.append(tried(second, store)))
    mine = tried(first, interrupted)  # type: ignore[arg-type]
    assert_one_won(store, verbs, [mine, *rivals])
    assert isinstance(mine, Notification) is (moment == "after writing")


@pytest.mark.slow
def test_in_firestore_of_ten_at_once_exactly_one_wins(
    real_stores: Callable[[], Notifications], actors: ThreadPoolExecutor
) -> None:
    for _ in range(10):
        store = with_pending(real_stores())
        verbs = [cancelling, approving] * 5
        ends = list(actors.map(partial(tried, store=store), verbs))
        winners = [end for end in ends if isinstance(end, Notification)]
        losers = [end for end in ends if isinstance(end, WrongState)]
        assert (len(winners), len(losers)) == (1, 9)
        assert store.get(ID).status is winners[0].status
        assert len(store.history(ID)) == 2


def tried(verb: Verb, store: Notifications) -> object:
    """Return what the call came to, be it a refusal."""
    try:
        return verb(store)
    except WrongState as refusal:
        return refusal
