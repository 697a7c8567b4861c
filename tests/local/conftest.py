"""``fanfare`` at a terminal, on a Fanfare in memory."""

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from shared.wiring import replaced
from tests.builders import a_domain, a_provider
from tests.parts import MemoryParts, memory_parts

Fanfare = Callable[..., Result]


@pytest.fixture
def world() -> Iterator[MemoryParts]:
    parts = memory_parts(a_provider(), a_domain())
    with replaced(parts):
        yield parts


@pytest.fixture
def fanfare(world: MemoryParts, monkeypatch: pytest.MonkeyPatch) -> Fanfare:
    """Run commands at an operator's terminal."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "demo-fanfare")
    monkeypatch.setenv("USER", "olga")
    monkeypatch.setenv("LOGNAME", "olga")
    return lambda *said: CliRunner().invoke(main, said)
