"""Every call to the world outside, counted; and a process that dies at the chosen one.

What counts are true calls: a request to the database, to a queue, to a push service. A verb of a
store makes none, one or several of them. It has a name here, by which a test can strike before or
after all that it does, or watch for it; but no number. Its requests bear its name.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from random import Random
from threading import local
from typing import Any, TypeVar, cast

from shared.domain.errors import TryAgain
from shared.ports.database import LostAnswer

P = TypeVar("P")

REQUESTS = ("get", "get_many", "query", "count", "sum", "commit", "write_each")
"""What of a database is one request each."""

HALVABLE = {"tasks.enqueue": 0, "push.send": 0, "write_each": 0}
"""Calls about several things, and the position of those: they can be done in part."""

NEVER_RAISE = {"push.send"}
"""A push service that is away is an answer, not an error."""

Action = Callable[[], object]


class Crash(BaseException):
    """The process is gone. No ``except`` of ours sees this, as in life."""


class Blow(StrEnum):
    """Moment of a strike, before, after or midway through the call."""

    BEFORE = "before"  # the call never left
    AFTER = "after"  # it took effect, and nobody was left to hear the answer
    MIDWAY = "midway"  # of several things, half were done; of one thing, none


@dataclass(frozen=True, slots=True)
class Fault:
    """Way in which a call fails; the process dies of it unless it ``raises`` something else.

    ``again``: and once more when the call is repeated. ``lasting``: so does every further call
    until the store's verb that makes it gives up.
    """

    blow: Blow
    again: bool = False
    raises: type[BaseException] = Crash
    lasting: bool = False

    def __str__(self) -> str:
        """Name the fault in words."""
        what = "dying" if self.raises is Crash else self.raises.__name__
        twice, lasting = ", twice" * self.again, ", lasting" * self.lasting
        return f"{what} {self.blow}{twice}{lasting}"


FAULTS = [*map(Fault, Blow), *(Fault(blow, raises=LostAnswer) for blow in Blow)]
"""The process dies, or an answer is lost."""


class Hazard:
    """Knows every external call by its number and name, and strikes where it was told to."""

    def __init__(self) -> None:
        self.trace: list[str] = []
        self.verbs: list[str] = []
        self.crashes = 0
        self._numbers: dict[int, Fault] = {}
        self._names: dict[str, tuple[int, Fault]] = {}
        self._actions: dict[int, Action] = {}
        self._watchers: list[Callable[[str], None]] = []
        self._away = ""
        self._chance, self._rate = Random(0), 0.0
        self._thread = local()

    @property
    def calls(self) -> int:
        """Number of external calls so far."""
        return len(self.trace)

    def strike(self, number: int, fault: Blow | Fault) -> None:
        """Have the call of this number fail; the first is 1. Of a mere blow the process dies.

        A part that never raises lets it die of any other fault, too.
        """
        self._numbers[number] = _fault(fault)

    def strike_at(self, name: str, fault: Blow | Fault, *, nth: int = 1) -> None:
        """Have the next call or verb of this name fail, or the ``nth`` from now."""
        self._names[name] = (nth, _fault(fault))

    def rage(self, chance: Random, rate: float) -> None:
        """Have this share of all calls fail from now on: die, or lose its answer."""
        self._chance, self._rate = chance, rate

    def calm(self) -> None:
        """Stop all strikes."""
        self._rate = 0.0
        self._numbers.clear()
        self._names.clear()

    def before(self, number: int, action: Action) -> None:
        """Have something done right before the call of this number: what a rival does meanwhile."""
        self._actions[number] = action

    def watch(self, watcher: Callable[[str], None]) -> None:
        """Have ``watcher`` called before every external call and every verb of a store."""
        self._watchers.append(watcher)

    def forget_watchers(self) -> None:
        """Drop all watchers."""
        self._watchers = []

    def through(self, name: str, call: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
        """Make an external call, unless struck."""
        self.trace.append(name)
        number = len(self.trace)
        fault = self._numbers.pop(number, None) or self._named(name) or self._raging()
        if action := self._actions.pop(number, None):
            action()
        self._tell_watchers(name)
        if self._away and self._away == self._verb():
            raise TryAgain(f"still away at {name}, call {number}")
        if fault is None:
            return call(*given, **named)
        self._strike(name, fault, call, given, named)
        if fault.lasting:
            self._away = self._verb()
        raises = Crash if name in NEVER_RAISE else fault.raises
        raise raises(f"{fault} {name}, call {number}")

    def request(self, request: str, call: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
        """Make a request to the database, for the verb that is under way, unless struck."""
        return self.through(f"{self._verb() or 'database'}/{request}", call, *given, **named)

    def within(self, verb: str, call: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
        """Have a store do what the verb says, unless struck before or after all of it."""
        self.verbs.append(verb)
        fault = self._named(verb)
        self._tell_watchers(verb)
        with self._doing(verb):
            if fault is None:
                return call(*given, **named)
            self._strike(verb, fault, call, given, named)
        raise fault.raises(f"{fault} {verb}, after {self.calls} calls")

    @contextmanager
    def _doing(self, verb: str) -> Iterator[None]:
        outer = self._verb()
        self._thread.verb = verb
        try:
            yield
        finally:
            self._thread.verb = outer
            self._away = ""

    def _verb(self) -> str:
        """Name the verb under way; none where a store's answer is read on after it returned."""
        return getattr(self._thread, "verb", "")

    def _strike(
        self, name: str, fault: Fault, call: Callable[..., Any], given: Sequence[Any], named: Any
    ) -> None:
        """Do as much of the call as is done in spite of the fault; nobody hears what came of it."""
        halved = fault.blow is Blow.MIDWAY and can_be_halved(name)
        if halved:
            given = _halved(given, HALVABLE[_kind(name)])
        if halved or fault.blow is Blow.AFTER:
            with suppress(Exception):
                call(*given, **named)
        self.crashes += 1
        if fault.again:
            self.strike_at(name, replace(fault, again=False))

    def _tell_watchers(self, name: str) -> None:
        for watcher in self._watchers:
            watcher(name)

    def _raging(self) -> Fault | None:
        if not self._rate or self._chance.random() >= self._rate:
            return None
        raises = self._chance.choice((Crash, LostAnswer))
        return Fault(self._chance.choice(list(Blow)), raises=raises)

    def _named(self, name: str) -> Fault | None:
        if name not in self._names:
            return None
        nth, fault = self._names.pop(name)
        if nth > 1:
            self._names[name] = (nth - 1, fault)
            return None
        return fault


def can_be_halved(name: str) -> bool:
    """Tell whether a call can be done in part; any other is done or not."""
    return _kind(name) in HALVABLE


def _kind(name: str) -> str:
    """Take the request out of the name of a call to the database."""
    return name.rpartition("/")[2]


def _fault(fault: Blow | Fault) -> Fault:
    return Fault(fault) if isinstance(fault, Blow) else fault


class Guarded:
    """A part whose calls pass the hazard: all of them, or those that are ``requests``."""

    def __init__(
        self, part: object, passing: Callable[[str], Callable[..., Any]], only: Sequence[str] = ()
    ) -> None:
        self._part = part
        self._passing = passing
        self._only = only

    def __getattr__(self, verb: str) -> Any:
        call = getattr(self._part, verb)
        if self._only and verb not in self._only:
            return call
        return partial(self._passing(verb), call)


def guarded(part: P, name: str, hazard: Hazard) -> P:
    """Put ``part`` behind ``hazard``: each of its calls is an external one."""
    return cast("P", Guarded(part, lambda verb: partial(hazard.through, f"{name}.{verb}")))


def guarded_database(database: P, hazard: Hazard) -> P:
    """Put a database behind ``hazard``: each of its requests is an external call."""
    return cast("P", Guarded(database, lambda request: partial(hazard.request, request), REQUESTS))


def named(store: P, name: str, hazard: Hazard) -> P:
    """Give the verbs of a store their names in ``hazard``."""
    return cast("P", Guarded(store, lambda verb: partial(hazard.within, f"{name}.{verb}")))


def _halved(given: Sequence[Any], position: int) -> list[Any]:
    some = list(given[position])
    return [*given[:position], some[: len(some) // 2], *given[position + 1 :]]
