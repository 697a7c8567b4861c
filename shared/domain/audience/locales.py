"""A device's locale as its system says it, and the language and territory it names.

Android, Apple, Windows, POSIX and browsers each write locales in a way of their own. A locale is
stored as it was said; what is read here can be derived from it again at any time. A part that
names no language or territory is unknown, and never a reason to refuse the device.
"""

import re
from collections.abc import Sequence
from itertools import pairwise, takewhile

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

_NO_LANGUAGE = frozenset({"und", "mul", "zxx"})
_END = re.compile(r"[.,;:/\s]")
_CATEGORY = re.compile(r"^lc_[a-z]+=")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_TERRITORY = re.compile(r"[a-z]{2}|[0-9]{3}")
_OVERRIDE = re.compile(r"([a-z]{2}|[0-9]{3})[a-z0-9]{0,4}")


def language_and_territory(locale: str) -> tuple[str, str]:
    """Return both in lower case and in today's codes, empty where the locale names none.

    Reads BCP 47 (``zh-Hant-TW``), POSIX (``ru_RU.UTF-8@euro``, ``LC_CTYPE=ru_RU;LC_TIME=C``),
    Java's ``Locale.toString`` (``zh_TW_#Hant``, ``en_UA_#u-mu-celsius``), Apple's keywords
    (``en_US@rg=gbzzzz``), bare forms (``by``), and of a list the first. Scripts and variants are
    skipped. A region that the person chose apart from the language (``rg``) is the territory.
    """
    tag, _, keywords = locale.strip().strip("[]").lower().partition("@")
    tag = _END.split(_CATEGORY.sub("", tag), maxsplit=1)[0]
    first, *rest = (subtag.lstrip("#") for subtag in re.split(r"[-_]", tag))
    if len(first) == 1:  # private use, or the POSIX locale C
        return "", ""
    territories = filter(_TERRITORY.fullmatch, takewhile(_is_no_extension, rest))
    territory = _region_override(rest, keywords) or next(territories, "")
    language = first if _LANGUAGE.fullmatch(first) and first not in _NO_LANGUAGE else ""
    return _LANGUAGES.get(language, language), _TERRITORIES.get(territory, territory)


def region_code(entry: str) -> str:
    """Return the code that an entry of a segment's ``region`` means today.

    ``in`` is India: the language that once had this code is ``id``.
    """
    if entry in _USED_OTHERWISE:
        return entry
    return _LANGUAGES.get(entry) or _TERRITORIES.get(entry, entry)


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
