"""The archive in memory, with the promises of the real ones."""

import threading
from collections.abc import Iterator

from shared.ports import Put


class MemoryArchive:
    """An archive in memory; ``objects`` is open to tests."""

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
