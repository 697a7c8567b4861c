"""The times at which batches of a big audience may go out: slowly at first, then at an even pace.

FCM asks senders to take at least a minute from nothing to full speed. A queue has one speed only,
so every batch is given a moment of its own before which it is not sent. The moment depends on
nothing but the batch's number: planning again gives the same one.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

RAMP_SECONDS: Final = 60.0
SMALL_AUDIENCE: Final = 5_000
"""Below so many devices there is nothing to ramp up: all batches may go at once."""
LONGEST_DELAY: Final = timedelta(days=1)
"""Later than this no batch is sent on account of its number; Cloud Tasks keeps no task for long."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """The schedule of one part of an audience.

    The parts take turns: of all the audience's batches this part has every ``step``-th from
    ``first`` on. ``per_second`` is the full speed of all parts together, in batches.
    """

    starts_at: datetime
    per_second: float
    first: int = 0
    step: int = 1

    def due(self, number: int) -> datetime:
        """Calculate when this part's batch ``number`` may go out."""
        seconds = delay_seconds(self.first + number * self.step, self.per_second)
        return self.starts_at + min(LONGEST_DELAY, timedelta(seconds=seconds))


def delay_seconds(index: int, per_second: float) -> float:
    """Calculate how many seconds after the start the batch ``index`` is due.

    The speed grows evenly to ``per_second`` over ``RAMP_SECONDS`` and stays there.
    """
    climbing = per_second * RAMP_SECONDS / 2
    if index < climbing:
        return math.sqrt(2 * RAMP_SECONDS * index / per_second)
    return RAMP_SECONDS / 2 + index / per_second
