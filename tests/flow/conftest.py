"""What all tests of verbs have in common: nobody waits in them for real."""

import time

import pytest

from shared.stores import change

SHORTENED = 50


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses between the tries of a change that lost a race.

    The rival has written before it is tried again, or is a thread that needs no more than a moment.
    """

    def shortened(seconds: float) -> None:
        time.sleep(seconds / SHORTENED)

    monkeypatch.setattr(change, "sleep", shortened)
