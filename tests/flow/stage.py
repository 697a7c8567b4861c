"""Actors that take their steps in a given order, so that every order can be tried.

An actor is a verb in a thread of its own. It asks for its turn before each step that others could
come between: reading, deciding, writing. Only one of them moves at a time.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import Any

from shared.domain.notifications.notification import Change, Notification, NotificationId

Action = Callable[[], object]
PATIENCE_SECONDS = 30.0


class Stage:
    """Gives turns in ``order``; whoever is still there after its end goes on by name."""

    def __init__(self, order: Sequence[str]) -> None:
        self._order = list(order)
        self._moved = threading.Condition()
        self._actors = set(order)
        self._blocked_actors: set[str] = set()
        self._turn: str | None = None
        self._me = threading.local()

    def play(self, deeds: Mapping[str, Action], pool: ThreadPoolExecutor) -> dict[str, object]:
        """Run every deed to its end; return the result of each, be it a value or an error."""
        played = {name: pool.submit(self._part, name, deed) for name, deed in deeds.items()}
        return {name: future.result() for name, future in played.items()}

    def step(self) -> None:
        """Wait for the next turn of the actor that calls; anybody else passes."""
        name = getattr(self._me, "name", None)
        if name is None:
            return
        with self._moved:
            self._blocked_actors.add(name)
            self._next()
            assert self._moved.wait_for(lambda: self._turn == name, PATIENCE_SECONDS)
            self._turn = None
            self._blocked_actors.discard(name)

    def _part(self, name: str, action: Action) -> object:
        self._me.name = name
        try:
            return action()
        except Exception as refusal:  # noqa: BLE001 - what it was is for the test to judge
            return refusal
        finally:
            self._me.name = None
            with self._moved:
                self._actors.discard(name)
                self._next()

    def _next(self) -> None:
        if self._blocked_actors != self._actors or not self._actors:
            return
        while self._order and self._order[0] not in self._actors:
            self._order.pop(0)
        self._turn = self._order.pop(0) if self._order else min(self._actors)
        self._moved.notify_all()


class Stepping:
    """Notifications, or runs, whose every reading, deciding and writing waits for its turn."""

    def __init__(self, store: Any, stage: Stage) -> None:
        self._store = store
        self._stage = stage

    def change(self, id: NotificationId, change: Callable[[Notification], Change]) -> Notification:
        def decide(before: Notification) -> Change:
            self._stage.step()
            wanted = change(before)
            self._stage.step()
            return wanted

        self._stage.step()
        changed: Notification = self._store.change(id, decide)
        return changed

    def get(self, id: NotificationId) -> Notification:
        self._stage.step()
        read: Notification = self._store.get(id)
        return read

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._store, verb)


class QuietReads(Stepping):
    """Part where only changes wait for their turn, because what is read besides never changes."""

    def get(self, id: NotificationId) -> Notification:
        read: Notification = self._store.get(id)
        return read


class SteppingLedger:
    """A ledger whose sums wait for their turn."""

    def __init__(self, ledger: Any, stage: Stage) -> None:
        self._ledger = ledger
        self._stage = stage

    def tally(self, id: NotificationId) -> Any:
        self._stage.step()
        return self._ledger.tally(id)

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._ledger, verb)


def orders(steps: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """List every order in which actors can take so many steps each."""
    if not steps:
        yield ()
        return
    (name, own), *others = steps.items()
    total = sum(steps.values())
    for rest in orders(dict(others)):
        for places in combinations(range(total), own):
            following = iter(rest)
            yield tuple(name if at in places else next(following) for at in range(total))
