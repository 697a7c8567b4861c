"""What a listening computer says of what it does: sentences for people, or lines of JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Final

from shared.domain.chat.text import neutral

Tell = Callable[..., None]
"""Takes the event's name, and the values that belong to it."""

SENTENCES: Final[Mapping[str, str]] = {
    "registered": "registered as {hwid}, for {domains}",
    "shown": "shown {id} by {by}: {title}",
    "nothing": "there is nothing to show",
    "withdrawn": "withdrawn {id}: it has ended",
    "opened": "opened {url}",
    "away": "{why}; trying again in {seconds:.0f} s",
    "back": "the server answers again",
    "screen": "{why}; shown in the terminal instead",
    "left": "{hwid} is forgotten, here and by the server",
    "consent": "consent of {hwid}: {consent}",
    "ended": "ended",
}
"""Every event, and its sentence. The names are stable; scripts branch on them."""


def for_people(print_line: Callable[[str], None]) -> Tell:
    """Return what prints sentences; no value of another party is obeyed by the terminal."""

    def tell(event: str, **values: object) -> None:
        print_line(neutral(SENTENCES[event].format(**values)))

    return tell


def for_programs(print_line: Callable[[str], None]) -> Tell:
    """Return what prints an event a line, as JSON in ASCII."""

    def tell(event: str, **values: object) -> None:
        print_line(json.dumps({"event": event, **values}))

    return tell
