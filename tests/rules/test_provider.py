"""What a provider is entitled to, and the one way round moderation."""

from dataclasses import replace

import pytest

from shared.domain.errors import Forbidden
from shared.domain.providers.provider import (
    Domain,
    Plan,
    Provider,
    admin_devices,
    check_entitled,
    is_admin_hwid,
    may_force_timer,
    missing_to_send,
    verified,
    with_lists,
    with_owner,
)
from tests.builders import a_domain, a_provider


def test_a_premium_provider_with_a_verified_domain_may_send() -> None:
    check_entitled(a_provider(), [a_domain(is_verified=False), a_domain("b.com")])


def test_without_premium_nothing_may_be_sent() -> None:
    with pytest.raises(Forbidden) as refusal:
        check_entitled(a_provider(is_premium=False), [a_domain()])
    assert refusal.value.code == "premiumRequired"


@pytest.mark.parametrize("domains", [[], [a_domain(is_verified=False)]])
def test_without_a_verified_domain_nothing_may_be_sent(domains: list[object]) -> None:
    with pytest.raises(Forbidden) as refusal:
        check_entitled(a_provider(), domains)  # type: ignore[arg-type]
    assert refusal.value.code == "verifiedDomainRequired"


def test_only_verified_domains_count_as_verified() -> None:
    assert verified([a_domain("a.com"), a_domain("b.com", is_verified=False)]) == ("a.com",)


def test_an_admin_hwid_of_a_verified_domain_is_one() -> None:
    domains = [a_domain("a.com"), a_domain("b.com", admin_hwids=("other", "AbC-1"))]
    assert is_admin_hwid("AbC-1", domains)


@pytest.mark.parametrize(
    "hwid", ["abc-1", "ABC-1", "AbC-1 ", " AbC-1", "AbC-", "AbC-11", "AbС-1", "", None]
)
def test_an_admin_hwid_is_compared_character_by_character(hwid: str | None) -> None:
    assert not is_admin_hwid(hwid, [a_domain(admin_hwids=("AbC-1",))])


def test_an_unverified_domain_has_no_admin_hwids() -> None:
    assert not is_admin_hwid("AbC-1", [a_domain(is_verified=False, admin_hwids=("AbC-1",))])


def test_a_new_owner_inherits_neither_admin_hwids_nor_apps() -> None:
    domain = a_domain(admin_hwids=("A",), deep_link_schemes=("shop",), is_verified=True)
    moved = with_owner(domain, {"provider_id": "p9"})
    assert (moved.admin_hwids, moved.deep_link_schemes) == ((), ())
    assert moved.is_verified
    assert with_owner(domain, {"provider_id": domain.provider_id}) == domain
    named = with_owner(domain, {"provider_id": "p9", "admin_hwids": ("B",)})
    assert named.admin_hwids == ("B",)


def test_each_reason_why_a_provider_may_not_send_is_found_whatever_the_others() -> None:
    premium, verified_one = a_provider(), a_domain()
    lapsed, unverified = replace(premium, is_premium=False), a_domain(is_verified=False)

    def codes(provider: Provider, domain: Domain) -> list[str]:
        return [each.code for each in missing_to_send(provider, [domain])]

    assert codes(premium, verified_one) == []
    assert codes(lapsed, verified_one) == ["premiumRequired"]
    assert codes(premium, unverified) == ["verifiedDomainRequired"]
    assert codes(lapsed, unverified) == ["premiumRequired", "verifiedDomainRequired"]


def test_only_enterprise_may_force_a_timer() -> None:
    assert may_force_timer(a_provider(plan=Plan.ENTERPRISE))
    assert not may_force_timer(a_provider(plan=Plan.PREMIUM))


def test_an_admin_hwid_that_stays_keeps_its_note_and_one_that_leaves_takes_it_along() -> None:
    notes = {"a": "Anna's Pixel", "b": "The desk"}
    before = with_lists(a_domain(), {"admin_hwids": ("a", "b"), "admin_hwid_notes": notes})
    after = with_lists(before, {"admin_hwids": ("a", "c"), "admin_hwid_notes": {"c": "New"}})
    assert dict(after.admin_hwid_notes) == {"a": "Anna's Pixel", "c": "New"}
    cleared = with_lists(after, {"admin_hwids": ("a", "c"), "admin_hwid_notes": {"a": ""}})
    assert dict(cleared.admin_hwid_notes) == {"c": "New"}
    assert with_lists(after, {"is_verified": False}).admin_hwid_notes == after.admin_hwid_notes


def test_a_new_owner_does_not_inherit_the_notes_of_the_same_devices() -> None:
    before = a_domain(admin_hwids=("a",), admin_hwid_notes=(("a", "Anna's Pixel"),))
    after = with_owner(before, {"provider_id": "p2", "admin_hwids": ("a",)})
    assert (after.admin_hwids, after.admin_hwid_notes) == (("a",), ())


def test_only_verified_domains_have_devices_for_tests() -> None:
    noted = a_domain("b.com", admin_hwids=("a", "b"), admin_hwid_notes=(("a", "Anna's Pixel"),))
    unverified = a_domain("c.com", is_verified=False, admin_hwids=("c",))
    assert admin_devices([a_domain(admin_hwids=("a",)), noted, unverified]) == {
        "a": "Anna's Pixel",
        "b": "",
    }
