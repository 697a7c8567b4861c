"""The notifications of a Linux desktop: ``org.freedesktop.Notifications`` on the session's D-Bus.

Asked with ``gdbus``, which every GLib brings along. Its arguments are GVariant texts, so every text
is written as one, in ASCII: no quote can end it. Where the server takes markup in the body, ours
is escaped; the title is plain text to every server.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from html import escape
from typing import Final

from cli.desktop.note import Note
from cli.desktop.programs import ProgramFailed, Programs

NAME: Final = "org.freedesktop.Notifications"
PATH: Final = "/org/freedesktop/Notifications"
APP: Final = "Fanfare"
CRITICAL, NORMAL = 2, 1
NEVER, AS_USUAL = 0, -1
DEFAULT, BUTTON = "default", "open"
ACTION = re.compile(
    rf"{PATH}: {re.escape(NAME)}\.ActionInvoked \(uint32 (\d+), '(?:{DEFAULT}|{BUTTON})'\)\s*"
)
_ID = re.compile(r"\(uint32 (\d+),\)\s*")
_PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - {'"', "\\"}


class DBusScreen:
    """Notifications shown by the session's notification server."""

    name = "D-Bus"

    def __init__(
        self,
        programs: Programs,
        open_link: Callable[[str], None],
        picture_of: Callable[[Note], str],
    ) -> None:
        """Ask the server what it can do; raises ``ProgramFailed`` where there is none."""
        self._programs, self._open_link, self._picture_of = programs, open_link, picture_of
        self._links: dict[int, str] = {}
        self._shown_id = 0
        self._end = ExitStack()
        capabilities = self._call("GetCapabilities")
        self._markup = "'body-markup'" in capabilities
        if "'actions'" in capabilities:
            monitor = _gdbus("monitor", "--object-path", PATH)
            self._end.enter_context(programs.following(monitor, self._heed))

    def show(self, note: Note) -> None:
        """Show it in the place of the one before. One with a forced time is critical and stays
        until somebody closes it: servers keep such a notification in front.
        """
        forced = note.force_seconds > 0
        picture = self._picture_of(note)
        hints = [f"'urgency': <byte {CRITICAL if forced else NORMAL}>"]
        hints += [f"'image-path': <{text(picture)}>"] if picture else []
        body = escape(note.body, quote=False) if self._markup else note.body
        answer = self._call(
            "Notify",
            text(APP),
            f"uint32 {self._shown_id}",
            text(""),
            text(note.title),
            text(body),
            _actions(note),
            f"{{{', '.join(hints)}}}",
            f"int32 {NEVER if forced else AS_USUAL}",
        )
        found = _ID.fullmatch(answer)
        if found is None:
            raise ProgramFailed(f"gdbus: {answer.strip()} is no notification's number")
        self._shown_id = int(found[1])
        self._links = {self._shown_id: note.link} if note.link else {}

    def withdraw(self) -> None:
        """Close it; a person may have closed it before."""
        if self._shown_id:
            self._call("CloseNotification", f"uint32 {self._shown_id}")
        self._shown_id, self._links = 0, {}

    def close(self) -> None:
        """Stop listening for presses."""
        self._end.close()

    def _call(self, method: str, *arguments: str) -> str:
        where = ("--object-path", PATH, "--method", f"{NAME}.{method}")
        return self._programs.run([*_gdbus("call", *where), "--timeout", "20", "--", *arguments])

    def _heed(self, line: str) -> None:
        pressed = ACTION.fullmatch(line)
        if pressed and (link := self._links.get(int(pressed[1]))):
            self._open_link(link)


def text(value: str) -> str:
    """Write a text as GVariant does, in ASCII."""
    return '"' + "".join(c if c in _PLAIN else _escaped(c) for c in value) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    number = ord(character)
    return f"\\U{number:08x}" if number > 0xFFFF else f"\\u{number:04x}"


def _actions(note: Note) -> str:
    """List a press on the notification and one on its button, each with its label."""
    if not note.link:
        return "@as []"
    label = note.button or "Open"
    return f"[{', '.join(map(text, (DEFAULT, label, BUTTON, label)))}]"


def _gdbus(what: str, *arguments: str) -> list[str]:
    return ["gdbus", what, "--session", "--dest", NAME, *arguments]
