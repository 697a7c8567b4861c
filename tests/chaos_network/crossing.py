"""One seed: notifications to a mixed audience, by the real senders, over networks that fail.

Stores, queue and clock are the simulated cloud's, so that hours of waiting take no time; requests
and their faults are real. Processes die now and then as well. What was promised is then looked for
in the ledger and in what the push services say they took.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Any

from shared.adapters.memory.senders import MemorySenders
from shared.domain.audience.device import AddressKind, Device, PushAddress
from shared.domain.delivery.ledger import Outcome
from shared.domain.errors import WrongState
from shared.domain.notifications.notification import NotificationId
from shared.domain.push.answers import Answer, RetryLater
from shared.domain.push.rendering import Push
from shared.flow.notifications.once import Once
from shared.ports import Sender
from tests.builders import a_desktop, a_device
from tests.chaos_network.services import Afloat
from tests.flow.audit import GOT_IT, faults
from tests.flow.hazard import guarded
from tests.flow.oddities import ODD_DEVICE, let_in_odd_documents
from tests.flow.push import PushService
from tests.flow.world import World

PHONES: Mapping[AddressKind, int] = {
    AddressKind.FCM: 180,
    AddressKind.APNS: 110,
    AddressKind.HMS: 70,
}
DEAD: Mapping[AddressKind, str] = {
    AddressKind.FCM: "unregistered-",
    AddressKind.APNS: "bad-device-token-",
    AddressKind.HMS: "illegal-",
}
CODES: Mapping[AddressKind, str] = {
    AddressKind.FCM: "unregistered",
    AddressKind.APNS: "invalidToken",
    AddressKind.HMS: "invalidToken",
}
REFUSED: Mapping[AddressKind, Mapping[str, str]] = {
    AddressKind.FCM: {
        "invalid-argument-": "invalidMessage",
        "not-found-bare-": "projectNotFound",
        "apns-bad-environment-key-in-token-": "wrongEnvironment",
    },
    AddressKind.APNS: {
        "bad-topic-": "topicRefused",
        "bad-certificate-environment-": "wrongEnvironment",
        "payload-too-large-": "payloadTooBig",
    },
    AddressKind.HMS: {
        "parameter-": "invalidMessage",
        "not-permitted-": "appNotPermitted",
        "oauth-": "credentialsRefused",
    },
}
"""Bad addresses, of which there is one of each push service in every batch, and how they end."""
REFUSED_AT = 7
DEAD_ONE_IN = 25
DESKTOPS = 20
CRASH_RATE = 0.02
ODD_NUMBER = 999


@dataclass(slots=True)
class Crossing:
    """Result of a seed. ``wrong`` lists broken promises by notification."""

    seed: int
    notifications: int = 0
    sends: int = 0
    faults: int = 0
    crashes: int = 0
    hours: float = 0.0
    accepted_again: Mapping[str, int] = field(default_factory=dict)
    fault_counts: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=dict)


def cross(sea: Afloat, seed: int, *, notifications: int = 2, share: float = 1.0) -> Crossing:
    """Let so many notifications go out, wait until all is quiet, and look at every promise."""
    chance = Random(seed)
    sea.look(sea.services.begin, seed)
    world = World(an_audience(seed, share), seed=seed)
    odd = PushAddress(AddressKind.FCM, _value(AddressKind.FCM, seed, ODD_NUMBER))
    let_in_odd_documents(world, a_device(ODD_DEVICE, address=odd), seed)
    world.push = Witnesses(lambda of: sea.look(sea.services.entries, of))
    found = Crossing(seed, notifications)
    world.parts.senders = MemorySenders(
        {
            kind: guarded(Counting(sender, found), "push", world.hazard)
            for kind, sender in sea.senders.items()
        }
    )
    world.hazard.rage(chance, CRASH_RATE * (seed % 2))
    ids = [_one(world, number) for number in range(notifications)]
    world.drain()
    _look(sea, world, ids, found)
    return found


def an_audience(seed: int, share: float) -> list[Device]:
    """Build phones of every push service, a few with dead addresses, and desktops."""
    return [
        *(
            a_device(f"{kind}-{n}", address=PushAddress(kind, _value(kind, seed, n)))
            for kind, phones in PHONES.items()
            for n in range(int(phones * share))
        ),
        *(a_desktop(f"desktop-{n}") for n in range(int(DESKTOPS * share))),
    ]


def _value(kind: AddressKind, seed: int, number: int) -> str:
    begins = DEAD[kind] if number % DEAD_ONE_IN == 0 else "token-"
    if number == REFUSED_AT:
        begins = list(REFUSED[kind])[seed % len(REFUSED[kind])]
    return f"{begins}{kind}-{seed}-{number}"


def _one(world: World, number: int) -> NotificationId:
    key = Once.of("p1", str(number), "create", "body")
    id: NotificationId = world.until_answered(lambda: world.create(once=key))["id"]
    with suppress(WrongState):  # a first try that took effect
        world.until_answered(lambda: world.approve(id))
    return id


class Counting:
    """A sender whose addresses are counted, and those that a fault kept from an answer."""

    def __init__(self, sender: Sender, crossing: Crossing) -> None:
        self._sender = sender
        self._crossing = crossing

    def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
        answers = self._sender.send(pushes, within_seconds)
        met = [answer.code for answer in answers if isinstance(answer, RetryLater)]
        self._crossing.sends += len(pushes)
        self._crossing.faults += len(met)
        self._crossing.fault_counts.update(met)
        return answers


class Witnesses(PushService):
    """Requests that were accepted, in the words of the services that accepted them."""

    def __init__(self, entries: Callable[[str], Sequence[Mapping[str, Any]]]) -> None:
        super().__init__()
        self._entries = entries

    def reached(self, notification_id: object) -> dict[str, int]:
        return dict(Counter(it["token"] for it in self.entries(notification_id) if it["taken"]))

    def entries(self, notification_id: object) -> Sequence[Mapping[str, Any]]:
        """List every request."""
        return self._entries(str(notification_id))


def _look(sea: Afloat, world: World, ids: Sequence[NotificationId], crossing: Crossing) -> None:
    assert isinstance(world.push, Witnesses)
    for id in ids:
        wrong = [*faults(world, id), *_lost(world, id)]
        keys = {str(it["replaceKey"]) for it in world.push.entries(id)}
        wrong.extend(f"sent under replace key {key!r}" for key in keys - {id})
        if wrong:
            crossing.wrong[id] = wrong
    crossing.crashes = world.hazard.crashes
    crossing.hours = (world.clock.now() - world.began).total_seconds() / 3600
    crossing.accepted_again = sea.look(sea.services.accepted_again)


def _lost(world: World, id: NotificationId) -> list[str]:
    """List the devices that should have it and, by the ledger's own word, do not."""
    return [
        f"lost: {hwid} ended as {record.outcome} {record.code}"
        for hwid, record in world.records(id).items()
        if record.outcome not in GOT_IT
        and (record.outcome, record.code) not in _excused(world, hwid)
    ]


def _excused(world: World, hwid: str) -> set[tuple[Outcome, str]]:
    """List ends that are no loss: of a dead address, dropped by now, or of a newer one."""
    address = world.targets[hwid].address
    if hwid == ODD_DEVICE and world.targets[hwid].unreadable:
        return {(Outcome.SKIPPED, "unreadable"), (Outcome.SKIPPED, "superseded")}
    if address is None:
        return {(Outcome.SKIPPED, "superseded")}
    if address.value.startswith(DEAD[address.kind]):
        return {(Outcome.FAILED, CODES[address.kind]), (Outcome.SKIPPED, "noAddress")}
    refused = (code for begins, code in REFUSED[address.kind].items() if _begins(address, begins))
    return {(Outcome.FAILED, code) for code in refused}


def _begins(address: PushAddress, prefix: str) -> bool:
    return address.value.startswith(prefix)
