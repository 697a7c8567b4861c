"""What all tests of verbs have in common: nobody waits in them for real."""

import pytest

from tests.flow.waits import shorten_waits


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses between the tries of a change, and put off their end."""
    shorten_waits(monkeypatch)
