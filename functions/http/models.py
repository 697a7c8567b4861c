"""The base of every answer model, whichever door gives it.

A model is built when it is first used: a door has many of them, and starts for one request.
"""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from shared.domain.moments import moment_text

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
