"""Short crossings, and each fault by itself: what `make chaos` does for longer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from random import Random
from typing import Any

import pytest

from shared.domain.audience.device import AddressKind, PushAddress
from shared.domain.push.answers import Accepted, Answer, RetryLater
from shared.domain.push.rendering import Push
from tests.chaos_network.crossing import Crossing, cross
from tests.chaos_network.proxy import REQUEST_FAULTS, STREAM_FAULTS, Luck
from tests.chaos_network.services import Afloat, afloat
from tests.senders.parts import a_message, pushes

pytestmark = pytest.mark.slow

SEEDS = (1, 2, 3)
PIECES = range(10)
"""Of a fresh connection: the handshake's, the settings', and some with requests and answers."""


@pytest.fixture(scope="module")
def sea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Afloat]:
    with afloat(tmp_path_factory.mktemp("sea")) as running:
        yield running


# ---- crossings -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crossings(sea: Afloat) -> list[Crossing]:
    return [cross(sea, seed, notifications=1, share=0.5) for seed in SEEDS]


def test_no_promise_is_broken(crossings: list[Crossing]) -> None:
    assert [crossing.wrong for crossing in crossings] == [{}] * len(SEEDS)


def test_whatever_is_taken_twice_has_its_replace_key(crossings: list[Crossing]) -> None:
    assert {it.accepted_again["withoutReplaceKey"] for it in crossings} == {0}
    assert sum(it.accepted_again["withReplaceKey"] for it in crossings) > 0


def test_the_sea_was_rough(sea: Afloat, crossings: list[Crossing]) -> None:
    sends = sum(it.sends for it in crossings)
    assert sum(it.faults for it in crossings) > 0.05 * sends > 0
    assert any(it.crashes for it in crossings)
    assert {kind for kind, network in sea.services.networks.items() if network.dealt} == set(
        AddressKind
    )


class Lying:
    """A sender that says yes and does nothing."""

    def send(self, pushes: Sequence[Push], within_seconds: float = inf) -> Sequence[Answer]:
        return [Accepted("trust me")] * len(pushes)


def test_a_sender_that_lies_is_found_out(sea: Afloat) -> None:
    lying: Mapping[AddressKind, Any] = {**sea.senders, AddressKind.HMS: Lying()}
    crossing = cross(replace(sea, senders=lying), 4, notifications=1, share=0.2)
    (wrong,) = crossing.wrong.values()
    assert all(each.startswith("hms-") and "never got it" in each for each in wrong[:5])


# ---- each fault by itself ------------------------------------------------------------------------


@dataclass(slots=True)
class Fate(Luck):
    """Not luck: one fault, at the one chance of this number."""

    fault: str = ""
    at: int = 0

    def draw(self, kinds: Mapping[str, object]) -> str:
        assert self.fault in kinds
        self.at -= 1
        return self.fault if self.at == -1 else ""


class Fated:
    """One push under one fault: the answer, and how often it was received and taken."""

    def __init__(self, sea: Afloat, kind: AddressKind, fault: str, at: int = 0) -> None:
        networks = sea.services.networks
        emulator, sender = sea.services.all[kind], sea.senders[kind]
        value = f"fated-{fault.replace(' ', '-')}-{at}"
        sender.close()  # type: ignore[attr-defined]
        before = networks[kind]
        sea.look(networks.__setitem__, kind, Fate(0, Random(0), fault=fault, at=at))
        (self.answer,) = sender.send(pushes(a_message(), [PushAddress(kind, value)]))
        sea.look(networks.__setitem__, kind, before)
        entries = sea.look(emulator.received.entries, 100, value, "")
        self.received = len(entries)
        self.accepted_pushes = sum(entry["taken"] for entry in entries)

    @property
    def in_doubt(self) -> bool:
        return isinstance(self.answer, RetryLater) and self.answer.ambiguous


def assert_honest(fated: Fated) -> None:
    """Assert that one request was sent at most, and that only what is in doubt may have been taken
    unnoticed.
    """
    assert fated.received <= 1
    assert isinstance(fated.answer, Accepted | RetryLater)
    assert fated.in_doubt or fated.accepted_pushes == isinstance(fated.answer, Accepted)


@pytest.mark.parametrize("kind", [AddressKind.FCM, AddressKind.HMS])
@pytest.mark.parametrize("fault", REQUEST_FAULTS)
def test_whatever_befalls_a_request_its_answer_is_honest(
    fault: str, kind: AddressKind, sea: Afloat
) -> None:
    fated = Fated(sea, kind, fault)
    assert_honest(fated)
    assert not isinstance(fated.answer, Accepted) or fault in {"latency", "slow"}


@pytest.mark.parametrize("at", PIECES)
@pytest.mark.parametrize("fault", STREAM_FAULTS)
def test_whatever_befalls_a_stream_at_any_piece_its_answer_is_honest(
    fault: str, at: int, sea: Afloat
) -> None:
    assert_honest(Fated(sea, AddressKind.APNS, fault, at))
