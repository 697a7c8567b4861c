"""What every row of the tables comes to, from the wire to the ledger: the outcome that is counted,
whether the device keeps its address, whether it is tried again, and that the log says what may be
our fault, without alarming anybody on one address's word.
"""

import itertools
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime

import pytest

from local.emulators.apns.server import ServedApns
from local.emulators.background import ServedApp
from local.emulators.hms.server import app
from shared.adapters.memory.senders import MemorySenders
from shared.domain.audience.device import AddressKind, PushAddress, partition_of
from shared.domain.delivery.ledger import Outcome, sort_key
from shared.domain.push.answers import (
    Accepted,
    AddressGone,
    Answer,
    Misconfigured,
    Rejected,
    RetryLater,
    Unsendable,
)
from shared.domain.tally import Tally
from shared.ports import Sender
from tests.builders import NOON, a_device
from tests.flow.world import World
from tests.senders import apns_parts, hms_parts, parts
from tests.senders.test_apns_wire import EXPECTED as APNS
from tests.senders.test_fcm_wire import EXPECTED as FCM
from tests.senders.test_hms_wire import FOR_ALL, FOR_ONE

HMS: Mapping[str, Answer] = {
    **FOR_ALL,
    **{prefix: answer for prefix, (answer, _) in FOR_ONE.items()},
}
OUTCOMES: Mapping[type[Answer], Outcome] = {
    Accepted: Outcome.DELIVERED,
    AddressGone: Outcome.FAILED,
    Rejected: Outcome.FAILED,
    Misconfigured: Outcome.OPEN,
    Unsendable: Outcome.FAILED,
    RetryLater: Outcome.OPEN,
}
names = (f"t{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def apns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApns]:
    with ServedApns(ca_file=tmp_path_factory.mktemp("apns") / "ca.pem") as served:
        yield served


@pytest.fixture(scope="module")
def hms() -> Iterator[str]:
    with ServedApp(app()) as served:
        yield served.url


class Row:
    """One device whose address asks for an answer, after one attempt at it."""

    def __init__(
        self,
        kind: AddressKind,
        prefix: str,
        sender: Sender,
        log: pytest.LogCaptureFixture,
        registered_at: datetime | None = None,
    ) -> None:
        value = f"{prefix}{next(names)}"
        address = PushAddress(kind, value, "production", registered_at)
        world = World([a_device(address=address)])
        world.parts.senders = MemorySenders({kind: sender})
        id = world.approved()
        world.plan(id)
        (batch,) = world.batches(id)
        world.collect()
        tasks = len(world.tasks_seen)
        with log.at_level(logging.WARNING, logger="shared"):
            world.send(id, batch.id)
        world.collect()
        (self.record,) = world.records(id).values()
        self.tally = world.get(id).tally
        self.address_stays = (
            device := world.devices.get("phone-1")
        ) is not None and device.address == address
        self.tried_again = len(world.tasks_seen) - tasks == 1
        ours = [it for it in log.records if it.name.startswith("shared.")]
        self.alarms = [it.getMessage() for it in ours if it.levelno >= logging.ERROR]
        self.warnings = [
            it.getMessage() for it in ours if it.name == "shared.flow.delivery.push_round"
        ]
        self.undocumented = [it for it in ours if it.name == "shared.adapters.push.undocumented"]

    def check(self, answer: Answer) -> None:
        """Check that all of the row follows from the answer."""
        outcome = OUTCOMES[type(answer)]
        assert self.record.outcome is outcome
        assert isinstance(answer, Accepted) or self.record.code == answer.code
        assert self.record.ambiguous == (isinstance(answer, RetryLater) and answer.ambiguous)
        assert self.address_stays is not isinstance(answer, AddressGone)
        assert self.tried_again is isinstance(answer, RetryLater | Misconfigured)
        delivered, failed = outcome is Outcome.DELIVERED, outcome is Outcome.FAILED
        if not self.tried_again:
            errors = {self.record.code: 1} if failed else {}
            assert self.tally == Tally(1, delivered, failed, errors=errors)
        perhaps_ours = isinstance(answer, Misconfigured | Unsendable)
        assert bool(self.warnings) is perhaps_ours
        assert not perhaps_ours or self.record.code in " ".join(self.warnings)
        assert self.alarms == []
        assert bool(self.undocumented) is (self.record.code == "unknownError")


@pytest.mark.parametrize("prefix", FCM)
def test_a_row_of_fcms_table(prefix: str, fcm: str, caplog: pytest.LogCaptureFixture) -> None:
    with parts.Sending(fcm, parts.FixedTokens("old", "new")) as send:
        Row(AddressKind.FCM, prefix, send.sender, caplog).check(FCM[prefix])


@pytest.mark.parametrize("prefix", APNS)
def test_a_row_of_apples_table(
    prefix: str, apns: ServedApns, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = apns_parts.Tokens(apns_parts.minted(), apns_parts.minted())
    with apns_parts.Sending(apns, tokens) as send:
        Row(AddressKind.APNS, prefix, send.sender, caplog).check(APNS[prefix])


@pytest.mark.parametrize("prefix", ["unregistered-", "expired-token-"])
def test_what_apple_calls_dead_since_before_it_was_registered_is_kept(
    prefix: str, apns: ServedApns, caplog: pytest.LogCaptureFixture
) -> None:
    with apns_parts.Sending(apns) as send:
        row = Row(AddressKind.APNS, prefix, send.sender, caplog, registered_at=NOON)
    assert (row.record.outcome, row.address_stays) == (Outcome.FAILED, True)


@pytest.mark.parametrize("prefix", HMS)
def test_a_row_of_huaweis_table(prefix: str, hms: str, caplog: pytest.LogCaptureFixture) -> None:
    with hms_parts.HmsSending(hms, parts.FixedTokens("old", "new")) as send:
        Row(AddressKind.HMS, prefix, send.sender, caplog).check(HMS[prefix])


SPOILERS = {
    AddressKind.FCM: ["invalid-argument-", "permission-denied-", "apns-unregistered-", "quota-"],
    AddressKind.APNS: ["bad-topic-", "bad-certificate-environment-", "too-many-requests-"],
    AddressKind.HMS: ["parameter-", "oauth-", "all-invalid-", "sensitive-"],
}


@contextmanager
def _sender(kind: AddressKind, fcm: str, apns: ServedApns, hms: str) -> Iterator[Sender]:
    with ExitStack() as stack:
        if kind is AddressKind.FCM:
            yield stack.enter_context(parts.Sending(fcm)).sender
        elif kind is AddressKind.APNS:
            yield stack.enter_context(apns_parts.Sending(apns)).sender
        else:
            tokens = parts.FixedTokens("old", "new")
            yield stack.enter_context(hms_parts.HmsSending(hms, tokens)).sender


@pytest.mark.parametrize("place", [0, 60, 119])
@pytest.mark.parametrize(("kind", "prefix"), [(k, p) for k, ps in SPOILERS.items() for p in ps])
def test_one_bad_address_of_120_costs_nobody_else_a_push(
    kind: AddressKind, prefix: str, place: int, fcm: str, apns: ServedApns, hms: str
) -> None:
    hwids = [f"phone-{n}" for n in range(120)]
    hwids.sort(key=lambda hwid: sort_key(partition_of(hwid), hwid))
    name = next(names)
    values = [f"{prefix if n == place else 'fine-'}{name}-{n}" for n in range(120)]
    world = World(
        [a_device(h, address=PushAddress(kind, v)) for h, v in zip(hwids, values, strict=True)]
    )
    with _sender(kind, fcm, apns, hms) as sender:
        world.parts.senders = MemorySenders({kind: sender})
        id = world.approved()
        world.plan(id)
        (batch,) = world.batches(id)
        world.send(id, batch.id)
    records = world.records(id)
    assert [h for h in hwids if records[h].outcome is not Outcome.DELIVERED] == [hwids[place]]


UNHEARD = {"new-reason-": "ReasonOfTomorrow", "no-reason-": "no name in it"}


@pytest.mark.parametrize("prefix", UNHEARD)
def test_a_word_nobody_has_heard_of_is_told_once_a_send_and_without_the_address(
    prefix: str, apns: ServedApns, caplog: pytest.LogCaptureFixture
) -> None:
    with apns_parts.Sending(apns) as send:
        send(*(f"{prefix}{next(names)}" for _ in range(20)))
    (told,) = (
        it.getMessage() for it in caplog.records if it.name == "shared.adapters.push.undocumented"
    )
    assert told == f"APNs: unknownError, HTTP 400, {UNHEARD[prefix]}"
