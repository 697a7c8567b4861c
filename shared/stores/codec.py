"""The fields of one document: read with their types, compared, and left out where absent.

A ``Reader`` is strict: what cannot be read in one of our own records is a ``Defect`` that names the
collection, the document and the field, and never shows the value, which may be a token or a
person's words. Documents that others write are read by a ``LenientReader``: what they got wrong in
one field costs that field only.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.domain.errors import Defect

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
M = TypeVar("M", bound=BaseModel)

Fields = dict[str, Any]
"""Names as in the specification; ``None`` for what is absent, or is to be removed."""


def present(fields: Mapping[str, Any]) -> Fields:
    """Keep only those fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}


def difference(stored: Mapping[str, Any], target: Mapping[str, Any]) -> Fields:
    """Return the fields to write so that ``stored`` says ``target``; ``None`` removes one."""
    return {name: value for name, value in target.items() if not _same(stored.get(name), value)}


def _same(one: object, other: object) -> bool:
    """Compare as the store's queries do: Python takes a yes for a 1, and they do not."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


class Reader:
    """One document (or a map inside it), field by field. A null counts as absent."""

    def __init__(self, collection: str, id: str, document: Mapping[str, Any]) -> None:
        self._collection = collection
        self._id = id
        self._document = document

    def wrong(self, name: str, why: str) -> Defect:
        """Return the fault to raise about one field."""
        return Defect(f"{self._collection}/{self._id}: {name} {why}")

    def text(self, name: str, default: str = "") -> str:
        """Read a string."""
        return self._typed(name, str) or default

    def text_or_none(self, name: str) -> str | None:
        """Read a string that need not be there."""
        value: str | None = self._typed(name, str)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read a boolean."""
        value = self._typed(name, bool)
        return default if value is None else value

    def number(self, name: str, default: int = 0) -> int:
        """Read a whole number."""
        value = self._typed(name, int)
        if isinstance(value, bool):
            raise self.wrong(name, "is not a number")
        return default if value is None else value

    def number_or_none(self, name: str) -> int | None:
        """Read a whole number that need not be there."""
        return None if self._document.get(name) is None else self.number(name)

    def time(self, name: str) -> datetime | None:
        """Read a moment, as a plain aware datetime in UTC."""
        value = self._typed(name, datetime)
        if value is None:
            return None
        if value.tzinfo is UTC and type(value) is datetime:
            return value
        if value.tzinfo is None:
            raise self.wrong(name, "has no time zone")
        try:
            utc = value.astimezone(UTC)
        except OverflowError:
            raise self.wrong(name, "is beyond all calendars") from None
        return datetime.combine(utc.date(), utc.time(), UTC)

    def required_time(self, name: str) -> datetime:
        """Read a moment that must be there."""
        value = self.time(name)
        if value is None:
            raise self.wrong(name, "is missing")
        return value

    def choice(self, name: str, kind: type[E]) -> E:
        """Read one of a closed set of words, which must be there."""
        value = self.choice_or_none(name, kind)
        if value is None:
            raise self.wrong(name, "is missing")
        return value

    def choice_or_none(self, name: str, kind: type[E]) -> E | None:
        """Read one of a closed set of words."""
        value = self._typed(name, str)
        if not value:
            return None
        try:
            return kind(value)
        except ValueError:
            raise self.wrong(name, f"is no {kind.__name__}") from None

    def texts(self, name: str) -> tuple[str, ...]:
        """Read a list of strings."""
        values = self._typed(name, list) or []
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(name, "holds something that is not a string")
        return tuple(values)

    def counts(self, name: str) -> dict[str, int]:
        """Read a map of whole numbers, by name."""
        reader = self.map(name)
        return {} if reader is None else {key: reader.number(key) for key in reader.names()}

    def map(self, name: str) -> "Reader | None":
        """Read a map inside the document."""
        value = self._typed(name, dict)
        return None if value is None else Reader(self._collection, f"{self._id}#{name}", value)

    def maps(self, name: str) -> "tuple[Reader, ...]":
        """Read a list of maps inside the document."""
        values = self._typed(name, list) or []
        if not all(isinstance(value, dict) for value in values):
            raise self.wrong(name, "holds something that is not a map")
        return tuple(
            Reader(self._collection, f"{self._id}#{name}.{place}", value)
            for place, value in enumerate(values)
        )

    def names(self) -> list[str]:
        """List the names of all fields, sorted."""
        return sorted(self._document)

    def model(self, kind: type[M], names: list[str] | None = None) -> M:
        """Read the whole document, or the fields ``names`` of it, as a pydantic model."""
        chosen = self._document if names is None else self._only(names)
        try:
            return kind.model_validate(chosen, strict=False)
        except ValidationError as fault:
            places = sorted({".".join(map(str, e["loc"])) for e in fault.errors()})
            raise self.wrong(", ".join(places), "cannot be read") from None

    def _only(self, names: list[str]) -> dict[str, Any]:
        return {name: self._document[name] for name in names if name in self._document}

    def _typed(self, name: str, kind: type[Any]) -> Any:
        value = self._document.get(name)
        if value is None or isinstance(value, kind):
            return value
        raise self.wrong(name, f"is not a {kind.__name__}")


MOST_TEXT_CHARACTERS = 1_000
"""Length limit of a text in a document that others write. Longer texts are never meant, and we
store copies.
"""
MOST_TEXTS = 10_000


class LenientReader:
    """A document that others write, field by field.

    A field that cannot be read is as if it were absent, and is in ``unreadable``. Of a list or a
    map, the entries that can be read are kept.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._strict = Reader("", "", document)
        self._unreadable: set[str] = set()

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The names of the fields, among those asked for, that could not be read."""
        return tuple(sorted(self._unreadable))

    def note(self, name: str) -> None:
        """Count a field as one that could not be read."""
        self._unreadable.add(name)

    def holds(self, name: str) -> bool:
        """Tell whether there is a field of this name, whatever it says."""
        return name in self._document

    def text(self, name: str, *, most: int = MOST_TEXT_CHARACTERS) -> str:
        """Read a string of at most so many characters; empty without one."""
        text = self._read(name, Reader.text, "")
        if len(text) <= most:
            return text
        self.note(name)
        return ""

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read a boolean; a value that cannot be read is no yes."""
        return self._read(name, lambda it, field: it.flag(field, default=default), False)

    def number(self, name: str) -> int:
        """Read a whole number; 0 without one."""
        return self._read(name, Reader.number, 0)

    def time(self, name: str) -> datetime | None:
        """Read a moment."""
        return self._read(name, Reader.time, None)

    def choice(self, name: str, kind: type[E]) -> E | None:
        """Read one of a closed set of words."""
        return self._read(name, lambda it, field: it.choice_or_none(field, kind), None)

    def texts(self, name: str, *, most: int = MOST_TEXTS) -> tuple[str, ...]:
        """Read the strings of a list, at most so many."""
        values = self._typed(name, list) or []
        found = [it for it in values if isinstance(it, str) and len(it) <= MOST_TEXT_CHARACTERS]
        if len(found) < len(values) or len(found) > most:
            self.note(name)
        return tuple(found[:most])

    def counts(self, name: str, fits: Callable[[str, int], bool]) -> dict[str, int]:
        """Read those whole numbers of a map that fit their name."""
        values = self._typed(name, dict) or {}
        found = {key: it for key, it in values.items() if type(it) is int and fits(key, it)}
        if len(found) < len(values):
            self.note(name)
        return found

    def texts_by_name(self, name: str, *, most: int) -> dict[str, str]:
        """Read those strings of a map that have at most so many characters."""
        values = self._typed(name, dict) or {}
        found = {key: it for key, it in values.items() if isinstance(it, str) and len(it) <= most}
        if len(found) < len(values):
            self.note(name)
        return found

    def map(self, name: str) -> "LenientReader | None":
        """Read a map inside the document; the caller notes the map's name for what is odd in it."""
        value = self._typed(name, dict)
        return None if value is None else LenientReader(value)

    def _typed(self, name: str, kind: type[T]) -> T | None:
        value = self._document.get(name)
        if value is None or isinstance(value, kind):
            return value
        self.note(name)
        return None

    def _read(self, name: str, get: Callable[[Reader, str], T], otherwise: T) -> T:
        try:
            return get(self._strict, name)
        except Defect:
            self.note(name)
            return otherwise
