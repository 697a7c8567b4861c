"""The writing system of a letter, and the systems that people mix in one word.

Python knows no scripts, but every character's name begins with its own: this reads them there.
Letters newer than its tables belong to none, and so never make a mixture.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

LATIN, GREEK, CYRILLIC, HAN = "Latin", "Greek", "Cyrillic", "Han"

_NAMED_OTHERWISE = {
    "CJK": HAN,
    "IDEOGRAPHIC": HAN,
    "KATAKANA-HIRAGANA": "Katakana",
    "HIRAGANA": "Hiragana",
    "KATAKANA": "Katakana",
}
_NO_SCRIPT = {"MODIFIER", "FEMININE", "MASCULINE", "MICRO", "INFORMATION"}
_SHARED = {"COMBINING", "VARIATION", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT"}
_WIDTHS = {"FULLWIDTH", "HALFWIDTH"}

SCRIPT_FAMILIES = (
    frozenset({LATIN, HAN, "Hiragana", "Katakana"}),
    frozenset({LATIN, HAN, "Bopomofo"}),
    frozenset({LATIN, HAN, "Hangul"}),
)
"""Scripts that Japanese, Chinese and Korean mix."""

_JOINED = (
    "Arabic Syriac Mongolian Nko Mandaic Manichaean Phags-Pa Devanagari Bengali Gurmukhi Gujarati "
    "Oriya Tamil Telugu Kannada Malayalam Sinhala Khmer Myanmar Tibetan Balinese Javanese Limbu "
    "Sundanese Grantha Brahmi Chakma Tirhuta Newa Adlam Hanifi"
)
JOINED = frozenset(_JOINED.split())
"""Scripts whose letters change shape beside each other, and whose writers steer it by joiners."""

UNSPACED = frozenset({"Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Javanese", "Balinese"})
"""Scripts without spaces, where an invisible one tells words apart."""

RIGHT_TO_LEFT = frozenset({"R", "AL"})


@lru_cache(maxsize=4096)
def script(character: str) -> str:
    """Return the script of a letter or mark, capitalised; empty for what all scripts share."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    first, _, rest = unicodedata.name(character, "").partition(" ")
    if first in _WIDTHS:
        first = rest.partition(" ")[0]
    if first in _NO_SCRIPT or first in _SHARED:
        return ""
    return _NAMED_OTHERWISE.get(first, first.capitalize())


def scripts(letters: Iterable[str]) -> frozenset[str]:
    """Collect the scripts in a text."""
    return frozenset(script(letter) for letter in letters) - {""}


def may_stand_together(mixture: frozenset[str]) -> bool:
    """Tell whether one name may hold all these scripts, as a browser's address bar sees it."""
    return len(mixture) < 2 or any(mixture <= family for family in SCRIPT_FAMILIES)


def reads_right_to_left(text: str) -> bool:
    """Tell whether any letter of the text is of a script that runs from right to left."""
    return any(c.isalpha() and unicodedata.bidirectional(c) in RIGHT_TO_LEFT for c in text)
