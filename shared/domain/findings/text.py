"""The findings in a title, body or button's label, apart from its words."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

from shared.domain.findings.brands import BRANDS, under
from shared.domain.findings.finding import Finding, finding_of
from shared.domain.findings.hidden_characters import hidden_findings
from shared.domain.findings.look_alikes import imitates_latin, passes_for_other, skeleton
from shared.domain.findings.scripts import CYRILLIC, GREEK, LATIN, script, scripts

_WORD = re.compile(r"[^\W_]+")
_ALPHABETS = frozenset({LATIN, CYRILLIC, GREEK, "Armenian", "Cherokee", "Coptic"})
_SHOWING_WIDTH = frozenset({"Han", "Hiragana", "Katakana", "Hangul", "Bopomofo"})
_ABBREVIATION = re.compile(r"^(?:[A-Z]{2,}[\d]*)(?:[а-яёіўїєґ]+)$")
_STYLES = (
    *("MATHEMATICAL ", "FULLWIDTH LATIN ", "CIRCLED LATIN ", "SQUARED LATIN ", "NEGATIVE "),
    *("PARENTHESIZED LATIN ", "LATIN LETTER SMALL CAPITAL ", "MODIFIER LETTER SMALL "),
    *("MODIFIER LETTER CAPITAL ", "LATIN SMALL LETTER TURNED ", "SCRIPT ", "DOUBLE-STRUCK "),
    *("BLACK-LETTER ", "LATIN SMALL LETTER REVERSED "),
)
_MARKS_OF_EMPHASIS = re.compile("[!?！？❗❕❓❔‼⁉؟¡¿\ufe0f][!?！？❗❕❓❔‼⁉؟¡¿\ufe0f ]*")
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\u2b00-\u2bff]|[\U0001f1e6-\U0001f1ff]{2}")
_PART_OF_EMOJI = re.compile("\u200d.|[\U0001f3fb-\U0001f3ff\ufe0f]")
_ADDRESS = re.compile(
    r"(?<![\w@.-])(?:https?://|www\.)?((?:[\w-]+\.)+(?:xn--[\w-]+|[^\W\d_]{2,24}))(?=[/:?#]|\b)"
)
_ENDINGS = (
    "com net org info biz io co me app dev shop store online site top xyz club vip live click link "
    "page blog news tv cc ly gg ai ru by ua kz uz de fr it es pl uk us eu in ir il cn jp kr br tr "
    "nl cz ge am az gr ae sa ws to su рф бел укр icu buzz cyou fun pro example"
)
_TOP_LEVELS = frozenset(_ENDINGS.split())
_FEWEST_STYLED, _FEWEST_CAPITALS, _MOST_EMOJI, _MOST_MARKS = 3, 10, 10, 2
_SHOUTED_SHARE = 0.6
_SHORTEST_BRAND = 5


def text_findings(text: str, field: str, known_hosts: Sequence[str] = ()) -> tuple[Finding, ...]:
    """List the findings on a text. ``known_hosts`` are those it may well name."""
    return (
        *hidden_findings(text, field),
        *_words(text, field),
        *_styled(text, field),
        *_shouting(text, field),
        *_emphasis(text, field),
        *_emoji(text, field),
        *_addresses(text, field, known_hosts),
    )


def _words(text: str, field: str) -> Iterator[Finding]:
    """The first of each: a text of five hundred such words is one finding."""
    words = list(dict.fromkeys(_WORD.findall(unicodedata.normalize("NFC", text))))
    for word in words:
        if like := _imitated(word):
            yield finding_of("lookAlikeBrand", field, word=word, like=like)
            break
    for word in words:
        if mixed := _mixture(word):
            yield finding_of(
                "lookAlikeLetters", field, word=word, scripts=" and ".join(sorted(mixed))
            )
            break


@cache
def _skeletons() -> dict[str, str]:
    return {skeleton(brand): brand for brand in BRANDS if len(brand) >= _SHORTEST_BRAND}


def _imitated(word: str) -> str:
    """The well-known name that a word looks like without being it."""
    like = _skeletons().get(skeleton(word), "")
    bare = "".join(
        c for c in unicodedata.normalize("NFKD", word.casefold()) if unicodedata.category(c) != "Mn"
    )
    return like if like != bare else ""


def _mixture(word: str) -> frozenset[str]:
    """The scripts of a word whose fewer letters pass for those of its other script."""
    mixed = scripts(word) & _ALPHABETS
    if len(mixed) < 2 or _ABBREVIATION.match(word):
        return frozenset()
    latin = [c for c in word if script(c) == LATIN]
    other = [c for c in word if script(c) in mixed - {LATIN}]
    if LATIN not in mixed:
        return mixed if all(map(imitates_latin, word)) else frozenset()
    few, passes = (latin, passes_for_other) if len(latin) < len(other) else (other, imitates_latin)
    if len(word) - len(few) == 0 or not all(map(passes, few)):
        return frozenset()
    return mixed


def _styled(text: str, field: str) -> Iterator[Finding]:
    wide = bool(scripts(text) & _SHOWING_WIDTH)
    run = ""
    for character in [*text, " "]:
        if _is_styled(character, wide=wide):
            run += character
            continue
        if len(run) >= _FEWEST_STYLED:
            yield finding_of("styledLetters", field, word=run)
            return
        run = run if character in ("\ufe0f", "\u200b") else ""


def _is_styled(character: str, *, wide: bool) -> bool:
    name = unicodedata.name(character, "")
    if not name.startswith(_STYLES) or (wide and name.startswith("FULLWIDTH")):
        return False
    return any(c.isalpha() for c in unicodedata.normalize("NFKC", character)) or "LATIN" in name


def _shouting(text: str, field: str) -> Iterator[Finding]:
    cased = [c for c in text if unicodedata.category(c) in ("Lu", "Ll")]
    capitals = sum(c.isupper() for c in cased)
    loud = [word for word in _WORD.findall(text) if len(word) >= 4 and _is_loud(word)]
    share = capitals / len(cased) if cased else 0.0
    whole = share >= _SHOUTED_SHARE and len(loud) >= 2 and any(len(word) >= 5 for word in loud)
    if (whole and capitals >= _FEWEST_CAPITALS) or _longest_outcry(text) >= 15:
        yield finding_of("shouting", field, percent=round(100 * share))


def _is_loud(word: str) -> bool:
    letters = [c for c in word if unicodedata.category(c) in ("Lu", "Ll")]
    return bool(letters) and all(c.isupper() for c in letters) and not any(map(str.isdigit, word))


def _longest_outcry(text: str) -> int:
    """Letters of the longest run of at least four words in capitals."""
    most = words = letters = 0
    for word in _WORD.findall(text):
        loud = _is_loud(word)
        words, letters = (words + 1, letters + len(word)) if loud else (0, 0)
        if words >= 4:
            most = max(most, letters)
    return most


def _emphasis(text: str, field: str) -> Iterator[Finding]:
    for run in _MARKS_OF_EMPHASIS.findall(text):
        marks = sum(2 if c in "‼⁉" else 1 for c in run if c not in " \ufe0f¡¿")
        if marks > _MOST_MARKS:
            yield finding_of("exclamationRun", field, run=run.strip())
            return


def _emoji(text: str, field: str) -> Iterator[Finding]:
    count = len(_EMOJI.findall(_PART_OF_EMOJI.sub("", text)))
    if count > _MOST_EMOJI:
        yield finding_of("manyEmoji", field, count=count)


def _addresses(text: str, field: str, known_hosts: Sequence[str]) -> Iterator[Finding]:
    """Phones make links of addresses in a text, and those nobody has looked at."""
    for match in _ADDRESS.finditer(text):
        host = match[1].casefold()
        scheme = match[0].casefold().startswith(("http", "www."))
        tail = match[1].rpartition(".")[2]
        begins_a_sentence = not tail.islower() and text[match.end() : match.end() + 1] != "/"
        if not scheme and (begins_a_sentence or host.rpartition(".")[2] not in _TOP_LEVELS):
            continue
        known = any(under(host, domain) for domain in known_hosts)
        well_known = any(host == own for owned in BRANDS.values() for own in owned)
        if not known and not well_known:
            yield finding_of("addressInText", field, host=host)
            return
