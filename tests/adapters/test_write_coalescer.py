"""Who waits for the same document is served by one write, and hears what came of the own change."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

from shared.domain.errors import TryAgain
from shared.stores.write_coalescer import WriteCoalescer
from tests.conftest import eventually

MANY = 20


class Slow:
    """A document whose first write lasts until it is let go; some writes fail."""

    def __init__(self) -> None:
        self.writes: list[list[int]] = []
        self.begun, self.let_go = Event(), Event()
        self.fault: Exception | None = None

    def write(self, id: str, changes: Sequence[int]) -> Sequence[str]:
        self.writes.append(list(changes))
        if len(self.writes) == 1:
            self.begun.set()
            self.let_go.wait()
        elif self.fault:
            raise self.fault
        return [f"{id}:{change}" for change in changes]


def crowded(slow: Slow) -> tuple[Future[str], list[Future[str]]]:
    """Begin a write that found nobody, and let many come while it is written."""
    together = WriteCoalescer(slow.write)
    with ThreadPoolExecutor(MANY + 1) as threads:
        first = threads.submit(together.change, "x", 0)
        slow.begun.wait()
        others = [threads.submit(together.change, "x", number + 1) for number in range(MANY)]
        eventually(lambda: together.count_waiting("x") == MANY, "all wait")
        slow.let_go.set()
    return first, others


def test_all_who_came_during_a_write_share_the_next_one() -> None:
    slow = Slow()
    first, others = crowded(slow)
    assert first.result() == "x:0"
    assert [each.result() for each in others] == [f"x:{n + 1}" for n in range(MANY)]
    assert [len(changes) for changes in slow.writes] == [1, MANY]


def test_a_write_that_fails_fails_for_all_it_was_for_and_for_nobody_else() -> None:
    slow = Slow()
    slow.fault = TryAgain("the store is busy")
    first, others = crowded(slow)
    assert first.result() == "x:0"
    assert [each.exception() for each in others] == [slow.fault] * MANY
