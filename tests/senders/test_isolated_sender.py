"""A push service that breaks on our side costs its own devices, and nobody else's."""

import asyncio
import json
import logging
import math
from collections.abc import Sequence

import pytest

from local.emulators.background import ServedApp
from local.emulators.fcm.server import app
from shared.adapters.push.app_senders import AppSenders, BuildSender
from shared.adapters.push.pace import Pace, PushAccount, at_pace
from shared.domain.audience.device import DEFAULT_APP, AddressKind, PushAddress
from shared.domain.delivery.ledger import Outcome
from shared.domain.notifications.lifecycle import Status
from shared.domain.push.answers import Accepted, Answer, RetryLater
from shared.domain.push.pace import Window
from shared.domain.push.reactions import CREDENTIALS_REFUSED, MAY_HAVE_SENT, SENDER_FAILED
from shared.domain.push.rendering import Push
from shared.ports import Sender
from shared.settings import read
from shared.wiring import GoogleParts
from tests.builders import a_desktop, a_device, an_fcm_address
from tests.flow.world import World
from tests.senders.apns_parts import credentials_json
from tests.senders.conftest import AccountFile
from tests.senders.parts import a_message, addresses, pushes


class Breaking:
    """A sender with a defect, until it is mended."""

    def __init__(self) -> None:
        self.mended = False

    def close(self) -> None:
        """Do nothing: the sender holds nothing."""

    def send(self, pushes: Sequence[Push], within_seconds: float = math.inf) -> Sequence[Answer]:
        if not self.mended:
            raise KeyError(pushes[0][0].value)
        return [Accepted()] * len(pushes)


def isolated(build: BuildSender, kind: AddressKind = AddressKind.FCM) -> Sender:
    """Return the default app's sender, as batches get it."""
    sender = AppSenders(lambda _: build).of(DEFAULT_APP, kind)
    assert sender
    return sender


def test_a_sender_that_breaks_answers_for_its_own_addresses_and_is_tried_again() -> None:
    breaking = Breaking()
    sender = isolated(lambda _: breaking)
    assert sender.send(pushes(a_message(), addresses("a", "b"))) == [MAY_HAVE_SENT] * 2
    breaking.mended = True
    assert sender.send(pushes(a_message(), addresses("a", "b"))) == [Accepted()] * 2


def test_a_sender_that_cannot_be_built_has_asked_nothing_and_is_built_at_the_next_turn() -> None:
    built: list[Breaking] = []

    def build(_: PushAccount) -> Breaking:
        built.append(Breaking())
        if len(built) == 1:
            raise OSError
        built[-1].mended = True
        return built[-1]

    sender = isolated(build, AddressKind.APNS)
    assert sender.send(pushes(a_message(), addresses("a"))) == [SENDER_FAILED]
    assert sender.send(pushes(a_message(), addresses("a"))) == [Accepted()]
    assert sender.send(pushes(a_message(), addresses("a"))) == [Accepted()]
    assert len(built) == 2


@pytest.mark.parametrize("broken", [AddressKind.APNS, AddressKind.HMS])
def test_phones_and_desktops_of_a_batch_are_delivered_beside_a_service_that_is_broken(
    broken: AddressKind,
) -> None:
    address = an_fcm_address(kind=broken)
    world = World([a_device("iphone", address=address), a_device("phone"), a_desktop("desktop")])
    world.parts.senders.default[broken] = isolated(lambda _: Breaking(), broken)
    it = world.sent()
    records = world.records(it.id)
    assert {hwid: record.outcome for hwid, record in records.items()} == {
        "iphone": Outcome.UNKNOWN,
        "phone": Outcome.DELIVERED,
        "desktop": Outcome.DELIVERED,
    }
    assert it.status is Status.APPROVED


def test_the_log_says_where_it_broke_and_shows_no_address(caplog: pytest.LogCaptureFixture) -> None:
    isolated(lambda _: Breaking()).send(pushes(a_message(), addresses("secret-address")))
    assert "FCM" in caplog.text
    assert "KeyError" in caplog.text
    assert __file__ in caplog.text
    assert "secret-address" not in caplog.text


@pytest.mark.parametrize("broken", [0, 60, 119])
def test_an_address_on_which_we_break_costs_only_itself(
    broken: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def attempt(push: Push) -> Answer:
        address, _ = push
        await asyncio.sleep(0)
        if address.value == f"phone-{broken}":
            raise ValueError(address)
        return Accepted()

    pace = Pace(Window(allowed=10, floor=1, ceiling=10))
    everybody = [PushAddress(AddressKind.FCM, f"phone-{n}") for n in range(120)]
    to_all = pushes(a_message(), everybody)
    turns = at_pace(to_all, attempt, pace, most_at_once=7, until=math.inf)
    answers = asyncio.run(turns)
    assert answers.pop(broken) == MAY_HAVE_SENT
    assert set(answers) == {Accepted()}
    assert [it.levelno for it in caplog.records] == [logging.ERROR]


def test_phones_of_fcm_are_delivered_while_neither_apple_nor_huawei_can_be_reached(
    account_file: AccountFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ServedApp(app()) as served:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account_file(served.url)))
        parts = GoogleParts(
            read(
                {
                    "GOOGLE_CLOUD_PROJECT": "demo-isolated",
                    "FCM_BASE_URL": served.url,
                    "GOOGLE_OAUTH_TOKEN_URL": f"{served.url}/token",
                    "APNS_BASE_URL": "https://127.0.0.1:1",
                    "APNS_CA_FILE": "/no/such/file.pem",
                    "FANFARE_APNS_CREDENTIALS": credentials_json(),
                    "FANFARE_HMS_CREDENTIALS": json.dumps({"appId": "1", "appSecret": "s"}),
                    "HMS_PUSH_BASE_URL": "http://127.0.0.1:1",
                    "HMS_OAUTH_URL": "http://127.0.0.1:1/token",
                }
            )
        )
        answers = {
            kind: sender.send(pushes(a_message(), [PushAddress(kind, "token")]))[0]
            for kind in AddressKind
            if (sender := parts.senders.of(DEFAULT_APP, kind))
        }
    assert answers[AddressKind.APNS] == CREDENTIALS_REFUSED
    assert isinstance(answers[AddressKind.HMS], RetryLater)
    assert isinstance(answers[AddressKind.FCM], Accepted)
