"""The rules for when to try again, and when to stop trying.

Source: FCM's guidance for senders at scale (wait at least 10 s, grow exponentially, with jitter; 60
s after a 429 that names no time) and the horizon of the specification, section 4: six hours or the
notification's expiry.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

BESIDE_ACCEPTED: Final = 3
"""Factor of patience with a refusal of our configuration where other pushes were accepted: it may
pass.
"""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Full-jitter exponential waits between ``base_seconds`` and ``cap_seconds``.

    A refused configuration is given ``shortest_waits`` of them to pass: two, so that the refusal
    has to be met in three attempts.
    """

    base_seconds: float = 10.0
    cap_seconds: float = 600.0
    horizon: timedelta = timedelta(hours=6)
    shortest_waits: int = 2

    @property
    def patience(self) -> timedelta:
        """Time that the same refusal of our configuration has to last before it is believed."""
        return timedelta(seconds=self.shortest_waits * self.base_seconds)

    def wait_seconds(self, failed_rounds: int, asked_seconds: float, chance: float) -> float:
        """Calculate the seconds until the next attempt, after so many failed rounds in a row.

        Never sooner than the push service asked for. ``chance`` is uniform in [0, 1).
        """
        growth = min(self.cap_seconds, self.base_seconds * 2.0 ** min(max(1, failed_rounds), 16))
        jittered = self.base_seconds + chance * max(0.0, growth - self.base_seconds)
        return max(jittered, asked_seconds * (1 + 0.1 * chance))

    def gives_up(
        self,
        first_attempt_at: datetime,
        next_attempt_at: datetime,
        expires_at: datetime | None = None,
    ) -> bool:
        """Tell whether the next attempt would lie beyond the horizon, or be too late."""
        beyond = next_attempt_at - first_attempt_at > self.horizon
        return beyond or too_late(next_attempt_at, expires_at)


def too_late(at: datetime, expires_at: datetime | None) -> bool:
    """Tell whether nothing may be begun at ``at`` any more, of what expires at ``expires_at`` or
    never.
    """
    return expires_at is not None and at >= expires_at


def too_many(over_budget: int, devices: int) -> bool:
    """Tell whether a batch with so many retries over the budget waits with all of its ``devices``.

    A few of them do not hold up many that were never tried, or of another push service.
    """
    return 2 * over_budget >= devices > 0


MOST_WITHOUT_A_TURN = 4
"""Failed rounds: a wait of at most 160 seconds."""


def failed_rounds_after(before: int, tried: int, in_vain: int) -> int:
    """Count how many rounds in a row failed, with this one, which tried some devices in vain.

    A round failed when most of what it tried came to nothing. That a few of a batch are
    left does not mean that the service is out of order, and must not make those few wait for
    minutes. An attempt that had no turn at all, while the service wanted a pause, counts up to
    ``MOST_WITHOUT_A_TURN``: the batch need not come back at once, but nothing is wrong with it
    either.
    """
    if not tried:
        return max(before, min(before + 1, MOST_WITHOUT_A_TURN))
    return before + 1 if 2 * in_vain > tried else 0


@dataclass(frozen=True, slots=True)
class RecentAttempts:
    """Recent attempts: how many devices were tried for the first time, and how many again.

    ``slots`` are (number, first, again), each of ``RetryBudget.slot_seconds``, the oldest first.
    """

    slots: tuple[tuple[int, int, int], ...] = ()

    @property
    def first(self) -> int:
        """Devices tried for the first time, counted."""
        return sum(first for _, first, _ in self.slots)

    @property
    def again(self) -> int:
        """Devices tried again, counted."""
        return sum(again for _, _, again in self.slots)


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Retries may be a ``share`` of first attempts within ``window``, and ``least`` in any case.

    When a push service fails for everybody, everything becomes a retry; without a bound the retries
    alone would keep the service down. What is over the budget waits longer, for ``wait_seconds`` at
    least.
    """

    share: float = 0.1
    least: int = 2_000
    window: timedelta = timedelta(seconds=60)
    slot_seconds: int = 5

    @property
    def wait_seconds(self) -> float:
        """Time in seconds until what was spent now no longer counts."""
        return 2 * self.window.total_seconds()

    def recent(self, spent: RecentAttempts, now: datetime) -> RecentAttempts:
        """Return only what the window still holds."""
        oldest = (now - self.window).timestamp() // self.slot_seconds
        return RecentAttempts(tuple(slot for slot in spent.slots if slot[0] > oldest))

    def affords(self, spent: RecentAttempts, now: datetime, again: int) -> bool:
        """Tell whether ``again`` more may be tried again now.

        While anything is left of the budget a whole batch may be: so there is always some progress.
        """
        recent = self.recent(spent, now)
        return not again or recent.again < self.least + self.share * recent.first

    def after(self, spent: RecentAttempts, now: datetime, first: int, again: int) -> RecentAttempts:
        """Add these attempts."""
        number = int(now.timestamp() // self.slot_seconds)
        slots = {n: (f, a) for n, f, a in self.recent(spent, now).slots}
        old_first, old_again = slots.get(number, (0, 0))
        slots[number] = (old_first + first, old_again + again)
        return RecentAttempts(tuple((n, f, a) for n, (f, a) in sorted(slots.items())))

    def given_back(
        self, spent: RecentAttempts, granted_at: datetime, first: int, again: int
    ) -> RecentAttempts:
        """Remove attempts that were spent then and came to no request."""
        then = int(granted_at.timestamp() // self.slot_seconds)
        return RecentAttempts(
            tuple((n, f - first, a - again) if n == then else (n, f, a) for n, f, a in spent.slots)
        )
