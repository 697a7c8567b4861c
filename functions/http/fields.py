"""Fields that several doors take, each with the one rule for it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from shared.domain.audience.device import HwidText
from shared.domain.errors import NotFound
from shared.domain.human_text import blank_is_empty, visible, without_control_characters
from shared.domain.inputs import Input
from shared.domain.links.domain_names import domain_name
from shared.domain.notifications.notification import MOST_COMMENT_CHARACTERS
from shared.domain.providers.provider import (
    MOST_ADMIN_HWIDS,
    MOST_DEEP_LINK_SCHEMES,
    MOST_NOTE_CHARACTERS,
)

__all__ = [
    "AdminHwidsInput",
    "BlankIsEmpty",
    "Comment",
    "Days",
    "DeepLinkSchemes",
    "Hostname",
    "HumanText",
    "HwidText",
    "MemberText",
    "NoControls",
    "NotificationIdText",
    "Reason",
    "ShortText",
    "VisibleText",
    "domain_in",
    "hwid_in",
    "with_notes",
]

MOST_DOMAIN_CHARACTERS = 253
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def _hostname(text: str) -> str:
    """Return the canonical form of a host name, whichever was sent."""
    name = domain_name(text)
    labels = name.split(".")
    plain = len(name) <= MOST_DOMAIN_CHARACTERS and not labels[-1].isdigit()
    if not plain or not all(_LABEL.fullmatch(label) for label in labels):
        raise PydanticCustomError("not_a_domain", "must be a host name such as shop.example")
    return name


def _text(most: int | None = None) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, max_length=most)


def _declarable(scheme: str) -> str:
    from shared.domain.links.schemes import why_undeclarable

    if why := why_undeclarable(scheme):
        raise PydanticCustomError("not_declarable", "{why}", {"why": why})
    return scheme


SchemeText = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True), AfterValidator(_declarable)
]
DeepLinkSchemes = Annotated[tuple[SchemeText, ...], Field(max_length=MOST_DEEP_LINK_SCHEMES)]
Hostname = Annotated[str, AfterValidator(_hostname)]
NoControls = AfterValidator(without_control_characters)
BlankIsEmpty = AfterValidator(blank_is_empty)
"""A text in which nothing can be seen is empty."""
HumanText = Annotated[str, _text(), NoControls, BlankIsEmpty]
ShortText = Annotated[str, _text(200), NoControls, BlankIsEmpty]
Reason = Annotated[str, _text(500), NoControls, BlankIsEmpty]
Comment = Annotated[str, _text(MOST_COMMENT_CHARACTERS), NoControls, BlankIsEmpty]
MemberText = Annotated[str, _text(320), NoControls, AfterValidator(visible)]
VisibleText = AfterValidator(visible)
NotificationIdText = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Days = Annotated[int, Field(ge=1, le=366)]
"""How far to look back."""

_WHEN_USED = ConfigDict(defer_build=True)
_HOSTNAME: TypeAdapter[str] = TypeAdapter(Hostname, config=_WHEN_USED)
_HWID: TypeAdapter[str] = TypeAdapter(HwidText, config=_WHEN_USED)


class AdminHwidInput(Input):
    """An admin HWID and what people call the device; without a note it has none."""

    hwid: HwidText
    note: Annotated[str, _text(MOST_NOTE_CHARACTERS), NoControls, BlankIsEmpty] = ""


def _either(value: object, handler: object) -> object:
    """Read an entry by its kind, so that its faults are those of that kind alone."""
    del handler
    if isinstance(value, dict):
        return AdminHwidInput.model_validate(value, by_alias=True, by_name=False)
    return _HWID.validate_python(value, strict=True)


AdminHwidsInput = Annotated[
    tuple[Annotated[HwidText | AdminHwidInput, WrapValidator(_either)], ...],
    Field(max_length=MOST_ADMIN_HWIDS),
]
"""Admin HWIDs, with or without notes; one that is given as a text keeps the note it has."""


def with_notes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a domain's fields with the list of admin HWIDs taken apart: the hwids, and the notes
    by hwid.
    """
    if "admin_hwids" not in fields:
        return dict(fields)
    entries = fields["admin_hwids"]
    noted = [it for it in entries if isinstance(it, AdminHwidInput)]
    return {
        **fields,
        "admin_hwids": tuple(it if isinstance(it, str) else it.hwid for it in entries),
        "admin_hwid_notes": {it.hwid: it.note for it in noted},
    }


def domain_in(path: Mapping[str, str]) -> str:
    """Read the domain a path names; one that cannot be a domain is not there."""
    return _named(_HOSTNAME, path["domain"])


def hwid_in(path: Mapping[str, str]) -> str:
    """Read the hwid a path names; one that cannot be an hwid is not there."""
    return _named(_HWID, path["hwid"])


def _named(kind: TypeAdapter[str], text: str) -> str:
    try:
        return kind.validate_python(text)
    except ValidationError:
        raise NotFound("there is nothing of this name") from None
