"""One collection of the in-memory store: plain documents, each with a version.

It keeps the two promises that the fakes are built on, and nothing more: every write changes the
version, and a write may be conditional on the version that was read.
"""

import threading
from collections.abc import Mapping
from itertools import count
from typing import Any

from shared.adapters.memory.database import copied
from shared.stores.codec import present

_WRITES = count(1)


class Collection:
    """Documents by id. A document put into ``documents`` by hand has the version ``""``."""

    def __init__(self, lock: threading.RLock) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, str] = {}
        self._lock = lock

    def read(self, id: str) -> tuple[dict[str, Any] | None, str]:
        """A copy of the document with its version, or nothing."""
        with self._lock:
            document = self.documents.get(id)
            return copied(document), self.versions.get(id, "")

    def put(self, id: str, fields: Mapping[str, Any]) -> None:
        """Replace the document."""
        with self._lock:
            self.documents[id] = copied(present(fields))
            self.versions[id] = str(next(_WRITES))

    def merge(self, id: str, fields: Mapping[str, Any]) -> None:
        """Write these fields and leave the others; ``None`` removes one."""
        with self._lock:
            self.put(id, {**self.documents.get(id, {}), **fields})

    def holds(self, id: str, version: str) -> bool:
        """Whether the document is there and still the one that was read."""
        return id in self.documents and self.versions.get(id, "") == version

    def remove(self, id: str) -> None:
        """Gone, whether or not it was there."""
        with self._lock:
            self.documents.pop(id, None)
            self.versions.pop(id, None)
