"""One whole stack for all journeys: the real functions behind a gateway, triggers, queues, FCM."""

from collections.abc import Iterator

import pytest

from local import demo
from local.firestore import EmulatorMissing
from local.journey import Person, sign_in
from local.stack import Stack, running_stack
from tests.conftest import go_without

DEVICES = 400


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FANFARE_LEASE_SECONDS", "3")
        environment.setenv("FANFARE_RETRY_BASE_SECONDS", "0.2")
        try:
            with running_stack(devices=DEVICES, project="demo-journeys", say=_quiet) as running:
                yield running
        except EmulatorMissing as missing:
            go_without(missing)


def _quiet(_: str) -> None:
    return


@pytest.fixture
def provider(stack: Stack) -> Iterator[Person]:
    yield from _signed_in(stack, demo.AURORA.email)


@pytest.fixture
def other_provider(stack: Stack) -> Iterator[Person]:
    yield from _signed_in(stack, demo.BOREALIS.email)


@pytest.fixture
def moderator(stack: Stack) -> Iterator[Person]:
    yield from _signed_in(stack, demo.MIRA.email)


@pytest.fixture
def operator(stack: Stack) -> Iterator[Person]:
    yield from _signed_in(stack, demo.OLGA.email)


def _signed_in(stack: Stack, email: str) -> Iterator[Person]:
    person = sign_in(stack, email)
    yield person
    person.close()
