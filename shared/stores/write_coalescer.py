"""Callers in one process who want to change the same document: one of them writes for all.

Each change rests on the version that was read. So of fifty writers that race, forty-nine read
again, and forty-eight of them a third time; and Firestore takes about one write a second of a
document for long. Here a caller that finds a write under way waits, and the first of those who
waited meanwhile makes all their changes in one write. Between processes the version decides as
ever.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

C = TypeVar("C")
R = TypeVar("R")


class WriteCoalescer(Generic[C, R]):
    """Writer for all callers in a process: ``write(id, changes)`` makes the changes in their order,
    and says what came of each.
    """

    def __init__(self, write: Callable[[str, Sequence[C]], Sequence[R]]) -> None:
        self._write = write
        self._lock = Lock()
        self._crowds: WeakValueDictionary[str, _Crowd[C, R]] = WeakValueDictionary()

    def change(self, id: str, change: C) -> R:
        """Make ``change`` and return its result. Raises what ``write`` raises, to all for whom it
        wrote.
        """
        mine: Future[R] = Future()
        with self._lock:
            crowd = self._crowds.setdefault(id, _Crowd())
            crowd.queue.append((change, mine))
        with crowd.turn:
            if not mine.done():
                self._write_for_all(id, crowd)
        return mine.result()

    def count_waiting(self, id: str) -> int:
        """Count the changes that wait for a write to begin."""
        with self._lock:
            crowd = self._crowds.get(id)
            return len(crowd.queue) if crowd else 0

    def _write_for_all(self, id: str, crowd: "_Crowd[C, R]") -> None:
        with self._lock:
            served, crowd.queue = crowd.queue, []
        try:
            came_of = self._write(id, [change for change, _ in served])
        except BaseException as fault:  # noqa: BLE001 - whoever waits must hear of every end
            for _, future in served:
                future.set_exception(fault)
            return
        for (_, future), result in zip(served, came_of, strict=True):
            future.set_result(result)


class _Crowd(Generic[C, R]):
    """Callers at one document. The crowd lasts as long as one of them is there."""

    def __init__(self) -> None:
        self.turn = Lock()
        self.queue: list[tuple[C, Future[R]]] = []
