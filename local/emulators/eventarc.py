"""Eventarc: Firestore events, retried until the function answers 2xx, and unreliable on request.

Firestore's emulator surprises: it sends one event at a time and tries once, whatever the answer; it
gives up waiting after 20 s; the protobuf body arrives in base64; ``ce-source`` says
``projects/projects/``. So an event is acknowledged as soon as it is queued here, and a full queue
makes the emulator wait, for less than those 20 s.
"""

import base64
import heapq
import itertools
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

MAX_WAIT_FOR_ROOM_SECONDS = 15.0
SHUFFLE_SECONDS = 1.0

logger = logging.getLogger("gateway")


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults of delivery, each as a probability, which is 0 unless asked for.

    A duplicated event arrives two or three times, a shuffled one up to a second late (later events
    overtake it), a dropped one never.
    """

    duplicate: float = 0.0
    shuffle: float = 0.0
    drop: float = 0.0
    seed: int = 0

    @classmethod
    def of(cls, settings: Any) -> Self:
        """Read faults from JSON; ``true`` means always."""
        known = {each.name for each in fields(cls)}
        if not isinstance(settings, dict) or not settings.keys() <= known:
            raise ValueError(f"expected an object with any of {', '.join(sorted(known))}")
        if not all(isinstance(value, int | float) for value in settings.values()):
            raise ValueError("every value is a number, or true or false")
        probabilities = {k: float(v) for k, v in settings.items() if k != "seed"}
        if not all(0 <= value <= 1 for value in probabilities.values()):
            raise ValueError("a probability lies between 0 and 1")
        return cls(**probabilities, seed=int(settings.get("seed", 0)))


@dataclass(frozen=True, slots=True)
class Event:
    """Firestore event on its way to a function."""

    function: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def from_emulator(cls, function: str, headers: Mapping[str, str], body: bytes) -> Self:
        """Convert an event of Firestore's emulator to what Eventarc would send."""
        kept = {name.lower(): value for name, value in headers.items()}
        kept = {k: v for k, v in kept.items() if k.startswith("ce-") or k == "content-type"}
        source = kept.get("ce-source", "")
        kept["ce-source"] = source.replace("/projects/projects/", "/projects/", 1)
        return cls(function, kept, base64.b64decode(body, validate=True))

    def __str__(self) -> str:
        return f"{self.function} for {self.headers.get('ce-document', '?')}"


@dataclass(frozen=True, slots=True)
class Backoff:
    """The number of tries and their pauses: Eventarc's 10-600 s for 24 h, on a smaller scale."""

    attempts: int = 10
    first_seconds: float = 0.5
    longest_seconds: float = 10.0

    def after(self, attempt: int) -> float:
        """Return the seconds to wait after this failed attempt, the first being 1."""
        return min(self.longest_seconds, self.first_seconds * 2.0 ** (attempt - 1))


@dataclass(slots=True)
class Counts:
    """Counts of events by what became of them."""

    received: int = 0
    delivered: int = 0
    retried: int = 0
    dropped: int = 0
    given_up: int = 0


@dataclass(order=True, slots=True)
class _Delivery:
    due: float
    turn: int
    event: Event = field(compare=False)
    attempt: int = field(default=1, compare=False)


class Eventarc:
    """Delivery of events with a few threads; ``room`` events at most wait here, further senders
    wait.
    """

    def __init__(
        self,
        deliver: Callable[[Event], int],
        *,
        room: int = 1000,
        threads: int = 4,
        backoff: Backoff | None = None,
    ) -> None:
        self._deliver = deliver
        self._room, self._threads, self._backoff = room, threads, backoff or Backoff()
        self._changed = threading.Condition()
        self._queue: list[_Delivery] = []
        self._under_way = 0
        self._turns = itertools.count()
        self._counts = Counts()
        self._faults, self._chance = Faults(), random.Random(0)  # noqa: S311 (a seeded rehearsal)

    def start(self) -> None:
        """Start the threads; they end with the process."""
        for number in range(self._threads):
            threading.Thread(target=self._work, name=f"eventarc-{number}", daemon=True).start()

    @property
    def faults(self) -> Faults:
        """Faults in force."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        with self._changed:
            self._faults, self._chance = faults, random.Random(faults.seed)  # noqa: S311

    def state(self) -> dict[str, int]:
        """Return the counts, and how many events are waiting or under way."""
        with self._changed:
            return {**asdict(self._counts), "waiting": len(self._queue) + self._under_way}

    def accept(self, event: Event) -> None:
        """Queue the event; wait while there is no room, but never as long as its sender would."""
        with self._changed:
            self._counts.received += 1
            delays = self._delays()
            self._counts.dropped += not delays
            if delays:
                self._changed.wait_for(self._has_room, MAX_WAIT_FOR_ROOM_SECONDS)
            for delay in delays:
                self._push(event, delay)
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return len(self._queue) + self._under_way < self._room

    def _push(self, event: Event, delay: float, attempt: int = 1) -> None:
        due = time.monotonic() + delay
        heapq.heappush(self._queue, _Delivery(due, next(self._turns), event, attempt))

    def _delays(self) -> list[float]:
        chance, faults = self._chance, self._faults
        if chance.random() < faults.drop:
            return []
        copies = chance.randint(2, 3) if chance.random() < faults.duplicate else 1
        return [
            chance.uniform(0, SHUFFLE_SECONDS) if chance.random() < faults.shuffle else 0.0
            for _ in range(copies)
        ]

    def _work(self) -> None:
        while True:
            delivery = self._next()
            status = self._attempt(delivery.event)
            with self._changed:
                self._under_way -= 1
                self._settle(delivery, status)
                self._changed.notify_all()

    def _next(self) -> _Delivery:
        with self._changed:
            while True:
                now = time.monotonic()
                if self._queue and self._queue[0].due <= now:
                    self._under_way += 1
                    return heapq.heappop(self._queue)
                self._changed.wait(self._queue[0].due - now if self._queue else None)

    def _attempt(self, event: Event) -> int:
        try:
            return self._deliver(event)
        except Exception:  # the thread must live on
            logger.exception("%s could not be called", event)
            return 500

    def _settle(self, delivery: _Delivery, status: int) -> None:
        event, attempt = delivery.event, delivery.attempt
        if 200 <= status < 300:
            self._counts.delivered += 1
        elif attempt >= self._backoff.attempts:
            self._counts.given_up += 1
            logger.error("%s answered %d, %d times: given up", event, status, attempt)
        else:
            self._counts.retried += 1
            wait = self._backoff.after(attempt)
            logger.warning(
                "%s answered %d, attempt %d: again in %g s", event, status, attempt, wait
            )
            self._push(event, wait, attempt + 1)
