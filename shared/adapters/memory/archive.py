"""The archive and its marks in memory, with the promises of the real ones."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from shared.domain.archive.manifest import Head
from shared.domain.archive.objects import Export
from shared.domain.notifications.notification import NotificationId
from shared.ports import LostLease, Put


class MemoryArchive:
    """``objects`` is open to tests."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put_new(self, name: str, content: bytes) -> Put:
        with self._lock:
            if name in self.objects:
                return Put.ALREADY_THERE
            self.objects[name] = content
            return Put.WRITTEN

    def get(self, name: str) -> bytes | None:
        return self.objects.get(name)

    def names(self, prefix: str = "") -> Iterator[str]:
        with self._lock:
            found = sorted(name for name in self.objects if name.startswith(prefix))
        return iter(found)


class MemoryExports:
    """Marks by notification, and the head of the chain."""

    def __init__(self) -> None:
        self.marks: dict[str, Export] = {}
        self.last: Head | None = None
        self.announcements: set[tuple[int, str]] = set()
        self._lock = threading.RLock()
        self._versions = count(1)

    def get(self, id: NotificationId) -> Export | None:
        return self.marks.get(id)

    def write(self, export: Export) -> Export:
        with self._lock:
            before = self.marks.get(export.notification_id)
            if (before.version if before else "") != export.version:
                raise LostLease
            written = replace(export, version=self._version())
            self.marks[export.notification_id] = written
            return written

    def unlisted(self, until: datetime, limit: int) -> Sequence[Export]:
        with self._lock:
            waiting = [
                (it.sealed_at, id, it)
                for id, it in self.marks.items()
                if it.sealed_at is not None and it.sealed_at <= until and it.manifest is None
            ]
        return [it for _, _, it in sorted(waiting, key=lambda row: row[:2])[:limit]]

    def listed(self, ids: Sequence[NotificationId], manifest: int) -> None:
        with self._lock:
            for id in ids:
                if id in self.marks:
                    mark = self.marks[id]
                    self.marks[id] = replace(mark, manifest=manifest, version=self._version())

    def announce(self, sequence: int, hash: str) -> None:
        self.announcements.add((sequence, hash))

    def announced(self, sequence: int, hash: str) -> bool:
        return (sequence, hash) in self.announcements

    def head(self) -> Head | None:
        return self.last

    def advance(self, head: Head, version: str) -> Head:
        with self._lock:
            if (self.last.version if self.last else "") != version:
                raise LostLease
            self.last = replace(head, version=self._version())
            return self.last

    def _version(self) -> str:
        return str(next(self._versions))
