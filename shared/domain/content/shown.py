"""The content that one device shows.

Renderers take this and never the content, so that what differs between devices is decided once,
where ``Shown`` is made, and not in every push service's language. A desktop's slot and its answer
hold the fields under their own names, so that these two need not be told of a field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from pydantic.alias_generators import to_pascal

from shared.domain.content.content import Content


@dataclass(frozen=True, slots=True)
class Shown:
    """Texts, link and picture on one screen. There is a ``url_button_name`` only with a link."""

    title: str | None = None
    body: str | None = None
    url: str | None = None
    url_button_name: str | None = None
    force_timer: int | None = None
    image: str | None = None


SHOWN_KINDS: Final[Mapping[str, Any]] = {it.name: it.type for it in fields(Shown)}
SLOT_NAMES: Final = {name: f"pendingNotification{to_pascal(name)}" for name in SHOWN_KINDS}
"""Fields of a device document that hold what a desktop shows."""


def shown(content: Content) -> Shown:
    """Take from the content what a device shows: the same on every one."""
    return Shown(
        title=content.title,
        body=content.body,
        url=content.url,
        url_button_name=content.button if content.url else None,
        force_timer=content.force_timer,
        image=content.image,
    )
