"""The rules of a queue, apart from any clock or socket: rates, retries, and faults on request.

Two of them surprise: backoff doubles only ``max_doublings`` times and then grows by equal steps,
and a task is given up only when its attempts *and* its time are both used up.
"""

import random
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

LARGEST_BURST = 100
SHUFFLE_SECONDS = 0.25
"""How far a task may fall behind its turn while deliveries are shuffled."""
MOST_COPIES = 3
UNLIMITED = -1
MOST_DOUBLINGS = 60
"""After more doublings any backoff is at its maximum, and a float could overflow."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Settings of a queue; the defaults are those of a queue made by the API."""

    rate_per_second: float = 500.0
    max_concurrent: int = 1000
    min_backoff_seconds: float = 0.1
    max_backoff_seconds: float = 3600.0
    max_attempts: int = 100
    max_doublings: int = 16
    max_retry_seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.rate_per_second <= 0 or self.max_concurrent < 1:
            raise ValueError("a queue dispatches more than 0 tasks per second and at once")
        if not 0 <= self.min_backoff_seconds <= self.max_backoff_seconds:
            raise ValueError("min_backoff is between 0 and max_backoff")
        if self.max_attempts < UNLIMITED:
            raise ValueError("max_attempts is -1 (unlimited) or more")

    @property
    def burst(self) -> int:
        """The number of tasks that may go out at once after a quiet time."""
        return max(1, min(LARGEST_BURST, int(self.rate_per_second)))

    def backoff_seconds(self, attempts: int) -> float:
        """Return the pause after the given number of failed attempts, the first one being 1."""
        doublings = min(attempts - 1, self.max_doublings, MOST_DOUBLINGS)
        steps = max(1, attempts - self.max_doublings)
        interval = self.min_backoff_seconds * float(2**doublings) * steps
        return min(interval, self.max_backoff_seconds)

    def exhausted(self, attempts: int, age_seconds: float) -> bool:
        """Tell whether to give a task up. An unset limit counts as reached; two unset never do."""
        unlimited = self.max_attempts == UNLIMITED and self.max_retry_seconds <= 0
        return (
            not unlimited
            and attempts >= self.max_attempts
            and age_seconds >= self.max_retry_seconds
        )


class TokenBucket:
    """Tokens for dispatches, one each; refilled at the queue's rate, never beyond its burst."""

    def __init__(self, rate_per_second: float, burst: int, now: float) -> None:
        self._rate = rate_per_second
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def seconds_until_next(self, now: float) -> float:
        """Return the seconds until a token is there, 0 when one is."""
        self._refill(now)
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def take(self) -> None:
        """Use up one token."""
        self._tokens -= 1.0

    def _refill(self, now: float) -> None:
        gained = max(0.0, now - self._at) * self._rate
        self._tokens = min(float(self._burst), self._tokens + gained)
        self._at = now


class Faults(BaseModel):
    """Faults of the emulator, as POSTed to ``/faults``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    duplicate: float = Field(default=0.0, ge=0.0, le=1.0)
    """How likely a delivery is sent one to three times more."""
    shuffle: bool = False
    """Whether tasks made from now on go out in any order."""
    drop_answer: float = Field(default=0.0, ge=0.0, le=1.0)
    """How likely a 2xx is treated as no answer at all, so that the task runs again."""
    delay_seconds: float = Field(default=0.0, ge=0.0)
    """Pause before every delivery."""
    seed: int | None = None


class Chance:
    """Random choice, from the seed of the faults in force, of the deliveries that go wrong."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.set(faults or Faults())

    def set(self, faults: Faults) -> None:
        """Bring these faults into force, from the start of their seed."""
        self.faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311 - repeatable, not secret

    def copies(self) -> int:
        """Choose how many more times to send this delivery."""
        if self._random.random() >= self.faults.duplicate:
            return 0
        return self._random.randint(1, MOST_COPIES)

    def loses_answer(self) -> bool:
        """Choose whether this success gets lost on its way back."""
        return self._random.random() < self.faults.drop_answer

    def hold_seconds(self) -> float:
        """Choose how long to keep a task back so that a later one may overtake it."""
        return self._random.uniform(0.0, SHUFFLE_SECONDS) if self.faults.shuffle else 0.0
