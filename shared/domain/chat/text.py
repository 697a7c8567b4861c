"""A bot's texts, with marks: words that others wrote in them stay words.

Nothing here is markup, so nothing can break out of it. A stranger's text stands alone in a frame
(``pre``), where the chat service makes no links and no mentions of it, and its characters are
shown, not obeyed: those that turn the direction of writing, or that nobody sees, are named. Lengths
and places are counted in UTF-16 code units, as Telegram counts.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

MOST_UNITS = 4096
MOST_MARKS_ON_ONE = 4
MOST_EMPTY_LINES = 2

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_BLANK = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u2800\u3164\uffa0")
"""Shown as nothing, though their categories do not say so."""
_JOINING = (
    "ARABIC",
    "SYRIAC",
    "DEVANAGARI",
    "BENGALI",
    "GUJARATI",
    "GURMUKHI",
    "KANNADA",
    "MALAYALAM",
    "ORIYA",
    "SINHALA",
    "TAMIL",
    "TELUGU",
    "KHMER",
    "MONGOLIAN",
)
"""Scripts in which joiners are a matter of spelling."""


SHARED_ACCOUNTS = frozenset({777000, 136817688, 1087968824})
"""User numbers that stand for many people: Telegram itself with posts of a linked channel, whoever
writes in the name of a channel, and anonymous administrators of groups. None can be a moderator.

Source: Bot API, ``Message.sender_chat`` and the field ``from`` that is kept for compatibility.
"""


class Style(StrEnum):
    """The look of a part of a text."""

    BOLD = "bold"
    ITALIC = "italic"
    CODE = "code"
    FRAME = "pre"
    MENTION = "text_mention"


@dataclass(frozen=True, slots=True)
class Mark:
    """``style`` for ``length`` units from ``start``; ``user`` is who is mentioned."""

    style: Style
    start: int
    length: int
    user: int = 0


@dataclass(frozen=True, slots=True)
class Button:
    """``data`` comes back when it is pressed; it has at most 64 bytes."""

    label: str
    data: str


@dataclass(frozen=True, slots=True)
class Card:
    """One message. With ``hint`` it asks for a reply and shows that where the reply is typed."""

    text: str
    marks: tuple[Mark, ...] = ()
    buttons: tuple[Button, ...] = ()
    image: str = ""
    hint: str = ""


def units(text: str) -> int:
    """Count a text's length as Telegram does."""
    return len(text) + sum(character > "\uffff" for character in text)


class Sheet:
    """A card being written, line by line."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._marks: list[Mark] = []
        self._units = 0

    def say(self, words: str, style: Style | None = None, *, user: int = 0) -> "Sheet":
        """Add our own words, or a stranger's that are already harmless."""
        if style and words:
            self._marks.append(Mark(style, self._units, units(words), user))
        self._parts.append(words)
        self._units += units(words)
        return self

    def line(self, words: str = "", style: Style | None = None) -> "Sheet":
        """Add words and a new line."""
        return self.say(words, style).say("\n")

    def quote(self, text: str, most: int, *, lines: bool = False) -> "Sheet":
        """Quote a stranger's text in a frame; what is too long is cut, as is said outside it."""
        harmless = neutral(text, lines=lines)
        kept, left_out = cut(harmless, most)
        self.line(kept, Style.FRAME)
        if left_out:
            self.line(f"✂ {left_out:,} more characters", Style.ITALIC)
        return self

    def card(self, *, buttons: tuple[Button, ...] = (), image: str = "", hint: str = "") -> Card:
        """Return what was written, without empty lines at the end."""
        text = "".join(self._parts).rstrip("\n")
        return Card(text, tuple(self._marks), buttons, image, hint)


def cut(text: str, most: int) -> tuple[str, int]:
    """Cut a text to ``most`` units; return it and how many characters are left out.

    What belongs to the character before (an accent, the rest of an emoji) goes with it.
    """
    if units(text) <= most:
        return text, 0
    kept = text[:most]
    while units(kept) > most or _continues(text, len(kept)):
        kept = kept[:-1]
    return kept, len(text) - len(kept)


def _continues(text: str, place: int) -> bool:
    if not 0 < place < len(text):
        return False
    here, before = text[place], text[place - 1]
    return _ZWJ in {here, before} or unicodedata.category(here)[0] == "M" or _is_tone(here)


def neutral(text: str, *, lines: bool = False) -> str:
    """Name every character of a stranger's text that could deceive the eye.

    Line breaks stay with ``lines``, and even then not many empty ones in a row.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _few_marks(text)
    shown = "".join(_visible(text, place) for place in range(len(text)))
    return _few_empty_lines(shown) if lines else shown.replace("\n", " ⏎ ")


def _visible(text: str, place: int) -> str:
    character = text[place]
    if character == "\n" or (character in {_ZWJ, _ZWNJ} and _joins(text, place)):
        return character
    if character == "\t":
        return " "
    category = _category(character)
    if character in _BLANK or category in {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}:
        return f"⟨U+{ord(character):04X}⟩"
    return " " if category == "Zs" else character


def _joins(text: str, place: int) -> bool:
    """Tell whether a joiner stands where writing has use for it: in an emoji, in a script with
    joins.
    """
    if not 0 < place < len(text) - 1:
        return False
    before, after = text[place - 1], text[place + 1]
    if _category(after) == "So":
        of_emoji = _category(before) == "So" or before == "\ufe0f" or _is_tone(before)
        return text[place] == _ZWJ and of_emoji
    return all(unicodedata.name(c, "").startswith(_JOINING) for c in (before, after))


def _category(character: str) -> str:
    """Emoji are younger than this Python's tables; where they live, all are symbols."""
    category = unicodedata.category(character)
    return "So" if category == "Cn" and "\U0001f000" <= character < "\U0001fb00" else category


def _is_tone(character: str) -> bool:
    return "\U0001f3fb" <= character <= "\U0001f3ff"


def _few_marks(text: str) -> str:
    """Marks piled up on one letter grow into the lines around it."""
    if not any(unicodedata.combining(character) for character in text):
        return text
    kept = []
    for combining, run in groupby(text, key=lambda c: unicodedata.combining(c) != 0):
        characters = list(run)
        extra = len(characters) - MOST_MARKS_ON_ONE
        if combining and extra > 0:
            kept += [*characters[:MOST_MARKS_ON_ONE], f"⟨{extra} more marks⟩"]
        else:
            kept += characters
    return "".join(kept)


def _few_empty_lines(text: str) -> str:
    kept: list[str] = []
    for empty, run in groupby(text.split("\n"), key=lambda line: not line.strip()):
        group = list(run)
        many = empty and len(group) > MOST_EMPTY_LINES
        kept += [f"⟨{len(group)} empty lines⟩"] if many else group
    return "\n".join(kept)
