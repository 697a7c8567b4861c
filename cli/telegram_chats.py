"""The groups and people that a bot has heard of, out of what Telegram sends it.

Their names are strangers' words: on a terminal, too, they are shown and not obeyed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shared.domain.chat.cards import one_line
from shared.domain.chat.text import SHARED_ACCOUNTS

MOST_NAME_UNITS = 60

JsonObject = Mapping[str, Any]


def seen_in(updates: Iterable[JsonObject]) -> list[str]:
    """List groups, then people, a line each, in the order in which they appeared."""
    chats: dict[int, str] = {}
    people: dict[int, str] = {}
    for update in updates:
        for part in _parts(update):
            _note(chats, part.get("chat"))
            sender = _of(part, "from")
            if not sender.get("is_bot") and sender.get("id") not in SHARED_ACCOUNTS:
                _note(people, sender)
            if moved := part.get("migrate_to_chat_id"):
                chats.pop(_of(part, "chat").get("id", 0), None)
                _note(chats, {**_of(part, "chat"), "id": moved, "type": "supergroup"})
    groups = [f"chat     {line}" for id, line in chats.items() if id not in people]
    return [*groups, *(f"user     {line}" for line in people.values())]


def _parts(update: JsonObject) -> Iterator[JsonObject]:
    """Return what happened, and the message it happened to."""
    for part in update.values():
        if isinstance(part, dict):
            yield part
            yield {"chat": _of(part, "message").get("chat")}


def _note(chats: dict[int, str], who: Any) -> None:
    if isinstance(who, dict) and isinstance(who.get("id"), int):
        chats[who["id"]] = f"{_name(who)} ({', '.join(map(str, _facts(who)))})"


def _name(who: JsonObject) -> str:
    names = (who.get("first_name"), who.get("last_name"))
    name = who.get("title") or " ".join(str(each) for each in names if each)
    return one_line(str(name or "no name"), MOST_NAME_UNITS)


def _facts(who: JsonObject) -> Iterator[object]:
    if username := who.get("username"):
        yield f"@{one_line(str(username), MOST_NAME_UNITS)}"
    if kind := who.get("type"):
        yield kind
    yield who["id"]


def _of(part: JsonObject, name: str) -> JsonObject:
    found = part.get(name)
    return found if isinstance(found, dict) else {}
