"""What one address is answered stays with it: others are asked for, and get theirs.

Every answer that a push service's table knows is given for one address, wherever it stands among
many. When many say the same and nobody was accepted, that is believed of all, and it ends.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.memory.senders import MemorySenders
from shared.adapters.push.run_memory import ProcessRunMemory
from shared.domain.audience.device import AddressKind, Device, PushAddress, partition_of
from shared.domain.delivery.evidence import Refusal
from shared.domain.delivery.ledger import BATCH_SIZE, BatchId, BatchState, sort_key
from shared.domain.notifications.lifecycle import TERMINAL, Status
from shared.domain.notifications.notification import Notification
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    RetryLater,
    Unsendable,
)
from shared.domain.push.apns import REACTIONS as APPLES
from shared.domain.push.fcm import REACTIONS as FCMS
from shared.domain.push.hms import REACTIONS as HUAWEIS
from shared.domain.push.hms import REASONS
from shared.domain.push.reactions import CREDENTIALS_REFUSED
from shared.domain.push.rendering import Push
from tests.builders import NOON, a_device
from tests.flow.hazard import Blow, Crash
from tests.flow.push import PushService, accepted, address_gone, busy, misconfigured
from tests.flow.test_send_limits import slowly
from tests.flow.world import World

INVALID = Unsendable("invalidMessage")
REFUSALS: Sequence[Refusal] = [CREDENTIALS_REFUSED, INVALID]
FCM, APNS, HMS = AddressKind.FCM, AddressKind.APNS, AddressKind.HMS

ANSWERS: Sequence[tuple[AddressKind, Answer]] = [
    *((FCM, it) for it in dict.fromkeys(answer for _, _, answer in FCMS)),
    *((APNS, it) for it in dict.fromkeys(r.answer for r in APPLES.values())),
    *((HMS, it) for it in dict.fromkeys(answer for _, _, answer in HUAWEIS)),
    *((HMS, it) for it in REASONS.values()),
]
NOT_ACCEPTED = [(kind, it) for kind, it in ANSWERS if not isinstance(it, Accepted)]
PLACES = {"first": 0.0, "in the middle": 0.5, "last": 1.0}


def named(count: int) -> list[str]:
    """Name phones in the order in which they are sent to."""
    names = [f"phone-{n:04d}" for n in range(count)]
    return sorted(names, key=lambda hwid: sort_key(partition_of(hwid), hwid))


@cache
def phone(hwid: str, kind: AddressKind = FCM, **more: str) -> Device:
    environment = more.pop("environment", "production")
    return a_device(hwid, address=PushAddress(kind, f"token-{hwid}", environment), **more)


class Sent:
    """One notification to phones of which some are answered otherwise, until it has ended."""

    def __init__(
        self, devices: Iterable[Device], bad: Iterable[str] = (), *answers: Answer
    ) -> None:
        self.world = World(devices)
        guarded_push = self.world.parts.senders.default[FCM]
        self.world.parts.senders = MemorySenders(dict.fromkeys(AddressKind, guarded_push))
        self.bad = set(bad)
        for hwid in self.bad:
            self.world.push.will(f"token-{hwid}", *answers)
        self.id = self.world.approved()

    def __call__(self) -> "Sent":
        self.world.drain()
        return self

    @property
    def it(self) -> Notification:
        return self.world.get(self.id)

    @property
    def seconds(self) -> float:
        """Until nothing was left to do."""
        return (self.world.clock.now() - NOON).total_seconds()

    @property
    def others_lost(self) -> set[str]:
        """Phones that did not get it, though nothing was wrong with them."""
        records = self.world.records(self.id)
        return {h for h in records if h not in self.bad and records[h].outcome != "delivered"}

    @property
    def codes(self) -> dict[str, int]:
        return dict(self.it.tally.errors)


def until(sent: Sent, seconds: float) -> Sent:
    sent.world.pass_time(timedelta(seconds=seconds))
    return sent


def large(*cases: tuple[int, int]) -> list[Any]:
    """Leave cases of thousands of devices to ``make test``."""
    return [pytest.param(*case, marks=pytest.mark.slow) for case in cases]


# ---- one of many -----------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(("kind", "answer"), NOT_ACCEPTED, ids=str)
def test_one_of_120_costs_only_itself(kind: AddressKind, answer: Answer, place: float) -> None:
    names = named(120)
    bad = names[round(place * 119)]
    sent = until(Sent([phone(hwid, kind) for hwid in names], [bad], answer), 20)
    assert sent.others_lost == set()
    assert sent.world.records(sent.id)[bad].outcome != "delivered"


@pytest.mark.parametrize(("kind", "answer"), NOT_ACCEPTED, ids=str)
def test_one_in_each_of_three_batches_costs_only_itself(kind: AddressKind, answer: Answer) -> None:
    names = named(2 * BATCH_SIZE + 1)
    bad = [names[0], names[BATCH_SIZE], names[-1]]
    sent = until(Sent([phone(hwid, kind) for hwid in names], bad, answer), 20)
    assert sent.others_lost == set()


@pytest.mark.parametrize("answer", REFUSALS, ids=str)
@pytest.mark.parametrize(("count", "bad"), [(201, 1), (500, 60), *large((2_000, 4), (2_000, 100))])
def test_however_many_are_read_first_and_are_bad_the_others_get_theirs(
    answer: Refusal, count: int, bad: int
) -> None:
    names = named(count)
    sent = Sent(map(phone, names), names[:bad], answer)()
    assert (sent.others_lost, sent.it.status) == (set(), Status.APPROVED)
    assert sent.codes == {answer.code: bad}
    assert sent.seconds < 120


@pytest.mark.parametrize("answer", REFUSALS, ids=str)
def test_one_address_under_many_names_is_one_witness(answer: Answer) -> None:
    """A stranger registers sixty devices with the same address."""
    names = named(500)
    same = PushAddress(FCM, "token-of-a-stranger")
    devices = [a_device(h, address=same) if h in names[:60] else phone(h) for h in names]
    sent = Sent(devices)
    sent.bad = set(names[:60])
    sent.world.push.will(same.value, answer)
    sent.world.send(sent.id, planned_batch(sent))
    assert sent.world.ledger.tally(sent.id).delivered == 440


def planned_batch(sent: Sent) -> BatchId:
    if not sent.world.batches(sent.id):
        sent.world.plan(sent.id)
    return sent.world.batches(sent.id)[0].id


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("answer", [CREDENTIALS_REFUSED, Misconfigured("projectNotFound")])
def test_what_is_refused_once_in_a_while_is_asked_for_again(answer: Answer, times: int) -> None:
    names = named(120)
    sent = Sent(map(phone, names), names[::7], *[answer] * times, accepted())()
    assert sent.it.tally.delivered == 120


def test_a_development_build_ends_within_a_minute_or_two_and_keeps_its_address() -> None:
    names = named(120)
    sent = Sent(map(phone, names), names[:1], Misconfigured("wrongEnvironment"))()
    assert (sent.codes, sent.it.tally.delivered) == ({"wrongEnvironment": 1}, 119)
    assert sent.seconds < 150
    assert sent.world.push.requests_to(f"token-{names[0]}") == 5
    assert sent.world.devices.get(names[0]).address is not None  # type: ignore[union-attr]


# ---- all of them -----------------------------------------------------------------------------


@pytest.mark.parametrize("answer", REFUSALS, ids=str)
@pytest.mark.parametrize(("count", "most"), [(1, 3), (19, 57), (120, 150), *large((2_000, 400))])
def test_what_all_are_refused_for_ends_with_the_reason_after_few_were_asked(
    answer: Refusal, count: int, most: int
) -> None:
    sent = Sent(map(phone, named(count)))
    sent.world.push.will_all(answer)
    sent()
    assert (sent.it.status, sent.codes) == (Status.FAILED, {answer.code: count})
    assert len(sent.world.push.requests) <= most
    assert sent.seconds < 150
    assert all(sent.world.devices.get(hwid).address for hwid in sent.world.targets)  # type: ignore[union-attr]


def test_one_services_refusal_leaves_the_others_alone() -> None:
    names = named(240)
    sent = Sent([phone(h, (FCM, HMS)[n % 2]) for n, h in enumerate(names)])
    huawei = PushService()
    huawei.will_all(CREDENTIALS_REFUSED)
    sent.world.parts.senders = MemorySenders({FCM: sent.world.push, HMS: huawei})
    sent()
    assert (sent.it.tally.delivered, sent.codes) == (120, {"credentialsRefused": 120})
    assert sent.it.status is Status.APPROVED


def test_one_platform_and_one_environment_are_groups_of_their_own() -> None:
    groups = [("ios", "production"), ("ios", "sandbox"), ("macos", "production")]
    names = named(300)
    devices = [
        phone(h, APNS, platform=groups[n % 3][0], environment=groups[n % 3][1])
        for n, h in enumerate(names)
    ]
    sent = Sent(devices, names[1::3], Misconfigured("wrongEnvironment"))()
    assert (sent.others_lost, sent.codes) == (set(), {"wrongEnvironment": 100})
    assert len(sent.world.push.requests) < 300


def test_credentials_that_come_back_are_noticed_by_those_who_are_still_asked() -> None:
    sent = Sent(map(phone, named(500)))
    sent.world.push.will_all(CREDENTIALS_REFUSED)
    sent.world.send(sent.id, planned_batch(sent))
    assert len(sent.world.push.requests) == 50 + 9 * 2
    sent.world.push.will_all(None)
    sent()
    assert sent.it.tally.delivered == 500


def test_credentials_that_are_refused_for_a_minute_of_a_run_cost_nobody() -> None:
    sent = Sent(map(phone, named(240)))
    took: list[str] = []

    def refuse(call: str) -> None:
        if call == "push.send":
            took.append(call)
            away = len(took) > 1 and sent.seconds < 60
            sent.world.push.will_all(CREDENTIALS_REFUSED if away else None)

    sent.world.hazard.watch(refuse)
    sent()
    assert sent.it.tally.delivered == 240
    assert sent.seconds > 60


def test_where_words_differ_everybody_is_asked() -> None:
    names = named(300)
    sent = Sent(map(phone, names), names[:150], INVALID)
    for hwid in names[150:299]:
        sent.world.push.will(f"token-{hwid}", CREDENTIALS_REFUSED)
    sent.bad = set(names[:299])
    sent()
    assert sent.others_lost == set()


def test_who_was_accepted_in_another_batch_speaks_for_the_whole_run() -> None:
    """Between sixty that are refused and sixty more stands one phone that nobody probes."""
    names = named(1_000)
    bad = [h for h in names[500:] if h != names[637]]
    sent = Sent(map(phone, names), bad, INVALID)()
    assert sent.others_lost == set()


def test_a_new_owner_elsewhere_knows_who_was_accepted_before() -> None:
    names = named(300)
    sent = Sent(map(phone, names), names[10:], INVALID)
    sent.world.parts.settings = sent.world.parts.settings.model_copy(update={"handler_seconds": 1})
    slowly(sent.world, "push.send", 2)
    sent.world.send(sent.id, planned_batch(sent))
    sent.world.parts.memory = ProcessRunMemory()
    asked = len(sent.world.push.requests)
    sent()
    assert len(sent.world.push.requests) == asked + 250


# ---- one answer for many ---------------------------------------------------------------------


class Poisoned:
    """A push service that gives one answer to a request, and that of one address in it."""

    def __init__(self, poison: str, answer: Answer) -> None:
        self.poison, self.answer, self.requests = poison, answer, 0

    def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
        self.requests += 1
        poisoned = self.poison in [address.value for address, _ in pushes]
        return [self.answer if poisoned else Accepted()] * len(pushes)


@pytest.mark.parametrize("count", [2, 50, 120])
@pytest.mark.parametrize("answer", [busy(), RetryLater("internal", ambiguous=True)], ids=str)
def test_what_puts_off_a_request_for_many_is_narrowed_down_to_the_one_it_is_about(
    answer: Answer, count: int
) -> None:
    names = named(count)
    sent = Sent([phone(hwid, HMS) for hwid in names], names[-1:])
    service = Poisoned(f"token-{names[-1]}", answer)
    sent.world.parts.senders = MemorySenders({HMS: service})
    until(sent, 600)
    assert sent.others_lost == set()
    assert service.requests < 40


# ---- waits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [RetryLater("quotaExceeded", 60.0), RetryLater("deviceBusy", 3_000.0)]
)
def test_one_that_is_told_to_wait_waits_alone(answer: RetryLater) -> None:
    names = named(120)
    sent = Sent(map(phone, names), names[:1], answer, accepted())
    for hwid in names[1::2]:
        sent.world.push.will(f"token-{hwid}", busy(), accepted())
    until(sent, 21)
    assert sent.others_lost == set()
    assert sent.world.push.requests_to(f"token-{names[0]}") == 1
    sent()
    assert sent.it.tally.delivered == 120
    assert sent.seconds >= (answer.retry_after_seconds or 0)


def test_nobody_is_asked_for_sooner_than_it_was_told() -> None:
    names = named(4)
    sent = Sent(map(phone, names))
    asked: dict[str, list[float]] = {}
    for hwid, seconds in zip(names, (None, 30, 120, 300), strict=True):
        sent.world.push.will(f"token-{hwid}", *[busy(seconds)] * 3, accepted())

    def look(call: str) -> None:
        if call == "push.send":
            for _, to in sent.world.push.requests[sum(map(len, asked.values())) :]:
                asked.setdefault(to.value, []).append(sent.seconds)

    sent.world.hazard.watch(look)
    sent()
    assert sent.it.tally.delivered == 4
    assert sent.seconds < 1_100


# ---- addresses that are unknown --------------------------------------------------------------

UNKNOWN = [
    (FCM, AddressGone("unregistered"), "wrongApp"),
    (FCM, AddressGone("senderIdMismatch"), "wrongApp"),
    (APNS, AddressGone("invalidToken"), "wrongEnvironment"),
    (APNS, AddressGone("tokenNotForTopic"), "wrongApp"),
    (HMS, AddressGone("invalidToken"), "wrongApp"),
]


@pytest.mark.parametrize(("kind", "answer", "code"), UNKNOWN, ids=str)
@pytest.mark.parametrize("good", [0, 29])
def test_where_most_addresses_are_unknown_none_is_dropped_and_somebody_is_told(
    kind: AddressKind,
    answer: AddressGone,
    code: str,
    good: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = named(60)
    bad = names[good:]
    sent = Sent([phone(h, kind) for h in names], bad, answer)()
    assert (sent.it.tally.delivered, sent.codes) == (good, {code: 60 - good})
    assert all(sent.world.devices.get(hwid).address for hwid in names)  # type: ignore[union-attr]
    assert f"{60 - good} of 60 addresses are unknown" in caplog.text


@pytest.mark.parametrize(("kind", "answer", "code"), UNKNOWN, ids=str)
@pytest.mark.parametrize(("count", "bad"), [(19, 19), (60, 30)])
def test_where_few_or_half_are_unknown_each_is_judged_by_itself(
    kind: AddressKind, answer: AddressGone, code: str, count: int, bad: int
) -> None:
    names = named(count)
    sent = Sent([phone(h, kind) for h in names], names[:bad], answer)()
    assert sent.codes == {answer.code: bad}
    found = [sent.world.devices.get(hwid) for hwid in names]
    assert sum(it is not None and it.address is None for it in found) == bad


def test_a_flood_is_seen_however_finely_the_phones_of_a_push_service_are_divided() -> None:
    names = named(60)
    kinds = [("ios", "production"), ("ios", "sandbox"), ("ios", ""), ("macos", "production")]
    phones = [
        phone(hwid, APNS, platform=platform, environment=environment)
        for n, hwid in enumerate(names)
        for platform, environment in [kinds[n % len(kinds)]]
    ]
    sent = Sent(phones, names, AddressGone("invalidToken"))()
    assert sent.codes == {"wrongEnvironment": 45, "wrongApp": 15}
    assert all(sent.world.devices.get(hwid).address for hwid in names)  # type: ignore[union-attr]


def test_a_flood_among_many_phones_costs_few_others_of_the_service_nothing() -> None:
    names = named(130)
    androids, iphones = names[:100], names[100:]
    phones = [phone(h) for h in androids] + [phone(h, platform="ios") for h in iphones]
    sent = Sent(phones, [*androids, iphones[0]], address_gone())()
    assert sent.codes == {"wrongApp": 100, "UNREGISTERED": 1}
    assert sent.it.tally.delivered == 29


def test_what_other_batches_heard_counts_where_one_is_small() -> None:
    names = named(519)
    sent = Sent(map(phone, names), names, AddressGone("senderIdMismatch"))()
    assert sent.codes == {"wrongApp": 519}


def test_an_owner_that_dies_before_it_decided_drops_nothing_and_the_next_decides() -> None:
    names = named(60)
    sent = Sent(map(phone, names), names[:5], address_gone())
    batch = planned_batch(sent)
    sent.world.hazard.strike_at("push.send", Blow.AFTER, nth=2)
    with pytest.raises(Crash):
        sent.world.send(sent.id, batch)
    assert all(sent.world.devices.get(hwid).address for hwid in names)  # type: ignore[union-attr]
    sent()
    assert sent.codes == {"UNREGISTERED": 5}
    assert sent.it.tally.delivered == 55


@pytest.mark.parametrize("stopped", [False, True])
def test_what_was_answered_before_a_stop_or_the_end_of_time_is_recorded(stopped: bool) -> None:
    names = named(60)
    sent = Sent(map(phone, names), names[:1], address_gone())
    sent.world.parts.settings = sent.world.parts.settings.model_copy(update={"handler_seconds": 1})

    def end(call: str) -> None:
        if call == "push.send":
            sent.world.clock.advance(2)
            if stopped:
                sent.world.stop(sent.id)

    sent.world.hazard.watch(end)
    sent.world.send(sent.id, planned_batch(sent))
    record = sent.world.records(sent.id)[names[0]]
    assert (record.outcome, record.code, record.dropped) == ("failed", "UNREGISTERED", True)


# ---- owners that die -------------------------------------------------------------------------


def test_a_batch_whose_owners_all_die_ends_after_six_hours() -> None:
    sent = Sent(map(phone, named(60)))
    batch = planned_batch(sent)
    while sent.world.batches(sent.id)[0].state is BatchState.OPEN:
        assert sent.seconds < 7 * 3_600
        with suppress(Crash):
            sent.world.hazard.strike_at("push.send", Blow.BEFORE)
            sent.world.send(sent.id, batch)
        sent.world.clock.advance(400)
    assert sent.seconds > 6 * 3_600
    assert sent.it.status in TERMINAL
    assert (sent.it.tally.open, sent.it.tally.unknown) == (0, 60)


# ---- anything --------------------------------------------------------------------------------

PASSING: st.SearchStrategy[Answer] = st.sampled_from(
    [busy(), busy(40), RetryLater("deviceBusy", 60.0), misconfigured()]
)
FINAL: st.SearchStrategy[Answer] = st.sampled_from([address_gone(), INVALID, misconfigured()])


@settings(deadline=None)
@given(data=st.data(), count=st.integers(1, 130))
def test_whoever_has_a_good_answer_to_come_is_delivered(data: st.DataObject, count: int) -> None:
    """As long as no configuration is refused for longer than it is given to pass."""
    names = named(count)
    sent = Sent(map(phone, names))
    good = data.draw(st.sets(st.sampled_from(names)))
    for hwid in names:
        if hwid in good:
            before = data.draw(st.lists(PASSING, max_size=2))
            sent.world.push.will(f"token-{hwid}", *before, accepted())
        else:
            sent.world.push.will(f"token-{hwid}", data.draw(FINAL))
    sent()
    records = sent.world.records(sent.id)
    assert {hwid for hwid in good if records[hwid].outcome != "delivered"} == set()
    tally = sent.it.tally
    assert (tally.open, tally.targeted, tally.delivered) == (0, count, len(good))
