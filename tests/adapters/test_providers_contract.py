"""What every store of providers, domains, API keys and the stop switch promises."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from shared.domain.actors import Actor, Role
from shared.domain.errors import NotFound, TooMany, TryAgain
from shared.domain.providers.admin_hwids import MOST_DIFFERENT
from shared.domain.providers.provider import ApiKey, Domain, Plan, Provider, with_fields
from shared.ports import AlreadyThere
from shared.ports.database import Database, Put
from shared.stores.platform import StopSwitch
from shared.stores.providers import Providers, api_key_from
from tests.adapters.conftest import Bench
from tests.adapters.records import NOON

ACME = Provider(
    uid="p1",
    email="p1@example.com",
    is_premium=True,
    plan=Plan.ENTERPRISE,
    name="Acme",
    limits=(("perDay", 10), ("perHour", 2)),
    members=("m1", "Ann@p1.example"),
)
OLGA = Actor(Role.OPERATOR, "olga")
DAY = timedelta(days=1)
SITE = Domain(
    "example.com",
    "p1",
    is_verified=True,
    admin_hwids=("Hw-1", "hw-1"),
    deep_link_schemes=("myapp",),
)


def test_a_provider_is_read_as_it_was_put(providers: Bench[Providers]) -> None:
    assert providers.store.get("p1") is None
    providers.store.put(ACME)
    assert providers.store.get("p1") == ACME
    assert providers.read("p1") == {
        "email": "p1@example.com",
        "isPremium": True,
        "plan": "enterprise",
        "name": "Acme",
        "limits": {"perDay": 10, "perHour": 2},
        "members": ["m1", "Ann@p1.example"],
    }


def test_putting_a_provider_replaces_its_limits_and_keeps_what_only_others_know(
    providers: Bench[Providers],
) -> None:
    providers.write("p1", {"stripeId": "s", "limits": {"perYear": 1}})
    providers.store.put(ACME)
    assert providers.store.get("p1") == ACME
    assert (providers.read("p1") or {})["stripeId"] == "s"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, Provider("p1")),
        ({"isPremium": None, "plan": None}, Provider("p1")),
        ({"isPremium": True, "plan": "premium"}, Provider("p1", is_premium=True)),
        ({"isPremium": False, "plan": "free"}, Provider("p1")),
        ({"isPremium": True, "plan": 3}, Provider("p1", is_premium=True, unreadable=("plan",))),
    ],
)
def test_a_provider_of_an_existing_back_end_is_entitled_to_what_it_says(
    providers: Bench[Providers], document: Mapping[str, object], expected: Provider
) -> None:
    providers.write("p1", document)
    assert providers.store.get("p1") == expected


READABLE = {"isPremium": True, "name": "Acme", "limits": {"perDay": 1}, "members": ["m1"]}


@pytest.mark.parametrize(
    ("field", "odd", "fields"),
    [
        ("isPremium", "true", {"is_premium": False}),
        ("isPremium", 1, {"is_premium": False}),
        ("name", 7, {"name": ""}),
        ("name", "x" * 100_000, {"name": ""}),
        ("email", b"ann@p1.example", {"email": ""}),
        ("plan", ["enterprise"], {"plan": Plan.PREMIUM}),
        ("members", {"0": "m1"}, {"members": ()}),
        ("members", ["m1", 7, None, "m2"], {"members": ("m1", "m2")}),
        ("limits", "many", {"limits": ()}),
        ("limits", {"perDay": 1, "pushesPerSecond": 0.5}, {"limits": (("perDay", 1),)}),
        ("limits", {"pendingAtOnce": None}, {"limits": ()}),
        ("limits", {"pendingAtOnce": "9", "perDay": 1}, {"limits": (("perDay", 1),)}),
        ("limits", {"pendingAtOnce": True}, {"limits": ()}),
        ("limits", {"pendingAtOnce": -1}, {"limits": ()}),
        ("limits", {"submissionsPerDay": 10**15}, {"limits": ()}),
        ("limits", {"devicesPerMinute": 0}, {"limits": ()}),
        ("limits", {"devicesPerMinute": float("nan")}, {"limits": ()}),
    ],
)
def test_a_field_of_a_provider_that_cannot_be_read_costs_itself_alone_and_is_named(
    providers: Bench[Providers], field: str, odd: object, fields: dict[str, Any]
) -> None:
    whole = Provider("p1", "", True, Plan.PREMIUM, "Acme", (("perDay", 1),), ("m1",))
    providers.write("p1", {**READABLE, field: odd})
    assert providers.store.get("p1") == replace(whole, **fields, unreadable=(field,))


def test_what_is_given_anew_is_mended_and_what_is_not_stays_as_others_wrote_it(
    providers: Bench[Providers],
) -> None:
    odd = {"isPremium": 1, "members": {"0": "m1"}, "name": "Acme"}
    providers.write("p1", odd)
    mended = providers.store.change("p1", lambda it: with_fields(it, {"is_premium": True}))
    assert (mended.is_premium, mended.unreadable) == (True, ("members",))
    assert providers.store.get("p1") == mended
    stored = providers.read("p1") or {}
    assert (stored["isPremium"] is True, stored["members"]) == (True, {"0": "m1"})
    whole = providers.store.change("p1", lambda it: with_fields(it, {"members": ()}))
    assert whole.unreadable == ()
    assert providers.store.get("p1") == whole


def test_a_provider_has_its_own_domains_by_name(providers: Bench[Providers]) -> None:
    other = Domain("another.example", "p1")
    for domain in (SITE, other, Domain("theirs.example", "p2", is_verified=True)):
        providers.store.put_domain(domain)
    assert providers.store.domain("example.com") == SITE
    assert providers.store.domain("unknown.example") is None
    assert list(providers.store.domains_of("p1")) == [other, SITE]
    assert list(providers.store.domains_of("p9")) == []


def test_a_deleted_domain_is_gone(providers: Bench[Providers]) -> None:
    providers.store.put_domain(SITE)
    delete = partial(providers.store.delete_domain, "example.com", by=OLGA, at=NOON)
    delete()
    delete()
    assert providers.store.domain("example.com") is None


def test_a_domain_is_changed_as_one_transaction(providers: Bench[Providers]) -> None:
    providers.store.put_domain(replace(SITE, admin_hwids=()))

    def add(number: int) -> None:
        def one_more(domain: Domain) -> Domain:
            return replace(domain, admin_hwids=(*domain.admin_hwids, f"hw-{number}"))

        providers.store.change_domain("example.com", one_more, by=OLGA, at=NOON)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(8)))
    found = providers.store.domain("example.com")
    assert found is not None
    assert sorted(found.admin_hwids) == [f"hw-{number}" for number in range(8)]


def test_a_change_of_no_domain_is_not_found(providers: Bench[Providers]) -> None:
    with pytest.raises(NotFound):
        providers.store.change_domain("example.com", lambda it: it, by=OLGA, at=NOON)
    assert providers.store.domain("example.com") is None


def test_what_a_change_raises_is_passed_on(providers: Bench[Providers]) -> None:
    providers.store.put_domain(SITE)

    def refuse(_: Domain) -> Domain:
        raise NotFound("not yours")

    with pytest.raises(NotFound, match="not yours"):
        providers.store.change_domain("example.com", refuse, by=OLGA, at=NOON)
    same = providers.store.change_domain("example.com", lambda it: it, by=OLGA, at=NOON)
    assert same == SITE


def listing(*hwids: str) -> Callable[[Domain], Domain]:
    return lambda domain: replace(domain, admin_hwids=hwids)


def untold(providers: Bench[Providers], since: datetime = NOON - DAY) -> list[tuple[Any, ...]]:
    entries = providers.store.domain_history("example.com", since)
    return [(each.by, each.at, each.added, each.removed) for each in entries]


def test_a_domain_is_added_once(providers: Bench[Providers]) -> None:
    providers.store.add_domain(SITE, by=OLGA, at=NOON)
    with pytest.raises(AlreadyThere):
        providers.store.add_domain(replace(SITE, provider_id="p2"), by=OLGA, at=NOON)
    assert providers.store.domain("example.com") == SITE
    assert untold(providers) == [("operator:olga", NOON, ("Hw-1", "hw-1"), ())]


def test_a_change_of_admin_hwids_is_written_with_its_entry(providers: Bench[Providers]) -> None:
    providers.store.put_domain(SITE)
    change = partial(providers.store.change_domain, "example.com", by=OLGA)
    later = NOON + timedelta(seconds=1)
    change(listing("Hw-1", "new"), at=NOON)
    change(listing("new", "Hw-1"), at=NOON)
    change(lambda it: replace(it, is_verified=False), at=NOON)
    change(listing("new"), at=later)
    assert untold(providers) == [
        ("operator:olga", later, (), ("Hw-1",)),
        ("operator:olga", NOON, ("new",), ("hw-1",)),
    ]
    assert len(untold(providers, since=NOON)) == 1


def test_the_history_of_a_domain_outlives_it(providers: Bench[Providers]) -> None:
    providers.store.add_domain(SITE, by=OLGA, at=NOON)
    later = NOON + timedelta(seconds=1)
    providers.store.delete_domain("example.com", by=OLGA, at=later)
    providers.store.delete_domain("example.com", by=OLGA, at=later)
    assert [each[2:] for each in untold(providers)] == [
        ((), ("Hw-1", "hw-1")),
        (("Hw-1", "hw-1"), ()),
    ]
    many = tuple(f"new-{n}" for n in range(MOST_DIFFERENT - 1))
    with pytest.raises(TooMany):
        providers.store.add_domain(replace(SITE, admin_hwids=many), by=OLGA, at=later)
    assert providers.store.domain("example.com") is None


def test_however_many_change_a_list_at_once_it_has_not_too_many_different(
    providers: Bench[Providers],
) -> None:
    providers.store.put_domain(replace(SITE, admin_hwids=()))

    def swap(number: int) -> bool:
        mine = tuple(f"hw-{number}-{n}" for n in range(5))
        for _ in range(20):
            try:
                providers.store.change_domain("example.com", listing(*mine), by=OLGA, at=NOON)
            except TooMany:
                return False
            except TryAgain:
                continue
            return True
        return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(swap, range(8))) == MOST_DIFFERENT // 5
    listed = {hwid for _, _, added, _ in untold(providers) for hwid in added}
    assert len(listed) == MOST_DIFFERENT


def test_moderators_are_told_of_each_change_until_that_is_noted(
    providers: Bench[Providers],
) -> None:
    providers.store.add_domain(SITE, by=OLGA, at=NOON)
    later = NOON + timedelta(seconds=1)
    other = Domain("other.example", "p2", admin_hwids=("x",))
    providers.store.add_domain(other, by=OLGA, at=later)
    latest, first = providers.store.admin_hwids_changes(NOON - DAY, 9)
    assert (latest.domain, first.domain) == ("other.example", "example.com")
    assert [*providers.store.admin_hwids_changes(NOON - DAY, 1)] == [latest]
    assert [*providers.store.admin_hwids_changes(later, 9)] == []
    assert {each.id for each in providers.store.untold_changes(9)} == {latest.id, first.id}
    assert len(providers.store.untold_changes(1)) == 1
    providers.store.note_told(first.id)
    assert [*providers.store.untold_changes(9)] == [latest]


@pytest.mark.parametrize(
    ("field", "odd", "fields"),
    [
        ("isVerified", "true", {"is_verified": False}),
        ("isVerified", 1, {"is_verified": False}),
        ("adminHwids", "Hw-1", {"admin_hwids": ()}),
        ("adminHwids", {"0": "Hw-1"}, {"admin_hwids": ()}),
        ("adminHwids", [7, "Hw-1", None], {"admin_hwids": ("Hw-1",)}),
    ],
)
def test_a_domain_with_an_odd_field_is_one_of_its_providers_without_it(
    domains: Bench[Providers], field: str, odd: object, fields: dict[str, Any]
) -> None:
    domains.store.put_domain(SITE)
    document = {"providerId": "p1", "isVerified": True, "adminHwids": []}
    domains.write("odd.example", {**document, field: odd})
    whole = Domain("odd.example", "p1", is_verified=True)
    expected = replace(whole, **fields, unreadable=(field,))
    assert list(domains.store.domains_of("p1")) == [SITE, expected]
    assert domains.store.domain("odd.example") == expected


FORMS = ("Shop-x.Example", "shop-x.example.", "SHOP-X.EXAMPLE", "shop-x。example", "sHOP-x.example")


@pytest.mark.parametrize("form", FORMS)
def test_a_domain_is_found_and_changed_under_whatever_form_it_is_stored(
    domains: Bench[Providers], form: str
) -> None:
    domains.write(form, {"providerId": "p1", "isVerified": True, "theirs": 1})
    domains.write("zzz.example", {"providerId": "p2"})
    found = domains.store.domain("shop-x.example")
    assert found == Domain("shop-x.example", "p1", is_verified=True, stored_as=form)
    assert list(domains.store.domains_of("p1")) == [found]
    unverified = {"is_verified": False}
    domains.store.change_domain(found.id, lambda it: with_fields(it, unverified), by=OLGA, at=NOON)
    assert domains.read("shop-x.example") is None
    stored = domains.read(form) or {}
    assert (stored["providerId"], stored["isVerified"], stored["theirs"]) == ("p1", False, 1)
    domains.store.delete_domain("shop-x.example", by=OLGA, at=NOON)
    assert domains.read(form) is None
    assert domains.read("zzz.example") is not None


def test_an_international_domain_is_one_in_letters_and_in_machine_form(
    domains: Bench[Providers],
) -> None:
    domains.write("новости.рф", {"providerId": "p1", "isVerified": True})
    found = domains.store.domain("xn--b1amnebsh.xn--p1ai")
    assert found is not None
    assert (found.domain, found.id) == ("xn--b1amnebsh.xn--p1ai", "новости.рф")


def test_of_two_forms_of_a_name_the_canonical_one_says_whose_it_is(
    domains: Bench[Providers],
) -> None:
    """Or whoever writes a second document would reach another provider's devices."""
    domains.write("shop.example", {"providerId": "p1", "isVerified": True})
    domains.write("Shop.Example", {"providerId": "p2", "isVerified": True})
    assert list(domains.store.domains_of("p2")) == []
    (kept,) = domains.store.domains_of("p1")
    assert domains.store.domain("shop.example") == kept
    domains.store.delete_domain("shop.example", by=OLGA, at=NOON)
    assert domains.read("Shop.Example") is None


def test_the_same_provider_may_have_a_domain_under_two_forms(domains: Bench[Providers]) -> None:
    domains.write("Shop.Example", {"providerId": "p1", "isVerified": True})
    domains.write("shop.example", {"providerId": "p1"})
    assert [it.id for it in domains.store.domains_of("p1")] == ["shop.example", "Shop.Example"]


def test_of_two_changes_of_a_provider_at_once_neither_is_lost(
    providers: Bench[Providers],
) -> None:
    """Premium that lapsed while an operator raised a limit must not come back."""
    providers.store.put(replace(ACME, is_premium=True))
    lapses = iter([True])

    def raise_limit(provider: Provider) -> Provider:
        if next(lapses, False):
            providers.store.put(replace(ACME, is_premium=False))
        return replace(provider, limits=(("pendingAtOnce", 9),))

    changed = providers.store.change("p1", raise_limit)
    assert changed == providers.store.get("p1")
    assert (changed.is_premium, changed.limits) == (False, (("pendingAtOnce", 9),))


def test_a_change_of_no_provider_is_not_found(providers: Bench[Providers]) -> None:
    with pytest.raises(NotFound):
        providers.store.change("nobody", lambda provider: provider)
    assert providers.store.get("nobody") is None


def test_an_api_key_is_known_by_its_digest_until_it_is_deleted(
    providers: Bench[Providers],
) -> None:
    later = NOON + timedelta(seconds=1)
    providers.store.add_key("d2", "p1", "second", later)
    providers.store.add_key("d1", "p1", "first", NOON, made_by="u1")
    providers.store.add_key("d0", "p2", "theirs", NOON)
    first = ApiKey("d1", "p1", "first", NOON, "u1")
    assert providers.store.key("d1") == first
    assert providers.store.key("d9") is None
    assert list(providers.store.keys_of("p1")) == [first, ApiKey("d2", "p1", "second", later)]
    providers.store.delete_key("d1", "p1")
    assert providers.store.key("d1") is None


def test_a_key_of_an_older_version_does_not_say_who_made_it() -> None:
    document = {"providerId": "p1", "name": "server", "createdAt": NOON}
    assert api_key_from("d1", document) == ApiKey("d1", "p1", "server", NOON)


def test_a_key_that_cannot_be_read_is_left_out_of_the_list(
    providers: Bench[Providers], database: Database
) -> None:
    providers.store.add_key("d1", "p1", "first", NOON)
    database.commit([Put("apiKeys/odd", {"providerId": "p1", "createdAt": "now"})])
    assert [key.id for key in providers.store.keys_of("p1")] == ["d1"]


@pytest.mark.parametrize("digest", ["d1", "d9"])
def test_nobody_deletes_a_key_that_is_not_theirs(providers: Bench[Providers], digest: str) -> None:
    providers.store.add_key("d1", "p1", "first", NOON)
    with pytest.raises(NotFound):
        providers.store.delete_key(digest, "p2")
    assert providers.store.key("d1") is not None


def test_the_platform_is_stopped_while_the_switch_is_on(stop_switch: StopSwitch) -> None:
    assert not stop_switch.is_on()
    stop_switch.turn(True, "op1", "bad content", NOON)
    assert stop_switch.is_on()
    stop_switch.turn(False, "op1", "solved", NOON)
    assert not stop_switch.is_on()


def test_notes_on_admin_hwids_are_read_as_they_were_put_and_a_last_one_leaves_no_trace(
    providers: Bench[Providers],
) -> None:
    noted = replace(SITE, admin_hwid_notes=(("Hw-1", "Anna's Pixel"), ("hw-1", "A / desk.")))
    providers.store.add_domain(noted, by=OLGA, at=NOON)
    assert providers.store.domain("example.com") == noted
    change = partial(providers.store.change_domain, "example.com", by=OLGA, at=NOON)
    one = change(lambda it: replace(it, admin_hwid_notes=(("hw-1", "Moved"),)))
    assert providers.store.domain("example.com") == one
    none = change(lambda it: replace(it, admin_hwid_notes=()))
    assert providers.store.domain("example.com") == none == SITE
    assert len(untold(providers)) == 1
