"""A domain has one name, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.audience.device import derive, selector
from shared.domain.audience.filters import Segment
from shared.domain.links.domain_names import domain_forms, domain_name
from tests.builders import NOON, a_device


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("shop-x.example", "shop-x.example"),
        ("Shop-x.Example", "shop-x.example"),
        ("shop.example.", "shop.example"),
        (" shop.example ", "shop.example"),
        ("shop。example", "shop.example"),  # an ideographic full stop
        ("ｓｈｏｐ．ｅｘａｍｐｌｅ", "shop.example"),
        ("shop\u00ad.example", "shop.example"),
        ("новости.рф", "xn--b1amnebsh.xn--p1ai"),
        ("НОВОСТИ.РФ.", "xn--b1amnebsh.xn--p1ai"),
        ("XN--B1AMNEBSH.xn--p1ai", "xn--b1amnebsh.xn--p1ai"),
        ("straße.example", "xn--strae-oqa.example"),
        ("strasse.example", "strasse.example"),
        ("πας.example", "xn--mxa3ah.example"),
        ("my_shop.example", "my_shop.example"),
    ],
)
def test_every_form_of_a_name_is_the_same_domain(written: str, canonical: str) -> None:
    assert domain_name(written) == canonical


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a..b", "a b", "127.0.0.1", "0X7F.1", "[::1]", "%73hop.example", "☃.example"),
        *("\ud800", "xn--a.example", "-a.Example", "a.example..", "x" * 2_000 + "É"),
    ],
)
def test_what_is_no_host_name_equals_itself_alone(text: str) -> None:
    assert domain_name(text) == text


@given(st.text(max_size=40) | st.from_regex(r"[A-Za-zÀ-ÿа-я0-9.。-]{1,30}", fullmatch=True))
def test_a_canonical_name_stays_what_it_is(text: str) -> None:
    name = domain_name(text)
    assert domain_name(name) == name
    if name != text:
        assert name in domain_forms(name)
        assert all(domain_name(form) == name for form in domain_forms(name))


def test_a_device_and_a_segment_meet_under_whatever_forms_they_were_given() -> None:
    derived = derive("h", "ru", ["Новости.рф", "xn--b1amnebsh.xn--p1ai", "новости.рф."])
    name = "xn--b1amnebsh.xn--p1ai"
    assert derived.selectors == (name, selector(name, "ru"))
    segment = Segment(domain="НОВОСТИ.рф")
    device = a_device(domains=(domain_name("новости.рф"),))
    assert segment.misses(device, [name], NOON) == ()
