"""The number of requests that a push service is sent at once, and the answers that mean: too many.

More requests at a time are only faster while the service keeps up. Beyond that they wait inside it,
time out, and come back as retries. So the limit follows the answers: it grows by one a round while
they are prompt, shrinks by a tenth a round while they are slow, and is halved when the service
refuses or does not answer. A round is as many answers as there were requests under way.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.push.answers import Answer, RetryLater

PROMPT_SECONDS: Final = 1.0
"""An answer as quick as this is never slow, whatever is usual."""
SLOW: Final = 3.0
"""An answer that takes so many times the usual is slow."""

_FALLING, _RISING = 0.1, 0.001
"""Weights of a new value: what is usual follows better news quickly and worse news slowly."""
_SHRINKING = 0.1

SEVERAL: Final = 5
"""The number of different addresses that must be refused for now before that is taken to mean the
whole app.
"""
TOGETHER_SECONDS: Final = 10.0
"""The time within which those refusals must come."""

_TOO_MUCH = frozenset({"trafficControl", "unavailable", "answerLost", "notSent"})
_PERHAPS_THE_APP = frozenset({"quotaExceeded", "unavailable"})


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``allowed`` requests at a time, always between ``floor`` and ``ceiling``.

    The window starts ``steep``, doubling every round, until the first sign of trouble. ``settling``
    answers are still to come from before the window was last halved; they cannot halve it again.
    """

    allowed: float
    floor: float = 1.0
    ceiling: float = 1000.0
    usual_seconds: float = 0.0
    steep: bool = True
    settling: int = 0

    def after(self, seconds: float, *, too_much: bool = False, under_way: float = 1e9) -> "Window":
        """Calculate the limit after an answer that took ``seconds``, with ``under_way`` still to
        come.

        The limit only grows while it is what holds requests back: an idle app proves nothing.
        """
        idle = 2 * under_way < self.allowed
        if idle and not too_much and self.usual_seconds and seconds <= PROMPT_SECONDS:
            return self
        settling = max(0, self.settling - 1)
        if too_much:
            if self.settling:
                return self._with(self.allowed, self.usual_seconds, self.steep, settling)
            rest = min(int(self.allowed), int(under_way))
            return self._with(self.allowed / 2, self.usual_seconds, False, rest)
        usual = self._usual(seconds)
        if seconds > PROMPT_SECONDS and seconds > SLOW * usual:
            return self._with(self.allowed - _SHRINKING, usual, False, settling)
        if idle:
            return self._with(self.allowed, usual, self.steep, settling)
        growth = 1.0 if self.steep else 1.0 / self.allowed
        return self._with(self.allowed + growth, usual, self.steep, settling)

    def _usual(self, seconds: float) -> float:
        if not self.usual_seconds:
            return seconds
        share = _FALLING if seconds < self.usual_seconds else _RISING
        return self.usual_seconds + share * (seconds - self.usual_seconds)

    def _with(self, allowed: float, usual: float, steep: bool, settling: int) -> "Window":
        within = min(self.ceiling, max(self.floor, allowed))
        return Window(within, self.floor, self.ceiling, usual, steep, settling)


@dataclass(frozen=True, slots=True)
class ThrottledAddresses:
    """Addresses last told that they, or the app, are to come back later, and when."""

    at: tuple[tuple[str, float], ...] = ()

    def after(self, address: str, now: float) -> "ThrottledAddresses":
        """Add one address; those of long ago are forgotten, and those beyond ``SEVERAL``."""
        recent = (it for it in self.at if it[0] != address and now - it[1] < TOGETHER_SECONDS)
        return ThrottledAddresses((*recent, (address, now))[-SEVERAL:])

    @property
    def several(self) -> bool:
        """True when the addresses are too many for the cause to be theirs."""
        return len(self.at) >= SEVERAL


def perhaps_the_app(answer: RetryLater) -> bool:
    """Tell whether an answer may be about the whole app, which is known once several are answered
    so.

    A device that gets too much (``deviceBusy``) slows nobody else, and an answer that may come from
    something on the way (an ambiguous one) does not speak for the service.
    """
    return answer.code in _PERHAPS_THE_APP and not answer.ambiguous


def too_much(answer: Answer, *, several: bool = False) -> bool:
    """Tell whether an answer, or its absence, says that the service has more to do than it can."""
    if not isinstance(answer, RetryLater):
        return False
    return answer.of_app or answer.code in _TOO_MUCH or (several and perhaps_the_app(answer))


def whole_app_waits(answer: Answer, *, several: bool = False) -> float:
    """Calculate how many seconds the app is to be left alone, whichever address the answer was
    about.
    """
    if not isinstance(answer, RetryLater) or answer.ambiguous:
        return 0.0
    of_app = answer.of_app or (several and perhaps_the_app(answer))
    return (answer.retry_after_seconds or 0.0) if of_app else 0.0
