"""Characters that are not seen but do something, told apart from those that writing needs.

A joiner is spelling in Persian and Hindi and glue in emoji; the very same one inside an English
word serves only to slip past a filter. So each is judged by the characters around it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from shared.domain.findings.finding import Finding, finding_of
from shared.domain.findings.scripts import HAN, JOINED, UNSPACED, reads_right_to_left, script

ZWSP, ZWNJ, ZWJ, SOFT_HYPHEN = "\u200b", "\u200c", "\u200d", "\u00ad"
_MARKS_OF_DIRECTION = frozenset("\u200e\u200f\u061c")
_OVERRIDES = frozenset("\u202d\u202e")
_OPENING, _CLOSING = frozenset("\u202a\u202b\u2066\u2067\u2068"), frozenset("\u202c\u2069")
_ENDS = {"\u202a": "\u202c", "\u202b": "\u202c"}
_NEVER_SHOWN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180e\u2060\u2061\u2062\u2063\u2064\u206a\u206b\u206c\u206d"
    "\u206e\u206f\u2800\u3164\ufeff\uffa0\ufff9\ufffa\ufffb\U0001d173\U0001d174\U0001d175"
    "\U0001d176\U0001d177\U0001d178\U0001d179\U0001d17a"
)
_STEERING = _MARKS_OF_DIRECTION | _OVERRIDES | _OPENING | _CLOSING
_UNSEEN = _NEVER_SHOWN | {ZWSP, ZWNJ, ZWJ, SOFT_HYPHEN}
_AUTHORITY = re.compile(r"[^:/?#]*:/*[^/?#\\]*")
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")
_TAG = re.compile("[\U000e0000-\U000e007f]")
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}")
_ZERO_WIDTHS = re.compile("[\u200b\u200c\u200d\u2060-\u2064\ufeff\u180e]{4,}")
_MARK_STACK = re.compile(
    "\\w?(?:[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3,})"
)
_MOST_MARKS = 4
_SHORTEST_HYPHENATED = 10


def hidden_findings(text: str, field: str) -> Iterator[Finding]:
    """List the findings on characters of a text that are not shown."""
    text = _FLAG.sub("", text)
    yield from _messages(text, field)
    plain = _ZERO_WIDTHS.sub("", _SELECTORS.sub("", text))
    yield from _listed("invisibleCharacters", invisible(plain), field)
    yield from _directions(text, field)
    yield from _listed("controlCharacters", [c for c in text if _is_control(c)], field)
    yield from _listed("unreadableCharacters", [c for c in text if _is_unreadable(c)], field)
    if stack := _stacked(text):
        yield finding_of("stackedMarks", field, word=stack)


def hidden_in_address(url: str) -> list[str]:
    """List the findings on unseen characters: in a host none has a use, in a path some have."""
    end = _AUTHORITY.match(url)
    host, path = (url[: end.end()], url[end.end() :]) if end else (url, "")
    return [c for c in host if c in _UNSEEN or _SELECTOR.match(c) or _is_harmful(c)] + [
        c for place, c in enumerate(path) if _is_harmful(c) or _is_needless(path, place, c)
    ]


def _is_harmful(character: str) -> bool:
    return (
        character in _STEERING
        or character in "\t\n\r"
        or bool(_TAG.match(character))
        or _is_control(character)
        or _is_unreadable(character)
    )


def invisible(text: str) -> list[str]:
    """List the characters that are not seen and that nothing around them needs."""
    return [c for place, c in enumerate(text) if _is_needless(text, place, c)]


def _is_needless(text: str, place: int, character: str) -> bool:
    if character in _NEVER_SHOWN:
        return True
    allowed = _NEEDED.get(character) or (_selects if _SELECTOR.match(character) else None)
    if allowed is None:
        return False
    before, after = text[max(0, place - 1) : place], text[place + 1 : place + 2]
    if character == SOFT_HYPHEN:
        return not _hyphenates(text, place)
    return not allowed(before, after)


def _joins_letters(before: str, after: str) -> bool:  # noqa: ARG001 - one shape for all
    return bool(before) and script(before) in JOINED


def _joins(before: str, after: str) -> bool:
    if _joins_letters(before, after):
        return True
    glued = before and (_is_pictured(before) or before == "\ufe0f")
    return bool(glued and after and _is_pictured(after))


def _parts_words(before: str, after: str) -> bool:
    return bool(before and after) and {script(before), script(after)} <= UNSPACED


def _selects(before: str, after: str) -> bool:  # noqa: ARG001 - one shape for all
    if not before or _SELECTOR.match(before) or before.isspace():
        return False
    return script(before) in ("", HAN, "Mongolian", "Phags-pa", "Myanmar")


def _hyphenates(text: str, place: int) -> bool:
    """Long words may say where they can be broken."""
    word = re.compile(rf"[\w{SOFT_HYPHEN}]+").search(text, _start_of_word(text, place))
    letters = word[0].replace(SOFT_HYPHEN, "") if word else ""
    inside = 0 < place < len(text) - 1 and text[place - 1].isalpha() and text[place + 1].isalpha()
    return inside and len(letters) >= _SHORTEST_HYPHENATED


def _start_of_word(text: str, place: int) -> int:
    while place > 0 and (text[place - 1].isalnum() or text[place - 1] == SOFT_HYPHEN):
        place -= 1
    return place


_NEEDED: Mapping[str, Callable[[str, str], bool]] = {
    ZWSP: _parts_words,
    ZWNJ: _joins_letters,
    ZWJ: _joins,
    SOFT_HYPHEN: _joins,
}


def _is_pictured(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk", "Cn") and not character.isspace()


def _messages(text: str, field: str) -> Iterator[Finding]:
    """Runs of what is never shown can spell out a text of their own."""
    tags = _TAG.findall(text)
    selectors = "".join(_SELECTORS.findall(text))
    widths = "".join(_ZERO_WIDTHS.findall(text))
    if count := len(tags) + len(selectors) + len(widths):
        which = _named([*tags, *selectors, *widths])
        yield finding_of("hiddenMessage", field, count=count, which=which)


def _directions(text: str, field: str) -> Iterator[Finding]:
    if any(c in _OVERRIDES for c in text):
        yield finding_of("directionOverride", field)
        return
    steering = [c for c in text if c in _MARKS_OF_DIRECTION | _OPENING | _CLOSING]
    if steering and not (reads_right_to_left(text) and (_balanced(text) or _only_marks(steering))):
        yield from _listed("directionControls", steering, field)


def _only_marks(steering: Sequence[str]) -> bool:
    return all(c in _MARKS_OF_DIRECTION for c in steering)


def _balanced(text: str) -> bool:
    """Tell whether everything that is opened is closed, in order."""
    ends: list[str] = []
    for c in text:
        if c in _OPENING | _OVERRIDES:
            ends.append(_ENDS.get(c, "\u202c" if c in _OVERRIDES else "\u2069"))
        elif c in _CLOSING and (not ends or ends.pop() != c):
            return False
    return not ends


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp") and character not in "\t\n\r"


def _is_unreadable(character: str) -> bool:
    category = unicodedata.category(character)
    is_no_character = category == "Cn" and (ord(character) & 0xFFFE) == 0xFFFE
    in_arabic_forms = 0xFDD0 <= ord(character) <= 0xFDEF
    return category in ("Co", "Cs") or is_no_character or in_arabic_forms or character == "\ufffd"


def _stacked(text: str) -> str:
    if piled := _MARK_STACK.search(text):
        return piled[0]
    run, base = 0, ""
    for c in text:
        if unicodedata.category(c) in ("Mn", "Me") and script(c) != "Tibetan":
            run += 1
            base += c
            if run > _MOST_MARKS and not _SELECTOR.match(c) and not _TAG.match(c):
                return base
        else:
            run, base = 0, c
    return ""


def _listed(code: str, characters: Sequence[str], field: str) -> Iterator[Finding]:
    if characters:
        yield finding_of(code, field, which=_named(characters))


def _named(characters: Sequence[str]) -> str:
    """Up to three different ones, by name or number."""
    different = list(dict.fromkeys(characters))
    names = [unicodedata.name(c, "").lower() or f"U+{ord(c):04X}" for c in different[:3]]
    return ", ".join(names) + (" …" if len(different) > len(names) else "")
