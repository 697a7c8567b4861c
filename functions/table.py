"""The whole table of routes: every row of every door, REST and callable."""

from collections.abc import Iterator
from importlib import import_module

from functions.http.routes import Route, Table
from functions.main import DOORS


def routes() -> Iterator[Route]:
    """Yield every row, door by door; the doors of Google's services and Telegram have none."""
    for module in dict.fromkeys(DOORS.values()):
        door = getattr(import_module(module), "DOOR", None)
        if isinstance(door, Table):
            yield from door.routes
