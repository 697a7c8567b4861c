"""The base of every request model, whichever door reads it.

SDKs send what their caller left ``undefined`` as null. So a field that need not be given takes null
and is then left out: it has its default, and is not among those that were set. A field declared as
``… | None`` keeps null as a value of its own, which clears it.

A model is built when it is first used: a door has many of them, and starts for one request.
"""

from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticOmit
from pydantic_core.core_schema import no_info_after_validator_function, nullable_schema


class Input(BaseModel):
    """A strict model with the names of the API, whose optional fields take null."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        defer_build=True,
    )

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let null through to the fields that have a default, as OpenAPI then says too."""
        schema = handler(source)
        fields: Any = handler.resolve_ref_schema(schema)
        while fields["type"] != "model-fields":
            fields = fields["schema"]
        for name, field in fields["fields"].items():
            if NoneType not in get_args(cls.model_fields[name].annotation):
                _take_null(field["schema"])
        return schema

    def model_post_init(self, context: object) -> None:
        """Give the fields that were left out as null their defaults."""
        del context
        for name, field in type(self).model_fields.items():
            if name not in self.__dict__:
                self.__dict__[name] = field.get_default(call_default_factory=True)


def _take_null(value: dict[str, Any]) -> None:
    """Change a field's schema, once: within another model it is the one its own was built with."""
    if value["type"] != "default":
        return
    schema = value["schema"]
    if schema.get("function", {}).get("function") is not _leave_out_null:
        value["schema"] = no_info_after_validator_function(_leave_out_null, nullable_schema(schema))


def _leave_out_null(value: object) -> object:
    if value is None:
        raise PydanticOmit
    return value
