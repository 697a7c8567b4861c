"""The drawing in docs/architecture.md shows the lifecycle table, no more and no less."""

import re
from pathlib import Path

from shared.domain.notifications.lifecycle import TERMINAL, TRANSITIONS

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"


def drawn() -> set[tuple[str, str, str]]:
    drawing = ARCHITECTURE.read_text().split("<!-- lifecycle -->")[1].split("```")[1]
    rows = re.findall(r"^\s+(\S+) --> (\S+?)(?:: (\w+))?$", drawing, re.MULTILINE)
    return {(origin, to, move) for origin, to, move in rows}


def test_the_drawing_has_exactly_the_rows_of_the_table() -> None:
    table = {
        (str(origin) if origin else "[*]", str(to), str(move))
        for (origin, move), targets in TRANSITIONS.items()
        for to in targets
    }
    assert drawn() == table | {(str(status), "[*]", "") for status in TERMINAL}
