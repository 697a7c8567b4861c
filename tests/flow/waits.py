"""The pauses between tries, shortened, and their end put off: no clock decides in a test of verbs.

Where a change lost a race, the rival has written before it is tried again, or is a thread that
needs no more than a moment. How often it is tried is limited as ever; how long that may take on a
busy machine is not.
"""

import time

import pytest

from shared.stores import change, slots

SHORTENED = 50
PATIENCE_SECONDS = 3_600.0


def shorten_waits(patch: pytest.MonkeyPatch) -> None:
    """Shorten every pause of a store, and leave it the time to come to its last try."""
    patch.setattr(change, "TOTAL_SECONDS", PATIENCE_SECONDS)
    for store in (change, slots):
        patch.setattr(store, "sleep", _shortly)


def _shortly(seconds: float) -> None:
    time.sleep(seconds / SHORTENED)
