"""What operators do, and providers with their own domains and keys."""

import pytest

from shared.domain.errors import InvalidInput, NotFound
from shared.flow import operate
from tests.builders import OPERATOR, a_domain, a_provider
from tests.flow.world import World


def test_a_provider_is_what_an_operator_says() -> None:
    world = World()
    operate.put_provider(a_provider("p9", is_premium=False), providers=world.providers)
    assert operate.provider("p9", providers=world.providers) == a_provider("p9", is_premium=False)


def test_what_is_not_there_is_not_found() -> None:
    world = World()
    with pytest.raises(NotFound):
        operate.provider("nobody", providers=world.providers)
    with pytest.raises(NotFound):
        operate.domain("nowhere.com", providers=world.providers)


def test_a_domain_needs_an_owner_who_exists() -> None:
    world = World()
    with pytest.raises(NotFound):
        operate.put_domain(a_domain("new.com", of="nobody"), providers=world.providers)
    operate.put_domain(a_domain("new.com"), providers=world.providers)
    assert operate.domain("new.com", providers=world.providers) == a_domain("new.com")


def test_a_provider_names_the_admin_hwids_of_its_own_domain() -> None:
    world = World()
    hwids = ["B", "A", "B", "a"]
    operate.set_admin_hwids("example.com", hwids, provider_id="p1", providers=world.providers)
    domain = operate.domain("example.com", providers=world.providers)
    assert domain == a_domain(admin_hwids=("B", "A", "a"))


def test_another_providers_domain_does_not_exist() -> None:
    world = World()
    for name in ("other.com", "nowhere.com"):
        with pytest.raises(NotFound):
            operate.set_admin_hwids(name, ["A"], provider_id="p1", providers=world.providers)
    assert operate.domain("other.com", providers=world.providers).admin_hwids == ()


def test_ten_admin_hwids_are_taken_and_eleven_are_not() -> None:
    world = World()
    ten = [f"hwid-{n}" for n in range(10)]
    set_them = operate.set_admin_hwids
    set_them("example.com", [*ten, ten[0]], provider_id="p1", providers=world.providers)
    with pytest.raises(InvalidInput) as refusal:
        set_them("example.com", [*ten, "one more"], provider_id="p1", providers=world.providers)
    assert [(f.field, f.code) for f in refusal.value.errors] == [("adminHwids", "tooMany")]
    eleven = a_domain(admin_hwids=(*ten, "one more"))
    with pytest.raises(InvalidInput):
        operate.put_domain(eleven, providers=world.providers)
    assert operate.domain("example.com", providers=world.providers).admin_hwids == tuple(ten)


def test_a_moderator_is_made_and_unmade() -> None:
    world = World()
    accounts, moderators = world.parts.accounts, world.moderators
    made = operate.put_moderator(
        "m9",
        {"telegram_user_id": 9, "name": "Mia"},
        accounts=accounts,
        moderators=moderators,
        clock=world.clock,
    )
    assert (made.uid, made.at) == ("m9", world.clock.now())
    assert (accounts.moderators, moderators.by_telegram(9)) == ({"m9"}, made)
    operate.delete_moderator("m9", accounts=accounts, moderators=moderators)
    assert (accounts.moderators, moderators.by_telegram(9)) == (set(), None)


def test_the_stop_switch_says_who_turned_it_and_why() -> None:
    world = World()
    switch = world.stop_switch
    operate.turn_stop_switch(
        True, by=OPERATOR, reason="incident", stop_switch=switch, clock=world.clock
    )
    assert switch.is_on()
    assert (switch.document["by"], switch.document["reason"]) == ("operator:o1", "incident")
    operate.turn_stop_switch(False, by=OPERATOR, reason="", stop_switch=switch, clock=world.clock)
    assert not switch.is_on()


def test_a_key_opens_its_own_providers_door_and_is_not_kept() -> None:
    world = World()
    key = operate.issue_key("p1", "server", providers=world.providers, clock=world.clock)
    assert world.providers.key_owner(operate.digest_of(key)) == "p1"
    assert key.startswith("ffk_")
    shown = operate.keys("p1", providers=world.providers)
    assert [(k.name, k.created_at) for k in shown] == [("server", world.clock.now())]
    assert key not in str(shown)
    assert operate.keys("p2", providers=world.providers) == []


def test_no_two_keys_are_the_same() -> None:
    world = World()
    keys = {
        operate.issue_key("p1", "server", providers=world.providers, clock=world.clock)
        for _ in range(20)
    }
    assert len(keys) == 20
