"""How many API keys a provider has, however many requests come at once."""

from datetime import datetime
from threading import Barrier, Thread

import pytest

from shared.adapters.memory.database import MemoryDatabase
from shared.domain.errors import TooMany, Unauthenticated
from shared.flow.providers.keys import digest_of, issue_key, provider_of_key
from shared.stores.providers import Providers
from tests.builders import a_provider
from tests.flow.world import World
from tests.needs import only

LIMITED = a_provider(limits=(("apiKeys", 3),))


class RacingProviders(Providers):
    """Every request has looked how many there are before any of them adds one."""

    def __init__(self, requests: int) -> None:
        super().__init__(MemoryDatabase())
        self.put(LIMITED)
        self._barrier = Barrier(requests)

    def add_key(self, digest: str, uid: str, name: str, at: datetime, *, made_by: str = "") -> None:
        self._barrier.wait(timeout=30)
        super().add_key(digest, uid, name, at, made_by=made_by)


def test_requests_at_the_same_moment_do_not_exceed_the_limit_together() -> None:
    world, providers, made = World(), RacingProviders(8), []

    def request() -> None:
        try:
            made.append(
                issue_key(
                    "p1", "server", made_by="p1", needs=only(providers=providers, clock=world.clock)
                )
            )
        except TooMany:
            return

    requests = [Thread(target=request) for _ in range(8)]
    for each in requests:
        each.start()
    for each in requests:
        each.join()
    assert {key.id for key in providers.keys_of("p1")} == {digest_of(key) for key in made}
    assert len(made) <= 3


def test_a_key_opens_its_own_provider_s_door_and_is_not_kept() -> None:
    world = World()
    providers, standings = world.providers, world.standings
    key = issue_key(
        "p1", "server", made_by="p1", needs=only(providers=providers, clock=world.clock)
    )
    assert provider_of_key(key, needs=only(providers=providers, standings=standings)).uid == "p1"
    assert key.startswith("ffk_")
    assert key not in str(providers.keys_of("p1"))
    with pytest.raises(Unauthenticated):
        provider_of_key(key + "x", needs=only(providers=providers, standings=standings))


def test_no_two_keys_are_the_same() -> None:
    world = World()
    keys = {
        issue_key(
            "p1", "server", made_by="p1", needs=only(providers=world.providers, clock=world.clock)
        )
        for _ in range(20)
    }
    assert len(keys) == 20
