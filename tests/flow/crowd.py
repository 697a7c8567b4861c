"""An audience of every kind of device, and push services' answers to them."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from shared.domain.audience.device import PARTITIONS, Device, partition_of
from shared.domain.push.answers import Answer, Misconfigured, RetryLater, Unsendable
from tests.builders import a_desktop, a_device, an_fcm_address
from tests.flow.push import accepted, address_gone, busy, lost
from tests.flow.world import World

RANGES = 10
"""Of partitions: a batch of 20 of the crowd spans more than one."""
ROTTEN: tuple[Answer, ...] = (
    Misconfigured("credentialsRefused"),
    Unsendable("invalidMessage"),
    RetryLater("deviceBusy", 60.0),
    Misconfigured("wrongEnvironment"),
    RetryLater("quotaExceeded", 60.0),
)
"""What a bad address is answered, whoever asks."""
ROTTEN_CODES = frozenset(answer.code for answer in ROTTEN)  # type: ignore[union-attr]

STRANGERS = [a_device(f"stranger-{n}", domains=("other.com",)) for n in range(5)]


def a_crowd() -> list[Device]:
    """Build 120 devices of example.com and some that are not."""
    return [
        *(a_device(f"phone-{n}") for n in range(60)),
        *(a_device(f"slow-{n}") for n in range(6)),
        *(a_device(f"vague-{n}") for n in range(4)),
        *(a_device(f"dead-{n}") for n in range(12)),
        *(a_device(f"mute-{n}", address=None) for n in range(8)),
        *(a_device(f"silent-{n}", consent=False) for n in range(5)),
        *(a_desktop(f"desktop-{n}") for n in range(10)),
        *(a_desktop(f"both-{n}", address=an_fcm_address(f"token-both-{n}")) for n in range(10)),
        *(
            a_desktop(f"mac-{n}", platform="macos", address=an_fcm_address(f"token-mac-{n}"))
            for n in range(5)
        ),
        *STRANGERS,
    ]


def rotten() -> Iterator[Device]:
    """Build phones with bad addresses, so that there is one in every batch."""
    for number in range(RANGES):
        low, high = (PARTITIONS * at // RANGES for at in (number, number + 1))
        names = (f"rotten-{number}-{n}" for n in count())
        yield a_device(next(hwid for hwid in names if low <= partition_of(hwid) < high))


def some_change_their_minds(world: World) -> set[str]:
    """Let some withdraw consent, go away, or get another address; return addresses that reach
    nobody now.
    """
    moved = {f"{kind}-{n}" for kind in ("phone", "slow", "vague") for n in range(2)}
    left = {f"{kind}-{n}" for kind in ("phone", "slow", "vague", "both", "mac") for n in (2, 3)}
    for hwid in sorted(moved):
        world.devices.set_address(hwid, an_fcm_address(f"token-new-{hwid}"))
    for hwid in sorted(left):
        if hwid.endswith("2"):
            world.devices.set_consent(hwid, False)
        else:
            world.devices.delete(hwid)
    return {f"token-{hwid}" for hwid in moved | left}


def a_crowded_world(**fields: Any) -> World:
    """Build a world with the crowd in it, where some addresses are dead and some services slow."""
    return _world(a_crowd(), **fields)


def a_rotten_world(**fields: Any) -> World:
    """Build the same world, with a bad address in every batch."""
    return _world([*a_crowd(), *rotten()], **fields)


def _world(devices: list[Device], **fields: Any) -> World:
    world = World(devices, **fields)
    for hwid in world.targets:
        kind = hwid.partition("-")[0]
        if kind == "rotten":
            world.push.will(f"token-{hwid}", ROTTEN[int(hwid.split("-")[1]) % len(ROTTEN)])
        elif kind == "dead":
            world.push.will(f"token-{hwid}", address_gone())
        elif kind == "slow":
            world.push.will(f"token-{hwid}", busy(), busy(30), accepted())
        elif kind == "vague":
            world.push.will(f"token-{hwid}", lost(), accepted())
    return world
