"""Everybody who takes part in a journey, signed in to the session's stack."""

from collections.abc import Iterator

import httpx
import pytest

from local import demo
from local.journey import Person, sign_in
from local.stack_file import Stack
from tests.journeys.room import Chat


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


@pytest.fixture
def chat(stack: Stack) -> Iterator[Chat]:
    with httpx.Client(base_url=stack.telegram, timeout=60, trust_env=False) as client:
        yield Chat(client)


def _signed_in(stack: Stack, email: str) -> Iterator[Person]:
    person = sign_in(stack, email)
    yield person
    person.close()
