"""The screen and the browser of this computer."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from cli.desktop.note import Note
from cli.desktop.programs import ProgramFailed, Programs
from cli.desktop.screens.dbus import DBusScreen
from cli.desktop.screens.macos import MacScreen
from cli.desktop.screens.screen import Screen
from cli.desktop.screens.windows import WindowsScreen

OPENERS: Final[Mapping[str, str]] = {"darwin": "open"}
OPENER: Final = "xdg-open"


def own_screen(
    platform: str,
    programs: Programs,
    opened: Callable[[str], None],
    picture_of: Callable[[Note], str],
) -> Screen:
    """Return the desktop's own means; raises ``ProgramFailed`` where it has none.

    ``opened`` hears of each link that was opened for a person; ``picture_of`` gives the address of
    a note's picture as a file, or nothing.
    """
    if platform == "win32":
        return WindowsScreen(programs, picture_of)
    opener = OPENERS.get(platform, OPENER)

    def open_link(link: str) -> None:
        with suppress(ProgramFailed):
            programs.start([opener, link])
            opened(link)

    if platform == "darwin":
        return MacScreen(programs, open_link)
    return DBusScreen(programs, open_link, picture_of)
