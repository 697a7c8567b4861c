"""Every call to the world outside, counted; and a process that dies at the chosen one."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from random import Random
from typing import Any, TypeVar, cast

from shared.domain.errors import TryAgain

P = TypeVar("P")

HALVABLE = {"tasks.enqueue": 0, "push.send": 0, "slots.show": 1}
"""Calls about several things, and the position of those: they can be done in part."""

NEVER_RAISE = {"push.send"}
"""A push service that is away is an answer, not an error."""


class Crash(BaseException):
    """The process is gone. No ``except`` of ours sees this, as in life."""


class Blow(StrEnum):
    """Moment of a strike, before, after or midway through the call."""

    BEFORE = "before"  # the call never left
    AFTER = "after"  # it took effect, and nobody was left to hear the answer
    MIDWAY = "midway"  # of several things, half were done; of one thing, none


class Hazard:
    """Knows every external call by its number and name, and strikes where it was told to."""

    def __init__(self) -> None:
        self.trace: list[str] = []
        self.crashes = 0
        self._numbers: dict[int, Blow] = {}
        self._names: dict[str, tuple[int, Blow]] = {}
        self._watchers: list[Callable[[str], None]] = []
        self._again = False
        self._outage = False
        self._chance, self._rate = Random(0), 0.0

    @property
    def calls(self) -> int:
        """Number of external calls so far."""
        return len(self.trace)

    def strike(self, number: int, blow: Blow, *, again: bool = False, outage: bool = False) -> None:
        """Die at the call of this number; the first is 1. ``again``: and when it is repeated.

        With ``outage`` the process lives on and is told to try again, where a part may tell so.
        """
        self._numbers[number] = blow
        self._again = again
        self._outage = outage

    def strike_at(self, name: str, blow: Blow, *, nth: int = 1) -> None:
        """Die at the next call of this name, or at the ``nth`` from now."""
        self._names[name] = (nth, blow)

    def rage(self, chance: Random, rate: float) -> None:
        """Die at this share of all calls from now on."""
        self._chance, self._rate = chance, rate

    def calm(self) -> None:
        """Stop all strikes."""
        self._rate = 0.0
        self._numbers.clear()
        self._names.clear()

    def watch(self, watcher: Callable[[str], None]) -> None:
        """Have ``watcher`` called before every external call: what a rival does meanwhile."""
        self._watchers.append(watcher)

    def forget_watchers(self) -> None:
        """Drop all watchers."""
        self._watchers = []

    def through(self, name: str, call: Callable[..., Any], given: Sequence[Any], named: Any) -> Any:
        """Make the call, unless struck."""
        self.trace.append(name)
        blow = self._numbers.pop(self.calls, None) or self._named(name) or self._raging()
        for watcher in self._watchers:
            watcher(name)
        if blow is None:
            return call(*given, **named)
        if blow is Blow.AFTER:
            call(*given, **named)
        elif blow is Blow.MIDWAY and name in HALVABLE:
            call(*_halved(given, HALVABLE[name]), **named)
        self.crashes += 1
        if self._again:
            self._again = False
            self.strike_at(name, blow)
        if self._outage and name not in NEVER_RAISE:
            raise TryAgain(f"outage {blow} {name}, call {self.calls}")
        raise Crash(f"{blow} {name}, call {self.calls}")

    def _raging(self) -> Blow | None:
        if not self._rate or self._chance.random() >= self._rate:
            return None
        return self._chance.choice(list(Blow))

    def _named(self, name: str) -> Blow | None:
        if name not in self._names:
            return None
        nth, blow = self._names.pop(name)
        if nth > 1:
            self._names[name] = (nth - 1, blow)
            return None
        return blow


class Guarded:
    """A part whose every call passes the hazard."""

    def __init__(self, part: object, name: str, hazard: Hazard) -> None:
        self._part = part
        self._name = name
        self._hazard = hazard

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        call = getattr(self._part, verb)
        name = f"{self._name}.{verb}"

        def passing(*given: Any, **named: Any) -> Any:
            return self._hazard.through(name, call, given, named)

        return passing


def guarded(part: P, name: str, hazard: Hazard) -> P:
    """Put ``part`` behind ``hazard``."""
    return cast("P", Guarded(part, name, hazard))


def _halved(given: Sequence[Any], position: int) -> list[Any]:
    some = list(given[position])
    return [*given[:position], some[: len(some) // 2], *given[position + 1 :]]
