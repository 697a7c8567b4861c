"""The base of every answer model, whichever door gives it.

A model is built when it is first used: a door has many of them, and starts for one request.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema, create_model
from pydantic.alias_generators import to_camel

from shared.domain.moments import moment_text
from shared.domain.tally import DIMENSIONS, TOTALS, Tally

Moment = Annotated[
    datetime,
    PlainSerializer(moment_text, when_used="json-unless-none"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time, as text with the same number of digits in every answer."""


class Answer(BaseModel):
    """Base of every model of an answer."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        defer_build=True,
    )


M = TypeVar("M", bound=Answer)


def with_fields(kinds: Mapping[str, Any], *, behind: str) -> Callable[[type[M]], type[M]]:
    """Add fields behind one of the model's own: clients get them in that order."""

    def inserted(model: type[M]) -> type[M]:
        ordered: dict[str, Any] = {}
        for name, own in model.model_fields.items():
            ordered[name] = (own.annotation, own)
            if name == behind:
                ordered |= {added: (kind, ...) for added, kind in kinds.items()}
        return create_model(
            model.__name__,
            __base__=model.__bases__[0],
            __module__=model.__module__,
            __doc__=model.__doc__,
            **ordered,
        )

    return inserted


def plain_kinds(model: type[BaseModel]) -> dict[str, Any]:
    """List the fields of an input with their types, without what an input is checked for."""
    return {name: _plain(it.annotation) for name, it in model.model_fields.items()}


def _plain(kind: Any) -> Any:
    if get_origin(kind) is Annotated:
        return _plain(get_args(kind)[0])
    if isinstance(kind, UnionType) or get_origin(kind) is Union:
        return reduce(or_, map(_plain, get_args(kind)))
    return kind


def with_totals(model: type[M]) -> type[M]:
    """Add the totals of a tally, behind the model's own fields."""
    return _with(model, {f"{name}_count": int for name in TOTALS})


def with_dimensions(model: type[M]) -> type[M]:
    """Add the other sums of a tally, where the model does not say itself how they are shown."""
    shown = {name: Mapping[str, int] for name in DIMENSIONS if name not in model.model_fields}
    return _with(model, shown)


def _with(model: type[M], kinds: Mapping[str, Any]) -> type[M]:
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in kinds.items()}
    return create_model(
        model.__name__,
        __base__=model,
        __module__=model.__module__,
        __doc__=model.__doc__,
        **fields,
    )


def sums_json(tally: Tally) -> dict[str, object]:
    """Render the sums under the names that these fields have in answers."""
    return {**{f"{name}Count": number for name, number in tally.totals.items()}, **tally.dimensions}
