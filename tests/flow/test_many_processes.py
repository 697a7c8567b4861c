"""Batches of one run are sent by many processes, and none decides for those it knows nothing of.

Here every batch is sent by a process of its own, each time it is sent: what others heard is in the
ledger, or nowhere.
"""

import logging
from collections.abc import Sequence

import pytest

from shared.adapters.memory.senders import MemorySenders
from shared.adapters.push.run_memory import BETWEEN_QUESTIONS, ProcessRunMemory
from shared.domain.audience.device import AddressKind
from shared.domain.delivery.evidence import Refusal
from shared.domain.delivery.ledger import BatchId
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.answers import AddressGone, Misconfigured, Unsendable
from shared.domain.push.reactions import CREDENTIALS_REFUSED
from tests.builders import NOON
from tests.flow.push import PushService
from tests.flow.test_one_answer import REFUSALS, Sent, named, phone
from tests.flow.world import World

FCM, APNS, HMS = AddressKind.FCM, AddressKind.APNS, AddressKind.HMS
DEAD = AddressGone("unregistered")


@pytest.fixture(autouse=True)
def _a_process_for_every_task(monkeypatch: pytest.MonkeyPatch) -> None:
    send = World.send

    def in_another_process(self: World, id: NotificationId, batch: BatchId) -> None:
        self.parts.memory = ProcessRunMemory()
        send(self, id, batch)

    monkeypatch.setattr(World, "send", in_another_process)


def asked_ledger(sent: Sent) -> int:
    """Count how often what other processes heard was read."""
    return sent.world.hazard.verbs.count("ledger.evidence")


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]


def thinly(names: Sequence[str], every: int) -> set[str]:
    """Pick a few of each batch."""
    return set(names[::every])


# ---- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", REFUSALS, ids=str)
def test_nobody_is_condemned_where_another_process_got_through(answer: Refusal) -> None:
    """The first batch holds three good phones, none of which is probed."""
    names = named(1_500)
    good = {names[101], names[237], names[444]}
    sent = Sent(map(phone, names), [h for h in names[:500] if h not in good], answer)()
    assert sent.others_lost == set()
    assert sent.codes == {answer.code: 497}
    assert sent.seconds < 150


@pytest.mark.parametrize("answer", REFUSALS, ids=str)
@pytest.mark.parametrize(("count", "most"), [(120, 250), (2_000, 900)])
def test_what_all_are_refused_for_still_ends_after_few_were_asked(
    answer: Refusal, count: int, most: int
) -> None:
    sent = Sent(map(phone, named(count)))
    sent.world.push.will_all(answer)
    sent()
    assert (sent.it.status, sent.codes) == (Status.FAILED, {answer.code: count})
    assert len(sent.world.push.requests) <= most
    assert sent.seconds < 150


def test_a_refused_content_ends_at_once_where_nobody_else_can_say_otherwise() -> None:
    sent = Sent(map(phone, named(400)))
    sent.world.push.will_all(Unsendable("invalidMessage"))
    sent()
    assert sent.codes == {"invalidMessage": 400}
    assert sent.seconds < 10


# ---- unknown addresses -------------------------------------------------------------------------


@pytest.fixture
def thin() -> tuple[Sent, set[str]]:
    """Build six batches, with six Huawei phones in each."""
    names = named(3_000)
    few = thinly(names, 83)
    sent = Sent(phone(h, HMS if h in few else FCM) for h in names)
    sent.world.parts.senders = MemorySenders({FCM: sent.world.push, HMS: PushService()})
    return sent, few


def huawei(sent: Sent) -> PushService:
    service = sent.world.parts.senders.default[HMS]
    assert isinstance(service, PushService)
    return service


def addresses_of(sent: Sent, hwids: set[str]) -> set[str]:
    """List those that still have an address."""
    return {h for h in hwids if sent.world.devices.get(h).address}  # type: ignore[union-attr]


def test_a_flood_that_is_thin_in_every_batch_costs_no_address(
    thin: tuple[Sent, set[str]], caplog: pytest.LogCaptureFixture
) -> None:
    sent, few = thin
    huawei(sent).will_all(DEAD)
    sent()
    assert addresses_of(sent, few) == few
    assert sent.codes == {"wrongApp": len(few)}
    assert sent.it.tally.delivered == 3_000 - len(few)
    assert any("HMS: wrongApp" in said for said in alarms(caplog))


def test_one_dead_address_in_every_batch_is_dropped_within_a_minute(
    thin: tuple[Sent, set[str]],
) -> None:
    sent, few = thin
    dead = thinly(sorted(few), 6)
    for hwid in dead:
        huawei(sent).will(f"token-{hwid}", DEAD)
    sent()
    assert addresses_of(sent, few) == few - dead
    assert sent.codes == {"unregistered": len(dead)}
    assert sent.seconds < 60


@pytest.mark.parametrize("count", [1, 5, 19, 400])
def test_dead_addresses_of_a_small_audience_are_dropped_at_once(count: int) -> None:
    names = named(count)
    sent = Sent(map(phone, names), names[:1], DEAD)()
    assert sent.codes == {"unregistered": 1}
    assert addresses_of(sent, set(names)) == set(names[1:])
    assert sent.seconds < 10


def test_a_cancelled_run_decides_with_what_it_knows(thin: tuple[Sent, set[str]]) -> None:
    sent, few = thin
    huawei(sent).will_all(DEAD)
    sent.world.plan(sent.id)
    first = sent.world.batches(sent.id)[0]
    sent.world.send(sent.id, first.id)
    sent.world.stop(sent.id)
    sent()
    assert not sent.it.tally.open
    assert addresses_of(sent, few) == few


# ---- what it costs -----------------------------------------------------------------------------


def test_a_healthy_run_asks_the_ledger_nothing() -> None:
    names = named(2_000)
    sent = Sent(map(phone, names), names[::40], DEAD)()
    assert sent.codes == {"unregistered": 50}
    assert asked_ledger(sent) == 0


def test_a_run_that_goes_wrong_asks_at_intervals() -> None:
    memory = ProcessRunMemory()
    id = NotificationId("n")
    assert memory.may_ask(id, NOON)
    assert not memory.may_ask(id, NOON + BETWEEN_QUESTIONS / 2)
    assert memory.may_ask(NotificationId("other"), NOON)
    assert memory.may_ask(id, NOON + BETWEEN_QUESTIONS)


# ---- alarms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 120])
def test_operators_hear_nothing_on_the_word_of_one_or_two(
    count: int, caplog: pytest.LogCaptureFixture
) -> None:
    names = named(count)
    sent = Sent(map(phone, names), names[:2], CREDENTIALS_REFUSED)()
    assert sent.codes == {"credentialsRefused": min(2, count)}
    assert alarms(caplog) == []


def test_operators_hear_nothing_where_another_process_got_through(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = named(1_000)
    sent = Sent(map(phone, names), names[:500], CREDENTIALS_REFUSED)()
    assert sent.it.tally.delivered == 500
    assert alarms(caplog) == []


@pytest.mark.parametrize("count", [3, 30, 600])
def test_operators_hear_of_what_was_refused_to_everybody(
    count: int, caplog: pytest.LogCaptureFixture
) -> None:
    sent = Sent(map(phone, named(count)))
    sent.world.push.will_all(Misconfigured("credentialsRefused"))
    sent()
    said = alarms(caplog)
    assert said
    assert all(it.startswith(f"FCM: credentialsRefused, notification {sent.id}, ") for it in said)
