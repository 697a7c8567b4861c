"""Apps of one platform, each with push services and credentials of its own: none is another's."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.adapters.memory.senders import MemorySenders
from shared.adapters.push.retries import ProcessRetries
from shared.domain.audience.device import (
    DEFAULT_APP,
    AddressKind,
    AppId,
    AppService,
    Device,
    PushAddress,
)
from shared.domain.delivery.evidence import Group, group_of
from shared.domain.delivery.ledger import AudiencePage, Outcome, Target
from shared.domain.delivery.retry import RetryBudget
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.answers import AddressGone
from shared.domain.push.reactions import CREDENTIALS_REFUSED
from shared.ports import Attempts
from shared.stores.audience import Audience
from tests.builders import NOON, a_desktop, a_device
from tests.flow.push import PushService, no_turn
from tests.flow.world import World

FCM, HMS = AddressKind.FCM, AddressKind.HMS
SHOP = AppId("shop")
APPS = (DEFAULT_APP, SHOP)
DEAD = AddressGone("unregistered")


class OfApps:
    """An audience whose devices are of the app that their hwid begins with, or of the default."""

    def __init__(self, audience: Any) -> None:
        self._audience = audience

    def page(self, *args: Any) -> AudiencePage:
        page: AudiencePage = self._audience.page(*args)
        return replace(page, targets=tuple((key, _of_its_app(it)) for key, it in page.targets))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._audience, name)


def _of_its_app(target: Target) -> Target:
    app, _, _ = target.hwid.partition("-")
    if target.address is None or app == DEFAULT_APP:
        return target
    return replace(target, address=replace(target.address, app=AppId(app)))


def phones(app: AppId, count: int, kind: AddressKind = FCM) -> list[Device]:
    names = [f"{app}-{kind}-{n:03d}" for n in range(count)]
    return [a_device(it, address=PushAddress(kind, f"token-{it}", "production")) for it in names]


class Sent:
    """A world with two apps at two push services each."""

    def __init__(self, *devices: Device) -> None:
        self.world = World(devices)
        parts = self.world.parts
        parts.audience = cast("Audience", OfApps(parts.audience))
        self.services = {
            AppService(app, kind): PushService()
            for app in (DEFAULT_APP, SHOP)
            for kind in (FCM, HMS)
        }
        parts.senders = MemorySenders()
        for (app, kind), service in self.services.items():
            parts.senders.by_app.setdefault(app, {})[kind] = service

    def at(self, app: AppId, kind: AddressKind = FCM) -> PushService:
        return self.services[AppService(app, kind)]

    def __call__(self) -> NotificationId:
        return self.world.sent().id

    def outcomes(self, id: NotificationId, app: AppId) -> set[tuple[Outcome, str]]:
        records = self.world.records(id).items()
        return {(it.outcome, it.code) for hwid, it in records if hwid.startswith(f"{app}-")}


def everybody(each: int) -> list[Device]:
    return [
        it for app in (DEFAULT_APP, SHOP) for kind in (FCM, HMS) for it in phones(app, each, kind)
    ]


def test_every_address_is_asked_for_with_its_own_apps_credentials_once() -> None:
    sent = Sent(*everybody(60), a_desktop("default-desktop"))
    id = sent()
    for (app, kind), service in sent.services.items():
        asked = [address for _, address in service.requests]
        assert {(a.app, a.kind) for a in asked} == {(app, kind)}
        assert sorted(a.value for a in asked) == [f"token-{app}-{kind}-{n:03d}" for n in range(60)]
    assert sent.world.get(id).tally.delivered == 241


def test_each_app_has_its_share_of_a_chunks_time() -> None:
    sent = Sent(*everybody(2))
    sent()
    budgets = sorted(budget for it in sent.services.values() for budget in it.budgets)
    assert budgets == [15.0, 20.0, 30.0, 60.0]


def test_an_app_without_credentials_waits_for_them_and_the_other_gets_through() -> None:
    sent = Sent(*phones(DEFAULT_APP, 30), *phones(SHOP, 30))
    del sent.world.parts.senders.by_app[SHOP]
    id = sent()
    assert {it for it, _ in sent.outcomes(id, DEFAULT_APP)} == {Outcome.DELIVERED}
    assert sent.outcomes(id, SHOP) == {(Outcome.FAILED, "noSender")}
    assert sent.world.status(id) is Status.APPROVED


@pytest.mark.parametrize("refused", [DEFAULT_APP, SHOP])
def test_credentials_that_are_refused_are_one_apps_and_the_alarm_says_whose(
    refused: AppId, caplog: pytest.LogCaptureFixture
) -> None:
    sent = Sent(*phones(DEFAULT_APP, 60), *phones(SHOP, 60))
    other = SHOP if refused == DEFAULT_APP else DEFAULT_APP
    sent.at(refused).will_all(CREDENTIALS_REFUSED)
    id = sent()
    assert sent.outcomes(id, refused) == {(Outcome.FAILED, "credentialsRefused")}
    assert {it for it, _ in sent.outcomes(id, other)} == {Outcome.DELIVERED}
    assert len(sent.at(other).requests) == 60
    (alarm,) = {it.getMessage() for it in caplog.records if it.levelname == "ERROR"}
    whose = "" if refused == DEFAULT_APP else "app shop, "
    assert alarm.startswith(f"{whose}FCM: credentialsRefused, notification {id}")


def test_that_one_app_is_accepted_says_nothing_of_anothers_flood_of_unknown_addresses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = Sent(*phones(DEFAULT_APP, 200), *phones(SHOP, 40))
    sent.at(SHOP).will_all(DEAD)
    id = sent()
    assert sent.outcomes(id, SHOP) == {(Outcome.FAILED, "wrongApp")}
    kept = [sent.world.devices.get(it.hwid) for it in phones(SHOP, 40)]
    assert all(it and it.address for it in kept)
    assert "app shop, FCM: wrongApp, notification" in caplog.text


def test_one_apps_flood_keeps_no_dead_address_of_another() -> None:
    sent = Sent(*phones(DEFAULT_APP, 40), *phones(SHOP, 200))
    sent.at(SHOP).will_all(DEAD)
    sent.at(DEFAULT_APP).will("token-default-fcm-007", DEAD)
    id = sent()
    dead = sent.world.devices.get("default-fcm-007")
    assert dead is not None
    assert dead.address is None
    assert (Outcome.FAILED, "unregistered") in sent.outcomes(id, DEFAULT_APP)


def test_foreign_addresses_in_a_small_app_are_told_of_beside_a_large_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = Sent(*phones(DEFAULT_APP, 450), *phones(SHOP, 20))
    for it in phones(SHOP, 4):
        sent.at(SHOP).will(f"token-{it.hwid}", AddressGone("senderIdMismatch"))
    sent()
    told = [it.getMessage() for it in caplog.records if "addressesOfAnotherApp" in it.getMessage()]
    assert [it.partition(", notification")[0] for it in told] == [
        "app shop, push: addressesOfAnotherApp"
    ]


def test_while_one_app_is_left_alone_the_other_is_sent_to() -> None:
    sent = Sent(*phones(DEFAULT_APP, 30), *phones(SHOP, 30))
    sent.at(SHOP).will_all(no_turn(120))
    id = sent.world.approved()
    sent.world.pass_time(timedelta(seconds=30))
    assert {it for it, _ in sent.outcomes(id, DEFAULT_APP)} == {Outcome.DELIVERED}
    assert sent.outcomes(id, SHOP) == {(Outcome.OPEN, "noTurn")}
    sent.at(SHOP).will_all(None)
    sent.world.drain()
    assert sent.world.get(id).tally.delivered == 60


def test_retries_of_one_app_are_no_other_apps() -> None:
    retries = ProcessRetries(RetryBudget(share=0, least=2))
    shop, ours = AppService(SHOP, FCM), AppService(DEFAULT_APP, FCM)
    assert retries.wait_seconds({shop: Attempts(0, 2)}, 0, NOON) == 0
    assert retries.wait_seconds({shop: Attempts(0, 2)}, 0, NOON) > 0
    assert retries.wait_seconds({ours: Attempts(0, 2)}, 0, NOON) == 0


def test_the_same_phone_of_two_apps_is_of_two_groups() -> None:
    address = PushAddress(FCM, "t")
    of_shop = replace(address, app=SHOP)
    assert group_of("ios", address) == Group(FCM, "", "ios")
    assert group_of("ios", of_shop) == Group(FCM, "", "ios", SHOP)
