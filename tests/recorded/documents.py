"""Documents as they lie in the database, with what is read of each and what a write would change.

The documents were made by earlier versions, by today's, by existing back ends, and by hand. They
are given: to record again changes what is read of them, never the documents.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.recorded.entrances.codecs import read
from tests.recorded.pages import HERE, Fields, Json, load

DOCUMENTS = HERE / "documents"


def files() -> list[Path]:
    """List the recordings."""
    return sorted(DOCUMENTS.glob("*.json"))


def readings_of(file: Path) -> Json:
    """Read the documents of a file, and put beside them what was read."""
    return {path: _read(path, entry) for path, entry in load(file).items()}


def documents(collection: str) -> Iterator[tuple[str, Json]]:
    """Find the entries of a collection, by path."""
    for file in files():
        for path, entry in load(file).items():
            if path.split("/")[::2] == [collection]:
                yield path, entry


def changed(fields: Fields, changes: Fields) -> Fields:
    """Apply a write of these fields to a document."""
    after = {**fields, **changes}
    return {name: value for name, value in after.items() if value is not None}


def _read(path: str, entry: Json) -> Json:
    reading = read(path, entry["fields"])
    given = {"about": entry["about"], "fields": entry["fields"], "read": reading.read}
    return given if reading.changes is None else {**given, "a write changes": dict(reading.changes)}
