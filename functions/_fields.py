"""Fields that several doors take, each with the one rule for it."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from shared.domain.device import HwidText
from shared.domain.errors import NotFound

__all__ = [
    "Hostname",
    "HwidText",
    "NotificationIdText",
    "Reason",
    "Required",
    "ShortText",
    "domain_in",
    "hwid_in",
]

MOST_DOMAIN_CHARACTERS = 253
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def _hostname(text: str) -> str:
    labels = text.split(".")
    plain = len(text) <= MOST_DOMAIN_CHARACTERS and not labels[-1].isdigit()
    if not plain or not all(_LABEL.fullmatch(label) for label in labels):
        raise PydanticCustomError(
            "not_a_domain", "must be a host name such as shop.example (international: xn--…)"
        )
    return text


def printable(text: str) -> str:
    """Refuses what cannot be seen."""
    if not text.isprintable():
        raise PydanticCustomError("control_character", "must not contain control characters")
    return text


def _blank_is_absent(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _text(most: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, max_length=most)


Hostname = Annotated[str, StringConstraints(to_lower=True), AfterValidator(_hostname)]
ShortText = Annotated[str, _text(200), AfterValidator(printable)]
Reason = Annotated[str, _text(500), AfterValidator(printable)]
Required = BeforeValidator(_blank_is_absent)
NotificationIdText = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]

_HOSTNAME: TypeAdapter[str] = TypeAdapter(Hostname)
_HWID: TypeAdapter[str] = TypeAdapter(HwidText)


def domain_in(path: Mapping[str, str]) -> str:
    """The domain a path names; one that cannot be a domain is not there."""
    return _named(_HOSTNAME, path["domain"])


def hwid_in(path: Mapping[str, str]) -> str:
    """The hwid a path names; one that cannot be an hwid is not there."""
    return _named(_HWID, path["hwid"])


def _named(kind: TypeAdapter[str], text: str) -> str:
    try:
        return kind.validate_python(text)
    except ValidationError:
        raise NotFound("there is nothing of this name") from None
