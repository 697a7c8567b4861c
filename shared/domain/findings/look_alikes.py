"""Letters that look like others, and what a name looks like once all of them are the same.

Two names with one skeleton cannot be told apart at a glance. The table holds what fools a reader
of a phone's notification: letters that share a shape in ordinary fonts. It is far shorter than
Unicode's own list, most of which no keyboard has.
"""

import re
import unicodedata
from collections.abc import Mapping

_SMALL = {
    "a": "аɑαⱥᴀ",
    "b": "ƅьЬвʙᏏ",
    "c": "сϲƈᴄⅽ",
    "d": "ԁɗժᏧⅾ",
    "e": "еҽєℯεɛᴇ",
    "f": "ƒſẝք",
    "g": "ɡցǥԍɢ",
    "h": "һհнʜᏂ",
    "i": "іıɩιɪӏⅰ|l1ǀוןⅼ",
    "j": "јϳյʝ",
    "k": "кκᴋқ",
    "m": "мᴍⅿ",
    "n": "пոռηɴ",
    "o": "оοσօ০०೦൦๐໐٥۵0ⲟᴏჿס",
    "p": "рρϱᴘ",
    "q": "ԛգզ",
    "r": "гᴦʀꭇ",
    "s": "ѕꜱƽ5",
    "t": "тτᴛ",
    "u": "υսᴜʋц",
    "v": "ѵνᴠⅴט",
    "w": "ԝѡաᴡшω",
    "x": "хχⅹ×",
    "y": "уүყγʏ",
    "z": "ᴢʐ",
}
_CAPITAL = {
    "a": "АΑᎪ",
    "b": "ВΒᏴ",
    "c": "СϹᏟ",
    "d": "Ꭰ",
    "e": "ЕΕᎬ",
    "g": "Ԍ",
    "h": "НΗᎻ",
    "i": "ІΙӀ",
    "j": "ЈᎫ",
    "k": "КΚᏦ",
    "m": "МΜᎷ",
    "n": "Ν",
    "o": "ОΟՕ",
    "p": "РΡᏢ",
    "s": "ЅՏᏚ",
    "t": "ТΤᎢ",
    "u": "Ս",
    "v": "ѴᏙ",
    "w": "ԜᎳ",
    "x": "ХΧ",
    "y": "УΥҮ",
    "z": "ΖᏃ",
}

_SHAPES: Mapping[int, str] = {
    ord(like): letter
    for table in (_CAPITAL, _SMALL)
    for letter, likes in table.items()
    for like in likes
}
_EXACT_SMALL = frozenset("асеорхуіјѕһԁԛԝӏүѵ" + "οανρικυχϲϳ" + "օոսհցզյ")
_EXACT_CAPITAL = frozenset("АВЕКМНОРСТУХІЈЅԌԚԜҮѴ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ" + "ՕՏՍ")
_LATIN_TWINS = frozenset("aceopxyijsh" + "ABCEHIJKMOPSTXY" + "vnuk")
EXACT = _EXACT_SMALL | _EXACT_CAPITAL
"""Letters of other scripts that most fonts draw exactly as a Latin one."""

_PAIRS = (("rn", "m"), ("vv", "w"))
_RUN = re.compile(r"(.)\1+")


def skeleton(name: str) -> str:
    """Reduce ``name`` to one letter for all letters of one shape."""
    plain = unicodedata.normalize("NFKD", name.translate(_SHAPES))
    bare = "".join(c for c in plain if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    shaped = bare.translate(_SHAPES).casefold().translate(_SHAPES)
    for pair, letter in _PAIRS:
        shaped = shaped.replace(pair, letter)
    return shaped


def squeezed(name: str) -> str:
    """Strip the skeleton of separators and doubled letters, as a hasty reader does."""
    return _RUN.sub(r"\1", re.sub(r"[-._·・]", "", skeleton(name)))


def imitates_latin(letter: str) -> bool:
    """Tell whether a letter of another script passes for a Latin one."""
    return letter in EXACT


def passes_for_other(letter: str) -> bool:
    """Tell whether a Latin letter passes for one of another script."""
    return letter in _LATIN_TWINS
