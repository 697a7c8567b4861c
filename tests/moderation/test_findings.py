"""The table of findings, what brings each about, and that no text breaks the rules."""

import re
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from shared.domain.content.content import CHECKED
from shared.domain.findings.finding import (
    KINDS,
    MOST_SHOWN_CHARACTERS,
    Finding,
    Severity,
    finding_of,
    has_red,
    new_reds,
    visible_text,
)
from shared.domain.findings.link import link_findings
from shared.domain.findings.text import text_findings
from shared.domain.links.hosts import BadAddress, read_address
from tests.moderation.examples import EXAMPLES, VERIFIED

UNSEEN = "\u200b\u200c\u200d\u202e\u2066\u00ad\ufeff\ufe0f\U000e0041\u0301\u0000\ud800\ufffd\uf8ff"
MESSY = st.text(st.characters() | st.sampled_from(UNSEEN + "аеоPpа🎉👨!？.@/:\\[]%0x1"))


def a_finding(code: str = "ipHost", field: str = "url") -> Finding:
    return Finding(code, KINDS[code].severity, field, "…")


# ---- the table -----------------------------------------------------------------------------


def test_there_is_an_example_of_every_finding_and_of_nothing_else() -> None:
    assert EXAMPLES.keys() == KINDS.keys()


@pytest.mark.parametrize("code", KINDS)
def test_every_finding_is_brought_about_by_its_example(code: str) -> None:
    finding = EXAMPLES[code].finding(code)
    assert finding.severity is KINDS[code].severity
    assert finding.field == EXAMPLES[code].field
    assert finding.field in map(to_camel, CHECKED)
    assert "{" not in finding.sentence


@pytest.mark.parametrize("code", KINDS)
def test_codes_and_sentences_are_well_formed(code: str) -> None:
    assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", code)
    assert re.fullmatch(r"[A-Z“{].*\.", KINDS[code].sentence)


# ---- what a finding is for -----------------------------------------------------------------


def test_one_red_finding_is_enough() -> None:
    assert has_red([a_finding("foreignHost"), a_finding("ipHost")])
    assert not has_red([a_finding("foreignHost"), a_finding("longUrl")])
    assert not has_red([])


def test_a_red_finding_is_new_unless_it_was_seen_in_the_same_field() -> None:
    red, elsewhere, mild = a_finding(), a_finding(field="image"), a_finding("foreignHost")
    assert new_reds([red, mild], []) == (red,)
    assert new_reds([red, elsewhere], [red]) == (elsewhere,)
    assert new_reds([finding_of("ipHost", "url", host="1.2.3.4")], [red]) == ()


def test_severities_are_the_words_of_the_api() -> None:
    assert [*Severity] == ["info", "warning", "red"]


# ---- what is quoted ------------------------------------------------------------------------


def test_a_sentence_never_carries_what_it_warns_of() -> None:
    assert visible_text("a\u202eb\u200bc\nd") == "a[U+202E]b[U+200B]c[U+000A]d"
    assert visible_text("x" * 500) == "x" * (MOST_SHOWN_CHARACTERS - 1) + "…"
    assert visible_text("हिन्दी") == "हिन्दी"


@given(MESSY)
def test_nothing_unseen_is_shown(text: str) -> None:
    assert not any(unicodedata.category(c) in ("Cf", "Cc", "Cs", "Co") for c in visible_text(text))


# ---- bad input -----------------------------------------------------------------------------


@given(MESSY)
@settings(max_examples=500)
def test_no_text_breaks_the_rules(text: str) -> None:
    for finding in text_findings(text, "body", VERIFIED):
        assert finding.code in KINDS


@given(MESSY | st.from_regex(r"https?://[^/]{0,60}(/.*)?", fullmatch=True))
@settings(max_examples=500)
def test_no_address_breaks_the_rules(url: str) -> None:
    for address in (url, f"https://{url}"):
        for finding in link_findings(address, "url", VERIFIED):
            assert finding.code in KINDS


@given(st.text() | st.text(st.sampled_from("%aA0fé[]:@/\\?#.xn-\ud800٣\u0640 ")))
@settings(max_examples=500, deadline=None)
def test_any_text_is_an_address_or_a_bad_one(text: str) -> None:
    for url in (text, f"https://{text}", f"https://[{text}]", f"intent:{text}"):
        with suppress(BadAddress):
            read_address(url)


@given(st.lists(MESSY, max_size=3))
def test_no_name_of_a_domain_breaks_the_rules(domains: list[str]) -> None:
    link_findings("https://kino.by/", "url", domains)


@pytest.mark.parametrize(
    "text",
    [
        *("<script>alert(1)</script>", "*bold* _x_ [a](https://kino.by)", "&lt;b&gt;", "{}{0}{x}"),
        *("🎉" * 500, "\u200b" * 500, "\u202e\u2066" * 250, "a\u0301" * 250, "!" * 500),
        *("\U000e0041" * 500, "а" * 250 + "a" * 250, "." * 500, "a." * 250, "١" * 500, "🇧" * 499),
    ],
)
def test_the_worst_that_fits_a_body_is_a_few_findings(text: str) -> None:
    findings = text_findings(text, "body", VERIFIED)
    assert len(findings) <= 6
    assert all(len(finding.sentence) < 1200 for finding in findings)


@pytest.mark.parametrize("letter", ["a", "é", "%", "字", ".", "@"])
def test_the_longest_address_there_can_be_is_a_finding(letter: str) -> None:
    assert has_red(link_findings("https://" + letter * 2040, "url", VERIFIED))
