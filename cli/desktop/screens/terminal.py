"""The terminal as the place where notifications are shown."""

from collections.abc import Callable
from typing import Final

from cli.desktop.note import Note

BAR: Final = "│ "


class TerminalScreen:
    """Notifications as lines, each behind a bar, so that none passes for one of ours."""

    name = "the terminal"

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print_line = print_line

    def show(self, note: Note) -> None:
        """Print it."""
        link = f"{note.button or 'Open'}: {note.url}" if note.url else ""
        image = f"Image: {note.image}" if note.image else ""
        for line in filter(None, (note.title, *note.body.split("\n"), link, image)):
            self._print_line(f"{BAR}{line}".rstrip())

    def withdraw(self) -> None:
        """Leave it: what is printed is printed."""

    def close(self) -> None:
        """Leave everything as it is."""
