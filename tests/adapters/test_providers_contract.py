"""What every store of providers, domains, API keys and the stop switch promises."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from google.cloud.firestore import Client

from shared.adapters.documents import api_key_from
from shared.adapters.memory import MemoryProviders
from shared.domain.admin_hwids import MOST_DIFFERENT
from shared.domain.errors import Defect, NotFound, TooMany, TryAgain
from shared.domain.history import Actor, Role
from shared.domain.provider import Domain, Plan, Provider
from shared.ports import AlreadyThere, ApiKey, Providers, StopSwitch
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
        ({"isPremium": True, "plan": 3}, Provider("p1", is_premium=True)),
    ],
)
def test_a_provider_of_an_existing_back_end_is_entitled_to_what_it_says(
    providers: Bench[Providers], document: Mapping[str, object], expected: Provider
) -> None:
    providers.write("p1", document)
    assert providers.store.get("p1") == expected


@pytest.mark.parametrize("document", [{"isPremium": "yes"}, {"limits": {"perDay": "many"}}])
def test_a_document_that_cannot_be_one_is_a_defect(
    providers: Bench[Providers], document: Mapping[str, object]
) -> None:
    providers.write("p1", document)
    with pytest.raises(Defect, match="providers/p1"):
        providers.store.get("p1")


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


def seen(providers: Bench[Providers], since: datetime = NOON - DAY) -> list[tuple[Any, ...]]:
    entries = providers.store.domain_history("example.com", since)
    return [(each.by, each.at, each.added, each.removed) for each in entries]


def test_a_domain_is_added_once(providers: Bench[Providers]) -> None:
    providers.store.add_domain(SITE, by=OLGA, at=NOON)
    with pytest.raises(AlreadyThere):
        providers.store.add_domain(replace(SITE, provider_id="p2"), by=OLGA, at=NOON)
    assert providers.store.domain("example.com") == SITE
    assert seen(providers) == [("operator:olga", NOON, ("Hw-1", "hw-1"), ())]


def test_a_change_of_admin_hwids_is_written_with_its_entry(providers: Bench[Providers]) -> None:
    providers.store.put_domain(SITE)
    change = partial(providers.store.change_domain, "example.com", by=OLGA)
    later = NOON + timedelta(seconds=1)
    change(listing("Hw-1", "new"), at=NOON)
    change(listing("new", "Hw-1"), at=NOON)
    change(lambda it: replace(it, is_verified=False), at=NOON)
    change(listing("new"), at=later)
    assert seen(providers) == [
        ("operator:olga", later, (), ("Hw-1",)),
        ("operator:olga", NOON, ("new",), ("hw-1",)),
    ]
    assert len(seen(providers, since=NOON)) == 1


def test_the_history_of_a_domain_outlives_it(providers: Bench[Providers]) -> None:
    providers.store.add_domain(SITE, by=OLGA, at=NOON)
    later = NOON + timedelta(seconds=1)
    providers.store.delete_domain("example.com", by=OLGA, at=later)
    providers.store.delete_domain("example.com", by=OLGA, at=later)
    assert [each[2:] for each in seen(providers)] == [
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
    listed = {hwid for _, _, added, _ in seen(providers) for hwid in added}
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
    "broken", [{"isVerified": "yes"}, {"adminHwids": "h"}, {"adminHwids": [7]}]
)
def test_a_domain_that_cannot_be_read_is_not_one_of_its_providers(
    providers: Bench[Providers], request: pytest.FixtureRequest, broken: dict[str, object]
) -> None:
    """One odd document of an existing back end must not keep a provider from all its others."""
    providers.store.put_domain(SITE)
    document = {"providerId": "p1", **broken}
    if isinstance(providers.store, MemoryProviders):
        providers.store._domains.documents["odd.example"] = document
    else:
        client: Client = request.getfixturevalue("client")
        client.collection("domains").document("odd.example").set(document)
    assert list(providers.store.domains_of("p1")) == [SITE]


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
