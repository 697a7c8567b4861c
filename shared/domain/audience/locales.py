"""A device's locale as its system says it, and the language, script and territory it names.

Android, Apple, Windows, POSIX and browsers each write locales in a way of their own. A locale is
stored as it was said; what is read here can be derived from it again at any time. A part that
names no language or territory is unknown, and never a reason to refuse the device.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import NamedTuple

_LANGUAGES = {
    "cmn": "zh",
    "in": "id",
    "iw": "he",
    "ji": "yi",
    "jw": "jv",
    "mo": "ro",
    "sh": "sr",
    "tl": "fil",
}
_TERRITORIES = {"cs": "rs", "tp": "tl", "uk": "gb", "yu": "rs", "zr": "cd"}
"""Codes that were withdrawn or are mistaken for another, and the ones in use, as CLDR's aliases
have them. Java says ``iw``, ``in`` and ``ji`` to this day, older Androids ``tl``.
"""
_USED_OTHERWISE = frozenset({"in", "mo", "sh", "tl", "cs", "uk"})
"""Withdrawn as a language and in use as a territory (India), or the other way round (Ukrainian)."""

_SCRIPTS = {
    "az": "latn",
    "bs": "latn",
    "pa": "guru",
    "pa-pk": "arab",
    "sr": "cyrl",
    "sr-me": "latn",
    "uz": "latn",
    "uz-af": "arab",
    "yue": "hant",
    "yue-cn": "hans",
    "zh": "hans",
    "zh-hk": "hant",
    "zh-mo": "hant",
    "zh-tw": "hant",
}
"""Scripts that systems leave out, of languages that are written in several, as CLDR has them."""
_SCRIPT_NAMES = {
    "chs": "hans",
    "cht": "hant",
    "cyrillic": "cyrl",
    "devanagari": "deva",
    "latin": "latn",
}
"""Scripts in Windows' and POSIX' own words."""

_NO_LANGUAGE = frozenset({"und", "mul", "zxx"})
_END = re.compile(r"[.,;:/\s]")
_CATEGORY = re.compile(r"^lc_[a-z]+=")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_TERRITORY = re.compile(r"[a-z]{2}|[0-9]{3}")
_SCRIPT = re.compile(r"[a-z]{4}")
_OVERRIDE = re.compile(r"([a-z]{2}|[0-9]{3})[a-z0-9]{0,4}")


class Language(NamedTuple):
    """A language, how it is written and where: lower case, today's codes, empty where not said."""

    code: str
    script: str
    territory: str

    def includes(self, other: "Language") -> bool:
        """Tell whether ``other`` is this language or a kind of it: ``pt-BR`` is a kind of ``pt``.

        Each part that this one names must be the same there; no language includes none.
        """
        return (
            bool(self.code)
            and self.code == other.code
            and self.script in ("", other.script)
            and self.territory in ("", other.territory)
        )


@lru_cache(maxsize=1024)
def said_language(tag: str) -> Language:
    """Return the language that a tag or a locale names, with no part that it leaves out."""
    first, rest, keywords = _parts(tag)
    public = list(takewhile(_is_no_extension, rest))
    words = (*(_SCRIPT_NAMES.get(word, word) for word in public), _SCRIPT_NAMES.get(keywords, ""))
    script = next(filter(_SCRIPT.fullmatch, words), "")
    territory = next(filter(_TERRITORY.fullmatch, public), "")
    return Language(_language(first), script, _TERRITORIES.get(territory, territory))


@lru_cache(maxsize=1024)
def language_of(locale: str) -> Language:
    """Return the language of a device's texts: the one its locale names, in the script that goes
    without saying. What a person chose apart from the language (``rg``) changes no text.
    """
    said = said_language(locale)
    usual = _SCRIPTS.get(f"{said.code}-{said.territory}", _SCRIPTS.get(said.code, ""))
    return said._replace(script=said.script or usual)


def language_and_territory(locale: str) -> tuple[str, str]:
    """Return both in lower case and in today's codes, empty where the locale names none.

    Reads BCP 47 (``zh-Hant-TW``), POSIX (``ru_RU.UTF-8@euro``, ``LC_CTYPE=ru_RU;LC_TIME=C``),
    Java's ``Locale.toString`` (``zh_TW_#Hant``, ``en_UA_#u-mu-celsius``), Apple's keywords
    (``en_US@rg=gbzzzz``), bare forms (``by``), and of a list the first. Scripts and variants are
    skipped. A region that the person chose apart from the language (``rg``) is the territory.
    """
    first, rest, keywords = _parts(locale)
    territories = filter(_TERRITORY.fullmatch, takewhile(_is_no_extension, rest))
    territory = _region_override(rest, keywords) or next(territories, "")
    return _language(first), _TERRITORIES.get(territory, territory)


def region_code(entry: str) -> str:
    """Return the code that an entry of a segment's ``region`` means today.

    ``in`` is India: the language that once had this code is ``id``.
    """
    if entry in _USED_OTHERWISE:
        return entry
    return _LANGUAGES.get(entry) or _TERRITORIES.get(entry, entry)


def _parts(locale: str) -> tuple[str, list[str], str]:
    """Return a locale's first subtag, the further ones, and what stands behind the ``@``."""
    tag, _, keywords = locale.strip().strip("[]").lower().partition("@")
    tag = _END.split(_CATEGORY.sub("", tag), maxsplit=1)[0]
    first, *rest = (subtag.lstrip("#") for subtag in re.split(r"[-_]", tag))
    if len(first) == 1:  # private use, or the POSIX locale C
        return "", [], ""
    return first, rest, keywords


def _language(subtag: str) -> str:
    language = subtag if _LANGUAGE.fullmatch(subtag) and subtag not in _NO_LANGUAGE else ""
    return _LANGUAGES.get(language, language)


def _is_no_extension(subtag: str) -> bool:
    """Tell a part of the name from the single letter that opens an extension."""
    return len(subtag) > 1


def _region_override(subtags: Sequence[str], keywords: str) -> str:
    """Return the value of ``rg``: a Unicode extension in BCP 47, a keyword in Apple's form."""
    public = list(takewhile(lambda subtag: subtag != "x", subtags))
    extension = public[public.index("u") :] if "u" in public else []
    settings = dict(pairwise(extension))
    settings |= dict(keyword.split("=", 1) for keyword in keywords.split(";") if "=" in keyword)
    override = _OVERRIDE.fullmatch(settings.get("rg", ""))
    return override[1] if override else ""
