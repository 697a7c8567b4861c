"""Work that is done later, at least once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Task:
    """Job for a task handler, done at least once. ``name`` de-duplicates, best effort."""

    name: str
    queue: str
    function: str
    payload: Mapping[str, object]
    not_before: datetime | None = None


class Tasks(Protocol):
    """Cloud Tasks."""

    def enqueue(self, tasks: Iterable[Task]) -> None:
        """Enqueue tasks; a task already there is fine. Raises ``TryAgain`` when not all are known
        to be enqueued.
        """
