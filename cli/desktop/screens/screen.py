"""What every way to show a notification can do."""

from typing import Protocol

from cli.desktop.note import Note


class Screen(Protocol):
    """A way to show notifications; one at a time, a newer one in the place of the older."""

    @property
    def name(self) -> str:
        """The name it has in reports."""
        ...

    def show(self, note: Note) -> None:
        """Show it; raises ``ProgramFailed`` where that is not possible."""
        ...

    def withdraw(self) -> None:
        """Take away what is shown, where it can be taken away."""
        ...

    def close(self) -> None:
        """End what runs for it. What is shown stays."""
        ...
