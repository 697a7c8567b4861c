"""One odd document in each collection that others write, another one in every seed."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from shared.domain.audience.device import Device
from shared.flow.audience.devices import written
from tests.builders import NOON
from tests.flow.world import World
from tests.parts import merge_device

ODD_DEVICE = "odd"

_Fields = Mapping[str, Any]
_PROVIDERS: Sequence[_Fields] = (
    {"name": 7},
    {"members": {"0": "m1"}},
    {"limits": {"pushesPerSecond": 0.5}},
    {"limits": {"pendingAtOnce": None, "devicesPerMinute": -1}},
    {"plan": ["enterprise"], "email": b"p1"},
)
_DOMAINS: Sequence[tuple[str, _Fields]] = (
    ("odd.com", {"isVerified": "true"}),
    ("odd.com", {"isVerified": True, "adminHwids": {"0": "phone-0"}}),
    ("Odd.Com.", {"isVerified": 1, "adminHwids": [7]}),
    ("новости.рф", {"isVerified": True, "adminHwids": None}),
)
_DEVICES: Sequence[_Fields] = (
    {"consent": "yes"},
    {"pushAddress": "token", "fcmToken": None},
    {"pushAddress": {"kind": "pigeon", "value": 7}},
    {"domains": "example.com"},
    {"domains": ["EXAMPLE.com.", 7]},
    {"platform": 7, "locale": ["en"], "lastActiveAt": "now"},
    {"platform": "linux", "pendingNotificationAt": 1_772_366_400_000},
    {"platform": "linux", "pendingNotificationAt": NOON.replace(year=9999)},
)


def let_in_odd_documents(world: World, phone: Device, seed: int) -> None:
    """Turn provider p1 odd in one field, give the provider one more domain that is odd, and let in
    an odd device that is otherwise like ``phone``.
    """
    chance = Random(f"odd {seed}")
    known = world.database.collection("providers")["p1"]
    world.database.hold("providers/p1", known | dict(chance.choice(_PROVIDERS)))
    name, fields = chance.choice(_DOMAINS)
    world.database.hold(f"domains/{name}", {"providerId": "p1", **fields})
    world.add(phone)
    merge_device(world.database, phone.hwid, dict(chance.choice(_DEVICES)))
    written(phone.hwid, devices=world.devices)
    odd = world.devices.get(phone.hwid)
    assert odd is not None
    world.targets[phone.hwid] = odd
