"""The notifications of a Mac, through ``osascript``.

The script never changes; texts are its arguments. The first one is a word of ours, so that no
text can be taken for an option of ``osascript``.
"""

from collections.abc import Callable
from typing import Final

from cli.desktop.note import Note
from cli.desktop.programs import Programs

NOTICE: Final = """on run argv
  display notification (item 3 of argv) with title (item 2 of argv)
end run"""
DIALOG: Final = """on run argv
  set seconds to (item 4 of argv) as integer
  set label to item 5 of argv
  if label is "" then
    display dialog (item 3 of argv) with title (item 2 of argv) buttons {"Close"} ¬
      giving up after seconds
    return "closed"
  end if
  set answer to display dialog (item 3 of argv) with title (item 2 of argv) ¬
    buttons {"Close", label} default button 2 giving up after seconds
  if gave up of answer is false and button returned of answer is label then return "pressed"
  return "closed"
end run"""
CLOSE: Final = "Close"


class MacScreen:
    """Notifications in the Notification Centre; a dialog where one is to stay in front."""

    name = "macOS"

    def __init__(self, programs: Programs, open_link: Callable[[str], None]) -> None:
        self._programs, self._open_link = programs, open_link

    def show(self, note: Note) -> None:
        """Show it. A notice of a script has no buttons: its link stands in its text."""
        if note.force_seconds:
            self._ask(note)
            return
        body = "\n".join(filter(None, (note.body, note.link)))
        self._programs.run(["osascript", "-e", NOTICE, "notification", note.title, body])

    def withdraw(self) -> None:
        """Leave it: a script cannot take its notices away."""

    def close(self) -> None:
        """Leave everything as it is."""

    def _ask(self, note: Note) -> None:
        label = (note.button or "Open") if note.link else ""
        label = f"{label} …" if label == CLOSE else label
        texts = (note.title, note.body, str(note.force_seconds), label)
        answer = self._programs.run(["osascript", "-e", DIALOG, "notification", *texts])
        if answer.strip() == "pressed":
            self._open_link(note.link)
