"""Every way in which real systems say a locale, and what is understood of each."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.audience.device import derive
from shared.domain.audience.locales import language_and_territory, region_code
from tests.builders import NOON, a_device, a_segment

ANDROID = {
    "en": "en",
    "en_US": "en us",
    "in_ID": "id id",
    "in": "id",
    "id_ID": "id id",
    "iw_IL": "he il",
    "iw": "he",
    "he_IL": "he il",
    "ji": "yi",
    "ji_UA": "yi ua",
    "jw_ID": "jv id",
    "tl_PH": "fil ph",
    "fil_PH": "fil ph",
    "zh_TW_#Hant": "zh tw",
    "zh_CN_#Hans": "zh cn",
    "zh_HK_#Hant": "zh hk",
    "zh__#Hant": "zh",
    "sr__#Latn": "sr",
    "sr_BA_#Latn": "sr ba",
    "uz_UZ_#Latn": "uz uz",
    "pa_PK_#Arab": "pa pk",
    "az_AZ_#Latn": "az az",
    "en_UA_#u-fw-mon-ms-metric": "en ua",
    "en_US_#u-mu-celsius": "en us",
    "en_US_#u-rg-gbzzzz": "en gb",
    "th_TH_TH_#u-nu-thai": "th th",
    "ja_JP_JP_#u-ca-japanese": "ja jp",
    "zh_TW_#Hant_x-java": "zh tw",
    "en_XA": "en xa",
    "ar_XB": "ar xb",
    "no_NO_NY": "no no",
    "nb_NO": "nb no",
    "_US": "us",
    "en__POSIX": "en",
    "sr-Latn-RS": "sr rs",
    "en-US-u-fw-mon-mu-celsius": "en us",
    "[zh_TW_#Hant, en_US]": "zh tw",
}
APPLE = {
    "en_US@rg=gbzzzz": "en gb",
    "en_DE@rg=419zzzz": "en 419",
    "zh-Hans_CN": "zh cn",
    "zh-Hant_TW": "zh tw",
    "zh-Hant-HK": "zh hk",
    "en_US_POSIX": "en us",
    "sr_RS@latin": "sr rs",
    "en@currency=EUR;calendar=buddhist": "en",
    "en_AE@calendar=gregorian;numbers=latn": "en ae",
    "de_CH@collation=phonebook;currency=CHF;rg=atzzzz": "de at",
    "fr_FR@hours=h12;rg=": "fr fr",
    "en-US-u-rg-gbzzzz-sd-gbsct-hc-h23": "en gb",
    "en-GB-u-ca-gregory-fw-mon-hc-h23-ms-metric-mu-celsius-nu-latn": "en gb",
    "es-419": "es 419",
    "es_419": "es 419",
    "es-XL": "es xl",
    "pt-BR": "pt br",
    "hi-Latn": "hi",
    "hi_Latn_IN": "hi in",
    "en-001": "en 001",
    "nb": "nb",
    "en_US (current)": "en us",
}
WINDOWS = {
    "en-029": "en 029",
    "zh-CHS": "zh",
    "sr-Cyrl-CS": "sr rs",
    "es-ES_tradnl": "es es",
    "de-DE_phoneb": "de de",
    "ca-ES-valencia": "ca es",
    "x-IV_mathan": "",
    "qps-ploc": "qps",
    "English_United States.1252": "",
    "Russian_Russia.1251": "",
    "1049": "",
}
LINUX = {
    "ru_RU.UTF-8": "ru ru",
    "de_DE.ISO-8859-15@euro": "de de",
    "de_DE@euro": "de de",
    "ca_ES@valencia": "ca es",
    "uz_UZ.UTF-8@cyrillic": "uz uz",
    "en_GB:en": "en gb",
    "C": "",
    "C.UTF-8": "",
    "LC_CTYPE=de_AT.UTF-8;LC_NUMERIC=en_US.UTF-8;LC_TIME=C": "de at",
    "LC_CTYPE=C;LC_NUMERIC=en_US.UTF-8": "",
    "de_AT.UTF-8/en_US.UTF-8/C/C/C/C": "de at",
    "C/en_US.UTF-8/C/C/C/C": "",
    "POSIX": "",
    "en_UK": "en gb",
    "sh_YU": "sr rs",
    "mo_MD": "ro md",
}
BROWSERS = {
    "en-US": "en us",
    "EN-us": "en us",
    " de-AT\n": "de at",
    "en-US,en;q=0.9,ru;q=0.8": "en us",
    "zh-cmn-Hans-CN": "zh cn",
    "cmn-Hans-CN": "zh cn",
    "yue-Hant-HK": "yue hk",
    "sl-rozaj-biske": "sl",
    "de-1996": "de",
    "en-GB-oed": "en gb",
    "en-x-us": "en",
    "en-x-u-rg-gbzzzz": "en",
    "x-en-us": "",
    "i-klingon": "",
    "ar-u-nu-latn": "ar",
    "fa-IR-u-nu-arabext-ca-persian": "fa ir",
    "ja-t-it": "ja",
    "und-US": "us",
    "und": "",
    "by": "by",
    "en-US@posix": "en us",
    "en-US-u-va-posix": "en us",
    "uk": "uk",
}
NOBODYS = {
    "": "",
    "_": "",
    "-": "",
    "@": "",
    "@rg=gbzzzz": "gb",
    "@;=;rg": "",
    "en_US@rg=x": "en us",
    "en-u": "en",
    "en-u-rg": "en",
    "null": "",
    "undefined": "",
    "русский": "",
    "\u202aen-US": "us",
    "en-\u0664\u0661\u0669": "en",
    "en\x00": "",
    "\N{PARTY POPPER}" * 50: "",
}
CORPUS = ANDROID | APPLE | WINDOWS | LINUX | BROWSERS | NOBODYS


@pytest.mark.parametrize(("locale", "language"), CORPUS.items())
def test_a_locale_is_read_as_its_system_means_it(locale: str, language: str) -> None:
    assert " ".join(filter(None, language_and_territory(locale))) == language


def test_a_territory_alone_is_no_language() -> None:
    assert language_and_territory("_US") == language_and_territory("und-US") == ("", "us")
    assert language_and_territory("by") == ("by", "")


@given(st.text(alphabet=[*string.printable, "#", "@", "é", "\u0663", "\x00"], max_size=60))
def test_whatever_is_said_is_read_as_codes_or_as_unknown(locale: str) -> None:
    language, territory = language_and_territory(locale)
    assert language == "" or (language.isascii() and language.isalpha() and len(language) in {2, 3})
    assert territory == "" or (territory.isascii() and territory.isalnum())
    assert len(territory) in {0, 2, 3}
    assert derive("x", locale, ["a.com"]).selectors[0] == "a.com"


@pytest.mark.parametrize("locale", ["in_ID", "id_ID", "in", "id", "en_ID"])
def test_the_region_id_reaches_indonesian_however_old_the_phone(locale: str) -> None:
    assert reached(["id"], locale)


@pytest.mark.parametrize(
    ("entry", "reaches", "misses"),
    [
        ("in", ["hi_IN", "en_IN"], ["in_ID", "in", "id_ID"]),
        ("uk", ["uk_UA", "uk"], ["en_GB", "en_UK"]),
        ("gb", ["en_GB", "en_UK"], ["uk_UA"]),
        ("iw", ["iw_IL", "he-IL", "he"], ["en_IL"]),
        ("he", ["iw_IL", "iw", "he"], ["en_IL"]),
        ("mo", ["zh_MO"], ["mo_MD", "ro_MD"]),
        ("tl", ["pt_TL"], ["tl_PH", "fil_PH"]),
        ("fil", ["tl_PH", "fil_PH"], ["en_PH"]),
        ("sh", ["en_SH"], ["sh_YU"]),
        ("cs", ["cs_CZ"], ["sr-Cyrl-CS"]),
        ("yu", ["sr_RS", "sh_YU"], ["hr_HR"]),
        ("ZH", ["cmn-Hans-CN", "zh_TW_#Hant"], ["yue-Hant-HK"]),
        ("419", ["es-419"], ["es-ES"]),
    ],
)
def test_a_code_in_a_region_means_what_it_means_today(
    entry: str, reaches: list[str], misses: list[str]
) -> None:
    assert [each for each in reaches + misses if reached([entry], each)] == reaches


def test_an_entry_that_is_no_withdrawn_code_stays_as_it_is() -> None:
    assert [region_code(each) for each in ("ru", "by", "id", "419", "xx")] == [
        *("ru", "by", "id", "419", "xx")
    ]


def reached(region: list[str], locale: str) -> bool:
    segment = a_segment(region=tuple(each.lower() for each in region))
    return not segment.misses(a_device(locale=locale), ("example.com",), NOON)
