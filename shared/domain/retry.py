"""When to try again, and when to stop trying.

Source: FCM's guidance for senders at scale (wait at least 10 s, grow exponentially, with jitter;
60 s after a 429 that names no time) and the six-hour horizon of the specification, section 4.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Full-jitter exponential waits between ``base_seconds`` and ``cap_seconds``."""

    base_seconds: float = 10.0
    cap_seconds: float = 600.0
    horizon: timedelta = timedelta(hours=6)

    def wait_seconds(self, attempt: int, asked_seconds: float, chance: float) -> float:
        """Seconds until the next attempt after ``attempt`` failed ones (1 is the first).

        Never sooner than the push service asked for. ``chance`` is uniform in [0, 1).
        """
        growth = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt, 16))
        jittered = self.base_seconds + chance * max(0.0, growth - self.base_seconds)
        return max(jittered, asked_seconds * (1 + 0.1 * chance))

    def gives_up(self, first_attempt_at: datetime, next_attempt_at: datetime) -> bool:
        """Whether the next attempt would lie beyond the horizon."""
        return next_attempt_at - first_attempt_at > self.horizon
