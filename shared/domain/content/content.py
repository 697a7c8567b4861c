"""The content of a notification and how long it is worth showing, with the limits of its fields.

Lengths are counted in characters (Unicode code points), so an emoji never costs what its bytes or
UTF-16 units would. ``CompleteInput`` is what may be submitted; a draft may still lack parts of it.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from shared.domain.audience.filters import Segment
from shared.domain.errors import FieldError
from shared.domain.human_text import (
    blank_is_absent,
    has_control_characters,
    without_control_characters,
)
from shared.domain.inputs import Input

MOST_URL_CHARACTERS = 2048
DEFAULT_BUTTON = "Open"


def _https(url: str) -> str:
    """Put its scheme in lower case: Huawei and Android take no other."""
    parts = _split(url)
    if parts.scheme != "https" or not parts.hostname:
        raise PydanticCustomError("not_https", "must be a complete https:// address")
    return parts.scheme + url[len(parts.scheme) :]


def _https_or_deep_link(url: str) -> str:
    parts = _split(url)
    if parts.scheme == "https":
        return _https(url)
    from shared.domain.links.schemes import is_forbidden

    if not parts.scheme or is_forbidden(parts.scheme) or not url[len(parts.scheme) + 1 :]:
        raise PydanticCustomError(
            "not_linkable", "must be an https:// address or a deep link of your app (myapp://…)"
        )
    return url


def _split(url: str) -> SplitResult:
    fault = PydanticCustomError("not_a_url", "is not a well-formed address")
    if re.search(r"\s", url) or has_control_characters(url):
        raise fault
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise fault from None
    return parts


_Text = StringConstraints(strip_whitespace=True)
_Blank = BeforeValidator(blank_is_absent)
_NoControls = AfterValidator(without_control_characters)
Title = Annotated[str, _Text, Field(max_length=100), _NoControls, _Blank]
Body = Annotated[str, _Text, Field(max_length=500), _NoControls, _Blank]
ButtonName = Annotated[str, _Text, Field(max_length=50), _NoControls]
ImageUrl = Annotated[str, _Text, Field(max_length=MOST_URL_CHARACTERS), AfterValidator(_https)]
LinkUrl = Annotated[
    str, _Text, Field(max_length=MOST_URL_CHARACTERS), AfterValidator(_https_or_deep_link)
]
ForceTimer = Annotated[int, Field(ge=1, le=10)]
ExpirySeconds = Annotated[int, Field(ge=60, le=31_536_000)]
"""A minute to a year, counted from the moment sending begins (``Run.expires_at``)."""


TEXTS: Final = ("title", "body")
"""Fields of the texts above the link, in the order in which they stand on a screen."""
LINKS: Final = ("url", "image")
CHECKED: Final = (*TEXTS, "url_button_name", *LINKS)
"""Fields that a provider words as it likes: looked at for findings, and shortened to fit a push."""


class Content(Input):
    """Texts, link and image that a person will see; partial only in a draft."""

    title: Annotated[Title | None, _Blank] = None
    body: Annotated[Body | None, _Blank] = None
    image: Annotated[ImageUrl | None, _Blank] = None
    url: Annotated[LinkUrl | None, _Blank] = None
    url_button_name: Annotated[ButtonName | None, _Blank] = None
    force_timer: ForceTimer | None = None
    expiry_seconds: ExpirySeconds | None = None

    @property
    def button(self) -> str:
        """The link button's label; "Open" unless the provider chose one."""
        return self.url_button_name or DEFAULT_BUTTON

    @property
    def texts(self) -> Mapping[str, str]:
        """The texts above the link by field: those that are given, title and body always."""
        texts = {name: getattr(self, name) or "" for name in TEXTS}
        return {name: text for name, text in texts.items() if text or name in {"title", "body"}}


class NotificationInput(Content):
    """The body of create and edit. ``draft`` saves without submitting (create only)."""

    target_segment: Segment | None = None
    draft: bool = False

    @field_validator("url", "image")
    @classmethod
    def _can_be_followed(cls, url: str | None) -> str | None:
        if url is not None:
            from shared.domain.content.link_input import check_link

            check_link(url)
        return url

    def content(self) -> Content:
        """Return the content alone, without the segment it is for."""
        shown = {name: getattr(self, name) for name in Content.model_fields}
        return Content.model_construct(**shown)

    def edited(self, content: Content, segment: Segment | None) -> "NotificationInput":
        """Lay the sent fields over what is there; a field that was not sent stays as it is."""
        before = {name: getattr(content, name) for name in Content.model_fields}
        changes = {name: getattr(self, name) for name in self.model_fields_set}
        return NotificationInput.model_construct(**{**before, "target_segment": segment, **changes})


class CompleteInput(NotificationInput):
    """A notification that can be submitted: title, body and target are required."""

    title: Title
    body: Body
    target_segment: Segment


def missing_texts(content: Content) -> list[FieldError]:
    """List the faults of a draft that lacks what a device shows."""
    return [
        FieldError(name, "required", f"{name} is required to send a test")
        for name in TEXTS
        if getattr(content, name) is None
    ]


def missing_parts(content: Content, segment: Segment | None) -> list[FieldError]:
    """List the faults of a draft that lacks what a submission needs."""
    parts = {"title": content.title, "body": content.body, "targetSegment": segment}
    return [
        FieldError(name, "required", f"{name} is required to submit a notification")
        for name, value in parts.items()
        if value is None
    ]
