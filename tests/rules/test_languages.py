"""Who a segment's ``languages`` keep: tags of BCP 47 against what devices say of themselves."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.audience.filters import Segment
from shared.domain.audience.locales import language_and_territory, language_of
from tests.builders import NOON, a_device

TODAYS = {"iw": "he", "in": "id", "ji": "yi"}


def read(*tags: object) -> Segment:
    return Segment.model_validate_json(json.dumps({"languages": tags}))


def keeps(tags: tuple[str, ...], locale: str) -> bool:
    misses = read(*tags).misses(a_device(locale=locale), ["example.com"], NOON)
    assert misses in {(), ("languages",)}
    return not misses


@st.composite
def named(draw: st.DrawFn, separators: str) -> str:
    """Draw a language with or without script and territory; Chinese and Serbian with a script, as
    they have a usual one.
    """
    code = draw(st.sampled_from(["pt", "de", "he", "iw", "id", "in", "yi", "ji", "zh", "sr", "PT"]))
    some = ["Latn", "Hant", "Hans", "Cyrl"]
    script = draw(st.sampled_from(some if code in {"zh", "sr"} else ["", "", *some]))
    territory = draw(st.sampled_from(["", "BR", "pt", "DE", "ID", "IN", "419", "RS", "TW"]))
    parts = [part for part in (code, script, territory) if part]
    return draw(st.sampled_from(separators)).join(parts)


def same_or_wider(tag: str, locale: str) -> bool:
    """Say the same in three lines."""
    code, *parts = tag.lower().split("-")
    there, *named_there = locale.lower().replace("_", "-").split("-")
    return TODAYS.get(code, code) == TODAYS.get(there, there) and set(parts) <= set(named_there)


@given(st.lists(named("-"), min_size=1, max_size=4), st.lists(named("-_"), min_size=1, max_size=9))
def test_a_device_is_kept_where_one_tag_names_its_language_or_a_wider_one(
    tags: list[str], locales: list[str]
) -> None:
    for locale in locales:
        assert keeps(tuple(tags), locale) == any(same_or_wider(tag, locale) for tag in tags)


def test_a_language_is_also_every_kind_of_it_and_a_kind_is_no_other() -> None:
    assert keeps(("pt",), "pt-BR")
    assert keeps(("pt-BR",), "pt_BR")
    assert not keeps(("pt-BR",), "pt")
    assert not keeps(("pt-BR",), "pt-PT")
    assert not keeps(("br",), "pt-BR")


@pytest.mark.parametrize(("old", "new"), [*TODAYS.items(), ("tl", "fil"), ("cmn", "zh")])
def test_an_old_code_is_the_new_one_both_ways(old: str, new: str) -> None:
    assert keeps((old,), new)
    assert keeps((new,), old)
    assert keeps((new,), f"{old}_XX")


@pytest.mark.parametrize(
    ("locale", "script"),
    [
        ("zh-Hant-TW", "Hant"),
        ("zh_TW_#Hant", "Hant"),
        ("zh_TW", "Hant"),
        ("zh-HK", "Hant"),
        ("zh-CHT", "Hant"),
        ("zh", "Hans"),
        ("zh_CN", "Hans"),
        ("zh-Hans_HK", "Hans"),
        ("sr_RS", "Cyrl"),
        ("sr_RS@latin", "Latn"),
        ("sr_ME", "Latn"),
        ("uz_UZ.UTF-8@cyrillic", "Cyrl"),
        ("pa_PK", "Arab"),
    ],
)
def test_a_script_goes_without_saying_where_systems_leave_it_out(locale: str, script: str) -> None:
    code = language_of(locale).code
    scripts = ("Hans", "Hant", "Cyrl", "Latn", "Arab")
    assert [each for each in scripts if keeps((f"{code}-{each}",), locale)] == [script]
    assert keeps((code,), locale)


def test_a_territory_chosen_apart_from_the_language_changes_no_language() -> None:
    assert keeps(("en-US",), "en-US-u-rg-gbzzzz")
    assert not keeps(("en-GB",), "en_US@rg=gbzzzz")


@pytest.mark.parametrize("locale", ["", "C", "_BR", "und-BR", "English_United States.1252", "1049"])
def test_a_device_without_a_readable_language_is_in_nobodys(locale: str) -> None:
    assert not keeps(("pt", "en", "pt-BR"), locale)
    assert keeps((), locale)


@pytest.mark.parametrize("tag", ["", "?", "und", "xx"])
@pytest.mark.parametrize("locale", ["", "C", "en_US", "und-US"])
def test_a_tag_that_names_nothing_keeps_nobody_however_it_got_there(tag: str, locale: str) -> None:
    odd = Segment.model_construct(languages=(tag,))
    assert odd.misses(a_device(locale=locale), ["example.com"], NOON) == ("languages",)


@given(st.text(max_size=30))
def test_what_the_store_looks_up_is_the_language_that_is_compared(locale: str) -> None:
    assert language_of(locale).code == language_and_territory(locale)[0]


@pytest.mark.parametrize("empty", [{}, {"languages": []}, {"languages": None}, {"languages": ""}])
def test_none_is_no_restriction(empty: dict[str, object]) -> None:
    segment = Segment.model_validate_json(json.dumps(empty))
    assert segment == Segment()
    assert segment.misses(a_device(locale=""), ["example.com"], NOON) == ()


def test_a_tag_is_kept_in_the_usual_case_and_with_its_own_code() -> None:
    written = read("PT-br", "ZH-hANT-tw", "IW", "es-419", "sr-latn").languages
    assert written == ("pt-BR", "zh-Hant-TW", "iw", "es-419", "sr-Latn")


def test_fifty_are_taken_and_one_more_is_not() -> None:
    assert len(read(*["de"] * 50).languages or ()) == 50
    with pytest.raises(ValidationError):
        read(*["de"] * 51)


@pytest.mark.parametrize(
    ("tag", "fault"),
    [
        ("xx", "unknown_language"),
        ("qqq", "unknown_language"),
        ("deu", "unknown_language"),
        ("und", "unknown_language"),
        ("mul", "unknown_language"),
        ("de-ZZ", "unknown_language"),
        ("de-999", "unknown_language"),
        ("zh-Qqqq", "unknown_language"),
        ("", "string_pattern_mismatch"),
        ("*", "string_pattern_mismatch"),
        ("d", "string_pattern_mismatch"),
        ("pt_BR", "string_pattern_mismatch"),
        ("german", "string_pattern_mismatch"),
        ("de-1996", "string_pattern_mismatch"),
        ("de-DE-Latn", "string_pattern_mismatch"),
        ("de\n", "string_pattern_mismatch"),
        ("dé", "string_pattern_mismatch"),
        (7, "string_type"),
        (None, "string_type"),
    ],
)
def test_a_tag_that_names_nothing_is_refused(tag: object, fault: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read("de", tag)
    (found,) = refused.value.errors()
    assert (found["loc"], found["type"]) == (("languages", 1), fault)


def test_moderators_are_told_of_them_in_words() -> None:
    assert read("de", "pt-BR").words() == "languages: de or pt-BR"
