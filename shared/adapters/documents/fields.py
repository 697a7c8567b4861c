"""The fields of one document: read with their types, compared, and left out where absent.

Documents are also written by back ends we do not control. A fault names the collection, the
document and the field, and never shows the value: it may be a token or somebody's words.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.domain.errors import Defect

E = TypeVar("E", bound=StrEnum)
M = TypeVar("M", bound=BaseModel)

Fields = dict[str, Any]
"""Names as in the specification; ``None`` for what is absent, or is to be removed."""


def present(fields: Mapping[str, Any]) -> Fields:
    """Only those fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}


def difference(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> Fields:
    """The fields to write so that ``stored`` says ``wanted``; ``None`` for those to remove."""
    return {name: value for name, value in wanted.items() if stored.get(name) != value}


def where_readable(document: Mapping[str, Any], kinds: Mapping[str, type[Any]]) -> Fields:
    """The document without those fields of ``kinds`` that are of another kind."""
    return {
        name: value
        for name, value in document.items()
        if name not in kinds or isinstance(value, kinds[name])
    }


class Reader:
    """One document (or a map inside it), field by field. A null counts as absent."""

    def __init__(self, collection: str, id: str, document: Mapping[str, Any]) -> None:
        self._collection = collection
        self._id = id
        self._document = document

    def wrong(self, name: str, why: str) -> Defect:
        """The fault to raise about one field."""
        return Defect(f"{self._collection}/{self._id}: {name} {why}")

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        return self._typed(name, str) or default

    def text_or_none(self, name: str) -> str | None:
        """A string that need not be there."""
        value: str | None = self._typed(name, str)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean."""
        value = self._typed(name, bool)
        return default if value is None else value

    def number(self, name: str, default: int = 0) -> int:
        """A whole number."""
        if isinstance(self._document.get(name), bool):
            raise self.wrong(name, "is not a number")
        value = self._typed(name, int)
        return default if value is None else value

    def number_or_none(self, name: str) -> int | None:
        """A whole number that need not be there."""
        return None if self._document.get(name) is None else self.number(name)

    def time(self, name: str) -> datetime | None:
        """A moment, as a plain aware datetime in UTC."""
        value = self._typed(name, datetime)
        if value is None:
            return None
        if value.tzinfo is None:
            raise self.wrong(name, "has no time zone")
        utc = value.astimezone(UTC)
        return datetime.combine(utc.date(), utc.time(), UTC)

    def required_time(self, name: str) -> datetime:
        """A moment that must be there."""
        value = self.time(name)
        if value is None:
            raise self.wrong(name, "is missing")
        return value

    def choice(self, name: str, kind: type[E]) -> E:
        """One of a closed set of words, which must be there."""
        value = self.choice_or_none(name, kind)
        if value is None:
            raise self.wrong(name, "is missing")
        return value

    def choice_or_none(self, name: str, kind: type[E]) -> E | None:
        """One of a closed set of words."""
        value = self._typed(name, str)
        if not value:
            return None
        try:
            return kind(value)
        except ValueError:
            raise self.wrong(name, f"is no {kind.__name__}") from None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self._typed(name, list) or []
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(name, "holds something that is not a string")
        return tuple(values)

    def counts(self, name: str) -> dict[str, int]:
        """A map of whole numbers, by name."""
        reader = self.map(name)
        return {} if reader is None else {key: reader.number(key) for key in reader.names()}

    def map(self, name: str) -> "Reader | None":
        """A map inside the document."""
        value = self._typed(name, dict)
        return None if value is None else Reader(self._collection, f"{self._id}#{name}", value)

    def maps(self, name: str) -> "tuple[Reader, ...]":
        """A list of maps inside the document."""
        values = self._typed(name, list) or []
        if not all(isinstance(value, dict) for value in values):
            raise self.wrong(name, "holds something that is not a map")
        return tuple(
            Reader(self._collection, f"{self._id}#{name}.{place}", value)
            for place, value in enumerate(values)
        )

    def names(self) -> list[str]:
        """The names of all fields, sorted."""
        return sorted(self._document)

    def model(self, kind: type[M], names: list[str] | None = None) -> M:
        """The whole document, or the fields ``names`` of it, as a pydantic model."""
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
        if value is not None and not isinstance(value, kind):
            raise self.wrong(name, f"is not a {kind.__name__}")
        return value
