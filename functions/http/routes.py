"""The table of routes: who may call each REST route and callable, what it takes and answers.

A row is all that is known of a route. Requests are dispatched by it, ``openapi`` describes it, the
panel's types are generated from it, and tests take from it what is to be called, authorised
(``docs/authorisation.md``), fuzzed and recorded.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from flask import Request
from pydantic import BaseModel

from functions.http.callers import Caller, Path, Who
from functions.http.errors import STATUSES, TABLE
from shared.domain.errors import FieldError

I = TypeVar("I", bound=BaseModel)  # noqa: E741 - I for input

Further = Callable[[Caller, Mapping[str, object]], Iterable[FieldError]]
Body = BaseModel | Mapping[str, object] | Sequence[Mapping[str, object]] | str | None


class Protocol(StrEnum):
    """The form of a request and its answer."""

    REST = "REST"
    CALLABLE = "callable"


@dataclass(frozen=True, slots=True)
class Call(Generic[I]):
    """One request, decoded and authorised."""

    request: Request
    caller: Caller
    path: Path
    input: I


@dataclass(frozen=True, slots=True)
class Reply:
    """A handler's answer; ``None`` is an empty body, and a text is JSON already."""

    body: Body
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice(Generic[I]):
    """Several request models, of which ``pick`` takes one by what was sent."""

    models: tuple[type[I], ...]
    pick: Callable[[Mapping[str, object]], type[I]]


Handler = Callable[[Call[I]], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table.

    ``input`` is the request model: of a GET its query, of all others its JSON body. With a
    ``choice`` the body itself says which model it is to be read as; ``further`` finds, in a body
    that has faults, those that depend on the caller. ``answer`` describes the body of ``status``
    and of ``others``, with which it may succeed as well; a 304 has none.
    """

    protocol: Protocol
    function: str
    method: str
    path: str
    who: Who
    handler: Handler[Any]
    input: type[BaseModel]
    answer: type[BaseModel] | None
    status: int = 200
    others: tuple[int, ...] = ()
    choice: Choice[Any] | None = None
    further: Further | None = None
    headers: tuple[str, ...] = ()

    @property
    def template(self) -> str:
        """The path as people write it: ``/v1/notifications/{id}``."""
        return "".join(
            "{" + part.rpartition(":")[2] + "}" if number % 2 else part
            for number, part in enumerate(self.path.replace("<", ">").split(">"))
        )

    @property
    def endpoint(self) -> str:
        """The row's name in documents and logs: ``provider-api GET /v1/me``."""
        return f"{self.function} {self.method} {self.template}"

    @property
    def operation(self) -> str:
        """The row's name among those of its door."""
        return self.handler.__name__

    @property
    def summary(self) -> str:
        """One sentence about what it does; clients read this in the description."""
        first, _, _ = " ".join((self.handler.__doc__ or "").split()).partition(". ")
        return f"{first.removesuffix('.')}."

    @property
    def inputs(self) -> tuple[type[BaseModel], ...]:
        """Models that a body may be read as."""
        return self.choice.models if self.choice else (self.input,)

    @property
    def faults(self) -> Sequence[int]:
        """Statuses with which it may refuse or fail."""
        rest = self.protocol is Protocol.REST
        return sorted({row.status for row in TABLE.values()} if rest else set(STATUSES.values()))


class Table:
    """The rows of one door."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
