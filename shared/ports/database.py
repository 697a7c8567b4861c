"""Documents in collections, as every store needs them: what is read, asked and written.

A document has a name of collections and ids in turn (``notifications/n1/parts/0003``), fields of
plain Python values, and a version that changes with every write. ``None`` is no value here: as a
field to write it removes the field. Keys of what is written are field paths: ``tally.delivered``
is a field inside a map, and a name that is no plain word stands in backticks.

A read may be sent again by the implementation, a write never is. What becomes of a write whose
answer was lost is the business of ``shared.stores.change``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from shared.domain.errors import TryAgain

Fields: TypeAlias = Mapping[str, Any]

MOST_WRITES_AT_ONCE = 500
"""Of one request; a larger one is refused."""

NAME = "__name__"
"""The name of the document, where a query names a field."""


class Unmet(Exception):
    """Condition of a write that does not hold; nothing was written."""


class AlreadyThere(Exception):
    """Conflict with a record of this id that was created before."""


class LostAnswer(TryAgain):
    """Lost answer to a write, which may have been done."""


class SnapshotTooOld(TryAgain):
    """Moment that the store no longer knows; count again for a newer one."""


# ---- what is read ----------------------------------------------------------------------------


class Document(NamedTuple):
    """A document as it was read: a tuple, because pages make thousands of them."""

    name: str
    fields: Fields
    version: str

    @property
    def id(self) -> str:
        """The last part of the document's name."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ReadResult:
    """Documents by name, those that exist, and the moment they were read at."""

    documents: Mapping[str, Document]
    read_at: str


@dataclass(frozen=True, slots=True)
class Count:
    """A count of the documents a query selects, and the moment this holds for."""

    number: int
    read_at: str


Operator: TypeAlias = Literal["==", "<", "<=", ">", ">=", "contains-any"]


@dataclass(frozen=True, slots=True)
class Where:
    """One condition on one field; a document without the field does not meet it."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Query:
    """Documents of one collection that meet all conditions.

    ``order`` names fields, downwards with a ``-`` before the name; a document that lacks one of
    them is not selected. ``after`` is a cursor: the values of a place in that order, for ``NAME``
    the document's name, or a text that ``place`` returned; the page begins behind it. ``select``
    limits the fields that are answered, ``(NAME,)`` to none. ``below`` is the document whose
    subcollection is asked; ``everywhere`` asks every collection of that name, whatever document it
    is below.
    """

    collection: str
    where: tuple[Where, ...] = ()
    order: tuple[str, ...] = ()
    after: tuple[Any, ...] | str = ()
    limit: int = 0
    select: tuple[str, ...] = ()
    below: str = ""
    everywhere: bool = False


# ---- what is written -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Create:
    """A new document; ``Unmet`` when there is one of that name."""

    name: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Put:
    """The whole document, whether or not there was one."""

    name: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Merge:
    """These fields of the document, which is created if there is none."""

    name: str
    fields: Fields


@dataclass(frozen=True, slots=True)
class Update:
    """These fields of a document that exists, and still has the ``version`` if one is given."""

    name: str
    fields: Fields
    version: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """The end of a document, which must still have the ``version`` if one is given."""

    name: str
    version: str = ""


Write: TypeAlias = Create | Put | Merge | Update | Delete


class WriteResult(NamedTuple):
    """Result of one of several writes: the document's version if the write was ``done``.

    ``unmet`` tells that the write's condition does not hold; otherwise it may succeed another time.
    """

    version: str = ""
    done: bool = False
    unmet: bool = False


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums by field path, and the moment they hold for."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    read_at: str = ""


class Database(Protocol):
    """A document database. Every method is one request; raises ``TryAgain`` when it is away.

    ``read_at`` is a moment that an earlier answer named: the documents as they were then, or
    ``SnapshotTooOld``.
    """

    def get(self, name: str, select: Sequence[str] = (), read_at: str = "") -> Document | None:
        """Read these fields of one document (all, where none is named)."""

    def get_many(
        self, names: Sequence[str], select: Sequence[str] = (), read_at: str = ""
    ) -> ReadResult:
        """Read these fields of several documents as of one moment."""

    def query(self, query: Query, read_at: str = "") -> Sequence[Document]:
        """Read what a query selects, in its order."""

    def place(self, document: Document, order: Sequence[str]) -> str:
        """Name, without a request, the place of a document in an order, whatever its values are.

        The document holds the fields of that order.
        """

    def count(self, query: Query) -> Count:
        """Count what a query selects."""

    def sum(self, query: Query, fields: Sequence[str]) -> Sums:
        """Add up number fields of what a query selects.

        A document that lacks one of the fields is left out of all the sums.
        """

    def commit(self, writes: Sequence[Write]) -> Sequence[str]:
        """Write all or nothing, once, and return the new version of each document.

        Raises ``Unmet`` when a condition does not hold, ``LostAnswer`` when the answer was lost and
        the writes may have been done, and any other ``TryAgain`` when nothing was written.
        """

    def write_each(self, writes: Sequence[Write]) -> Sequence[WriteResult]:
        """Write each on its own, once, and none to the same document as another.

        Raises as ``commit`` does, but never ``Unmet``.
        """
