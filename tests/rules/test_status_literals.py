"""The words of the lifecycle are written down in one module; everyone else uses ``Status``."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.domain.notifications.lifecycle import Status

ROOT = Path(__file__).parents[2]
HOME = Path("shared/domain/notifications/lifecycle.py")
OTHER_MEANINGS = {
    ("shared/domain/delivery/ledger.py", "failed"): "an outcome of one device",
    ("shared/flow/delivery/send.py", "stopped"): "why a device was skipped",
    ("shared/domain/delivery/run.py", "stopped"): "why a device was skipped, and how a run ended",
    ("shared/domain/delivery/run.py", "sending"): "where a run is",
    ("shared/domain/delivery/run.py", "failed"): "how a run ended",
    ("functions/provider/api.py", "draft"): "a field of the request",
    ("shared/domain/codes.py", "stopped"): "why a device was skipped",
    ("shared/domain/codes.py", "failed"): "an outcome of one device",
    ("shared/domain/codes.py", "cancelled"): "the code of a refusal",
}
SOURCES = sorted(
    path.relative_to(ROOT)
    for folder in ("shared", "functions")
    for path in (ROOT / folder).rglob("*.py")
    if path.relative_to(ROOT) != HOME
)


def literals(source: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and node.value in set(map(str, Status)):
            yield node.lineno, node.value


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_no_status_is_spelled_out_beside_the_lifecycle(source: Path) -> None:
    strays = [
        f"{source}:{line} {word!r}"
        for line, word in literals(source)
        if (source.as_posix(), word) not in OTHER_MEANINGS
    ]
    assert strays == []
