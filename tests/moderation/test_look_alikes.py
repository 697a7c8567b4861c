"""No name that is imitated can be written with look-alikes and pass."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.findings.brands import BRANDS
from shared.domain.findings.finding import has_red
from shared.domain.findings.link import link_findings
from shared.domain.findings.look_alikes import EXACT, skeleton
from shared.domain.findings.scripts import LATIN, may_stand_together, script, scripts
from shared.domain.findings.text import text_findings

SETS = "aаɑα bь cсϲ dԁ eе gɡ hһ iіι1l jј kкκ l1ӏi mм nп oοо0 pрρ rг sѕ5 tт uυ vν wԝ xх yу"
LIKE = {each[0]: each[1:] for each in SETS.split()}


@st.composite
def imitations(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a brand, and the same with at least one of its letters replaced."""
    brand = draw(st.sampled_from(sorted(BRANDS)))
    places = [at for at, letter in enumerate(brand) if letter in LIKE]
    replaced = draw(st.sets(st.sampled_from(places), min_size=1))
    letters = [
        draw(st.sampled_from(LIKE[letter])) if at in replaced else letter
        for at, letter in enumerate(brand)
    ]
    return brand, "".join(letters)


@given(imitations())
def test_a_brand_in_other_letters_is_caught_in_a_host(pair: tuple[str, str]) -> None:
    brand, imitation = pair
    assert imitation != brand
    assert has_red(link_findings(f"https://{imitation}.com/", "url", ()))


@given(imitations())
def test_a_brand_in_other_letters_is_caught_in_a_text(pair: tuple[str, str]) -> None:
    _, imitation = pair
    codes = {finding.code for finding in text_findings(f"{imitation} says hello", "title")}
    assert "lookAlikeBrand" in codes


@pytest.mark.parametrize("brand", BRANDS)
def test_a_brand_at_home_is_no_imitation(brand: str) -> None:
    for host in BRANDS[brand]:
        codes = {finding.code for finding in link_findings(f"https://{host}/", "url", ())}
        assert codes == {"foreignHost"}
    assert text_findings(f"{brand.capitalize()} says hello", "title") == ()


@pytest.mark.parametrize("letter", sorted(EXACT))
def test_letters_that_pass_for_latin_ones_are_not_latin_and_become_so(letter: str) -> None:
    assert script(letter) not in ("", LATIN)
    assert skeleton(letter).isascii(), unicodedata.name(letter)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("example", True),
        ("пример", True),
        ("exаmple", False),
        ("日本語カタカナひらがなabc", True),
        ("한국漢字abc", True),
        ("ひらがな한국", False),
        ("пример漢字", False),
        ("αpp", False),
        ("abc123", True),
    ],
)
def test_which_scripts_one_name_may_hold(name: str, allowed: bool) -> None:
    assert may_stand_together(scripts(name)) is allowed
