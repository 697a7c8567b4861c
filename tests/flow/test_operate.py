"""What operators do, and providers with their own domains and keys."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.domain.errors import InvalidInput, NotFound, TooMany, TryAgain
from shared.domain.notifications.review import Template
from shared.domain.providers.admin_hwids import MOST_ADDITIONS, PERIOD, AdminHwidsChange
from shared.domain.providers.provider import Domain, Provider
from shared.flow.providers import operate
from tests.builders import OPERATOR, PROVIDER, a_domain, a_provider
from tests.flow.world import World
from tests.needs import only


def test_a_provider_is_what_an_operator_says() -> None:
    world = World()
    put = partial(operate.put_provider, "p9", providers=world.providers)
    assert put({"email": "p9@example.com", "name": "Nine"}) == Provider(
        "p9", "p9@example.com", name="Nine"
    )
    changed = put({"is_premium": True})
    assert (changed.name, changed.is_premium) == ("Nine", True)
    assert operate.provider("p9", providers=world.providers) == changed


def test_what_is_not_there_is_not_found() -> None:
    world = World()
    with pytest.raises(NotFound):
        operate.provider("nobody", providers=world.providers)
    with pytest.raises(NotFound):
        operate.domain("nowhere.com", providers=world.providers)


def set_them(world: World, *hwids: str, domain: str = "example.com") -> Domain:
    return operate.change_own_domain(
        domain,
        {"admin_hwids": hwids},
        by=PROVIDER,
        needs=only(providers=world.providers, clock=world.clock),
    )


def history(world: World, domain: str = "example.com") -> list[AdminHwidsChange]:
    return list(world.providers.domain_history(domain, world.began - timedelta(days=1)))


def test_a_domain_needs_an_owner_who_exists() -> None:
    world = World()
    with pytest.raises(NotFound):
        operate.add_domain(
            a_domain("new.com", of="nobody"),
            by=OPERATOR,
            needs=only(providers=world.providers, clock=world.clock),
        )
    new = a_domain("new.com")
    needs = only(providers=world.providers, clock=world.clock)
    add = partial(operate.add_domain, new, by=OPERATOR, needs=needs)
    add()
    assert operate.domain("new.com", providers=world.providers) == new
    with pytest.raises(TryAgain):
        add()


def put(world: World, name: str, **fields: Any) -> Domain:
    needs = only(providers=world.providers, clock=world.clock)
    return operate.put_domain(name, fields, by=OPERATOR, needs=needs)


def test_a_domain_is_changed_in_what_is_said_and_created_with_an_owner() -> None:
    world = World()
    assert put(world, "new.com", provider_id="p1") == Domain("new.com", "p1")
    assert put(world, "new.com", is_verified=True) == Domain("new.com", "p1", is_verified=True)
    for field, code, given in (
        ("providerId", "required", {"is_verified": True}),
        ("providerId", "unknownProvider", {"provider_id": "nobody"}),
    ):
        with pytest.raises(InvalidInput) as refusal:
            put(world, "newer.com", **given)
        assert [(f.field, f.code) for f in refusal.value.errors] == [(field, code)]


def test_a_domain_that_changes_hands_loses_its_admin_hwids_and_apps() -> None:
    world = World()
    put(world, "example.com", admin_hwids=("A",), deep_link_schemes=("shop",))
    kept = put(world, "example.com", provider_id="p1", is_verified=True)
    assert (kept.admin_hwids, kept.deep_link_schemes) == (("A",), ("shop",))
    world.providers.put(a_provider("p9"))
    world.clock.advance(1)
    moved = put(world, "example.com", provider_id="p9")
    assert (moved.provider_id, moved.admin_hwids, moved.deep_link_schemes) == ("p9", (), ())
    assert history(world)[0].removed == ("A",)
    back = put(world, "example.com", provider_id="p1", admin_hwids=("B",))
    assert back.admin_hwids == ("B",)


def test_no_two_rejection_templates_have_one_id() -> None:
    world = World()
    same = tuple(Template("late", title, "Too late.") for title in ("Late", "Later"))
    policies = world.parts.review_policies
    with pytest.raises(InvalidInput) as refusal:
        operate.change_policy({"templates": same}, policies=policies)
    assert [(f.field, f.code) for f in refusal.value.errors] == [("templates", "notUnique")]
    assert operate.change_policy({"templates": same[:1]}, policies=policies).templates == same[:1]


# ---- admin HWIDs -----------------------------------------------------------------------------


def test_a_provider_names_the_admin_hwids_of_its_own_domain() -> None:
    world = World()
    set_them(world, "B", "A", "B", "a")
    domain = operate.domain("example.com", providers=world.providers)
    assert domain == a_domain(admin_hwids=("B", "A", "a"))


def test_another_providers_domain_does_not_exist() -> None:
    world = World()
    for name in ("other.com", "nowhere.com"):
        with pytest.raises(NotFound):
            set_them(world, "A", domain=name)
    assert operate.domain("other.com", providers=world.providers).admin_hwids == ()
    assert history(world, "other.com") == []


def test_ten_admin_hwids_are_taken_and_eleven_are_not() -> None:
    world = World()
    ten = [f"hwid-{n}" for n in range(10)]
    set_them(world, *ten, ten[0])
    with pytest.raises(InvalidInput) as refusal:
        set_them(world, *ten, "one more")
    assert [(f.field, f.code) for f in refusal.value.errors] == [("adminHwids", "tooMany")]
    eleven = a_domain("new.com", admin_hwids=(*ten, "one more"))
    with pytest.raises(InvalidInput):
        operate.add_domain(
            eleven, by=OPERATOR, needs=only(providers=world.providers, clock=world.clock)
        )
    assert operate.domain("example.com", providers=world.providers).admin_hwids == tuple(ten)


def test_every_change_of_the_list_is_an_entry_and_a_list_that_stays_is_none() -> None:
    world = World()
    set_them(world, "A", "B")
    set_them(world, "B", "A")
    world.clock.advance(1)
    set_them(world, "B", "C")
    latest, first = history(world)
    assert (first.by, first.at, first.added, first.removed) == (
        "provider:p1",
        world.began,
        ("A", "B"),
        (),
    )
    assert (latest.provider_id, latest.added, latest.removed) == ("p1", ("C",), ("A",))


def test_twenty_different_devices_are_listed_in_a_month_and_those_taken_off_count() -> None:
    world = World()
    set_them(world, *(f"a{n}" for n in range(10)))
    set_them(world, *(f"b{n}" for n in range(10)))
    with pytest.raises(TooMany) as refusal:
        set_them(world, *(f"b{n}" for n in range(9)), "one more")
    assert refusal.value.code == "adminHwidsReached"
    assert refusal.value.retry_after_seconds == PERIOD.total_seconds()
    set_them(world)
    set_them(world, "a1", "b1")
    world.clock.advance(PERIOD - timedelta(seconds=1))
    with pytest.raises(TooMany):
        set_them(world, "one more")
    world.clock.advance(1)
    assert set_them(world, "one more").admin_hwids == ("one more",)


def test_a_domain_that_is_created_anew_has_no_more_room() -> None:
    world = World()
    set_them(world, *(f"a{n}" for n in range(10)))
    set_them(world, *(f"b{n}" for n in range(10)))
    world.clock.advance(1)
    world.providers.delete_domain("example.com", by=OPERATOR, at=world.clock.now())
    assert history(world)[0].removed == tuple(f"b{n}" for n in range(10))
    new = a_domain(admin_hwids=("one more",))
    with pytest.raises(TooMany):
        operate.add_domain(
            new, by=OPERATOR, needs=only(providers=world.providers, clock=world.clock)
        )
    assert world.providers.domain("example.com") is None


def test_a_domain_that_vanished_from_the_database_has_no_more_room_either() -> None:
    world = World()
    set_them(world, *(f"a{n}" for n in range(10)))
    set_them(world, *(f"b{n}" for n in range(10)))
    world.providers.put_domain(a_domain())
    with pytest.raises(TooMany):
        set_them(world, "one more")


def test_devices_that_an_existing_back_end_listed_count_too() -> None:
    world = World()
    world.providers.put_domain(a_domain(admin_hwids=tuple(f"theirs-{n}" for n in range(15))))
    with pytest.raises(TooMany):
        set_them(world, *(f"a{n}" for n in range(6)))
    set_them(world, *(f"a{n}" for n in range(5)))


def test_a_list_changes_so_often_in_a_month_and_can_always_be_emptied() -> None:
    world = World()
    for _ in range(MOST_ADDITIONS):
        set_them(world, "A")
        set_them(world)
    with pytest.raises(TooMany):
        set_them(world, "A")
    assert len(history(world)) == 2 * MOST_ADDITIONS


def test_another_domain_has_its_own_twenty() -> None:
    world = World()
    world.providers.put_domain(a_domain("second.com"))
    for domain in ("example.com", "second.com"):
        for letter in "ab":
            set_them(world, *(f"{letter}{n}" for n in range(10)), domain=domain)


def test_a_moderator_is_made_and_unmade() -> None:
    world = World()
    accounts, moderators = world.parts.accounts, world.moderators
    made = operate.put_moderator(
        "m9",
        {"telegram_user_id": 9, "name": "Mia"},
        needs=only(
            accounts=accounts, standings=world.standings, moderators=moderators, clock=world.clock
        ),
    )
    assert (made.uid, made.at) == ("m9", world.clock.now())
    assert (accounts.moderators, moderators.by_telegram(9)) == ({"m9"}, made)
    operate.delete_moderator("m9", needs=only(accounts=accounts, moderators=moderators))
    assert (accounts.moderators, moderators.by_telegram(9)) == (set(), None)


def test_the_stop_switch_says_who_turned_it_and_why() -> None:
    world = World()
    switch = world.stop_switch
    operate.turn_stop_switch(
        True, by=OPERATOR, reason="incident", needs=only(stop_switch=switch, clock=world.clock)
    )
    assert switch.is_on()
    stored = world.database.collection("platform")["stop"]
    assert (stored["by"], stored["reason"]) == ("operator:o1", "incident")
    operate.turn_stop_switch(
        False, by=OPERATOR, reason="", needs=only(stop_switch=switch, clock=world.clock)
    )
    assert not switch.is_on()
