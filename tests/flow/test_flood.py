"""Addresses that no earlier notification reached are judged among themselves, too.

Ten thousand known phones must not outvote a new build of the app that registers with another push
project: most of the new addresses are unknown then, and it is we who are wrong.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import pytest

from shared.adapters.push.run_memory import ProcessRunMemory
from shared.domain.audience.device import AddressKind, Device, PushAddress
from shared.domain.content.content import NotificationInput
from shared.domain.delivery.ledger import BatchId
from shared.domain.errors import Defect, TryAgain
from shared.domain.notifications.notification import Notification, NotificationId
from shared.domain.push.answers import AddressGone
from tests.builders import NOON, a_device, a_segment, an_input
from tests.flow.hazard import Blow
from tests.flow.push import accepted, busy
from tests.flow.test_one_answer import named
from tests.flow.world import World

FCM = AddressKind.FCM
DEAD = AddressGone("senderIdMismatch")
UNINSTALLED = AddressGone("unregistered")
KEPT, DROPPED = "wrongApp", "senderIdMismatch"
BETWEEN, LISTED = "ledger.batches_between", "runs.completed_of"


ONE, MANY = "one process", "a process for every task"


@pytest.fixture(params=[ONE, pytest.param(MANY, marks=pytest.mark.slow)], autouse=True)
def _processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    send = World.send

    def in_another_process(self: World, id: NotificationId, batch: BatchId) -> None:
        self.parts.memory = ProcessRunMemory()
        send(self, id, batch)

    if request.param == MANY:
        monkeypatch.setattr(World, "send", in_another_process)


class Audience:
    """Phones that were reached by a first notification, and what becomes of them in the next."""

    def __init__(
        self,
        known_addresses: Sequence[str],
        *,
        reached: bool = True,
        seed: int | None = None,
        page_size: int = 100,
    ) -> None:
        """Make pages, and so batches, as small as ``page_size``."""
        self.world = World(
            (phone(hwid) for hwid in known_addresses), seed=seed, page_size=page_size
        )
        if reached:
            assert self.send().tally.delivered == len(known_addresses)

    def send(self, request: NotificationInput | None = None) -> Notification:
        """Send the next notification, a day later."""
        id = self.approve(request)
        self.world.drain()
        return self.world.get(id)

    def approve(self, request: NotificationInput | None = None) -> NotificationId:
        self.world.clock.advance(86_400)
        self.world.hazard.verbs.clear()
        self.began = self.world.clock.now()
        return self.world.approved(request)

    def register(self, hwids: Iterable[str], *answers: AddressGone, token: str = "token") -> None:
        """Have these register, now, with addresses that are answered so."""
        self.world.clock.advance(3_600)
        for hwid in hwids:
            self.world.add(phone(hwid, self.world.clock.now(), token))
            if answers:
                self.world.push.will(f"{token}-{hwid}", *answers)

    def uninstall(self, hwids: Iterable[str]) -> None:
        for hwid in hwids:
            self.world.push.will(f"token-{hwid}", UNINSTALLED)

    def count_addresses(self, hwids: Iterable[str]) -> int:
        """Count the devices among these that still have an address."""
        found = [self.world.devices.get(hwid) for hwid in hwids]
        return sum(bool(it and it.address) for it in found)

    def calls(self, name: str) -> int:
        return self.world.hazard.verbs.count(name)

    @property
    def seconds(self) -> float:
        return (self.world.clock.now() - self.began).total_seconds()


def phone(hwid: str, since: datetime = NOON, token: str = "token") -> Device:
    return a_device(hwid, address=PushAddress(FCM, f"{token}-{hwid}", "", since))


def split(count: int, *few: int) -> list[list[str]]:
    """Make so many phones, the last of each ``few`` spread among the others."""
    names = named(count + sum(few))
    found = []
    for number in few:
        chosen = names[:: max(1, len(names) // number)][:number]
        names = [name for name in names if name not in set(chosen)]
        found.append(chosen)
    return [names, *found]


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]


# ---- the flood -----------------------------------------------------------------------------------


def test_bad_newcomers_among_many_known_phones_keep_their_addresses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    known, newcomers = split(2_000, 60)
    audience = Audience(known, page_size=2_000)
    audience.register(newcomers, DEAD)
    sent = audience.send()
    assert dict(sent.tally.errors) == {KEPT: 60}
    assert sent.tally.delivered == 2_000
    assert audience.count_addresses(newcomers) == 60
    assert any("FCM: wrongApp" in said and "new addresses" in said for said in alarms(caplog))


@pytest.mark.slow
def test_among_ten_thousand_that_are_sent_to_at_an_even_pace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    known, newcomers = split(10_000, 60)
    audience = Audience(known, page_size=2_000)
    audience.register(newcomers, DEAD)
    sent = audience.send()
    assert dict(sent.tally.errors) == {KEPT: 60}
    assert audience.count_addresses(newcomers) == 60
    assert alarms(caplog)


def test_uninstalled_known_phones_are_dropped_at_once(caplog: pytest.LogCaptureFixture) -> None:
    known, uninstalled = split(340, 60)
    audience = Audience([*known, *uninstalled])
    audience.uninstall(uninstalled)
    sent = audience.send()
    assert dict(sent.tally.errors) == {"unregistered": 60}
    assert (audience.count_addresses(uninstalled), audience.count_addresses(known)) == (0, 340)
    assert audience.seconds < 10
    assert alarms(caplog) == []


def test_both_at_a_time_are_told_apart() -> None:
    known, newcomers, uninstalled = split(300, 60, 60)
    audience = Audience([*known, *uninstalled])
    audience.uninstall(uninstalled)
    audience.register(newcomers, DEAD)
    sent = audience.send()
    assert dict(sent.tally.errors) == {KEPT: 60, "unregistered": 60}
    assert (audience.count_addresses(newcomers), audience.count_addresses(uninstalled)) == (60, 0)


def test_a_few_bad_newcomers_are_dropped_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    known, newcomers = split(300, 5)
    audience = Audience(known)
    audience.register(newcomers, DEAD)
    sent = audience.send()
    assert dict(sent.tally.errors) == {DROPPED: 5}
    assert audience.count_addresses(newcomers) == 0
    assert audience.seconds < 60
    assert alarms(caplog) == []


@pytest.mark.parametrize(("good", "code"), [(60, DROPPED), (59, KEPT), (300, DROPPED), (5, KEPT)])
def test_newcomers_are_dropped_where_half_of_them_are_good(good: int, code: str) -> None:
    """All of them alike, whichever batch was the first."""
    known, bad, fine = split(300, 60, good)
    audience = Audience(known)
    audience.register(bad, DEAD)
    audience.register(fine)
    assert dict(audience.send().tally.errors) == {code: 60}


@pytest.mark.parametrize("_processes", [ONE], indirect=True)
def test_good_newcomers_count_in_batches_where_nothing_is_unknown() -> None:
    """Else a few bad ones of very many would be a flood, in an audience that is large enough. A
    process that has met no bad one looks at none of its batches, and errs to keeping.
    """
    names = named(500)
    bad = [*names[:96:8], *names[400:496:8]]
    fine = names[100:400:6]
    audience = Audience([h for h in names if h not in {*bad, *fine}])
    audience.register(bad, DEAD)
    audience.register(fine)
    assert dict(audience.send().tally.errors) == {DROPPED: len(bad)}


def test_known_phones_with_new_addresses_are_new_to_the_push_service() -> None:
    """An update of the app registers everybody who starts it with another project."""
    known, updated = split(300, 60)
    audience = Audience([*known, *updated])
    audience.register(updated, DEAD, token="other")
    assert dict(audience.send().tally.errors) == {KEPT: 60}
    assert audience.count_addresses(updated) == 60


def test_phones_that_register_at_every_start_do_not_outvote_the_new_ones() -> None:
    known, newcomers, gone = split(300, 60, 20)
    audience = Audience([*known, *gone])
    audience.register([*known, *gone])
    audience.uninstall(gone)
    audience.register(newcomers, DEAD)
    sent = audience.send()
    assert dict(sent.tally.errors) == {KEPT: 60, "unregistered": 20}


def test_newcomers_kept_in_one_flood_are_new_in_the_next() -> None:
    known, newcomers = split(300, 60)
    audience = Audience(known)
    audience.register(newcomers, DEAD)
    for _ in range(3):
        assert dict(audience.send().tally.errors) == {KEPT: 60}
    for hwid in newcomers:
        audience.world.push.will(f"token-{hwid}", accepted())
    assert audience.send().tally.delivered == 360
    audience.uninstall(newcomers)
    assert dict(audience.send().tally.errors) == {"unregistered": 60}


# ---- nothing to compare with ---------------------------------------------------------------------


def test_a_first_notification_is_judged_as_a_whole() -> None:
    names = named(400)
    audience = Audience(names, reached=False)
    audience.uninstall(names[::20])
    assert dict(audience.send().tally.errors) == {"unregistered": 20}
    assert audience.calls(BETWEEN) == 0


def test_a_test_on_one_device_and_a_few_phones_elsewhere_are_passed_over() -> None:
    known, newcomers = split(300, 60)
    audience = Audience(known)
    assert audience.send(an_input(target_segment=a_segment(hwid=known[0]))).tally.delivered == 1
    assert audience.send(an_input(target_segment=a_segment(app_version="2.5.6"))).tally.delivered
    audience.register(newcomers, DEAD)
    assert dict(audience.send().tally.errors) == {KEPT: 60}


def test_a_notification_to_fewer_is_compared_with_one_to_all() -> None:
    known, newcomers = split(300, 60)
    audience = Audience(known)
    audience.register(newcomers, DEAD)
    some = an_input(target_segment=a_segment(app_version="2.5.6"))
    assert dict(audience.send(some).tally.errors) == {KEPT: 60}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world: spoilt(world.parts.ledger, "batches_between", Defect("cannot be read")),
        lambda world: spoilt(world.parts.runs, "completed_of", Defect("cannot be read")),
    ],
)
def test_an_earlier_notification_that_cannot_be_read_counts_as_none(
    spoil: Callable[[World], None],
) -> None:
    known, newcomers = split(300, 60)
    audience = Audience(known)
    audience.register(newcomers, DEAD)
    spoil(audience.world)
    sent = audience.send()
    assert (sent.tally.delivered, dict(sent.tally.errors)) == (300, {DROPPED: 60})
    assert audience.seconds < 10


def test_where_the_ledger_of_the_earlier_one_is_gone_all_are_judged_alike() -> None:
    known, newcomers = split(300, 60)
    audience = Audience(known)
    audience.register(newcomers, DEAD)
    database = audience.world.database
    for name in database.everything():
        if "/batches/" in name:
            database.hold(name, None)
    sent = audience.send()
    assert (sent.tally.delivered, dict(sent.tally.errors)) == (300, {DROPPED: 60})


def spoilt(part: object, verb: str, fault: Exception, times: int = 1_000) -> None:
    """Have the next calls of ``verb`` fail."""
    well, left = getattr(part, verb), [fault] * times

    def failing(*args: object) -> object:
        if left:
            raise left.pop()
        return well(*args)

    setattr(part, verb, failing)


# ---- whatever happens meanwhile ------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("verb", ["ledger.batches_between", "runs.completed_of"])
def test_while_the_store_does_not_answer_nothing_is_decided_and_nobody_waits(
    verb: str, times: int
) -> None:
    known, newcomers = split(300, 60)
    audience = Audience(known)
    audience.register(newcomers, DEAD)
    part, _, call = verb.partition(".")
    spoilt(getattr(audience.world.parts, part), call, TryAgain("not now"), times)
    id = audience.approve()
    audience.world.pass_time(timedelta(seconds=5))
    assert audience.world.ledger.sums(id).delivered == 300
    audience.world.drain()
    assert dict(audience.world.get(id).tally.errors) == {KEPT: 60}


@pytest.mark.parametrize("blow", Blow)
@pytest.mark.parametrize("call", [BETWEEN, LISTED, "ledger.evidence", "ledger.parts"])
def test_a_crash_while_others_are_asked_changes_no_verdict(call: str, blow: Blow) -> None:
    known, newcomers, gone = split(200, 40, 20)
    for nth in range(1, 4):
        audience = Audience([*known, *gone])
        audience.uninstall(gone)
        audience.register(newcomers, DEAD)
        audience.world.hazard.strike_at(call, blow, nth=nth)
        assert dict(audience.send().tally.errors) == {KEPT: 40, "unregistered": 20}


@pytest.mark.parametrize("seed", range(4))
def test_tasks_that_come_late_twice_and_out_of_order_change_no_verdict(seed: int) -> None:
    known, newcomers, gone = split(300, 60, 20)
    audience = Audience([*known, *gone], seed=seed)
    audience.uninstall(gone)
    audience.register(newcomers, DEAD)
    assert dict(audience.send().tally.errors) == {KEPT: 60, "unregistered": 20}


def test_a_stop_while_it_is_unclear_leaves_the_addresses_alone() -> None:
    known, newcomers = split(300, 5)
    audience = Audience(known)
    audience.register(newcomers, DEAD)
    id = audience.approve()
    audience.world.pass_time(timedelta(seconds=5))
    audience.world.stop(id)
    audience.world.drain()
    assert dict(audience.world.get(id).tally.errors) == {"stopped": 5}
    assert audience.count_addresses(newcomers) == 5


def test_others_of_the_batch_wait_no_longer_for_their_next_try() -> None:
    def waited(bad: int) -> float:
        known, newcomers, slow = split(80, 6, 6)
        audience = Audience([*known, *slow])
        audience.register(newcomers[:bad], DEAD)
        for hwid in slow:
            audience.world.push.will(f"token-{hwid}", *[busy()] * 4, accepted())
        audience.approve()
        while audience.world.push.requests_to(f"token-{slow[0]}") < 6:
            assert audience.world.step()
        return audience.seconds

    assert waited(6) == waited(0) > 60


# ---- what it costs -------------------------------------------------------------------------------


def test_a_run_in_which_nothing_is_unknown_reads_nothing_more() -> None:
    known, newcomers = split(300, 60)
    audience = Audience(known)
    audience.register(newcomers)
    assert audience.send().tally.delivered == 360
    assert (audience.calls(BETWEEN), audience.calls(LISTED)) == (0, 0)


def test_where_a_hundredth_is_uninstalled_four_documents_are_read_for_500_devices() -> None:
    """One tells how many streams there are; the others are batches, three at a time."""
    known, newcomers, gone = split(1_950, 30, 20)
    audience = Audience([*known, *gone], page_size=2_000)
    audience.uninstall(gone)
    audience.register(newcomers)
    documents: list[int] = []
    between = audience.world.ledger.batches_between

    def counted(*args: Any) -> object:
        found = between(*args)
        documents.append(1 + 3 * ceil(len(found or ()) / 3))
        return found

    audience.world.ledger.batches_between = counted  # type: ignore[assignment]
    assert audience.send().tally.delivered == 1_980
    assert audience.calls("ledger.evidence") == 0
    assert audience.calls(BETWEEN) == 4
    assert sum(documents) <= 4 * 4


# ---- few in each batch ---------------------------------------------------------------------------


def test_a_batch_counts_for_the_others_also_while_its_next_pass_begins() -> None:
    """Its unknown addresses are asked again then, and are no fewer for that."""
    good, *bad = named(26)
    first, second = bad[:12], bad[12:]
    audience = Audience([], page_size=13)
    audience.register([good, *bad])
    for hwid in first:
        audience.world.push.will(f"token-{hwid}", DEAD)
    for hwid in second:
        audience.world.push.will(f"token-{hwid}", busy(), DEAD)
    world, id = audience.world, audience.approve()
    world.pass_time(timedelta(seconds=3))
    batches = [batch.id for batch in world.batches(id)]
    assert [world.push.requests_to(f"token-{hwid}") for hwid in (first[0], second[0])] == [1, 1]
    world.clock.advance(40)
    assert world.parts.memory.may_ask(id, world.clock.now())  # as a third batch just did

    def meanwhile(call: str) -> None:
        if call == "push.send":
            world.hazard.forget_watchers()
            world.send(id, batches[1])

    world.hazard.watch(meanwhile)
    world.send(id, batches[0])
    world.drain()
    assert dict(world.get(id).tally.errors) == {KEPT: 25}
    assert audience.count_addresses(bad) == 25
