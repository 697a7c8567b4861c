"""Text that people write: what may stand in it, when it says nothing, and when two say the same.

One rule for titles, names, reasons, comments and searches. Joiners, half-spaces, wide spaces, line
breaks and emoji younger than Python's tables are text. Identifiers (hwids, versions, domains) are
no human text and are compared character by character.
"""

import re
import unicodedata
from collections.abc import Iterable

from pydantic_core import PydanticCustomError

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_IGNORED = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U00016fe4"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's default-ignorable characters and other format characters without a shape."""
_EMPTY = "\t\n\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\u2800\U0001d159"
"""Spaces of every width, and two characters whose shape is empty."""
_UNSEEN = re.compile(f"[{_IGNORED}]")
_BLANK = re.compile(f"[{_IGNORED}{_EMPTY}]*")


def has_control_characters(text: str) -> bool:
    """Tell whether ``text`` holds what no person types; tabs and line breaks are text."""
    return _CONTROL.search(text) is not None


def without_control_characters(text: str) -> str:
    """Return ``text``; raises pydantic's error for one with control characters."""
    if has_control_characters(text):
        raise PydanticCustomError("control_character", "must not contain control characters")
    return text


def is_blank(text: str) -> bool:
    """Tell whether nothing of ``text`` can be seen."""
    return _BLANK.fullmatch(text) is not None


def blank_is_absent(value: object) -> object:
    """Return ``None`` for a text in which nothing can be seen, and anything else as it is."""
    return None if isinstance(value, str) and is_blank(value) else value


def blank_is_empty(text: str) -> str:
    """Return the empty text for one in which nothing can be seen."""
    return "" if is_blank(text) else text


def visible(text: str) -> str:
    """Return ``text``; raises pydantic's error, as if it were missing, when it is blank."""
    if is_blank(text):
        raise PydanticCustomError("required", "is required")
    return text


def comparable(text: str) -> str:
    """Return the form in which two texts are equal that a person reads as the same.

    Ignores case, width, how accents are composed, joiners and how words are spaced (Unicode's
    NFKC_Casefold).
    """
    if not text.isascii():
        bare = unicodedata.normalize("NFKD", _UNSEEN.sub("", text)).casefold()
        text = unicodedata.normalize("NFKC", bare)
    return " ".join(text.casefold().split())


def mentions(phrase: str, texts: Iterable[str | None]) -> bool:
    """Tell whether ``phrase`` stands in any of the texts, compared as people read."""
    sought = comparable(phrase)
    return any(sought in comparable(text) for text in texts if text)
