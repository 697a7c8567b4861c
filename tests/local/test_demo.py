"""The demo's devices: the same at every start, and of every kind that a person may want to see."""

from collections import Counter
from datetime import UTC, datetime

from local import demo
from shared.domain.audience.device import AddressKind, Device, Platform, polls
from shared.stores.device_codec import device_from

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def devices(count: int = 2_000) -> list[Device]:
    return [device_from(hwid, fields) for hwid, fields in demo.devices(count, NOW)]


def test_they_are_the_same_at_every_start() -> None:
    assert devices(300) == devices(300)


def test_phones_are_reached_by_every_push_service() -> None:
    kinds = Counter((it.platform, it.address.kind) for it in devices() if it.address)
    assert {platform for platform, _ in kinds} == {Platform.ANDROID, Platform.IOS}
    assert {kind for _, kind in kinds} == set(AddressKind)
    assert min(kinds.values()) > 50


def test_some_of_apples_are_test_builds() -> None:
    environments = Counter(
        it.address.environment
        for it in devices()
        if it.address and it.address.kind is AddressKind.APNS
    )
    assert environments["production"] > environments["sandbox"] > 20


def test_every_service_knows_some_addresses_no_longer() -> None:
    dead = {
        it.address.kind
        for it in devices()
        if it.address and it.address.value.startswith(demo.DEAD[it.address.kind])
    }
    assert dead == set(AddressKind)


def test_whoever_has_no_address_polls() -> None:
    assert all(it.address or polls(it.platform, it.address) for it in devices())
