"""Time and randomness: the machine's, and a test's own."""

import secrets
import string
from datetime import UTC, datetime, timedelta
from itertools import count

_ALPHABET = string.ascii_letters + string.digits
_ID_CHARACTERS = 20


class SystemClock:
    """The machine's clock and its source of randomness."""

    def __init__(self) -> None:
        self._random = secrets.SystemRandom()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def chance(self) -> float:
        return self._random.random()

    def new_id(self) -> str:
        return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_CHARACTERS))


class FixedClock:
    """Clock that stands still until it is set; ids count up, the random number never changes."""

    def __init__(
        self, at: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC), chance: float = 0.5
    ) -> None:
        self._now = at
        self._chance = chance
        self._ids = count(1)

    def now(self) -> datetime:
        return self._now

    def chance(self) -> float:
        return self._chance

    def new_id(self) -> str:
        return f"id{next(self._ids):0{_ID_CHARACTERS - 2}d}"

    def set(self, at: datetime) -> None:
        """Set the time."""
        self._now = at

    def set_chance(self, chance: float) -> None:
        """Set the random number."""
        self._chance = chance

    def advance(self, by: timedelta | float) -> datetime:
        """Let time pass, in seconds unless it is a ``timedelta``; returns what it is then."""
        self._now += by if isinstance(by, timedelta) else timedelta(seconds=by)
        return self._now
