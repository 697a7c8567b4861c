"""A notification's expiry, from the provider's field through the whole flow to each service."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from local.emulators.apns.server import ServedApns
from local.emulators.background import ServedApp
from local.emulators.hms.server import app
from shared.adapters.memory.senders import MemorySenders
from shared.adapters.push.fcm import FcmSender
from shared.adapters.push.hms import HmsSender
from shared.domain.audience.device import AddressKind, PushAddress
from shared.ports import Sender
from tests.builders import NOON, a_device, an_input
from tests.flow.world import World
from tests.senders import apns_parts, hms_parts, parts

DAY = 86_400
WAIT = timedelta(seconds=10)
"""Between the beginning of sending and the attempt: it is gone from what a ``ttl`` may be."""

names = (f"lasting{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def apns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApns]:
    with ServedApns(ca_file=tmp_path_factory.mktemp("apns") / "ca.pem") as served:
        yield served


@pytest.fixture(scope="module")
def hms() -> Iterator[str]:
    with ServedApp(app()) as served:
        yield served.url


def delivered(world: World, kind: AddressKind, sender: Sender, seconds: int | None) -> None:
    """Create, approve and plan, and send ``WAIT`` later; the push service took the push."""
    world.parts.senders = MemorySenders({kind: sender})
    id = world.approved(an_input(expiry_seconds=seconds))
    world.plan(id)
    (batch,) = world.batches(id)
    world.clock.advance(WAIT)
    world.send(id, batch.id)
    assert world.get(id).tally.delivered == 1


def world_of(kind: AddressKind) -> tuple[World, str]:
    value = next(names)
    return World([a_device(address=PushAddress(kind, value))]), value


@pytest.mark.parametrize(
    ("seconds", "ttl"),
    [(None, None), (60, 50), (7 * DAY, 7 * DAY - 10), (31_536_000, 28 * DAY)],
)
def test_fcm_is_told_for_androids_apples_and_browsers(
    fcm: str, seconds: int | None, ttl: int | None
) -> None:
    world, value = world_of(AddressKind.FCM)
    sender = FcmSender("demo-p", parts.FixedTokens(), fcm)
    try:
        delivered(world, AddressKind.FCM, sender, seconds)
    finally:
        sender.close()
    (got,) = parts.received(fcm, value)
    message = got["message"]
    assert message["android"].get("ttl") == (ttl and f"{ttl}s")
    assert message["webpush"]["headers"].get("TTL") == (ttl and str(ttl))
    at = seconds and str(int(NOON.timestamp()) + seconds)
    assert message["apns"]["headers"].get("apns-expiration") == at


@pytest.mark.parametrize("seconds", [None, 60, 31_536_000])
def test_apple_is_told_the_moment(apns: ServedApns, seconds: int | None) -> None:
    world, value = world_of(AddressKind.APNS)
    with apns_parts.Sending(apns) as send:
        delivered(world, AddressKind.APNS, send.sender, seconds)
    (got,) = apns_parts.received(apns, value)
    at = seconds and str(int(NOON.timestamp()) + seconds)
    assert got["headers"].get("apns-expiration") == at


@pytest.mark.parametrize(
    ("seconds", "ttl"), [(None, None), (60, "50s"), (31_536_000, f"{15 * DAY}s")]
)
def test_huawei_is_told_the_time_left(hms: str, seconds: int | None, ttl: str | None) -> None:
    world, value = world_of(AddressKind.HMS)
    sender = HmsSender(hms_parts.PATH, parts.FixedTokens(), hms)
    try:
        delivered(world, AddressKind.HMS, sender, seconds)
    finally:
        sender.close()
    (got,) = _received(hms, value)
    assert got["message"]["android"].get("ttl") == ttl


def _received(hms: str, token: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{hms}/received", params={"token": token, "limit": 10}, timeout=60)
    return list(answer.json()["received"])


def test_nothing_reaches_a_push_service_once_it_has_expired(fcm: str) -> None:
    world, value = world_of(AddressKind.FCM)
    with parts.Sending(fcm) as send:
        world.parts.senders = MemorySenders({AddressKind.FCM: send.sender})
        id = world.approved(an_input(expiry_seconds=60))
        world.clock.advance(60)
        world.drain()
    assert world.get(id).tally.errors == {"expired": 1}
    assert parts.received(fcm, value) == []
