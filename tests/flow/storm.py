"""Everything at once: crashes, losses, repeats, disorder and overlap, over many notifications.

The same seed is the same storm. ``weather`` returns figures, so that a storm can be a test as well
as a report.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from shared.domain.content.content import NotificationInput
from shared.domain.delivery.ledger import Outcome
from shared.domain.errors import WrongState
from shared.domain.notifications.lifecycle import Status
from shared.domain.notifications.notification import NotificationId
from shared.flow.notifications.once import Once
from tests.builders import a_device, a_domain, a_segment, an_input
from tests.flow.audit import faults, most_sent_again, sent_again
from tests.flow.crowd import ROTTEN_CODES, a_rotten_world
from tests.flow.oddities import ODD_DEVICE, let_in_odd_documents
from tests.flow.world import World
from tests.notification_documents import records

ADMIN = "phone-0"
EXPIRIES = (None, None, None, 60, 900)
DEEDS = ("approve", "approve", "approve", "approve then stop", "cancel", "reject", "admin")


@dataclass(slots=True)
class Weather:
    """Result of a storm. ``wrong`` lists broken promises by notification."""

    seed: int
    notifications: int = 0
    devices: int = 0
    calls: int = 0
    crashes: int = 0
    losses: int = 0
    stalls: int = 0
    sent: int = 0
    sent_again: int = 0
    hours: float = 0.0
    wrong: dict[str, list[str]] = field(default_factory=dict)


def weather(
    seed: int,
    *,
    notifications: int = 7,
    crash_rate: float = 0.02,
    loss_rate: float = 0.05,
    overlap_rate: float = 0.05,
) -> Weather:
    """Let one storm pass, wait until all is quiet, and look at every promise."""
    chance = Random(seed)
    world = a_rotten_world(seed=seed, page_size=20, times=chance.choice((1, 200)))
    world.providers.put_domain(a_domain(admin_hwids=(ADMIN,)))
    let_in_odd_documents(world, a_device(ODD_DEVICE), seed)
    found = Weather(seed, notifications, len(world.targets))
    _lose_some(world, found, chance, loss_rate)
    world.hazard.rage(chance, crash_rate)
    world.overlap(chance, overlap_rate)
    ids = [_one(world, number, chance) for number in range(notifications)]
    world.drain()
    _look(world, ids, found)
    return found


def _lose_some(world: World, weather: Weather, chance: Random, rate: float) -> None:
    def lost(_: object) -> bool:
        gone = chance.random() < rate
        weather.losses += gone
        return gone

    world.lost = lost


def _one(world: World, number: int, chance: Random) -> NotificationId:
    deed = DEEDS[number % len(DEEDS)]
    key = Once.of("p1", str(number), "create", "body")
    expiry = chance.choice(EXPIRIES)
    given = _to_admin() if deed == "admin" else an_input(expiry_seconds=expiry)
    id: NotificationId = world.until_answered(lambda: world.create(given, once=key))["id"]
    for _ in range(chance.randrange(30)):
        world.step()
    with suppress(WrongState):  # a first try that took effect, or an end that came before
        if deed.startswith("approve"):
            world.until_answered(lambda: world.approve(id))
        elif deed == "cancel":
            world.until_answered(lambda: world.cancel(id))
        elif deed == "reject":
            world.until_answered(lambda: world.reject(id))
    for _ in range(chance.randrange(60)):
        world.step()
    if deed.endswith("stop"):
        with suppress(WrongState):
            world.until_answered(lambda: world.stop(id))
    return id


def _to_admin() -> NotificationInput:
    return an_input(target_segment=a_segment(hwid=ADMIN))


def _condemned(world: World, id: NotificationId) -> Iterator[str]:
    """Report sound devices that ended by what only bad addresses are answered."""
    for hwid, record in world.records(id).items():
        bad = hwid.startswith("rotten-") or record.outcome is Outcome.DELIVERED
        if not bad and {record.code, record.receipt} & ROTTEN_CODES:
            yield f"lost: {hwid} ended as {record.outcome} {record.code} {record.receipt}"


def _look(world: World, ids: list[NotificationId], weather: Weather) -> None:
    for id in ids:
        wrong = [*faults(world, id), *_condemned(world, id)]
        if world.status(id) in {Status.CANCELLED, Status.REJECTED} and world.push.reached(id):
            wrong.append("it was sent although it was never approved")
        if wrong:
            weather.wrong[id] = wrong
    weather.calls, weather.crashes = world.hazard.calls, world.hazard.crashes
    weather.stalls = world.stalls
    weather.sent = sum(world.push.accepted_pushes.values())
    weather.sent_again = sent_again(world, ids)
    weather.hours = (world.clock.now() - world.began).total_seconds() / 3600
    if weather.sent_again > most_sent_again(world):
        blows = f"{weather.crashes} crashes and {weather.stalls} stalls"
        weather.wrong["all"] = [f"{weather.sent_again} sent again in {blows}"]
    if len(records(world.database)) != len(ids):
        weather.wrong["all"] = [f"{len(records(world.database))} records of {len(ids)}"]
