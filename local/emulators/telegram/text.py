"""Texts as Telegram takes them: plain with marks, or HTML to be parsed; counted in UTF-16 units.

Like Telegram it finds links, mentions, hashtags and commands by itself, but not inside ``code``
and ``pre``: what a person can tap on is more than what was marked.
"""

import re
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any

from local.emulators.telegram.schema import Entity

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
}
_PIECE = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z-]*)(?P<more>[^<>]*)>|<|(?P<text>[^<]+)")
_HREF = re.compile(r"""\s+href=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))\s*""")
_ESCAPE = re.compile(r"&(?:#[0-9]+|#x[0-9a-fA-F]+|lt|gt|amp|quot);")
_AUTOMATIC = {
    "url": re.compile(
        r"(?:https?://\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|example|ru|me)\b\S*)"
    ),
    "mention": re.compile(r"(?<!\w)@[A-Za-z][A-Za-z0-9_]{3,31}"),
    "hashtag": re.compile(r"(?<!\w)#\w+"),
    "bot_command": re.compile(r"(?<![\w/])/[A-Za-z0-9_]{1,32}"),
}
_FRAMED = ("code", "pre")

Json = dict[str, Any]


class BadText(Exception):
    """Error for a text that Telegram does not take, in its words."""


def units(text: str) -> int:
    """Count a text's length as Telegram does."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def part(text: str, offset: int, length: int) -> str:
    """Return the part of the text that a mark is on."""
    code_units = text.encode("utf-16-le", "surrogatepass")
    return code_units[2 * offset : 2 * (offset + length)].decode("utf-16-le", "surrogatepass")


def check_text(
    text: str, parse_mode: str | None, entities: Sequence[Entity], most: int, what: str
) -> tuple[str, list[Json]]:
    """Return the text as people see it, and all its marks."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadText("strings must be encoded in UTF-8")
    if parse_mode == "HTML":
        text, marks = _parsed(text)
    elif parse_mode:
        raise BadText(f"can't parse entities: the emulator does not know {parse_mode}")
    else:
        marks = [entity.model_dump(exclude_none=True) for entity in entities]
        _check(text, marks)
    if what == "message text" and not text.strip():
        raise BadText("message text is empty")
    if units(text) > most:
        too_long = {"message text": "message is too long"}
        raise BadText(too_long.get(what, "message caption is too long"))
    return text, sorted(
        [*marks, *_automatic_marks(text, marks)], key=lambda m: (m["offset"], -m["length"])
    )


def _check(text: str, marks: Sequence[Json]) -> None:
    open_until: list[int] = []
    for mark in sorted(marks, key=lambda m: (m["offset"], -m["length"])):
        start, end = mark["offset"], mark["offset"] + mark["length"]
        if end > units(text):
            raise BadText("ENTITY_BOUNDS_INVALID")
        inside = part(text, start, mark["length"])
        if "\udc00" <= inside[:1] <= "\udfff" or "\ud800" <= inside[-1:] <= "\udbff":
            raise BadText("ENTITY_BOUNDS_INVALID")
        if mark["type"] == "text_mention" and "user" not in mark:
            raise BadText("can't parse entities: text_mention needs a user")
        while open_until and open_until[-1] <= start:
            open_until.pop()
        if open_until and end > open_until[-1]:
            raise BadText("can't parse entities: entities overlap")
        open_until.append(end)


def _parsed(html: str) -> tuple[str, list[Json]]:
    text, marks, stack = "", [], list[tuple[str, int, Json]]()
    for piece in _PIECE.finditer(html):
        if piece["text"] is not None:
            text += _unescaped(piece["text"])
            continue
        name = (piece["name"] or "").lower()
        if name not in _TAGS:
            where = f"at byte offset {len(html[: piece.start()].encode())}"
            raise BadText(f'can\'t parse entities: Unsupported start tag "{name}" {where}')
        if not piece["close"]:
            stack.append((name, units(text), _opened(name, piece["more"])))
            continue
        if not stack or stack[-1][0] != name:
            raise BadText(f'can\'t parse entities: Unexpected end tag "{name}"')
        _, start, mark = stack.pop()
        if length := units(text) - start:
            marks.append({**mark, "offset": start, "length": length})
    if stack:
        raise BadText(f"can't parse entities: Can't find end tag corresponding to {stack[-1][0]}")
    return text, marks


def _opened(name: str, more: str) -> Json:
    if name != "a":
        return {"type": _TAGS[name]}
    href = _HREF.fullmatch(more)
    if not href:
        raise BadText("can't parse entities: a link needs its href")
    return {"type": "text_link", "url": unescape(next(filter(None, href.groups()), ""))}


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: unescape(found[0]), text)


def _automatic_marks(text: str, marks: Sequence[Json]) -> Iterator[Json]:
    framed = [m for m in marks if m["type"] in _FRAMED]
    for kind, pattern in _AUTOMATIC.items():
        for match in pattern.finditer(text):
            start, length = units(text[: match.start()]), units(match[0])
            hidden = any(
                f["offset"] < start + length and start < f["offset"] + f["length"] for f in framed
            )
            if not hidden:
                yield {"type": kind, "offset": start, "length": length}
