"""A queue in memory that nobody delivers from; tests take its tasks out."""

from collections.abc import Iterable

from shared.ports import Task


class MemoryTasks:
    """Tasks in the order they came; a name that was taken before is taken no more."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.names: set[str] = set()

    def enqueue(self, tasks: Iterable[Task]) -> None:
        """Take the tasks whose names are new."""
        for task in tasks:
            if task.name not in self.names:
                self.names.add(task.name)
                self.tasks.append(task)

    def take(self) -> Task | None:
        """Remove and return the first task, if there is one; its name stays taken."""
        return self.tasks.pop(0) if self.tasks else None
