"""What people write: taken, found again, and missing where nothing of it can be seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.human_text import comparable, has_control_characters, is_blank, mentions

HALF_SPACE = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
YOUNG = "\U0001fae9"
"""Newer than the tables of the oldest Python that runs us."""
WRITTEN = [
    "Sale",
    HALF_SPACE,
    "\u5168\u54c1\u3000\u534a\u984d",
    FAMILY,
    YOUNG,
    "two\nlines\tand a tab\r\n",
    "\u202b\u05e9\u05dc\u05d5\u05dd\u202c",
    "co\u00adoperate",
    "\ue000",
]
BLANK = [
    "",
    " \t\r\n",
    "\u00a0\u2003\u3000\u1680",
    "\u200b\u200c\u200d\u2060\ufeff",
    "\ufe0f\U000e0101",
    "\u200e\u200f\u202a\u202c\u2066\u2069\u061c",
    "\u3164\uffa0\u115f\u1160",
    "\u2800\u2800",
    "\U000e0041\U000e007f",
    "\u00ad\u034f",
    "\u180e\u180b",
    "\u2028\u2029",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_what_people_write_is_text(text: str) -> None:
    assert not has_control_characters(text)
    assert not is_blank(text)


@pytest.mark.parametrize("text", ["a\x00", "\x1b[2J", "\x07", "a\x7f"])
def test_what_nobody_types_is_refused_and_is_never_taken_for_nothing(text: str) -> None:
    assert has_control_characters(text)
    assert not is_blank(text)


@pytest.mark.parametrize("text", BLANK)
def test_a_text_of_which_nothing_is_seen_is_blank(text: str) -> None:
    assert is_blank(text)
    assert not is_blank(text + "x")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Caf\u00e9", "cafe\u0301"),
        ("\uff33\uff21\uff2c\uff25\uff01", "sale!"),
        ("STRASSE", "stra\u00dfe"),
        (HALF_SPACE, HALF_SPACE.replace("\u200c", "")),
        (FAMILY, FAMILY.replace("\u200d", "")),
        ("\u2764\ufe0f", "\u2764"),
        ("\u5168\u54c1\u3000\u534a\u984d", "\u5168\u54c1 \u534a\u984d"),
        ("two\nlines", "Two  lines"),
        ("\ufb03", "ffi"),
        ("\u1fb3", "\u03b1\u03b9"),
        ("co\u00adoperate", "cooperate"),
    ],
)
def test_two_texts_that_read_the_same_are_found_by_each_other(one: str, other: str) -> None:
    assert mentions(one, [f"- {other} -"])
    assert mentions(other, [None, f"- {one} -"])


def test_an_accent_still_tells_two_words_apart() -> None:
    assert not mentions("r\u00e9sum\u00e9", ["resume"])
    assert not mentions("cafe", ["caf\u00e9", "cafe\u0301"])


@given(st.text(st.characters(exclude_characters="\N{LATIN SMALL LETTER DOTLESS I}")))
def test_the_form_that_is_compared_is_one_form(text: str) -> None:
    """Of all characters only the dotless i has the capital of another letter."""
    assert comparable(comparable(text)) == comparable(text)
    assert comparable(text.upper().lower()) == comparable(text.lower())


@given(st.text(), st.text())
def test_a_text_is_found_by_itself_and_by_its_parts(one: str, other: str) -> None:
    assert mentions(one, [one]) or not one
    if comparable(one + other) == comparable(one) + comparable(other):
        assert mentions(other, [one + other]) or not one + other
