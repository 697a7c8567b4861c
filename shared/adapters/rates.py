"""Counts of what each caller did lately, kept in this process alone.

A count in the store would cost a write for each call, more than the calls themselves. So with ``n``
processes a caller may do up to ``n`` times as much; how many there are is bounded.
"""

import threading
from collections import OrderedDict
from typing import Final

from shared.domain.providers.rate import Bucket
from shared.ports import Clock

MOST_REMEMBERED: Final = 10_000


class ProcessRates:
    """``Rates`` in memory; callers counted longest ago are forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    def take(self, who: str, what: str, per_minute: int, *, cost: int = 1) -> float:
        with self._lock:
            now = self._clock.now()
            bucket = self._buckets.get((who, what)) or Bucket.full(per_minute, now)
            self._buckets[who, what], wait = bucket.take(cost, per_minute, now)
            self._buckets.move_to_end((who, what))
            while len(self._buckets) > MOST_REMEMBERED:
                self._buckets.popitem(last=False)
            return wait
